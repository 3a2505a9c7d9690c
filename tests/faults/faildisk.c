/* A disk that fails at one call, or a process that is killed there: an LD_PRELOAD library, the kinder sister of
 * powercut.c. Nothing is undone: what was written before the call stays written.
 *
 *   FAILDISK_ROOT     folder to watch; without it the library does nothing
 *   FAILDISK_AT       fail at this call (from 1) that writes, syncs, truncates, renames or unlinks there; 0: never
 *   FAILDISK_ERROR    number of the error that this call and all after it give; 0: SIGKILL instead
 *   FAILDISK_ONCE     1: this call alone fails
 *   FAILDISK_REPORT   file outside of the folder that gets "COUNTED FIRED\n" at a normal exit
 *
 * It does not see what powercut.c does not see, nor the making of files. Calls of a forked child count as its own.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

static char root[PATH_MAX], report[PATH_MAX];
static size_t root_len;
static long fail_at, counted, fired;
static int error_number, once;

static int is_below(const char *path) {
    return strncmp(path, root, root_len) == 0 && (path[root_len] == '/' || !path[root_len]);
}

static int is_watched(int dir, const char *path) { /* of a name its folder counts, of an open file its name */
    char link[64], at[PATH_MAX];
    if (!root_len) return 0;
    if (path && path[0] == '/') return is_below(path);
    if (path && dir == AT_FDCWD) return getcwd(at, sizeof at) && is_below(at);
    snprintf(link, sizeof link, "/proc/self/fd/%d", dir);
    ssize_t len = readlink(link, at, sizeof at - 1);
    if (len <= 0) return 0;
    at[len] = 0;
    return is_below(at);
}

static int fails(int dir, const char *path) {
    if (!fail_at || !is_watched(dir, path)) return 0;
    long now = __atomic_add_fetch(&counted, 1, __ATOMIC_SEQ_CST);
    if (now < fail_at || (once && now > fail_at)) return 0;
    fired = 1;
    if (!error_number) kill(getpid(), SIGKILL);
    errno = error_number;
    return 1;
}

EXPORT ssize_t write(int fd, const void *data, size_t len) {
    return fails(fd, NULL) ? -1 : syscall(SYS_write, fd, data, len);
}

EXPORT ssize_t pwrite64(int fd, const void *data, size_t len, off_t at) {
    return fails(fd, NULL) ? -1 : syscall(SYS_pwrite64, fd, data, len, at);
}

EXPORT ssize_t pwrite(int fd, const void *data, size_t len, off_t at) { return pwrite64(fd, data, len, at); }
EXPORT int fsync(int fd) { return fails(fd, NULL) ? -1 : (int)syscall(SYS_fsync, fd); }
EXPORT int fdatasync(int fd) { return fails(fd, NULL) ? -1 : (int)syscall(SYS_fdatasync, fd); }
EXPORT int ftruncate64(int fd, off_t size) { return fails(fd, NULL) ? -1 : (int)syscall(SYS_ftruncate, fd, size); }
EXPORT int ftruncate(int fd, off_t size) { return ftruncate64(fd, size); }

EXPORT int renameat2(int fromdir, const char *from, int todir, const char *to, unsigned flags) {
    return fails(todir, to) ? -1 : (int)syscall(SYS_renameat2, fromdir, from, todir, to, flags);
}

EXPORT int renameat(int fromdir, const char *from, int todir, const char *to) {
    return renameat2(fromdir, from, todir, to, 0);
}

EXPORT int rename(const char *from, const char *to) { return renameat2(AT_FDCWD, from, AT_FDCWD, to, 0); }

EXPORT int unlinkat(int dir, const char *path, int flags) {
    return fails(dir, path) ? -1 : (int)syscall(SYS_unlinkat, dir, path, flags);
}

EXPORT int unlink(const char *path) { return unlinkat(AT_FDCWD, path, 0); }

static long number(const char *variable) {
    const char *text = getenv(variable);
    return text ? strtol(text, NULL, 10) : 0;
}

__attribute__((constructor)) static void start(void) {
    const char *watched = getenv("FAILDISK_ROOT"), *told = getenv("FAILDISK_REPORT");
    if (!watched || !realpath(watched, root)) return;
    snprintf(report, sizeof report, "%s", told ? told : "");
    fail_at = number("FAILDISK_AT");
    error_number = (int)number("FAILDISK_ERROR");
    once = number("FAILDISK_ONCE") != 0;
    root_len = strlen(root);
}

__attribute__((destructor)) static void finish(void) {
    FILE *file = root_len && report[0] ? fopen(report, "w") : NULL;
    if (!file) return;
    fprintf(file, "%ld %ld\n", counted, fired);
    fclose(file);
}
