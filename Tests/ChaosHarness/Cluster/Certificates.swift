import Foundation
import ProcessSupport

/// An authority of a run's own, with a certificate for each node.
struct Certificates: Sendable {
    /// `casectl` could not make them.
    struct Failure: Error, CustomStringConvertible {
        let arguments: [String]
        var description: String { "casectl \(arguments.joined(separator: " ")) failed" }
    }

    let directory: String

    init(directory: String) throws {
        self.directory = directory
        try Self.casectl(["tls", "init", "--directory", directory])
    }

    var roots: String { directory + "/ca.pem" }

    /// What a node has to be told, that clients reach at `hosts`.
    func arguments(node: UInt64, hosts: [String]) throws -> [String] {
        let (certificate, key) = ("\(directory)/node-\(node).pem", "\(directory)/node-\(node).key")
        if !FileManager.default.fileExists(atPath: certificate) {
            try Self.casectl([
                "tls", "node", "--directory", directory, "--id", "\(node)", "--hosts",
                hosts.joined(separator: ","),
            ])
        }
        return [
            "--certificate", certificate, "--key", key, "--peer-certificate", certificate,
            "--peer-key", key, "--peer-roots", roots,
        ]
    }

    private static func casectl(_ arguments: [String]) throws {
        let program = NodeProcess.programs.appending(path: "casectl").path(percentEncoded: false)
        var options = ChildProcess.Options(program, arguments)
        options.output = ChildProcess.nowhere
        guard try ChildProcess.run(options) == 0 else { throw Failure(arguments: arguments) }
    }
}
