import CaseClient

/// Everything that a run needs in the cluster: a team, a queue, agents and requesters with their
/// tokens. All of it carries the run's name, so that runs don't meet.
struct Stage: Sendable {
    /// Somebody with a token.
    struct Actor: Sendable {
        let name: String
        let token: String

        /// Acts as this one.
        var call: CaseCallOptions { CaseCallOptions(token: token) }
    }

    let run: String
    let queue: String
    let clients: [CaseClient]
    let agents: [Actor]
    let requesters: [Actor]

    /// Changes of the directory at a time: it is one group, and the run has not begun.
    private static let inFlight = 16

    /// Sets the directory up. `clients` have the admin's token.
    static func set(
        run: String,
        clients: [CaseClient],
        agents agentCount: Int,
        requesters requesterCount: Int
    ) async throws -> Stage {
        precondition(!clients.isEmpty && agentCount > 0)
        let client = clients[0]
        let team = "bench-\(run)"
        try await client.put(Team.with { $0.name = team })
        try await client.put(
            WorkQueue.with {
                $0.name = team
                $0.team = team
            }
        )
        let agents = try await inParallel(agentCount, inFlight: inFlight) { index in
            let principal = Principal.with {
                $0.name = "bench-\(run)-agent-\(index)"
                $0.role = .agent
                $0.teams = [team]
            }
            return try await enter(principal, client)
        }
        let requesters = try await inParallel(requesterCount, inFlight: inFlight) { index in
            let principal = Principal.with {
                $0.name = "bench-\(run)-requester-\(index)"
                $0.role = .requester
                $0.addresses = ["bench-\(run)-\(index)@example.com"]
            }
            return try await enter(principal, client)
        }
        let stage = Stage(
            run: run,
            queue: team,
            clients: clients,
            agents: agents,
            requesters: requesters
        )
        try await stage.waitForTokens()
        return stage
    }

    /// The connection of a worker.
    func client(_ worker: Int) -> CaseClient { clients[worker % clients.count] }

    private static func enter(_ principal: Principal, _ client: CaseClient) async throws -> Actor {
        try await client.put(principal)
        let token = try await client.issueToken(for: principal.name, lifetime: "1d")
        return Actor(name: principal.name, token: token.secret)
    }

    /// The directory reaches each node in its own time: waits until the last tokens are known
    /// everywhere that this run asks.
    private func waitForTokens() async throws {
        let ends = ContinuousClock.now + .seconds(10)
        for actor in [agents.last, requesters.last].compactMap({ $0 }) {
            for client in clients {
                while true {
                    do {
                        _ = try await client.list(
                            CaseQuery.with { $0.pageSize = 1 },
                            options: actor.call
                        )
                        break
                    } catch {
                        guard error.code == .unauthenticated, ContinuousClock.now < ends else {
                            throw error
                        }
                        try await Task.sleep(for: .milliseconds(50))
                    }
                }
            }
        }
    }
}

/// Runs `count` numbered jobs, so many at a time, and gives their results in order.
func inParallel<Result: Sendable>(
    _ count: Int,
    inFlight: Int,
    _ job: @escaping @Sendable (Int) async throws -> Result
) async throws -> [Result] {
    precondition(inFlight > 0)
    return try await withThrowingTaskGroup(of: (Int, Result).self) { group in
        var results = [Result?](repeating: nil, count: count)
        var next = 0
        while next < min(inFlight, count) {
            let index = next
            group.addTask { (index, try await job(index)) }
            next += 1
        }
        while let (index, result) = try await group.next() {
            results[index] = result
            if next < count {
                let index = next
                group.addTask { (index, try await job(index)) }
                next += 1
            }
        }
        let all = results.compactMap { $0 }
        precondition(all.count == count, "every job gives a result or throws")
        return all
    }
}
