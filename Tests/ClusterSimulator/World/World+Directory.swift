import CaseModel
import ClusterPrimitives
import CoordinatorCore

/// Somebody who owns cases leaves the directory, and perhaps comes back; the coordinator tells every shard.
/// Plays the admin.
extension World {
    /// Between two tries of an admin, in microseconds.
    private static var adminTime: Int64 { 300_000 }

    /// Plans the leaving and the return, if this world has them.
    func planDirectory() {
        guard options.ownerLeaves else { return }
        plan(after: options.busyTime / 8) { [unowned self] in
            change(.putPrincipal(Conversation.leaver)) { [unowned self] in
                plan(after: draw(0...options.busyTime / 2)) { [unowned self] in leave() }
            }
        }
    }

    private func leave() {
        book.moved(.ownerGone(Conversation.leaver.id))
        change(.removePrincipal(Conversation.leaver.id)) { [unowned self] in
            guard chance(60) else { return }
            plan(after: draw(0...options.busyTime / 4)) { [unowned self] in
                book.moved(.ownerBack(Conversation.leaver.id))
                change(.putPrincipal(Conversation.leaver)) {}
            }
        }
    }

    /// Has the system group carry something out, however often it must be asked: it repeats without harm.
    private func change(_ command: SystemCommand, _ done: @escaping () -> Void) {
        func again() {
            plan(after: Self.adminTime) { [unowned self] in change(command, done) }
        }
        let leads = nodes.compactMap(\.process).first {
            $0.system?.leadership.leader == $0.node.id && $0.system?.leadership.isReady == true
        }
        guard let system = leads?.system else { return again() }
        var isAnswered = false
        // Its process may end, and then it says nothing any more.
        plan(after: Self.adminTime * 10) { [unowned self] in
            guard !isAnswered else { return }
            isAnswered = true
            change(command, done)
        }
        system.propose(StampedSystemCommand(at: .zero, command: command)) { outcome in
            guard !isAnswered else { return }
            isAnswered = true
            // Refused: an earlier try removed the entry.
            if case .success = outcome { done() } else { again() }
        }
    }

    /// Was in the directory, and is in it no more.
    func hasLeft(_ principal: PrincipalID) -> Bool {
        guard book.hasLeaving, principal == Conversation.leaver.id,
            let leader = leader(of: .system) as? SimulatedReplica<SimulatedSystemMachine>
        else { return false }
        return leader.machine.state.principal(principal) == nil
    }

    /// A leaving or a return that some shard has not been told; nil if all were.
    var unfinishedNotices: String? {
        guard let leader = leader(of: .system) as? SimulatedReplica<SimulatedSystemMachine> else {
            return nil
        }
        let waiting = leader.machine.state.pendingNotices
        return waiting.isEmpty ? nil : "\(waiting.count) notices of owners are not told"
    }
}
