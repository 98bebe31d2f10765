import CaseModel
import ClusterPrimitives

/// In which order a list comes.
public enum CaseSort: UInt8, CaseIterable, Sendable {
    /// The oldest first.
    case created = 1
    /// The newest first.
    case createdDescending = 2
    /// Changed the longest ago first.
    case updated = 3
    /// Changed last first.
    case updatedDescending = 4
    /// As a queue is served: by priority, then escalated before new, then by the time of waiting. Waiting
    /// cases only.
    case queue = 5
}

/// A case's place in a list: what a page token carries, and what a merge over shards compares.
///
/// Ascending in the list's order, whichever that is: descending parts are kept negated.
public struct CaseSortKey: Hashable, Comparable, Sendable {
    /// The parts, the most significant first.
    public var parts: [Int64]

    init(_ parts: [Int64]) { self.parts = parts }

    /// A record's place in a list of an order.
    public init(of record: CaseRecord, in sort: CaseSort) {
        let id = Int64(record.id.rawValue)
        let updatedAt = record.updatedAt.rawValue
        switch sort {
        case .created: parts = [id]
        case .createdDescending: parts = [-id]
        case .updated: parts = [updatedAt, id]
        case .updatedDescending: parts = [-updatedAt, -id]
        case .queue:
            parts = [
                -Int64(record.priority.rawValue), -Int64(record.status.rawValue),
                record.queuedAt.rawValue, id,
            ]
        }
    }

    /// By the parts.
    public static func < (left: CaseSortKey, right: CaseSortKey) -> Bool {
        left.parts.lexicographicallyPrecedes(right.parts)
    }
}

extension CaseSortKey: BinaryCodable {
    /// The parts with their count.
    public func encode(to writer: inout ByteWriter) {
        writer.write(array: parts) { $0.write($1) }
    }

    /// Reads what `encode` wrote.
    public init(from reader: inout ByteReader) throws(DecodingFault) {
        parts = try reader.array { reader throws(DecodingFault) in try reader.signed() }
        guard parts.count <= 4 else { throw reader.fault("a sort key has \(parts.count) parts") }
    }
}

/// Which cases, in which order.
public struct CaseQuery: Hashable, Sendable {
    /// Who asks: only what they may see, and redacted for a requester. Nil for the node's own purposes.
    public var scope: Actor?
    /// These; empty for all but deleted ones.
    public var statuses: [CaseStatus] = []
    /// In this queue.
    public var queue: QueueID?
    /// Of this team.
    public var team: TeamID?
    /// Of this owner.
    public var owner: PrincipalID?
    /// Of any of these requesters; empty for all.
    public var requesters: [PrincipalID] = []
    /// Whose first contact came this way.
    public var channel: Channel?
    /// With this tag.
    public var tag: String?
    /// Changed at or after this instant.
    public var updatedSince: Timestamp?
    /// In this order.
    public var sort = CaseSort.created
    /// After this place: the key that the page before ended with.
    public var after: CaseSortKey?
    /// 1...`StoreLimits.readPageMax`; others are brought into this range.
    public var limit = 100

    /// All that `scope` sees; set what narrows it.
    public init(scope: Actor?) { self.scope = scope }
}

/// One page of a list.
public struct CasePage: Hashable, Sendable {
    /// In the query's order.
    public var records: [CaseRecord] = []
    /// Where to go on; nil at the end. A page that is not full may still have a next one.
    public var next: CaseSortKey?

    /// Puts a page together.
    public init(records: [CaseRecord] = [], next: CaseSortKey? = nil) {
        self.records = records
        self.next = next
    }
}
