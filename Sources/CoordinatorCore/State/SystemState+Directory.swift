import CaseModel
import ClusterPrimitives

// Teams, queues, principals, presence.
extension SystemState {
    // MARK: Teams and queues

    mutating func put(_ team: Team) throws(SystemRefusal) -> String {
        try IDText.check(team.id.rawValue, field: "team.id")
        try IDText.checkTitle(team.title, field: "team.title")
        let known = self.team(team.id)
        guard known != nil || teamTable.count < SystemLimits.teamsMax else {
            throw .tooMany(field: "teams", limit: UInt32(SystemLimits.teamsMax))
        }
        if known != team {
            store(.team(team))
            meta.directoryVersion += 1
        }
        return team.id.rawValue
    }

    mutating func remove(_ id: TeamID) throws(SystemRefusal) -> String {
        let key = TextKey(id.rawValue)
        guard let team = teamTable[key] else {
            throw .notFound(field: "team.id", id: id.rawValue)
        }
        if let user = queueTable.first(where: { TextKey($0.team.rawValue) == key }) {
            throw .inUse(field: "team.id", id: id.rawValue, by: "queue \(user.id)")
        }
        if let user = principalTable.first(where: { entry in
            entry.teams.contains { TextKey($0.rawValue) == key }
        }) {
            throw .inUse(field: "team.id", id: id.rawValue, by: "principal \(user.id)")
        }
        erase(.team(team))
        meta.directoryVersion += 1
        return id.rawValue
    }

    mutating func put(_ queue: WorkQueue) throws(SystemRefusal) -> String {
        try IDText.check(queue.id.rawValue, field: "queue.id")
        try IDText.checkTitle(queue.title, field: "queue.title")
        guard team(queue.team) != nil else {
            throw .notFound(field: "queue.team", id: queue.team.rawValue)
        }
        var queue = queue
        queue.recipients = try Self.canonicalContacts(
            queue.recipients,
            field: "queue.recipients",
            limit: SystemLimits.recipientsMax
        )
        for recipient in queue.recipients {
            if let owner = queueID(ofRecipient: recipient),
                TextKey(owner.rawValue) != TextKey(queue.id.rawValue)
            {
                throw .exists(field: "queue.recipients", id: owner.rawValue)
            }
        }
        queue.requiredSkills = try Self.canonicalSkills(
            queue.requiredSkills,
            field: "queue.required_skills"
        )
        let known = self.queue(queue.id)
        guard known != nil || queueTable.count < SystemLimits.queuesMax else {
            throw .tooMany(field: "queues", limit: UInt32(SystemLimits.queuesMax))
        }
        if known != queue {
            store(.queue(queue))
            meta.directoryVersion += 1
        }
        return queue.id.rawValue
    }

    mutating func remove(_ id: QueueID) throws(SystemRefusal) -> String {
        let key = TextKey(id.rawValue)
        guard let queue = queueTable[key] else {
            throw .notFound(field: "queue.id", id: id.rawValue)
        }
        if TextKey(settings.defaultQueue.rawValue) == key {
            throw .inUse(field: "queue.id", id: id.rawValue, by: "setting default-queue")
        }
        if let user = principalTable.first(where: { entry in
            entry.queues.contains { TextKey($0.rawValue) == key }
        }) {
            throw .inUse(field: "queue.id", id: id.rawValue, by: "principal \(user.id)")
        }
        erase(.queue(queue))
        meta.directoryVersion += 1
        return id.rawValue
    }

    private static func canonicalContacts(
        _ texts: [String],
        field: String,
        limit: Int
    ) throws(SystemRefusal) -> [String] {
        guard texts.count <= limit else { throw .tooMany(field: field, limit: UInt32(limit)) }
        var uris: [String] = []
        for text in texts {
            guard let uri = ContactURI.normalized(text) else {
                throw .invalid(
                    field: field,
                    reason: "takes mail addresses, numbers as +4681234567, and widget:name"
                )
            }
            uris.append(uri)
        }
        return uris.sortedOnce
    }

