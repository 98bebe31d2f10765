import CaseProtocol
import ClusterPrimitives
import CoordinatorCore
import NIOCore
import RPC
import ReplicaDriver
import SwiftProtobuf
import Synchronization

extension SystemState {
    /// A member that has run, and said where clients reach it: until then its peer address stands there.
    func hasTakenPart(_ node: NodeID) -> Bool {
        guard let member = member(node)?.member else { return false }
        return member.clientAddress != member.peerAddress
    }
}

/// One group's side of what other nodes ask.
protocol GroupAnswering: Sendable {
    /// Proposes here, or says that this node does not lead. Never passes on.
    func answerPropose(
        _ command: [UInt8],
        within time: TimeAmount,
        reply: @escaping @Sendable (Result<RemoteAnswer, ReplicaFailure>) -> Void
    ) throws(DecodingFault)

    /// Answers with the read index in a round of its own.
    func answerReadIndex(
        reply: @escaping @Sendable (Result<LogIndex, ReplicaFailure>) -> Void
    )
}

extension GroupRoute: GroupAnswering {
    func answerPropose(
        _ command: [UInt8],
        within time: TimeAmount,
        reply: @escaping @Sendable (Result<RemoteAnswer, ReplicaFailure>) -> Void
    ) throws(DecodingFault) {
        let command = try Machine.decode(command)
        replica.propose(command, by: NIODeadline.now() + time) { [self] outcome in
            reply(
                outcome.map {
                    RemoteAnswer(bytes: $0.encodedBytes, applied: machine.applied.index)
                }
            )
        }
    }

    func answerReadIndex(
        reply: @escaping @Sendable (Result<LogIndex, ReplicaFailure>) -> Void
    ) {
        replica.readIndex(reply)
    }
}

/// The unary half of `casecluster.v1.Peer`: what other nodes ask of this one's groups.
final class RouteService: Sendable {
    private let peers: PeerService
    private let groups = Mutex<[GroupID: any GroupAnswering]>([:])
    private let system: SystemMachine

    init(peers: PeerService, system: SystemMachine) {
        self.peers = peers
        self.system = system
    }

    /// Lets a group be asked.
    func add(_ group: any GroupAnswering, _ id: GroupID) {
        groups.withLock { $0[id] = group }
    }

    func register(in router: inout RPCRouter) {
        router.unary(
            PeerService.path("Propose"),
            PBProposeRequest.self,
            PBProposeResponse.self,
            calling: propose
        )
        router.unary(
            PeerService.path("ReadIndex"),
            PBReadIndexRequest.self,
            PBReadIndexResponse.self,
            calling: readIndex
        )
        router.unary(
            PeerService.path("Look"),
            PBLookRequest.self,
            PBLookResponse.self,
            calling: look
        )
    }

    @Sendable
    private func look(_ request: PBLookRequest, _ reply: MessageReply<PBLookResponse>) {
        do throws(RPCStatus) {
            let caller = try peers.check(request.hello, reply.context)
            reply.complete(
                PBLookResponse.with {
                    $0.wallMs = SystemClock.wall().rawValue
                    $0.knowsCaller = system.state.hasTakenPart(caller)
                }
            )
        } catch {
            reply.fail(error)
        }
    }

    private func group(_ number: UInt32) -> (any GroupAnswering)? {
        groups.withLock { $0[GroupID(rawValue: number)] }
    }

    @Sendable
    private func propose(_ request: PBProposeRequest, _ reply: MessageReply<PBProposeResponse>) {
        do throws(RPCStatus) {
            _ = try peers.check(request.hello, reply.context)
        } catch { return reply.fail(error) }
        // Starting: it leads nothing yet.
        guard let group = group(request.group) else {
            return reply.complete(.with { $0.failure = ReplicaFailure.notLeader(leader: nil).wire })
        }
        do throws(DecodingFault) {
            try group.answerPropose(
                [UInt8](request.command),
                within: .milliseconds(Int64(request.withinMs))
            ) { result in
                reply.complete(
                    PBProposeResponse.with {
                        switch result {
                        case .success(let answer):
                            $0.answer = .init(answer.bytes)
                            $0.appliedIndex = answer.applied.rawValue
                        case .failure(let failure): $0.failure = failure.wire
                        }
                    }
                )
            }
        } catch {
            // A newer program's command: surely not proposed, and this node can't.
            reply.fail(RPCStatus(.failedPrecondition, "command: \(error)"))
        }
    }

    @Sendable
    private func readIndex(
        _ request: PBReadIndexRequest,
        _ reply: MessageReply<PBReadIndexResponse>
    ) {
        do throws(RPCStatus) {
            _ = try peers.check(request.hello, reply.context)
        } catch { return reply.fail(error) }
        guard let group = group(request.group) else {
            return reply.complete(.with { $0.failure = ReplicaFailure.notLeader(leader: nil).wire })
        }
        group.answerReadIndex { result in
            reply.complete(
                PBReadIndexResponse.with {
                    switch result {
                    case .success(let index): $0.index = index.rawValue
                    case .failure(let failure): $0.failure = failure.wire
                    }
                }
            )
        }
    }
}
