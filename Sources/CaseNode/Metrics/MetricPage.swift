/// Puts a page together in Prometheus' text format, version 0.0.4. Families stand in the catalogue's order, each
/// with its help, whether or not there is anything to say of it.
struct MetricPage {
    static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    private var lines: [String: [String]] = [:]

    /// A counter's or a gauge's value, with its labels in the family's order.
    mutating func add(_ family: MetricFamily, _ labels: String..., value: some BinaryInteger) {
        append(family, "", labels, [], "\(value)")
    }

    /// The same for what is no whole number.
    mutating func add(_ family: MetricFamily, _ labels: String..., value: Double) {
        append(family, "", labels, [], "\(value)")
    }

    /// A histogram.
    mutating func add(_ family: MetricFamily, _ labels: String..., histogram: Histogram.Counts) {
        assert(family.kind == .histogram)
        var sum: UInt64 = 0
        for (index, count) in histogram.buckets.enumerated() {
            sum += count
            let bounds = Histogram.boundsNanoseconds
            let bound = bounds.indices.contains(index) ? Self.seconds(bounds[index]) : "+Inf"
            append(family, "_bucket", labels, [("le", bound)], "\(sum)")
        }
        append(family, "_sum", labels, [], Self.seconds(histogram.nanoseconds))
        append(family, "_count", labels, [], "\(sum)")
    }

    private mutating func append(
        _ family: MetricFamily,
        _ suffix: String,
        _ values: [String],
        _ more: [(String, String)],
        _ value: String
    ) {
        precondition(values.count == family.labels.count, "\(family.name) has other labels")
        let labels = zip(family.labels, values).map { ($0, $1) } + more
        let text = labels.map { "\($0)=\"\(Self.escaped($1))\"" }.joined(separator: ",")
        let name = family.name + suffix
        lines[family.name, default: []].append(
            labels.isEmpty ? "\(name) \(value)" : "\(name){\(text)} \(value)"
        )
    }

    /// The page.
    var text: String {
        var text = ""
        for family in MetricFamily.all {
            text += "# HELP \(family.name) \(family.help)\n"
            text += "# TYPE \(family.name) \(family.kind.rawValue)\n"
            for line in lines[family.name] ?? [] { text += line + "\n" }
        }
        return text
    }

    private static func seconds(_ nanoseconds: UInt64) -> String {
        "\(Double(nanoseconds) / 1_000_000_000)"
    }

    /// Names of ours need none of it; a version or a cluster's name may yet.
    private static func escaped(_ text: String) -> String {
        var escaped = ""
        for character in text {
            switch character {
            case "\\": escaped += "\\\\"
            case "\"": escaped += "\\\""
            case "\n": escaped += "\\n"
            default: escaped.append(character)
            }
        }
        return escaped
    }
}
