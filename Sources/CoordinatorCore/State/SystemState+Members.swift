import CaseModel
import ClusterPrimitives

// Founding, members, settings, epochs.
extension SystemState {
    /// The id of the team and the queue that every cluster begins with.
    static let defaultID = "default"

    mutating func found(_ founding: ClusterFounding) throws(SystemRefusal) -> String {
        guard cluster == nil else { throw .alreadyInitialized }
        try checkFounding(founding)
        let token = founding.adminToken
        let versions = founding.members.map(\.versionKnown)
        let identity = ClusterIdentity(
            id: founding.clusterID,
            createdAt: meta.now,
            shardCount: founding.shardCount,
            incarnation: founding.incarnation,
            version: versions.min() ?? 1
        )
        store(.cluster(identity))
        meta.epoch = Epoch(incarnation: founding.incarnation, term: .zero)
        for member in founding.members {
            store(.member(MemberRecord(member: member, joinedAt: meta.now)))
        }
        for target in Placement.spread(
            shardCount: Int(founding.shardCount),
            over: founding.members.map(\.id)
        ) {
            let placement = ShardPlacement(
                shard: target.shard,
                voters: target.nodes,
                learners: [],
                configurationIndex: .zero,
                target: target.nodes
            )
            store(.shard(placement))
        }
        store(.settings(settings))
        store(.team(Team(id: TeamID(Self.defaultID))))
        store(.queue(WorkQueue(id: QueueID(Self.defaultID), team: TeamID(Self.defaultID))))
        store(.principal(DirectoryEntry(id: founding.admin, role: .admin)))
        store(.token(accessToken(token, role: .admin)))
        meta.directoryVersion += 1
        meta.mapVersion += 1
        assert(shardMap.count == Int(founding.shardCount))
        return Hex.encode(founding.clusterID)
    }

    private func checkFounding(_ founding: ClusterFounding) throws(SystemRefusal) {
        guard founding.clusterID.count == ClusterFounding.idBytes else {
            throw .invalid(field: "cluster_id", reason: "takes \(ClusterFounding.idBytes) bytes")
        }
        guard (1...UInt32(ShardID.countMax)).contains(founding.shardCount) else {
            throw .invalid(field: "shard_count", reason: "takes 1 to \(ShardID.countMax)")
        }
        guard founding.incarnation >= 1 else {
            throw .invalid(field: "incarnation", reason: "begins with 1")
        }
        guard !founding.members.isEmpty else {
            throw .invalid(field: "members", reason: "takes one or more")
        }
        guard founding.members.count <= SystemLimits.membersActiveMax else {
            throw .tooMany(field: "members", limit: UInt32(SystemLimits.membersActiveMax))
        }
        for (position, member) in founding.members.enumerated() {
            try Self.check(member)
            for other in founding.members[..<position] {
                try Self.checkDistinct(member, from: other)
            }
        }
        try checkPrincipalID(founding.admin, field: "admin")
        let token = founding.adminToken
        guard TextKey(token.principal.rawValue) == TextKey(founding.admin.rawValue) else {
            throw .invalid(field: "admin_token.principal", reason: "is not the first admin")
        }
        try checkNew(token)
    }

    // MARK: Members

    private static func check(_ member: Member) throws(SystemRefusal) {
        guard member.id != .none else {
            throw .invalid(field: "member.id", reason: "takes 1 and up")
        }
        try checkAddress(member.peerAddress, field: "member.peer_address")
        try checkAddress(member.clientAddress, field: "member.client_address")
        guard member.versionKnown >= 1 else {
            throw .invalid(field: "member.version_known", reason: "takes 1 and up")
        }
    }

    private static func checkAddress(_ text: String, field: String) throws(SystemRefusal) {
        guard text.utf8.count <= SystemLimits.addressBytesMax else {
            throw .tooLong(field: field, limit: UInt32(SystemLimits.addressBytesMax))
        }
        let bytes = Array(text.utf8)
        guard bytes.allSatisfy({ (0x21...0x7E).contains($0) }),
            let colon = bytes.lastIndex(of: UInt8(ascii: ":")), colon > 0,
            bytes[(colon + 1)...].allSatisfy({ (0x30...0x39).contains($0) }),
            let port = UInt16(String(decoding: bytes[(colon + 1)...], as: UTF8.self)), port > 0
        else {
            throw .invalid(field: field, reason: "takes host:port")
        }
    }

    private static func checkDistinct(
        _ member: Member,
        from other: Member
    ) throws(SystemRefusal) {
        guard member.id != other.id else {
            throw .exists(field: "member.id", id: "\(other.id)")
        }
        guard member.peerAddress != other.peerAddress else {
            throw .exists(field: "member.peer_address", id: "\(other.id)")
        }
    }

    /// Knows what is in use, and shares its address with no other member.
    private func checkFits(_ member: Member) throws(SystemRefusal) {
        try Self.check(member)
        if let cluster, member.versionKnown < cluster.version {
            throw .versionUnknown(to: member.id, known: member.versionKnown)
        }
        for other in activeMembers where other.id != member.id {
            try Self.checkDistinct(member, from: other)
        }
    }

