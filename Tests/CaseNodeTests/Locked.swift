import Synchronization

/// A mutex that tasks can share: a reference, where `Mutex` itself can't be captured by nested tasks.
final class Locked<Value: Sendable>: Sendable {
    private let cell: Mutex<Value>

    init(_ value: Value) { cell = Mutex(value) }

    func withLock<Answer>(_ body: (inout Value) -> Answer) -> Answer { cell.withLock { body(&$0) } }
}
