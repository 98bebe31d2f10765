import ClusterPrimitives

/// Which of at most 1,024 shards did something: one bit each.
public struct ShardSet: Hashable, Sendable {
    /// No zero byte at the end: one set has one form.
    private var bits: [UInt8] = []

    /// None.
    public init() {}

    /// Whether the shard is in it.
    public func contains(_ shard: ShardID) -> Bool {
        let byte = Int(shard.rawValue / 8)
        return byte < bits.count && bits[byte] & 1 << (shard.rawValue % 8) != 0
    }

    /// Puts a shard in.
    /// - Precondition: the shard's number is below 1,024.
    public mutating func insert(_ shard: ShardID) {
        precondition(Int(shard.rawValue) < ShardID.countMax)
        let byte = Int(shard.rawValue / 8)
        while bits.count <= byte { bits.append(0) }
        bits[byte] |= 1 << (shard.rawValue % 8)
        assert(contains(shard))
    }

    /// How many.
    public var count: Int { bits.reduce(0) { $0 + $1.nonzeroBitCount } }

    /// Those of the first `shardCount` shards that are not in it, in order.
    public func missing(of shardCount: Int) -> [ShardID] {
        (0..<shardCount).map { ShardID(UInt16($0)) }.filter { !contains($0) }
    }
}

extension ShardSet: BinaryCodable {
    /// Writes the bits, as bytes.
    public func encode(to writer: inout ByteWriter) { writer.write(bits) }

    /// Reads what `encode` wrote.
    public init(from reader: inout ByteReader) throws(DecodingFault) {
        bits = try reader.data()
        guard bits.count <= ShardID.countMax / 8, bits.last != 0 else {
            throw reader.fault("a set of shards is not in its only form")
        }
    }
}