    private static func canonicalSkills(
        _ skills: [String],
        field: String
    ) throws(SystemRefusal) -> [String] {
        guard skills.count <= SystemLimits.skillsMax else {
            throw .tooMany(field: field, limit: UInt32(SystemLimits.skillsMax))
        }
        for skill in skills { try IDText.check(skill, field: field) }
        return skills.sortedOnce
    }

    // MARK: Principals

    func checkPrincipalID(_ id: PrincipalID, field: String) throws(SystemRefusal) {
        try IDText.check(id.rawValue, field: field)
        for prefix in IDText.reservedPrefixes where id.rawValue.utf8.starts(with: prefix.utf8) {
            throw .invalid(field: field, reason: "must not begin with \(prefix)")
        }
    }

    mutating func put(
        _ entry: DirectoryEntry,
        index: LogIndex
    ) throws(SystemRefusal) -> String {
        let entry = try canonical(entry)
        let known = principal(entry.id)
        try checkRoom(for: entry, known: known)
        guard known != entry else { return entry.id.rawValue }
        if known?.role == .admin, entry.role != .admin, principalCount(.admin) == 1 {
            throw .lastAdmin
        }
        store(.principal(entry))
        if let known, known.role != entry.role { endTokens(of: entry.id) }
        noteOwner(entry.id, was: known?.role.mayOwn ?? false, is: entry.role.mayOwn, index)
        meta.directoryVersion += 1
        return entry.id.rawValue
    }

    mutating func remove(_ id: PrincipalID, index: LogIndex) throws(SystemRefusal) -> String {
        guard let entry = principal(id) else {
            throw .notFound(field: "principal.name", id: id.rawValue)
        }
        if entry.role == .admin, principalCount(.admin) == 1 { throw .lastAdmin }
        for token in tokens(of: id) { erase(.token(token)) }
        erase(.principal(entry))
        noteOwner(id, was: entry.role.mayOwn, is: false, index)
        meta.directoryVersion += 1
        assert(tokens(of: id).isEmpty)
        return id.rawValue
    }

    private func checkRoom(
        for entry: DirectoryEntry,
        known: DirectoryEntry?
    ) throws(SystemRefusal) {
        guard known != nil || principalTable.count < SystemLimits.principalsMax else {
            throw .tooMany(field: "principals", limit: UInt32(SystemLimits.principalsMax))
        }
        let returns = noticeTable[TextKey(entry.id.rawValue)] != nil
        guard entry.role.mayOwn, !(known?.role.mayOwn ?? false), !returns else { return }
        let owners =
            principalCount(.agent) + principalCount(.supervisor) + principalCount(.aiAgent)
        guard owners + noticeTable.count < SystemLimits.ownersEverMax else {
            throw .tooMany(field: "staff ever", limit: UInt32(SystemLimits.ownersEverMax))
        }
    }

    /// Checks an entry and brings its lists into their only form.
    private func canonical(_ entry: DirectoryEntry) throws(SystemRefusal) -> DirectoryEntry {
        var entry = entry
        try checkPrincipalID(entry.id, field: "principal.name")
        try IDText.checkTitle(entry.title, field: "principal.title")
        guard entry.role != .system else {
            throw .invalid(field: "principal.role", reason: "is the coordinator's own")
        }
        try Self.check(entry.teams.isEmpty || entry.role.hasTeams, "principal.teams", entry.role)
        try Self.check(
            entry.queues.isEmpty || entry.role == .aiAgent,
            "principal.queues",
            entry.role
        )
        try Self.check(
            entry.contacts.isEmpty || entry.role == .requester,
            "principal.contacts",
            entry.role
        )
        try Self.check(entry.skills.isEmpty || entry.role.mayOwn, "principal.skills", entry.role)
        try Self.check(
            entry.caseMaximum == 0 || entry.role.mayOwn,
            "principal.case_maximum",
            entry.role
        )
        guard entry.caseMaximum <= SystemLimits.caseMaximumMax else {
            throw .invalid(
                field: "principal.case_maximum",
                reason: "takes 0 to \(SystemLimits.caseMaximumMax)"
            )
        }
        entry.teams = try canonicalTeams(entry.teams)
        entry.queues = try canonicalQueues(entry.queues)
        entry.skills = try Self.canonicalSkills(entry.skills, field: "principal.skills")
        entry.contacts = try Self.canonicalContacts(
            entry.contacts,
            field: "principal.contacts",
            limit: SystemLimits.contactsMax
        )
        for contact in entry.contacts {
            if let owner = principalID(ofContact: contact),
                TextKey(owner.rawValue) != TextKey(entry.id.rawValue)
            {
                throw .exists(field: "principal.contacts", id: owner.rawValue)
            }
        }
        return entry
    }

