import ArgumentParser
import CaseClient
import ClusterPrimitives
import Foundation

/// What every workload takes.
struct BenchOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Nodes to ask, separated by commas; connections are spread over them.",
            valueName: "host:port"
        )
    )
    var server: String = "127.0.0.1:7400"

    @Option(
        help: ArgumentHelp("A file with an admin's token.", valueName: "path"),
        completion: .file()
    )
    var adminTokenFile: String = "casenode-data/admin.token"

    @Option(
        help: ArgumentHelp(
            """
            The certificates to trust, PEM. [default: casenode-data/tls/ca.pem, if it is there; \
            without any, plain text to loopback]
            """,
            valueName: "path"
        ),
        completion: .file()
    )
    var ca: String?

    @Flag(help: "No TLS, to any address.")
    var plaintext = false

    @Option(help: "Callers that each wait for their answer before the next call.")
    var inFlight: Int = 64

    @Option(help: "Connections that the callers share; 0 for one to each node.")
    var connections: Int = 0

    @Option(help: "How long a round is, as 10s.")
    var duration: String = "10s"

    @Option(help: "How long to load before the first round, as 2s; not measured, but verified.")
    var warmUp: String = "2s"

    @Option(help: "How many rounds.")
    var rounds: Int = 1

    @Option(help: "Cases to work on.")
    var cases: Int = 1_000

    @Option(help: "Bytes of a comment.")
    var payload: Int = 256

    @Option(help: "Chooses the cases; the same seed chooses the same ones.")
    var seed: UInt64 = 1

    @Option(help: ArgumentHelp("Write the report there as JSON.", valueName: "path"))
    var json: String?

    /// More callers than this are more than one process can serve honestly.
    private static let inFlightMax = 10_000
    /// A comment's head has to fit, and the protocol's limit holds.
    private static let payloadRange = 64...262_144

    func validate() throws {
        guard (1...Self.inFlightMax).contains(inFlight) else {
            throw ValidationError("--in-flight: 1 to \(Self.inFlightMax)")
        }
        guard Self.payloadRange.contains(payload) else {
            throw ValidationError("--payload: 64 to 262144")
        }
        guard (1...100).contains(rounds) else { throw ValidationError("--rounds: 1 to 100") }
        guard (1...1_000_000).contains(cases) else {
            throw ValidationError("--cases: 1 to 1000000")
        }
        guard (0...256).contains(connections) else {
            throw ValidationError("--connections: 0 to 256")
        }
        guard try span(duration, "--duration") > .zero else {
            throw ValidationError("--duration: longer than nothing")
        }
        _ = try span(warmUp, "--warm-up")
    }

    func span(_ text: String, _ option: String) throws -> Duration {
        guard let span = TimeSpan(text) else {
            throw ValidationError("\(option): '\(text)' is not a time: write 10s or 500ms")
        }
        return .milliseconds(span.milliseconds)
    }

    /// Clients with the admin's token, each with connections of its own and another node first.
    func clients() throws -> [CaseClient] {
        let endpoints = try server.split(separator: ",").map { try CaseEndpoint(String($0)) }
        guard let bytes = FileManager.default.contents(atPath: adminTokenFile) else {
            throw ValidationError("--admin-token-file: \(adminTokenFile) can't be read")
        }
        let token = String(decoding: bytes, as: UTF8.self)
            .trimmingCharacters(in: .whitespacesAndNewlines)
        let standard = "casenode-data/tls/ca.pem"
        let ca = ca ?? (FileManager.default.fileExists(atPath: standard) ? standard : nil)
        let security: CaseClientSecurity =
            if plaintext { .plaintextToAnyAddress } else if let ca { .tls(roots: ca) } else {
                .plaintext
            }
        let count = connections == 0 ? max(1, endpoints.count) : connections
        return try (0..<count).map { index in
            let first = endpoints.isEmpty ? 0 : index % endpoints.count
            let turned = Array(endpoints[first...] + endpoints[..<first])
            return try CaseClient(
                CaseClientConfiguration(endpoints: turned, security: security, token: token)
            )
        }
    }
}
