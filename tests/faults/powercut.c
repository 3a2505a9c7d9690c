/* A power cut for one process tree: an LD_PRELOAD library that undoes what was never fsynced, then kills the process.
 *
 * For every file under POWERCUT_ROOT it keeps the bytes and the size that each write since the file's last fsync or
 * fdatasync replaced, and the creations, renames, links and unlinks since the last fsync of their folder. At the cut it
 * puts the old state back, all of it or a seeded random part, 512-byte sector by sector (torn writes), writes a report
 * and dies by SIGKILL.
 *
 *   POWERCUT_ROOT     folder to watch; it must exist. Without it the library does nothing.
 *   POWERCUT_GRAVE    folder beside it, on the same file system: keeps unlinked files until their folder is fsynced
 *   POWERCUT_REPORT   file outside of it that gets one JSON object, at the cut or at a normal exit
 *   POWERCUT_AT       cut at this counted call (from 1); a write, rename, ... has been handed to the "disk cache" by
 *                     then and is as lost as the rest, a sync has not happened; 0 or absent: never
 *   POWERCUT_CALLS    which calls count, such as "write,sync"; absent: all of write, sync, truncate, name
 *   POWERCUT_TORN     a seed: undo a random part; absent: undo everything
 *   POWERCUT_SIGNAL   number of a signal that also cuts
 *   POWERCUT_GROUP    1: the rest of the process group is killed first; their own unsynced writes are kept
 *
 * The model. Each sector of a file was last written back at its own random moment among the file's unsynced changes;
 * the size, and the truncations with it, at one moment; names at one moment for the whole tree, since journalling file
 * systems keep them in order. Undoing everything is the strictest reading of POSIX: a new name is lost without an fsync
 * of its folder, which most Linux file systems are kinder about. A rename counts as durable with the folder it went to.
 *
 * SQLite's -shm file is ignored and unlinked at the cut. It is an index of the WAL in shared memory, never fsynced and
 * never trusted: the first connection after a crash holds the only lock on it, truncates it and rebuilds it.
 *
 * The folder index/ is ignored and left as the process left it. It is made from the database, its files are mapped and
 * never fsynced, each of its rows has a checksum, and AION compares it with the database at start.
 *
 * What it does not see: the system's own C library writing through FILE*, shared writable mappings, io_uring, O_SYNC,
 * symlinks, exchanged names and exotic copies. Those it can notice it counts as "unmodelled", so that a test can refuse
 * the round. 64-bit Linux only. The ledger is in powercut_ledger.h; here are the calls it is fed from.
 */
#define _GNU_SOURCE
#include <stdarg.h>

#include "powercut_ledger.h"

#define EXPORT __attribute__((visibility("default")))

/* ---- what the program calls ---- */

static int open_watched(const char *at, int dirfd, const char *path, int flags, mode_t mode) {
    acquire();
    int is_new = (flags & O_CREAT) && (flags & O_TMPFILE) != O_TMPFILE && !exists(at);
    int fd = (int)syscall(SYS_openat, dirfd, path, flags & ~O_TRUNC, mode), error = errno;
    if (fd >= 0) {
        File *f = (flags & O_ACCMODE) == O_RDONLY ? NULL : add_file(fd);
        attach(fd, f);
        if (flags & O_DSYNC) note_unmodelled();
        if (is_new) add_name(CREATED, at, NULL, NULL);
        struct stat st;
        if (f && (flags & O_TRUNC) && fstat(fd, &st) == 0 && st.st_size > 0) truncate_file(f, fd, 0);
    }
    release();
    errno = error;
    return fd;
}

static int do_open(int dirfd, const char *path, int flags, mode_t mode) {
    char at[PATH_MAX];
    int writes = (flags & O_ACCMODE) != O_RDONLY || (flags & O_CREAT);
    if (writes && locate(dirfd, path, at)) return open_watched(at, dirfd, path, flags, mode);
    return (int)syscall(SYS_openat, dirfd, path, flags, mode);
}

