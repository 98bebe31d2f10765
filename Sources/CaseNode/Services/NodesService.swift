import CaseModel
import CaseProtocol
import ClusterPrimitives
import CoordinatorCore
import NIOCore
import RPC
import RaftCore
import ReplicaDriver

/// `casecluster.v1.Cluster`, its half about nodes that come and go.
struct NodesService: Sendable {
    /// Time for another node's word about what it leads, in milliseconds: then the answer does without it.
    static let askMilliseconds: Int64 = 1_000

    let context: ServiceContext
    /// Asks other nodes; nil on one that can have none.
    let calls: PeerCalls?

    func register(in router: inout RPCRouter) {
        router.unary(
            "/\(ClusterService.name)/AddNode",
            PBAddNodeRequest.self,
            PBAddNodeResponse.self,
            calling: add
        )
        router.unary(
            "/\(ClusterService.name)/NodeProgress",
            PBNodeProgressRequest.self,
            PBNodeProgressResponse.self,
            calling: progress
        )
    }

    private func asAdmin<Response>(
        _ reply: MessageReply<Response>,
        _ body: @escaping @Sendable (Actor) async throws(WireError) -> Response
    ) {
        context.answering(reply) { [context] actor throws(WireError) in
            guard actor.role == .admin else { throw .forbidden(actor.role, needs: "an admin") }
            Task {
                do throws(WireError) {
                    guard await context.system.isCurrent() else {
                        throw context.wireError(.notLeader(leader: context.system.leader))
                    }
                    reply.complete(try await body(actor))
                } catch {
                    reply.fail(RPCStatus(error))
                }
            }
        }
    }

    // MARK: Joining

    @Sendable
    private func add(_ request: PBAddNodeRequest, _ reply: MessageReply<PBAddNodeResponse>) {
        asAdmin(reply) { [self] actor throws(WireError) in
            guard calls != nil else { throw .noPeers }
            let (member, lost) = try read(request)
            let known = context.system.machine.state.member(member.id)
            // Its client address may have come since: the same node all the same.
            let isKnown =
                known?.isActive == true && known?.member.peerAddress == member.peerAddress
            if let lost {
                let record = context.system.machine.state.member(lost)
                if record?.successor != member.id {
                    let joining = isKnown ? known?.member ?? member : member
                    try await propose(.replaceMember(lost, with: joining), by: actor)
                }
            } else if !isKnown {
                try await propose(.addMember(member), by: actor)
            }
            return response()
        }
    }

    private func read(
        _ request: PBAddNodeRequest
    ) throws(WireError) -> (member: Member, lost: NodeID?) {
        guard request.nodeID > 0 else { throw WireError(RequestFault("node_id", "is required")) }
        guard let target = RPCTarget(request.peerAddress) else {
            throw WireError(RequestFault("peer_address", "is not HOST:PORT"))
        }
        let address = target.description
        let member = Member(
            id: NodeID(request.nodeID),
            peerAddress: address,
            clientAddress: address,
            versionKnown: context.system.machine.state.cluster?.version ?? 1
        )
        return (member, request.replaces == 0 ? nil : NodeID(request.replaces))
    }

    private func propose(_ command: SystemCommand, by actor: Actor) async throws(WireError) {
        let result: Result<SystemReceipt, WireError> = await withCheckedContinuation { waiter in
            context.proposeSystem(command, by: actor, scope: nil) { waiter.resume(returning: $0) }
        }
        _ = try result.get()
    }

    private func response() -> PBAddNodeResponse {
        let state = context.system.machine.state
        return PBAddNodeResponse.with {
            $0.clusterID = Hex.encode(state.cluster?.id ?? [])
            $0.nodes = state.activeMembers.map { member in
                PBNodeStatus.with {
                    $0.nodeID = member.id.rawValue
                    $0.address = context.clientAddress(of: member.id) ?? ""
                    $0.peerAddress = member.peerAddress
                    $0.alive = context.isAlive(member.id)
                }
            }
        }
    }

    // MARK: Progress

    @Sendable
    private func progress(
        _ request: PBNodeProgressRequest,
        _ reply: MessageReply<PBNodeProgressResponse>
    ) {
        asAdmin(reply) { [self] actor throws(WireError) in
            let node = NodeID(request.nodeID)
            let state = context.system.machine.state
            guard let record = state.member(node) else {
                throw .noNode(node, "is no member of this cluster")
            }
            guard record.isActive else { throw .noNode(node, "was removed from this cluster") }
            let led = await led()
            return NodeProgress(node: node, state: state, led: led)
                .response(isAlive: context.isAlive(node))
        }
    }

