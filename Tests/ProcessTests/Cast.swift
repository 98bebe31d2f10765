import CaseClient
import ProcessSupport

/// Somebody of every role, each with a client of its own.
struct Cast: Sendable {
    let admin: CaseClient
    /// Agents of the default team, both available.
    let anna: CaseClient
    let bert: CaseClient
    let supervisor: CaseClient
    let reviewer: CaseClient
    /// An AI agent of the default queue.
    let robot: CaseClient
    /// Requesters.
    let kim: CaseClient
    let lou: CaseClient
    let intake: CaseClient

    static let team = "default"
    static let queue = "default"

    static func make(at node: NodeProcess) async throws -> Cast {
        let admin = try node.client(token: try node.adminToken)
        func client(
            _ name: String,
            _ role: PrincipalRole,
            _ adjust: (inout Principal) -> Void = { _ in }
        ) async throws -> CaseClient {
            var principal = Principal()
            principal.name = name
            principal.role = role
            adjust(&principal)
            try await admin.put(principal)
            return try node.client(token: try await admin.issueToken(for: name).secret)
        }
        let isInTeam: (inout Principal) -> Void = { $0.teams = [team] }
        let cast = Cast(
            admin: admin,
            anna: try await client("anna", .agent, isInTeam),
            bert: try await client("bert", .agent, isInTeam),
            supervisor: try await client("sven", .supervisor, isInTeam),
            reviewer: try await client("rita", .reviewer, isInTeam),
            robot: try await client("robot", .aiAgent) { $0.queues = [queue] },
            kim: try await client("kim", .requester) { $0.addresses = ["kim@example.com"] },
            lou: try await client("lou", .requester) { $0.addresses = ["lou@example.com"] },
            intake: try await client("mailgate", .intake)
        )
        try await cast.anna.setPresence(.available)
        try await cast.bert.setPresence(.available)
        return cast
    }
}

extension NewCase {
    /// What a requester with a token of their own has to say.
    static func saying(_ message: String, title: String = "a case") -> NewCase {
        .with {
            $0.title = title
            $0.message = message
        }
    }
}

/// Runs `call`, which has to be refused, and gives the refusal.
func refusal<Value>(
    of call: () async throws(CaseClientError) -> Value
) async -> CaseClientError? {
    do {
        _ = try await call()
        return nil
    } catch {
        return error
    }
}
