import ClusterPrimitives

/// What the core reads of the log that was already handed to storage.
///
/// Synchronous and from memory: the core runs on an event loop. What was taken from the core must
/// be readable here, at the latest, before its receipt is given to the core.
public protocol RaftStorage: Sendable {
    /// The first entry that can be read; everything before it was compacted.
    var firstIndex: LogIndex { get }
    /// The last entry; the compacted index if there is none.
    var lastIndex: LogIndex { get }
    /// The membership in force at the applied index that the core is started with.
    var configuration: Configuration { get }
    /// A snapshot that may be sent to a follower now; nil while there is none. Asked for again
    /// later.
    var snapshot: Snapshot? { get }

    /// The term of the entry at `index`, also of the last one compacted; nil outside.
    func term(at index: LogIndex) -> Term?

    /// The entries from `first` to `last`, cut off before the one that would pass `bytesMax`, at
    /// least one.
    /// - Returns: nil if `first` was compacted.
    func entries(from first: LogIndex, through last: LogIndex, bytesMax: UInt64) -> [Entry]?
}

extension Collection<Entry> where SubSequence == ArraySlice<Entry> {
    /// The longest prefix within `bytesMax`, but never less than one entry: one larger than the
    /// limit would otherwise never leave.
    func limited(to bytesMax: UInt64) -> ArraySlice<Entry> {
        var bytes: UInt64 = 0
        var count = 0
        for entry in self {
            bytes += entry.costBytes
            if count > 0, bytes > bytesMax { break }
            count += 1
        }
        return prefix(count)
    }
}
