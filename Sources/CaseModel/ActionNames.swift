extension CaseAction {
    /// Its name in the table, the audit and the protocol.
    public var name: ActionName {
        switch self {
        case .create(let new): new.asOwner ? .createAsOwner : .create
        case .comment: .comment
        case .automaticReply: .automaticReply
        case .note: .note
        case .assign: .assign
        case .accept: .accept
        case .decline: .decline
        case .assignToMe: .assignToMe
        case .escalate: .escalate
        case .escalateByRule: .escalateByRule
        case .park: .park
        case .requestInfo: .requestInfo
        case .waitForExternal: .waitForExternal
        case .resume: .resume
        case .proposeSolution: .proposeSolution
        case .acceptSolution: .acceptSolution
        case .rejectSolution: .rejectSolution
        case .reopen: .reopen
        case .close: .close
        case .transferToQueue: .transferToQueue
        case .transferToAgent: .transferToAgent
        case .reassign: .reassign
        case .release: .release
        case .delete: .delete
        case .update: .update
        case .addTag: .addTag
        case .removeTag: .removeTag
        case .link: .link
        case .attachInteraction: .attachInteraction
        case .submitSurvey: .submitSurvey
        case .closeByTimer: .closeByTimer
        case .archive: .archive
        }
    }
}
