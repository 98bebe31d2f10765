import CaseProtocol
import ClusterPrimitives
import Logging
import NIOCore
import RPC
import RaftCore
import SwiftProtobuf
import Synchronization

/// `casecluster.v1.Peer`, the other end of links: checks who speaks, hands messages to replicas.
final class PeerService: Sendable {
    static let name = "casecluster.v1.Peer"

    static func path(_ method: String) -> String { "/\(name)/\(method)" }

    private let handshake: PeerHandshake
    private let receivers: ReceiverTable
    private let snapshots: SnapshotIntake
    private let knows: @Sendable (NodeID) -> Bool
    private let isRemoved: @Sendable (NodeID) -> Bool
    private let logger: Logger
    /// Messages that were no replica's business here, ever.
    private let strays = Atomic<UInt64>(0)

    /// `knows` says whether a node may speak to this one, `isRemoved` whether it once might.
    init(
        handshake: PeerHandshake,
        receivers: ReceiverTable,
        snapshots: SnapshotIntake,
        logger: Logger,
        knows: @escaping @Sendable (NodeID) -> Bool,
        isRemoved: @escaping @Sendable (NodeID) -> Bool = { _ in false }
    ) {
        self.handshake = handshake
        self.receivers = receivers
        self.snapshots = snapshots
        self.logger = logger
        self.knows = knows
        self.isRemoved = isRemoved
    }

    func register(in router: inout RPCRouter) {
        router.stream(Self.path("Link")) { [self] call in link(call) }
        router.stream(Self.path("Snapshot")) { [snapshots] call in snapshots.take(call) }
    }

    /// Checks a caller, also of this service's unary methods.
    func check(_ hello: PBPeerHello, _ context: RPCContext) throws(RPCStatus) -> NodeID {
        let from = try handshake.check(caller: hello, context.peer)
        try requireMember(from)
        return from
    }

    private func requireMember(_ node: NodeID) throws(RPCStatus) {
        guard !knows(node) else { return }
        guard !isRemoved(node) else {
            throw RPCStatus(Self.removedCode, "node \(node) was removed from this cluster")
        }
        throw RPCStatus(.permissionDenied, "node \(node) is no member of this cluster")
    }

    /// What tells a node that it was a member and never will be again.
    static let removedCode = RPCStatusCode.notFound

    /// What came and was for nobody here, ever: of unknown groups, forged or of kinds that don't travel so.
    var strayMessages: UInt64 { strays.load(ordering: .relaxed) }

    private func link(_ call: StreamCall) {
        let speaker = Mutex<NodeID?>(nil)
        // On the connection's loop, without a Task: this is the path of every heartbeat and entry.
        call.messages.receive { [self] inbound in
            switch inbound {
            case .message(let bytes):
                do throws(RPCStatus) {
                    if let from = speaker.withLock({ $0 }) {
                        try deliver(bytes, from: from)
                    } else {
                        let from = try greet(bytes, call)
                        speaker.withLock { $0 = from }
                    }
                } catch {
                    logger.notice("a peer's link was refused", metadata: ["reason": "\(error)"])
                    call.writer.finish(error)
                }
            case .end: call.writer.finish()
            case .failed(let status): call.writer.finish(status)
            }
        }
    }

    private func greet(_ bytes: [UInt8], _ call: StreamCall) throws(RPCStatus) -> NodeID {
        let hello = try MessageCoding.decode(PBPeerFrame.self, bytes).hello
        let from = try check(hello, call.context)
        let answer = PBPeerFrame.with { $0.hello = handshake.hello(to: from) }
        call.writer.write(try MessageCoding.encode(answer))
        return from
    }

    private func deliver(_ bytes: [UInt8], from: NodeID) throws(RPCStatus) {
        try requireMember(from)
        let frame = try MessageCoding.decode(PBPeerFrame.self, bytes)
        let items: [PeerBatch.Item]
        do {
            items = try PeerBatch.decode([UInt8](frame.messages))
        } catch {
            throw RPCStatus(.invalidArgument, "messages: \(error)")
        }
        for item in items {
            guard Self.travels(item.message.kind), item.message.from == from,
                item.message.to == handshake.node,
                let receiver = receivers.receiver(of: item.group)
            else {
                strays.add(1, ordering: .relaxed)
                continue
            }
            receiver.receive(item.message)
        }
    }

    /// What replicas say to each other on a link. Snapshots have a call of their own; proposals, transfers
    /// and reads are not passed from replica to replica in this product.
    private static func travels(_ kind: ReplicaMessage.Kind) -> Bool {
        switch kind {
        case .append, .appendResponse, .heartbeat, .heartbeatResponse, .preVote,
            .preVoteResponse, .vote, .voteResponse, .timeoutNow:
            true
        case .snapshot, .proposal, .transferLeadership, .readIndex, .readIndexResponse: false
        }
    }
}
