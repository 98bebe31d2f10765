import ClusterPrimitives

/// What was asked of the file system when it failed.
public enum LogOperation: String, Hashable, Sendable {
    /// Making, opening or locking a file, or making a directory.
    case open
    /// Reading a file, its size, or a directory.
    case read
    /// Writing bytes.
    case write
    /// Making a file's bytes durable.
    case synchronize
    /// Making a directory's names durable.
    case synchronizeDirectory
    /// Reserving space.
    case preallocate
    /// Setting a file's length.
    case truncate
    /// Giving a file another name.
    case rename
    /// Removing a file.
    case remove
}

/// Why the log did not do what was asked. Every case says what the caller should do.
public enum LogError: Error, Hashable, Sendable {
    /// What was durable is damaged or gone. Never start this node again with this log: it has
    /// forgotten acknowledgements. It comes back under a new node id.
    case corrupted(file: String, offset: UInt64, reason: String)
    /// No space is left. Nothing of the call was taken; the log stays usable: read, compact, then
    /// retry.
    case diskFull(file: String)
    /// The operating system failed. The log is stopped for good where it was writing.
    case io(LogOperation, errno: Int32, file: String)
    /// A newer program wrote it. Start that program instead.
    case newerFormat(file: String, version: UInt32, known: UInt32)
    /// Not a log, or the log of another cluster or node. Look at the directory's path.
    case foreign(file: String, reason: String)
    /// Another process has this log open.
    case locked(file: String)
    /// There is no log where one was expected (`LogOpening.existing`): a wiped disk, or a wrong
    /// path.
    case missing(directory: String)
    /// An earlier error stopped the log; the page cache can't be trusted. Restart the process.
    indirect case poisoned(by: LogError)
    /// `close` was called before. A bug of the caller.
    case closed(directory: String)
    /// A record is larger than `LogConfiguration.recordBytesMax`. Nothing of the call was taken.
    case recordTooLarge(group: GroupID, bytes: Int, max: Int)
    /// The caller broke a rule of the log: a bug there. Writes before it in the same call stay
    /// buffered.
    case invalidWrite(group: GroupID, reason: String)
    /// The log does not hold that entry: compacted, or not yet there.
    case unavailable(group: GroupID, index: LogIndex, first: LogIndex, last: LogIndex)
    /// The configuration contradicts itself.
    case invalidConfiguration(reason: String)

    /// Whether the log must not be written to after it: what is on the disk is no longer known.
    var stopsTheLog: Bool {
        switch self {
        case .corrupted, .io, .poisoned, .closed: true
        case .diskFull, .newerFormat, .foreign, .locked, .missing, .recordTooLarge, .invalidWrite,
            .unavailable, .invalidConfiguration:
            false
        }
    }
}
