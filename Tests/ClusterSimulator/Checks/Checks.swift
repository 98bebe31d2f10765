import ClusterPrimitives
import DiskSimulator
import RaftCore
import ReplicaDriver
import ReplicationLog

/// The promises of replication, looked at with every step. Sees what replicas write, send, deliver and
/// apply, and keeps its own account; asks nothing of the code under test but its words and its disks.
///
/// Election safety, log matching, leader completeness, one order of what is applied, a commit index that
/// never falls, equal rows at equal indexes, nothing delivered or said before it is durable.
final class Checks {
    /// Of so many acknowledgements and votes one is held against the disk itself, at once; all others when
    /// the node starts again.
    private static let auditEvery: UInt64 = 40

    private unowned let world: World
    let timers: TimerCheck
    private var replicas: [ReplicaKey: ReplicaAccount] = [:]
    private var groups: [GroupID: GroupAccount] = [:]
    private var audits: UInt64 = 0

    private struct ReplicaKey: Hashable {
        let node: NodeID
        let group: GroupID
    }

    /// What one replica has shown and promised.
    private struct ReplicaAccount {
        var log = ShadowLog()
        var status: RaftStatus?
        /// The vote that it gave last.
        var vote: (term: Term, candidate: NodeID)?
        /// The last entry that it acknowledged, and in which term.
        var acknowledged: (id: SnapshotID, inTerm: Term)?
        /// The highest term that it has handed to its log.
        var term = Term.zero
        /// From which entry on a leader replaced what was there, and in which term.
        var replaced: [(from: LogIndex, inTerm: Term)] = []
        var wasApplied = LogIndex.zero
    }

    /// What one group has shown.
    private struct GroupAccount {
        var leaders: [Term: NodeID] = [:]
        /// By index from 1: every entry that was ever written, with the term of the one before it.
        var identities: [[Identity]] = []
        /// By index from 1.
        var committed: [ShadowLog.Item] = []
        var rows: [LogIndex: (SHA256Digest, NodeID)] = [:]
    }

    private struct Identity {
        let item: ShadowLog.Item
        let before: Term
    }

    init(_ world: World) {
        self.world = world
        timers = TimerCheck(world)
    }

    // MARK: The life of a log

    /// A node has read its log: it must hold whatever the node has said it would.
    func recovered(
        _ node: NodeID,
        _ group: GroupID,
        _ found: RecoveredGroup?,
        _ log: ReplicationLog
    ) throws {
        guard let account = replicas[ReplicaKey(node: node, group: group)] else { return }
        if let lie = lie(account, found, { log.term(group, at: $0) }) {
            world.fail("node \(node), \(group): \(lie)")
        }
    }

    /// What a log should hold and does not.
    private func lie(
        _ account: ReplicaAccount,
        _ found: RecoveredGroup?,
        _ termAt: (LogIndex) -> Term?
    ) -> String? {
        let state = found?.hardState ?? HardState()
        if let vote = account.vote {
            guard state.term > vote.term || state.term == vote.term && state.vote == vote.candidate
            else {
                return "voted for \(vote.candidate) in term \(vote.term), "
                    + "and its log says \(state.vote) in \(state.term)"
            }
        }
        guard let promise = account.acknowledged else { return nil }
        guard state.term >= promise.inTerm else {
            return "acknowledged in term \(promise.inTerm), and its log says \(state.term)"
        }
        let base = found?.base.index ?? .zero
        guard promise.id.index > base else { return nil }
        guard termAt(promise.id.index) == promise.id.term else {
            return "acknowledged entry \(promise.id.index) of term \(promise.id.term), "
                + "and its log has none"
        }
        return nil
    }

    /// A replica begins with this log.
    func started(_ node: NodeID, _ group: GroupID, _ log: MemoryLog) {
        let key = ReplicaKey(node: node, group: group)
        replicas[key, default: ReplicaAccount()].log = ShadowLog(log)
        replicas[key]?.status = nil
    }

    /// A node comes back as another: what it was it is no more.
    func forget(_ node: NodeID) { replicas = replicas.filter { $0.key.node != node } }

