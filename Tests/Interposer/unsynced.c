// unsynced: makes a killed process lose what it had not synced.
//
// A process that dies leaves its writes in the kernel's page cache, so `kill -9` proves nothing about
// fsync. This library keeps every write to a file below the directory UNSYNCED_ROOT in the memory of the
// writing process, and gives it to the real file only in fsync, fdatasync, sync, or a write through a
// descriptor with O_SYNC or O_DSYNC. After `kill -9` the files are what the last syncs made them.
//
//     gcc -shared -fPIC -O2 -o libunsynced.so unsynced.c -ldl -lpthread
//     UNSYNCED_ROOT=/path/to/data LD_PRELOAD=$PWD/libunsynced.so program
//
// How. Per inode: pages of 4 KiB that differ from the real file, the length that the process sees, and
// how much of the real file still shows (truncation hides the rest). Reads, lengths and seeks answer from
// that. A kill in the midst of a sync leaves part of it, as a real disk would.
//
// What it does at other ends: exit() and _exit() hand everything to the kernel without a sync, as a page
// cache survives a process; any signal, and abort(), lose it.
//
// What passes straight through:
//  - Names: create, rename, link and unlink hold at once, as if each directory were synced. A new name
//    may therefore show a file without content, which is what a missing fsync before a rename deserves; a
//    missing fsync of the directory is not noticed.
//  - Files whose name ends in -shm: SQLite maps them, and rebuilds them after a crash.
//  - Whatever does not go through these functions: stdio's own opens, io_uring, other processes. Only
//    one process may write below the root; a child after fork sees a copy and hands nothing over.
// A shared mapping of any other file below the root is refused (ENODEV), copy_file_range and sendfile to
// or from one as well (EXDEV, EINVAL), so that nothing slips by unnoticed.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { page_bytes = 4096, descriptors_max = 1 << 16 };

typedef struct page {
    uint64_t number;
    struct page *next;
    unsigned char data[page_bytes];
} page;

typedef struct inode {
    dev_t device;
    ino_t number;
    int references;   // Descriptors of this process.
    int writer;       // Own descriptor for reading and writing; closed only with the last reference,
                      // because closing any descriptor drops the process's POSIX locks on the file.
    int is_unlinked;
    int is_dirty;
    off_t size;       // While dirty: the length that the process sees.
    off_t shown;      // While dirty: bytes of the real file that still count; zeros follow.
    page **buckets;
    size_t bucket_count, page_count;
    pthread_mutex_t lock;
    struct inode *next;
} inode;

static pthread_mutex_t table_lock = PTHREAD_MUTEX_INITIALIZER;
static inode *inodes;
static inode *by_descriptor[descriptors_max];
static char is_synchronous[descriptors_max];
static char root[PATH_MAX];
static size_t root_length;
static pid_t owner;

