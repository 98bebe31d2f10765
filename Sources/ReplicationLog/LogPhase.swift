/// What the log is doing, for tests that kill the process in the middle of it.
public enum LogPhase: String, CaseIterable, Hashable, Sendable {
    /// Records go into the open batch; memory only.
    case append
    /// The open batch goes to the file.
    case write
    /// The file's bytes are made durable.
    case sync
    /// The next segment becomes the open one.
    case roll
    /// The oldest segment is given up, its last live records moved forward.
    case retire
    /// A group's suffix is replaced by entries of a newer leader.
    case truncate
    /// A group's prefix is dropped.
    case compact
    /// The mark and the first live generation go to the metadata file.
    case checkpoint
    /// Bytes of an unfinished batch are wiped when the log is opened.
    case tailCut
}

/// Which side of a phase.
public enum LogPhaseEdge: Hashable, Sendable {
    /// Before anything of it was done.
    case begin
    /// After all of it was done.
    case end
}

/// Told of every phase on the thread that runs it. It must not call the log.
public typealias LogPhaseObserver = (LogPhase, LogPhaseEdge) -> Void
