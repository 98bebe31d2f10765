import CaseModel
import CaseProtocol
import ClusterPrimitives

/// A directory with one of each.
struct TestDirectory: DirectoryLookup {
    static let billing = QueueFacts(id: QueueID("billing"), team: TeamID("first"))
    static let fallback = QueueFacts(id: QueueID("default"), team: TeamID("all"))
    static let anna = AgentFacts(id: PrincipalID("anna"), role: .agent, teams: [TeamID("first")])

    func queueFacts(named name: String) -> QueueFacts? {
        ["": Self.fallback, "billing": Self.billing][name]
    }

    func agentFacts(named name: String) -> AgentFacts? { name == "anna" ? Self.anna : nil }

    func hasTeam(named name: String) -> Bool { ["first", "all"].contains(name) }

    func requesterPrincipal(address: String, phone: String) -> PrincipalID? {
        if address == "known@example.com" { return PrincipalID("rolf") }
        if !address.isEmpty { return PrincipalID("mailto:\(address)") }
        return phone.isEmpty ? nil : PrincipalID("tel:\(phone)")
    }
}

enum Fixture {
    static let staff = Actor(id: PrincipalID("anna"), role: .agent)
    static let requester = Actor(id: PrincipalID("rolf"), role: .requester)

    static let caseID = CaseID(tick: 5, shard: ShardID(3), sequence: 1)

    /// What a text field must not take.
    static let tooLong = String(repeating: "x", count: CaseLimits.textBytesMax + 1)
    static let longName = String(repeating: "å", count: CaseLimits.nameBytesMax / 2 + 1)
}
