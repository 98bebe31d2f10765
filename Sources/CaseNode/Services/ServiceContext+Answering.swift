import CaseModel
import CaseProtocol
import ClusterPrimitives
import CoordinatorCore
import RPC
import ReplicaDriver

/// Who calls, and whether this node is the one to answer.
extension ServiceContext {
    /// How long this node may go without a word from the system group's leader and still vouch for rights, in
    /// milliseconds. Not sooner, or the directory's fail-over would stop the shards.
    static let directoryAgeMillisecondsMax: Int64 = 10_000
    /// A caller that wants to be told who leads, rather than have its call passed on, says so with `1`.
    static let followHeader = "casecluster-follow"
    /// The address of the leader of the case's shard, in the answers of other nodes.
    static let leaderTrailer = "casecluster-leader"

    // MARK: Who calls

    /// The caller, or the error to answer.
    func authenticate(_ call: RPCContext) throws(WireError) -> Actor {
        guard let header = call.metadata["authorization"] else { throw .unauthenticated }
        var actor = try authenticate(authorization: header)
        actor.origin = call.peer.address
        return actor
    }

    private func authenticate(authorization header: String) throws(WireError) -> Actor {
        guard isDirectoryCurrent else { throw .directoryTooOld }
        let version = system.machine.version
        let now = clock.now()
        if let known = callers.find(header, version, at: now) { return known }
        guard let hash = BearerToken.hash(in: header) else { throw .unauthenticated }
        guard let actor = version.state.authenticate(tokenHash: hash, at: now) else {
            throw .unauthenticated
        }
        let token = version.state.token(ofHash: hash)
        callers.remember(header, version, actor, until: token?.expiresAt)
        return actor
    }

    /// This node's directory was complete lately enough to vouch for rights.
    var isDirectoryCurrent: Bool {
        guard let age = system.replica.ageMilliseconds else { return false }
        return age <= Self.directoryAgeMillisecondsMax
    }

    /// Runs `body` for the authenticated caller, and turns what it throws into the answer.
    func answering<Response>(
        _ reply: MessageReply<Response>,
        _ body: @escaping @Sendable (Actor) throws(WireError) -> Void
    ) {
        attempt(reply.context, body) { reply.fail(RPCStatus($0)) }
    }

    /// Runs `body` for the authenticated caller. What this node's directory does not know, it may only not
    /// know yet: before a refusal it catches up with the system group's leader, and tries once more.
    func attempt(
        _ call: RPCContext,
        _ body: @escaping @Sendable (Actor) throws(WireError) -> Void,
        orElse fail: @escaping @Sendable (WireError) -> Void
    ) {
        do throws(WireError) {
            try body(try authenticate(call))
        } catch {
            guard !system.isLeader, error.mayComeOfAnOldDirectory else { return fail(error) }
            system.read { [self] failure in
                if let failure { return fail(wireError(failure)) }
                do throws(WireError) {
                    try body(try authenticate(call))
                } catch {
                    fail(error)
                }
            }
        }
    }

    // MARK: Who answers

    /// Where clients reach a node; nil while it has not said so.
    func clientAddress(of node: NodeID) -> String? {
        let state = system.machine.state
        guard node == self.node || state.hasTakenPart(node) else { return nil }
        return state.member(node)?.member.clientAddress
    }

    /// Names the leader to a caller that follows it, where that is another node. One that is gone leads no more:
    /// then this node sees the call through.
    func follow<Machine>(_ route: GroupRoute<Machine>, _ call: RPCContext) throws(WireError) {
        guard call.metadata[Self.followHeader] == "1", let leader = route.leader, leader != node,
            clientAddress(of: leader) != nil, isAlive(leader)
        else { return }
        throw wireError(.notLeader(leader: leader))
    }

    /// What goes with an answer: the leader's address, where this node is not the leader.
    func guidance<Machine>(_ route: GroupRoute<Machine>) -> RPCMetadata {
        guard let leader = route.leader, leader != node, let address = clientAddress(of: leader)
        else { return [:] }
        return [Self.leaderTrailer: address]
    }

    /// A failure in the protocol's words, with the leader's address where it is known.
    func wireError(_ failure: ReplicaFailure) -> WireError {
        let error = WireError(failure)
        guard case .notLeader(let leader?) = failure, leader != node,
            let address = clientAddress(of: leader)
        else { return error }
        var detail = error.detail
        detail.leader = address
        return WireError(code: error.code, message: error.message, detail: detail)
    }
}

extension WireError {
    /// This node can't vouch for anybody's rights.
    static let directoryTooOld = WireError(
        code: Code.unavailable,
        kind: "directory-old",
        message: "this node's directory has not been up to date for a while: try another node"
    )

    /// The directory may say otherwise by now.
    fileprivate var mayComeOfAnOldDirectory: Bool {
        switch code {
        case Code.unauthenticated, Code.permissionDenied, Code.invalidArgument, Code.notFound: true
        default: false
        }
    }
}
