import CaseModel
import CaseProtocol
import ClusterPrimitives
import Testing

@Suite struct ErrorTests {
    private typealias Code = WireError.Code

    /// Every refusal of the case machine with its code, kind and field, as the wire's page lists them.
    @Test func everyRefusalHasItsCodeAndKind() {
        let id = PrincipalID("anna")
        let table: [(CaseRefusal, Int, String, String)] = [
            (.notFound, Code.notFound, "not-found", "case_id"),
            (
                .wrongStatus(action: .assignToMe, status: .closed), Code.failedPrecondition,
                "wrong-status", "assign-to-me"
            ),
            (
                .wrongRole(action: .delete, role: .aiAgent), Code.permissionDenied, "wrong-role",
                "delete"
            ),
            (.notOwner(action: .close), Code.permissionDenied, "not-owner", "close"),
            (.notRequester, Code.permissionDenied, "not-requester", ""),
            (.wrongTeam(team: TeamID("t")), Code.permissionDenied, "wrong-team", ""),
            (.missing(field: "notes"), Code.invalidArgument, "missing", "notes"),
            (.invalid(field: "f", reason: "r"), Code.invalidArgument, "invalid", "f"),
            (.tooLong(field: "f", limit: 3), Code.invalidArgument, "too-long", "f"),
            (.staleVersion(current: 7), Code.aborted, "stale-version", "expected_version"),
            (
                .unsuitableAgent(id: id, reason: "away"), Code.failedPrecondition,
                "unsuitable-agent", "agent"
            ),
            (.needsSupervisor, Code.permissionDenied, "needs-supervisor", ""),
            (
                .overLimit(agent: id, maximum: 5), Code.failedPrecondition, "over-limit",
                "agent"
            ),
            (.notDue(dueAt: .zero), Code.failedPrecondition, "not-due", ""),
            (
                .alreadyDone(action: .submitSurvey), Code.failedPrecondition, "already-done",
                "submit-survey"
            ),
            (.keyReused, Code.alreadyExists, "key-reused", "idempotency_key"),
            (.staleEpoch, Code.aborted, "stale-epoch", ""),
        ]
        for (refusal, code, kind, field) in table {
            let error = WireError(refusal)
            #expect(error.code == code, "\(refusal)")
            #expect(error.detail.kind == kind && error.detail.field == field, "\(refusal)")
            #expect(error.detail.refused && !error.detail.outcomeUnknown, "\(refusal)")
            #expect(!error.message.isEmpty, "\(refusal)")
        }
        #expect(WireError(CaseRefusal.staleVersion(current: 7)).detail.currentVersion == 7)
        // A stable word for each.
        #expect(Set(table.map(\.2)).count == table.count)
    }

    @Test func aMalformedRequestIsNeitherCommittedNorUnknown() {
        let error = WireError(RequestFault("requester.address", "is too long"))
        #expect(error.code == Code.invalidArgument)
        #expect(error.detail.kind == "invalid-request")
        #expect(error.detail.field == "requester.address")
        #expect(!error.detail.refused && !error.detail.outcomeUnknown)
        #expect(error.message == "requester.address: is too long")
    }

    @Test func caseIDsAreReadWithTheFieldsName() throws {
        #expect(try CaseID(field: "f", Fixture.caseID.description) == Fixture.caseID)
        for text in ["", "x", "0000000000001", String(repeating: "0", count: 1_000)] {
            let fault = #expect(throws: RequestFault.self) { _ = try CaseID(field: "f", text) }
            #expect(fault?.field == "f", "\(text.prefix(13))")
        }
    }
}