#define MODE_ARG(after) \
    mode_t mode = 0; \
    if (flags & (O_CREAT | O_TMPFILE)) { \
        va_list rest; \
        va_start(rest, after); \
        mode = va_arg(rest, mode_t); \
        va_end(rest); \
    }

EXPORT int open(const char *path, int flags, ...) { MODE_ARG(flags) return do_open(AT_FDCWD, path, flags, mode); }
EXPORT int open64(const char *path, int flags, ...) { MODE_ARG(flags) return do_open(AT_FDCWD, path, flags, mode); }
EXPORT int openat(int dir, const char *path, int flags, ...) { MODE_ARG(flags) return do_open(dir, path, flags, mode); }
EXPORT int openat64(int dir, const char *path, int flags, ...) {
    MODE_ARG(flags) return do_open(dir, path, flags, mode);
}
EXPORT int __open_2(const char *path, int flags) { return do_open(AT_FDCWD, path, flags, 0); }
EXPORT int __open64_2(const char *path, int flags) { return do_open(AT_FDCWD, path, flags, 0); }
EXPORT int creat(const char *path, mode_t mode) { return do_open(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode); }
EXPORT int creat64(const char *path, mode_t mode) { return creat(path, mode); }

EXPORT int close(int fd) {
    if (!known(fd)) return raw_close(fd);
    acquire();
    File *f = file_of(fd);
    int done = raw_close(fd), error = errno;
    if (f) detach(fd);
    release();
    errno = error;
    return done;
}

static int duplicate(int fd, int copy) { /* after the kernel made the copy, which may have closed an older file */
    if (copy < 0 || getpid() != owner || copy == fd || (!known(fd) && !known(copy))) return copy;
    acquire();
    if (known(copy)) detach(copy);
    attach(copy, file_of(fd));
    release();
    return copy;
}

EXPORT int dup(int fd) { return duplicate(fd, (int)syscall(SYS_dup, fd)); }
EXPORT int dup3(int fd, int copy, int flags) { return duplicate(fd, (int)syscall(SYS_dup3, fd, copy, flags)); }
EXPORT int dup2(int fd, int copy) { return fd == copy ? (fcntl(fd, F_GETFD) < 0 ? -1 : fd) : dup3(fd, copy, 0); }

EXPORT int fcntl64(int fd, int command, ...) {
    va_list rest;
    va_start(rest, command);
    void *argument = va_arg(rest, void *);
    va_end(rest);
    int done = (int)syscall(SYS_fcntl, fd, command, argument);
    return command == F_DUPFD || command == F_DUPFD_CLOEXEC ? duplicate(fd, done) : done;
}

EXPORT int fcntl(int fd, int command, ...) {
    va_list rest;
    va_start(rest, command);
    void *argument = va_arg(rest, void *);
    va_end(rest);
    return fcntl64(fd, command, argument);
}

static size_t total(const struct iovec *parts, int count) {
    size_t len = 0;
    for (int i = 0; i < count; i++) len += parts[i].iov_len;
    return len;
}

static ssize_t do_write(int fd, const struct iovec *parts, int count, off_t at, int positioned) {
    acquire();
    File *f = file_of(fd);
    struct stat st = {0};
    Change c = {0};
    if (f) {
        int appends = (int)syscall(SYS_fcntl, fd, F_GETFL) & O_APPEND;
        fstat(fd, &st);
        off_t start = appends ? st.st_size : positioned ? at : lseek(fd, 0, SEEK_CUR);
        c = begin_change(f, start, total(parts, count), 0);
    }
    ssize_t done = positioned ? syscall(SYS_pwritev, fd, parts, count, at, 0) : syscall(SYS_writev, fd, parts, count);
    int error = errno;
    if (f) end_change(f, c, done);
    release();
    errno = error;
    return done;
}

