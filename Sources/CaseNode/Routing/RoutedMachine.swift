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
}

extension ShardMachine: RoutedMachine {
    static func decode(_ bytes: [UInt8]) throws(DecodingFault) -> ShardCommand {
        try StampedShardCommand(decoding: bytes).command
    }

    static func encode(unstamped command: ShardCommand) -> [UInt8] {
        StampedShardCommand(at: .zero, command: command).encodedBytes
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
}
