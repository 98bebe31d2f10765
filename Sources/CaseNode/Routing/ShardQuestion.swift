import CaseModel
import CaseStore
import ClusterPrimitives

/// A question to a shard's store that travels between nodes; Protocol/peer.md specifies the bytes.
enum ShardQuestion: Equatable {
    case record(CaseID)
    case entries(CaseID, after: UInt64, limit: Int, includeStaff: Bool)
    case raw(CaseID, entry: UInt64, includeStaff: Bool)
    case verify(CaseID)
    case list(CaseQuery)
    case keyResult(IdempotencyScope, byIntake: Bool)
    case claimedCase(key: String, channel: PrincipalID)
    case feed(after: UInt64, limit: Int)
    case feedBounds

    /// Asks a store, and gives its answer in the form that travels.
    func answer(_ reader: some ShardReading) throws -> [UInt8] {
        var writer = ByteWriter()
        switch self {
        case .record(let id): writer.write(optional: try reader.record(id))
        case .entries(let id, let after, let limit, let includeStaff):
            let found = try reader.entries(
                of: id,
                after: after,
                limit: limit,
                includeStaff: includeStaff
            )
            writer.write(array: found) { $0.write($1) }
        case .raw(let id, let entry, let includeStaff):
            let found = try reader.raw(of: id, entry: entry, includeStaff: includeStaff)
            writer.write(optional: found) { $0.write($1) }
        case .verify(let id):
            writer.write(optional: try reader.verify(id)) { $0.write(verdict: $1) }
        case .list(let query): writer.write(page: try reader.list(query), sort: query.sort)
        case .keyResult(let scope, let byIntake):
            writer.write(lookup: try reader.keyResult(scope, byIntake: byIntake))
        case .claimedCase(let key, let channel):
            writer.write(optional: try reader.claimedCase(key: key, channel: channel))
        case .feed(let after, let limit):
            writer.write(feed: try reader.feed(after: after, limit: limit))
        case .feedBounds:
            let bounds = try reader.feedBounds()
            writer.write(bounds.floor)
            writer.write(bounds.last)
        }
        return writer.bytes
    }
}

extension ShardQuestion: BinaryCodable {
    /// The tags travel between versions; never renumber.
    private enum Tag: UInt8 {
        case record = 1
        case entries = 2
        case raw = 3
        case verify = 4
        case list = 5
        case keyResult = 6
        case claimedCase = 7
        case feed = 8
        case feedBounds = 9
    }

    func encode(to writer: inout ByteWriter) {
        switch self {
        case .record(let id):
            writer.write(byte: Tag.record.rawValue)
            writer.write(id)
        case .entries(let id, let after, let limit, let includeStaff):
            writer.write(byte: Tag.entries.rawValue)
            writer.write(id)
            writer.write(after)
            writer.write(UInt64(limit))
            writer.write(includeStaff)
        case .raw(let id, let entry, let includeStaff):
            writer.write(byte: Tag.raw.rawValue)
            writer.write(id)
            writer.write(entry)
            writer.write(includeStaff)
        case .verify(let id):
            writer.write(byte: Tag.verify.rawValue)
            writer.write(id)
        case .list(let query):
            writer.write(byte: Tag.list.rawValue)
            writer.write(query: query)
        case .keyResult(let scope, let byIntake):
            writer.write(byte: Tag.keyResult.rawValue)
            writer.write(scope)
            writer.write(byIntake)
        case .claimedCase(let key, let channel):
            writer.write(byte: Tag.claimedCase.rawValue)
            writer.write(key)
            writer.write(channel)
        case .feed(let after, let limit):
            writer.write(byte: Tag.feed.rawValue)
            writer.write(after)
            writer.write(UInt64(limit))
        case .feedBounds: writer.write(byte: Tag.feedBounds.rawValue)
        }
    }

    init(from reader: inout ByteReader) throws(DecodingFault) {
        guard let tag = Tag(rawValue: try reader.byte()) else {
            throw reader.fault("a question that this program does not know")
        }
        switch tag {
        case .record: self = .record(try reader.value())
        case .entries:
            self = .entries(
                try reader.value(),
                after: try reader.unsigned(),
                limit: Int(clamping: try reader.unsigned()),
                includeStaff: try reader.bool()
            )
        case .raw:
            self = .raw(
                try reader.value(),
                entry: try reader.unsigned(),
                includeStaff: try reader.bool()
            )
        case .verify: self = .verify(try reader.value())
        case .list: self = .list(try reader.query())
        case .keyResult: self = .keyResult(try reader.value(), byIntake: try reader.bool())
        case .claimedCase:
            self = .claimedCase(key: try reader.string(), channel: try reader.value())
        case .feed:
            self = .feed(
                after: try reader.unsigned(),
                limit: Int(clamping: try reader.unsigned())
            )
        case .feedBounds: self = .feedBounds
        }
    }
}
