import CaseModel
import ClusterPrimitives

/// The name of one row of the system group's store.
public struct SystemRecordKey: Hashable, Sendable {
    /// What the row is; the numbers are stored, never renumbered.
    public var kind: UInt8
    /// Which one, unique within its kind. Compared byte for byte.
    public var key: String

    /// Names a row.
    public init(kind: UInt8, key: String) {
        self.kind = kind
        self.key = key
    }
}

/// One change of the store: writes a row, or deletes it.
public struct SystemMutation: Hashable, Sendable {
    /// Which row.
    public var key: SystemRecordKey
    /// Its value from now on; nil deletes it.
    public var value: [UInt8]?

    /// Puts a change together.
    public init(key: SystemRecordKey, value: [UInt8]?) {
        self.key = key
        self.value = value
    }
}

/// The kinds of rows. The raw values are stored; never renumber.
enum RecordKind: UInt8 {
    case meta = 1
    case cluster = 2
    case member = 3
    case shard = 4
    case settings = 5
    case team = 6
    case queue = 7
    case principal = 8
    case presence = 9
    case token = 10
    case notice = 11
    case night = 12
    case result = 13
}

/// What grows with the log itself: one row, written by every command.
struct SystemMeta: Hashable, Sendable {
    /// The highest time that a command carried.
    var now = Timestamp.zero
    /// The highest epoch that coordinated.
    var epoch = Epoch(incarnation: 0, term: .zero)
    /// Grows with every change of the directory.
    var directoryVersion: UInt64 = 0
    /// Grows with every change of members or the shard map.
    var mapVersion: UInt64 = 0
}

/// A result under its key.
struct RememberedResult: Hashable, Sendable {
    /// `IdempotencyScope.digest`.
    var digest: SHA256Digest
    var requestHash: SHA256Digest
    var at: Timestamp
    var result: SystemResult
}

/// One row, read.
enum SystemRecord {
    case meta(SystemMeta)
    case cluster(ClusterIdentity)
    case member(MemberRecord)
    case shard(ShardPlacement)
    case settings(ClusterSettings)
    case team(Team)
    case queue(WorkQueue)
    case principal(DirectoryEntry)
    case presence(PresenceRecord)
    case token(AccessToken)
    case notice(OwnerNotice)
    case night(NightRecord)
    case result(RememberedResult)

    /// The first byte of every value; a node refuses (stops at) a newer one.
    static let formatVersion: UInt8 = 1

    var key: SystemRecordKey {
        switch self {
        case .meta: Self.key(.meta, "")
        case .cluster: Self.key(.cluster, "")
        case .member(let record): Self.key(.member, "\(record.member.id)")
        case .shard(let placement): Self.key(.shard, "\(placement.shard)")
        case .settings: Self.key(.settings, "")
        case .team(let team): Self.key(.team, team.id.rawValue)
        case .queue(let queue): Self.key(.queue, queue.id.rawValue)
        case .principal(let entry): Self.key(.principal, entry.id.rawValue)
        case .presence(let record): Self.key(.presence, record.principal.rawValue)
        case .token(let token): Self.key(.token, token.id)
        case .notice(let notice): Self.key(.notice, notice.principal.rawValue)
        case .night(let night): Self.key(.night, "\(night.number)")
        case .result(let result): Self.key(.result, "\(result.digest)")
        }
    }

    static func key(_ kind: RecordKind, _ key: String) -> SystemRecordKey {
        SystemRecordKey(kind: kind.rawValue, key: key)
    }

    var encoded: [UInt8] {
        var writer = ByteWriter(reserving: 128)
        writer.write(byte: Self.formatVersion)
        switch self {
        case .meta(let meta): writer.write(meta)
        case .cluster(let identity): writer.write(identity)
        case .member(let record): writer.write(record)
        case .shard(let placement): writer.write(placement)
        case .settings(let settings): writer.write(settings)
        case .team(let team): writer.write(team)
        case .queue(let queue): writer.write(queue)
        case .principal(let entry): writer.write(entry)
        case .presence(let record): writer.write(record)
        case .token(let token): writer.write(token)
        case .notice(let notice): writer.write(notice)
        case .night(let night): writer.write(night)
        case .result(let result): writer.write(result)
        }
        return writer.bytes
    }

    /// Reads a row; its key must be the one that its content has.
    init(key: SystemRecordKey, value: [UInt8]) throws(DecodingFault) {
        var reader = ByteReader(value)
        guard let kind = RecordKind(rawValue: key.kind) else {
            throw reader.fault("a row of an unknown kind \(key.kind)")
        }
        guard try reader.byte() == Self.formatVersion else {
            throw reader.fault("a row in a format that this program does not know")
        }
        switch kind {
        case .meta: self = .meta(try reader.value())
        case .cluster: self = .cluster(try reader.value())
        case .member: self = .member(try reader.value())
        case .shard: self = .shard(try reader.value())
        case .settings: self = .settings(try reader.value())
        case .team: self = .team(try reader.value())
        case .queue: self = .queue(try reader.value())
        case .principal: self = .principal(try reader.value())
        case .presence: self = .presence(try reader.value())
        case .token: self = .token(try reader.value())
        case .notice: self = .notice(try reader.value())
        case .night: self = .night(try reader.value())
        case .result: self = .result(try reader.value())
        }
        try reader.finish()
        guard TextKey(self.key.key) == TextKey(key.key) else {
            throw reader.fault("a row of kind \(key.kind) under another row's key")
        }
    }
}

extension SystemMeta: BinaryCodable {
    func encode(to writer: inout ByteWriter) {
        writer.write(time: now)
        writer.write(epoch: epoch)
        writer.write(directoryVersion)
        writer.write(mapVersion)
    }

    init(from reader: inout ByteReader) throws(DecodingFault) {
        self.init(
            now: try reader.time(),
            epoch: try reader.epoch(),
            directoryVersion: try reader.unsigned(),
            mapVersion: try reader.unsigned()
        )
    }
}

extension RememberedResult: BinaryCodable {
    func encode(to writer: inout ByteWriter) {
        writer.write(raw: digest.bytes)
        writer.write(raw: requestHash.bytes)
        writer.write(time: at)
        writer.write(result)
    }

    init(from reader: inout ByteReader) throws(DecodingFault) {
        self.init(
            digest: try reader.digest(),
            requestHash: try reader.digest(),
            at: try reader.time(),
            result: try reader.value()
        )
    }
}
