import CaseModel
import Testing

/// The spellings are a contract with every client.
@Suite struct LabelTests {
    @Test func actions() {
        let expected = """
            create create-as-owner comment automatic-reply note assign accept decline assign-to-me \
            escalate escalate-by-rule park request-info wait-for-external resume propose-solution \
            accept-solution reject-solution reopen close transfer-to-queue transfer-to-agent reassign \
            release delete update add-tag remove-tag link attach-interaction submit-survey \
            close-by-timer archive
            """
        #expect(ActionName.allCases.map(\.label).joined(separator: " ") == expected)
        for action in ActionName.allCases { #expect(ActionName(label: action.label) == action) }
        #expect(ActionName(label: "Create") == nil)
    }

    @Test func theRest() {
        #expect(
            CaseStatus.allCases.map(\.label)
                == [
                    "new", "escalated", "assigned", "open", "parked", "pending", "resolved",
                    "closed",
                    "archived", "deleted",
                ]
        )
        #expect(
            Role.allCases.map(\.label)
                == [
                    "requester", "agent", "supervisor", "reviewer", "ai-agent", "admin", "system",
                    "intake",
                ]
        )
        #expect(Priority.allCases.map(\.label) == ["low", "normal", "high", "urgent"])
        #expect(Channel.allCases.map(\.label) == ["email", "chat", "call", "api"])
        #expect(LinkKind(label: "follow-up-of") == .followUpOf)
        #expect(LinkKind.followedUpBy.label == "followed-up-by")
        for role in Role.allCases { #expect(Role(label: role.label) == role) }
        for status in CaseStatus.allCases { #expect(CaseStatus(label: status.label) == status) }
        #expect(EntryKind.statusChange.label == "status-change")
    }

    @Test func inSwedish() {
        #expect(
            CaseStatus.allCases.map(\.swedish).joined(separator: " ")
                == "Nytt Eskalerat Tilldelat Öppet Parkerat Väntar Löst Stängt Arkiverat Raderat"
        )
        #expect(Priority.allCases.map(\.swedish) == ["Låg", "Normal", "Hög", "Brådskande"])
        let roles: [Role] = [.requester, .agent, .supervisor, .aiAgent]
        #expect(roles.map(\.swedish) == ["Begärande", "Agent", "Supervisor", "AI-agent"])
        let actions: [ActionName: String] = [
            .create: "Skapa", .assign: "Tilldela", .accept: "Acceptera", .decline: "Avböj",
            .assignToMe: "Tilldela mig", .escalate: "Eskalera", .park: "Parkera",
            .requestInfo: "Begär information", .waitForExternal: "Invänta extern part",
            .resume: "Återuppta", .proposeSolution: "Föreslå lösning",
            .acceptSolution: "Godkänn lösning", .rejectSolution: "Avvisa lösning",
            .reopen: "Återöppna", .close: "Stäng", .archive: "Arkivera",
            .transferToQueue: "Överför till kö", .transferToAgent: "Överför till agent",
            .reassign: "Omfördela", .delete: "Radera",
        ]
        for (action, word) in actions { #expect(action.swedish == word) }
    }
}
