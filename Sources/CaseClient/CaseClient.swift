import CaseProtocol
import ClusterPrimitives
import NIOCore
import RPC
import SwiftProtobuf
import Synchronization

/// A thin client of a case cluster: typed calls, retries that are safe, a feed that finds its way
/// back.
///
/// Every command goes out under an idempotency key, and every retry of it under the same one, so
/// that it is carried out once however often it is sent. One client serves a whole program; it is
/// safe from any thread, and its connections are opened when they are needed.
///
/// ```swift
/// let client = try CaseClient(CaseClientConfiguration(endpoints: [try
/// CaseEndpoint("127.0.0.1:7400")])) let receipt = try await client.create(.with { $0.message =
/// "The door is stuck" }) try await client.execute(.assignToMe, on: receipt.caseID) await
/// client.shutdown()
/// ```
public final class CaseClient: Sendable {
    /// As given at the start.
    public let configuration: CaseClientConfiguration
    let nodes: Nodes
    private let executor: EventLoopTaskExecutor
    private let random: Mutex<any RandomNumberGenerator & Sendable>
    /// What goes with calls, by token: made once, since a program makes most calls under the same few.
    private let identities = Mutex<[String: CallIdentity]>([:])
    /// Tokens that are remembered, at most; one more, and all are forgotten.
    private static let identitiesMax = 256

    /// Checks the configuration and reads its files; connects to nothing yet.
    /// - Throws: kind `misconfigured`, with what to mend.
    public init(_ configuration: CaseClientConfiguration) throws(CaseClientError) {
        guard configuration.deadline > .zero, configuration.attemptDeadline > .zero else {
            throw .misconfigured("a deadline must be longer than nothing", field: "deadline")
        }
        _ = try Self.metadata(configuration.token)
        self.configuration = configuration
        nodes = try Nodes(configuration)
        executor = EventLoopTaskExecutor(nodes.eventLoop)
        random = Mutex(configuration.random)
    }

    /// For tasks that mostly make calls of this client and never block: they run on the thread that answers arrive on,
    /// which saves two changes of threads a call. Child tasks inherit the preference. While such a task computes,
    /// nothing of this client is sent, answered or given up, nor of whoever else has been given the same event loop of
    /// the process's shared ones.
    ///
    /// ```swift
    /// await withTaskExecutorPreference(client.taskExecutor) { ... }
    /// ```
    public var taskExecutor: any TaskExecutor { executor }

    /// Closes all connections; calls that still run fail.
    public func shutdown() async { await nodes.shutdown() }

    /// A fresh idempotency key: 128 random bits in 32 hexadecimal digits.
    public func makeKey() -> String {
        let (high, low) = random.withLock { random in
            (
                UInt64.random(in: .min ... .max, using: &random),
                UInt64.random(in: .min ... .max, using: &random)
            )
        }
        return withUnsafeBytes(of: (high.bigEndian, low.bigEndian)) { Hex.encode($0) }
    }

    func pause(afterAttempt attempt: Int, advised: Duration?) -> Duration {
        random.withLock { random in
            configuration.retry.pause(afterAttempt: attempt, advised: advised, random: &random)
        }
    }

    /// What goes with calls under a token; nil for none.
    func identity(_ token: String?) throws(CaseClientError) -> CallIdentity {
        guard let token else { return CallIdentity(plain: [:]) }
        // Only then are texts that are equal the same bytes.
        guard token.utf8.allSatisfy({ $0 < 0x80 }) else {
            return CallIdentity(plain: try Self.metadata(token))
        }
        if let known = identities.withLock({ $0[token] }) { return known }
        let identity = CallIdentity(plain: try Self.metadata(token))
        identities.withLock { identities in
            if identities.count >= Self.identitiesMax { identities.removeAll() }
            identities[token] = identity
        }
        return identity
    }

    /// What goes with a call. A token with a line break in it would be a header of its own.
    static func metadata(_ token: String?) throws(CaseClientError) -> RPCMetadata {
        guard let token else { return [:] }
        guard !token.isEmpty, token.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            throw .misconfigured(
                "the token is empty or has characters that no token has",
                field: "token"
            )
        }
        return ["authorization": "Bearer \(token)"]
    }
}

/// What says who calls.
struct CallIdentity: Sendable {
    let plain: RPCMetadata
    /// With the wish to be told who leads.
    let following: RPCMetadata

    init(plain: RPCMetadata) {
        self.plain = plain
        following = plain.merging(ShardLeaders.followHeader)
    }
}

/// What may differ from call to call.
public struct CaseCallOptions: Sendable, Hashable {
    /// The idempotency key of a command; nil for a fresh one. Give it to carry on with a command
    /// that an earlier run of the program began. At most 1,000 bytes.
    public var idempotencyKey: String?
    /// Instead of the configuration's deadline.
    public var deadline: Duration?
    /// Instead of the configuration's token: for a program that acts for many over one connection.
    public var token: String?

    /// Puts options together.
    public init(idempotencyKey: String? = nil, deadline: Duration? = nil, token: String? = nil) {
        self.idempotencyKey = idempotencyKey
        self.deadline = deadline
        self.token = token
    }
}
