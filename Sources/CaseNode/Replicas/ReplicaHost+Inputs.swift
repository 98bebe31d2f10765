import CaseStore
import ClusterPrimitives
import NIOCore
import RaftCore
import ReplicaDriver
import Synchronization

/// What a replica is told, from any thread. Replies come once: from the store's thread, for a failure from the
/// loop, or from the caller's own when too much waits.
extension ReplicaHost {
    /// Proposes a command. Only a leader takes it: `.notLeader` says where to ask instead. What has waited for
    /// a leader past `deadline` is not proposed any more.
    func propose(
        _ command: Machine.Command,
        by deadline: NIODeadline? = nil,
        reply: @escaping CommandReply
    ) {
        submit(request: .command(command, by: deadline, reply))
    }

    /// Asks for a linearizable read; on nil the store may be read. Only a leader grants it.
    func read(reply: @escaping ReadReply) { submit(request: .read(reply)) }

    /// Asks at which index any replica's store may be read linearizably, in a round of this leader's own. A
    /// follower that was told passes it to its `whenApplied`.
    func readIndex(_ reply: @escaping IndexReply) { submit(request: .readIndex(reply)) }

    /// Waits until this replica's store has applied `index`. Without a limit in time, but the number of those
    /// who wait is bounded (`DriverLimits.readsMax`), and a stop ends it.
    func whenApplied(_ index: LogIndex, _ reply: @escaping ReadReply) {
        submit(.whenApplied(index, reply))
    }

    /// Proposes a change of the membership, and replies with the configuration that it led to: the joint one
    /// where it goes through one, which is left without further ado.
    func changeMembership(_ change: ConfigurationChange, reply: @escaping ChangeReply) {
        submit(request: .change(change, reply))
    }

    /// Begins to hand leadership to `node`; nil if it was begun.
    func transferLeadership(to node: NodeID, reply: @escaping ReadReply) {
        submit(.transfer(node, reply))
    }

    /// Begins to hand leadership to whoever is furthest: before a stop, or when this node's clock is wrong.
    func handOver() { submit(.handOver) }

    /// Who is to lead, all being well: whoever else leads gives leadership back to it in time.
    func prefer(_ node: NodeID?) { submit(.prefer(node)) }

    /// From now on leads no more than it must: hands over, again and again until it comes about, and neither
    /// stands for election nor lets another node make it.
    func resign() { submit(.resign) }

    /// The node's tick of that number has passed, `ReplicaTicker.milliseconds` long.
    func tick(_ number: Int) { submit(.tick(number)) }

    /// A message to that node could not be delivered.
    func reportUnreachable(_ node: NodeID) { submit(.unreachable(node)) }

    /// What the replica looks like.
    func status(_ reply: @escaping @Sendable (RaftStatus) -> Void) { submit(.status(reply)) }

    /// Ends what waits; nothing is proposed after.
    func stop() { submit(.stop) }

    /// Ends it for good, because the node has no part in the group any more. After the reply, on the loop,
    /// nothing more is given to log, store or peers.
    func retire(_ reply: @escaping @Sendable () -> Void) { submit(.retire(reply)) }

    // MARK: From the ports

    /// The log has made a write durable.
    func persisted(_ receipt: StorageReceipt) { submit(.persisted(receipt)) }

    /// The store has applied and answered.
    func applied(through index: LogIndex, tickets: Int, bytes: Int) {
        submit(.applied(through: index, tickets: tickets, bytes: bytes))
    }

    /// A snapshot has taken the store's place.
    func installed(_ id: SnapshotID, _ receipt: StorageReceipt) {
        submit(.installed(id, receipt))
    }

    func snapshotMade(_ info: SnapshotInfo?) { submit(.snapshotMade(info)) }

    func snapshotSent(_ id: SnapshotID, to node: NodeID, arrived: Bool) {
        submit(.snapshotSent(id, node, arrived: arrived))
    }

    // MARK: The inbox

    private func submit(request: Request) {
        let count = inbox.withLock { inbox in
            defer { inbox.requests = min(inbox.requests + 1, Self.inboxMax) }
            return inbox.requests
        }
        guard count < Self.inboxMax else {
            meters.count(.overloaded(inFlight: count, limit: Self.inboxMax))
            return request.fail(.overloaded(inFlight: count, limit: Self.inboxMax))
        }
        submit(.request(request))
    }

    @specialized(where Machine == ShardMachine)
    func submit(_ input: Input) {
        let mustSchedule = inbox.withLock { inbox in
            inbox.inputs.append(input)
            defer { inbox.isScheduled = true }
            return !inbox.isScheduled
        }
        if mustSchedule { eventLoop.execute { [self] in drain() } }
    }
}

extension ReplicaHost: ReplicaReceiver {
    @specialized(where Machine == ShardMachine)
    func receive(_ message: Message) {
        guard message.kind != .snapshot else { return }
        let fits = inbox.withLock { inbox in
            guard inbox.messages < Self.messagesMax else { return false }
            inbox.messages += 1
            return true
        }
        if fits { submit(.message(message)) }
    }

    func beginSnapshot() -> String? { ports.snapshots.begin() }

    func receivedSnapshot(_ message: Message, reply: @escaping @Sendable (Bool) -> Void) {
        guard message.kind == .snapshot, let snapshot = message.snapshot else {
            abandonSnapshot()
            return reply(false)
        }
        ports.snapshots.prepare(snapshot) { [self] isSound in
            guard isSound else { return reply(false) }
            submit(.snapshotReceived(message, reply))
        }
    }

    func abandonSnapshot() { ports.snapshots.abandon() }
}
