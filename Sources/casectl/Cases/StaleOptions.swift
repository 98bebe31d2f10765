import ArgumentParser
import CaseClient
import ClusterPrimitives

/// Reads that do with an older state, and what their answers say of its age.
struct StaleOptions: ParsableArguments {
    @Flag(
        help:
            "Take what the asked node has, without asking the case's leader; says how old it may be."
    )
    var stale = false

    @Option(
        help: ArgumentHelp(
            "With --stale: no older than this, or else ask the leader after all.",
            valueName: "time"
        )
    )
    var maxAge: String?

    func validate() throws {
        guard maxAge == nil || stale else { throw ValidationError("--max-age goes with --stale") }
        _ = try limit()
    }

    /// The greatest age that is taken; nil for any.
    func limit() throws -> Duration? {
        guard let maxAge else { return nil }
        guard let span = TimeSpan(maxAge), span.milliseconds >= 0 else {
            throw ValidationError("--max-age: '\(maxAge)' is not a time: write 10s, 500ms or 2m")
        }
        return .milliseconds(span.milliseconds)
    }

    /// One read, stale or not. `age` is nil for one that is linearizable because it was asked to be.
    func read<Value>(
        stale older: (Duration?) async throws -> Aged<Value>,
        _ linearizable: () async throws -> Value
    ) async throws -> (value: Value, age: Duration?) {
        guard stale else { return (try await linearizable(), nil) }
        let answer = try await older(try limit())
        return (answer.value, answer.age)
    }
}

extension Duration {
    /// Whole milliseconds.
    var wholeMilliseconds: Int64 {
        components.seconds * 1_000 + components.attoseconds / 1_000_000_000_000_000
    }
}

extension JSONValue {
    /// With the age of the state that it shows, where one was asked for.
    func aged(_ age: Duration?) -> JSONValue {
        guard let age, case .object(let members) = self else { return self }
        return .object(members + [Member("age_ms", .number(age.wholeMilliseconds))])
    }
}

extension Session {
    /// Says how old a table or a text may be. In JSON each object has its `age_ms`.
    func noteAge(_ age: Duration?) {
        guard let age, format == .table else { return }
        Terminal.note(
            age == .zero
                ? "casectl: nothing acknowledged is missing"
                : "casectl: what was acknowledged in the last \(age.wholeMilliseconds) ms may be missing"
        )
    }
}
