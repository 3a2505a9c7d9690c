/* What the power cut keeps in mind: unsynced changes of bytes, sizes and names, and how to undo them.
 *
 * It intercepts nothing: powercut.c does, and describes the model. Everything here runs with `lock` held.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define SECTOR 512
#define FD_MAX 65536

typedef struct { /* one write or truncation: what stood there before */
    uint64_t seq;
    off_t at, old_size;
    size_t len;
    int resizes; /* a truncation or growth, which is undone whole */
    unsigned char *old;
} Change;

typedef struct File { /* one inode that was opened for writing */
    struct File *next;
    dev_t dev;
    ino_t ino;
    uint64_t id;
    int fd; /* our own, never closed while the program has the file open: that would drop its POSIX locks */
    int refs;
    Change *changes;
    size_t count, room;
} File;

typedef enum { CREATED, RENAMED, UNLINKED, MADE, REMOVED } Act;

typedef struct { /* one change of a name, durable with the fsync of folder (dev, dir) */
    uint64_t seq;
    Act act;
    dev_t dev;
    ino_t dir;
    char *path, *from, *grave;
} Name;

typedef enum { WRITE, SYNC, TRUNCATE, NAME, KINDS } Kind;
static const char *const kind_names[KINDS] = {"write", "sync", "truncate", "name"};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static File *files;
static File *opened[FD_MAX];
static Name *names;
static size_t name_count, name_room;
static uint64_t next_seq = 1, next_file = 1, next_grave = 1;
static uint64_t cut_at, torn_seed, counts[KINDS], counted, unmodelled;
static int torn, whole_group, counts_kind[KINDS];
static pid_t owner;
static volatile sig_atomic_t cut_wanted;
static char root[PATH_MAX], grave[PATH_MAX], report_path[PATH_MAX];
static size_t root_len;
static struct {
    uint64_t writes, bytes, names, undone_sectors, undone_bytes, undone_sizes, undone_names, failed;
} tally;

/* ---- raw calls: they work before any constructor ran, and never come back here ---- */

