import ClusterPrimitives
import NIOCore
import RaftCore
import ReplicaDriver
import Synchronization

/// The way to one group from this node: its own replica if that leads, else one hop to the one that does.
///
/// Promises: a command is proposed at most once by one call; a failure that does not leave the outcome open
/// means that it was surely not proposed. A read that is granted sees everything acknowledged before it came.
final class GroupRoute<Machine: RoutedMachine>: Sendable {
    typealias Outcome = Result<Machine.Answer, ReplicaFailure>

    /// Time for a command at another node, in milliseconds: what an election takes, and a client's patience.
    static var proposeMilliseconds: Int64 { 3_000 }
    /// Time for a read index, and then for the replica to come that far, in milliseconds each.
    static var readMilliseconds: Int64 { 2_000 }
    /// Reads that wait for one question to the leader; more are refused as overload.
    static var readsMax: Int { 8_192 }

    private struct Reads {
        var waiting: [@Sendable (ReplicaFailure?) -> Void] = []
        var isAsking = false
    }

    let replica: ReplicaHost<Machine>
    let node: NodeID
    private let peers: any GroupAsking
    /// Who has replicas of the group; empty while nobody knows.
    private let members: @Sendable () -> [NodeID]
    private let reads = Mutex(Reads())
    /// Who led when somebody last said so, where this node's own replica can't know.
    private let remembered = Mutex<NodeID?>(nil)

    init(
        replica: ReplicaHost<Machine>,
        node: NodeID,
        peers: any GroupAsking,
        members: @escaping @Sendable () -> [NodeID]
    ) {
        self.replica = replica
        self.node = node
        self.peers = peers
        self.members = members
    }

    var group: GroupID { replica.group }

    var machine: Machine { replica.machine }

    /// This node has a replica of the group.
    var isLocal: Bool {
        let members = members()
        return members.isEmpty || members.contains(node)
    }

    /// Who leads, as far as this node knows.
    var leader: NodeID? {
        isLocal ? replica.leadership.leader : remembered.withLock { $0 }
    }

    /// This node leads the group and may answer for it.
    var isLeader: Bool {
        let leadership = replica.leadership
        return leadership.isReady && leadership.leader == node
    }

    // MARK: Commands

    /// Proposes a command wherever the leader is, within `time` or not at all.
    func propose(
        _ command: Machine.Command,
        within time: TimeAmount? = nil,
        reply: @escaping @Sendable (Outcome) -> Void
    ) {
        let trip = Trip(
            command: command,
            deadline: .now() + (time ?? .milliseconds(Self.proposeMilliseconds)),
            reply: reply
        )
        guard isLocal else { return send(trip, to: elsewhere()) }
        replica.propose(command, by: trip.deadline) { [self] outcome in
            guard case .failure(.notLeader(let leader?)) = outcome, leader != node else {
                return reply(outcome)
            }
            send(trip, to: leader)
        }
    }

    /// A command on its way.
    private struct Trip: Sendable {
        let command: Machine.Command
        let deadline: NIODeadline
        /// It was told once that another node leads: the next answer is final.
        var isLast = false
        let reply: @Sendable (Outcome) -> Void
    }

    private func send(_ trip: Trip, to leader: NodeID?) {
        let rest = trip.deadline - .now()
        guard let leader, rest > .zero else { return trip.reply(.failure(.notLeader(leader: nil))) }
        let bytes = machine.encode(trip.command, at: .zero)
        peers.propose(bytes, group: group, at: leader, within: rest) { [self] result in
            switch result {
            case .success(let answer):
                remember(leader)
                arrive(answer, trip.reply)
            case .failure(.notLeader(let hint)): redirect(trip, from: leader, to: hint)
            case .failure(let failure): trip.reply(.failure(failure))
            }
        }
    }

    /// It was surely not proposed there. Once, another try where the leader may be by now.
    private func redirect(_ trip: Trip, from asked: NodeID, to hint: NodeID?) {
        forget(asked)
        guard !trip.isLast, trip.deadline > .now() else {
            return trip.reply(.failure(.notLeader(leader: hint)))
        }
        var trip = trip
        trip.isLast = true
        if hint == node, isLocal {
            replica.propose(trip.command, by: trip.deadline, reply: trip.reply)
        } else if let next = hint ?? (isLocal ? nil : elsewhere(but: asked)) {
            send(trip, to: next)
        } else {
            trip.reply(.failure(.notLeader(leader: nil)))
        }
    }

