import ProcessSupport

/// A promise that was broken, with what shows it.
public struct Violation: Hashable, Codable, Sendable {
    /// Which check found it.
    public var check: String
    /// Where: a case, a node, a shard.
    public var subject: String
    /// What is wrong.
    public var message: String
    /// The few operations that show it, in order.
    public var operations: [String] = []
}

/// What happened while a run lasted: samples of all calls, faults as they were made, what was found wrong.
/// Safe from any thread.
final class Journal: Sendable {
    /// How a call ended.
    enum Ending: Int, Sendable {
        /// Carried out, or read.
        case done
        /// A rule said no.
        case refused
        /// Nobody knows.
        case unknown
        /// It was not carried out.
        case failed
    }

    /// One call.
    struct Sample: Sendable {
        /// When it ended, in microseconds since the run began.
        let at: Int64
        let latency: Int64
        let ending: Ending
        let isWrite: Bool
    }

    /// A fault as it was made.
    struct Made: Sendable {
        let fault: PlannedFault
        /// In microseconds since the run began.
        let from: Int64
        /// Nil while it lasts.
        var to: Int64?
    }

    /// Something that only happens now and then.
    enum Encounter: String, CaseIterable, Sendable {
        /// A node stopped because its disk failed.
        case stoppedByDisk = "a node stopped because its disk failed"
        /// Unsynced data was thrown away with a process.
        case unsyncedLost = "unsynced data was thrown away with a process"
        /// A node was replaced.
        case replaced = "a node was replaced by a new one under a new id"
        /// A command's outcome stayed unknown.
        case unknownOutcome = "a command's outcome stayed unknown to its client"
        /// A command was told again under its key and answered as at first.
        case toldAgain = "an old command was told again and answered as at first"
        /// A feed went on from a token.
        case resumed = "a feed went on from its token"
        /// Closed by the timer.
        case closedByTimer = "a case was closed by the timer"
        /// Archived.
        case archived = "a case was archived"
        /// A command came too late for its version.
        case stale = "a compare-and-set came too late"
    }

    private struct State {
        var samples: [Sample] = []
        var made: [Int: Made] = [:]
        var violations: [Violation] = []
        var encounters: [Encounter: Int] = [:]
        var faultsBegan: Int64?
        var faultsEnded: Int64?
    }

    private let clock = ContinuousClock()
    private let start: ContinuousClock.Instant
    private let state = Locked(State())

    init() { start = clock.now }

    /// Microseconds since the run began.
    var now: Int64 {
        let (seconds, attoseconds) = (clock.now - start).components
        return seconds * 1_000_000 + attoseconds / 1_000_000_000_000
    }

    /// Milliseconds since faults began; 0 before.
    var faultTime: Int {
        state.withLock { $0.faultsBegan }.map { Int((now - $0) / 1_000) } ?? 0
    }

    var faultsBegan: Int64? { state.withLock { $0.faultsBegan } }
    var faultsEnded: Int64? { state.withLock { $0.faultsEnded } }
    func faultsBegin() { let now = now; state.withLock { $0.faultsBegan = now } }
    func faultsEnd() { let now = now; state.withLock { $0.faultsEnded = now } }

    /// A call ended.
    func called(from: Int64, _ ending: Ending, isWrite: Bool) {
        let now = now
        let sample = Sample(at: now, latency: now - from, ending: ending, isWrite: isWrite)
        state.withLock {
            $0.samples.append(sample)
            if ending == .unknown { $0.encounters[.unknownOutcome, default: 0] += 1 }
        }
    }

    func began(_ fault: PlannedFault) {
        let now = now
        state.withLock { $0.made[fault.number] = Made(fault: fault, from: now) }
    }

    func ended(_ fault: PlannedFault) {
        let now = now
        state.withLock { $0.made[fault.number]?.to = now }
    }

    func violated(_ violation: Violation) { state.withLock { $0.violations.append(violation) } }

    func count(_ encounter: Encounter, _ times: Int = 1) {
        state.withLock { $0.encounters[encounter, default: 0] += times }
    }

    var samples: [Sample] { state.withLock { $0.samples } }
    var made: [Made] {
        state.withLock { $0.made.values.sorted { $0.fault.number < $1.fault.number } }
    }
    var violations: [Violation] { state.withLock { $0.violations } }
    var encounters: [Encounter: Int] { state.withLock { $0.encounters } }
    var running: [PlannedFault] { made.filter { $0.to == nil }.map(\.fault) }
    var sampleCount: Int { state.withLock { $0.samples.count } }
}
