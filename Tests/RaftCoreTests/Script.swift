import Foundation

/// One step of a data-driven script: a directive with its arguments, input lines, and what it must
/// print.
struct ScriptStep: Sendable {
    /// `key`, `key=value` or `key=(value,value)`.
    struct Argument: Sendable {
        var key: String
        var values: [String]
    }

    var line: Int
    var directive: String
    var arguments: [Argument]
    var input: [String]
    var expected: String

    /// The values of `key`; nil where the argument is not given.
    func values(_ key: String) -> [String]? { arguments.first { $0.key == key }?.values }

    /// The arguments without a value, as numbers.
    var numbers: [UInt64] { arguments.compactMap { $0.values.isEmpty ? UInt64($0.key) : nil } }
}

/// Reads the format: `directive args`, optional input lines, `----`, the output up to a blank line,
/// or, where the output has blank lines itself, between doubled `----`. Lines that begin with `#`
/// are comments.
enum Script {
    static func steps(of text: String) -> [ScriptStep] {
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)[
            ...
        ]
        let total = lines.count
        var steps: [ScriptStep] = []
        while let first = lines.popFirst() {
            let trimmed = first.trimmingCharacters(in: .whitespaces)
            if trimmed.isEmpty || trimmed.hasPrefix("#") { continue }
            let number = total - lines.count
            var directive = trimmed
            while directive.hasSuffix("\\"), let next = lines.popFirst() {
                directive = directive.dropLast() + next.trimmingCharacters(in: .whitespaces)
            }
            var input: [String] = []
            while let line = lines.popFirst(), line != "----" { input.append(line) }
            let words = arguments(in: directive)
            guard let name = words.first else { continue }
            steps.append(
                ScriptStep(
                    line: number,
                    directive: name.key,
                    arguments: Array(words.dropFirst()),
                    input: input,
                    expected: output(&lines)
                )
            )
        }
        return steps
    }

    private static func output(_ lines: inout ArraySlice<String>) -> String {
        var output: [String] = []
        if lines.first == "----" {
            lines.removeFirst()
            while let line = lines.popFirst() {
                if line == "----", lines.first == "----" {
                    lines.removeFirst()
                    break
                }
                output.append(line)
            }
        } else {
            while let line = lines.popFirst(), !line.isEmpty { output.append(line) }
        }
        return output.joined(separator: "\n")
    }

    /// Splits at blanks outside parentheses.
    private static func arguments(in line: String) -> [ScriptStep.Argument] {
        var words: [String] = []
        var word = ""
        var depth = 0
        for character in line {
            if character == "(" { depth += 1 }
            if character == ")" { depth -= 1 }
            if character == " ", depth == 0 {
                if !word.isEmpty { words.append(word) }
                word = ""
            } else {
                word.append(character)
            }
        }
        if !word.isEmpty { words.append(word) }
        return words.map { word in
            guard let equals = word.firstIndex(of: "=") else {
                return ScriptStep.Argument(key: word, values: [])
            }
            var value = String(word[word.index(after: equals)...])
            let isList = value.hasPrefix("(") && value.hasSuffix(")")
            if isList { value = String(value.dropFirst().dropLast()) }
            let values =
                isList
                ? value.split { $0 == "," || $0 == " " }.map(String.init)
                : [value]
            return ScriptStep.Argument(key: String(word[..<equals]), values: values)
        }
    }

    /// What remains to compare: without the log lines that only the scripts' own library writes,
    /// and with no difference between printing nothing and printing `ok`.
    static func comparable(_ output: String) -> String {
        let levels = ["DEBUG", "INFO", "WARN", "ERROR", "FATAL"]
        let kept = output.split(separator: "\n", omittingEmptySubsequences: false).filter { line in
            let text = line.drop { $0 == " " }
            return !levels.contains { text.hasPrefix($0 + " ") || text == $0 }
        }
        var text = kept.joined(separator: "\n")
        while text.hasSuffix("\n") { text.removeLast() }
        return text.isEmpty ? "ok" : text
    }
}

/// The published scripts that the core is measured by. They are not part of this repository: the
/// folder is named by `RAFT_ORACLE_DIR`, or lies in `CASECLUSTER_SHARED`, or beside the checkout.
/// Where it is absent the suites that need it are skipped, by name.
enum OracleScripts {
    static let folder: URL? = {
        let environment = ProcessInfo.processInfo.environment
        var places: [URL] = []
        if let path = environment["RAFT_ORACLE_DIR"] { places.append(URL(filePath: path)) }
        if let path = environment["CASECLUSTER_SHARED"] {
            places.append(URL(filePath: path).appending(path: "oracles/etcd-raft"))
        }
        let checkout = URL(filePath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        places.append(checkout.appending(path: "../shared/oracles/etcd-raft").standardized)
        return places.first { FileManager.default.fileExists(atPath: $0.path) }
    }()

    static var areThere: Bool { folder != nil }

    /// The names of the scripts of one kind, in order.
    static func names(_ kind: String) -> [String] {
        guard let folder else { return [] }
        do {
            let files = try FileManager.default.contentsOfDirectory(
                atPath: folder.appending(path: kind).path
            )
            return files.filter { $0.hasSuffix(".txt") }.sorted()
        } catch {
            return []
        }
    }

    static func steps(_ kind: String, _ name: String) throws -> [ScriptStep] {
        guard let folder else { return [] }
        let file = folder.appending(path: kind).appending(path: name)
        return Script.steps(of: try String(contentsOf: file, encoding: .utf8))
    }
}
