import Synchronization

/// A mutex that tasks can share: a reference, where `Mutex` itself can't be captured by nested tasks.
package final class Locked<Value: Sendable>: Sendable {
    private let cell: Mutex<Value>

    package init(_ value: Value) { cell = Mutex(value) }

    package func withLock<Answer>(_ body: (inout Value) -> Answer) -> Answer {
        cell.withLock { body(&$0) }
    }
}
