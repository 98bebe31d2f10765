import ClusterPrimitives
import NIOCore
import RaftCore
import ReplicaDriver
import Synchronization

/// Reads of a group: at this node's replica, or at a node that has one.
extension GroupRoute {
    /// Lets a linearizable read look at this node's store: on nil. Without a replica there is none to look at.
    func read(reply: @escaping @Sendable (ReplicaFailure?) -> Void) {
        guard let local else { return reply(.notLeader(leader: leader)) }
        let deadline = NIODeadline.now() + .milliseconds(Self.readMilliseconds)
        local.read { [self] failure in
            guard case .notLeader(let leader) = failure, leader != node else {
                return reply(failure)
            }
            // Leadership went elsewhere while the read waited, and nobody knows yet where to.
            guard leader != nil || deadline > .now() else { return reply(failure) }
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
        guard let local else { return reply(.notLeader(leader: nil)) }
        local.read { [self] failure in
            guard case .notLeader(let leader) = failure, leader != node else {
                return reply(failure)
            }
            guard let leader else {
                guard deadline > .now() else { return reply(failure) }
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
                case .failure(let failure): reply(failure)
                }
            }
        }
    }

    /// Asks a node that has a replica, again and again while nobody can answer; this one has none. Prefers who
    /// leads: anybody else would have to ask that one first.
    func ask(
        _ question: [UInt8],
        by deadline: NIODeadline,
        reply: @escaping @Sendable (Result<[UInt8], ReplicaFailure>) -> Void
    ) {
        let rest = deadline - .now()
        guard rest > .zero else { return reply(.failure(.notLeader(leader: leader))) }
        guard let node = stranger() else {
            return askLater(question, by: deadline, reply: reply)
        }
        peers.read(question, group: group, at: node, within: rest) { [self] result in
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
            ask(question, by: deadline, reply: reply)
        }
    }

    /// Waits until this node's replica has applied `index`, for a time.
    func catchUp(
        to index: LogIndex,
        _ reply: @escaping @Sendable (ReplicaFailure?) -> Void
    ) {
        guard let local else { return reply(.notLeader(leader: nil)) }
        let once = AnswerOnce(reply)
        let timer = eventLoop.scheduleTask(in: .milliseconds(Self.readMilliseconds)) {
            once.answer(.notLeader(leader: nil))
        }
        local.whenApplied(index) { failure in
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
