import ClusterPrimitives
import NIOCore
import RaftCore
import ReplicaDriver
import Synchronization

/// Where a linearizable read finds what it may not miss.
enum ReadGrant: Sendable {
    /// In this node's store.
    case here
    /// This replica's store is behind the leader's, and comes no further in time: another one has it.
    case behind
    case refused(ReplicaFailure)

    init(_ failure: ReplicaFailure?) { self = failure.map { .refused($0) } ?? .here }

    /// Why this node's store can't be read.
    var failure: ReplicaFailure? {
        switch self {
        case .here: nil
        case .behind: .notLeader(leader: nil)
        case .refused(let failure): failure
        }
    }
}

/// Reads of a group: at this node's replica, or at a node that has one.
extension GroupRoute {
    /// Lets a linearizable read look at this node's store: on nil. Without a replica there is none to look at.
    func read(reply: @escaping @Sendable (ReplicaFailure?) -> Void) {
        grantRead { reply($0.failure) }
    }

    /// Says where a linearizable read may look.
    func grantRead(_ reply: @escaping @Sendable (ReadGrant) -> Void) {
        guard let local else { return reply(.refused(.notLeader(leader: leader))) }
        let deadline = NIODeadline.now() + .milliseconds(Self.readMilliseconds)
        local.read { [self] failure in
            guard case .notLeader(let leader) = failure, leader != node else {
                return reply(ReadGrant(failure))
            }
            // Leadership went elsewhere while the read waited, and nobody knows yet where to.
            guard leader != nil || deadline > .now() else { return reply(ReadGrant(failure)) }
            gather(reply)
        }
    }

    /// One question for all reads that wait. A read joins only a question that is sent after it came.
    private func gather(_ reply: @escaping @Sendable (ReadGrant) -> Void) {
        let (asks, isFull) = reads.withLock { reads -> (Bool, Bool) in
            guard reads.waiting.count < Self.readsMax else { return (false, true) }
            reads.waiting.append(reply)
            defer { reads.isAsking = true }
            return (!reads.isAsking, false)
        }
        if isFull {
            return reply(.refused(.overloaded(inFlight: Self.readsMax, limit: Self.readsMax)))
        }
        if asks { ask() }
    }

    private func ask() {
        let batch = reads.withLock { reads in
            defer { reads.waiting = [] }
            reads.isAsking = !reads.waiting.isEmpty
            return reads.waiting
        }
        guard !batch.isEmpty else { return }
        question(by: .now() + .milliseconds(Self.readMilliseconds)) { [self] grant in
            for reply in batch { reply(grant) }
            ask()
        }
    }

    /// Asks whoever leads, again and again while there is nobody to ask.
    private func question(
        by deadline: NIODeadline,
        _ reply: @escaping @Sendable (ReadGrant) -> Void
    ) {
        guard let local else { return reply(.refused(.notLeader(leader: nil))) }
        local.read { [self] failure in
            guard case .notLeader(let leader) = failure, leader != node else {
                return reply(ReadGrant(failure))
            }
            guard let leader else {
                guard deadline > .now() else { return reply(ReadGrant(failure)) }
                eventLoop.scheduleTask(in: .milliseconds(Self.parkMilliseconds)) { [self] in
                    question(by: deadline, reply)
                }
                return
            }
            let time = TimeAmount.milliseconds(Self.readMilliseconds)
            peers.readIndex(group: group, at: leader, within: time) { [self] result in
                switch result {
                case .success(let index): catchUp(to: index, reply)
                case .failure(.notLeader) where deadline > .now():
                    eventLoop.scheduleTask(in: .milliseconds(Self.parkMilliseconds)) { [self] in
                        question(by: deadline, reply)
                    }
                case .failure(let failure): reply(.refused(failure))
                }
            }
        }
    }

    /// Asks a node that has a replica, again and again while nobody can answer; this one has none, or an old one. Prefers
    /// who leads: anybody else would have to ask that one first.
    func ask(
        _ question: [UInt8],
        by deadline: NIODeadline,
        reply: @escaping @Sendable (Result<[UInt8], ReplicaFailure>) -> Void
    ) {
        let leader = local?.leadership.leader
        ask(question, at: leader == node ? nil : leader, by: deadline, reply: reply)
    }

    private func ask(
        _ question: [UInt8],
        at leader: NodeID?,
        by deadline: NIODeadline,
        reply: @escaping @Sendable (Result<[UInt8], ReplicaFailure>) -> Void
    ) {
        let rest = deadline - .now()
        guard rest > .zero else { return reply(.failure(.notLeader(leader: self.leader))) }
        guard let node = leader ?? stranger() else {
            return askLater(question, by: deadline, reply: reply)
        }
        // One that stands still must not take the time that another could answer in.
        let time = min(rest, .milliseconds(Self.askMilliseconds))
        peers.read(question, group: group, at: node, within: time) { [self] result in
            switch result {
            case .failure(.notLeader(let hint)):
                heard(hint == node ? nil : hint)
                askLater(question, by: deadline, reply: reply)
            case .failure, .success: reply(result)
            }
        }
    }

    private func askLater(
        _ question: [UInt8],
        by deadline: NIODeadline,
        reply: @escaping @Sendable (Result<[UInt8], ReplicaFailure>) -> Void
    ) {
        eventLoop.scheduleTask(in: .milliseconds(Self.parkMilliseconds)) { [self] in
            ask(question, at: nil, by: deadline, reply: reply)
        }
    }

    /// Waits until this node's replica has applied `index`, for a time.
    func catchUp(
        to index: LogIndex,
        _ reply: @escaping @Sendable (ReadGrant) -> Void
    ) {
        guard let local else { return reply(.refused(.notLeader(leader: nil))) }
        let once = AnswerOnce(reply)
        let timer = eventLoop.scheduleTask(in: catchUpTime) { once.answer(.behind) }
        local.whenApplied(index) { failure in
            timer.cancel()
            switch failure {
            case nil: once.answer(.here)
            case .stopping?: once.answer(.refused(.stopping))
            // Too many wait, or it is no replica any more: another one can answer.
            default: once.answer(.behind)
            }
        }
    }

    /// A shard's reads are asked elsewhere then; of the system group every node reads its own store.
    private var catchUpTime: TimeAmount {
        .milliseconds(group == .system ? Self.readMilliseconds : Self.catchUpMilliseconds)
    }
}

/// Lets the first of several answers through.
private final class AnswerOnce: Sendable {
    private let reply: Mutex<(@Sendable (ReadGrant) -> Void)?>

    init(_ reply: @escaping @Sendable (ReadGrant) -> Void) { self.reply = Mutex(reply) }

    func answer(_ grant: ReadGrant) {
        let reply = reply.withLock { reply in
            defer { reply = nil }
            return reply
        }
        reply?(grant)
    }
}
