import Glibc

extension LogError: CustomStringConvertible {
    /// For the operator: what happened, where, and what to do.
    public var description: String {
        switch self {
        case .corrupted(let file, let offset, let reason):
            "\(file) is damaged at offset \(offset): \(reason). Nothing was cut away. The node must not "
                + "start with this log again: put a new one in its place (casectl node replace)"
        case .diskFull(let file): "\(file): no space is left on the disk"
        case .io(let operation, let number, let file):
            "\(file): \(operation) failed: \(String(cString: strerror(number)))"
        case .newerFormat(let file, let version, let known):
            "\(file) has log format \(version), this program knows \(known): run a newer casenode"
        case .foreign(let file, let reason): "\(file) is not this node's log: \(reason)"
        case .locked(let file): "\(file): another process has this log open"
        case .missing(let directory):
            "the log in \(directory) is missing, and this node had one. It must not start without what it "
                + "promised: put a new one in its place (casectl node replace)"
        case .poisoned(let error): "the log was stopped by an earlier failure: \(error)"
        case .closed(let directory): "\(directory): the log is closed"
        case .recordTooLarge(let group, let bytes, let max):
            "\(group): a record of \(bytes) bytes, the log takes \(max)"
        case .invalidWrite(let group, let reason): "\(group): \(reason)"
        case .unavailable(let group, let index, let first, let last):
            "\(group): entry \(index) is not in the log, which has \(first) to \(last)"
        case .invalidConfiguration(let reason): reason
        }
    }
}
