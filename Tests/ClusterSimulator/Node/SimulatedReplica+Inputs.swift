import CaseStore
import ClusterPrimitives
import RaftCore
import ReplicaDriver
import ReplicationLog

/// What reaches a replica, from clients, peers, the log and the store. All of it waits for the loop.
extension SimulatedReplica {
    func propose(_ command: Machine.Command, reply: @escaping (Outcome) -> Void) {
        submit(.command(command, reply))
    }

    func read(_ reply: @escaping (ReplicaFailure?) -> Void) { submit(.read(reply)) }

    /// Asks a leader at which index any replica may be read; nil if it does not lead.
    func readIndex(_ reply: @escaping (LogIndex?) -> Void) { submit(.readIndex(reply)) }

    /// Waits until the store has applied an index that a leader has named.
    func whenApplied(_ index: LogIndex, _ reply: @escaping (ReplicaFailure?) -> Void) {
        submit(.whenApplied(index, reply))
    }
    func receive(_ message: Message) { submit(.message(message)) }
    func persisted(_ receipt: StorageReceipt) { submit(.persisted(receipt)) }
    func tick() { submit(.tick) }

    func end() {
        inbox = []
        waiting = []
        driver.stop()
    }

    func applied(through index: LogIndex, tickets: Int) {
        submit(.applied(through: index, tickets: tickets))
    }

    func change(_ change: ConfigurationChange, _ reply: @escaping (ReplicaFailure?) -> Void) {
        submit(.change(change, reply))
    }

    func transfer(to node: NodeID) { submit(.transfer(node)) }

    func handOver() { submit(.handOver) }

    func installed(_ id: SnapshotID, _ receipt: StorageReceipt) { submit(.installed(id, receipt)) }

    func snapshotMade(_ info: SnapshotInfo?) { submit(.snapshotMade(info)) }

    func snapshotSent(_ id: SnapshotID, to node: NodeID, arrived: Bool) {
        submit(.snapshotSent(id, node, arrived: arrived))
    }

    // MARK: Snapshots from peers

    func beginSnapshot() -> String? {
        do throws(StoreError) {
            return try ports.snapshots.begin()
        } catch {
            process.failed(error)
            return nil
        }
    }

    func receivedSnapshot(_ message: Message, _ reply: @escaping (Bool) -> Void) {
        guard let snapshot = message.snapshot else { return reply(false) }
        process.plan(after: process.applyTime()) { [self] in
            do throws(StoreError) {
                guard try ports.snapshots.prepare(snapshot, machine) else { return reply(false) }
                submit(.snapshotReceived(message, reply))
            } catch {
                process.failed(error)
            }
        }
    }

    func abandonSnapshot() {
        process.plan(after: process.loopTime()) { [self] in
            do throws(StoreError) {
                try ports.snapshots.abandon()
            } catch {
                process.failed(error)
            }
        }
    }
}
