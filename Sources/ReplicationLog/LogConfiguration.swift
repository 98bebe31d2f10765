import ClusterPrimitives

/// Whose log it is. Written into every file of it, so that a mixed-up volume is refused.
public struct LogIdentity: Hashable, Sendable {
    /// The cluster's id: exactly `clusterBytes` bytes.
    public let cluster: [UInt8]
    /// The node's id.
    public let node: NodeID

    /// The length of a cluster's id: that of a UUID.
    public static let clusterBytes = 16

    /// Names an owner.
    public init(cluster: [UInt8], node: NodeID) {
        self.cluster = cluster
        self.node = node
    }
}

/// Whether a log may come into being.
public enum LogOpening: Hashable, Sendable {
    /// The node's first start: makes the log if there is none.
    case createIfMissing
    /// Every later start: `LogError.missing` if there is none, because a voter must not forget.
    case existing
}

/// The log's limits.
public struct LogConfiguration: Hashable, Sendable {
    /// Bytes in one segment file; a multiple of 4,096, at most 1 GiB. Default 64 MiB: a roll costs
    /// four syncs, so it should be rare; and a segment is the unit in which space comes back.
    /// Segments of another size stay readable.
    public var segmentBytes: Int
    /// Bytes in one batch, header included. Default 4 MiB: what is not yet durable never exceeds
    /// it, and the end of a segment wastes at most as much.
    public var batchBytesMax: Int
    /// Bytes of payload in one entry or configuration. Default 2 MiB, above the 1 MiB that a
    /// command may have; header and payload must fit in a batch.
    public var recordBytesMax: Int
    /// Free segments that entries can't use. Default 1: on a full disk there is still room for
    /// terms, votes and compaction, which is what makes space again. 0 turns it off.
    public var reserveSegments: Int
    /// Bytes of one group's live records that are moved forward to free the oldest segment. Default
    /// 1 MiB; they must fit in one batch, because a move is atomic.
    public var moveGroupBytesMax: Int
    /// Bytes of all groups' live records that are moved to free one segment. Default 16 MiB: a
    /// quarter of a segment, so that retiring always frees more than it writes.
    public var moveBytesMax: Int
    /// Segments, the open one included, from which live records are moved at all. Default 3:
    /// younger ones will mostly be freed by compaction without copying.
    public var moveSegmentsMin: Int
    /// Segments from which `compactionWanted` names the groups that hold the oldest back. Default
    /// 16: 1 GiB.
    public var segmentsWanted: Int

    /// The limits; each has a default that suits a server.
    public init(
        segmentBytes: Int = 64 << 20,
        batchBytesMax: Int = 4 << 20,
        recordBytesMax: Int = 2 << 20,
        reserveSegments: Int = 1,
        moveGroupBytesMax: Int = 1 << 20,
        moveBytesMax: Int = 16 << 20,
        moveSegmentsMin: Int = 3,
        segmentsWanted: Int = 16
    ) {
        self.segmentBytes = segmentBytes
        self.batchBytesMax = batchBytesMax
        self.recordBytesMax = recordBytesMax
        self.reserveSegments = reserveSegments
        self.moveGroupBytesMax = moveGroupBytesMax
        self.moveBytesMax = moveBytesMax
        self.moveSegmentsMin = moveSegmentsMin
        self.segmentsWanted = segmentsWanted
    }

    /// Limits in proportion to a smaller segment (tests, demonstrations): a batch is an eighth of
    /// it, a record a quarter of a batch.
    public static func small(segmentBytes: Int) -> LogConfiguration {
        LogConfiguration(
            segmentBytes: segmentBytes,
            batchBytesMax: segmentBytes / 8,
            recordBytesMax: segmentBytes / 32,
            moveGroupBytesMax: segmentBytes / 32,
            moveBytesMax: segmentBytes / 4
        )
    }

    /// The largest segment: offsets in the index have 32 bits, with room to spare.
    static let segmentBytesMax = 1 << 30

    func validate() throws(LogError) {
        func require(_ holds: Bool, _ reason: String) throws(LogError) {
            guard holds else { throw .invalidConfiguration(reason: reason) }
        }
        try require(segmentBytes % 4096 == 0, "segmentBytes is not a multiple of 4096")
        try require(segmentBytes <= Self.segmentBytesMax, "segmentBytes is above 1 GiB")
        try require(
            batchBytesMax % LogFormat.alignment == 0,
            "batchBytesMax is not a multiple of 8"
        )
        let overhead =
            LogFormat.batchHeaderBytes + LogFormat.recordBytesOverheadMax + LogFormat.alignment
        try require(recordBytesMax >= 1, "recordBytesMax is below 1")
        try require(
            recordBytesMax + overhead <= batchBytesMax,
            "recordBytesMax and \(overhead) bytes of headers do not fit in batchBytesMax"
        )
        try require(
            LogFormat.segmentHeaderBytes + 2 * batchBytesMax <= segmentBytes,
            "segmentBytes does not hold a header and two batches"
        )
        try require((0...8).contains(reserveSegments), "reserveSegments is not in 0...8")
        try require(moveGroupBytesMax >= 0, "moveGroupBytesMax is negative")
        try require(
            (0...segmentBytes / 2).contains(moveBytesMax),
            "moveBytesMax is not in 0...segmentBytes / 2"
        )
        try require(moveSegmentsMin >= 2, "moveSegmentsMin is below 2")
        try require(segmentsWanted >= 2, "segmentsWanted is below 2")
    }
}
