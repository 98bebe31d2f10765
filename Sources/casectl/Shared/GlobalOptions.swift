import ArgumentParser
import CaseClient
import ClusterPrimitives
import Foundation

/// What every command takes: where the cluster is, who asks, how answers look.
struct GlobalOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Nodes to ask, separated by commas. [env: CASECTL_SERVER; default: 127.0.0.1:7400]",
            valueName: "host:port"
        )
    )
    var server: String?

    @Option(
        help:
            "The access token; --token-file keeps it out of process lists. [env: CASECTL_TOKEN]"
    )
    var token: String?

    @Option(
        help: ArgumentHelp(
            """
            A file with the access token. [env: CASECTL_TOKEN_FILE; default: \
            casenode-data/admin.token, if it is there]
            """,
            valueName: "path"
        ),
        completion: .file()
    )
    var tokenFile: String?

    @Option(
        help: ArgumentHelp(
            """
            The certificates to trust, PEM. [env: CASECTL_CA; default: casenode-data/tls/ca.pem, \
            if it is there; without any, plain text to loopback]
            """,
            valueName: "path"
        ),
        completion: .file()
    )
    var ca: String?

    @Option(
        help: ArgumentHelp(
            "A certificate to show to the server, PEM. [env: CASECTL_CERT]",
            valueName: "path"
        ),
        completion: .file()
    )
    var cert: String?

    @Option(
        help: ArgumentHelp(
            "The certificate's key, PEM. [env: CASECTL_CERT_KEY]",
            valueName: "path"
        ),
        completion: .file()
    )
    var certKey: String?

    @Flag(help: "No TLS, to any address: only where somebody else protects the network.")
    var plaintext = false

    @Option(help: "How long a call may take, retries included, as 10s or 500ms.")
    var timeout: String = "10s"

    @Option(help: "A table for people, or JSON for programs.")
    var output: OutputFormat = .table

    @Option(help: "The language of labels in tables.")
    var language: Language = .en

    func validate() throws {
        _ = try deadline()
        guard token == nil || tokenFile == nil else {
            throw ValidationError("--token and --token-file exclude each other")
        }
    }
}

/// How answers are written.
enum OutputFormat: String, ExpressibleByArgument, CaseIterable {
    case table
    case json
}

/// Which words tables use.
enum Language: String, ExpressibleByArgument, CaseIterable {
    case en
    case sv
}

/// The idempotency key that commands take.
struct KeyOption: ParsableArguments {
    @Option(
        help: """
            The command's idempotency key, to repeat it safely in another run; without one a \
            random key is used, and shown if the outcome stays unknown.
            """
    )
    var key: String?
}

extension GlobalOptions {
    /// Where a node that was started without flags puts its data.
    private static let dataDirectory = "casenode-data"

    func deadline() throws -> Duration {
        guard let span = TimeSpan(timeout), span.milliseconds > 0 else {
            throw ValidationError("--timeout: '\(timeout)' is not a time: write 10s, 500ms or 2m")
        }
        return .milliseconds(span.milliseconds)
    }

    /// The client's configuration from options, environment and files, in this order.
    func clientConfiguration(
        _ environment: [String: String] = ProcessInfo.processInfo.environment
    ) throws -> CaseClientConfiguration {
        try awaitFirstStart(environment)
        var configuration = CaseClientConfiguration(endpoints: try endpoints(environment))
        configuration.security = security(environment)
        configuration.token = try token(environment)
        configuration.deadline = try deadline()
        return configuration
    }

    /// A node that is starting for the first time in this directory writes its certificate and its token
    /// before it listens: whoever asks meanwhile waits for them, as for the node itself.
    private func awaitFirstStart(_ environment: [String: String]) throws {
        let isTold = plaintext || ca != nil || environment["CASECTL_CA"] != nil
        let isElsewhere = server != nil || environment["CASECTL_SERVER"] != nil
        guard !isTold, !isElsewhere else { return }
        let limit = try deadline()
        let end = ContinuousClock.now + limit
        while !FileManager.default.fileExists(atPath: Self.standardRoots),
            !Loopback.isListening(port: CaseEndpoint.portDefault), ContinuousClock.now < end
        {
            Thread.sleep(forTimeInterval: Self.firstStartPollSeconds)
        }
    }

    private static let firstStartPollSeconds = 0.05
    private static let standardRoots = "\(dataDirectory)/tls/ca.pem"

    func servers(_ environment: [String: String] = ProcessInfo.processInfo.environment) -> String {
        server ?? environment["CASECTL_SERVER"] ?? "127.0.0.1:\(CaseEndpoint.portDefault)"
    }

    private func endpoints(_ environment: [String: String]) throws -> [CaseEndpoint] {
        try servers(environment).split(separator: ",").map {
            try CaseEndpoint($0.trimmingCharacters(in: .whitespaces))
        }
    }

    private func security(_ environment: [String: String]) -> CaseClientSecurity {
        if plaintext { return .plaintextToAnyAddress }
        let standard = Self.standardRoots
        let found = FileManager.default.fileExists(atPath: standard) ? standard : nil
        guard let roots = ca ?? environment["CASECTL_CA"] ?? found else { return .plaintext }
        return .tls(
            roots: roots,
            certificate: cert ?? environment["CASECTL_CERT"],
            key: certKey ?? environment["CASECTL_CERT_KEY"]
        )
    }

    private func token(_ environment: [String: String]) throws -> String? {
        if let token { return token }
        if tokenFile == nil, let token = environment["CASECTL_TOKEN"], !token.isEmpty {
            return token
        }
        if let path = tokenFile ?? environment["CASECTL_TOKEN_FILE"] { return try Self.read(path) }
        let standard = "\(Self.dataDirectory)/admin.token"
        return FileManager.default.fileExists(atPath: standard) ? try Self.read(standard) : nil
    }

    /// A token file has one line; anything above this many bytes is some other file.
    private static let tokenBytesMax = 4_096

    static func read(_ path: String) throws -> String {
        let bytes = try Files.read(path, bytesMax: tokenBytesMax)
        let token = String(decoding: bytes, as: UTF8.self)
            .trimmingCharacters(in: .whitespacesAndNewlines)
        guard !token.isEmpty else { throw Failure(.badInput, "\(path): no token in it") }
        return token
    }
}