    private func arrive(_ answer: RemoteAnswer, _ reply: @escaping @Sendable (Outcome) -> Void) {
        do {
            let decoded = try Machine.Answer(decoding: answer.bytes)
            guard group == .system else { return reply(.success(decoded)) }
            // What a caller has changed in the directory, this node must know when it calls again.
            catchUp(to: answer.applied) { _ in reply(.success(decoded)) }
        } catch {
            // Carried out, and answered in a form of a newer program.
            reply(.failure(.outcomeUnknown))
        }
    }

    // MARK: Reads

    /// Lets a linearizable read look at this node's store: on nil.
    func read(reply: @escaping @Sendable (ReplicaFailure?) -> Void) {
        assert(isLocal, "there is a store to read")
        replica.read { [self] failure in
            guard case .notLeader(let leader?) = failure, leader != node else {
                return reply(failure)
            }
            gather(reply)
        }
    }

    /// One question for all reads that wait. A read joins only a question that is sent after it came.
    private func gather(_ reply: @escaping @Sendable (ReplicaFailure?) -> Void) {
        let (asks, isFull) = reads.withLock { reads -> (Bool, Bool) in
            guard reads.waiting.count < Self.readsMax else { return (false, true) }
            reads.waiting.append(reply)
            defer { reads.isAsking = true }
            return (!reads.isAsking, false)
        }
        if isFull { return reply(.overloaded(inFlight: Self.readsMax, limit: Self.readsMax)) }
        if asks { ask() }
    }

    private func ask() {
        let batch = reads.withLock { reads in
            defer { reads.waiting = [] }
            reads.isAsking = !reads.waiting.isEmpty
            return reads.waiting
        }
        guard !batch.isEmpty else { return }
        question(replica.leadership.leader, mayTurn: true) { [self] failure in
            for reply in batch { reply(failure) }
            ask()
        }
    }

    private func question(
        _ leader: NodeID?,
        mayTurn: Bool,
        _ reply: @escaping @Sendable (ReplicaFailure?) -> Void
    ) {
        guard let leader else { return reply(.notLeader(leader: nil)) }
        guard leader != node else { return replica.read(reply: reply) }
        let time = TimeAmount.milliseconds(Self.readMilliseconds)
        peers.readIndex(group: group, at: leader, within: time) { [self] result in
            switch result {
            case .success(let index): catchUp(to: index, reply)
            case .failure(.notLeader(let hint?)) where mayTurn && hint != leader:
                question(hint, mayTurn: false, reply)
            case .failure(let failure): reply(failure)
            }
        }
    }

    /// Waits until this node's replica has applied `index`, for a time.
    private func catchUp(
        to index: LogIndex,
        _ reply: @escaping @Sendable (ReplicaFailure?) -> Void
    ) {
        let once = AnswerOnce(reply)
        let timer = replica.eventLoop.scheduleTask(in: .milliseconds(Self.readMilliseconds)) {
            once.answer(.notLeader(leader: nil))
        }
        replica.whenApplied(index) { failure in
            timer.cancel()
            once.answer(failure)
        }
    }

    // MARK: Where this node has no replica

    private func elsewhere(but asked: NodeID? = nil) -> NodeID? {
        let known = remembered.withLock { $0 }
        if let known, known != asked { return known }
        return members().first { $0 != node && $0 != asked }
    }

    private func remember(_ leader: NodeID) { remembered.withLock { $0 = leader } }

    private func forget(_ leader: NodeID) {
        remembered.withLock { if $0 == leader { $0 = nil } }
    }
}

/// Lets the first of several answers through.
private final class AnswerOnce: Sendable {
    private let reply: Mutex<(@Sendable (ReplicaFailure?) -> Void)?>

    init(_ reply: @escaping @Sendable (ReplicaFailure?) -> Void) { self.reply = Mutex(reply) }

    func answer(_ failure: ReplicaFailure?) {
        let reply = reply.withLock { reply in
            defer { reply = nil }
            return reply
        }
        reply?(failure)
    }
}
