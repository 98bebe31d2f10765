import CaseClient

/// What tests ask a cluster, and tell it.
extension ThreeNodes {
    /// Adds somebody of the default team, and gives a client with their token.
    func staff(
        _ name: String,
        _ role: PrincipalRole,
        _ admin: CaseClient
    ) async throws -> CaseClient {
        var person = Principal()
        person.name = name
        person.role = role
        person.teams = ["default"]
        _ = try await admin.put(person)
        return try client(token: try await admin.issueToken(for: name).secret)
    }

    /// Adds a supervisor, who may create and read, and gives its token.
    func supervisor(_ admin: CaseClient) async throws -> String {
        var sam = Principal()
        sam.name = "sam"
        sam.role = .supervisor
        sam.teams = ["default"]
        _ = try await admin.put(sam)
        return try await admin.issueToken(for: "sam").secret
    }

    /// What the node at an index says of the cluster.
    func status(askedAt index: Int, _ token: String) async throws -> ClusterStatus {
        let client = try client(token: token, first: index, alone: true)
        let status = try await client.clusterStatus()
        await client.shutdown()
        return status
    }

    /// Who plays which part, by index.
    struct Parts {
        let leaderOfMost: Int
        let leaderOfFewest: Int
        let coordinator: Int
    }

    /// The parts, as the node at an index knows.
    func parts(askedAt index: Int, _ token: String) async throws -> Parts {
        let status = try await status(askedAt: index, token)
        var led = [0, 0, 0]
        for group in status.groups where (1...3).contains(group.leader) {
            led[Int(group.leader) - 1] += 1
        }
        let coordinator = max(0, Int(status.coordinator) - 1)
        // Where all lead as many, whoever does not coordinate is the follower.
        let byLed = Self.indices.sorted {
            (led[$0], $0 == coordinator ? 1 : 0) < (led[$1], $1 == coordinator ? 1 : 0)
        }
        return Parts(
            leaderOfMost: byLed[2],
            leaderOfFewest: byLed[0],
            coordinator: coordinator
        )
    }

    /// Waits until all replicas have applied the same, and gives their checksums by node.
    func checksums(_ token: String) async throws -> [[ShardChecksum]] {
        while true {
            var found: [[ShardChecksum]] = []
            for index in Self.indices {
                let client = try client(token: token, first: index, alone: true)
                found.append(try await client.checksums())
                await client.shutdown()
            }
            let applied = found.map { $0.map(\.appliedIndex) }
            if applied.allSatisfy({ $0 == applied[0] }) { return found }
        }
    }

    /// Waits until all replicas have applied the same, and says whether their rows are the same.
    func areReplicasEqual(_ token: String) async throws -> Bool {
        let checksums = try await checksums(token).map { $0.map(\.checksum) }
        return checksums.allSatisfy { $0 == checksums[0] }
    }
}

extension ThreeNodes {
    /// A load of comments by clients that ask all three nodes; it waits at its gate.
    func load(_ size: CommentLoad.Size) async throws -> CommentLoad {
        try await CommentLoad.prepare(admin: try client(token: adminToken), size) { token in
            try client(token: token)
        }
    }
}