static int raw_open(const char *path, int flags) {
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags | O_CLOEXEC, 0600);
}
static int raw_link(const char *from, const char *to) {
    return (int)syscall(SYS_linkat, AT_FDCWD, from, AT_FDCWD, to, 0);
}
static int raw_unlink(const char *path) { return (int)syscall(SYS_unlinkat, AT_FDCWD, path, 0); }
static int raw_rename(const char *from, const char *to) {
    return (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
}
static ssize_t raw_pwrite(int fd, const void *data, size_t len, off_t at) {
    return syscall(SYS_pwrite64, fd, data, len, at);
}
static int raw_truncate(int fd, off_t size) { return (int)syscall(SYS_ftruncate, fd, size); }
static int raw_close(int fd) { return (int)syscall(SYS_close, fd); }

/* ---- the cut ---- */

static uint64_t draw(uint64_t a, uint64_t b) { /* splitmix64: the same seed and sector make the same choice */
    uint64_t x = torn_seed + a * 0x9E3779B97F4A7C15u + b * 0xD1B54A32D192ED03u;
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
    return x ^ (x >> 31);
}

static size_t kept_changes(uint64_t a, uint64_t b, size_t count) {
    return torn ? draw(a, b) % (count + 1) : 0;
}

static void restore(File *f, const Change *c, off_t from, off_t to) {
    unsigned char now[SECTOR];
    for (off_t at = from; at < to; at += SECTOR) {
        size_t len = (size_t)(to - at < SECTOR ? to - at : SECTOR);
        memset(now, 0, sizeof now);
        ssize_t got = pread(f->fd, now, len, at);
        const unsigned char *old = c->old + (at - c->at);
        if (got >= 0 && memcmp(now, old, len) == 0) continue;
        if (raw_pwrite(f->fd, old, len, at) != (ssize_t)len) tally.failed++;
        tally.undone_sectors++;
        for (size_t i = 0; i < len; i++) tally.undone_bytes += now[i] != old[i];
    }
}

static void undo_write(File *f, const Change *c, size_t index) {
    off_t end = c->at + (off_t)c->len;
    for (off_t at = c->at; at < end;) {
        off_t stop = (at / SECTOR + 1) * SECTOR;
        if (stop > end) stop = end;
        if (index >= kept_changes(f->id, (uint64_t)(at / SECTOR), f->count)) restore(f, c, at, stop);
        at = stop;
    }
}

static void undo_file(File *f) {
    struct stat st;
    if (f->count == 0 || fstat(f->fd, &st) != 0) return;
    size_t sized = kept_changes(f->id, UINT64_MAX, f->count);
    off_t size = sized < f->count ? f->changes[sized].old_size : st.st_size;
    for (size_t i = f->count; i-- > 0;) {
        const Change *c = &f->changes[i];
        tally.writes++;
        tally.bytes += c->len;
        if (!c->resizes) undo_write(f, c, i);
        else if (i >= sized) restore(f, c, c->at, c->at + (off_t)c->len);
    }
    if (raw_truncate(f->fd, size) != 0) tally.failed++;
    tally.undone_sizes += size != st.st_size;
}

static int undo_name(const Name *n) {
    switch (n->act) {
    case CREATED: return raw_unlink(n->path);
    case RENAMED:
        if (raw_rename(n->path, n->from) != 0) return -1;
        return n->grave ? raw_link(n->grave, n->path) : 0;
    case UNLINKED: return raw_link(n->grave, n->path);
    case MADE: return raw_rename(n->path, n->grave);
    case REMOVED: return (int)syscall(SYS_mkdirat, AT_FDCWD, n->path, 0755);
    }
    return -1;
}

static void undo_names(void) {
    size_t kept = kept_changes(0, 0, name_count);
    tally.names = name_count;
    for (size_t i = name_count; i-- > kept;) {
        if (undo_name(&names[i]) == 0) tally.undone_names++;
        else if (errno != ENOENT) tally.failed++; /* its folder may be gone for good */
    }
}

static void write_report(const char *fired) {
    char text[1024];
    int len = snprintf(text, sizeof text,
        "{\"fired\": %s, \"at\": \"%s\", \"calls\": %lu, "
        "\"write\": %lu, \"sync\": %lu, \"truncate\": %lu, \"name\": %lu, "
        "\"pending_writes\": %lu, \"pending_bytes\": %lu, \"pending_names\": %lu, \"undone_sectors\": %lu, "
        "\"undone_bytes\": %lu, \"undone_sizes\": %lu, \"undone_names\": %lu, \"unmodelled\": %lu, \"failed\": %lu}\n",
        fired ? "true" : "false", fired ? fired : "exit", counted, counts[WRITE], counts[SYNC], counts[TRUNCATE],
        counts[NAME], tally.writes, tally.bytes, tally.names, tally.undone_sectors, tally.undone_bytes,
        tally.undone_sizes, tally.undone_names, unmodelled, tally.failed);
    char part[PATH_MAX + 16];
    snprintf(part, sizeof part, "%s.part", report_path);
    int fd = raw_open(part, O_WRONLY | O_CREAT | O_TRUNC);
    if (fd < 0) return;
    if (raw_pwrite(fd, text, (size_t)len, 0) == len) raw_rename(part, report_path);
    raw_close(fd);
}

struct entry { uint64_t ino; int64_t off; unsigned short reclen; unsigned char type; char name[]; };

static void kill_group(void) { /* the rest of the group goes first, so that nobody writes over what is put back */
    char buffer[8192];
    pid_t group = getpgrp();
    int proc = raw_open("/proc", O_RDONLY | O_DIRECTORY);
    for (long got; proc >= 0 && (got = syscall(SYS_getdents64, proc, buffer, sizeof buffer)) > 0;)
        for (long at = 0; at < got; at += ((struct entry *)(buffer + at))->reclen) {
            pid_t pid = atoi(((struct entry *)(buffer + at))->name);
            if (pid > 0 && pid != getpid() && getpgid(pid) == group) kill(pid, SIGKILL);
        }
}

static void unlink_shm(File *f) { /* named after the database, whose name our descriptor still knows */
    char link[64], path[PATH_MAX + 8];
    snprintf(link, sizeof link, "/proc/self/fd/%d", f->fd);
    ssize_t len = readlink(link, path, PATH_MAX);
    if (len <= 0) return;
    memcpy(path + len, "-shm", 5);
    raw_unlink(path);
}

/* Called with the lock held, and never returns. It allocates nothing, since it may run in a signal handler. */
static void cut(const char *call) {
    if (whole_group) kill_group();
    for (File *f = files; f; f = f->next) unlink_shm(f);
    for (File *f = files; f; f = f->next) undo_file(f);
    undo_names();
    write_report(call);
    for (;;) kill(getpid(), SIGKILL);
}

static void on_signal(int number) {
    (void)number;
    cut_wanted = 1;
    if (getpid() == owner && pthread_mutex_trylock(&lock) == 0) cut("signal");
}

static void acquire(void) { pthread_mutex_lock(&lock); }

static void release(void) { /* a signal that found the lock taken is served by whoever held it */
    if (cut_wanted) cut("signal");
    pthread_mutex_unlock(&lock);
    if (cut_wanted && pthread_mutex_trylock(&lock) == 0) cut("signal");
}

static void count_call(Kind kind) {
    counts[kind]++;
    if (counts_kind[kind] && ++counted == cut_at) cut(kind_names[kind]);
}

/* ---- files ---- */

static void note_unmodelled(void) { __atomic_add_fetch(&unmodelled, 1, __ATOMIC_RELAXED); }

static File *find_file(const struct stat *st) {
    for (File *f = files; f; f = f->next)
        if (f->ino == st->st_ino && f->dev == st->st_dev) return f;
    return NULL;
}

static File *add_file(int fd) {
    struct stat st;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) return NULL;
    File *f = find_file(&st);
    if (f) return f;
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int own = raw_open(path, O_RDWR);
    if (own < 0) return note_unmodelled(), NULL;
    f = calloc(1, sizeof *f);
    *f = (File){.next = files, .dev = st.st_dev, .ino = st.st_ino, .id = next_file++, .fd = own};
    return files = f;
}

