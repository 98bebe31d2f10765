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
}
