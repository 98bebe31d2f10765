import CaseProtocol
import ClusterPrimitives
import NIOCore
import RPC
import ReplicaDriver
import SwiftProtobuf

/// What one node asks another of a group: that it proposes, or up to where to read.
protocol GroupAsking: Sendable {
    /// Asks a node to propose.
    func propose(
        _ command: [UInt8],
        group: GroupID,
        at node: NodeID,
        within time: TimeAmount,
        reply: @escaping @Sendable (Result<RemoteAnswer, ReplicaFailure>) -> Void
    )

    /// Asks a node for the read index.
    func readIndex(
        group: GroupID,
        at node: NodeID,
        within time: TimeAmount,
        reply: @escaping @Sendable (Result<LogIndex, ReplicaFailure>) -> Void
    )

    /// Asks a node that has a replica what stands in its store.
    func read(
        _ question: [UInt8],
        group: GroupID,
        at node: NodeID,
        within time: TimeAmount,
        reply: @escaping @Sendable (Result<[UInt8], ReplicaFailure>) -> Void
    )
}

/// The result of a command that another node has proposed.
struct RemoteAnswer: Sendable, Equatable {
    /// In its canonical form.
    let bytes: [UInt8]
    /// The leader's applied index behind it, where its store puts nothing off.
    let applied: LogIndex
}

/// A node that has nobody to ask.
struct NobodyToAsk: GroupAsking {
    func propose(
        _ command: [UInt8],
        group: GroupID,
        at node: NodeID,
        within time: TimeAmount,
        reply: @escaping @Sendable (Result<RemoteAnswer, ReplicaFailure>) -> Void
    ) {
        reply(.failure(.notLeader(leader: nil)))
    }

    func readIndex(
        group: GroupID,
        at node: NodeID,
        within time: TimeAmount,
        reply: @escaping @Sendable (Result<LogIndex, ReplicaFailure>) -> Void
    ) {
        reply(.failure(.notLeader(leader: nil)))
    }

    func read(
        _ question: [UInt8],
        group: GroupID,
        at node: NodeID,
        within time: TimeAmount,
        reply: @escaping @Sendable (Result<[UInt8], ReplicaFailure>) -> Void
    ) {
        reply(.failure(.notLeader(leader: nil)))
    }
}

/// Asks over the links.
struct PeerCalls: GroupAsking {
    let links: PeerLinks

    func propose(
        _ command: [UInt8],
        group: GroupID,
        at node: NodeID,
        within time: TimeAmount,
        reply: @escaping @Sendable (Result<RemoteAnswer, ReplicaFailure>) -> Void
    ) {
        let request = PBProposeRequest.with {
            $0.hello = links.handshake.hello(to: node)
            $0.group = group.rawValue
            $0.command = .init(command)
            $0.withinMs = UInt32(clamping: time.nanoseconds / 1_000_000)
        }
        ask(node, "Propose", request, within: time) { (result: Result<PBProposeResponse, _>) in
            switch result {
            case .failure(.notSent): reply(.failure(.notLeader(leader: nil)))
            case .failure(.answered(let status)): reply(.failure(Self.outcome(status)))
            case .success(let response) where response.hasFailure:
                reply(.failure(ReplicaFailure(response.failure)))
            case .success(let response):
                let applied = LogIndex(response.appliedIndex)
                reply(.success(RemoteAnswer(bytes: [UInt8](response.answer), applied: applied)))
            }
        }
    }

    func readIndex(
        group: GroupID,
        at node: NodeID,
        within time: TimeAmount,
        reply: @escaping @Sendable (Result<LogIndex, ReplicaFailure>) -> Void
    ) {
        let request = PBReadIndexRequest.with {
            $0.hello = links.handshake.hello(to: node)
            $0.group = group.rawValue
        }
        ask(node, "ReadIndex", request, within: time) { (result: Result<PBReadIndexResponse, _>) in
            switch result {
            // Nothing happened by asking.
            case .failure: reply(.failure(.notLeader(leader: nil)))
            case .success(let response) where response.hasFailure:
                reply(.failure(ReplicaFailure(response.failure)))
            case .success(let response): reply(.success(LogIndex(response.index)))
            }
        }
    }

    func read(
        _ question: [UInt8],
        group: GroupID,
        at node: NodeID,
        within time: TimeAmount,
        reply: @escaping @Sendable (Result<[UInt8], ReplicaFailure>) -> Void
    ) {
        let request = PBReadRequest.with {
            $0.hello = links.handshake.hello(to: node)
            $0.group = group.rawValue
            $0.question = .init(question)
        }
        ask(node, "Read", request, within: time) { (result: Result<PBReadResponse, _>) in
            switch result {
            // Nothing happened by asking.
            case .failure: reply(.failure(.notLeader(leader: nil)))
            case .success(let response) where response.hasFailure:
                reply(.failure(ReplicaFailure(response.failure)))
            case .success(let response): reply(.success([UInt8](response.answer)))
            }
        }
    }

