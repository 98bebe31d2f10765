import CaseClient

/// Who acts in a run.
enum People {
    /// Somebody, as the directory has them.
    struct Person: Sendable {
        let name: String
        let role: PrincipalRole
    }

    static let requesters = ["kim", "lou"]
    static let agents = ["anna", "bert"]
    static let supervisor = "sven"
    static let robot = "robot"

    static let all: [Person] =
        requesters.map { Person(name: $0, role: .requester) }
        + agents.map { Person(name: $0, role: .agent) }
        + [Person(name: supervisor, role: .supervisor), Person(name: robot, role: .aiAgent)]

    /// Writes them into the directory and sets the cluster's clocks to short times.
    /// - Returns: secrets of their tokens by name.
    static func invite(_ cluster: ChaosCluster) async throws -> [String: String] {
        let admin = try cluster.client(token: cluster.adminToken, deadline: .seconds(20))
        var tokens = ["admin": cluster.adminToken]
        for person in all {
            var principal = Principal()
            principal.name = person.name
            principal.role = person.role
            switch person.role {
            case .requester: principal.addresses = ["\(person.name)@example.com"]
            case .aiAgent: principal.queues = [Stage.queue]
            default: principal.teams = [Stage.team]
            }
            try await admin.put(principal)
            tokens[person.name] = try await admin.issueToken(for: person.name).secret
        }
        try await admin.setSetting(
            "reopen-window",
            to: "\(Timing.reopenWindowMilliseconds / 1_000)s"
        )
        try await admin.setSetting("night", to: "every 5s")
        await admin.shutdown()
        for name in agents {
            let client = try cluster.client(token: tokens[name] ?? "", deadline: .seconds(20))
            try await client.setPresence(.available)
            await client.shutdown()
        }
        return tokens
    }
}

/// How long what usually takes days takes here.
enum Timing {
    /// How long a customer may answer after a solution.
    static let reopenWindowMilliseconds: Int64 = 3_000
}
