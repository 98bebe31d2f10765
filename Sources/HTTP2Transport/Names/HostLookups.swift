import Glibc
import NIOCore
import Synchronization

/// Lookups of host names that are under way, for the whole process.
///
/// Why not the library's own: it asks one name after the other on each event loop. A server of names that keeps
/// silent about one host, as about a container that is gone, costs tens of seconds a question, and the
/// links to all other hosts wait behind it.
///
/// A lookup can't be broken off. So who asks while one is fresh waits for it; behind one that takes its time
/// another is begun, because the host may be back by now, and whichever answers first answers everybody.
final class HostLookups: Sendable {
    /// The addresses of a host, in the system's order.
    struct Addresses: Sendable {
        var v4: [SocketAddress] = []
        var v6: [SocketAddress] = []
    }

    /// What asks the system; blocks.
    typealias Lookup = @Sendable (_ host: String, _ port: Int) -> Result<Addresses, any Error>
    typealias Reply = @Sendable (Result<Addresses, any Error>) -> Void

    /// A lookup that is older than this is not waited for alone, in milliseconds; it doubles with each one
    /// that is under way. Names of a working network are found in a few.
    static let freshMillisecondsMin: Int64 = 500
    /// It doubles up to this: a host that is back is found within so many milliseconds.
    static let freshMillisecondsMax: Int64 = 4_000
    /// Lookups of one host under way: as many as begin while the first is given up by the system after 40 s,
    /// each a thread that waits.
    static let perHostMax = 16

    static let shared = HostLookups()

    private struct Host {
        var running = 0
        var latest: NIODeadline
        /// By lookup, then by who asks.
        var waiters: [UInt64: (lookup: UInt64, reply: Reply)] = [:]

        /// The latest lookup takes so long that another is worth its thread.
        func isStale(at time: NIODeadline) -> Bool {
            guard running < HostLookups.perHostMax else { return false }
            let doublings = min(running - 1, 8)
            let fresh = min(
                HostLookups.freshMillisecondsMax,
                HostLookups.freshMillisecondsMin << Int64(doublings)
            )
            return time >= latest + .milliseconds(fresh)
        }
    }

    private struct State {
        var hosts: [String: Host] = [:]
        var last: UInt64 = 0
    }

    private let state = Mutex(State())
    private let lookup: Lookup
    private let now: @Sendable () -> NIODeadline
    private let start: @Sendable (@escaping @Sendable () -> Void) -> Void

    /// Others than the system's are for tests.
    init(
        lookup: @escaping Lookup = systemLookup,
        now: @escaping @Sendable () -> NIODeadline = { .now() },
        start: @escaping @Sendable (@escaping @Sendable () -> Void) -> Void = HostLookups.onThread
    ) {
        self.lookup = lookup
        self.now = now
        self.start = start
    }

    /// Asks for a host; the reply comes once, on any thread, unless it is cancelled.
    /// - Returns: what `cancel` takes.
    func ask(_ host: String, port: Int, reply: @escaping Reply) -> UInt64 {
        let key = "\(host):\(port)"
        let time = now()
        let (id, mustStart) = state.withLock { state in
            state.last += 1
            let id = state.last
            var entry = state.hosts[key] ?? Host(latest: time)
            let begins = entry.running == 0 || entry.isStale(at: time)
            if begins {
                entry.running += 1
                entry.latest = time
            }
            // Who joins ends with the latest lookup; who begins one, with it.
            let lookup = begins ? id : entry.waiters.values.map(\.lookup).max() ?? id
            entry.waiters[id] = (lookup, reply)
            state.hosts[key] = entry
            return (id, begins)
        }
        if mustStart {
            start { [self] in
                let result = lookup(host, port)
                finish(key, id, result)
            }
        }
        return id
    }

    /// Nobody waits for that reply any more.
    func cancel(_ id: UInt64, _ host: String, port: Int) {
        state.withLock { _ = $0.hosts["\(host):\(port)"]?.waiters.removeValue(forKey: id) }
    }

    private func finish(_ key: String, _ lookup: UInt64, _ result: Result<Addresses, any Error>) {
        let replies = state.withLock { state -> [Reply] in
            guard var host = state.hosts[key] else { return [] }
            host.running -= 1
            let isFound = if case .success = result { true } else { false }
            // Found is found for all. A failure is the answer of those who waited for this one; where it is
            // the last one under way, of all.
            let done = host.waiters.filter {
                isFound || host.running == 0 || $0.value.lookup <= lookup
            }
            for id in done.keys { host.waiters[id] = nil }
            state.hosts[key] = host.running == 0 ? nil : host
            return done.values.map(\.reply)
        }
        for reply in replies { reply(result) }
    }

    /// Threads of their own: they may be blocked for long, and nobody else may wait for them.
    static func onThread(_ body: @escaping @Sendable () -> Void) {
        let box = Unmanaged.passRetained(ThreadBody(body))
        var thread = pthread_t()
        let code = pthread_create(
            &thread,
            nil,
            { raw in
                guard let raw else { return nil }
                Unmanaged<ThreadBody>.fromOpaque(raw).takeRetainedValue().body()
                return nil
            },
            box.toOpaque()
        )
        if code == 0 {
            pthread_detach(thread)
        } else {
            // The system has no thread left: the caller's has to do.
            box.takeRetainedValue().body()
        }
    }

    private final class ThreadBody: Sendable {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }
}
