// timers: keeps libfaketime off the kernel's timers.
//
// libfaketime moves every absolute timer by what the wall clock is shifted, also those of clocks that it does
// not shift. Swift's Task.sleep waits with an absolute timer of the monotonic clock, and would wait for months.
// Preloaded before libfaketime, this gives the timers to the kernel as they are: right as long as nobody sets
// one by the wall clock, and casenode sets none.
//
// And it keeps libfaketime off jemalloc's first steps. At its first allocation jemalloc looks at the clock and makes a
// condition variable, both are libfaketime's, which then first looks for the real ones, and that allocates: the
// program stands still before its main function. So until this library's constructor is through, which allocates for
// that reason, both are answered here.
//
//     gcc -shared -fPIC -O2 -o libtimers.so timers.c
//     LD_PRELOAD="$PWD/libtimers.so libfaketimeMT.so.1" program

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

static int (*next_clock)(clockid_t, struct timespec *);
static int (*next_condition)(pthread_cond_t *, const pthread_condattr_t *);

__attribute__((constructor)) static void begin(void) {
    free(malloc(1));
    // The version of today's condition variables: without it one from before 2003 could be found.
    void *condition = dlvsym(RTLD_NEXT, "pthread_cond_init", "GLIBC_2.3.2");
    if (condition == NULL) condition = dlsym(RTLD_NEXT, "pthread_cond_init");
    next_condition = (int (*)(pthread_cond_t *, const pthread_condattr_t *))condition;
    next_clock = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
}

int clock_gettime(clockid_t clock, struct timespec *time) {
    if (next_clock != NULL) return next_clock(clock, time);
    return (int)syscall(SYS_clock_gettime, clock, time);
}

int pthread_cond_init(pthread_cond_t *condition, const pthread_condattr_t *attributes) {
    if (next_condition != NULL) return next_condition(condition, attributes);
    if (attributes != NULL) return EAGAIN;
    memset(condition, 0, sizeof *condition);
    return 0;
}

int timerfd_settime(int descriptor, int flags, const struct itimerspec *next,
                    struct itimerspec *previous) {
    return (int)syscall(SYS_timerfd_settime, descriptor, flags, next, previous);
}
