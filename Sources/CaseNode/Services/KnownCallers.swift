import CaseModel
import ClusterPrimitives
import Synchronization

/// Who came with which `authorization` header lately: valid as long as the directory stands as it was, and the token
/// lives.
///
/// Why: of what a call costs before it is proposed, hashing its token and looking it up was a tenth. A directory that
/// changes makes all of it new, so that nobody keeps a right that was taken away. The tokens stand in this node's memory
/// as they came, as those of all calls under way do.
final class KnownCallers: Sendable {
    /// Headers that are kept, at most: as many callers as a node mostly has. One more, and all are looked up again.
    static let callersMax = 1_024

    /// Compared by bytes: texts that look the same are other tokens.
    private struct Header: Hashable {
        let text: String

        static func == (left: Header, right: Header) -> Bool {
            left.text.hasSameBytes(as: right.text)
        }

        func hash(into hasher: inout Hasher) { text.hashBytes(into: &hasher) }
    }

    private struct Known {
        var actor: Actor
        /// Nil for a token that never expires.
        var expiresAt: Timestamp?
    }

    private struct Table {
        /// Of which directory it tells. Kept alive, so that its identity is not given to another one.
        var version: SystemMachine.Version?
        var callers: [Header: Known] = [:]
    }

    private let table = Mutex(Table())

    /// The caller; nil for who has to be looked up.
    func find(_ header: String, _ version: SystemMachine.Version, at now: Timestamp) -> Actor? {
        table.withLock { table in
            guard table.version === version, let known = table.callers[Header(text: header)],
                known.expiresAt.map({ $0 > max(now, version.state.now) }) ?? true
            else { return nil }
            return known.actor
        }
    }

    /// Keeps what the directory said.
    func remember(
        _ header: String,
        _ version: SystemMachine.Version,
        _ actor: Actor,
        until expiresAt: Timestamp?
    ) {
        table.withLock { table in
            if table.version !== version || table.callers.count >= Self.callersMax {
                table.callers.removeAll(keepingCapacity: true)
                table.version = version
            }
            table.callers[Header(text: header)] = Known(actor: actor, expiresAt: expiresAt)
        }
    }
}
