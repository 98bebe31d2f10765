import CaseProtocol
import CaseStore
import ClusterPrimitives
import Synchronization

extension ServiceContext {
    /// Reads every shard, each linearizably, and answers once with all values in the shards' order, or with
    /// the first error.
    func readAll<Value: Sendable>(
        _ freshness: Freshness = .linearizable,
        _ body: @escaping @Sendable (ShardID, any ShardReading) throws -> Value,
        _ reply: @escaping @Sendable (Result<[Value], WireError>) -> Void
    ) {
        let gather = Gather<Value>(count: shards.count, reply: reply)
        for (position, shard) in shards.enumerated() {
            let id = shard.shard
            read(shard, freshness) { reader in
                try body(id, reader)
            } _: { result in
                gather.take(result, at: position)
            }
        }
    }
}

/// Collects one value from each of several places.
private final class Gather<Value: Sendable>: Sendable {
    private struct State {
        var values: [Value?]
        var missing: Int
        var isAnswered = false
    }

    private let state: Mutex<State>
    private let reply: @Sendable (Result<[Value], WireError>) -> Void

    init(count: Int, reply: @escaping @Sendable (Result<[Value], WireError>) -> Void) {
        state = Mutex(State(values: Array(repeating: nil, count: count), missing: count))
        self.reply = reply
    }

    func take(_ result: Result<Value, WireError>, at position: Int) {
        let answer: Result<[Value], WireError>? = state.withLock { state in
            guard !state.isAnswered else { return nil }
            switch result {
            case .failure(let error):
                state.isAnswered = true
                return .failure(error)
            case .success(let value):
                assert(state.values[position] == nil, "each place answers once")
                state.values[position] = value
                state.missing -= 1
                guard state.missing == 0 else { return nil }
                state.isAnswered = true
                return .success(state.values.compactMap { $0 })
            }
        }
        if let answer { reply(answer) }
    }
}
