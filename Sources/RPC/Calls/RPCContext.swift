import NIOCore
import Synchronization

/// What a handler knows about its call besides the messages.
public final class RPCContext: Sendable {
    private struct State {
        var isCancelled = false
        var isOver = false
        var actions: [@Sendable () -> Void] = []
    }

    /// `/package.Service/Method`.
    public let path: String
    /// What the caller sent along.
    public let metadata: RPCMetadata
    /// Who calls.
    public let peer: RPCPeer
    /// When the caller stops waiting.
    public let deadline: NIODeadline?
    /// The connection's loop; handlers of the fast path run on it.
    public let eventLoop: any EventLoop
    private let state = Mutex(State())

    init(
        path: String,
        metadata: RPCMetadata,
        peer: RPCPeer,
        deadline: NIODeadline?,
        eventLoop: any EventLoop
    ) {
        self.path = path
        self.metadata = metadata
        self.peer = peer
        self.deadline = deadline
        self.eventLoop = eventLoop
    }

    /// Whether nobody waits for the result any more.
    public var isCancelled: Bool { state.withLock { $0.isCancelled } }

    /// Runs `action` when the call is cancelled: reset by the caller, its deadline, or a lost
    /// connection. At once if that has happened; never once the call is over. On any thread.
    public func onCancel(_ action: @escaping @Sendable () -> Void) {
        let runsNow = state.withLock { state in
            if state.isCancelled { return true }
            if !state.isOver { state.actions.append(action) }
            return false
        }
        if runsNow { action() }
    }

    func cancel() {
        let actions = state.withLock { state -> [@Sendable () -> Void] in
            guard !state.isOver, !state.isCancelled else { return [] }
            state.isCancelled = true
            defer { state.actions = [] }
            return state.actions
        }
        for action in actions { action() }
    }

    /// The call has its outcome: actions are dropped, with whatever they hold.
    func end() {
        let dropped = state.withLock { state in
            state.isOver = true
            defer { state.actions = [] }
            return state.actions
        }
        withExtendedLifetime(dropped) {}
    }
}