EXPORT ssize_t write(int fd, const void *data, size_t len) {
    struct iovec part = {(void *)data, len};
    return known(fd) ? do_write(fd, &part, 1, 0, 0) : syscall(SYS_write, fd, data, len);
}

EXPORT ssize_t pwrite64(int fd, const void *data, size_t len, off_t at) {
    struct iovec part = {(void *)data, len};
    return known(fd) ? do_write(fd, &part, 1, at, 1) : raw_pwrite(fd, data, len, at);
}

EXPORT ssize_t writev(int fd, const struct iovec *parts, int count) {
    return known(fd) ? do_write(fd, parts, count, 0, 0) : syscall(SYS_writev, fd, parts, count);
}

EXPORT ssize_t pwritev64(int fd, const struct iovec *parts, int count, off_t at) {
    return known(fd) ? do_write(fd, parts, count, at, 1) : syscall(SYS_pwritev, fd, parts, count, at, 0);
}

EXPORT ssize_t pwritev64v2(int fd, const struct iovec *parts, int count, off_t at, int flags) {
    if (!known(fd)) return syscall(SYS_pwritev2, fd, parts, count, at, 0, flags);
    return do_write(fd, parts, count, at, at != -1);
}

EXPORT ssize_t pwrite(int fd, const void *data, size_t len, off_t at) { return pwrite64(fd, data, len, at); }
EXPORT ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t at) {
    return pwritev64(fd, parts, count, at);
}
EXPORT ssize_t pwritev2(int fd, const struct iovec *parts, int count, off_t at, int flags) {
    return pwritev64v2(fd, parts, count, at, flags);
}

static ssize_t refuse_copy(int fd) { /* the program falls back to read and write, which we see */
    if (!known(fd)) return 0;
    errno = ENOSYS;
    return -1;
}

EXPORT ssize_t sendfile64(int out, int in, off_t *at, size_t len) {
    return refuse_copy(out) ? -1 : syscall(SYS_sendfile, out, in, at, len);
}

EXPORT ssize_t sendfile(int out, int in, off_t *at, size_t len) { return sendfile64(out, in, at, len); }

EXPORT ssize_t copy_file_range(int in, off_t *from, int out, off_t *to, size_t len, unsigned flags) {
    return refuse_copy(out) ? -1 : syscall(SYS_copy_file_range, in, from, out, to, len, flags);
}

EXPORT int ftruncate64(int fd, off_t size) {
    if (!known(fd)) return raw_truncate(fd, size);
    acquire();
    File *f = file_of(fd);
    int done = f ? truncate_file(f, fd, size) : raw_truncate(fd, size), error = errno;
    release();
    errno = error;
    return done;
}

EXPORT int ftruncate(int fd, off_t size) { return ftruncate64(fd, size); }

EXPORT int truncate64(const char *path, off_t size) {
    int fd = open64(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) return -1;
    int done = ftruncate64(fd, size), error = errno;
    close(fd);
    errno = error;
    return done;
}

EXPORT int truncate(const char *path, off_t size) { return truncate64(path, size); }

EXPORT int fallocate64(int fd, int how, off_t at, off_t len) {
    if (!known(fd)) return (int)syscall(SYS_fallocate, fd, how, at, len);
    acquire();
    File *f = file_of(fd);
    Change c = {0};
    if (f) c = begin_change(f, at, how ? (size_t)len : 0, 1);
    int done = (int)syscall(SYS_fallocate, fd, how, at, len), error = errno;
    if (f) end_change(f, c, done);
    release();
    errno = error;
    return done;
}

EXPORT int fallocate(int fd, int how, off_t at, off_t len) { return fallocate64(fd, how, at, len); }
EXPORT int posix_fallocate64(int fd, off_t at, off_t len) { return fallocate64(fd, 0, at, len) == 0 ? 0 : errno; }
EXPORT int posix_fallocate(int fd, off_t at, off_t len) { return posix_fallocate64(fd, at, len); }