    mutating func add(_ member: Member) throws(SystemRefusal) -> String {
        if let known = memberTable[member.id] {
            guard known.isActive, known.member == member else {
                throw .exists(field: "member.id", id: "\(member.id)")
            }
            return "\(member.id)"
        }
        try checkFits(member)
        guard memberTable.count < SystemLimits.membersEverMax else {
            throw .tooMany(field: "members ever", limit: UInt32(SystemLimits.membersEverMax))
        }
        guard activeMembers.count < SystemLimits.membersActiveMax else {
            throw .tooMany(field: "members", limit: UInt32(SystemLimits.membersActiveMax))
        }
        // Behind the founding, also where the clock stands: see `founders`.
        let founded = cluster?.createdAt ?? meta.now
        let joinedAt = max(meta.now, founded + TimeSpan(milliseconds: 1))
        store(.member(MemberRecord(member: member, joinedAt: joinedAt)))
        meta.mapVersion += 1
        return "\(member.id)"
    }

    mutating func update(_ member: Member) throws(SystemRefusal) -> String {
        guard var known = memberTable[member.id], known.isActive else {
            throw .notFound(field: "member.id", id: "\(member.id)")
        }
        try checkFits(member)
        if known.member != member {
            known.member = member
            store(.member(known))
            meta.mapVersion += 1
        }
        return "\(member.id)"
    }

    mutating func removeMember(_ id: NodeID) throws(SystemRefusal) -> String {
        guard var known = memberTable[id] else { throw .notFound(field: "member.id", id: "\(id)") }
        guard known.isActive else { return "\(id)" }
        if let holder = shardMap.first(where: {
            $0.voters.contains(id) || $0.learners.contains(id) || $0.target.contains(id)
        }) {
            throw .inUse(field: "member.id", id: "\(id)", by: "shard \(holder.shard)")
        }
        assert(activeMembers.count > 1)  // Some other one holds the shards.
        known.removedAt = meta.now
        store(.member(known))
        meta.mapVersion += 1
        return "\(id)"
    }

    /// Repeats without harm, like joining.
    mutating func replace(_ lost: NodeID, with member: Member) throws(SystemRefusal) -> String {
        guard var record = memberTable[lost] else {
            throw .notFound(field: "lost", id: "\(lost)")
        }
        if let successor = record.successor {
            guard successor == member.id else {
                throw .exists(field: "successor", id: "\(successor)")
            }
            return "\(successor)"
        }
        guard record.isActive else { throw .notFound(field: "lost", id: "\(lost)") }
        guard lost < member.id else {
            throw .invalid(field: "member.id", reason: "is not above the one it replaces")
        }
        let id = try add(member)
        record.successor = member.id
        store(.member(record))
        meta.mapVersion += 1
        return id
    }

    mutating func raise(to version: UInt32) throws(SystemRefusal) -> String {
        guard var identity = cluster else { throw .notInitialized }
        guard version >= identity.version else {
            throw .invalid(field: "version", reason: "never falls; it is \(identity.version)")
        }
        for member in activeMembers where member.versionKnown < version {
            throw .versionUnknown(to: member.id, known: member.versionKnown)
        }
        if version > identity.version {
            identity.version = version
            store(.cluster(identity))
        }
        return "\(version)"
    }

    // MARK: Settings

    mutating func set(_ pairs: [NamedValue]) throws(SystemRefusal) -> String {
        guard pairs.count <= SystemLimits.settingsPerCommandMax else {
            throw .tooMany(field: "settings", limit: UInt32(SystemLimits.settingsPerCommandMax))
        }
        var changed = settings
        for pair in pairs { try changed.set(pair.name, to: pair.value) }
        guard queue(changed.defaultQueue) != nil else {
            throw .notFound(field: "default-queue", id: changed.defaultQueue.rawValue)
        }
        if changed != settings { store(.settings(changed)) }
        return ""
    }

    // MARK: Epochs

    /// Refuses what a coordinator of an older epoch sent, before anything else is looked at.
    func check(_ epoch: Epoch, term: Term) throws(SystemRefusal) {
        guard let cluster else { throw .notInitialized }
        guard epoch >= meta.epoch else { throw .staleEpoch(current: meta.epoch) }
        guard epoch.incarnation == cluster.incarnation else {
            throw .invalid(field: "epoch.incarnation", reason: "is not the cluster's")
        }
        guard epoch.term <= term else {
            throw .invalid(field: "epoch.term", reason: "is above the entry's")
        }
    }

    mutating func begin(incarnation: UInt64) throws(SystemRefusal) -> String {
        guard var identity = cluster else { throw .notInitialized }
        guard incarnation >= identity.incarnation else {
            throw .invalid(
                field: "incarnation",
                reason: "never falls; it is \(identity.incarnation)"
            )
        }
        if incarnation > identity.incarnation {
            identity.incarnation = incarnation
            store(.cluster(identity))
            meta.epoch = Epoch(incarnation: incarnation, term: .zero)
        }
        return "\(incarnation)"
    }
}
