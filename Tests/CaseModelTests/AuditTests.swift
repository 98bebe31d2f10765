import CaseModel
import ClusterPrimitives
import Testing

/// Goal: no entry of a chain can be changed, dropped, added or moved unnoticed, and an erasure leaves it whole.
@Suite struct AuditTests {
    private struct History {
        var entries: [AuditEntry] = []
        var contents: [UInt64: AuditContent] = [:]
        var head = SHA256Digest.zero
    }

    /// A case's life: created, taken, answered, resolved, reopened, closed.
    private func history() -> History {
        var history = History()
        var record: CaseRecord?
        let acts: [(CaseAction, Fixture.Who)] = [
            (.create(Fixture.newCase()), .requester),
            (.assignToMe, .agent),
            (.comment(CaseMessage(text: "Which lamp?")), .agent),
            (.proposeSolution(note: "fuse", message: "Change the fuse."), .agent),
            (.rejectSolution(reason: "no"), .requester),
            (.close(notes: "sold"), .agent),
        ]
        for (step, (action, who)) in acts.enumerated() {
            var command = Fixture.command(action, by: who)
            if record != nil { command.target = Fixture.otherID }
            command.salt = [UInt8](repeating: UInt8(step), count: CaseLimits.saltBytes)
            let at = Fixture.now + .seconds(Int64(step))
            let result = CaseMachine.step(record, command, at: at, newID: Fixture.otherID)
            guard let done = result.value else {
                Issue.record("\(action.name): \(result)")
                return history
            }
            record = done.record
            history.entries.append(done.audit)
            history.contents[done.audit.version] = AuditContent(
                salt: command.salt,
                events: done.events
            )
            history.head = done.record.auditHead
        }
        return history
    }

    private func verify(_ history: History) -> AuditVerdict {
        AuditChain.verify(history.entries, head: history.head) { history.contents[$0.version] }
    }

    @Test func aTrueChainHolds() {
        let history = history()
        #expect(history.entries.count == 6)
        #expect(verify(history) == .intact(head: history.head, checkedContents: 6))
    }

    @Test func anErasureLeavesItWhole() {
        var history = history()
        history.contents = [6: history.contents[6]].compactMapValues(\.self)
        #expect(verify(history) == .intact(head: history.head, checkedContents: 1))
        history.contents = [:]
        #expect(verify(history) == .intact(head: history.head, checkedContents: 0))
    }

    @Test func everyFieldOfEveryEntryIsCovered() {
        let other = SHA256Digest(hashing: [1])
        let changes: [(String, (inout AuditEntry) -> Void)] = [
            ("caseID", { $0.caseID = Fixture.id }),
            ("version", { $0.version += 1 }),
            ("at", { $0.at = $0.at + TimeSpan(milliseconds: 1) }),
            ("actor", { $0.actor = PrincipalID("mallory") }),
            ("role", { $0.role = .supervisor }),
            ("origin", { $0.origin += "8" }),
            ("action", { $0.action = .resume }),
            ("from", { $0.from = .parked }),
            ("to", { $0.to = .parked }),
            ("contentHash", { $0.contentHash = other }),
            ("previous", { $0.previous = other }),
        ]
        #expect(changes.count == Mirror(reflecting: history().entries[0]).children.count)
        for position in 0..<6 {
            for (field, change) in changes {
                var tampered = history()
                change(&tampered.entries[position])
                for withContents in [true, false] {
                    if !withContents { tampered.contents = [:] }
                    guard case .broken(let version, _) = verify(tampered) else {
                        Issue.record("\(field) of entry \(position + 1) goes unnoticed")
                        continue
                    }
                    #expect(version == UInt64(position + 1), "\(field): names the wrong entry")
                }
            }
        }
    }

    @Test func changedContentsAndSaltsShow() {
        for version in UInt64(1)...6 {
            var tampered = history()
            tampered.contents[version]?.salt[0] ^= 1
            #expect(verify(tampered) == .broken(version: version, fault: .changedContent))
            tampered = history()
            tampered.contents[version]?.events.removeLast()
            #expect(verify(tampered) == .broken(version: version, fault: .changedContent))
        }
    }

    @Test func missingMovedAndForgedEntriesShow() {
        var cut = history()
        cut.entries.removeLast()
        #expect(verify(cut) == .broken(version: 5, fault: .wrongHead))
        var missing = history()
        missing.entries.remove(at: 2)
        #expect(verify(missing) == .broken(version: 3, fault: .wrongVersion(found: 4)))
        var swapped = history()
        swapped.entries.swapAt(1, 2)
        #expect(verify(swapped) == .broken(version: 2, fault: .wrongVersion(found: 3)))
        var doubled = history()
        doubled.entries.insert(doubled.entries[0], at: 1)
        #expect(verify(doubled) == .broken(version: 2, fault: .wrongVersion(found: 1)))
        // Somebody who forges a whole end can make the links fit, but not the head that the case has.
        var forged = history()
        forged.contents = [:]
        forged.entries[4].actor = PrincipalID("mallory")
        forged.entries[5].previous = forged.entries[4].link
        #expect(verify(forged) == .broken(version: 6, fault: .wrongHead))
        forged.head = forged.entries[5].link
        #expect(verify(forged) == .intact(head: forged.head, checkedContents: 0))
    }

    @Test func linksThatFitStillMustMakeSense() {
        func forge(_ change: (inout AuditEntry) -> Void) -> AuditVerdict {
            var entries = history().entries
            change(&entries[5])
            return AuditChain.verify(entries)
        }
        #expect(forge { $0.from = .parked } == .broken(version: 6, fault: .brokenStatus))
        #expect(forge { $0.at = .zero } == .broken(version: 6, fault: .timeRunsBack))
        #expect(forge { $0.caseID = Fixture.id } == .broken(version: 6, fault: .foreignEntry))
    }

    @Test func theEmptyChainIsThatOfNoCase() {
        #expect(AuditChain.verify([], head: .zero) == .intact(head: .zero, checkedContents: 0))
    }
}