EXPORT void *mmap64(void *at, size_t len, int access, int flags, int fd, off_t offset) {
    if ((access & PROT_WRITE) && (flags & MAP_SHARED) && !(flags & MAP_ANONYMOUS) && known(fd)) note_unmodelled();
    return (void *)syscall(SYS_mmap, at, len, access, flags, fd, offset);
}

EXPORT void *mmap(void *at, size_t len, int access, int flags, int fd, off_t offset) {
    return mmap64(at, len, access, flags, fd, offset);
}

static int is_watched_folder(int fd) {
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t len = readlink(link, path, sizeof path - 1);
    if (len <= 0) return 0;
    path[len] = 0;
    return strncmp(path, root, root_len) == 0 && (path[root_len] == '/' || !path[root_len]);
}

static int do_sync(int fd, long call) {
    struct stat st;
    if (!root_len || getpid() != owner || fstat(fd, &st) != 0) return (int)syscall(call, fd);
    acquire();
    int folder = S_ISDIR(st.st_mode) && is_watched_folder(fd);
    if (folder || (S_ISREG(st.st_mode) && find_file(&st))) count_call(SYNC);
    uint64_t upto = next_seq - 1; /* what others write while the disk is busy is not covered */
    release();
    int done = (int)syscall(call, fd), error = errno;
    acquire();
    File *f = S_ISREG(st.st_mode) ? find_file(&st) : NULL;
    if (done == 0 && f) {
        drop_changes(f, upto);
        forget_if_done(f);
    }
    if (done == 0 && folder) drop_names(&st, upto);
    release();
    errno = error;
    return done;
}

EXPORT int fsync(int fd) { return do_sync(fd, SYS_fsync); }
EXPORT int fdatasync(int fd) { return do_sync(fd, SYS_fdatasync); }

EXPORT void sync(void) {
    if (getpid() != owner) {
        syscall(SYS_sync);
        return;
    }
    acquire();
    uint64_t upto = next_seq - 1;
    release();
    syscall(SYS_sync);
    acquire();
    for (File *f = files, *next; f; f = next) next = f->next, drop_changes(f, upto), forget_if_done(f);
    drop_names(NULL, upto);
    release();
}

