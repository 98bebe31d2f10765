import CaseModel
import ClusterPrimitives
import CoordinatorCore

/// A state machine whose commands and answers travel between nodes. A command travels in the log's form with
/// no time in it: the leader stamps it.
protocol RoutedMachine: StateMachine where Answer: BinaryCodable {
    /// Reads what `encode` wrote, without its stamp.
    static func decode(_ bytes: [UInt8]) throws(DecodingFault) -> Command

    /// What `decode` reads.
    static func encode(unstamped command: Command) -> [UInt8]

    /// The time that a command speaks of, by its sender's clock: stamped earlier, it would be refused. Nil for one
    /// that speaks of none.
    static func notBefore(_ command: Command) -> Timestamp?
}

extension ShardMachine: RoutedMachine {
    static func decode(_ bytes: [UInt8]) throws(DecodingFault) -> ShardCommand {
        try StampedShardCommand(decoding: bytes).command
    }

    static func encode(unstamped command: ShardCommand) -> [UInt8] {
        StampedShardCommand(at: .zero, command: command).encodedBytes
    }

    /// The coordinator's clock may be ahead of the shard's leader's: a sweep then waits for that to come as far.
    static func notBefore(_ command: ShardCommand) -> Timestamp? {
        if case .sweep(_, let asOf, _) = command { return asOf }
        return nil
    }
}

extension SystemMachine: RoutedMachine {
    static func decode(_ bytes: [UInt8]) throws(DecodingFault) -> StampedSystemCommand {
        try StampedSystemCommand(decoding: bytes)
    }

    static func encode(unstamped command: StampedSystemCommand) -> [UInt8] {
        var command = command
        command.at = .zero
        return command.encodedBytes
    }

    static func notBefore(_ command: StampedSystemCommand) -> Timestamp? { nil }
}
