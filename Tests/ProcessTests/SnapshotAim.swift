import Glibc
import ProcessSupport

/// Kills a node at a step of a snapshot's way into its store, by what appears in the store's directory.
final class SnapshotAim: Sendable {
    enum Step: String, CaseIterable {
        case transfer = "while it came in"
        case prepared = "when it had been checked"
        case swap = "when the old store's log had been removed"
        case installed = "when it was in the store's place"

        /// What a file is called that shows that the kill was not too late; nil where the next step may follow at
        /// once.
        var leaves: String? {
            switch self {
            case .transfer: ".incoming."
            case .prepared: ".snapshot-"
            case .swap, .installed: nil
            }
        }

        fileprivate func begins(with event: DirectoryWatch.Event) -> Bool {
            let name = event.name
            return switch self {
            case .transfer: event.kind == .created && name.hasSuffix(".incoming.sqlite")
            case .prepared: event.kind == .movedHere && name.contains(".snapshot-")
            case .swap: event.kind == .removed && Self.isStore(name, suffix: ".sqlite-wal")
            case .installed: event.kind == .movedHere && Self.isStore(name, suffix: ".sqlite")
            }
        }

        /// A shard's own file, not a copy of it.
        private static func isStore(_ name: String, suffix: String) -> Bool {
            guard name.hasPrefix("shard-"), name.hasSuffix(suffix) else { return false }
            return !name.dropLast(suffix.count).contains(".")
        }
    }

    private struct State {
        var target: (node: NodeProcess, step: Step, pieces: Int)?
        var isComingIn = false
        var installed = 0
    }

    private let state = Locked(State())

    /// Snapshots that took a store's place so far.
    var installed: Int { state.withLock { $0.installed } }

    /// Kills the node as soon as the step begins; of the transfer, after so many pieces of a file.
    func shoot(_ node: NodeProcess, at step: Step, pieces: Int = 0) {
        state.withLock { state in
            state.target = (node, step, pieces)
            state.isComingIn = false
        }
    }

    /// Something happened in the directory.
    func saw(_ event: DirectoryWatch.Event) {
        state.withLock { state in
            if Step.installed.begins(with: event) { state.installed += 1 }
            guard let target = state.target else { return }
            if target.step.begins(with: event) {
                state.isComingIn = true
            } else if state.isComingIn, event.kind == .written,
                event.name.hasSuffix(".incoming.sqlite")
            {
                state.target?.pieces -= 1
            }
            guard state.isComingIn, state.target?.pieces ?? 0 <= 0 else { return }
            target.node.signal(SIGKILL)
            state.target = nil
        }
    }
}
