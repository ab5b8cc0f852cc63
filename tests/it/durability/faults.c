// Preloaded into the binary under test: what it asks of the system fails on order, for its own files only.
//
// FAULTS_ORDER names a file with the order that holds now, "WHAT NUMBER"; none: nothing fails.
//   write ERRNO   writing, synchronising and opening for writing
//   fsync ERRNO   synchronising
//   grow ERRNO    what needs room on the disk: a write past a file's end, a new file
//   thread 0      a new thread
//   clock SECONDS the wall clock is off by that much
// FAULTS_HITS names a file that gets a byte for each failure. FAULTS_KILL_AFTER=N kills the process after its Nth write to these files.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

// Whether that is what the order says, and its number.
static int order(const char *what, long *number) {
    const char *path = getenv("FAULTS_ORDER");
    char text[64] = {0}, name[16];
    int before = errno;
    int file = path ? (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC) : -1;
    if (file >= 0) {
        if (syscall(SYS_read, file, text, sizeof text - 1) < 0)
            text[0] = 0;
        syscall(SYS_close, file);
    }
    errno = before;
    return sscanf(text, "%15s %ld", name, number) == 2 && !strcmp(name, what);
}

static int is_ours(const char *path) {
    const char *home = getenv("FAULTS_HOME");
    return home && !strncmp(path, home, strlen(home)) && !strstr(path, "audit.log");
}

static int is_our_file(int file) {
    char link[32], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length <= 0)
        return 0;
    path[length] = 0;
    return is_ours(path);
}

static int fails(const char *what) {
    long number;
    if (!order(what, &number))
        return 0;
    const char *hits = getenv("FAULTS_HITS");
    int file = hits ? (int)syscall(SYS_openat, AT_FDCWD, hits, O_WRONLY | O_APPEND | O_CREAT, 0600) : -1;
    if (file >= 0) {
        (void)!syscall(SYS_write, file, "x", 1);
        syscall(SYS_close, file);
    }
    errno = (int)number;
    return 1;
}

static int grows(int file, off_t end) {
    struct stat found;
    return syscall(SYS_fstat, file, &found) || end > found.st_size;
}

static void count(int file) {
    static atomic_long done;
    const char *limit = getenv("FAULTS_KILL_AFTER");
    if (limit && is_our_file(file) && atomic_fetch_add(&done, 1) + 1 == atol(limit))
        kill(getpid(), SIGKILL);
}

ssize_t write(int file, const void *bytes, size_t length) {
    if (getenv("FAULTS_HOME") && is_our_file(file)) {
        off_t end = lseek(file, 0, SEEK_CUR) + (off_t)length;
        if (fails("write") || (grows(file, end) && fails("grow")))
            return -1;
    }
    ssize_t result = syscall(SYS_write, file, bytes, length);
    count(file);
    return result;
}

ssize_t pwrite64(int file, const void *bytes, size_t length, off64_t offset) {
    if (is_our_file(file) && (fails("write") || (grows(file, offset + length) && fails("grow"))))
        return -1;
    ssize_t result = syscall(SYS_pwrite64, file, bytes, length, offset);
    count(file);
    return result;
}

ssize_t pwrite(int file, const void *bytes, size_t length, off_t offset) {
    return pwrite64(file, bytes, length, offset);
}

static int synchronise(long call, int file) {
    if (is_our_file(file) && (fails("write") || fails("fsync")))
        return -1;
    int result = (int)syscall(call, file);
    count(file);
    return result;
}

int fsync(int file) { return synchronise(SYS_fsync, file); }
int fdatasync(int file) { return synchronise(SYS_fdatasync, file); }

static int open_at(int directory, const char *path, int flags, mode_t mode) {
    if (is_ours(path) && (flags & (O_CREAT | O_WRONLY | O_RDWR))) {
        if (fails("write"))
            return -1;
        if ((flags & O_CREAT) && faccessat(directory, path, F_OK, 0) && fails("grow"))
            return -1;
    }
    return (int)syscall(SYS_openat, directory, path, flags, mode);
}

#define MODE(flags)                                                                                \
    mode_t mode = 0;                                                                               \
    if ((flags) & (O_CREAT | O_TMPFILE)) {                                                         \
        va_list rest;                                                                              \
        va_start(rest, flags);                                                                     \
        mode = va_arg(rest, mode_t);                                                               \
        va_end(rest);                                                                              \
    }

int open(const char *path, int flags, ...) {
    MODE(flags)
    return open_at(AT_FDCWD, path, flags, mode);
}

int open64(const char *path, int flags, ...) {
    MODE(flags)
    return open_at(AT_FDCWD, path, flags | O_LARGEFILE, mode);
}

int openat(int directory, const char *path, int flags, ...) {
    MODE(flags)
    return open_at(directory, path, flags, mode);
}

int openat64(int directory, const char *path, int flags, ...) {
    MODE(flags)
    return open_at(directory, path, flags | O_LARGEFILE, mode);
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *), void *argument) {
    static int (*next)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
    long unused;
    if (order("thread", &unused))
        return EAGAIN;
    if (!next)
        next = dlsym(RTLD_NEXT, "pthread_create");
    return next(thread, attributes, start, argument);
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    int result = (int)syscall(SYS_clock_gettime, clock, now);
    long off;
    if (!result && clock == CLOCK_REALTIME && order("clock", &off))
        now->tv_sec += off;
    return result;
}
