import ClusterPrimitives
import DiskSimulator
import RaftCore
import ReplicationLog

/// Snapshots on their way: a message and a file, on a connection of their own that may break.
extension World {
    /// After so many microseconds without an answer a sender gives up.
    private static let patience: Int64 = 5_000_000
    /// Bytes that a link carries in a microsecond.
    private static let bytesPerMicrosecond = 4

    func sendSnapshot(
        _ message: Message,
        _ group: GroupID,
        path: String,
        from sender: NodeProcess,
        _ reply: @escaping (Bool) -> Void
    ) {
        let bytes = sender.node.disk.bytes(path)
        var isAnswered = false
        func answer(_ arrived: Bool) {
            guard !isAnswered else { return }
            isAnswered = true
            if !arrived { coverage[.snapshotSendFailed] += 1 }
            reply(arrived)
        }
        sender.plan(after: Self.patience) { answer(false) }
        let (from, to) = (sender.node.id.rawValue, message.to.rawValue)
        let way = Int64(bytes.count / Self.bytesPerMicrosecond)
        guard let delay = network.fate(from, to, .calls, &random, &coverage).first else { return }
        let breaks = !isHealing && chance(15)
        plan(after: delay + way) { [unowned self] in
            guard let receiver = node(message.to)?.process else { return }
            receiver.plan(after: 0) { [unowned self] in
                let isTaken = take(bytes, breaks, receiver, group)
                guard isTaken, !breaks, let replica = receiver.replica(of: group) else { return }
                replica.receivedSnapshot(message) { [unowned self] arrived in
                    guard receiver.isAlive,
                        let back = network.fate(to, from, .calls, &random, &coverage).first
                    else { return }
                    sender.plan(after: back) { answer(arrived) }
                }
            }
        }
    }

    /// Writes what comes in where the replica wants it; a broken connection leaves a part of it.
    private func take(
        _ bytes: [UInt8],
        _ breaks: Bool,
        _ receiver: NodeProcess,
        _ group: GroupID
    ) -> Bool {
        guard let replica = receiver.replica(of: group), let path = replica.beginSnapshot() else {
            return false
        }
        let part = breaks ? Int(draw(0...Int64(bytes.count))) : bytes.count
        let disk = receiver.node.disk
        do throws(DiskFault) {
            let inode = try disk.create(path, disk.life)
            let failure: DiskFault? = bytes[..<part].withUnsafeBytes { buffer in
                do throws(DiskFault) {
                    try disk.write(buffer, to: inode, at: 0, disk.life)
                    return nil
                } catch {
                    return error
                }
            }
            if let failure { throw failure }
            if breaks { replica.abandonSnapshot() }
            return true
        } catch {
            if error == .full { replica.abandonSnapshot() }
            return false
        }
    }
}
