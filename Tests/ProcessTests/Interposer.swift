import Foundation
import Testing

/// Builds the libraries that stand between a node and the system.
enum Interposer {
    struct Library: Sendable { let directory: TemporaryDirectory, path: String }

    /// Builds one of `Tests/Interposer`, by its name there.
    static func build(_ name: String) throws -> Library {
        let directory = try TemporaryDirectory()
        let source = URL(filePath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent()
            .appending(path: "Interposer/\(name).c")
        let library = directory.path + "/lib\(name).so"
        let compiler = Process()
        compiler.executableURL = URL(filePath: "/usr/bin/env")
        compiler.arguments = [
            "gcc", "-shared", "-fPIC", "-O2", "-o", library, source.path(percentEncoded: false),
            "-ldl", "-lpthread",
        ]
        try compiler.runAlone()
        compiler.waitUntilExit()
        try #require(compiler.terminationStatus == 0, "gcc could not build the interposer")
        return Library(directory: directory, path: library)
    }
}
