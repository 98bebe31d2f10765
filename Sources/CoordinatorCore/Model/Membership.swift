import ClusterPrimitives

/// What a cluster is, from its founding on.
public struct ClusterIdentity: Hashable, Sendable {
    /// 16 random bytes: two clusters never mistake each other.
    public var id: [UInt8]
    /// When it was founded.
    public var createdAt: Timestamp
    /// Fixed for ever: 1...1024.
    public var shardCount: UInt32
    /// Grows with every restore from backup.
    public var incarnation: UInt64
    /// The version of the replicated formats in use.
    public var version: UInt32
}

/// A node of the cluster.
public struct Member: Hashable, Sendable {
    /// The node. Never used again, also when it has left.
    public var id: NodeID
    /// Where other nodes reach it: `host:port`.
    public var peerAddress: String
    /// Where clients reach it: `host:port`.
    public var clientAddress: String
    /// The highest version of the cluster's formats that its program knows.
    public var versionKnown: UInt32

    /// Puts a member together.
    public init(
        id: NodeID,
        peerAddress: String,
        clientAddress: String,
        versionKnown: UInt32 = SystemLimits.clusterVersionKnown
    ) {
        self.id = id
        self.peerAddress = peerAddress
        self.clientAddress = clientAddress
        self.versionKnown = versionKnown
    }
}

/// A member on record.
public struct MemberRecord: Hashable, Sendable {
    /// The node.
    public var member: Member
    /// Since when.
    public var joinedAt: Timestamp
    /// When it left; nil while it is active.
    public var removedAt: Timestamp?
    /// Who takes its replicas over; nil for a member that stays. Once nothing of it is left it is removed.
    public var successor: NodeID?

    /// Puts a record together.
    public init(
        member: Member,
        joinedAt: Timestamp,
        removedAt: Timestamp? = nil,
        successor: NodeID? = nil
    ) {
        self.member = member
        self.joinedAt = joinedAt
        self.removedAt = removedAt
        self.successor = successor
    }

    /// Not removed.
    public var isActive: Bool { removedAt == nil }

    /// Takes replicas, now and later.
    public var mayHoldReplicas: Bool { isActive && successor == nil }
}

/// Where the replicas of one shard are, and where they should be.
public struct ShardPlacement: Hashable, Sendable {
    /// The shard.
    public var shard: ShardID
    /// What the shard's own Raft configuration says: its voters, in its order.
    public var voters: [NodeID]
    /// What the shard's own Raft configuration says: its learners, in its order.
    public var learners: [NodeID]
    /// The log index of that configuration; an older report is passed over. Zero at the founding.
    public var configurationIndex: LogIndex
    /// Where the coordinator wants the voters: the shard's leader moves towards it.
    public var target: [NodeID]

    /// The voters are where they should be, and nobody else follows.
    public var isSettled: Bool { hasArrived && learners.isEmpty }

    /// The voters are where they should be.
    public var hasArrived: Bool { voters.sorted() == target.sorted() }
}

/// Where one shard's voters should be.
public struct ShardTarget: Hashable, Sendable {
    /// The shard.
    public var shard: ShardID
    /// Its voters-to-be, the preferred leader first.
    public var nodes: [NodeID]

    /// Puts a target together.
    public init(shard: ShardID, nodes: [NodeID]) {
        self.shard = shard
        self.nodes = nodes
    }
}

extension ClusterIdentity: BinaryCodable {
    /// Writes all of it.
    public func encode(to writer: inout ByteWriter) {
        writer.write(raw: id)
        writer.write(time: createdAt)
        writer.write(UInt64(shardCount))
        writer.write(incarnation)
        writer.write(UInt64(version))
    }

    /// Reads what `encode` wrote.
    public init(from reader: inout ByteReader) throws(DecodingFault) {
        self.init(
            id: Array(try reader.raw(ClusterFounding.idBytes)),
            createdAt: try reader.time(),
            shardCount: try reader.number32(),
            incarnation: try reader.unsigned(),
            version: try reader.number32()
        )
        guard (1...UInt32(ShardID.countMax)).contains(shardCount) else {
            throw reader.fault("the number of shards is not 1...1024")
        }
    }
}

extension Member: BinaryCodable {
    /// Writes all of it.
    public func encode(to writer: inout ByteWriter) {
        writer.write(nodeID: id)
        writer.write(peerAddress)
        writer.write(clientAddress)
        writer.write(UInt64(versionKnown))
    }

    /// Reads what `encode` wrote.
    public init(from reader: inout ByteReader) throws(DecodingFault) {
        self.init(
            id: try reader.nodeID(),
            peerAddress: try reader.string(),
            clientAddress: try reader.string(),
            versionKnown: try reader.number32()
        )
    }
}

extension MemberRecord: BinaryCodable {
    /// Writes all of it.
    public func encode(to writer: inout ByteWriter) {
        writer.write(member)
        writer.write(time: joinedAt)
        writer.write(optional: removedAt) { $0.write(time: $1) }
        // Rows from before there were successors end here, and so do those without one.
        if let successor { writer.write(nodeID: successor) }
    }

    /// Reads what `encode` wrote.
    public init(from reader: inout ByteReader) throws(DecodingFault) {
        self.init(
            member: try reader.value(),
            joinedAt: try reader.time(),
            removedAt: try reader.optional { reader throws(DecodingFault) in try reader.time() },
            successor: reader.remaining > 0 ? try reader.nodeID() : nil
        )
        guard successor != NodeID.none else { throw reader.fault("a member's successor is nobody") }
    }
}

extension ShardPlacement: BinaryCodable {
    /// Writes all of it.
    public func encode(to writer: inout ByteWriter) {
        writer.write(shardID: shard)
        writer.write(nodeIDs: voters)
        writer.write(nodeIDs: learners)
        writer.write(logIndex: configurationIndex)
        writer.write(nodeIDs: target)
    }

    /// Reads what `encode` wrote.
    public init(from reader: inout ByteReader) throws(DecodingFault) {
        self.init(
            shard: try reader.shardID(),
            voters: try reader.nodeIDs(),
            learners: try reader.nodeIDs(),
            configurationIndex: try reader.logIndex(),
            target: try reader.nodeIDs()
        )
    }
}

extension ShardTarget: BinaryCodable {
    /// Writes all of it.
    public func encode(to writer: inout ByteWriter) {
        writer.write(shardID: shard)
        writer.write(nodeIDs: nodes)
    }

    /// Reads what `encode` wrote.
    public init(from reader: inout ByteReader) throws(DecodingFault) {
        self.init(shard: try reader.shardID(), nodes: try reader.nodeIDs())
    }
}
