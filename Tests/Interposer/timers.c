// timers: keeps libfaketime off the kernel's timers.
//
// libfaketime moves every absolute timer by what the wall clock is shifted, also those of clocks that it does
// not shift. Swift's Task.sleep waits with an absolute timer of the monotonic clock, and would wait for months.
// Preloaded before libfaketime, this gives the timers to the kernel as they are: right as long as nobody sets
// one by the wall clock, and casenode sets none.
//
//     gcc -shared -fPIC -O2 -o libtimers.so timers.c
//     LD_PRELOAD="$PWD/libtimers.so libfaketimeMT.so.1" program

#define _GNU_SOURCE
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

int timerfd_settime(int descriptor, int flags, const struct itimerspec *next,
                    struct itimerspec *previous) {
    return (int)syscall(SYS_timerfd_settime, descriptor, flags, next, previous);
}
