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
    /// Time for a read index, and then for the system group's replica to come that far, in milliseconds each.
    static var readMilliseconds: Int64 { 2_000 }
    /// Time for a shard's replica to come that far, in milliseconds: several transactions of a follower's. One that takes
    /// longer has a disk that hangs, or has slept, and comes after what the others did meanwhile.
    static var catchUpMilliseconds: Int64 { 300 }
    /// Time for one node to answer a question about a shard, in milliseconds, before another one is asked.
    static var askMilliseconds: Int64 { 1_000 }
    /// Reads that wait for one question to the leader; more are refused as overload.
    static var readsMax: Int { 8_192 }

    /// How long a command waits before it is tried again while there is no leader to reach, in milliseconds: a
    /// twentieth of what an election takes.
    static var parkMilliseconds: Int64 { 50 }
    /// Commands that wait so, at most.
    static var parkedMax: Int { 4_096 }

    /// How long a node that leads no more may take to answer what it was sent before, in milliseconds: a few
    /// round trips and syncs.
    static var graceMilliseconds: Int64 { 200 }

    struct Reads {
        var waiting: [@Sendable (ReadGrant) -> Void] = []
        var isAsking = false
    }

    let group: GroupID
    let node: NodeID
    let eventLoop: any EventLoop
    let peers: any GroupAsking
    /// The nodes that vote in the group, as far as this one knows.
    private let voters: @Sendable () -> [NodeID]
    private let held: Mutex<ReplicaHost<Machine>?>
    private let guesses = Mutex(LeaderGuess())
    let reads = Mutex(Reads())
    private let parked = Atomic(0)
    private let sent = Mutex(SentTrips<Outcome>())

    /// `replica` is this node's own, if it has one now.
    init(
        _ group: GroupID,
        replica: ReplicaHost<Machine>?,
        node: NodeID,
        eventLoop: any EventLoop,
        peers: any GroupAsking,
        voters: @escaping @Sendable () -> [NodeID]
    ) {
        self.group = group
        self.node = node
        self.eventLoop = eventLoop
        self.peers = peers
        self.voters = voters
        held = Mutex(replica)
        if let replica { listen(to: replica) }
    }

    /// This node's replica; nil while it has none.
    var local: ReplicaHost<Machine>? { held.withLock { $0 } }

    /// The node has a replica from now on.
    func open(_ replica: ReplicaHost<Machine>) {
        held.withLock { $0 = replica }
        listen(to: replica)
    }

    private func listen(to replica: ReplicaHost<Machine>) {
        replica.whenLeadershipChanges { [weak self] leadership in
            guard let leader = leadership.leader else { return }
            self?.giveUpOthers(than: leader)
        }
    }

    /// The node has none any more.
    /// - Returns: the one that it had.
    func close() -> ReplicaHost<Machine>? {
        held.withLock { replica in
            defer { replica = nil }
            return replica
        }
    }

    /// Who leads, as far as this node knows.
    var leader: NodeID? {
        guard let local else { return guesses.withLock { $0.leader } }
        return local.leadership.leader
    }

    /// This node leads the group and may answer for it.
    var isLeader: Bool {
        guard let leadership = local?.leadership else { return false }
        return leadership.isReady && leadership.leader == node
    }

    /// Another node to ask, where this one's replica can't say who leads; nil if there is nobody.
    func stranger() -> NodeID? {
        let others = voters().filter { $0 != node }
        return guesses.withLock { $0.next(of: others) }
    }

    /// Another node's word, or silence, about who leads.
    func heard(_ leader: NodeID?) { guesses.withLock { $0.heard(leader) } }

    /// This node's replica votes, as far as the node knows: then reads are answered here. One that follows without
    /// a vote may have to be brought everything first.
    var readsHere: Bool { local != nil && voters().contains(node) }

    /// Whether this node's replica knows who leads, or is one of those that will: then it is asked first.
    private var asksItself: Bool {
        guard let local else { return false }
        return local.leadership.leader != nil || voters().contains(node)
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
        guard asksItself, let local else {
            guard let other = stranger() else { return park(trip) }
            return send(trip, to: other, mayTurn: true)
        }
        local.propose(trip.command, by: trip.deadline) { [self] outcome in
            guard case .failure(.notLeader(let leader?)) = outcome, leader != node else {
                return trip.reply(outcome)
            }
            send(trip, to: leader, mayTurn: true)
        }
    }

    private func send(_ trip: Trip, to leader: NodeID, mayTurn: Bool) {
        let rest = trip.deadline - .now()
        guard rest > .zero else { return trip.reply(.failure(.notLeader(leader: nil))) }
        let bytes = Machine.encode(unstamped: trip.command)
        let number = sent.withLock { $0.add(to: leader, trip.reply) }
        peers.propose(bytes, group: group, at: leader, within: rest) { [self] result in
            // Given up meanwhile, and answered.
            guard sent.withLock({ $0.take(number) }) != nil else { return }
            switch result {
            case .success(let answer):
                heard(leader)
                arrive(answer, trip.reply)
            case .failure(.notLeader(let hint?)) where mayTurn && hint != leader && hint != node:
                heard(hint)
                send(trip, to: hint, mayTurn: false)
            case .failure(.notLeader):
                heard(nil)
                park(trip)
            case .failure(let failure): trip.reply(.failure(failure))
            }
        }
    }

    /// Another node leads from now on. What was sent to the one before is answered in a moment, or stands there with
    /// it: the caller had better repeat it than wait for a deadline.
    private func giveUpOthers(than leader: NodeID) {
        let numbers = sent.withLock { $0.numbers(besides: leader) }
        guard !numbers.isEmpty else { return }
        eventLoop.scheduleTask(in: .milliseconds(Self.graceMilliseconds)) { [self] in
            for number in numbers {
                let reply = sent.withLock { $0.take(number) }
                reply?(.failure(.outcomeUnknown))
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
        eventLoop.scheduleTask(in: .milliseconds(Self.parkMilliseconds)) { [self] in
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
}

/// Commands that were sent to other nodes and have no answer. A value; bounded by what callers have in flight.
private struct SentTrips<Outcome: Sendable>: Sendable {
    typealias Reply = @Sendable (Outcome) -> Void

    private var trips: [UInt64: (leader: NodeID, reply: Reply)] = [:]
    private var last: UInt64 = 0

    mutating func add(to leader: NodeID, _ reply: @escaping Reply) -> UInt64 {
        last += 1
        trips[last] = (leader, reply)
        return last
    }

    /// Whoever takes it out answers; nil if somebody has.
    mutating func take(_ number: UInt64) -> Reply? { trips.removeValue(forKey: number)?.reply }

    /// In the order in which they were sent.
    func numbers(besides leader: NodeID) -> [UInt64] {
        trips.filter { $0.value.leader != leader }.keys.sorted()
    }
}

/// Who may lead a group that this node has no word of itself.
private struct LeaderGuess {
    /// Led when it was last asked.
    private(set) var leader: NodeID?
    private var turn = 0

    /// Whom to ask: who led last, else one of the others after the other.
    mutating func next(of others: [NodeID]) -> NodeID? {
        if let leader, others.contains(leader) { return leader }
        guard !others.isEmpty else { return nil }
        turn += 1
        return others[turn % others.count]
    }

    mutating func heard(_ leader: NodeID?) { self.leader = leader }
}

extension GroupRoute where Machine == SystemMachine {
    /// Every node holds the system group.
    var replica: ReplicaHost<SystemMachine> {
        guard let local else { preconditionFailure("a node without a replica of the system group") }
        return local
    }

    /// The system group's state machine.
    var machine: SystemMachine { replica.machine }
}

extension GroupRoute where Machine == ShardMachine {
    /// The group's shard.
    var shard: ShardID {
        guard let shard = group.shard else { preconditionFailure("\(group) is no shard's") }
        return shard
    }
}
