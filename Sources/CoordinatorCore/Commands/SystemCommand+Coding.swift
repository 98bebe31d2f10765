import CaseModel
import ClusterPrimitives

extension ClusterFounding: BinaryCodable {
    /// Writes all of it.
    public func encode(to writer: inout ByteWriter) {
        writer.write(clusterID)
        writer.write(UInt64(shardCount))
        writer.write(incarnation)
        writer.write(array: members) { $0.write($1) }
        writer.write(principalID: admin)
        writer.write(adminToken)
    }

    /// Reads what `encode` wrote.
    public init(from reader: inout ByteReader) throws(DecodingFault) {
        self.init(
            clusterID: try reader.data(),
            shardCount: try reader.number32(),
            incarnation: try reader.unsigned(),
            members: try reader.array { reader throws(DecodingFault) in
                try reader.value(Member.self)
            },
            admin: try reader.principalID(),
            adminToken: try reader.value()
        )
    }
}

extension StampedSystemCommand: BinaryCodable {
    /// Writes all of it, the format's version first.
    public func encode(to writer: inout ByteWriter) {
        writer.write(byte: Self.formatVersion)
        writer.write(time: at)
        writer.write(optional: by) { $0.write(principalID: $1) }
        writer.write(optional: scope) { $0.write(scope: $1) }
        writer.write(command)
    }

    /// Reads what `encode` wrote; a newer format is a fault, and the node must stop.
    public init(from reader: inout ByteReader) throws(DecodingFault) {
        guard try reader.byte() == Self.formatVersion else {
            throw reader.fault("a system command in a format that this program does not know")
        }
        self.init(
            at: try reader.time(),
            by: try reader.optional { reader throws(DecodingFault) in try reader.principalID() },
            scope: try reader.optional { reader throws(DecodingFault) in try reader.scope() },
            command: try reader.value()
        )
    }
}

extension SystemCommand: BinaryCodable {
    /// The tags are stored; never renumber.
    private enum Tag: UInt8 {
        case initialize = 1
        case addMember = 2
        case updateMember = 3
        case removeMember = 4
        case placeShards = 5
        case reportShard = 6
        case setSettings = 7
        case putTeam = 8
        case removeTeam = 9
        case putQueue = 10
        case removeQueue = 11
        case putPrincipal = 12
        case removePrincipal = 13
        case setPresence = 14
        case issueToken = 15
        case revokeToken = 16
        case beginEpoch = 17
        case beginIncarnation = 18
        case planNight = 19
        case nightShardDone = 20
        case nightFinished = 21
        case noticeShardDone = 22
        case raiseClusterVersion = 23
        case replaceMember = 24
    }

    private var tag: Tag {
        switch self {
        case .initialize: .initialize
        case .addMember: .addMember
        case .updateMember: .updateMember
        case .removeMember: .removeMember
        case .placeShards: .placeShards
        case .reportShard: .reportShard
        case .setSettings: .setSettings
        case .putTeam: .putTeam
        case .removeTeam: .removeTeam
        case .putQueue: .putQueue
        case .removeQueue: .removeQueue
        case .putPrincipal: .putPrincipal
        case .removePrincipal: .removePrincipal
        case .setPresence: .setPresence
        case .issueToken: .issueToken
        case .revokeToken: .revokeToken
        case .beginEpoch: .beginEpoch
        case .beginIncarnation: .beginIncarnation
        case .planNight: .planNight
        case .nightShardDone: .nightShardDone
        case .nightFinished: .nightFinished
        case .noticeShardDone: .noticeShardDone
        case .raiseClusterVersion: .raiseClusterVersion
        case .replaceMember: .replaceMember
        }
    }