    /// A replica hands something to its log.
    func wrote(_ node: NodeID, _ write: ReplicaWrite) {
        let key = ReplicaKey(node: node, group: write.group)
        var account = replicas[key] ?? ReplicaAccount()
        account.term = max(account.term, write.hardState?.term ?? .zero)
        if let snapshot = write.snapshot {
            let stood = account.log.term(at: snapshot.id.index)
            if stood.map({ $0 != snapshot.id.term }) ?? false {
                // What older leaders are still told of speaks of the entries that were there.
                account.replaced.append((snapshot.id.index, account.term))
            }
            if var promise = account.acknowledged, snapshot.id.index <= promise.id.index,
                account.log.term(at: snapshot.id.index) != snapshot.id.term
            {
                // A newer leader's state contradicts what was acknowledged: that was never committed, and may go.
                promise.id = SnapshotID(index: .zero, term: .zero)
                account.acknowledged = promise
            }
            account.log.begin(behind: snapshot.id)
        }
        if let first = write.entries.first, var promise = account.acknowledged,
            first.index <= promise.id.index,
            account.log.term(at: first.index) != first.term
        {
            // A newer leader replaces it: it may go from now on.
            promise.id = SnapshotID(index: .zero, term: .zero)
            account.acknowledged = promise
        }
        record(write.entries, behind: account.log, write.group)
        let termBefore = account.log.term(at: account.log.lastIndex)
        if let first = write.entries.first, account.log.append(write.entries) {
            account.replaced.append((first.index, account.term))
            world.coverage[.conflictTruncated] += 1
        }
        if let last = write.entries.last, last.term != termBefore {
            opensTerm(node, last.term, write.group, account.log)
        }
        replicas[key] = account
    }

    /// Log matching: an index and a term name one entry, and what is before it.
    private func record(_ entries: [Entry], behind log: ShadowLog, _ group: GroupID) {
        guard let first = entries.first, var before = log.term(at: first.index.previous) else {
            return
        }
        var account = groups[group] ?? GroupAccount()
        for entry in entries {
            let place = Int(entry.index.rawValue) - 1
            while account.identities.count <= place { account.identities.append([]) }
            let item = ShadowLog.Item(entry)
            if let known = account.identities[place].first(where: { $0.item.term == entry.term }) {
                if known.item != item || known.before != before {
                    world.fail("\(group): two entries \(entry.index) of term \(entry.term)")
                }
            } else {
                account.identities[place].append(Identity(item: item, before: before))
            }
            before = entry.term
        }
        groups[group] = account
    }

    // MARK: Steps

    /// A replica has taken its inputs.
    func stepped(_ node: NodeID, _ status: RaftStatus) {
        let key = ReplicaKey(node: node, group: status.group)
        var account = replicas[key] ?? ReplicaAccount()
        if let before = account.status {
            if status.term < before.term { world.fail("node \(node): the term falls") }
            if status.commit < before.commit { world.fail("node \(node): the commit index falls") }
            if before.role == .leader, status.role == .leader, before.term == status.term,
                status.commit > before.commit,
                let entry = account.log.item(at: status.commit), entry.term != status.term
            {
                // Paper, 5.4.2: however many hold it, it could still be replaced.
                world.fail(
                    "\(status.group): leader \(node) commits an older term's entry by itself"
                )
            }
            if before.role == .leader, status.role != .leader {
                world.coverage[.steppedDown] += 1
            }
            if before.role == .candidate, status.role == .follower {
                world.coverage[.electionLost] += 1
            }
        }
        if status.role == .leader, account.status?.role != .leader { leads(node, status) }
        account.status = status
        replicas[key] = account
    }

    private func leads(_ node: NodeID, _ status: RaftStatus) {
        var account = groups[status.group] ?? GroupAccount()
        if let other = account.leaders[status.term] {
            if other != node {
                world.fail("\(status.group): \(other) and \(node) lead in term \(status.term)")
            }
        } else {
            account.leaders[status.term] = node
            if account.leaders.count > 1 { world.coverage[.leaderChanged] += 1 }
        }
        groups[status.group] = account
        world.trace.note(1, node.rawValue, status.term.rawValue, UInt64(status.group.rawValue))
    }

