import ClusterPrimitives
import GRDB
import GRDBSQLite

/// Why a store could not do what was asked. Every case says what the caller should do.
///
/// None of these is a refusal: what a rule refuses is data (`ShardResult.refused`), the same on every
/// replica. These are about this replica's file alone. No case content, token or key is in any of them.
public enum StoreError: Error, Equatable, Sendable {
    /// The file is not a case store's, or not one of this kind. Point the node at its own data directory.
    case foreignFile(path: String)
    /// The file belongs to another shard. Point the node at its own data directory.
    case wrongShard(expected: ShardID, found: ShardID)
    /// A newer program wrote the file. Start that version; this one must not touch it.
    case newerFormat(found: Int, known: Int)
    /// The log carries a command that this program doesn't know. Stop the replica; start a newer version.
    case newerCommand(index: LogIndex, version: UInt8)
    /// The log carries what is not a command. Stop the replica and restore it from another one.
    case undecodableCommand(index: LogIndex, fault: DecodingFault)
    /// The caller skipped entries: a fault of this program. Stop the replica.
    case gap(expected: LogIndex, got: LogIndex)
    /// No room. The transaction was rolled back and the store stands as before: free space, then apply again.
    case diskFull
    /// Reading or writing failed. The store takes nothing more; stop the node.
    case inputOutput(code: Int32, message: String)
    /// What is in the file contradicts itself. Stop the replica and restore it from another one.
    case corrupt(detail: String)
    /// Another connection held a lock for longer than the configured wait. Try again later.
    case busy
    /// The read lasted longer than the configured age. Ask for a smaller page.
    case readerTooOld
    /// An earlier failure stopped this store. Stop the node; its first error says why.
    case stopped
    /// SQLite refused for another reason: a fault of this program.
    case sqlite(code: Int32, message: String)

    /// After these the store must not be written again: the state on disk is in doubt.
    var isFatal: Bool {
        switch self {
        case .inputOutput, .corrupt, .newerCommand, .undecodableCommand, .gap, .sqlite: true
        default: false
        }
    }

    /// `SQLITE_IOERR_NOMEM`, which Swift does not see: SQLite makes it up from others.
    private static let outOfMemory = SQLITE_IOERR | 12 << 8

    /// The file could not be read, or contradicts itself. What a full table of open files or a lack of memory
    /// refuses is not among them: it may pass.
    public var isDamage: Bool {
        switch self {
        case .corrupt: true
        case .inputOutput(let code, _): code & 0xFF == SQLITE_IOERR && code != Self.outOfMemory
        default: false
        }
    }

    /// From SQLite's extended result code.
    init(code: Int32, message: String) {
        switch code & 0xFF {
        case SQLITE_FULL: self = .diskFull
        case SQLITE_BUSY, SQLITE_LOCKED: self = .busy
        case SQLITE_INTERRUPT: self = .readerTooOld
        case SQLITE_NOTADB: self = .foreignFile(path: "")
        case SQLITE_CORRUPT: self = .corrupt(detail: message)
        case SQLITE_IOERR, SQLITE_CANTOPEN, SQLITE_READONLY, SQLITE_PERM, SQLITE_NOMEM:
            self = .inputOutput(code: code, message: message)
        default: self = .sqlite(code: code, message: message)
        }
    }
}

extension StoreError: CustomStringConvertible {
    /// For the operator: what happened and what to do.
    public var description: String {
        switch self {
        case .foreignFile(let path): "\(path) is not this kind of case store"
        case .wrongShard(let expected, let found):
            "the file holds shard \(found), not shard \(expected)"
        case .newerFormat(let found, let known):
            "the file has format \(found); this program knows up to \(known)"
        case .newerCommand(let index, let version):
            "log entry \(index) has command format \(version), newer than this program"
        case .undecodableCommand(let index, let fault):
            "log entry \(index) is not a command: \(fault)"
        case .gap(let expected, let got): "expected log entry \(expected), got \(got)"
        case .diskFull: "the disk is full; nothing was changed"
        case .inputOutput(let code, let message): "input or output failed (\(code)): \(message)"
        case .corrupt(let detail): "the store is corrupt: \(detail)"
        case .busy: "the store was locked for too long"
        case .readerTooOld: "the read took too long; ask for a smaller page"
        case .stopped: "the store was stopped by an earlier failure"
        case .sqlite(let code, let message): "SQLite refused (\(code)): \(message)"
        }
    }
}

/// Runs what may throw GRDB's errors and throws this module's.
func translating<Value>(_ body: () throws -> Value) throws(StoreError) -> Value {
    do {
        return try body()
    } catch let error as StoreError {
        throw error
    } catch let error as DatabaseError {
        throw StoreError(
            code: error.extendedResultCode.rawValue,
            message: error.message ?? "no message"
        )
    } catch let fault as DecodingFault {
        throw .corrupt(detail: "a row can't be read back: \(fault)")
    } catch {
        throw .sqlite(code: SQLITE_ERROR, message: String(describing: type(of: error)))
    }
}
