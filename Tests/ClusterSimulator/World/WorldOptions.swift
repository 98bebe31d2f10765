import ClusterPrimitives
import ReplicationLog

/// One world's sizes, rates and faults, drawn from its seed. Each world gets some of the faults and some
/// limits so small that they are met: a mixture of everything always would hide what each does alone.
/// Times are in microseconds.
public struct WorldOptions: Sendable {
    /// What everything in the world comes from.
    public let seed: UInt64
    var nodes = 3
    var shards = 2
    var clients = 4
    /// How long clients act and faults happen.
    var busyTime: Int64 = 30_000_000
    /// How long the healed world may take until all is well.
    var healTime: Int64 = 120_000_000

    // Sizes.
    var segmentBytes = 64 << 10
    var checkpointEntries: UInt64 = 200
    var checkpointTicks: Int64 = 50
    var inflightMessagesMax = 256
    var messageBytesMax: UInt64 = 1 << 20
    var inflightBytesMax: UInt64 = 16 << 20
    var committedBytesMax: UInt64 = 4 << 20
    var uncommittedBytesMax: UInt64 = 64 << 20
    var proposalsMax = 4_096
    /// Entries between two comparisons of all rows.
    var checksumEntries: UInt64 = 64
    /// Entries kept below a checkpoint for followers that lag, and bytes.
    var retainedEntries = 1_000
    var heldBytesMax = 64 << 20
    var electionTicks = 16
    var heartbeatTicks = 4

    // Times.
    var tick: Int64 = 25_000
    var thinkTime: Int64 = 40_000
    /// How long a client waits for an answer before it asks again, perhaps elsewhere.
    var attemptTime: ClosedRange<Int64> = 300_000...1_500_000
    /// Of what clients do, how much is reading: each client takes one of them.
    var readPercents = [32]
    /// Of the reads, how many go to any node instead of the leader.
    var readAnywherePercent = 40
    /// Of the answered commands, how many are looked at at once, by a read that may go to any node.
    var readBackPercent = 0
    /// At each founder there is somebody who only looks, all the time.
    var hasWatchers = false
    /// How many of the newest cases clients deal with.
    var hotCases = 6
    var syncTime: ClosedRange<Int64> = 100...3_000
    var applyTime: ClosedRange<Int64> = 100...2_000
    /// How long a checkpoint is out before the replica hears that it is done: others are applied meanwhile.
    var checkpointTime: ClosedRange<Int64> = 100...5_000
    var reopenWindow = TimeSpan(milliseconds: 4_000)
    var nightSeconds: Int64 = 5

    // Faults; per mille of messages, and mean microseconds between events, 0 for never.
    var network = NetworkOptions()
    var crashEvery: Int64 = 0
    /// Power cuts in the midst of a write are in the midst of one of the log's.
    var cutsLogWrites = false
    var allDownEvery: Int64 = 0
    var pauseEvery: Int64 = 0
    var partitionEvery: Int64 = 0
    var stallEvery: Int64 = 0
    var fullEvery: Int64 = 0
    var fullTime: ClosedRange<Int64> = 500_000...4_000_000
    /// Bytes that a disk still takes that is to fill up.
    var fullBytesLeft: ClosedRange<Int64> = 0...60_000
    /// Of the disks that fill up, how many are a leader's.
    var fullLeaderPercent = 0
    var failedSyncEvery: Int64 = 0
    var clockEvery: Int64 = 0
    /// Nothing goes wrong but one node's clock, and that node ends and starts: then it is known what time it is,
    /// and when the node must have noticed.
    var hasWrongClockAlone = false
    var driftMax: Double = 0
    /// How long each node's ticks are, of what they should be: a slow one notices late that nobody hears it.
    var tickFactors: [Double] = [1]
    /// How long one founder's disk and store take, of what they should.
    var slowMachineFactor = 1.0
    /// Of the times when links are cut, how often it is a leader that loses its peers and keeps its clients.
    var leaderCutPercent = 0
    var flipsBit = false
    /// Somebody who owns cases leaves the directory.
    var ownerLeaves = false
    /// Members are replaced, and leadership is handed over.
    var changeEvery: Int64 = 0
    /// What is handed over is the coordinator's leadership, and nothing else changes.
    var movesCoordinator = false
    /// Nodes that are there to be put in somebody's place.
    var spares = 0
    /// Members go and come two at a time, and lose sight of each other while they do: what one half of a joint
    /// configuration decides without the other shows.
    var cutsAlongChanges = false
    /// All that a node leads speaks in the same tick. Not everywhere: the seeds that are kept were found without.
    var alignsHeartbeats = false

