import CaseModel
import ClusterPrimitives
import CoordinatorCore
import Foundation
import Glibc
import RaftCore
import ReplicaDriver

/// The first start: founds the cluster with an admin, whose token the founding node leaves in its data
/// directory.
///
/// Of several nodes whichever leads the system group founds; the group takes one founding and refuses others.
struct Founding {
    /// How long a node that does not lead waits before it looks again, in milliseconds.
    static let pauseMilliseconds: Int64 = 50

    let parts: NodeAssembly
    let system: ReplicaHost<SystemMachine>
    /// Where others would reach a node that founds alone; nil where they can't.
    let ownPeerAddress: String?

    private var isFounded: Bool { system.machine.state.cluster != nil }

    /// Returns when the cluster is founded, as far as this node knows; a first start that was cut short is
    /// taken up again.
    func run() async throws {
        guard !parts.directory.isJoiner else { return try await beTakenIn() }
        let isFirst = !isFounded
        let others = parts.configuration.initialMembers.filter { $0.id != parts.directory.nodeID }
        if isFirst, !others.isEmpty {
            parts.logger.notice(
                "waits for the other founders",
                metadata: ["nodes": "\(others.map { "\($0.id)" }.joined(separator: " "))"]
            )
        }
        // Alone, the log may hold a founding that the store has not applied yet: a linearizable read waits
        // for it. With others, the store's own word is enough to go on: the rest comes from them.
        while !isFounded || others.isEmpty && parts.knownMembers.count <= 1 {
            guard try await leads() else {
                try await Task.sleep(for: .milliseconds(Self.pauseMilliseconds))
                continue
            }
            if isFounded { break }
            try await found()
        }
        if isFirst { try dropUnusedToken() }
        try markFounded()
    }

    /// A node that joins waits until the cluster has sent it the system group's state, which names it.
    private func beTakenIn() async throws {
        if !isFounded {
            parts.logger.notice(
                "waits to be taken in: casectl node join, with an admin's token",
                metadata: ["node": "\(parts.directory.nodeID)"]
            )
        }
        while !isFounded { try await Task.sleep(for: .milliseconds(Self.pauseMilliseconds)) }
        try markFounded()
    }

    /// From now on the log must be there.
    private func markFounded() throws {
        guard access(parts.directory.foundedPath, F_OK) != 0 else { return }
        try DataDirectory.writeDurably([], to: parts.directory.foundedPath, mode: 0o644)
    }

    /// Whether this node leads the system group now, after an election if there is one.
    private func leads() async throws -> Bool {
        let failure = await withCheckedContinuation {
            (waiter: CheckedContinuation<ReplicaFailure?, Never>) in
            system.read { waiter.resume(returning: $0) }
        }
        switch failure {
        case nil: return true
        case .notLeader: return false
        case .some(let failure): throw failure
        }
    }

    private func found() async throws {
        let secret = try adminSecret()
        let founding = ClusterFounding(
            clusterID: parts.directory.clusterID,
            shardCount: UInt32(parts.configuration.shardCount),
            members: members,
            adminToken: NewToken(
                id: TokenSecret.makeID(),
                secretHash: secret.hash,
                principal: PrincipalID("admin"),
                expiresAt: nil
            )
        )
        let command = StampedSystemCommand(at: .zero, command: .initialize(founding))
        let outcome = await withCheckedContinuation {
            (waiter: CheckedContinuation<Result<SystemResult, ReplicaFailure>, Never>) in
            system.propose(command) { waiter.resume(returning: $0) }
        }
        switch outcome {
        case .success(.accepted):
            parts.logger.notice(
                "a new cluster; its admin's token is in a file of mode 0600",
                metadata: ["file": "\(parts.adminTokenPath)"]
            )
        case .success(.refused(.alreadyInitialized)): break
        case .success(.refused(let refusal)): throw refusal
        // Another leads by now, who has the founding in its log or makes one.
        case .failure(.notLeader), .failure(.outcomeUnknown): break
        case .failure(let failure): throw failure
        }
    }

    /// The founders. Each tells by itself where clients reach it; until then the others' addresses stand there.
    private var members: [Member] {
        let (configuration, node) = (parts.configuration, parts.directory.nodeID)
        let address = configuration.clientAddress
        guard !configuration.initialMembers.isEmpty else {
            return [
                Member(id: node, peerAddress: ownPeerAddress ?? address, clientAddress: address)
            ]
        }
        return configuration.initialMembers.map { founder in
            Member(
                id: founder.id,
                peerAddress: founder.peerAddress,
                clientAddress: founder.id == node ? address : founder.peerAddress
            )
        }
    }

    /// The token is durable before the cluster knows it, so that a cut start never locks the admin out.
    private func adminSecret() throws -> TokenSecret {
        let path = parts.adminTokenPath
        if access(path, F_OK) == 0 {
            let text = try String(contentsOfFile: path, encoding: .utf8)
            return TokenSecret(text: text.trimmingCharacters(in: .whitespacesAndNewlines))
        }
        guard parts.configuration.adminTokenPath.isEmpty else {
            throw ConfigurationError(option: "admin-token-file", reason: "\(path) is not there")
        }
        let secret = TokenSecret.make()
        try DataDirectory.writeDurably(Array((secret.text + "\n").utf8), to: path, mode: 0o600)
        return secret
    }

    /// Another node's founding won: a token of this one's making opens nothing.
    private func dropUnusedToken() throws {
        let path = parts.directory.adminTokenPath
        guard parts.configuration.adminTokenPath.isEmpty, access(path, F_OK) == 0 else { return }
        let secret = try adminSecret()
        let now = system.machine.time
        guard system.machine.state.authenticate(tokenHash: secret.hash, at: now) == nil else {
            return
        }
        guard unlink(path) == 0 else {
            throw DataDirectoryError.io(path: path, reason: String(cString: strerror(errno)))
        }
    }
}
