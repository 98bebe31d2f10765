import Glibc
import Synchronization

/// One thread that does its jobs in the order given. A store's lane, the log's writer.
///
/// Why a thread and not a dispatch queue: blocking in fdatasync or SQLite must never take a thread away
/// from anybody else, and a thread has a name that a profiler shows.
final class SerialLane: Sendable {
    /// Jobs that may wait. Reached only if the proposers' own limits fail, hence a programming error.
    static let jobsMax = 1 << 20

    private struct State {
        var jobs: [@Sendable () -> Void] = []
        var isClosed = false
    }

    private let state: Mutex<State>
    private let wake = Wake()
    private let finished = Wake()

    /// Starts the thread.
    /// - Parameter name: shown by profilers; the kernel keeps 15 bytes.
    init(name: String) {
        state = Mutex(State())
        startThread(name: name) { [self] in run() }
    }

    /// Adds a job at the end. After `close` jobs are no longer taken: the answer says so.
    @discardableResult
    func submit(_ job: @escaping @Sendable () -> Void) -> Bool {
        let isFirst: Bool? = state.withLock {
            guard !$0.isClosed else { return nil }
            precondition($0.jobs.count < Self.jobsMax, "a lane's queue grew past its limit")
            $0.jobs.append(job)
            return $0.jobs.count == 1
        }
        if isFirst == true { wake.signal() }
        return isFirst != nil
    }

    /// Does a job behind those given before, and returns when it is done; nil if the lane is closed. Not on the
    /// lane itself, and not on an event loop.
    func perform<Value: Sendable>(_ job: @escaping @Sendable () -> Value) -> Value? {
        let answer = Awaited<Value>()
        guard submit({ answer.give(job()) }) else { return nil }
        return answer.wait()
    }

    /// Does what was given, then ends the thread; returns when it has. Not on the lane itself.
    func close() {
        let wasOpen = state.withLock { state in
            defer { state.isClosed = true }
            return !state.isClosed
        }
        guard wasOpen else { return }
        wake.signal()
        finished.wait()
    }

    private func run() {
        while true {
            wake.wait()
            while true {
                let jobs = state.withLock { state in
                    let jobs = state.jobs
                    state.jobs.removeAll(keepingCapacity: true)
                    return jobs
                }
                if jobs.isEmpty { break }
                for job in jobs { job() }
            }
            if state.withLock({ $0.isClosed && $0.jobs.isEmpty }) { break }
        }
        finished.signal()
    }
}

/// One value on its way from another thread to one that waits.
final class Awaited<Value: Sendable>: Sendable {
    private let value = Mutex<Value?>(nil)
    private let given = Wake()

    func give(_ value: Value) {
        self.value.withLock { $0 = value }
        given.signal()
    }

    func wait() -> Value? {
        given.wait()
        return value.withLock { $0 }
    }
}

/// A counting semaphore. `@unchecked Sendable`: sem_t is made for use from several threads, and the
/// pointer never changes.
private final class Wake: @unchecked Sendable {
    private let semaphore: UnsafeMutablePointer<sem_t>

    init() {
        semaphore = .allocate(capacity: 1)
        let result = sem_init(semaphore, 0, 0)
        precondition(result == 0, "sem_init can fail only for a value over SEM_VALUE_MAX")
    }

    deinit {
        sem_destroy(semaphore)
        semaphore.deallocate()
    }

    func signal() { sem_post(semaphore) }

    func wait() {
        while sem_wait(semaphore) != 0 { precondition(errno == EINTR) }
    }
}

private final class ThreadBody: Sendable {
    let name: String
    let body: @Sendable () -> Void

    init(name: String, body: @escaping @Sendable () -> Void) {
        self.name = name
        self.body = body
    }
}

/// Names the calling thread. Glibc's module has no `pthread_setname_np`; a thread without a name is no fault.
private func nameThread(_ name: String) {
    let descriptor = open("/proc/thread-self/comm", O_WRONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return }
    let bytes = Array(name.utf8.prefix(15))
    _ = write(descriptor, bytes, bytes.count)
    close(descriptor)
}

/// Starts a detached thread with a name.
private func startThread(name: String, _ body: @escaping @Sendable () -> Void) {
    var attributes = pthread_attr_t()
    pthread_attr_init(&attributes)
    pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
    var thread = pthread_t()
    let argument = Unmanaged.passRetained(ThreadBody(name: name, body: body)).toOpaque()
    let result = pthread_create(
        &thread,
        &attributes,
        { argument in
            guard let argument else { return nil }
            let body = Unmanaged<ThreadBody>.fromOpaque(argument).takeRetainedValue()
            nameThread(body.name)
            body.body()
            return nil
        },
        argument
    )
    pthread_attr_destroy(&attributes)
    precondition(result == 0, "pthread_create failed: \(result)")
}
