import CaseModel
import CaseProtocol
import Testing

/// Every value of the model has one in the protocol and comes back; every other number is refused by name.
@Suite struct EnumTests {
    private func fault(_ body: () throws(RequestFault) -> Void) -> String? {
        do {
            try body()
            return nil
        } catch { return error.field }
    }

    @Test func statuses() throws {
        for status in CaseStatus.allCases {
            #expect(try PBCaseStatus(status).model("f") == status)
        }
        #expect(Set(CaseStatus.allCases.map { PBCaseStatus($0).rawValue }).count == 10)
        for number in [0, 11, -1, 256 + 1] {
            #expect(
                fault { () throws(RequestFault) in
                    _ = try PBCaseStatus.UNRECOGNIZED(number).model("f")
                } == "f",
                "\(number)"
            )
        }
        #expect(PBCaseStatus.allCases.count == CaseStatus.allCases.count + 1)
    }

    @Test func roles() throws {
        for role in Role.allCases { #expect(try PBRole(role).model("f") == role) }
        #expect(PBRole.allCases.count == Role.allCases.count + 1)
        for role in [PBRole.unspecified, .UNRECOGNIZED(9), .UNRECOGNIZED(-3)] {
            #expect(fault { () throws(RequestFault) in _ = try role.model("f") } == "f")
        }
    }

    @Test func priorities() throws {
        for priority in Priority.allCases {
            #expect(try PBPriority(priority).model("f") == priority)
        }
        #expect(PBPriority.allCases.count == Priority.allCases.count + 1)
        #expect(try PBPriority.unspecified.model("f") == nil)
        #expect(
            fault { () throws(RequestFault) in
                _ = try PBPriority.UNRECOGNIZED(5).model("f")
            } == "f"
        )
    }

    @Test func channels() throws {
        for channel in Channel.allCases { #expect(try PBChannel(channel).model("f") == channel) }
        #expect(PBChannel.allCases.count == Channel.allCases.count + 1)
        #expect(try PBChannel.unspecified.model("f") == .api)
        #expect(
            fault { () throws(RequestFault) in
                _ = try PBChannel.UNRECOGNIZED(300).model("f")
            } == "f"
        )
    }

    @Test func linkKinds() throws {
        for kind in LinkKind.allCases { #expect(try PBLinkKind(kind).model("f") == kind) }
        #expect(PBLinkKind.allCases.count == LinkKind.allCases.count + 1)
        for kind in [PBLinkKind.unspecified, .UNRECOGNIZED(4)] {
            #expect(fault { () throws(RequestFault) in _ = try kind.model("f") } == "f")
        }
    }

    @Test func escalationTargets() throws {
        let targets: [EscalationTarget] = [
            .queue(QueueID("q")), .team(TeamID("t")), .supervisor,
        ]
        for target in targets { #expect(try PBEscalationTarget(target).model("f") == target) }
        let wrong: [(PBEscalationTarget, String)] = [
            (PBEscalationTarget(), "f"), (.with { $0.target = .queue("") }, "f.queue"),
            (.with { $0.target = .team("") }, "f.team"),
            (.with { $0.target = .supervisor(false) }, "f.supervisor"),
        ]
        for (target, field) in wrong {
            #expect(fault { () throws(RequestFault) in _ = try target.model("f") } == field)
        }
    }
}
