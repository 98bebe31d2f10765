import CaseClient
import ClusterPrimitives
import Foundation

/// Instants as people and programs read them: UTC, ISO 8601.
enum Times {
    /// `2025-01-31T12:00:00.000Z`; empty for "not set".
    static func text(_ milliseconds: Int64) -> String {
        milliseconds == 0 ? "" : Timestamp(millisecondsSince1970: milliseconds).description
    }

    /// The same in JSON, null for "not set".
    static func json(_ milliseconds: Int64) -> JSONValue { .optional(text(milliseconds)) }

    /// Reads an instant (`2025-01-31T12:00Z` and finer, always with its zone), or a span from now
    /// on (`2h`).
    static func instant(_ text: String, now: Timestamp) throws(Failure) -> Int64 {
        if let span = TimeSpan(text) { return (now + span).rawValue }
        for style in styles {
            do {
                let date = try style.parse(text)
                return Int64((date.timeIntervalSince1970 * 1_000).rounded())
            } catch {
                continue  // Another spelling.
            }
        }
        throw Failure(
            .badInput,
            "'\(text)' is no time: write 2025-01-31T12:00:00Z, with the zone, or a span as 2h"
        )
    }

    /// The wall clock.
    static var now: Timestamp {
        Timestamp(millisecondsSince1970: Int64(Date().timeIntervalSince1970 * 1_000))
    }

    private static var styles: [Date.ISO8601FormatStyle] {
        [
            Date.ISO8601FormatStyle(),
            Date.ISO8601FormatStyle(includingFractionalSeconds: true),
        ]
    }
}
