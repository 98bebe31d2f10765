import Foundation
import Glibc
import Synchronization

/// A program that was started, until its end.
///
/// Rejected: Foundation's `Process`, which walks over all open descriptors of the caller at each start and reads
/// behind an entry of `/proc/self/fd` doing so; a harness that starts hundreds of nodes dies of that. It also
/// learns of the end from a socket that children started at the same moment inherit.
package final class ChildProcess: Sendable {
    /// What is to be started.
    package struct Options: Sendable {
        /// The program: a path, or a name to be looked for in `PATH`.
        package var program: String
        package var arguments: [String]
        /// All that it gets, not what it gets besides.
        package var environment: [String: String]
        /// Where it runs; nil for where the caller does.
        package var directory: String?
        /// What it reads: nothing, as long as this is nil.
        package var input: Int32?
        /// Where it writes; nil for where the caller does.
        package var output: Int32?
        package var errors: Int32?

        package init(
            _ program: String,
            _ arguments: [String],
            environment: [String: String] = ProcessInfo.processInfo.environment
        ) {
            self.program = program
            self.arguments = arguments
            self.environment = environment
        }
    }

    /// The system would not start it.
    package struct NotStarted: Error, CustomStringConvertible {
        let program: String
        let code: Int32
        package var description: String {
            "\(program) could not be started: \(String(cString: strerror(code)))"
        }
    }

    private struct State: ~Copyable {
        /// The exit code, or the signal's number negated.
        var status: Int32?
        var waiters: [CheckedContinuation<Int32, Never>] = []
    }

    /// The number stays the child's until its end has been noted.
    package let pid: pid_t
    private let state = Mutex(State())
    private let ended = DispatchGroup()

    /// Where output goes that nobody reads.
    package static let nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC)

    private init(pid: pid_t) {
        self.pid = pid
        ended.enter()
    }

    /// Starts a program in a process group of its own, with no other descriptors than its first three, and with
    /// all signals as a program expects them.
    package static func start(_ options: Options) throws -> ChildProcess {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        if let input = options.input {
            posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO)
        } else {
            posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
        }
        // From and to the same number closes on exec otherwise.
        posix_spawn_file_actions_adddup2(&actions, options.output ?? STDOUT_FILENO, STDOUT_FILENO)
        posix_spawn_file_actions_adddup2(&actions, options.errors ?? STDERR_FILENO, STDERR_FILENO)
        GNUExtension.closeFrom(&actions, STDERR_FILENO + 1)
        if let directory = options.directory {
            GNUExtension.changeDirectory(&actions, directory)
        }
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var (all, none) = (sigset_t(), sigset_t())
        sigfillset(&all)
        sigemptyset(&none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setpgroup(&attributes, 0)
        let flags = POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP
        posix_spawnattr_setflags(&attributes, Int16(flags))

        var arguments = ([options.program] + options.arguments).map { strdup($0) }
        var environment = options.environment.map { strdup("\($0.key)=\($0.value)") }
        defer { for word in arguments + environment { free(word) } }
        arguments.append(nil)
        environment.append(nil)
        var pid = pid_t()
        let code = posix_spawnp(
            &pid,
            options.program,
            &actions,
            &attributes,
            arguments,
            environment
        )
        guard code == 0 else { throw NotStarted(program: options.program, code: code) }
        let child = ChildProcess(pid: pid)
        Thread.detachNewThread { child.awaitEnd() }
        return child
    }

    /// On a thread of its own.
    private func awaitEnd() {
        var information = siginfo_t()
        // Its number must not be given to another before nobody signals it any more.
        while waitid(P_PID, id_t(pid), &information, WEXITED | WNOWAIT) != 0 {
            precondition(errno == EINTR, "nobody else waits for this child")
        }
        let waiters = state.withLock { state in
            var word: Int32 = 0
            while waitpid(pid, &word, 0) < 0 {
                precondition(errno == EINTR, "nobody else waits for this child")
            }
            state.status = word & 0x7F == 0 ? word >> 8 & 0xFF : -(word & 0x7F)
            defer { state.waiters = [] }
            return state.waiters
        }
        let status = state.withLock { $0.status ?? 0 }
        ended.leave()
        for waiter in waiters { waiter.resume(returning: status) }
    }

    /// Whether its end has not been noted yet.
    package var isRunning: Bool { state.withLock { $0.status == nil } }

    /// Sends a signal, unless it has ended.
    package func signal(_ number: Int32) {
        state.withLock { if $0.status == nil { Glibc.kill(pid, number) } }
    }

    /// Waits for the end: the exit code, or the signal's number negated.
    package func end() async -> Int32 {
        await withCheckedContinuation { continuation in
            let status: Int32? = state.withLock { state in
                if let status = state.status { return status }
                state.waiters.append(continuation)
                return nil
            }
            if let status { continuation.resume(returning: status) }
        }
    }

    /// Runs a program to its end, on the caller's thread.
    /// - Returns: the exit code, or the signal's number negated.
    package static func run(_ options: Options) throws -> Int32 {
        let child = try start(options)
        child.ended.wait()
        return child.state.withLock { $0.status ?? 0 }
    }
}
