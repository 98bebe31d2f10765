import Foundation

/// A directory of its own that goes when the test ends.
package final class TemporaryDirectory: Sendable {
    /// Where it is.
    package let path: String

    /// Makes it.
    package init() throws {
        let url = FileManager.default.temporaryDirectory
            .appending(path: "casecluster-\(UUID().uuidString.prefix(13))")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        path = url.path(percentEncoded: false)
    }

    deinit {
        do {
            try FileManager.default.removeItem(atPath: path)
        } catch {
            FileHandle.standardError.write(Data("left behind: \(path)\n".utf8))
        }
    }
}
