import CaseModel
import ClusterPrimitives

// What nodes read: each answer holds for the log index up to which this state was applied.
extension SystemState {
    /// The highest time that a command carried; never falls.
    public var now: Timestamp { meta.now }
    /// The highest epoch that coordinated.
    public var epoch: Epoch { meta.epoch }
    /// Grows with every change of principals, teams, queues, tokens or presence.
    public var directoryVersion: UInt64 { meta.directoryVersion }
    /// Grows with every change of members or the shard map.
    public var mapVersion: UInt64 { meta.mapVersion }
    /// 0 until the founding.
    public var shardCount: Int { Int(cluster?.shardCount ?? 0) }

    // MARK: Members and shards

    /// All members ever, by id.
    public var members: [MemberRecord] { memberTable.sorted }
    /// Members now, by id.
    public var activeMembers: [Member] { members.filter(\.isActive).map(\.member) }
    /// A member, also a removed one.
    public func member(_ id: NodeID) -> MemberRecord? { memberTable[id] }
    /// The lowest id that no node ever had and that is above all that nodes had.
    public var nextNodeID: NodeID { NodeID((memberTable.sortedKeys.last?.rawValue ?? 0) + 1) }

    /// Where a shard is; nil above the cluster's number of shards.
    public func placement(of shard: ShardID) -> ShardPlacement? {
        Int(shard.rawValue) < shardMap.count ? shardMap[Int(shard.rawValue)] : nil
    }

    // MARK: Directory

    /// All teams, by id.
    public var teams: [Team] { teamTable.sorted }
    /// All queues, by id.
    public var queues: [WorkQueue] { queueTable.sorted }
    /// All entries, by id.
    public var principals: [DirectoryEntry] { principalTable.sorted }
    /// How many entries.
    public var principalCount: Int { principalTable.count }
    /// All tokens, dead ones included, by id.
    public var tokens: [AccessToken] { tokenTable.sorted }
    /// A team.
    public func team(_ id: TeamID) -> Team? { teamTable[TextKey(id.rawValue)] }
    /// A queue.
    public func queue(_ id: QueueID) -> WorkQueue? { queueTable[TextKey(id.rawValue)] }
    /// A token.
    public func token(_ id: String) -> AccessToken? { tokenTable[TextKey(id)] }

    /// An entry.
    public func principal(_ id: PrincipalID) -> DirectoryEntry? {
        principalTable[TextKey(id.rawValue)]
    }

    /// What somebody set; offline for who set nothing.
    public func presence(of id: PrincipalID) -> Presence {
        presenceTable[TextKey(id.rawValue)]?.presence ?? .offline
    }

    /// All presences that somebody set, by principal.
    public var presences: [PresenceRecord] { presenceTable.sorted }

    /// Who a token's bearer is, with the rights that the directory gives now; nil for a secret that
    /// does not count: unknown, expired, revoked, or of a principal who left or changed role.
    public func authenticate(tokenHash: SHA256Digest, at now: Timestamp) -> Actor? {
        guard let token = token(ofHash: tokenHash), token.isLive(at: max(now, meta.now)),
            let entry = principal(token.principal), entry.role == token.role
        else { return nil }
        return actor(entry)
    }

    /// An entry as an actor, with the rights that the directory gives now; nil for who is not
    /// listed.
    public func actor(_ id: PrincipalID) -> Actor? { principal(id).map(actor) }

    private func actor(_ entry: DirectoryEntry) -> Actor {
        Actor(
            id: entry.id,
            role: entry.role,
            teams: teams(of: entry),
            queues: entry.queues,
            aliases: entry.contacts.map { PrincipalID($0) },
            directoryVersion: meta.directoryVersion
        )
    }

    /// Sorted: an entry's own teams; for an AI agent those of its queues.
    private func teams(of entry: DirectoryEntry) -> [TeamID] {
        guard entry.role == .aiAgent else { return entry.teams }
        return entry.queues.compactMap { queue($0)?.team.rawValue }.sortedOnce.map { TeamID($0) }
    }

    /// What a command on cases needs to know of somebody who may own them; nil for anybody else.
    public func agentFacts(_ id: PrincipalID) -> AgentFacts? {
        guard let entry = principal(id), entry.role.mayOwn else { return nil }
        return AgentFacts(
            id: entry.id,
            role: entry.role,
            teams: teams(of: entry),
            isAvailable: presence(of: id) == .available
        )
    }

    /// What a command on cases needs to know of a queue.
    public func queueFacts(_ id: QueueID) -> QueueFacts? {
        queue(id).map { QueueFacts(id: $0.id, team: $0.team) }
    }

    /// Where a contact goes: the first recipient that leads to a queue decides, else the default
    /// queue.
    ///
    /// - Parameters:
    ///   - recipients: as the channel gives them, in its order: mail addresses, numbers, widgets.
    ///   - channel: decides how they read.
    /// - Returns: nil only before the founding.
    public func queueFacts(forRecipients recipients: [String], channel: Channel) -> QueueFacts? {
        for recipient in recipients {
            if let uri = ContactURI.recipient(recipient, on: channel),
                let found = queueID(ofRecipient: uri)
            {
                return queueFacts(found)
            }
        }
        return queueFacts(settings.defaultQueue)
    }

    /// Whose mail this is: the entry with that verified address, else the address itself, as
    /// `mailto:…`. Nil when the text is no address.
    public func requester(forAddress address: String) -> PrincipalID? {
        ContactURI.mail(address).map { principalID(ofContact: $0) ?? PrincipalID($0) }
    }

    /// Whose call this is: the entry with that verified number, else the number itself, as
    /// `tel:+…`. Nil when the text is no international number (withheld, local).
    public func requester(forPhone number: String) -> PrincipalID? {
        ContactURI.phone(number).map { principalID(ofContact: $0) ?? PrincipalID($0) }
    }

    /// Whose chat this is: nobody verified a visitor, so that it is always `visitor:…`. Nil for an
    /// empty id.
    public func requester(forVisitor id: String) -> PrincipalID? {
        ContactURI.visitor(id).map { PrincipalID($0) }
    }

    // MARK: Coordination

    /// All notices, by principal; those of who left stay when every shard knows.
    public var notices: [OwnerNotice] { noticeTable.sorted }

    /// Notices that some shard has not been told, by principal.
    public var pendingNotices: [OwnerNotice] {
        noticeTable.sorted { $0.shardsDone.count < shardCount }
    }

    /// The last night on record.
    public var lastNight: NightRecord? { nights.last }
    /// The night that runs.
    public var runningNight: NightRecord? {
        nights.last.flatMap { $0.finishedAt == nil ? $0 : nil }
    }
}
