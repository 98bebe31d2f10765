import CaseModel
import ClusterPrimitives
import CoordinatorCore
import Foundation
import Glibc
import ReplicaDriver

/// The first start: founds the cluster with an admin, whose token it leaves in the data directory.
struct Founding {
    let parts: NodeAssembly
    let system: ReplicaHost<SystemMachine>

    /// Founds the cluster if it is not; a first start that was cut short is taken up again.
    func run() async throws {
        // The log may hold a founding that the store has not applied yet: a linearizable read waits for it.
        try await ready()
        if system.machine.state.cluster == nil { try await found() }
        if access(parts.directory.foundedPath, F_OK) != 0 {
            try DataDirectory.writeDurably([], to: parts.directory.foundedPath, mode: 0o644)
        }
    }

    private func ready() async throws {
        try await withCheckedThrowingContinuation {
            (waiter: CheckedContinuation<Void, any Error>) in
            system.read { failure in
                if let failure { waiter.resume(throwing: failure) } else { waiter.resume() }
            }
        }
    }

    private func found() async throws {
        let secret = try adminSecret()
        let founding = ClusterFounding(
            clusterID: parts.directory.clusterID,
            shardCount: UInt32(parts.configuration.shardCount),
            members: [
                Member(
                    id: parts.directory.nodeID,
                    peerAddress:
                        "\(parts.configuration.listenHost):\(parts.configuration.listenPort)",
                    clientAddress:
                        "\(parts.configuration.listenHost):\(parts.configuration.listenPort)",
                    versionKnown: 1
                )
            ],
            adminToken: NewToken(
                id: TokenSecret.makeID(),
                secretHash: secret.hash,
                principal: PrincipalID("admin"),
                expiresAt: nil
            )
        )
        let command = StampedSystemCommand(at: .zero, command: .initialize(founding))
        let result: SystemResult = try await withCheckedThrowingContinuation { waiter in
            system.propose(command) { waiter.resume(with: $0) }
        }
        switch result {
        case .accepted, .refused(.alreadyInitialized): break
        case .refused(let refusal): throw refusal
        }
        parts.logger.notice(
            "a new cluster; its admin token was written, mode 0600",
            metadata: ["file": "\(parts.directory.adminTokenPath)"]
        )
    }

    /// The token is durable before the cluster knows it, so that a cut start never locks the admin out.
    private func adminSecret() throws -> TokenSecret {
        let path = parts.directory.adminTokenPath
        if access(path, F_OK) == 0 {
            let text = try String(contentsOfFile: path, encoding: .utf8)
            return TokenSecret(text: text.trimmingCharacters(in: .whitespacesAndNewlines))
        }
        let secret = TokenSecret.make()
        try DataDirectory.writeDurably(Array((secret.text + "\n").utf8), to: path, mode: 0o600)
        return secret
    }
}
