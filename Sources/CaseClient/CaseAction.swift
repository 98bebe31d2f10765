import CaseProtocol

/// One thing to do to a case. What is possible when, and for whom, the server decides.
///
/// Texts have at most 262,144 bytes; see `ExecuteRequest` in Protocol/casecluster/v1/cases.proto.
public struct CaseAction: Sendable, Hashable {
    let wire: PBExecuteRequest.OneOf_Action

    init(_ wire: PBExecuteRequest.OneOf_Action) { self.wire = wire }

    /// The same in both: the protocol's messages compare by content.
    public static func == (left: CaseAction, right: CaseAction) -> Bool { left.wire == right.wire }

    /// Feeds the action's request into a hasher.
    public func hash(into hasher: inout Hasher) {
        PBExecuteRequest.with { $0.action = wire }.hash(into: &hasher)
    }
}

// What people say.
extension CaseAction {
    /// A public comment.
    public static func comment(_ text: String) -> CaseAction { CaseAction(.comment(.of(text))) }

    /// An internal note: staff only.
    public static func note(_ text: String) -> CaseAction { CaseAction(.note(.of(text))) }

    /// A question to the requester; the case waits for the answer.
    public static func requestInfo(_ question: String) -> CaseAction {
        CaseAction(.requestInfo(.of(question)))
    }

    /// The requester's word after the end: 1...5 and a text.
    public static func submitSurvey(rating: UInt32, text: String = "") -> CaseAction {
        CaseAction(
            .submitSurvey(
                .with {
                    $0.rating = rating
                    $0.text = text
                }
            )
        )
    }
}

// Who works on it.
extension CaseAction {
    /// Gives it to an agent, who has yet to accept.
    public static func assign(to agent: String, reason: String = "") -> CaseAction {
        CaseAction(.assign(.of(agent, reason)))
    }

    /// The owner starts on it.
    public static let accept = CaseAction(.accept(PBEmptyAction()))

    /// The owner hands an offer back.
    public static func decline(reason: String = "") -> CaseAction {
        CaseAction(.decline(.of(reason)))
    }

    /// Takes it and starts.
    public static let assignToMe = CaseAction(.assignToMe(PBEmptyAction()))

    /// Hands it up. `summary` becomes an internal note.
    public static func escalate(
        to target: EscalationTarget,
        reason: String,
        summary: String = ""
    ) -> CaseAction {
        CaseAction(
            .escalate(
                .with {
                    $0.reason = reason
                    $0.target = target.wire
                    $0.summary = summary
                }
            )
        )
    }

    /// To whom a case is handed up.
    public enum EscalationTarget: Sendable, Hashable {
        /// Any human of this queue's team.
        case queue(String)
        /// Any human of this team.
        case team(String)
        /// A supervisor.
        case supervisor

        var wire: PBEscalationTarget {
            switch self {
            case .queue(let name): .with { $0.queue = name }
            case .team(let name): .with { $0.team = name }
            case .supervisor: .with { $0.supervisor = true }
            }
        }
    }

    /// Moves it to another queue, where it is new.
    public static func transfer(toQueue queue: String, reason: String = "") -> CaseAction {
        CaseAction(
            .transferToQueue(
                .with {
                    $0.queue = queue
                    $0.reason = reason
                }
            )
        )
    }

    /// Moves it to another agent.
    public static func transfer(toAgent agent: String, reason: String = "") -> CaseAction {
        CaseAction(.transferToAgent(.of(agent, reason)))
    }

    /// A supervisor gives it to anybody.
    public static func reassign(to agent: String, reason: String = "") -> CaseAction {
        CaseAction(.reassign(.of(agent, reason)))
    }
}

// Where it stands.
extension CaseAction {
    /// Puts it on hold; `until` (ms since 1970) resumes it by itself.
    public static func park(reason: String, until: Int64 = 0) -> CaseAction {
        CaseAction(
            .park(
                .with {
                    $0.reason = reason
                    $0.until = until
                }
            )
        )
    }

    /// Waits for somebody who is not the requester.
    public static func waitForExternal(party: String, reason: String) -> CaseAction {
        CaseAction(
            .waitForExternal(
                .with {
                    $0.party = party
                    $0.reason = reason
                }
            )
        )
    }

    /// Back to work.
    public static let resume = CaseAction(.resume(PBEmptyAction()))

    /// A solution: a note for staff and a message to the customer.
    public static func proposeSolution(note: String, message: String) -> CaseAction {
        CaseAction(
            .proposeSolution(
                .with {
                    $0.note = note
                    $0.message = message
                }
            )
        )
    }

    /// The requester is content.
    public static let acceptSolution = CaseAction(.acceptSolution(PBEmptyAction()))

    /// The requester is not.
    public static func rejectSolution(reason: String = "") -> CaseAction {
        CaseAction(.rejectSolution(.of(reason)))
    }

    /// Back from resolved.
    public static func reopen(reason: String) -> CaseAction { CaseAction(.reopen(.of(reason))) }

    /// Ends it. Staff must give notes.
    public static func close(notes: String = "") -> CaseAction { CaseAction(.close(.of(notes))) }

    /// Erases its content; a tombstone stays.
    public static func delete(reason: String) -> CaseAction { CaseAction(.delete(.of(reason))) }
}

// What it says.
extension CaseAction {
    /// Changes fields; what is not set stays.
    public static func update(_ update: CaseUpdate) -> CaseAction { CaseAction(.update(update)) }

    /// Adds a tag.
    public static func addTag(_ tag: String) -> CaseAction { CaseAction(.addTag(.of(tag))) }

    /// Removes a tag.
    public static func removeTag(_ tag: String) -> CaseAction { CaseAction(.removeTag(.of(tag))) }

    /// Points at another case.
    public static func link(_ kind: CaseLinkKind, to caseID: String) -> CaseAction {
        CaseAction(
            .link(
                .with {
                    $0.kind = kind
                    $0.caseID = caseID
                }
            )
        )
    }
}

extension PBTextAction {
    fileprivate static func of(_ text: String) -> PBTextAction { .with { $0.text = text } }
}

extension PBReasonAction {
    fileprivate static func of(_ reason: String) -> PBReasonAction { .with { $0.reason = reason } }
}

extension PBAgentAction {
    fileprivate static func of(_ agent: String, _ reason: String) -> PBAgentAction {
        .with {
            $0.agent = agent
            $0.reason = reason
        }
    }
}
