import Foundation

extension Process {
    private static let spawning = Locked(())

    /// Starts it while no other is being started.
    ///
    /// Foundation learns of a child's end from a socket whose other end the child holds. A child that is
    /// started at the same moment inherits that end too, and while it lives the first one seems to live.
    package func runAlone() throws {
        let outcome = Self.spawning.withLock { _ in Result { try run() } }
        try outcome.get()
    }
}