    /// Leader completeness, looked at when a leader writes the first entry of its own: by then it has handed
    /// over everything before.
    private func opensTerm(_ node: NodeID, _ term: Term, _ group: GroupID, _ log: ShadowLog) {
        guard let account = groups[group], account.leaders[term] == node else { return }
        for (place, item) in account.committed.enumerated() where item.term < term {
            let index = LogIndex(UInt64(place) + 1)
            guard index > log.base.index, log.item(at: index) != item else { continue }
            return world.fail("\(group): leader \(node) lacks committed entry \(index)")
        }
    }

    /// A replica hands entries to its store.
    func committed(_ node: NodeID, _ group: GroupID, _ entries: [Entry], durable: LogIndex) {
        var account = groups[group] ?? GroupAccount()
        for entry in entries {
            if entry.index > durable {
                world.fail("node \(node), \(group): entry \(entry.index) applied before durable")
            }
            let item = ShadowLog.Item(entry)
            let place = Int(entry.index.rawValue) - 1
            if place < account.committed.count {
                if account.committed[place] != item {
                    world.fail("\(group): two entries \(entry.index) are committed")
                }
            } else if place == account.committed.count {
                account.committed.append(item)
            } else {
                world.fail("\(group): entry \(entry.index) is committed before the one before it")
            }
        }
        groups[group] = account
    }

    /// A store has applied that far.
    func applied(_ node: NodeID, _ group: GroupID, through index: LogIndex) {
        world.trace.note(2, node.rawValue, UInt64(group.rawValue), index.rawValue)
    }

    /// The hash of all rows of a store.
    func rows(_ node: NodeID, _ group: GroupID, _ index: LogIndex, _ hash: SHA256Digest) {
        world.trace.note(3, node.rawValue, index.rawValue)
        if let (known, other) = groups[group]?.rows[index] {
            if known != hash {
                world.fail("\(group): nodes \(other) and \(node) have different rows at \(index)")
            }
        } else {
            groups[group, default: GroupAccount()].rows[index] = (hash, node)
        }
    }

    // MARK: Words

    /// A message leaves: what it says must be on the disk.
    func sends(_ node: SimulatedNode, _ message: Message, _ group: GroupID) {
        world.trace.note(4, node.id.rawValue, message.to.rawValue, UInt64(message.kind.rawValue))
        guard !message.reject else { return }
        let key = ReplicaKey(node: node.id, group: group)
        var account = replicas[key] ?? ReplicaAccount()
        switch message.kind {
        case .voteResponse:
            if let vote = account.vote, vote.term == message.term, vote.candidate != message.to {
                world.fail("node \(node.id), \(group): two votes in term \(vote.term)")
            }
            account.vote = (message.term, message.to)
        case .appendResponse:
            let index = min(message.index, account.log.lastIndex)
            guard let term = account.log.term(at: index) else { break }
            // The furthest one stands until a newer leader replaces it. What was said to an older leader speaks of
            // the entry that was there then: it is sent when that was durable, and the newer one may not be yet.
            let isReplaced = account.replaced.contains {
                $0.from <= index && $0.inTerm > message.term
            }
            var promise = account.acknowledged ?? (SnapshotID(index: .zero, term: .zero), .zero)
            if index >= promise.id.index, !isReplaced {
                promise.id = SnapshotID(index: index, term: term)
            }
            promise.inTerm = max(promise.inTerm, message.term)
            account.acknowledged = promise
        default: return
        }
        replicas[key] = account
        audits += 1
        if audits.isMultiple(of: Self.auditEvery) { audit(node, account, group) }
    }

    /// What a loss of power would leave right now.
    private func audit(_ node: SimulatedNode, _ account: ReplicaAccount, _ group: GroupID) {
        guard !node.disk.isOff else { return }
        do throws(LogError) {
            let (log, recovered) = try ReplicationLog.open(
                directory: node.logPath,
                fileSystem: SimulatedLogFiles(node.disk.durableCopy()),
                configuration: world.options.logConfiguration,
                identity: LogIdentity(cluster: World.clusterID, node: node.id)
            )
            if let lie = lie(account, recovered[group], { log.term(group, at: $0) }) {
                world.fail("node \(node.id), \(group): said before it was durable: \(lie)")
            }
            log.close()
        } catch {
            world.fail("node \(node.id): what is durable can't be opened: \(error)")
        }
    }
}
