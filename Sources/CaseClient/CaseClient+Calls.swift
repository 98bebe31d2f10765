import CaseProtocol
import ClusterPrimitives
import NIOCore
import RPC
import SwiftProtobuf

/// One call: attempts, pauses, at most one hop to a leader each, all within one deadline.
extension CaseClient {
    /// Reads: no key; an outcome is never unknown.
    func read<In: Message, Out: Message>(
        _ path: String,
        _ message: In,
        _ reply: Out.Type,
        _ options: CaseCallOptions
    ) async throws(CaseClientError) -> Out {
        try await answer(path, message, reply, options).value
    }

    /// A read, and the metadata that came with its answer.
    func answer<In: Message, Out: Message>(
        _ path: String,
        _ message: In,
        _ reply: Out.Type,
        _ options: CaseCallOptions,
        staleness: RPCMetadata? = nil
    ) async throws(CaseClientError) -> Answer<Out> {
        do {
            return try await call(path, message, reply, options, staleness: staleness)
        } catch {
            var error = error
            error.outcomeUnknown = false
            throw error
        }
    }

    /// Commands: the key is in the message already, so every attempt carries the same one. Nil for
    /// a contact, which is its own key.
    func command<In: Message, Out: Message>(
        _ path: String,
        _ message: In,
        _ reply: Out.Type,
        key: String?,
        _ options: CaseCallOptions
    ) async throws(CaseClientError) -> Out {
        assert(key != "", "a command without a key can't be retried")
        do {
            return try await call(path, message, reply, options).value
        } catch {
            var error = error
            error.idempotencyKey = key
            throw error
        }
    }

    private func call<In: Message, Out: Message>(
        _ path: String,
        _ request: In,
        _ reply: Out.Type,
        _ options: CaseCallOptions,
        staleness: RPCMetadata? = nil
    ) async throws(CaseClientError) -> Answer<Out> {
        let message: [UInt8]
        do {
            message = try request.serializedBytes()
        } catch {
            throw .misconfigured("the request can't be encoded: \(error)")
        }
        let identity = try identity(options.token ?? configuration.token)
        let metadata = staleness.map { identity.plain.merging($0) } ?? identity.plain
        // Who does with an older state needs no leader.
        let mayFollow = configuration.followsLeaders && staleness == nil
        let shard = mayFollow ? (request as? any CaseBound)?.shard : nil
        var trial = Trial(
            retry: configuration.retry,
            ends: .now() + TimeAmount(options.deadline ?? configuration.deadline)
        )
        while true {
            // Only what is about a case has one leader to follow; a leader out of reach is asked through others.
            let follows = shard != nil && !trial.hasLostLeader
            let sent = follows ? identity.following : metadata
            var node = shard.flatMap { follows ? nodes.leader(of: $0) : nil } ?? nodes.preferred()
            var failure: CaseClientError
            do {
                return try await attempt(node, shard, path, message, reply, sent, &trial)
            } catch {
                failure = error
            }
            if configuration.followsLeaders, let leader = trial.hop(after: failure),
                let hinted = nodes.hinted(leader)
            {
                node = hinted
                do {
                    return try await attempt(node, shard, path, message, reply, sent, &trial)
                } catch {
                    failure = error
                }
            }
            guard trial.mayRetry(after: failure) else { throw trial.verdict(failure) }
            trial.hasLostLeader = true
            nodes.moveOn(from: node)
            let pause = pause(afterAttempt: trial.attempts, advised: failure.retryAfter)
            guard NIODeadline.now() + TimeAmount(pause) < trial.ends else {
                throw trial.verdict(failure)
            }
            do {
                try await Task.sleep(for: pause)
            } catch {
                throw trial.verdict(.cancelled)
            }
        }
    }

