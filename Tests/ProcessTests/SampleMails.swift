import Foundation

/// Mails that mail programs really sent. They are no part of the repository: the environment names the
/// folder that holds them, and once it does they must be there.
enum SampleMails {
    struct Mail: Sendable {
        let name: String
        let bytes: [UInt8]

        /// Where the header ends: the sender is known from there on, if ever.
        var headerEnd: Int {
            for position in bytes.indices.dropLast() where bytes[position] == 10 {
                let next = bytes[position + 1]
                if next == 10 || next == 13 { return position + 1 }
            }
            return bytes.count
        }

        /// Before it no field that could name a sender has begun.
        var senderStart: Int {
            var start = 0
            for line in bytes.split(separator: 10, omittingEmptySubsequences: false) {
                let text = String(decoding: line.prefix(16), as: UTF8.self).lowercased()
                for field in ["from:", "sender:", "reply-to:", "return-path:"]
                where text.hasPrefix(field) {
                    return start + field.utf8.count
                }
                start += line.count + 1
            }
            return bytes.count
        }
    }

    struct Missing: Error, CustomStringConvertible {
        let path: String
        var description: String { "CASECLUSTER_SHARED is set, but there are no mails in \(path)" }
    }

    static let shared = ProcessInfo.processInfo.environment["CASECLUSTER_SHARED"]

    static func all() throws -> [Mail] {
        let path = (shared ?? "") + "/intake/mail"
        guard FileManager.default.fileExists(atPath: path) else { throw Missing(path: path) }
        let mails = try FileManager.default.contentsOfDirectory(atPath: path)
            .filter { $0.hasSuffix(".eml") }
            .sorted()
            .map {
                Mail(name: $0, bytes: Array(try Data(contentsOf: URL(filePath: "\(path)/\($0)"))))
            }
        guard !mails.isEmpty else { throw Missing(path: path) }
        return mails
    }
}
