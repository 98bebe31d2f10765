import CaseModel
import ClusterPrimitives

/// One nightly run on record: planned, each shard done, finished.
///
/// Invariants: numbers follow each other; boundaries rise; only the last one may be unfinished.
public struct NightRecord: Hashable, Sendable {
    /// 1 for the first.
    public var number: UInt64
    /// What closed before this instant is archived; what closes later belongs to the next night.
    public var boundary: Timestamp
    /// When it was planned, by the system group's time.
    public var plannedAt: Timestamp
    /// Whose coordinator planned it.
    public var epoch: Epoch
    /// Who is done.
    public var shardsDone: ShardSet
    /// When all were done; nil while it runs.
    public var finishedAt: Timestamp?
}

extension NightRecord: BinaryCodable {
    /// Writes all of it.
    public func encode(to writer: inout ByteWriter) {
        writer.write(number)
        writer.write(time: boundary)
        writer.write(time: plannedAt)
        writer.write(epoch: epoch)
        writer.write(shardsDone)
        writer.write(optional: finishedAt) { $0.write(time: $1) }
    }

    /// Reads what `encode` wrote.
    public init(from reader: inout ByteReader) throws(DecodingFault) {
        self.init(
            number: try reader.unsigned(),
            boundary: try reader.time(),
            plannedAt: try reader.time(),
            epoch: try reader.epoch(),
            shardsDone: try reader.value(),
            finishedAt: try reader.optional { reader throws(DecodingFault) in try reader.time() }
        )
    }
}
