/// A process of the cluster. Never reused: a node that lost its disk comes back under a new id.
public struct NodeID: RawRepresentable, Hashable, Comparable, Sendable, CustomStringConvertible {
    /// 1 and up; 0 means "none" where a protocol needs the word.
    public let rawValue: UInt64

    /// Wraps a raw id.
    public init(rawValue: UInt64) { self.rawValue = rawValue }

    /// Wraps a raw id.
    public init(_ rawValue: UInt64) { self.rawValue = rawValue }

    /// No node.
    public static let none = NodeID(0)

    /// Orders by number.
    public static func < (left: NodeID, right: NodeID) -> Bool { left.rawValue < right.rawValue }

    /// The number, in decimal.
    public var description: String { String(rawValue) }
}

/// One slice of the cases: 0 up to the cluster's number of shards, at most 1,024.
public struct ShardID: RawRepresentable, Hashable, Comparable, Sendable, CustomStringConvertible {
    /// 0...1023.
    public let rawValue: UInt16

    /// Wraps a raw id.
    public init(rawValue: UInt16) { self.rawValue = rawValue }

    /// Wraps a raw id.
    public init(_ rawValue: UInt16) { self.rawValue = rawValue }

    /// The most shards a cluster can have: the shard's field in a case id has 10 bits.
    public static let countMax = 1024

    /// Orders by number.
    public static func < (left: ShardID, right: ShardID) -> Bool { left.rawValue < right.rawValue }

    /// The number, in decimal.
    public var description: String { String(rawValue) }
}

/// One replication group: 0 is the system group, shard `s` is group `s + 1`.
public struct GroupID: RawRepresentable, Hashable, Comparable, Sendable, CustomStringConvertible {
    /// 0 for the system group, otherwise the shard's number plus one.
    public let rawValue: UInt32

    /// Wraps a raw id.
    public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// The group of a shard.
    public init(shard: ShardID) { rawValue = UInt32(shard.rawValue) + 1 }

    /// The system group: members, shard map, directory, settings, nights.
    public static let system = GroupID(rawValue: 0)

    /// The shard, or nil for the system group.
    public var shard: ShardID? { rawValue == 0 ? nil : ShardID(UInt16(rawValue - 1)) }

    /// Orders by number.
    public static func < (left: GroupID, right: GroupID) -> Bool { left.rawValue < right.rawValue }

    /// `system`, or `shard 7`.
    public var description: String { shard.map { "shard \($0)" } ?? "system" }
}

/// A Raft term.
public struct Term: RawRepresentable, Hashable, Comparable, Sendable, CustomStringConvertible {
    /// 0 before the first election.
    public let rawValue: UInt64

    /// Wraps a raw term.
    public init(rawValue: UInt64) { self.rawValue = rawValue }

    /// Wraps a raw term.
    public init(_ rawValue: UInt64) { self.rawValue = rawValue }

    /// Before the first election.
    public static let zero = Term(0)

    /// The term that follows.
    public var next: Term { Term(rawValue + 1) }

    /// Orders by number.
    public static func < (left: Term, right: Term) -> Bool { left.rawValue < right.rawValue }

    /// The number, in decimal.
    public var description: String { String(rawValue) }
}

/// The position of an entry in one group's log; the first entry is 1.
public struct LogIndex: RawRepresentable, Hashable, Comparable, Sendable, CustomStringConvertible {
    /// 0 before the first entry.
    public let rawValue: UInt64

    /// Wraps a raw index.
    public init(rawValue: UInt64) { self.rawValue = rawValue }

    /// Wraps a raw index.
    public init(_ rawValue: UInt64) { self.rawValue = rawValue }

    /// Before the first entry.
    public static let zero = LogIndex(0)

    /// The index that follows.
    public var next: LogIndex { LogIndex(rawValue + 1) }

    /// The index before; 0 stays 0.
    public var previous: LogIndex { LogIndex(rawValue == 0 ? 0 : rawValue - 1) }

    /// Orders by number.
    public static func < (left: LogIndex, right: LogIndex) -> Bool {
        left.rawValue < right.rawValue
    }

    /// The number, in decimal.
    public var description: String { String(rawValue) }
}
