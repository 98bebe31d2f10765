import CaseModel
import ClusterPrimitives

/// The system group's replicated state: what the cluster is, who may do what, and which nights ran.
///
/// A value: no clock, no I/O, no random source, no order that a hash chose. Every replica that
/// applies the same commands holds an equal state and asks its store for the same rows.
///
/// Invariants: a refused command changes nothing but the time and what its key remembers; all rows
/// loaded again give an equal state; time, directory version, map version and epoch never fall.
public struct SystemState: Sendable, Equatable {
    var meta = SystemMeta()
    /// Nil until the founding.
    public internal(set) var cluster: ClusterIdentity?
    /// What the whole cluster agrees on.
    public internal(set) var settings = ClusterSettings()
    /// By shard.
    public internal(set) var shardMap: [ShardPlacement] = []
    /// The last nights, oldest first; at most `SystemLimits.nightsKept`.
    public internal(set) var nights: [NightRecord] = []

    var memberTable = Table<NodeID, MemberRecord>()
    var teamTable = Table<TextKey, Team>()
    var queueTable = Table<TextKey, WorkQueue>()
    var principalTable = Table<TextKey, DirectoryEntry>()
    var presenceTable = Table<TextKey, PresenceRecord>()
    var tokenTable = Table<TextKey, AccessToken>()
    var noticeTable = Table<TextKey, OwnerNotice>()
    var results = ResultMemory()

    // Derived from the tables, by `store` and `erase` alone.
    private var queueByRecipient = Table<TextKey, QueueID>()
    /// The queues in which the owner's public comment makes a case pending, sorted: each command carries them.
    public private(set) var queuesWhereCommentPends: [QueueID] = []
    private var principalByContact = Table<TextKey, PrincipalID>()
    /// Hexadecimal hash of the secret to token id.
    private var tokenByHash = Table<TextKey, String>()
    private var tokensByPrincipal = Table<TextKey, [String]>()
    /// By the role's raw value.
    private var principalsByRole = [Int](repeating: 0, count: 16)

    /// Changes since the last command began; empty between commands.
    var mutations: [SystemMutation] = []

    /// A cluster that is not founded.
    public init() {}

    /// Reads all rows of a store, in any order.
    /// - Throws: when a row is not what this program wrote: the node must stop.
    public init(records: [(SystemRecordKey, [UInt8])]) throws(DecodingFault) {
        var seen: Set<SystemRecordKey> = []
        var shards: [ShardPlacement] = []
        for (key, value) in records {
            guard seen.insert(key).inserted else {
                throw DecodingFault(offset: 0, reason: "two rows of kind \(key.kind) have one key")
            }
            let record = try SystemRecord(key: key, value: value)
            if case .shard(let placement) = record {
                shards.append(placement)
            } else {
                store(record)
            }
        }
        shardMap = shards.sorted { $0.shard < $1.shard }
        guard shardMap.count == Int(cluster?.shardCount ?? 0),
            shardMap.enumerated().allSatisfy({ $0.offset == Int($0.element.shard.rawValue) })
        else {
            throw DecodingFault(offset: 0, reason: "the shard map does not list every shard once")
        }
        mutations = []
    }

    // MARK: Rows

    /// Puts a row into the state and onto the list of changes.
    mutating func store(_ record: SystemRecord) {
        switch record {
        case .meta(let meta): self.meta = meta
        case .cluster(let identity): cluster = identity
        case .member(let record): memberTable[record.member.id] = record
        case .shard(let placement): storeShard(placement)
        case .settings(let settings): self.settings = settings
        case .team(let team): teamTable[TextKey(team.id.rawValue)] = team
        case .queue(let queue): storeQueue(queue)
        case .principal(let entry): storePrincipal(entry)
        case .presence(let record): presenceTable[TextKey(record.principal.rawValue)] = record
        case .token(let token): storeToken(token)
        case .notice(let notice): noticeTable[TextKey(notice.principal.rawValue)] = notice
        case .night(let night): storeNight(night)
        case .result(let result): results.insert(result)
        }
        mutations.append(SystemMutation(key: record.key, value: record.encoded))
    }

    /// Takes a row out of the state and puts that onto the list of changes.
    mutating func erase(_ record: SystemRecord) {
        switch record {
        case .team(let team): teamTable[TextKey(team.id.rawValue)] = nil
        case .queue(let queue): eraseQueue(queue)
        case .principal(let entry): erasePrincipal(entry)
        case .presence(let record): presenceTable[TextKey(record.principal.rawValue)] = nil
        case .token(let token): eraseToken(token)
        case .notice(let notice): noticeTable[TextKey(notice.principal.rawValue)] = nil
        case .night(let night): nights.removeAll { $0.number == night.number }
        case .result(let result): results.remove(result.digest)
        case .meta, .cluster, .member, .shard, .settings:
            preconditionFailure("these rows are never erased")
        }
        mutations.append(SystemMutation(key: record.key, value: nil))
    }

