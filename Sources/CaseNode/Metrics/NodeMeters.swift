import ClusterPrimitives
import Glibc
import RPC
import ReplicaDriver
import ReplicationLog
import Synchronization

/// What is counted where it happens. Everything else is looked up when somebody asks for metrics.
final class NodeMeters: Sendable {
    let calls = CallMeters()
    /// Commands that were given to a leader here.
    let proposed = Counter()
    /// From a proposal to its commit, on this leader.
    let commit = Histogram()
    /// A transaction of a store.
    let apply = Histogram()
    /// Entries that stores have applied.
    let applied = Counter()
    /// A write of the log, and its sync.
    let logWrite = Histogram()
    let logSync = Histogram()
    private let failures = Mutex<[String: UInt64]>([:])

    let snapshotsInstalled = Counter()
    let snapshotsArrived = Counter()
    let snapshotsFailed = Counter()

    let sweepsTold = Counter()
    let sweepsFailed = Counter()
    let sweptCases = Counter()
    /// From when a shard was due to the answer to its sweep.
    let sweepLateness = Histogram()
    let leadershipChanges = Counter()
    /// How late event loops get to what they are given.
    let loopDelay = Histogram()

    /// Commands and reads that ended without a result, by the kind of reason.
    var failed: [String: UInt64] { failures.withLock { $0 } }

    /// A command or a read ended without a result.
    func count(_ failure: ReplicaFailure) {
        failures.withLock { $0[failure.label, default: 0] += 1 }
    }

    /// Watches the log's thread; called on it alone.
    func logObserver() -> LogPhaseObserver {
        let began = Mutex<(write: UInt64, sync: UInt64)>((0, 0))
        return { [self] phase, edge in
            let now = Self.now()
            switch (phase, edge) {
            case (.write, .begin): began.withLock { $0.write = now }
            case (.sync, .begin): began.withLock { $0.sync = now }
            case (.write, .end): logWrite.observe(nanoseconds: now - began.withLock { $0.write })
            case (.sync, .end): logSync.observe(nanoseconds: now - began.withLock { $0.sync })
            default: break
            }
        }
    }

    /// The monotonic clock in nanoseconds.
    static func now() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }
}

extension ReplicaFailure {
    /// All labels, for those that have not happened.
    static let labels = [
        "not-leader", "overloaded", "too-large", "disk-full", "unfit-change", "outcome-unknown",
        "stopping",
    ]

    /// As metrics name it.
    var label: String {
        switch self {
        case .notLeader: "not-leader"
        case .overloaded: "overloaded"
        case .tooLarge: "too-large"
        case .diskFull: "disk-full"
        case .unfitChange: "unfit-change"
        case .outcomeUnknown: "outcome-unknown"
        case .stopping: "stopping"
        }
    }
}

/// Calls of clients by method. The methods are those that the router knows, so they are few.
final class CallMeters: RPCCallObserver {
    /// One method's figures.
    final class Method: Sendable {
        let began = Counter()
        let ended = Histogram()
        /// By status code; gRPC has these many.
        let codes: [Counter] = (0..<17).map { _ in Counter() }
    }

    private let methods = Mutex<[String: Method]>([:])

    /// By path, sorted.
    var all: [(path: String, method: Method)] {
        methods.withLock { $0 }.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }

    /// Calls that have begun and not ended.
    var open: UInt64 {
        all.reduce(0) { sum, entry in
            let ended = entry.method.ended.value.count
            return sum + (entry.method.began.value - min(ended, entry.method.began.value))
        }
    }

    func callBegan(_ path: String) { method(path).began.add() }

    func callEnded(_ path: String, _ code: RPCStatusCode, nanoseconds: UInt64) {
        let method = method(path)
        method.ended.observe(nanoseconds: nanoseconds)
        // A code of a newer protocol counts as UNKNOWN.
        let known = method.codes.indices.contains(code.rawValue) ? code.rawValue : 2
        method.codes[known].add()
    }

    private func method(_ path: String) -> Method {
        methods.withLock { methods in
            if let known = methods[path] { return known }
            let new = Method()
            methods[path] = new
            return new
        }
    }
}
