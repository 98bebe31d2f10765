import Foundation
import Synchronization

/// Runs a closure on a thread of its own; `join` waits for what came of it.
final class WorkThread<Value: Sendable>: Sendable {
    private let done = DispatchSemaphore(value: 0)
    private let result = Mutex<Result<Value, any Error>?>(nil)

    init(_ body: @escaping @Sendable () throws -> Value) {
        Thread.detachNewThread { [self] in
            let outcome = Result { try body() }
            result.withLock { $0 = outcome }
            done.signal()
        }
    }

    func join() throws -> Value {
        done.wait()
        guard let outcome = result.withLock({ $0 }) else { throw FixtureError.noAnswer }
        return try outcome.get()
    }
}
