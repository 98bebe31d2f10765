// source: gives a program's calls an address of its own to come from.
//
// Several nodes on one machine call from the same address of loopback, and nobody in between can say who
// calls. With this library, each connection that was not bound is bound to SOURCE_ADDRESS, of IPv4, first.
//
//     gcc -shared -fPIC -O2 -o libsource.so source.c -ldl
//     SOURCE_ADDRESS=127.10.0.1 LD_PRELOAD=$PWD/libsource.so program

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

int connect(int descriptor, const struct sockaddr *to, socklen_t length) {
    static int (*real)(int, const struct sockaddr *, socklen_t);
    if (!real) real = (int (*)(int, const struct sockaddr *, socklen_t))dlsym(RTLD_NEXT, "connect");
    const char *address = getenv("SOURCE_ADDRESS");
    if (address && to && to->sa_family == AF_INET) {
        struct sockaddr_in own;
        socklen_t size = sizeof own;
        memset(&own, 0, sizeof own);
        if (getsockname(descriptor, (struct sockaddr *)&own, &size) == 0 && own.sin_port == 0) {
            memset(&own, 0, sizeof own);
            own.sin_family = AF_INET;
            // A failure leaves the connection to come from wherever it comes: the caller sees no difference.
            if (inet_pton(AF_INET, address, &own.sin_addr) == 1)
                (void)bind(descriptor, (struct sockaddr *)&own, sizeof own);
        }
    }
    return real(descriptor, to, length);
}