#define REAL(type, name, ...) \
    static type (*real_##name)(__VA_ARGS__); \
    static void resolve_##name(void) { \
        if (!real_##name) real_##name = (type(*)(__VA_ARGS__))dlsym(RTLD_NEXT, #name); \
    }

REAL(int, openat, int, const char *, int, ...)
REAL(int, close, int)
REAL(ssize_t, read, int, void *, size_t)
REAL(ssize_t, write, int, const void *, size_t)
REAL(ssize_t, pread, int, void *, size_t, off_t)
REAL(ssize_t, pwrite, int, const void *, size_t, off_t)
REAL(ssize_t, readv, int, const struct iovec *, int)
REAL(ssize_t, writev, int, const struct iovec *, int)
REAL(ssize_t, preadv, int, const struct iovec *, int, off_t)
REAL(ssize_t, pwritev, int, const struct iovec *, int, off_t)
REAL(off_t, lseek, int, off_t, int)
REAL(int, ftruncate, int, off_t)
REAL(int, fsync, int)
REAL(int, fdatasync, int)
REAL(void, sync, void)
REAL(int, syncfs, int)
REAL(int, fstat, int, struct stat *)
REAL(int, fstatat, int, const char *, struct stat *, int)
REAL(int, statx, int, const char *, int, unsigned, struct statx *)
REAL(int, posix_fallocate, int, off_t, off_t)
REAL(int, fallocate, int, int, off_t, off_t)
REAL(int, unlinkat, int, const char *, int)
REAL(int, renameat2, int, const char *, int, const char *, unsigned)
REAL(int, dup, int)
REAL(int, dup3, int, int, int)
REAL(int, dup2, int, int)
REAL(int, fcntl, int, int, ...)
REAL(int, fclose, FILE *)
REAL(int, close_range, unsigned, unsigned, int)
REAL(void *, mmap, void *, size_t, int, int, int, off_t)
REAL(ssize_t, sendfile, int, int, off_t *, size_t)
REAL(ssize_t, copy_file_range, int, off_t *, int, off_t *, size_t, unsigned)
REAL(void, _exit, int)

static void fail(const char *what) {
    static const char head[] = "unsynced: ";
    (void)!real_write(2, head, sizeof head - 1);
    (void)!real_write(2, what, strlen(what));
    (void)!real_write(2, "\n", 1);
    abort();
}

static void resolve_all(void) {
    resolve_openat(); resolve_close(); resolve_read(); resolve_write(); resolve_pread();
    resolve_pwrite(); resolve_readv(); resolve_writev(); resolve_preadv(); resolve_pwritev();
    resolve_lseek(); resolve_ftruncate(); resolve_fsync(); resolve_fdatasync(); resolve_sync();
    resolve_syncfs(); resolve_fstat(); resolve_fstatat(); resolve_statx();
    resolve_posix_fallocate(); resolve_fallocate(); resolve_unlinkat(); resolve_renameat2();
    resolve_dup(); resolve_dup2(); resolve_dup3(); resolve_fcntl(); resolve_fclose();
    resolve_close_range(); resolve_mmap(); resolve_sendfile(); resolve_copy_file_range();
    resolve__exit();
}

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void start_once(void) {
    resolve_all();
    owner = (pid_t)syscall(SYS_getpid);
    const char *wanted = getenv("UNSYNCED_ROOT");
    if (!wanted || !*wanted) return;
    if (!realpath(wanted, root)) fail("UNSYNCED_ROOT is not there");
    root_length = strlen(root);
}

static void start(void) { pthread_once(&once, start_once); }
__attribute__((constructor)) static void start_early(void) { start(); }

// Inodes and their pages.

static inode *lookup(dev_t device, ino_t number) {
    for (inode *i = inodes; i; i = i->next)
        if (i->device == device && i->number == number) return i;
    return NULL;
}

static inode *tracked(int fd) {
    start();
    return fd >= 0 && fd < descriptors_max
        ? __atomic_load_n(&by_descriptor[fd], __ATOMIC_ACQUIRE) : NULL;
}

static page *find_page(inode *i, uint64_t number) {
    if (!i->bucket_count) return NULL;
    for (page *p = i->buckets[number % i->bucket_count]; p; p = p->next)
        if (p->number == number) return p;
    return NULL;
}

static void grow(inode *i) {
    size_t count = i->bucket_count ? i->bucket_count * 2 : 64;
    page **buckets = calloc(count, sizeof *buckets);
    if (!buckets) fail("out of memory");
    for (size_t b = 0; b < i->bucket_count; b++)
        for (page *p = i->buckets[b], *next; p; p = next) {
            next = p->next;
            p->next = buckets[p->number % count];
            buckets[p->number % count] = p;
        }
    free(i->buckets);
    i->buckets = buckets;
    i->bucket_count = count;
}

static void drop_pages(inode *i, uint64_t from) {
    for (size_t b = 0; b < i->bucket_count; b++)
        for (page **at = &i->buckets[b]; *at;) {
            page *p = *at;
            if (p->number < from) { at = &p->next; continue; }
            *at = p->next;
            free(p);
            i->page_count--;
        }
}

// What the real file shows of [offset, offset + count): zeros where it is cut off or ends.
static int read_shown(inode *i, int fd, unsigned char *to, size_t count, off_t offset) {
    size_t done = 0;
    size_t visible = offset >= i->shown ? 0 : (size_t)(i->shown - offset);
    if (visible > count) visible = count;
    while (done < visible) {
        ssize_t n = real_pread(fd, to + done, visible - done, offset + (off_t)done);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return -1;
        if (n == 0) break;
        done += (size_t)n;
    }
    memset(to + done, 0, count - done);
    return 0;
}

static void begin_dirty(inode *i) {
    if (i->is_dirty) return;
    struct stat status;
    if (i->writer < 0 || real_fstat(i->writer, &status)) fail("no descriptor to write with");
    i->size = i->shown = status.st_size;
    i->is_dirty = 1;
}

static page *page_to_write(inode *i, uint64_t number) {
    page *p = find_page(i, number);
    if (p) return p;
    if (i->page_count >= i->bucket_count) grow(i);
    p = malloc(sizeof *p);
    if (!p) fail("out of memory");
    p->number = number;
    if (read_shown(i, i->writer, p->data, page_bytes, (off_t)number * page_bytes))
        fail("can't read a page");
    p->next = i->buckets[number % i->bucket_count];
    i->buckets[number % i->bucket_count] = p;
    i->page_count++;
    return p;
}

static void overlay_write(inode *i, const unsigned char *from, size_t count, off_t offset) {
    begin_dirty(i);
    for (size_t done = 0; done < count;) {
        off_t at = offset + (off_t)done;
        size_t inside = (size_t)(at % page_bytes), part = page_bytes - inside;
        if (part > count - done) part = count - done;
        memcpy(page_to_write(i, (uint64_t)(at / page_bytes))->data + inside, from + done, part);
        done += part;
    }
    if (count && offset + (off_t)count > i->size) i->size = offset + (off_t)count;
}

static ssize_t overlay_read(inode *i, int fd, unsigned char *to, size_t count, off_t offset) {
    if (!i->is_dirty) return real_pread(fd, to, count, offset);
    if (offset >= i->size) return 0;
    if ((off_t)count > i->size - offset) count = (size_t)(i->size - offset);
    if (i->writer >= 0) fd = i->writer;
    if (read_shown(i, fd, to, count, offset)) return -1;
    for (size_t done = 0; done < count && i->page_count;) {
        off_t at = offset + (off_t)done;
        size_t inside = (size_t)(at % page_bytes), part = page_bytes - inside;
        if (part > count - done) part = count - done;
        page *p = find_page(i, (uint64_t)(at / page_bytes));
        if (p) memcpy(to + done, p->data + inside, part);
        done += part;
    }
    return (ssize_t)count;
}

static void overlay_truncate(inode *i, off_t length) {
    begin_dirty(i);
    uint64_t first = (uint64_t)((length + page_bytes - 1) / page_bytes);
    drop_pages(i, first);
    size_t inside = (size_t)(length % page_bytes);
    page *p = inside ? find_page(i, (uint64_t)(length / page_bytes)) : NULL;
    if (p) memset(p->data + inside, 0, page_bytes - inside);
    if (length < i->shown) i->shown = length;
    i->size = length;
}

// Gives everything to the real file. The caller syncs that.
static int hand_over(inode *i) {
    if (!i->is_dirty) return 0;
    struct stat status;
    if (real_fstat(i->writer, &status)) return -1;
    if (status.st_size > i->shown && real_ftruncate(i->writer, i->shown)) return -1;
    for (size_t b = 0; b < i->bucket_count; b++)
        for (page *p = i->buckets[b]; p; p = p->next) {
            off_t at = (off_t)p->number * page_bytes;
            size_t count = page_bytes, done = 0;
            if (at >= i->size) continue;
            if ((off_t)count > i->size - at) count = (size_t)(i->size - at);
            while (done < count) {
                ssize_t n = real_pwrite(i->writer, p->data + done, count - done, at + (off_t)done);
                if (n < 0 && errno == EINTR) continue;
                if (n < 0) return -1;
                done += (size_t)n;
            }
        }
    if (real_fstat(i->writer, &status)) return -1;
    if (status.st_size != i->size && real_ftruncate(i->writer, i->size)) return -1;
    drop_pages(i, 0);
    i->is_dirty = 0;
    return 0;
}

static int hand_over_locked(inode *i) {
    pthread_mutex_lock(&i->lock);
    int result = hand_over(i);
    pthread_mutex_unlock(&i->lock);
    return result;
}

static void hand_over_all(void) {
    if ((pid_t)syscall(SYS_getpid) != owner) return;
    pthread_mutex_lock(&table_lock);
    for (inode *i = inodes; i; i = i->next)
        if (!i->is_unlinked) hand_over_locked(i);
    pthread_mutex_unlock(&table_lock);
}

__attribute__((destructor)) static void finish(void) { hand_over_all(); }

// Frees an inode that nobody can see any more. The table is locked.
static void forget_if_unused(inode *i) {
    if (i->references > 0 || (i->is_dirty && !i->is_unlinked)) return;
    for (inode **at = &inodes; *at; at = &(*at)->next)
        if (*at == i) { *at = i->next; break; }
    drop_pages(i, 0);
    free(i->buckets);
    if (i->writer >= 0) real_close(i->writer);
    pthread_mutex_destroy(&i->lock);
    free(i);
}

// Descriptors.

static int is_below_root(const char *path) {
    return root_length && !strncmp(path, root, root_length)
        && (path[root_length] == '/' || root_length == 1);
}

static int path_of(int fd, char *path) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, PATH_MAX - 1);
    if (n < 0) return -1;
    path[n] = 0;
    return 0;
}

