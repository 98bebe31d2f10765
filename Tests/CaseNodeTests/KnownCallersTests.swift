import CaseModel
import ClusterPrimitives
import CoordinatorCore
import RaftCore
import Testing

@testable import CaseNode

@Suite struct KnownCallersTests {
    private let callers = KnownCallers()
    private let version = SystemMachine.Version(
        state: SystemState(),
        applied: SnapshotID(index: LogIndex(1), term: Term(1))
    )

    private func actor(_ name: String) -> Actor { Actor(id: PrincipalID(name), role: .agent) }

    private func at(_ milliseconds: Int64) -> Timestamp { Timestamp(rawValue: milliseconds) }

    @Test func whoCameBeforeIsKnown() {
        #expect(callers.find("Bearer a", version, at: at(5)) == nil)
        callers.remember("Bearer a", version, actor("anna"), until: nil)
        callers.remember("Bearer b", version, actor("bert"), until: nil)
        #expect(callers.find("Bearer a", version, at: at(5))?.id == PrincipalID("anna"))
        #expect(callers.find("Bearer b", version, at: at(5))?.id == PrincipalID("bert"))
        #expect(callers.find("bearer a", version, at: at(5)) == nil)
    }

    /// Nobody keeps a right that was taken away: whatever the directory's next version says is looked up.
    @Test func aNewDirectoryKnowsNobody() {
        callers.remember("Bearer a", version, actor("anna"), until: nil)
        let next = SystemMachine.Version(state: version.state, applied: version.applied)
        #expect(callers.find("Bearer a", next, at: at(5)) == nil)
        callers.remember("Bearer b", next, actor("bert"), until: nil)
        #expect(callers.find("Bearer a", next, at: at(5)) == nil)
        #expect(callers.find("Bearer b", next, at: at(5)) != nil)
        #expect(callers.find("Bearer b", version, at: at(5)) == nil)
    }

    @Test func aTokenEndsAtItsTime() {
        callers.remember("Bearer a", version, actor("anna"), until: at(100))
        #expect(callers.find("Bearer a", version, at: at(99)) != nil)
        #expect(callers.find("Bearer a", version, at: at(100)) == nil)
    }

    /// The directory's own time counts where a node's clock is behind it.
    @Test func aTokenThatHasEndedStaysSoWhereTheClockFallsBack() {
        var state = SystemState()
        _ = state.apply(
            StampedSystemCommand(
                at: at(200),
                by: nil,
                scope: nil,
                command: .removeTeam(TeamID("nobody"))
            ),
            index: LogIndex(1),
            term: Term(1)
        )
        #expect(state.now == at(200))
        let later = SystemMachine.Version(state: state, applied: version.applied)
        callers.remember("Bearer a", later, actor("anna"), until: at(150))
        #expect(callers.find("Bearer a", later, at: at(99)) == nil)
    }

    /// The Kelvin sign is equal to a K for people, and to String.
    @Test func headersAreComparedByBytes() {
        callers.remember("Bearer K", version, actor("anna"), until: nil)
        #expect(callers.find("Bearer K", version, at: at(1)) != nil)
        #expect(callers.find("Bearer \u{212A}", version, at: at(1)) == nil)
    }

    @Test func oneMoreThanAreKeptAndAllAreLookedUpAgain() {
        for number in 0...KnownCallers.callersMax {
            callers.remember("Bearer \(number)", version, actor("a\(number)"), until: nil)
        }
        #expect(callers.find("Bearer 0", version, at: at(1)) == nil)
        let last = KnownCallers.callersMax
        #expect(callers.find("Bearer \(last)", version, at: at(1))?.id == PrincipalID("a\(last)"))
    }
}
