import Foundation

/// Builds the libraries that stand between a node and the system.
package enum Interposer {
    /// A library that was built; gone when nobody holds it.
    package struct Library: Sendable {
        let directory: TemporaryDirectory
        /// Where it is.
        package let path: String
    }

    /// The compiler refused.
    package struct NotBuilt: Error, CustomStringConvertible {
        let name: String
        package var description: String { "gcc could not build the interposer \(name)" }
    }

    /// Builds one of `Tests/Interposer`, by its name there.
    package static func build(_ name: String) throws -> Library {
        let directory = try TemporaryDirectory()
        let source = URL(filePath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent()
            .appending(path: "Interposer/\(name).c")
        let library = directory.path + "/lib\(name).so"
        let words = [
            "-shared", "-fPIC", "-O2", "-o", library, source.path(percentEncoded: false), "-ldl",
            "-lpthread",
        ]
        guard try ChildProcess.run(.init("gcc", words)) == 0 else { throw NotBuilt(name: name) }
        return Library(directory: directory, path: library)
    }
}