static void drop_changes(File *f, uint64_t upto) {
    size_t gone = 0;
    while (gone < f->count && f->changes[gone].seq <= upto) free(f->changes[gone++].old);
    memmove(f->changes, f->changes + gone, (f->count - gone) * sizeof *f->changes);
    f->count -= gone;
}

static void forget_if_done(File *f) { /* nobody has it open, and nothing of it could still be lost */
    struct stat st;
    if (f->refs > 0) return;
    if (f->count > 0 && fstat(f->fd, &st) == 0 && st.st_nlink > 0) return;
    drop_changes(f, UINT64_MAX);
    File **at = &files;
    while (*at != f) at = &(*at)->next;
    *at = f->next;
    raw_close(f->fd);
    free(f->changes);
    free(f);
}

static void attach(int fd, File *f) {
    if (!f) return;
    if (fd >= FD_MAX) { note_unmodelled(); return; }
    f->refs++;
    opened[fd] = f;
}

static void detach(int fd) {
    File *f = opened[fd];
    opened[fd] = NULL;
    f->refs--;
    forget_if_done(f);
}

static int known(int fd) { return fd >= 0 && fd < FD_MAX && opened[fd] && getpid() == owner; }

static File *file_of(int fd) { /* NULL when the number was closed behind our back and means something else now */
    struct stat st;
    if (!known(fd)) return NULL;
    File *f = opened[fd];
    if (fstat(fd, &st) == 0 && st.st_ino == f->ino && st.st_dev == f->dev) return f;
    detach(fd);
    return NULL;
}

static Change begin_change(File *f, off_t at, size_t len, int resizes) {
    struct stat st = {0};
    fstat(f->fd, &st);
    Change c = {.at = at, .len = len, .old_size = st.st_size, .resizes = resizes, .old = calloc(1, len ? len : 1)};
    if (len && pread(f->fd, c.old, len, at) < 0) tally.failed++;
    return c;
}