static int is_folder(const char *path) {
    struct stat st;
    return lstat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

EXPORT int renameat2(int fromdir, const char *from, int todir, const char *to, unsigned flags) {
    char source[PATH_MAX], target[PATH_MAX];
    int leaves = locate(fromdir, from, source), arrives = locate(todir, to, target);
    if (leaves != arrives || (leaves && (flags & ~(unsigned)RENAME_NOREPLACE))) note_unmodelled();
    if (!leaves || !arrives) return (int)syscall(SYS_renameat2, fromdir, from, todir, to, flags);
    acquire();
    int replaces = exists(target) && !(flags & RENAME_NOREPLACE);
    char *kept = replaces && !is_folder(target) ? bury(target) : NULL;
    if (replaces && !kept) note_unmodelled();
    int done = (int)syscall(SYS_renameat2, fromdir, from, todir, to, flags), error = errno;
    if (done == 0) add_name(RENAMED, target, source, kept);
    else if (kept) raw_unlink(kept), free(kept);
    release();
    errno = error;
    return done;
}

EXPORT int renameat(int fromdir, const char *from, int todir, const char *to) {
    return renameat2(fromdir, from, todir, to, 0);
}

EXPORT int rename(const char *from, const char *to) { return renameat2(AT_FDCWD, from, AT_FDCWD, to, 0); }

EXPORT int unlinkat(int dir, const char *path, int flags) {
    char at[PATH_MAX];
    if (!locate(dir, path, at)) return (int)syscall(SYS_unlinkat, dir, path, flags);
    acquire();
    char *kept = flags & AT_REMOVEDIR ? NULL : bury(at);
    int done = (int)syscall(SYS_unlinkat, dir, path, flags), error = errno;
    if (done == 0) add_name(flags & AT_REMOVEDIR ? REMOVED : UNLINKED, at, NULL, kept);
    else if (kept) raw_unlink(kept), free(kept);
    release();
    errno = error;
    return done;
}

EXPORT int unlink(const char *path) { return unlinkat(AT_FDCWD, path, 0); }
EXPORT int rmdir(const char *path) { return unlinkat(AT_FDCWD, path, AT_REMOVEDIR); }

EXPORT int linkat(int fromdir, const char *from, int todir, const char *to, int flags) {
    char at[PATH_MAX];
    if (!locate(todir, to, at)) return (int)syscall(SYS_linkat, fromdir, from, todir, to, flags);
    acquire();
    int done = (int)syscall(SYS_linkat, fromdir, from, todir, to, flags), error = errno;
    if (done == 0) add_name(CREATED, at, NULL, NULL);
    release();
    errno = error;
    return done;
}

EXPORT int link(const char *from, const char *to) { return linkat(AT_FDCWD, from, AT_FDCWD, to, 0); }

EXPORT int mkdirat(int dir, const char *path, mode_t mode) {
    char at[PATH_MAX];
    if (!locate(dir, path, at)) return (int)syscall(SYS_mkdirat, dir, path, mode);
    acquire();
    int done = (int)syscall(SYS_mkdirat, dir, path, mode), error = errno;
    if (done == 0) add_name(MADE, at, NULL, bury(NULL));
    release();
    errno = error;
    return done;
}

EXPORT int mkdir(const char *path, mode_t mode) { return mkdirat(AT_FDCWD, path, mode); }

EXPORT int symlinkat(const char *to, int dir, const char *path) {
    char at[PATH_MAX];
    if (locate(dir, path, at)) note_unmodelled();
    return (int)syscall(SYS_symlinkat, to, dir, path);
}

EXPORT int symlink(const char *to, const char *path) { return symlinkat(to, AT_FDCWD, path); }

/* ---- start and normal end ---- */

static void after_fork(void) { /* what the parent wrote is the parent's to lose */
    owner = getpid();
    pthread_mutex_init(&lock, NULL);
    files = NULL, name_count = 0, counted = 0;
    memset(opened, 0, sizeof opened);
    memset(counts, 0, sizeof counts);
}

static uint64_t number(const char *variable) {
    const char *text = getenv(variable);
    return text ? strtoull(text, NULL, 10) : 0;
}

__attribute__((constructor)) static void start(void) {
    const char *watched = getenv("POWERCUT_ROOT"), *calls = getenv("POWERCUT_CALLS");
    if (!watched || !realpath(watched, root)) return;
    snprintf(grave, sizeof grave, "%s", getenv("POWERCUT_GRAVE") ? getenv("POWERCUT_GRAVE") : "");
    snprintf(report_path, sizeof report_path, "%s", getenv("POWERCUT_REPORT") ? getenv("POWERCUT_REPORT") : "");
    for (int kind = 0; kind < KINDS; kind++) counts_kind[kind] = !calls || strstr(calls, kind_names[kind]) != NULL;
    cut_at = number("POWERCUT_AT");
    whole_group = number("POWERCUT_GROUP") != 0;
    torn = getenv("POWERCUT_TORN") != NULL;
    torn_seed = number("POWERCUT_TORN");
    owner = getpid();
    pthread_atfork(NULL, NULL, after_fork);
    struct sigaction act = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    if (number("POWERCUT_SIGNAL")) sigaction((int)number("POWERCUT_SIGNAL"), &act, NULL);
    root_len = strlen(root);
}

__attribute__((destructor)) static void finish(void) {
    if (root_len && getpid() == owner && (counts[WRITE] || counts[NAME])) write_report(NULL);
}
