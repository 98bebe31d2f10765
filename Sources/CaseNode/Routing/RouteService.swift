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

    /// How the members are, on the group's leader; nil elsewhere.
    func led() async -> PBLedGroup?
}

extension GroupRoute: GroupAnswering {
    func answerPropose(
        _ command: [UInt8],
        within time: TimeAmount,
        reply: @escaping @Sendable (Result<RemoteAnswer, ReplicaFailure>) -> Void
    ) throws(DecodingFault) {
        let command = try Machine.decode(command)
        guard let local else { return reply(.failure(.notLeader(leader: leader))) }
        local.propose(command, by: NIODeadline.now() + time) { outcome in
            reply(
                outcome.map {
                    RemoteAnswer(bytes: $0.encodedBytes, applied: local.machine.applied.index)
                }
            )
        }
    }

    func answerReadIndex(
        reply: @escaping @Sendable (Result<LogIndex, ReplicaFailure>) -> Void
    ) {
        guard let local else { return reply(.failure(.notLeader(leader: leader))) }
        local.readIndex(reply)
    }
}

/// The unary half of `casecluster.v1.Peer`: what other nodes ask of this one's groups.
final class RouteService: Sendable {
    private let peers: PeerService
    private let groups = Mutex<[GroupID: any GroupAnswering]>([:])
    private let system: SystemMachine
    private let reading = Mutex<ShardAnswering?>(nil)
    private let hearing = Mutex<(@Sendable (ShardID, Timestamp) -> Void)?>(nil)

    private let links: PeerLinks
    private let log: LogWriter
    private let isLeaving = Atomic(false)

    init(peers: PeerService, system: SystemMachine, links: PeerLinks, log: LogWriter) {
        self.peers = peers
        self.system = system
        self.links = links
        self.log = log
    }

    /// The node is about to stop, and says so to whoever looks.
    func leadsNoMore() { isLeaving.store(true, ordering: .relaxed) }

    /// Answers a question to a shard's store.
    typealias ShardAnswering =
        @Sendable (
            _ shard: ShardID,
            _ question: ShardQuestion,
            _ reply: @escaping @Sendable (Result<[UInt8], ReplicaFailure>) -> Void
        ) -> Void

    /// Lets stores be asked.
    func answer(_ reading: @escaping ShardAnswering) { self.reading.withLock { $0 = reading } }

    /// Hears of due times that other nodes announce.
    func hear(_ listener: @escaping @Sendable (ShardID, Timestamp) -> Void) {
        hearing.withLock { $0 = listener }
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
        router.unary(
            PeerService.path("Read"),
            PBReadRequest.self,
            PBReadResponse.self,
            calling: read
        )
        router.unary(
            PeerService.path("Announce"),
            PBAnnounceRequest.self,
            PBAnnounceResponse.self,
            calling: announce
        )
        router.unary(PeerService.path("Led"), PBLedRequest.self, PBLedResponse.self, calling: led)
    }

    @Sendable
    private func led(_ request: PBLedRequest, _ reply: MessageReply<PBLedResponse>) {
        do throws(RPCStatus) {
            _ = try peers.check(request.hello, reply.context)
        } catch { return reply.fail(error) }
        let asked = groups.withLock { $0 }
        Task {
            var response = PBLedResponse()
            for id in asked.keys.sorted() {
                if let group = await asked[id]?.led() { response.groups.append(group) }
            }
            reply.complete(response)
        }
    }

    @Sendable
    private func look(_ request: PBLookRequest, _ reply: MessageReply<PBLookResponse>) {
        do throws(RPCStatus) {
            let caller = try peers.check(request.hello, reply.context)
            reply.complete(
                PBLookResponse.with {
                    $0.wallMs = SystemClock.wall().rawValue
                    $0.knowsCaller = system.state.hasTakenPart(caller)
                    $0.hears = links.alive.map(\.rawValue)
                    $0.takesLeadership = !isLeaving.load(ordering: .relaxed) && !log.lacksRoom
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
    private func announce(
        _ request: PBAnnounceRequest,
        _ reply: MessageReply<PBAnnounceResponse>
    ) {
        do throws(RPCStatus) {
            _ = try peers.check(request.hello, reply.context)
        } catch { return reply.fail(error) }
        if let shard = GroupID(rawValue: request.group).shard {
            hearing.withLock { $0 }?(shard, Timestamp(rawValue: request.dueAt))
        }
        reply.complete(PBAnnounceResponse())
    }

    @Sendable
    private func read(_ request: PBReadRequest, _ reply: MessageReply<PBReadResponse>) {
        do throws(RPCStatus) {
            _ = try peers.check(request.hello, reply.context)
        } catch { return reply.fail(error) }
        guard let reading = reading.withLock({ $0 }),
            let shard = GroupID(rawValue: request.group).shard
        else {
            return reply.complete(.with { $0.failure = ReplicaFailure.notLeader(leader: nil).wire })
        }
        let question: ShardQuestion
        do {
            question = try ShardQuestion(decoding: [UInt8](request.question))
        } catch {
            return reply.fail(RPCStatus(.invalidArgument, "question: \(error)"))
        }
        reading(shard, question) { result in
            reply.complete(
                PBReadResponse.with {
                    switch result {
                    case .success(let answer): $0.answer = .init(answer)
                    case .failure(let failure): $0.failure = failure.wire
                    }
                }
            )
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