    /// Writes the tag, then what it carries.
    public func encode(to writer: inout ByteWriter) {
        writer.write(byte: tag.rawValue)
        switch self {
        case .initialize(let founding): writer.write(founding)
        case .addMember(let member), .updateMember(let member): writer.write(member)
        case .removeMember(let id): writer.write(nodeID: id)
        case .placeShards(let targets, let epoch):
            writer.write(array: targets) { $0.write($1) }
            writer.write(epoch: epoch)
        case .reportShard(let shard, let voters, let learners, let configurationIndex):
            writer.write(shardID: shard)
            writer.write(nodeIDs: voters)
            writer.write(nodeIDs: learners)
            writer.write(logIndex: configurationIndex)
        case .setSettings(let pairs):
            writer.write(array: pairs) {
                $0.write($1.name)
                $0.write($1.value)
            }
        case .putTeam(let team): writer.write(team)
        case .removeTeam(let id): writer.write(id.rawValue)
        case .putQueue(let queue): writer.write(queue)
        case .removeQueue(let id): writer.write(id.rawValue)
        case .putPrincipal(let entry): writer.write(entry)
        case .removePrincipal(let id): writer.write(principalID: id)
        case .setPresence(let id, let presence):
            writer.write(principalID: id)
            writer.write(presence)
        case .issueToken(let token): writer.write(token)
        case .revokeToken(let id): writer.write(id)
        case .beginEpoch(let epoch): writer.write(epoch: epoch)
        case .beginIncarnation(let number): writer.write(number)
        case .planNight(let number, let boundary, let epoch):
            writer.write(number)
            writer.write(time: boundary)
            writer.write(epoch: epoch)
        case .nightShardDone(let number, let shard, let epoch):
            writer.write(number)
            writer.write(shardID: shard)
            writer.write(epoch: epoch)
        case .nightFinished(let number, let epoch):
            writer.write(number)
            writer.write(epoch: epoch)
        case .noticeShardDone(let principal, let generation, let shard, let epoch):
            writer.write(principalID: principal)
            writer.write(generation)
            writer.write(shardID: shard)
            writer.write(epoch: epoch)
        case .raiseClusterVersion(let version): writer.write(UInt64(version))
        case .replaceMember(let lost, let member):
            writer.write(nodeID: lost)
            writer.write(member)
        }
    }

    /// Reads what `encode` wrote; an unknown tag is a fault, and the node must stop.
    public init(from reader: inout ByteReader) throws(DecodingFault) {
        guard let tag = Tag(rawValue: try reader.byte()) else {
            throw reader.fault("a system command that this program does not know")
        }
        switch tag {
        case .initialize: self = .initialize(try reader.value())
        case .addMember: self = .addMember(try reader.value())
        case .updateMember: self = .updateMember(try reader.value())
        case .removeMember: self = .removeMember(try reader.nodeID())
        case .placeShards:
            let targets = try reader.array { reader throws(DecodingFault) in
                try reader.value(ShardTarget.self)
            }
            self = .placeShards(targets, epoch: try reader.epoch())
        case .reportShard:
            self = .reportShard(
                shard: try reader.shardID(),
                voters: try reader.nodeIDs(),
                learners: try reader.nodeIDs(),
                configurationIndex: try reader.logIndex()
            )
        case .setSettings:
            self = .setSettings(
                try reader.array { reader throws(DecodingFault) in
                    NamedValue(try reader.string(), try reader.string())
                }
            )
        case .putTeam: self = .putTeam(try reader.value())
        case .removeTeam: self = .removeTeam(TeamID(try reader.string()))
        case .putQueue: self = .putQueue(try reader.value())
        case .removeQueue: self = .removeQueue(QueueID(try reader.string()))
        case .putPrincipal: self = .putPrincipal(try reader.value())
        case .removePrincipal: self = .removePrincipal(try reader.principalID())
        case .setPresence: self = .setPresence(try reader.principalID(), try reader.value())
        case .issueToken: self = .issueToken(try reader.value())
        case .revokeToken: self = .revokeToken(try reader.string())
        case .beginEpoch: self = .beginEpoch(try reader.epoch())
        case .beginIncarnation: self = .beginIncarnation(try reader.unsigned())
        case .planNight:
            self = .planNight(
                number: try reader.unsigned(),
                boundary: try reader.time(),
                epoch: try reader.epoch()
            )
        case .nightShardDone:
            self = .nightShardDone(
                number: try reader.unsigned(),
                shard: try reader.shardID(),
                epoch: try reader.epoch()
            )
        case .nightFinished:
            self = .nightFinished(number: try reader.unsigned(), epoch: try reader.epoch())
        case .noticeShardDone:
            self = .noticeShardDone(
                principal: try reader.principalID(),
                generation: try reader.unsigned(),
                shard: try reader.shardID(),
                epoch: try reader.epoch()
            )
        case .raiseClusterVersion: self = .raiseClusterVersion(try reader.number32())
        case .replaceMember:
            self = .replaceMember(try reader.nodeID(), with: try reader.value())
        }
    }
}
