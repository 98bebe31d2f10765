import CaseModel
import ClusterPrimitives

@testable import CoordinatorCore

/// The directory as one would first write it: plain dictionaries, every rule looked up by scanning,
/// nothing remembered that can be derived. It says whether a command is accepted, not with which
/// words it is refused.
struct NaiveDirectory {
    var teams: Set<String> = ["default"]
    var queues: [String: (team: String, recipients: Set<String>)] = ["default": ("default", [])]
    var people:
        [String: (role: Role, teams: Set<String>, queues: Set<String>, contacts: Set<String>)] = [
            "root": (.admin, [], [], [])
        ]
    var tokens: [String: (hash: String, principal: String, role: Role, isLive: Bool)] = [
        "t-root": ("root", "root", .admin, true)
    ]
    var presence: [String: Presence] = [:]
    /// By principal: whether they left (or came back), and which shards know.
    var notices: [String: (isGone: Bool, told: Set<Int>)] = [:]
    var defaultQueue = "default"
    let shardCount: Int

    private func mayOwn(_ id: String) -> Bool {
        guard let role = people[id]?.role else { return false }
        return [.agent, .supervisor, .aiAgent].contains(role)
    }

    private func isLastAdmin(_ id: String) -> Bool {
        people[id]?.role == .admin && people.values.count { $0.role == .admin } == 1
    }

    mutating func put(_ entry: DirectoryEntry) -> Bool {
        let id = entry.id.rawValue
        let entryTeams = Set(entry.teams.map(\.rawValue))
        let entryQueues = Set(entry.queues.map(\.rawValue))
        let contacts = Set(entry.contacts.compactMap { ContactURI.normalized($0) })
        let takes = [.agent, .supervisor, .reviewer].contains(entry.role)
        if !entryTeams.isEmpty, !takes { return false }
        if !entryQueues.isEmpty, entry.role != .aiAgent { return false }
        if !contacts.isEmpty, entry.role != .requester { return false }
        if !entryTeams.isSubset(of: teams) { return false }
        if !entryQueues.isSubset(of: queues.keys) { return false }
        for (other, person) in people where other != id {
            if !person.contacts.isDisjoint(with: contacts) { return false }
        }
        if isLastAdmin(id), entry.role != .admin { return false }
        let owned = mayOwn(id)
        if let old = people[id], old.role != entry.role { endTokens(of: id) }
        people[id] = (entry.role, entryTeams, entryQueues, contacts)
        changeOwner(id, from: owned, to: mayOwn(id))
        return true
    }

    mutating func remove(_ id: String) -> Bool {
        if people[id] == nil || isLastAdmin(id) { return false }
        let owned = mayOwn(id)
        people[id] = nil
        for (token, value) in tokens where value.principal == id { tokens[token] = nil }
        changeOwner(id, from: owned, to: false)
        return true
    }

    private mutating func endTokens(of id: String) {
        for (token, value) in tokens where value.principal == id { tokens[token]?.isLive = false }
    }

    private mutating func changeOwner(_ id: String, from: Bool, to: Bool) {
        if from, !to {
            presence[id] = nil
            notices[id] = (true, [])
        } else if !from, to, notices[id] != nil {
            notices[id] = (false, [])
        }
    }

    mutating func told(_ id: String, _ shard: Int) {
        guard var notice = notices[id] else { return }
        notice.told.insert(shard)
        notices[id] = !notice.isGone && notice.told.count == shardCount ? nil : notice
    }

    mutating func put(_ queue: WorkQueue) -> Bool {
        let recipients = Set(queue.recipients.compactMap { ContactURI.normalized($0) })
        if !teams.contains(queue.team.rawValue) { return false }
        for (other, value) in queues where other != queue.id.rawValue {
            if !value.recipients.isDisjoint(with: recipients) { return false }
        }
        queues[queue.id.rawValue] = (queue.team.rawValue, recipients)
        return true
    }

    mutating func removeQueue(_ id: String) -> Bool {
        if queues[id] == nil || id == defaultQueue { return false }
        if people.values.contains(where: { $0.queues.contains(id) }) { return false }
        queues[id] = nil
        return true
    }

    mutating func removeTeam(_ id: String) -> Bool {
        if !teams.contains(id) { return false }
        if queues.values.contains(where: { $0.team == id }) { return false }
        if people.values.contains(where: { $0.teams.contains(id) }) { return false }
        teams.remove(id)
        return true
    }

    mutating func issue(_ id: String, hash: String, principal: String) -> Bool {
        guard let role = people[principal]?.role else { return false }
        if let known = tokens[id] {
            return known.hash == hash && known.principal == principal && known.isLive
                && known.role == role
        }
        if tokens.values.contains(where: { $0.hash == hash }) { return false }
        tokens[id] = (hash, principal, role, true)
        return true
    }

    mutating func revoke(_ id: String) -> Bool {
        if tokens[id] == nil { return false }
        tokens[id]?.isLive = false
        return true
    }

    mutating func set(_ value: Presence, of id: String) -> Bool {
        if !mayOwn(id) { return false }
        presence[id] = value
        return true
    }

    mutating func setDefaultQueue(_ id: String) -> Bool {
        if queues[id] == nil { return false }
        defaultQueue = id
        return true
    }

    // MARK: What can be asked

    func who(hash: String) -> String? {
        tokens.values.first { $0.hash == hash && $0.isLive }?.principal
    }

    func queue(for recipient: String) -> String {
        queues.first { $0.value.recipients.contains(recipient) }?.key ?? defaultQueue
    }

    func requester(for contact: String) -> String {
        people.first { $0.value.contacts.contains(contact) }?.key ?? contact
    }
}