    /// Draws a world.
    public init(seed: UInt64) {
        self.seed = seed
        var random = SeededGenerator(seed: seed)
        func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &random) < percent }
        func pick<Value>(_ values: [Value]) -> Value {
            values[Int.random(in: 0..<values.count, using: &random)]
        }
        nodes = pick([3, 3, 3, 5])
        shards = pick([1, 1, 2, 3])
        clients = pick([2, 4, 8])
        busyTime = pick([6_000_000, 15_000_000, 30_000_000, 45_000_000])
        segmentBytes = pick([64 << 10, 64 << 10, 256 << 10])
        checkpointEntries = pick([10, 40, 200, 1_000])
        checkpointTicks = pick([5, 50])
        inflightMessagesMax = pick([1, 2, 8, 256])
        messageBytesMax = pick([1, 700, 4_000, 1 << 20])
        inflightBytesMax = max(messageBytesMax, pick([1, 2_000, 16 << 20]))
        committedBytesMax = pick([1, 2_000, 4 << 20])
        uncommittedBytesMax = pick([2_000, 64 << 20, 64 << 20])
        proposalsMax = pick([2, 16, 4_096])
        checksumEntries = pick([16, 64])
        retainedEntries = pick([0, 5, 50, 1_000])
        heldBytesMax = pick([0, 2_000, 64 << 20])
        (electionTicks, heartbeatTicks) = pick([(16, 4), (16, 4), (10, 1)])
        tick = pick([25_000, 25_000, 60_000])
        thinkTime = pick([5_000, 40_000, 200_000])
        syncTime = pick([100...500, 100...3_000, 5_000...60_000])
        applyTime = pick([50...300, 100...2_000, 2_000...30_000])
        checkpointTime = pick([100...5_000, 5_000...200_000])
        attemptTime = pick([
            100_000...400_000, 300_000...1_500_000, 2_000_000...9_000_000, 2_000_000...9_000_000,
        ])
        readPercents = pick([[32], [15], [5, 90], [60]])
        readAnywherePercent = pick([10, 40, 90])
        readBackPercent = pick([0, 30, 80])
        hotCases = pick([1, 2, 6])
        hasWatchers = chance(25)
        reopenWindow = TimeSpan(milliseconds: pick([500, 2_000, 6_000]))
        nightSeconds = pick([2, 5, 11])
        network = NetworkOptions(using: &random)
        if chance(75) { crashEvery = pick([2_000_000, 5_000_000, 10_000_000]) }
        if chance(20) { allDownEvery = 12_000_000 }
        if chance(40) { pauseEvery = pick([1_500_000, 5_000_000]) }
        if chance(70) { partitionEvery = pick([2_000_000, 6_000_000]) }
        if chance(30) { stallEvery = pick([3_000_000, 8_000_000]) }
        if chance(20) { fullEvery = 6_000_000 }
        if chance(20) { failedSyncEvery = 7_000_000 }
        if chance(40) { clockEvery = pick([2_000_000, 6_000_000]) }
        if chance(40) { driftMax = pick([0.001, 0.02]) }
        if chance(50) { tickFactors = pick([[0.8, 1, 1.3, 4], [1, 1, 3]]) }
        if chance(60) { slowMachineFactor = pick([5, 30]) }
        leaderCutPercent = pick([20, 50, 90])
        if chance(50) {
            changeEvery = pick([700_000, 3_000_000])
            spares = pick([0, 1, 2, 2])
        }
        flipsBit = chance(25)
        ownerLeaves = chance(25)
        // Some worlds have one trouble alone: they get much done, and what it does shows.
        switch pick(Array(0..<100)) {
        case 0..<6:
            keepNothing()
            (hasWrongClockAlone, clockEvery) = (true, pick([2_000_000, 6_000_000]))
            crashEvery = pick([0, 3_000_000, 8_000_000])
            slowMachineFactor = 1
            network.calm()
        case 6..<20:
            let changes = changeEvery
            keepNothing()
            (partitionEvery, changeEvery) = (pick([1_500_000, 3_000_000]), changes)
            hasWatchers = true
            network.calm()
        case 20..<36, 89..<93:
            haveManyLook()
            alignsHeartbeats = chance(50)
        case 93..<100:
            keepNothing()
            (cutsAlongChanges, nodes, spares, changeEvery) = (true, 3, 2, 400_000)
            alignsHeartbeats = true
            slowMachineFactor = 1
            network.calm()
        default: seekWhatIsRare()
        }
    }

    /// Every minute of worlds is to meet what comes of the rarest faults. By the seed itself and not drawn: all other
    /// seeds, those that are kept among them, stand for the same worlds as before.
    private mutating func seekWhatIsRare() {
        switch seed % 32 {
        case 3, 10, 19, 26:
            (fullEvery, fullTime) = (4_000_000, 3_000_000...8_000_000)
            (fullBytesLeft, fullLeaderPercent) = (0...4_000, 80)
            busyTime = max(busyTime, 15_000_000)
        case 7, 12, 23, 28:
            // The bit is flipped in an old segment, so a log must be long, and kept.
            (flipsBit, busyTime) = (true, max(busyTime, 30_000_000))
            (segmentBytes, retainedEntries, heldBytesMax) = (64 << 10, 1_000, 64 << 20)
            (clients, thinkTime) = (8, 5_000)
        case 0, 9, 16, 27:
            // Batches of the log that were half written.
            (crashEvery, cutsLogWrites, busyTime) = (1_000_000, true, max(busyTime, 15_000_000))
        case 2, 15, 29:
            // A coordinator has much under way when the next one begins: it looks at every shard first.
            keepNothing()
            (changeEvery, movesCoordinator, shards) = (500_000, true, 3)
            (network.dropPerMille, network.duplicatePerMille) = (0, 200)
            (network.delayPerMille, network.longDelay) = (200, 1_000_000)
            slowMachineFactor = 1
        case 4, 14, 17, 31: haveManyLook()
        default: break
        }
    }

    /// A replica that lags, rounds that must be repeated, and many who look at one case by way of any node: what a read
    /// misses shows. The figures are those that found the most such reads in a minute.
    private mutating func haveManyLook() {
        keepNothing()
        (slowMachineFactor, network.dropPerMille) = (10, 300)
        (syncTime, thinkTime, hotCases) = (100...1_000, 10_000, 1)
        (readBackPercent, readAnywherePercent, hasWatchers) = (60, 100, true)
        clients = 7
    }

    /// Takes out whatever was drawn but for the network's faults and a slow machine.
    private mutating func keepNothing() {
        (crashEvery, allDownEvery, pauseEvery, partitionEvery) = (0, 0, 0, 0)
        (stallEvery, fullEvery, failedSyncEvery, changeEvery) = (0, 0, 0, 0)
        (clockEvery, driftMax, tickFactors, flipsBit) = (0, 0, [1], false)
    }

    /// The log's limits.
    var logConfiguration: LogConfiguration { .small(segmentBytes: segmentBytes) }
}

/// What the network does to messages.
struct NetworkOptions: Sendable {
    /// Microseconds that a message takes.
    var delay: ClosedRange<Int64> = 200...2_000
    var dropPerMille = 0
    var duplicatePerMille = 0
    /// Messages that take up to `longDelay`.
    var delayPerMille = 0
    var longDelay: Int64 = 1_500_000

    init() {}

    /// Nothing is lost, repeated or late.
    mutating func calm() {
        (dropPerMille, duplicatePerMille, delayPerMille) = (0, 0, 0)
    }

    init(using random: inout SeededGenerator) {
        func pick<Value>(_ values: [Value]) -> Value {
            values[Int.random(in: 0..<values.count, using: &random)]
        }
        delay = pick([50...500, 200...2_000, 500...40_000])
        dropPerMille = pick([0, 0, 5, 50, 150, 300, 300])
        duplicatePerMille = pick([0, 0, 10, 100])
        delayPerMille = pick([0, 0, 10, 50])
        longDelay = pick([300_000, 1_500_000, 6_000_000])
    }
}
