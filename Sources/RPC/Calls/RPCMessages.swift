import NIOCore
import Synchronization

/// What a receiver of a stream hears, in order; the last is `end` or `failed`.
public enum RPCInbound: Sendable {
    /// One message.
    case message([UInt8])
    /// The other side sends no more.
    case end
    /// The call broke off, or the server answered with an error.
    case failed(RPCStatus)
}

/// The messages that come in on a streaming call, for one reader.
///
/// The other side gets credit for more as messages are taken, so a slow reader slows the sender
/// and holds no more than a stream's window and one message.
public struct RPCMessages: AsyncSequence, Sendable {
    /// One message's bytes.
    public typealias Element = [UInt8]
    /// A call's error.
    public typealias Failure = RPCStatus

    let inbox: RPCInbox
    /// Keeps the call alive while it is read.
    let owner: (any AnyObject & Sendable)?

    /// Reads one message after the other.
    public struct AsyncIterator: AsyncIteratorProtocol {
        let inbox: RPCInbox
        let owner: (any AnyObject & Sendable)?

        /// The next message, or nil after the last.
        public mutating func next(
            isolation actor: isolated (any Actor)? = #isolation
        ) async throws(RPCStatus) -> [UInt8]? {
            try await inbox.next()
        }

        /// The next message, or nil after the last.
        public mutating func next() async throws(RPCStatus) -> [UInt8]? { try await inbox.next() }
    }

    /// The reader; a second one fails.
    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(inbox: inbox, owner: owner) }

    /// Instead of iterating: `action` runs on the connection's event loop for each message, and
    /// credit is given back when it returns. For links where waking a Task a message is too much.
    public func receive(_ action: @escaping @Sendable (RPCInbound) -> Void) {
        inbox.receive { [owner] inbound in withExtendedLifetime(owner) { action(inbound) } }
    }
}
