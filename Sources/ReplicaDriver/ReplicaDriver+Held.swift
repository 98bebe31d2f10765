import ClusterPrimitives
import RaftCore

/// What says nothing but how far is committed: it is held for what follows it, a tick at most.
///
/// Why: a commit index follows each entry on its own, in a message to each follower, an answer to that, and a
/// write at each replica, though nobody waits for any of it: the next entries carry it along. With one
/// command under way that was half of all that a group's replicas said and did.
///
/// Nothing that is held may be needed for anything but speed: a message that is late, or that gives way to a newer
/// one, is one that a network might have lost, and a commit index that is not written is one that a crash
/// takes away.
extension ReplicaDriver {
    /// What is to be sent now: everything but appends that carry nothing, unless followers wait for them.
    mutating func holdNotices(of messages: [Message]) -> [Message] {
        guard limits.noticesAreHeld, !noticesAreAwaited else { return messages }
        guard messages.contains(where: { $0.kind == .append }) else { return messages }
        var now: [Message] = []
        now.reserveCapacity(messages.count)
        for message in messages {
            if message.kind == .append {
                // What came before it says less than this one, whether it is held or sent.
                notices.removeAll { $0.to == message.to }
                if message.entries.isEmpty {
                    notices.append(message)
                    continue
                }
            }
            now.append(message)
        }
        return now
    }

    /// Somebody is about to read at another replica, which must know how far is committed: until the next tick
    /// nothing is held.
    mutating func awaitNotices() {
        noticesAreAwaited = true
        sendNotices()
    }

    /// What has been held for long enough: a tick has passed.
    mutating func tellHeld() {
        noticesAreAwaited = false
        sendNotices()
        guard let state = takeUnwritten() else { return }
        ports.write(
            ReplicaWrite(group: group, hardState: state, entries: [], needsReceipt: false)
        )
    }

    private mutating func sendNotices() {
        guard !notices.isEmpty else { return }
        let held = notices
        notices = []
        let status = raft.brief
        // Another term's leader has said something else by now.
        guard status.role == .leader, held[0].term == status.term else { return }
        ports.send(held)
    }

    /// The hard state that the log was not told, if it still holds.
    mutating func takeUnwritten() -> HardState? {
        defer { unwritten = nil }
        return unwritten
    }
}
