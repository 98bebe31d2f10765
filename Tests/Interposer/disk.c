// disk: a disk that is full, slow, or fails to sync, as a file says from moment to moment.
//
// Files below the directory DISK_ROOT are on that disk. DISK_FAULTS names a file of 8 bytes, which is mapped
// at the start and read at each call:
//   byte 0      'f': no file grows: what would make one longer, or reserve room, fails with ENOSPC
//               'e': fsync and fdatasync fail with EIO, after which the program had better stop
//               anything else: the disk is well
//   byte 1      set to 1 when a sync has failed
//   bytes 4-7   little-endian: milliseconds that each sync takes longer
// Reads, names and removals always work. Preload it before `unsynced`, which it hands everything on to.
//
//     gcc -shared -fPIC -O2 -o libdisk.so disk.c -ldl
//     DISK_ROOT=/path/to/data DISK_FAULTS=/path/to/faults LD_PRELOAD=$PWD/libdisk.so program

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

static volatile unsigned char *faults;
static char root[PATH_MAX];
static size_t root_length;

__attribute__((constructor)) static void start(void) {
    const char *path = getenv("DISK_FAULTS"), *below = getenv("DISK_ROOT");
    if (!path || !below || !realpath(below, root)) return;
    root_length = strlen(root);
    int descriptor = open(path, O_RDWR | O_CLOEXEC);
    if (descriptor < 0) return;
    void *mapped = mmap(NULL, 8, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    close(descriptor);
    if (mapped != MAP_FAILED) faults = mapped;
}

static int is_below_root(int descriptor) {
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < (ssize_t)root_length) return 0;
    return memcmp(path, root, root_length) == 0;
}

static int refuse(int number) {
    errno = number;
    return -1;
}

#define NEXT(type, name, ...) \
    static type (*next)(__VA_ARGS__); \
    if (!next) next = (type (*)(__VA_ARGS__))dlsym(RTLD_NEXT, name)

static int is_full(int fd) { return faults && faults[0] == 'f' && is_below_root(fd); }

/// Whether the disk is full and the file would end there, behind its end.
static int has_no_room(int fd, off_t end) {
    struct stat status;
    return is_full(fd) && fstat(fd, &status) == 0 && end > status.st_size;
}

/// Where a write of so many bytes without an offset ends.
static off_t end_of_write(int fd, size_t count) {
    struct stat status;
    if (fcntl(fd, F_GETFL) & O_APPEND)
        return fstat(fd, &status) == 0 ? status.st_size + (off_t)count : 0;
    return lseek(fd, 0, SEEK_CUR) + (off_t)count;
}

static size_t bytes_of(const struct iovec *parts, int count) {
    size_t sum = 0;
    for (int place = 0; place < count; place++) sum += parts[place].iov_len;
    return sum;
}

ssize_t write(int fd, const void *from, size_t count) {
    NEXT(ssize_t, "write", int, const void *, size_t);
    if (is_full(fd) && has_no_room(fd, end_of_write(fd, count))) return refuse(ENOSPC);
    return next(fd, from, count);
}

ssize_t pwrite(int fd, const void *from, size_t count, off_t offset) {
    NEXT(ssize_t, "pwrite", int, const void *, size_t, off_t);
    return has_no_room(fd, offset + (off_t)count) ? refuse(ENOSPC) : next(fd, from, count, offset);
}
ssize_t pwrite64(int fd, const void *from, size_t count, off64_t offset) {
    return pwrite(fd, from, count, offset);
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
    NEXT(ssize_t, "writev", int, const struct iovec *, int);
    if (is_full(fd) && has_no_room(fd, end_of_write(fd, bytes_of(parts, count))))
        return refuse(ENOSPC);
    return next(fd, parts, count);
}

ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t offset) {
    NEXT(ssize_t, "pwritev", int, const struct iovec *, int, off_t);
    if (has_no_room(fd, offset + (off_t)bytes_of(parts, count))) return refuse(ENOSPC);
    return next(fd, parts, count, offset);
}
ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t offset) {
    return pwritev(fd, parts, count, offset);
}

int ftruncate(int fd, off_t length) {
    NEXT(int, "ftruncate", int, off_t);
    return has_no_room(fd, length) ? refuse(ENOSPC) : next(fd, length);
}
int ftruncate64(int fd, off64_t length) { return ftruncate(fd, length); }

int fallocate(int fd, int mode, off_t offset, off_t length) {
    NEXT(int, "fallocate", int, int, off_t, off_t);
    return is_full(fd) ? refuse(ENOSPC) : next(fd, mode, offset, length);
}
int fallocate64(int fd, int mode, off64_t offset, off64_t length) {
    return fallocate(fd, mode, offset, length);
}

int posix_fallocate(int fd, off_t offset, off_t length) {
    NEXT(int, "posix_fallocate", int, off_t, off_t);
    return is_full(fd) ? ENOSPC : next(fd, offset, length);
}
int posix_fallocate64(int fd, off64_t offset, off64_t length) {
    return posix_fallocate(fd, offset, length);
}

/// Waits as long as the disk is slow; true if it fails.
static int sync_fails(int fd) {
    if (!faults || !is_below_root(fd)) return 0;
    uint32_t late = (uint32_t)faults[4] | (uint32_t)faults[5] << 8 | (uint32_t)faults[6] << 16;
    if (late) {
        struct timespec time = {late / 1000, (long)(late % 1000) * 1000000};
        nanosleep(&time, NULL);
    }
    if (faults[0] != 'e') return 0;
    faults[1] = 1;
    return 1;
}

int fsync(int fd) {
    NEXT(int, "fsync", int);
    return sync_fails(fd) ? refuse(EIO) : next(fd);
}

int fdatasync(int fd) {
    NEXT(int, "fdatasync", int);
    return sync_fails(fd) ? refuse(EIO) : next(fd);
}
