import CaseModel
import CaseProtocol
import ClusterPrimitives
import ReplicaDriver
import Testing

@testable import CaseNode

@Suite struct RouteTests {
    /// What another node is told must not lose whether a command may have been carried out.
    @Test(arguments: [
        ReplicaFailure.notLeader(leader: nil), .notLeader(leader: NodeID(3)),
        .overloaded(inFlight: 7, limit: 5), .tooLarge(bytes: 9, limit: 8), .diskFull,
        .outcomeUnknown, .stopping,
    ])
    func failuresTravel(failure: ReplicaFailure) {
        #expect(ReplicaFailure(failure.wire) == failure)
    }

    /// A reason of a newer program leaves the outcome open.
    @Test func anUnknownReasonLeavesTheOutcomeOpen() {
        var wire = ReplicaFailure.diskFull.wire
        wire.kind = .UNRECOGNIZED(99)
        #expect(ReplicaFailure(wire) == .outcomeUnknown)
        wire.kind = .unspecified
        #expect(ReplicaFailure(wire) == .outcomeUnknown)
    }

    /// A sweep by a clock that is ahead must not be refused for ever: its leader has to know what to wait for.
    @Test func aSweepSaysItsTime() {
        let epoch = Epoch(incarnation: 1, term: Term(1))
        let asOf = Timestamp(rawValue: 7)
        #expect(ShardMachine.notBefore(.sweep(epoch: epoch, asOf: asOf, limit: 1)) == asOf)
        let night = ShardCommand.beginNight(epoch: epoch, night: 1, boundary: asOf)
        #expect(ShardMachine.notBefore(night) == nil)
    }
}