    private static func check(
        _ condition: Bool,
        _ field: String,
        _ role: Role
    ) throws(SystemRefusal) {
        guard condition else {
            throw .invalid(field: field, reason: "does not go with the role \(role)")
        }
    }

    private func canonicalTeams(_ teams: [TeamID]) throws(SystemRefusal) -> [TeamID] {
        guard teams.count <= SystemLimits.teamsPerPrincipalMax else {
            throw .tooMany(
                field: "principal.teams",
                limit: UInt32(SystemLimits.teamsPerPrincipalMax)
            )
        }
        for id in teams where team(id) == nil {
            throw .notFound(field: "principal.teams", id: id.rawValue)
        }
        return teams.map(\.rawValue).sortedOnce.map { TeamID($0) }
    }

    private func canonicalQueues(_ queues: [QueueID]) throws(SystemRefusal) -> [QueueID] {
        guard queues.count <= SystemLimits.queuesPerPrincipalMax else {
            throw .tooMany(
                field: "principal.queues",
                limit: UInt32(SystemLimits.queuesPerPrincipalMax)
            )
        }
        for id in queues where queue(id) == nil {
            throw .notFound(field: "principal.queues", id: id.rawValue)
        }
        return queues.map(\.rawValue).sortedOnce.map { QueueID($0) }
    }

    // MARK: Owners who left or came back

    /// Puts up what every shard must be told when somebody stops or starts to be a possible owner.
    private mutating func noteOwner(
        _ id: PrincipalID,
        was: Bool,
        is isOwner: Bool,
        _ index: LogIndex
    ) {
        let key = TextKey(id.rawValue)
        if was, !isOwner {
            if let record = presenceTable[key] { erase(.presence(record)) }
            store(.notice(OwnerNotice(id, .gone, index)))
        } else if !was, isOwner, noticeTable[key] != nil {
            store(.notice(OwnerNotice(id, .back, index)))
        }
    }

    /// A shard knows. What a later notice of the same principal overtook is passed over.
    mutating func told(
        _ principal: PrincipalID,
        generation: UInt64,
        shard: ShardID
    ) throws(SystemRefusal) -> String {
        guard placement(of: shard) != nil else {
            throw .notFound(field: "shard", id: "\(shard)")
        }
        guard var notice = noticeTable[TextKey(principal.rawValue)],
            notice.generation == generation, !notice.shardsDone.contains(shard)
        else { return principal.rawValue }
        notice.shardsDone.insert(shard)
        if notice.kind == .back, notice.shardsDone.count == shardCount {
            erase(.notice(notice))
        } else {
            store(.notice(notice))
        }
        return principal.rawValue
    }

    // MARK: Presence

    mutating func set(
        _ presence: Presence,
        of id: PrincipalID
    ) throws(SystemRefusal) -> String {
        guard let entry = principal(id), entry.role.mayOwn else {
            throw .notFound(field: "presence.principal", id: id.rawValue)
        }
        if self.presence(of: id) != presence {
            store(.presence(PresenceRecord(principal: id, presence: presence, since: meta.now)))
            meta.directoryVersion += 1
        }
        return id.rawValue
    }
}

extension OwnerNotice {
    fileprivate init(_ principal: PrincipalID, _ kind: Kind, _ index: LogIndex) {
        self.init(
            principal: principal,
            kind: kind,
            generation: index.rawValue,
            shardsDone: ShardSet()
        )
    }
}
