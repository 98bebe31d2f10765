/// What a client needs to know. Only `endpoints` has no default.
///
/// ```swift
/// let client = try CaseClient(
///     CaseClientConfiguration(
///         endpoints: [try CaseEndpoint("case1.example.com:7400")],
///         security: .tls(roots: "tls/ca.pem"),
///         token: token
///     )
/// )
/// ```
public struct CaseClientConfiguration: Sendable {
    /// Any nodes of the cluster, at least one, at most `endpointsMax`. The client starts with the
    /// first one and moves on to the next when one does not answer.
    public var endpoints: [CaseEndpoint]

    /// How the connection is protected. Default: `.plaintext`, which takes loopback addresses only.
    public var security: CaseClientSecurity

    /// The secret sent as `authorization: Bearer …`; nil sends none, which every server refuses.
    public var token: String?

    /// How long a call may take, all its attempts and pauses together. Default: 10 s.
    public var deadline: Duration

    /// How long the first attempt may take before the next node is asked; each one after it may take
    /// twice as long as the one before. Default: 1 s, so that a node that stands still costs little more
    /// than the election that it causes, while a call that takes its time gets it: a command under
    /// the same key gives the result of the one that was carried out.
    public var attemptDeadline: Duration

    /// When and how often to try again. Default: `CaseRetryPolicy()`.
    public var retry: CaseRetryPolicy

    /// Whether calls about a case go to the node that leads the case's shard, also where it is none of `endpoints`.
    /// Default: true. False: only `endpoints` are asked, and pass calls on: for a client that reaches no other
    /// address.
    public var followsLeaders: Bool

    /// Where idempotency keys and the jitter of pauses come from. Default: the system's generator.
    ///
    /// A generator of your own must not repeat itself between runs: a repeated key answers an
    /// earlier call's result. Seeded ones are for tests.
    public var random: any RandomNumberGenerator & Sendable

    /// The most nodes worth naming: the client learns of others from the cluster's answers.
    public static let endpointsMax = 64

    /// Puts a configuration together.
    public init(
        endpoints: [CaseEndpoint],
        security: CaseClientSecurity = .plaintext,
        token: String? = nil,
        deadline: Duration = .seconds(10),
        attemptDeadline: Duration = .seconds(1),
        retry: CaseRetryPolicy = CaseRetryPolicy(),
        followsLeaders: Bool = true,
        random: any RandomNumberGenerator & Sendable = SystemRandomNumberGenerator()
    ) {
        self.endpoints = endpoints
        self.security = security
        self.token = token
        self.deadline = deadline
        self.attemptDeadline = attemptDeadline
        self.retry = retry
        self.followsLeaders = followsLeaders
        self.random = random
    }
}

/// How connections to the cluster are protected.
public enum CaseClientSecurity: Sendable {
    /// No protection. Only for loopback addresses: a token would be readable on the way.
    case plaintext
    /// No protection, to any address. For a network that somebody else protects.
    case plaintextToAnyAddress
    /// TLS 1.3. `roots` is a PEM file with the certificates that the server's must lead to;
    /// `certificate` and `key` (PEM files, both or none) are shown to servers that ask for one.
    case tls(roots: String, certificate: String? = nil, key: String? = nil)

    var isPlaintext: Bool {
        if case .tls = self { false } else { true }
    }
}

/// A node's address.
public struct CaseEndpoint: Sendable, Hashable, CustomStringConvertible {
    /// A name, an IPv4 address, or an IPv6 address without brackets.
    public let host: String
    /// 1...65,535.
    public let port: Int

    /// The port that nodes take calls on, unless told otherwise.
    public static let portDefault = 7400

    /// Wraps a host and a port.
    public init(host: String, port: Int = CaseEndpoint.portDefault) {
        self.host = host
        self.port = port
    }

    /// Reads `host`, `host:port`, `1.2.3.4:7400`, `[::1]:7400` or `::1`.
    public init(_ text: String) throws(CaseClientError) {
        guard let endpoint = Self.read(text) else {
            throw .misconfigured("'\(text)' is not an address: write host:port, as 127.0.0.1:7400")
        }
        self = endpoint
    }

    /// On this machine alone, by its address; no name is looked up.
    public var isLoopback: Bool {
        if host == "localhost" || host == "::1" { return true }
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
    }

    /// `host:port`, with brackets around an IPv6 address.
    public var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }

    private static func read(_ text: String) -> CaseEndpoint? {
        if text.hasPrefix("[") {
            guard let end = text.firstIndex(of: "]") else { return nil }
            let host = text[text.index(after: text.startIndex)..<end]
            let rest = text[text.index(after: end)...]
            guard !rest.isEmpty else { return checked(host, port: portDefault) }
            guard rest.first == ":" else { return nil }
            return checked(host, port: Int(rest.dropFirst()))
        }
        let colons = text.filter { $0 == ":" }.count
        guard colons == 1, let colon = text.firstIndex(of: ":") else {
            return checked(text[...], port: portDefault)
        }
        return checked(text[..<colon], port: Int(text[text.index(after: colon)...]))
    }

    private static func checked(_ host: Substring, port: Int?) -> CaseEndpoint? {
        guard let port, (1...65_535).contains(port), !host.isEmpty, host.utf8.count <= 253 else {
            return nil
        }
        guard host.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "/") }) else {
            return nil
        }
        return CaseEndpoint(host: String(host), port: port)
    }
}