// Whether `path` leads below the root, whether it exists or not.
static int leads_below_root(int directory, const char *path) {
    char whole[2 * PATH_MAX], parent[PATH_MAX], base[PATH_MAX];
    if (!root_length) return 0;
    if (path[0] == '/') {
        snprintf(whole, sizeof whole, "%s", path);
    } else if (directory == AT_FDCWD) {
        if (!getcwd(base, sizeof base)) return 0;
        snprintf(whole, sizeof whole, "%s/%s", base, path);
    } else {
        if (path_of(directory, base)) return 0;
        snprintf(whole, sizeof whole, "%s/%s", base, path);
    }
    if (realpath(whole, parent)) return is_below_root(parent);
    char *slash = strrchr(whole, '/');
    if (!slash) return 0;
    *slash = 0;
    if (!realpath(whole[0] ? whole : "/", parent)) return 0;
    return !strcmp(parent, root) || is_below_root(parent);
}

static void forget_descriptor(int fd) {
    if (fd < 0 || fd >= descriptors_max) return;
    pthread_mutex_lock(&table_lock);
    inode *i = by_descriptor[fd];
    if (i) {
        __atomic_store_n(&by_descriptor[fd], NULL, __ATOMIC_RELEASE);
        is_synchronous[fd] = 0;
        i->references--;
        forget_if_unused(i);
    }
    pthread_mutex_unlock(&table_lock);
}

