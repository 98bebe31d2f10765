import ClusterPrimitives
import Synchronization

/// Whether this process is alive, and whether calls may be sent to it. Asks nothing of the shards: a probe costs
/// no round, no write and no thread of theirs.
final class NodeHealth: Sendable {
    /// How long a thread may owe a sign of life, in milliseconds: far above what a sync or a burst of work takes,
    /// below the time that probes usually wait for their answer.
    static let answerMillisecondsMax: Int64 = 2_000
    /// How often is looked whether the answers have come, in milliseconds.
    private static let lookMilliseconds: Int64 = 5

    /// What a running node is judged by.
    struct Running: Sendable {
        let pulse: Pulse
        let context: ServiceContext
        let metrics: MetricSources
    }

    private enum Phase {
        case starting
        case running(Running)
        case stopping(Running?)
    }

    private let phase = Mutex(Phase.starting)

    /// The node is recovered and listens.
    func started(_ running: Running) {
        phase.withLock { phase in
            if case .starting = phase { phase = .running(running) }
        }
    }

    /// A stop was asked for.
    func stops() {
        phase.withLock { phase in
            switch phase {
            case .starting: phase = .stopping(nil)
            case .running(let running): phase = .stopping(running)
            case .stopping: break
            }
        }
    }

    /// Nothing of the node can be asked any more.
    func ends() { phase.withLock { $0 = .stopping(nil) } }

    /// What speaks against this process being alive; nothing if it is. A start that recovers much is alive.
    /// - Returns: after `answerMillisecondsMax` at most.
    func faults() async throws -> [String] {
        guard let pulse = known?.pulse else { return [] }
        pulse.ask()
        let end = SystemClock.monotonicMilliseconds() + Self.answerMillisecondsMax
        while !pulse.owing.isEmpty, SystemClock.monotonicMilliseconds() < end {
            try await Task.sleep(for: .milliseconds(Self.lookMilliseconds))
        }
        // What another probe has asked for just now is no fault yet.
        return pulse.owing.filter { $0.milliseconds >= Self.answerMillisecondsMax }.map {
            "\($0.name): no sign of life for \($0.milliseconds) ms"
        }
    }

    /// What the node was judged by when it last ran.
    private var known: Running? {
        phase.withLock { phase in
            switch phase {
            case .starting: nil
            case .running(let running): running
            case .stopping(let running): running
            }
        }
    }

    /// The page of metrics; nil before the node runs.
    func metrics() async throws -> String? { try await sources?.page() }

    /// Where figures come from; nil before the node runs.
    var sources: MetricSources? { known?.metrics }

    /// What speaks against sending calls here; nothing if all is well.
    var objections: [String] {
        switch phase.withLock({ $0 }) {
        case .starting: ["the node is starting: it recovers what it has, or waits for its cluster"]
        case .stopping: ["the node stops"]
        case .running(let running): running.objections
        }
    }
}

extension NodeHealth.Running {
    fileprivate var objections: [String] {
        var objections: [String] = []
        if !context.isDirectoryCurrent {
            objections.append(
                "the directory is behind, or its leader was not heard, for "
                    + Self.silence(context.system.replica.ageMilliseconds)
                    + ": this node vouches for nobody's rights"
            )
        }
        if !context.clock.mayLead {
            objections.append(
                "its clock was not compared with the others' yet: it can lead nothing"
            )
        }
        let silent = context.shards.compactMap { route -> (ShardID, Int64?)? in
            guard let replica = route.local else { return nil }
            let silence = replica.silentMilliseconds
            let isHeard = silence.map { $0 <= ServiceContext.directoryAgeMillisecondsMax } ?? false
            return isHeard ? nil : (route.shard, silence)
        }
        for (shard, silence) in silent {
            objections.append(
                "shard \(shard): its leader was not heard for \(Self.silence(silence))"
            )
        }
        return objections
    }

    private static func silence(_ milliseconds: Int64?) -> String {
        milliseconds.map { "\($0) ms" } ?? "as long as the node runs"
    }
}