    private func attempt<Out: Message>(
        _ node: Nodes.Node,
        _ shard: ShardID?,
        _ path: String,
        _ message: [UInt8],
        _ reply: Out.Type,
        _ metadata: RPCMetadata,
        _ trial: inout Trial
    ) async throws(CaseClientError) -> Answer<Out> {
        guard !Task.isCancelled else { throw .cancelled }
        trial.attempts += 1
        let ends = min(trial.ends, .now() + trial.patience(configuration.attemptDeadline))
        let answer: RPCReply
        do {
            answer = try await node.rpc.unary(path, message, metadata: metadata, deadline: ends)
        } catch {
            throw trial.note(CaseClientError(error), isNeverSent: error.isNeverSent)
        }
        if let shard { learn(shard, from: answer, of: node) }
        do {
            return Answer(
                value: try Out(serializedBytes: answer.message),
                metadata: answer.trailers
            )
        } catch {
            // Carried out, and answered in a form that this library can't read: repeating changes
            // nothing.
            throw CaseClientError(
                code: .internal,
                kind: "damaged",
                message: "the server sent an answer that can't be read: \(error)"
            )
        }
    }
}

/// What a call was answered, and the metadata at its end.
struct Answer<Value: Sendable>: Sendable {
    let value: Value
    let metadata: RPCMetadata
}

extension CaseClient {
    /// An answer names the shard's leader, or its node leads itself.
    private func learn(_ shard: ShardID, from answer: RPCReply, of node: Nodes.Node) {
        guard let address = answer.trailers[ShardLeaders.trailer] else {
            return nodes.learn(shard, node.endpoint)
        }
        if let leader = nodes.hinted(address) { nodes.learn(shard, leader.endpoint) }
    }
}

/// What is known about a call between its attempts. A value, so that its rules can be tested alone.
struct Trial {
    let retry: CaseRetryPolicy
    let ends: NIODeadline
    /// Attempts begun.
    var attempts = 0
    /// An attempt failed: whoever was thought to lead is asked through others from here on, who know of a
    /// new leader first, and reach one that this side can't.
    var hasLostLeader = false
    /// An earlier attempt may have been carried out, or may yet be.
    private var isOpen = false

    init(retry: CaseRetryPolicy, ends: NIODeadline) {
        self.retry = retry
        self.ends = ends
    }

    /// Doublings of the first attempt's time at most: then it is far above any deadline, and would overflow.
    private static let doublingsMax = 16

    /// How long the attempt that was just begun may take.
    func patience(_ first: Duration) -> TimeAmount {
        precondition(attempts >= 1, "no attempt was begun")
        return TimeAmount(first * (1 << min(attempts - 1, Self.doublingsMax)))
    }

    /// Takes in how an attempt ended, and fills in what only this side can know: silence leaves the
    /// outcome open, unless nothing was sent; an answer that carries a detail says itself whether it does.
    mutating func note(
        _ failure: CaseClientError,
        isNeverSent: Bool = false
    ) -> CaseClientError {
        var failure = failure
        if failure.kind.isEmpty, Self.isSilence(failure.code) {
            failure.outcomeUnknown = !isNeverSent
        }
        if failure.outcomeUnknown { isOpen = true }
        return failure
    }

    /// The leader's address, when the answer was that another node leads.
    func hop(after failure: CaseClientError) -> String? {
        guard !failure.refused, !failure.outcomeUnknown, attempts < retry.attemptsMax else {
            return nil
        }
        return failure.leader
    }

    /// Only what was not answered is tried again: no refusal, no bad request, no missing right.
    func mayRetry(after failure: CaseClientError) -> Bool {
        guard !failure.refused, attempts < retry.attemptsMax else { return false }
        switch failure.code {
        case .unavailable, .deadlineExceeded: return true
        case .resourceExhausted: return failure.retryAfter != nil  // It says so itself.
        default: return false
        }
    }

    /// The call's end: the last failure, with what the attempts before it left open. A refusal
    /// under the same key settles them: had one been carried out, its result would have been the
    /// answer.
    func verdict(_ failure: CaseClientError) -> CaseClientError {
        var failure = failure
        failure.attempts = attempts
        failure.outcomeUnknown = isOpen && !failure.refused
        return failure
    }

    /// Codes that a call ends with when nobody said what became of it.
    private static func isSilence(_ code: CaseClientError.Code) -> Bool {
        switch code {
        case .unavailable, .deadlineExceeded, .cancelled, .internal, .unknown, .dataLoss: true
        default: false
        }
    }
}

extension CaseClientError {
    /// The caller's task was cancelled.
    static let cancelled = CaseClientError(
        code: .cancelled,
        kind: "cancelled",
        message: "the call was cancelled"
    )
}