static void set_descriptor(int fd, inode *i, int synchronous) {
    if (fd >= descriptors_max) fail("too many descriptors");
    i->references++;
    is_synchronous[fd] = (char)synchronous;
    __atomic_store_n(&by_descriptor[fd], i, __ATOMIC_RELEASE);
}

static void copy_descriptor(int from, int to) {
    if (to < 0 || from == to) return;
    forget_descriptor(to);
    pthread_mutex_lock(&table_lock);
    inode *i = from >= 0 && from < descriptors_max ? by_descriptor[from] : NULL;
    if (i) set_descriptor(to, i, is_synchronous[from]);
    pthread_mutex_unlock(&table_lock);
}

static void track(int fd, int flags, int truncates) {
    char path[PATH_MAX];
    struct stat status;
    forget_descriptor(fd);  // Somebody may have closed the number behind our back.
    if (path_of(fd, path) || !is_below_root(path)) return;
    size_t length = strlen(path);
    if (length >= 4 && !strcmp(path + length - 4, "-shm")) return;
    if (real_fstat(fd, &status) || !S_ISREG(status.st_mode)) return;
    pthread_mutex_lock(&table_lock);
    inode *i = lookup(status.st_dev, status.st_ino);
    if (!i) {
        i = calloc(1, sizeof *i);
        if (!i) fail("out of memory");
        i->device = status.st_dev;
        i->number = status.st_ino;
        i->writer = -1;
        pthread_mutex_init(&i->lock, NULL);
        i->next = inodes;
        inodes = i;
    }
    if (i->writer < 0 && (flags & O_ACCMODE) != O_RDONLY) {
        char link[64];
        snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        i->writer = real_openat(AT_FDCWD, link, O_RDWR | O_CLOEXEC);
        if (i->writer < 0) fail("a file that can be written but not read");
    }
    set_descriptor(fd, i, (flags & (O_SYNC | O_DSYNC)) != 0);
    pthread_mutex_unlock(&table_lock);
    if (truncates) {
        pthread_mutex_lock(&i->lock);
        overlay_truncate(i, 0);
        pthread_mutex_unlock(&i->lock);
    }
}

