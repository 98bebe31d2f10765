import ArgumentParser
import Foundation

/// Texts given as an option, or on standard input where the option is `-`.
enum Texts {
    /// The most bytes of a comment, note, reason or message that the protocol takes.
    static let textBytesMax = 262_144

    /// The text itself; one final newline of standard input is the editor's, not the writer's.
    static func read(_ option: String) throws(Failure) -> String {
        guard option == "-" else { return option }
        let bytes = try Files.read("-", bytesMax: textBytesMax + 2)
        guard var text = String(validating: bytes, as: UTF8.self) else {
            throw Failure(.badInput, "standard input is not UTF-8")
        }
        if text.last?.isNewline == true { text.removeLast() }
        return text
    }

    /// At most one of the options may be `-`: there is one standard input.
    static func checkStandardInput(_ options: String?...) throws {
        guard options.filter({ $0 == "-" }).count <= 1 else {
            throw ValidationError("only one option can read standard input (-)")
        }
    }

    /// `name=value`.
    static func pair(_ text: String, option: String) throws -> (name: String, value: String) {
        guard let equals = text.firstIndex(of: "="), equals > text.startIndex else {
            throw ValidationError("\(option): '\(text)' is not name=value")
        }
        return (String(text[..<equals]), String(text[text.index(after: equals)...]))
    }
}
