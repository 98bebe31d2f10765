/// What was appended to one case, and what was read of it.
///
/// Each append that was carried out has a version of its own, which is its place. So the history is
/// linearizable exactly if the final order holds each acknowledged append once, at its place; if an append
/// that ended before another began stands before it; and if each read shows the final order's beginning, with
/// all that was acknowledged before it began and nothing that was only asked for after it ended.
struct AppendHistory: Sendable {
    struct Append: Sendable {
        var text: String
        var from: Int64
        /// Nil without an answer.
        var to: Int64?
        /// The version that it was acknowledged with.
        var version: UInt64?
    }

    struct Read: Sendable {
        var texts: [String]
        var from: Int64
        var to: Int64
    }

    var appends: [Append] = []
    var reads: [Read] = []

    /// What is wrong with it, held against the final content: texts with their versions, in order.
    func violations(of id: String, final: [(text: String, version: UInt64)]) -> [Violation] {
        var found = counts(final) + order(final)
        let texts = final.map(\.text)
        var asked: [String: Append] = [:]
        for append in appends { asked[append.text] = append }
        for read in reads {
            if let message = fault(in: read, texts, asked) {
                let operations = [describe(read)] + near(read).map { describe($0) }
                found.append(("linearizable", message, operations))
            }
        }
        return found.map {
            Violation(check: $0.0, subject: "case \(id)", message: $0.1, operations: $0.2)
        }
    }

    private typealias Finding = (String, String, [String])

    private func counts(_ final: [(text: String, version: UInt64)]) -> [Finding] {
        var places: [String: [UInt64]] = [:]
        for item in final { places[item.text, default: []].append(item.version) }
        var found: [Finding] = []
        for append in appends {
            let versions = places.removeValue(forKey: append.text) ?? []
            if versions.count > 1 {
                found.append(
                    ("exactly once", "an append stands \(versions.count) times", [describe(append)])
                )
            }
            guard let version = append.version else { continue }
            if versions.isEmpty {
                found.append(("nothing lost", "an acknowledged append is gone", [describe(append)]))
            } else if !versions.contains(version) {
                found.append(
                    ("linearizable", "it stands at version \(versions[0])", [describe(append)])
                )
            }
        }
        for text in places.keys.sorted() {
            found.append(("nothing invented", "nobody appended '\(text)'", []))
        }
        return found
    }

    /// In real time: what ended before another began has the lower version.
    private func order(_ final: [(text: String, version: UInt64)]) -> [Finding] {
        let versions = Dictionary(final.map { ($0.text, $0.version) }) { first, _ in first }
        var earliestEnd = Int64.max
        var earliest: Append?
        // From the last version down: nobody may have ended before somebody of a lower version began... so
        // the earliest end of all higher versions must not lie before the beginning of this one.
        let placed = appends.filter { versions[$0.text] != nil }
            .sorted { versions[$0.text] ?? 0 > versions[$1.text] ?? 0 }
        var found: [Finding] = []
        for append in placed {
            if earliestEnd < append.from, let earliest {
                found.append(
                    (
                        "linearizable",
                        "an append stands before one that had ended before it began",
                        [describe(earliest), describe(append)]
                    )
                )
            }
            if let end = append.to, end < earliestEnd { (earliestEnd, earliest) = (end, append) }
        }
        return found
    }

    private func fault(in read: Read, _ final: [String], _ asked: [String: Append]) -> String? {
        guard read.texts.count <= final.count, read.texts[...] == final[..<read.texts.count] else {
            return "a read shows another order than the final one"
        }
        let seen = Set(read.texts)
        for text in final.dropFirst(read.texts.count) {
            if let append = asked[text], let end = append.to, end < read.from {
                return "a read misses '\(text)', which was acknowledged before it began"
            }
        }
        for text in seen {
            if let append = asked[text], append.from > read.to {
                return "a read shows '\(text)', which was asked for after it ended"
            }
        }
        return nil
    }

    private func near(_ read: Read) -> [Append] {
        Array(
            appends.filter { ($0.to ?? .max) >= read.from - 500_000 && $0.from <= read.to }.prefix(
                6
            )
        )
    }

    private func describe(_ append: Append) -> String {
        let end = append.to.map { Violation.seconds($0) } ?? "never"
        let version = append.version.map { "version \($0)" } ?? "unknown"
        return "\(Violation.seconds(append.from)) to \(end): append \(append.text) -> \(version)"
    }

    private func describe(_ read: Read) -> String {
        "\(Violation.seconds(read.from)) to \(Violation.seconds(read.to)): read -> "
            + "\(read.texts.count) texts, the last \(read.texts.last ?? "none")"
    }
}