static int open_any(int directory, const char *path, int flags, mode_t mode) {
    start();
    int truncates = (flags & O_TRUNC) && (flags & O_ACCMODE) != O_RDONLY
        && leads_below_root(directory, path);
    size_t length = strlen(path);
    if (truncates && length >= 4 && !strcmp(path + length - 4, "-shm")) truncates = 0;
    int fd = real_openat(directory, path, truncates ? flags & ~O_TRUNC : flags, mode);
    if (fd >= 0 && root_length && !(flags & O_PATH)) {
        int saved = errno;
        track(fd, flags, truncates);
        errno = saved;
    }
    return fd;
}

#define OPEN_MODE(flags) \
    mode_t mode = 0; \
    if ((flags) & (O_CREAT | O_TMPFILE)) { \
        va_list list; \
        va_start(list, flags); \
        mode = va_arg(list, mode_t); \
        va_end(list); \
    }

int open(const char *path, int flags, ...) {
    OPEN_MODE(flags)
    return open_any(AT_FDCWD, path, flags, mode);
}
int open64(const char *path, int flags, ...) {
    OPEN_MODE(flags)
    return open_any(AT_FDCWD, path, flags, mode);
}
int openat(int directory, const char *path, int flags, ...) {
    OPEN_MODE(flags)
    return open_any(directory, path, flags, mode);
}
int openat64(int directory, const char *path, int flags, ...) {
    OPEN_MODE(flags)
    return open_any(directory, path, flags, mode);
}
int __open_2(const char *path, int flags) { return open_any(AT_FDCWD, path, flags, 0); }
int __open64_2(const char *path, int flags) { return open_any(AT_FDCWD, path, flags, 0); }
int __openat_2(int directory, const char *path, int flags) {
    return open_any(directory, path, flags, 0);
}
int __openat64_2(int directory, const char *path, int flags) {
    return open_any(directory, path, flags, 0);
}
int creat(const char *path, mode_t mode) {
    return open_any(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}
int creat64(const char *path, mode_t mode) { return creat(path, mode); }

int close(int fd) {
    inode *i = tracked(fd);
    // First the number: once the kernel has it back, another thread may get it.
    if (i) forget_descriptor(fd);
    return real_close(fd);
}

int fclose(FILE *stream) {
    start();
    int fd = fileno(stream);
    // The stream's last bytes go to the file inside glibc.
    if (tracked(fd)) {
        fflush(stream);
        forget_descriptor(fd);
    }
    return real_fclose(stream);
}

int close_range(unsigned first, unsigned last, int flags) {
    start();
    if (!(flags & CLOSE_RANGE_CLOEXEC))
        for (unsigned fd = first; fd <= last && fd < descriptors_max; fd++)
            forget_descriptor((int)fd);
    return real_close_range(first, last, flags);
}

int dup(int fd) {
    start();
    int made = real_dup(fd);
    copy_descriptor(fd, made);
    return made;
}
int dup2(int fd, int to) {
    start();
    int made = real_dup2(fd, to);
    copy_descriptor(fd, made);
    return made;
}
int dup3(int fd, int to, int flags) {
    start();
    int made = real_dup3(fd, to, flags);
    copy_descriptor(fd, made);
    return made;
}

static int fcntl_any(int fd, int command, void *argument) {
    start();
    int result = real_fcntl(fd, command, argument);
    if (command == F_DUPFD || command == F_DUPFD_CLOEXEC) copy_descriptor(fd, result);
    return result;
}
int fcntl(int fd, int command, ...) {
    va_list list;
    va_start(list, command);
    void *argument = va_arg(list, void *);
    va_end(list);
    return fcntl_any(fd, command, argument);
}
int fcntl64(int fd, int command, ...) {
    va_list list;
    va_start(list, command);
    void *argument = va_arg(list, void *);
    va_end(list);
    return fcntl_any(fd, command, argument);
}

// Data.

static ssize_t write_at(inode *i, int fd, const void *from, size_t count, off_t offset) {
    if (offset < 0) { errno = EINVAL; return -1; }
    if ((real_fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDONLY) { errno = EBADF; return -1; }
    overlay_write(i, from, count, offset);
    if (is_synchronous[fd] && (hand_over(i) || real_fdatasync(i->writer))) return -1;
    return (ssize_t)count;
}

ssize_t pread(int fd, void *to, size_t count, off_t offset) {
    inode *i = tracked(fd);
    if (!i) return real_pread(fd, to, count, offset);
    pthread_mutex_lock(&i->lock);
    ssize_t n = overlay_read(i, fd, to, count, offset);
    pthread_mutex_unlock(&i->lock);
    return n;
}
ssize_t pread64(int fd, void *to, size_t count, off_t offset) {
    return pread(fd, to, count, offset);
}
ssize_t __pread_chk(int fd, void *to, size_t count, off_t offset, size_t room) {
    if (count > room) fail("buffer overflow");
    return pread(fd, to, count, offset);
}
ssize_t __pread64_chk(int fd, void *to, size_t count, off_t offset, size_t room) {
    return __pread_chk(fd, to, count, offset, room);
}

ssize_t pwrite(int fd, const void *from, size_t count, off_t offset) {
    inode *i = tracked(fd);
    if (!i) return real_pwrite(fd, from, count, offset);
    pthread_mutex_lock(&i->lock);
    ssize_t n = write_at(i, fd, from, count, offset);
    pthread_mutex_unlock(&i->lock);
    return n;
}
ssize_t pwrite64(int fd, const void *from, size_t count, off_t offset) {
    return pwrite(fd, from, count, offset);
}

ssize_t read(int fd, void *to, size_t count) {
    inode *i = tracked(fd);
    if (!i) return real_read(fd, to, count);
    pthread_mutex_lock(&i->lock);
    off_t at = real_lseek(fd, 0, SEEK_CUR);
    ssize_t n = at < 0 ? -1 : overlay_read(i, fd, to, count, at);
    if (n > 0) real_lseek(fd, at + n, SEEK_SET);
    pthread_mutex_unlock(&i->lock);
    return n;
}
ssize_t __read_chk(int fd, void *to, size_t count, size_t room) {
    if (count > room) fail("buffer overflow");
    return read(fd, to, count);
}

ssize_t write(int fd, const void *from, size_t count) {
    inode *i = tracked(fd);
    if (!i) return real_write(fd, from, count);
    pthread_mutex_lock(&i->lock);
    off_t at = real_lseek(fd, 0, SEEK_CUR);
    if (real_fcntl(fd, F_GETFL) & O_APPEND) {
        begin_dirty(i);
        at = i->size;
    }
    ssize_t n = at < 0 ? -1 : write_at(i, fd, from, count, at);
    if (n > 0) real_lseek(fd, at + n, SEEK_SET);
    pthread_mutex_unlock(&i->lock);
    return n;
}

// One call for each part; a short one ends it.
#define EACH_PART(call) \
    ssize_t sum = 0; \
    for (int part = 0; part < count; part++) { \
        ssize_t n = call; \
        if (n < 0) return sum > 0 ? sum : n; \
        sum += n; \
        if ((size_t)n < parts[part].iov_len) break; \
    } \
    return sum;

ssize_t readv(int fd, const struct iovec *parts, int count) {
    if (!tracked(fd)) return real_readv(fd, parts, count);
    EACH_PART(read(fd, parts[part].iov_base, parts[part].iov_len))
}
ssize_t writev(int fd, const struct iovec *parts, int count) {
    if (!tracked(fd)) return real_writev(fd, parts, count);
    EACH_PART(write(fd, parts[part].iov_base, parts[part].iov_len))
}
ssize_t preadv(int fd, const struct iovec *parts, int count, off_t offset) {
    if (!tracked(fd)) return real_preadv(fd, parts, count, offset);
    EACH_PART(pread(fd, parts[part].iov_base, parts[part].iov_len, offset + sum))
}
ssize_t preadv64(int fd, const struct iovec *parts, int count, off_t offset) {
    return preadv(fd, parts, count, offset);
}
ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t offset) {
    if (!tracked(fd)) return real_pwritev(fd, parts, count, offset);
    EACH_PART(pwrite(fd, parts[part].iov_base, parts[part].iov_len, offset + sum))
}
ssize_t pwritev64(int fd, const struct iovec *parts, int count, off_t offset) {
    return pwritev(fd, parts, count, offset);
}

off_t lseek(int fd, off_t offset, int whence) {
    inode *i = tracked(fd);
    if (!i || whence != SEEK_END) return real_lseek(fd, offset, whence);
    pthread_mutex_lock(&i->lock);
    off_t result = i->is_dirty
        ? real_lseek(fd, i->size + offset, SEEK_SET) : real_lseek(fd, offset, SEEK_END);
    pthread_mutex_unlock(&i->lock);
    return result;
}
off_t lseek64(int fd, off_t offset, int whence) { return lseek(fd, offset, whence); }

int ftruncate(int fd, off_t length) {
    inode *i = tracked(fd);
    if (!i) return real_ftruncate(fd, length);
    if (length < 0 || (real_fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDONLY) {
        errno = EINVAL;
        return -1;
    }
    pthread_mutex_lock(&i->lock);
    overlay_truncate(i, length);
    pthread_mutex_unlock(&i->lock);
    return 0;
}
int ftruncate64(int fd, off_t length) { return ftruncate(fd, length); }

int truncate(const char *path, off_t length) {
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) return -1;
    int result = ftruncate(fd, length), saved = errno;
    close(fd);
    errno = saved;
    return result;
}
int truncate64(const char *path, off_t length) { return truncate(path, length); }

// Space is reserved at once, so that a full disk is noticed; the length waits for a sync.
static int allocate(inode *i, int fd, off_t offset, off_t length) {
    if (offset < 0 || length <= 0) return EINVAL;
    if (real_fallocate(fd, FALLOC_FL_KEEP_SIZE, offset, length) && errno != EOPNOTSUPP)
        return errno;
    pthread_mutex_lock(&i->lock);
    begin_dirty(i);
    if (offset + length > i->size) i->size = offset + length;
    pthread_mutex_unlock(&i->lock);
    return 0;
}
int posix_fallocate(int fd, off_t offset, off_t length) {
    inode *i = tracked(fd);
    return i ? allocate(i, fd, offset, length) : real_posix_fallocate(fd, offset, length);
}
int posix_fallocate64(int fd, off_t offset, off_t length) {
    return posix_fallocate(fd, offset, length);
}
int fallocate(int fd, int mode, off_t offset, off_t length) {
    inode *i = tracked(fd);
    if (!i || mode == FALLOC_FL_KEEP_SIZE) return real_fallocate(fd, mode, offset, length);
    int code = mode == 0 ? allocate(i, fd, offset, length) : EOPNOTSUPP;
    if (!code) return 0;
    errno = code;
    return -1;
}
int fallocate64(int fd, int mode, off_t offset, off_t length) {
    return fallocate(fd, mode, offset, length);
}

int fsync(int fd) {
    inode *i = tracked(fd);
    if (i && hand_over_locked(i)) return -1;
    return real_fsync(fd);
}
int fdatasync(int fd) {
    inode *i = tracked(fd);
    if (i && hand_over_locked(i)) return -1;
    return real_fdatasync(fd);
}
void sync(void) {
    start();
    hand_over_all();
    real_sync();
}
int syncfs(int fd) {
    start();
    hand_over_all();
    return real_syncfs(fd);
}

// Lengths.

static int dirty_size(dev_t device, ino_t number, off_t *size) {
    pthread_mutex_lock(&table_lock);
    inode *i = lookup(device, number);
    int found = 0;
    if (i) {
        pthread_mutex_lock(&i->lock);
        found = i->is_dirty;
        if (found) *size = i->size;
        pthread_mutex_unlock(&i->lock);
    }
    pthread_mutex_unlock(&table_lock);
    return found;
}

static int patched(int result, struct stat *status) {
    if (!result && S_ISREG(status->st_mode))
        dirty_size(status->st_dev, status->st_ino, &status->st_size);
    return result;
}

int fstat(int fd, struct stat *status) {
    start();
    return patched(real_fstat(fd, status), status);
}
int fstatat(int directory, const char *path, struct stat *status, int flags) {
    start();
    return patched(real_fstatat(directory, path, status, flags), status);
}
int stat(const char *path, struct stat *status) { return fstatat(AT_FDCWD, path, status, 0); }
int lstat(const char *path, struct stat *status) {
    return fstatat(AT_FDCWD, path, status, AT_SYMLINK_NOFOLLOW);
}
// On 64-bit Linux `struct stat64` is `struct stat`.
int fstat64(int fd, struct stat64 *status) { return fstat(fd, (struct stat *)status); }
int fstatat64(int directory, const char *path, struct stat64 *status, int flags) {
    return fstatat(directory, path, (struct stat *)status, flags);
}
int stat64(const char *path, struct stat64 *status) { return stat(path, (struct stat *)status); }
int lstat64(const char *path, struct stat64 *status) { return lstat(path, (struct stat *)status); }

int statx(int directory, const char *path, int flags, unsigned mask, struct statx *status) {
    start();
    int result = real_statx(directory, path, flags, mask, status);
    if (!result && S_ISREG(status->stx_mode)) {
        off_t size;
        dev_t device = ((dev_t)(status->stx_dev_major & 0xfff) << 8)
            | (status->stx_dev_minor & 0xff)
            | ((dev_t)(status->stx_dev_minor & ~0xffu) << 12);
        if (dirty_size(device, status->stx_ino, &size)) status->stx_size = (uint64_t)size;
    }
    return result;
}

// Names: an inode number that is free may be given to the next file, so its pages must go.

static void note_unlinked(const struct stat *status) {
    if (!S_ISREG(status->st_mode) || status->st_nlink > 1) return;
    pthread_mutex_lock(&table_lock);
    inode *i = lookup(status->st_dev, status->st_ino);
    if (i) {
        i->is_unlinked = 1;
        forget_if_unused(i);
    }
    pthread_mutex_unlock(&table_lock);
}

int unlinkat(int directory, const char *path, int flags) {
    start();
    struct stat status;
    int known = !real_fstatat(directory, path, &status, AT_SYMLINK_NOFOLLOW);
    int result = real_unlinkat(directory, path, flags);
    if (!result && known) note_unlinked(&status);
    return result;
}
int unlink(const char *path) { return unlinkat(AT_FDCWD, path, 0); }
int remove(const char *path) {
    int result = unlinkat(AT_FDCWD, path, 0);
    return result && errno == EISDIR ? unlinkat(AT_FDCWD, path, AT_REMOVEDIR) : result;
}

int renameat2(int from, const char *old_path, int to, const char *new_path, unsigned flags) {
    start();
    struct stat replaced, moved;
    int known = !(flags & RENAME_EXCHANGE)
        && !real_fstatat(to, new_path, &replaced, AT_SYMLINK_NOFOLLOW)
        && !real_fstatat(from, old_path, &moved, AT_SYMLINK_NOFOLLOW)
        && (moved.st_dev != replaced.st_dev || moved.st_ino != replaced.st_ino);
    int result = real_renameat2(from, old_path, to, new_path, flags);
    if (!result && known) note_unlinked(&replaced);
    return result;
}
int renameat(int from, const char *old_path, int to, const char *new_path) {
    return renameat2(from, old_path, to, new_path, 0);
}
int rename(const char *old_path, const char *new_path) {
    return renameat2(AT_FDCWD, old_path, AT_FDCWD, new_path, 0);
}

// What can't be served.

void *mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset) {
    // The loader and the allocator map memory before anything is set up; that needs no table.
    if (!real_mmap) resolve_mmap();
    if (!(flags & MAP_ANONYMOUS) && fd >= 0 && fd < descriptors_max && by_descriptor[fd]) {
        inode *i = by_descriptor[fd];
        int is_shared = (flags & MAP_TYPE) != MAP_PRIVATE && (protection & PROT_WRITE);
        if (is_shared || i->is_dirty) {
            errno = ENODEV;
            return MAP_FAILED;
        }
    }
    return real_mmap(address, length, protection, flags, fd, offset);
}
void *mmap64(void *address, size_t length, int protection, int flags, int fd, off_t offset) {
    return mmap(address, length, protection, flags, fd, offset);
}

ssize_t sendfile(int to, int from, off_t *offset, size_t count) {
    if (!tracked(to) && !tracked(from)) return real_sendfile(to, from, offset, count);
    errno = EINVAL;
    return -1;
}
ssize_t sendfile64(int to, int from, off_t *offset, size_t count) {
    return sendfile(to, from, offset, count);
}
ssize_t copy_file_range(
    int from, off_t *from_offset, int to, off_t *to_offset, size_t count, unsigned flags) {
    if (!tracked(to) && !tracked(from))
        return real_copy_file_range(from, from_offset, to, to_offset, count, flags);
    errno = EXDEV;
    return -1;
}

void _exit(int status) {
    start();
    hand_over_all();
    real__exit(status);
    __builtin_unreachable();
}
void _Exit(int status) { _exit(status); }
