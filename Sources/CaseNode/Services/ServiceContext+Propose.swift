import CaseModel
import CaseProtocol
import ClusterPrimitives
import CoordinatorCore
import ReplicaDriver

extension ServiceContext {
    /// Proposes to a shard; the reply comes on another thread.
    func propose(
        _ command: ShardCommand,
        to shard: GroupRoute<ShardMachine>,
        reply: @escaping @Sendable (Result<ShardResult, WireError>) -> Void
    ) {
        shard.propose(command) { [self] outcome in
            reply(outcome.mapError { wireError($0) })
        }
    }

    /// Proposes a command on a case, and answers with its receipt or the refusal.
    func proposeCase(
        _ command: CaseCommand,
        scope: IdempotencyScope,
        to shard: GroupRoute<ShardMachine>,
        reply: @escaping @Sendable (Result<CaseReceipt, WireError>) -> Void
    ) {
        propose(.onCase(command, scope), to: shard) { result in
            switch result {
            case .success(.accepted(let receipt)): reply(.success(receipt))
            case .success(.refused(let refusal)): reply(.failure(WireError(refusal)))
            case .success(.claimed), .success(.swept):
                preconditionFailure("a command on a case is accepted or refused")
            case .failure(let error): reply(.failure(error))
            }
        }
    }

    /// Proposes to the system group on a caller's behalf.
    func proposeSystem(
        _ command: SystemCommand,
        by actor: Actor?,
        scope: IdempotencyScope?,
        reply: @escaping @Sendable (Result<SystemReceipt, WireError>) -> Void
    ) {
        // Elsewhere the leader looks, whose directory is the newest.
        if system.isLeader,
            let refusal = system.machine.state.refusal(of: command, by: actor?.id)
        {
            return reply(.failure(WireError(refusal)))
        }
        let stamped = StampedSystemCommand(at: .zero, by: actor?.id, scope: scope, command: command)
        system.propose(stamped) { [self] outcome in
            switch outcome {
            case .success(.accepted(let receipt)): reply(.success(receipt))
            case .success(.refused(let refusal)): reply(.failure(WireError(refusal)))
            case .failure(let failure): reply(.failure(wireError(failure)))
            }
        }
    }
}

extension SystemState {
    /// Where a contact goes that no queue claims.
    var defaultQueueFacts: QueueFacts? { queueFacts(settings.defaultQueue) }
}