    /// Looks at another node; the reply says when, by this node's monotonic clock in milliseconds.
    func look(
        at node: NodeID,
        within time: TimeAmount,
        reply: @escaping @Sendable (PBLookResponse?, _ sentAt: Int64, _ receivedAt: Int64) -> Void
    ) {
        let request = PBLookRequest.with { $0.hello = links.handshake.hello(to: node) }
        let sentAt = SystemClock.monotonicMilliseconds()
        ask(node, "Look", request, within: time) { (result: Result<PBLookResponse, _>) in
            let receivedAt = SystemClock.monotonicMilliseconds()
            if case .success(let response) = result {
                reply(response, sentAt, receivedAt)
            } else {
                reply(nil, sentAt, receivedAt)
            }
        }
    }

    /// Tells another node of a due time. Nobody waits for it.
    func announce(_ due: Timestamp, of group: GroupID, to node: NodeID, within time: TimeAmount) {
        let request = PBAnnounceRequest.with {
            $0.hello = links.handshake.hello(to: node)
            $0.group = group.rawValue
            $0.dueAt = due.rawValue
        }
        ask(node, "Announce", request, within: time) { (_: Result<PBAnnounceResponse, _>) in }
    }

    /// What another node leads; nothing where it does not answer.
    func led(at node: NodeID, within time: TimeAmount) async -> [PBLedGroup] {
        let request = PBLedRequest.with { $0.hello = links.handshake.hello(to: node) }
        return await withCheckedContinuation { waiter in
            ask(node, "Led", request, within: time) { (result: Result<PBLedResponse, _>) in
                if case .success(let response) = result {
                    waiter.resume(returning: response.groups)
                } else {
                    waiter.resume(returning: [])
                }
            }
        }
    }

    private func ask<Response: Message>(
        _ node: NodeID,
        _ method: String,
        _ request: some Message,
        within time: TimeAmount,
        reply: @escaping @Sendable (Result<Response, PeerCallFailure>) -> Void
    ) {
        let bytes: [UInt8]
        do {
            bytes = try MessageCoding.encode(request)
        } catch {
            return reply(.failure(.notSent))
        }
        links.call(node, method, bytes, within: time) { result in
            do throws(PeerCallFailure) {
                let bytes = try result.get()
                do throws(RPCStatus) {
                    reply(.success(try MessageCoding.decode(Response.self, bytes)))
                } catch {
                    throw .answered(RPCStatus(.internalError, error.message))
                }
            } catch {
                reply(.failure(error))
            }
        }
    }

    /// What a call's own error says of a command: refused at the door, or nobody knows.
    private static func outcome(_ status: RPCStatus) -> ReplicaFailure {
        switch status.code {
        case .permissionDenied, .failedPrecondition, .unimplemented: .notLeader(leader: nil)
        default: .outcomeUnknown
        }
    }
}

extension ReplicaFailure {
    /// As another node says it.
    init(_ failure: PBPeerFailure) {
        let (found, limit) = (Int(clamping: failure.found), Int(clamping: failure.limit))
        switch failure.kind {
        case .notLeader:
            self = .notLeader(leader: failure.leader == 0 ? nil : NodeID(failure.leader))
        case .overloaded: self = .overloaded(inFlight: found, limit: limit)
        case .tooLarge: self = .tooLarge(bytes: found, limit: limit)
        case .diskFull: self = .diskFull
        case .stopping: self = .stopping
        case .outcomeUnknown, .unspecified, .UNRECOGNIZED: self = .outcomeUnknown
        }
    }

    /// As another node is told.
    var wire: PBPeerFailure {
        PBPeerFailure.with {
            switch self {
            case .notLeader(let leader):
                $0.kind = .notLeader
                $0.leader = leader?.rawValue ?? 0
            case .overloaded(let inFlight, let limit):
                $0.kind = .overloaded
                $0.found = UInt64(inFlight)
                $0.limit = UInt64(limit)
            case .tooLarge(let bytes, let limit):
                $0.kind = .tooLarge
                $0.found = UInt64(bytes)
                $0.limit = UInt64(limit)
            case .diskFull: $0.kind = .diskFull
            case .outcomeUnknown: $0.kind = .outcomeUnknown
            case .stopping: $0.kind = .stopping
            default: $0.kind = .outcomeUnknown
            }
        }
    }
}
