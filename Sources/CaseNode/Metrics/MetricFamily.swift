/// One metric: its name, what it is and in what unit. Rows of the one table that `/metrics` and
/// `Deploy/metrics.md` are both made of.
struct MetricFamily: Equatable, Sendable {
    enum Kind: String, Sendable {
        /// Grows until the process ends.
        case counter
        /// Goes up and down.
        case gauge
        /// Counts by length of time: `_bucket`, `_sum` and `_count`.
        case histogram
    }

    let name: String
    let kind: Kind
    /// In the order of the page. Every one takes few values, whatever the cases are.
    let labels: [String]
    /// The meaning, and the unit.
    let help: String

    init(_ name: String, _ kind: Kind, _ labels: [String] = [], _ help: String) {
        self.name = name
        self.kind = kind
        self.labels = labels
        self.help = help
    }

    /// A row of `Deploy/metrics.md`.
    var row: String {
        let labels = labels.isEmpty ? "" : labels.map { "`\($0)`" }.joined(separator: ", ")
        return "| `\(name)` | \(kind.rawValue) | \(labels) | \(help) |"
    }
}
