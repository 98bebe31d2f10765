import ClusterPrimitives
import DiskSimulator
import RaftCore
import ReplicationLog

/// A log on a simulated disk, with limits so small that a few hundred calls roll and retire.
enum LogFixture {
    static let directory = "log"
    static let identity = LogIdentity(cluster: Array(1...16), node: NodeID(3))
    static let configuration = LogConfiguration(
        segmentBytes: 12 << 10,
        batchBytesMax: 2 << 10,
        recordBytesMax: 512,
        moveGroupBytesMax: 1 << 10,
        moveBytesMax: 5 << 10
    )

    static func open(
        _ disk: SimulatedDisk,
        configuration: LogConfiguration = configuration,
        identity: LogIdentity = identity,
        opening: LogOpening = .createIfMissing,
        observer: LogPhaseObserver? = nil
    ) throws(LogError) -> (log: ReplicationLog, recovered: RecoveredLog) {
        try ReplicationLog.open(
            directory: directory,
            fileSystem: SimulatedLogFiles(disk),
            configuration: configuration,
            identity: identity,
            opening: opening,
            phaseObserver: observer
        )
    }

    /// Opens, reads everything and closes.
    static func read(_ disk: SimulatedDisk) throws(LogError) -> (LogModel, RecoveryReport) {
        let (log, recovered) = try open(disk, opening: .existing)
        defer { log.close() }
        return (try LogModel(log, recovered), recovered.report)
    }

    static func entry(_ index: UInt64, term: UInt64 = 1, bytes: Int = 20) -> Entry {
        Entry(
            term: Term(term),
            index: LogIndex(index),
            payload: (0..<bytes).map { UInt8(truncatingIfNeeded: $0 &+ Int(index)) }
        )
    }

    static func segmentPath(_ generation: UInt64) -> String {
        let number = String(generation)
        return "log/" + String(repeating: "0", count: 20 - number.count) + number + ".log"
    }
}

extension SimulatedDisk {
    /// The power goes and comes back: of what was not synced any part stays, as the seed has it.
    func tear(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        cutPower(using: &random)
    }
}