    /// What all groups' leaders say, as far as they answer.
    private func led() async -> [UInt32: PBLedGroup] {
        var groups: [UInt32: PBLedGroup] = [:]
        var own: [PBLedGroup] = []
        if let system = await context.system.led() { own.append(system) }
        for shard in context.shards {
            if let group = await shard.led() { own.append(group) }
        }
        for group in own { groups[group.group] = group }
        guard let calls else { return groups }
        await withTaskGroup(of: [PBLedGroup].self) { tasks in
            for peer in calls.links.peers where context.isAlive(peer) {
                tasks.addTask {
                    await calls.led(at: peer, within: .milliseconds(Self.askMilliseconds))
                }
            }
            for await answer in tasks {
                for group in answer { groups[group.group] = group }
            }
        }
        return groups
    }
}

/// How far one node is, from the map and the leaders' words.
private struct NodeProgress {
    let node: NodeID
    let state: SystemState
    let led: [UInt32: PBLedGroup]

    func response(isAlive: Bool) -> PBNodeProgressResponse {
        var groups = [group(.system, wanted: systemRole)]
        groups += state.shardMap.map { placement in
            group(GroupID(shard: placement.shard), wanted: role(in: placement))
        }
        let replacing = state.members.first { $0.isActive && $0.successor == node }
        let isPlanned = Placement.changes(state).isEmpty
        return PBNodeProgressResponse.with {
            $0.alive = isAlive
            $0.groups = groups.filter {
                $0.wanted != .none || $0.role == .learner || $0.role == .voter
            }
            $0.replacing = replacing?.member.id.rawValue ?? 0
            $0.waitsForThird = state.nodesForReplicas.count == 2
            $0.done =
                isAlive && isPlanned && replacing == nil
                && $0.groups.allSatisfy {
                    $0.role == $0.wanted && ($0.role != .learner || $0.caughtUp)
                }
        }
    }

    private func group(_ id: GroupID, wanted: PBReplicaRole) -> PBGroupProgress {
        PBGroupProgress.with {
            $0.group = id.rawValue
            $0.wanted = wanted
            guard let group = led[id.rawValue] else { return }
            guard let member = group.members.first(where: { $0.node == node.rawValue }) else {
                $0.role = .none
                $0.lag = group.commit
                return
            }
            $0.role = member.votes ? .voter : .learner
            $0.lag = group.commit - min(member.match, group.commit)
            $0.caughtUp = member.caughtUp
        }
    }

    private var systemRole: PBReplicaRole {
        let members = led[GroupID.system.rawValue]?.members ?? []
        let voting = members.filter(\.votes).map { NodeID($0.node) }
        guard state.nodesForReplicas.contains(node) else { return .none }
        return Placement.systemVoters(state, voting: voting).contains(node) ? .voter : .learner
    }

    private func role(in placement: ShardPlacement) -> PBReplicaRole {
        if placement.target.contains(node) { return .voter }
        return state.learnersWanted(of: placement).contains(node) ? .learner : .none
    }
}

extension GroupRoute {
    /// How the members are, on the group's leader; nil elsewhere.
    func led() async -> PBLedGroup? {
        guard isLeader, let status = await status(), status.role == .leader else { return nil }
        return PBLedGroup.with {
            $0.group = group.rawValue
            $0.commit = status.commit.rawValue
            $0.members = status.progress.map { member in
                PBMemberProgress.with {
                    $0.node = member.id.rawValue
                    $0.match = member.progress.match.rawValue
                    $0.votes = !member.progress.isLearner
                    $0.caughtUp = member.id == node || MembershipMove.mayVote(member.id, status)
                }
            }
        }
    }
}

extension WireError {
    /// This node was started so that it can't have peers.
    static let noPeers = WireError(
        code: Code.failedPrecondition,
        kind: "no-peers",
        message:
            "this node does not listen for other nodes: it has a certificate for clients and none "
            + "for nodes. Restart it with --peer-certificate, --peer-key and --peer-roots (casectl tls node)"
    )

    fileprivate static func noNode(_ node: NodeID, _ reason: String) -> WireError {
        WireError(
            code: Code.notFound,
            kind: "not-found",
            field: "node_id",
            message: "node \(node) \(reason)"
        )
    }
}
