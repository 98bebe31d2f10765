import CaseClient

/// What one worker measured in one round.
struct Meter: Sendable {
    private(set) var latencies = LatencyHistogram()
    private(set) var operations: UInt64 = 0
    private(set) var errors: [String: UInt64] = [:]
    /// Whole runs of what the workload repeats: for a lifecycle, cases brought to their end.
    var rounds: UInt64 = 0

    /// Runs and times one operation. Only what succeeded counts as an operation with a latency.
    mutating func time<Result>(
        _ operation: () async throws(CaseClientError) -> Result
    ) async throws(CaseClientError) -> Result {
        let begun = ContinuousClock.now
        do {
            let result = try await operation()
            latencies.record(Self.nanoseconds(ContinuousClock.now - begun))
            operations += 1
            return result
        } catch {
            errors[error.kind.isEmpty ? "\(error.code)" : error.kind, default: 0] += 1
            throw error
        }
    }

    mutating func merge(_ other: Meter) {
        latencies.merge(other.latencies)
        operations += other.operations
        rounds += other.rounds
        errors.merge(other.errors, uniquingKeysWith: +)
    }

    static func nanoseconds(_ duration: Duration) -> UInt64 {
        let (seconds, attoseconds) = duration.components
        guard seconds >= 0 else { return 0 }
        return UInt64(seconds) * 1_000_000_000 + UInt64(attoseconds / 1_000_000_000)
    }
}