static void end_change(File *f, Change c, ssize_t done) { /* done: bytes written, or negative when the call failed */
    if (done < 0) { free(c.old); return; }
    if (!c.resizes) c.len = (size_t)done;
    c.seq = next_seq++;
    if (f->count == f->room) f->changes = realloc(f->changes, (f->room = f->room * 2 + 16) * sizeof c);
    f->changes[f->count++] = c;
    count_call(c.resizes ? TRUNCATE : WRITE);
}

static int truncate_file(File *f, int fd, off_t size) {
    struct stat st = {0};
    fstat(f->fd, &st);
    Change c = begin_change(f, size, st.st_size > size ? (size_t)(st.st_size - size) : 0, 1);
    int done = raw_truncate(fd, size), error = errno;
    end_change(f, c, done);
    errno = error;
    return done;
}

/* ---- names ---- */

/* Writes the absolute path, its folders resolved; true when it is under the root. */
static int locate(int dirfd, const char *path, char *out) {
    char joined[PATH_MAX * 2], folder[PATH_MAX];
    if (!root_len || !path || getpid() != owner) return 0;
    size_t used = 0;
    if (path[0] != '/' && dirfd != AT_FDCWD) {
        char link[64];
        snprintf(link, sizeof link, "/proc/self/fd/%d", dirfd);
        ssize_t got = readlink(link, joined, PATH_MAX - 1);
        if (got <= 0) return 0;
        used = (size_t)got;
        joined[used++] = '/';
    }
    snprintf(joined + used, sizeof joined - used, "%s", path);
    char *slash = strrchr(joined, '/');
    const char *base = slash ? slash + 1 : joined;
    if (slash) *slash = 0;
    if (!realpath(slash ? (*joined ? joined : "/") : ".", folder)) return 0;
    snprintf(out, PATH_MAX, "%.*s/%.*s", PATH_MAX / 2, folder, PATH_MAX / 2 - 2, base);
    size_t len = strlen(out);
    if (len > 4 && strcmp(out + len - 4, "-shm") == 0) return 0;
    if (strncmp(out, root, root_len) != 0 || out[root_len] != '/' || !out[root_len + 1]) return 0;
    const char *inside = out + root_len;
    return strcmp(inside, "/index") != 0 && strncmp(inside, "/index/", 7) != 0;
}

static char *bury(const char *path) { /* another name for the same inode, so that it can come back */
    char kept[PATH_MAX + 32];
    snprintf(kept, sizeof kept, "%s/%d-%lu", grave, owner, next_grave++);
    return !path || raw_link(path, kept) == 0 ? strdup(kept) : NULL;
}

static void add_name(Act act, const char *path, const char *from, char *kept) {
    char folder[PATH_MAX];
    struct stat st = {0};
    snprintf(folder, sizeof folder, "%s", path);
    *strrchr(folder, '/') = 0;
    stat(folder, &st);
    if (name_count == name_room) names = realloc(names, (name_room = name_room * 2 + 16) * sizeof *names);
    names[name_count++] = (Name){.seq = next_seq++, .act = act, .dev = st.st_dev, .dir = st.st_ino,
                                 .path = strdup(path), .from = from ? strdup(from) : NULL, .grave = kept};
    count_call(NAME);
}

static void drop_names(const struct stat *dir, uint64_t upto) {
    size_t kept = 0;
    for (size_t i = 0; i < name_count; i++) {
        Name n = names[i];
        if ((dir && (n.dir != dir->st_ino || n.dev != dir->st_dev)) || n.seq > upto) { names[kept++] = n; continue; }
        struct stat st;
        File *f = n.grave && stat(n.grave, &st) == 0 ? find_file(&st) : NULL;
        if (n.grave) raw_unlink(n.grave);
        if (f) forget_if_done(f);
        free(n.path), free(n.from), free(n.grave);
    }
    name_count = kept;
}

static int exists(const char *path) {
    struct stat st;
    return lstat(path, &st) == 0;
}
