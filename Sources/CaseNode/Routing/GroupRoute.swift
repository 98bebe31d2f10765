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

    /// How long a command waits before it is tried again while there is no leader to reach, in milliseconds: a
    /// twentieth of what an election takes.
    static var parkMilliseconds: Int64 { 50 }
    /// Commands that wait so, at most.
    static var parkedMax: Int { 4_096 }

    private struct Reads {
        var waiting: [@Sendable (ReplicaFailure?) -> Void] = []
        var isAsking = false
    }

    let replica: ReplicaHost<Machine>
    let node: NodeID
    private let peers: any GroupAsking
    private let reads = Mutex(Reads())
    private let parked = Atomic(0)

    init(
        replica: ReplicaHost<Machine>,
        node: NodeID,
        peers: any GroupAsking
    ) {
        self.replica = replica
        self.node = node
        self.peers = peers
    }

    var group: GroupID { replica.group }

    var machine: Machine { replica.machine }

    /// Who leads, as far as this node knows.
    var leader: NodeID? { replica.leadership.leader }

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
        begin(
            Trip(
                command: command,
                deadline: .now() + (time ?? .milliseconds(Self.proposeMilliseconds)),
                reply: reply
            )
        )
    }

    /// A command on its way: surely not proposed yet.
    private struct Trip: Sendable {
        let command: Machine.Command
        let deadline: NIODeadline
        let reply: @Sendable (Outcome) -> Void
    }

    private func begin(_ trip: Trip) {
        replica.propose(trip.command, by: trip.deadline) { [self] outcome in
            guard case .failure(.notLeader(let leader?)) = outcome, leader != node else {
                return trip.reply(outcome)
            }
            send(trip, to: leader, mayTurn: true)
        }
    }

    private func send(_ trip: Trip, to leader: NodeID, mayTurn: Bool) {
        let rest = trip.deadline - .now()
        guard rest > .zero else { return trip.reply(.failure(.notLeader(leader: nil))) }
        let bytes = machine.encode(trip.command, at: .zero)
        peers.propose(bytes, group: group, at: leader, within: rest) { [self] result in
            switch result {
            case .success(let answer): arrive(answer, trip.reply)
            case .failure(.notLeader(let hint?)) where mayTurn && hint != leader && hint != node:
                send(trip, to: hint, mayTurn: false)
            case .failure(.notLeader): park(trip)
            case .failure(let failure): trip.reply(.failure(failure))
            }
        }
    }

    /// It was surely not proposed, and nobody knows a leader that can be reached: an election is under way, or
    /// will be. The caller need not know; within the deadline it is tried again.
    private func park(_ trip: Trip) {
        guard trip.deadline - .now() > .milliseconds(Self.parkMilliseconds) else {
            return trip.reply(.failure(.notLeader(leader: nil)))
        }
        guard parked.add(1, ordering: .relaxed).oldValue < Self.parkedMax else {
            parked.subtract(1, ordering: .relaxed)
            return trip.reply(.failure(.notLeader(leader: nil)))
        }
        replica.eventLoop.scheduleTask(in: .milliseconds(Self.parkMilliseconds)) { [self] in
            parked.subtract(1, ordering: .relaxed)
            begin(trip)
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
        question(by: .now() + .milliseconds(Self.readMilliseconds)) { [self] failure in
            for reply in batch { reply(failure) }
            ask()
        }
    }

    /// Asks whoever leads, again and again while there is nobody to ask.
    private func question(
        by deadline: NIODeadline,
        _ reply: @escaping @Sendable (ReplicaFailure?) -> Void
    ) {
        replica.read { [self] failure in
            guard case .notLeader(let leader?) = failure, leader != node else {
                return reply(failure)
            }
            let time = TimeAmount.milliseconds(Self.readMilliseconds)
            peers.readIndex(group: group, at: leader, within: time) { [self] result in
                switch result {
                case .success(let index): catchUp(to: index, reply)
                case .failure(.notLeader) where deadline > .now():
                    replica.eventLoop.scheduleTask(in: .milliseconds(Self.parkMilliseconds)) {
                        [self] in
                        question(by: deadline, reply)
                    }
                case .failure(let failure): reply(failure)
                }
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