    private mutating func storeShard(_ placement: ShardPlacement) {
        let position = Int(placement.shard.rawValue)
        precondition(position <= shardMap.count, "shards are founded in order")
        if position < shardMap.count {
            shardMap[position] = placement
        } else {
            shardMap.append(placement)
        }
    }

    private mutating func storeNight(_ night: NightRecord) {
        let position = nights.firstIndex { $0.number >= night.number } ?? nights.count
        if position < nights.count, nights[position].number == night.number {
            nights[position] = night
        } else {
            nights.insert(night, at: position)
        }
    }

    private mutating func storeQueue(_ queue: WorkQueue) {
        let key = TextKey(queue.id.rawValue)
        for recipient in queueTable[key]?.recipients ?? [] {
            queueByRecipient[TextKey(recipient)] = nil
        }
        queueTable[key] = queue
        noteCommentPends(queue.id, queue.commentPends)
        for recipient in queue.recipients { queueByRecipient[TextKey(recipient)] = queue.id }
    }

    private mutating func eraseQueue(_ queue: WorkQueue) {
        for recipient in queue.recipients { queueByRecipient[TextKey(recipient)] = nil }
        queueTable[TextKey(queue.id.rawValue)] = nil
        noteCommentPends(queue.id, false)
    }

    private mutating func noteCommentPends(_ id: QueueID, _ pends: Bool) {
        queuesWhereCommentPends.removeAll { $0 == id }
        guard pends else { return }
        let key = TextKey(id.rawValue)
        let later = queuesWhereCommentPends.firstIndex { key < TextKey($0.rawValue) }
        queuesWhereCommentPends.insert(id, at: later ?? queuesWhereCommentPends.endIndex)
    }

    private mutating func storePrincipal(_ entry: DirectoryEntry) {
        let key = TextKey(entry.id.rawValue)
        if let old = principalTable[key] { unindex(old) }
        principalTable[key] = entry
        principalsByRole[Int(entry.role.rawValue)] += 1
        for contact in entry.contacts { principalByContact[TextKey(contact)] = entry.id }
    }

    private mutating func erasePrincipal(_ entry: DirectoryEntry) {
        unindex(entry)
        principalTable[TextKey(entry.id.rawValue)] = nil
    }

    private mutating func unindex(_ entry: DirectoryEntry) {
        principalsByRole[Int(entry.role.rawValue)] -= 1
        assert(principalsByRole[Int(entry.role.rawValue)] >= 0)
        for contact in entry.contacts { principalByContact[TextKey(contact)] = nil }
    }

    private mutating func storeToken(_ token: AccessToken) {
        let key = TextKey(token.id)
        if tokenTable[key] == nil {
            let owner = TextKey(token.principal.rawValue)
            tokensByPrincipal[owner] = ((tokensByPrincipal[owner] ?? []) + [token.id]).sortedOnce
        }
        tokenTable[key] = token
        tokenByHash[TextKey("\(token.secretHash)")] = token.id
    }

    private mutating func eraseToken(_ token: AccessToken) {
        let owner = TextKey(token.principal.rawValue)
        let rest = (tokensByPrincipal[owner] ?? []).filter { TextKey($0) != TextKey(token.id) }
        tokensByPrincipal[owner] = rest.isEmpty ? nil : rest
        tokenByHash[TextKey("\(token.secretHash)")] = nil
        tokenTable[TextKey(token.id)] = nil
    }

    // MARK: Indexes

    /// The queue that a canonical recipient leads to.
    func queueID(ofRecipient recipient: String) -> QueueID? {
        queueByRecipient[TextKey(recipient)]
    }

    /// The entry that a canonical contact belongs to.
    func principalID(ofContact contact: String) -> PrincipalID? {
        principalByContact[TextKey(contact)]
    }

    /// The token with a secret's hash.
    public func token(ofHash hash: SHA256Digest) -> AccessToken? {
        tokenByHash[TextKey("\(hash)")].flatMap { tokenTable[TextKey($0)] }
    }

    /// A principal's tokens, dead ones included, by id.
    public func tokens(of principal: PrincipalID) -> [AccessToken] {
        (tokensByPrincipal[TextKey(principal.rawValue)] ?? [])
            .compactMap { tokenTable[TextKey($0)] }
    }

    /// How many entries have the role.
    func principalCount(_ role: Role) -> Int { principalsByRole[Int(role.rawValue)] }
}
