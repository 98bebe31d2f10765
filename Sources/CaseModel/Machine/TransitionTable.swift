extension CaseMachine {
    private static let live = CaseStatus.allCases.filter(\.isLive)
    private static let unowned: [CaseStatus] = [.new, .escalated]
    private static let inHand: [CaseStatus] = [.assigned, .open, .parked, .pending]
    private static let beforeClosed: [CaseStatus] = live + [.resolved]
    private static let ended: [CaseStatus] = [.closed, .archived]

    /// Every legal transition. What is not here is refused.
    ///
    /// Rows of one action are tried in order; the first that fits status, standing and condition decides.
    /// A page written by hand from the domain's rules checks every status, action and role against it.
    public static let table: [Transition] =
        creation + distribution + handling + ending + talk + upkeep

    private static let creation: [Transition] = [
        Transition(
            [],
            .create,
            by: [.requester, .teamAgent, .supervisor, .aiAgent, .intake],
            to: .status(.new)
        ),
        Transition(
            [],
            .createAsOwner,
            by: [.teamAgent, .supervisor, .aiAgent],
            to: .status(.open),
            effects: .takes
        ),
    ]

    /// How a case finds an owner, and loses one.
    private static let distribution: [Transition] = [
        Transition(
            unowned,
            .assign,
            by: [.supervisor, .system],
            to: .status(.assigned),
            guards: [.agentForOffer]
        ),
        Transition([.assigned], .accept, by: .owner, to: .work),
        Transition([.assigned], .decline, by: [.owner, .system], to: .origin),
        Transition(
            [.new],
            .assignToMe,
            by: [.teamAgent, .supervisor, .aiAgent],
            to: .status(.open),
            effects: .takes
        ),
        Transition(
            [.escalated],
            .assignToMe,
            by: [.teamAgent, .supervisor],
            to: .status(.open),
            guards: [.handedUpToActor],
            effects: .takes
        ),
        Transition(
            [.new],
            .escalate,
            by: [.aiAgent, .supervisor],
            to: .status(.escalated),
            guards: [.carries(.reason)]
        ),
        Transition(
            inHand,
            .escalate,
            by: [.owner, .supervisor, .aiOwner],
            to: .status(.escalated),
            guards: [.carries(.reason)]
        ),
        Transition(
            [.new] + inHand,
            .escalateByRule,
            by: .system,
            to: .status(.escalated),
            guards: [.carries(.rule)]
        ),
        Transition(
            unowned,
            .transferToQueue,
            by: [.teamAgent, .supervisor],
            to: .status(.new)
        ),
        Transition(
            inHand,
            .transferToQueue,
            by: [.owner, .supervisor],
            to: .status(.new)
        ),
        Transition(
            inHand,
            .transferToAgent,
            by: [.owner, .supervisor],
            to: .status(.assigned),
            guards: [.agentForTransfer]
        ),
        Transition(
            live,
            .reassign,
            by: .supervisor,
            to: .status(.assigned),
            guards: [.anyAgent]
        ),
        Transition(
            inHand,
            .release,
            by: .system,
            to: .status(.new),
            guards: [.carries(.note)]
        ),
    ]

    /// What an owner does with it.
    private static let handling: [Transition] = [
        Transition(
            [.open, .pending],
            .park,
            by: [.owner, .supervisor],
            to: .status(.parked),
            guards: [.carries(.reason)]
        ),
        Transition(
            [.open, .parked],
            .requestInfo,
            by: [.owner, .supervisor, .aiOwner],
            to: .status(.pending),
            guards: [.carries(.question)]
        ),
        Transition(
            [.open, .parked],
            .waitForExternal,
            by: [.owner, .supervisor],
            to: .status(.pending),
            guards: [.carries(.party), .carries(.reason)]
        ),
        Transition([.parked, .pending], .resume, by: [.owner, .supervisor], to: .work),
        Transition([.pending], .resume, by: .aiOwner, to: .work),
        Transition([.parked], .resume, by: .system, to: .work, guards: [.due]),
    ]

    /// How it ends, and how it comes back.
    private static let ending: [Transition] = [
        Transition(
            [.open, .parked, .pending],
            .proposeSolution,
            by: [.owner, .supervisor],
            to: .status(.resolved),
            guards: [.carries(.note), .carries(.message)]
        ),
        // An AI agent has no final say: what it would send goes to a human instead.
        Transition(
            [.new],
            .proposeSolution,
            by: .aiAgent,
            to: .status(.escalated),
            guards: [.carries(.note), .carries(.message)],
            effects: .staysInside
        ),
        Transition(
            inHand,
            .proposeSolution,
            by: .aiOwner,
            to: .status(.escalated),
            guards: [.carries(.note), .carries(.message)],
            effects: .staysInside
        ),
        Transition(
            inHand,
            .proposeSolution,
            by: .aiAdviser,
            to: .same,
            guards: [.carries(.note), .carries(.message)],
            effects: .staysInside
        ),
        Transition([.resolved], .acceptSolution, by: .requester, to: .status(.closed)),
        Transition([.resolved], .rejectSolution, by: .requester, to: .work, effects: .reopens),
        Transition(
            [.resolved],
            .reopen,
            by: [.owner, .supervisor],
            to: .work,
            guards: [.carries(.reason)],
            effects: .reopens
        ),
        Transition(
            [.resolved],
            .reopen,
            by: .teamAgent,
            to: .status(.open),
            guards: [.carries(.reason)],
            effects: [.takes, .reopens]
        ),
        Transition(live, .close, by: .requester, to: .status(.closed), guards: [.noNotes]),
        Transition(
            unowned,
            .close,
            by: [.teamAgent, .supervisor],
            to: .status(.closed),
            guards: [.carries(.notes)]
        ),
        Transition(
            inHand,
            .close,
            by: [.owner, .supervisor],
            to: .status(.closed),
            guards: [.carries(.notes)]
        ),
        Transition(
            [.resolved],
            .closeByTimer,
            by: .system,
            to: .status(.closed),
            guards: [.dueAtSweep]
        ),
        Transition(
            [.closed],
            .archive,
            by: .system,
            to: .status(.archived),
            guards: [.closedBeforeBoundary]
        ),
        Transition([.resolved], .delete, by: .requester, to: .status(.deleted)),
        Transition(
            [.new],
            .delete,
            by: .teamAgent,
            to: .status(.deleted),
            guards: [.carries(.reason)]
        ),
        Transition(
            [.assigned, .open, .pending],
            .delete,
            by: .owner,
            to: .status(.deleted),
            guards: [.carries(.reason)]
        ),
        Transition(
            live + ended,
            .delete,
            by: .supervisor,
            to: .status(.deleted),
            guards: [.carries(.reason)]
        ),
        Transition(
            ended,
            .submitSurvey,
            by: .requester,
            to: .same,
            guards: [.once]
        ),
    ]

    /// Who says what to whom.
    private static let talk: [Transition] = [
        Transition(
            [.new, .escalated, .assigned, .open],
            .comment,
            by: .requester,
            to: .same,
            guards: [.carriesMessage]
        ),
        Transition(
            [.parked, .pending],
            .comment,
            by: .requester,
            to: .work,
            guards: [.carriesMessage]
        ),
        Transition(
            [.resolved],
            .comment,
            by: .requester,
            to: .work,
            guards: [.carriesMessage],
            effects: .reopens
        ),
        Transition(
            [.pending],
            .comment,
            by: .awaitedParty,
            to: .work,
            guards: [.carriesMessage],
            effects: .thirdParty
        ),
        Transition(
            beforeClosed,
            .comment,
            by: .intake,
            to: .same,
            guards: [.carriesMessage],
            effects: .thirdParty
        ),
        Transition([.assigned], .comment, by: .owner, to: .work, guards: [.carriesMessage]),
        Transition(
            [.open],
            .comment,
            by: .owner,
            to: .status(.pending),
            when: .queueSaysCommentPends,
            guards: [.carriesMessage]
        ),
        Transition(
            inHand + [.resolved],
            .comment,
            by: [.owner, .supervisor, .aiOwner],
            to: .same,
            guards: [.carriesMessage]
        ),
        Transition(
            unowned,
            .comment,
            by: [.teamAgent, .supervisor],
            to: .same,
            guards: [.carriesMessage]
        ),
        Transition([.new], .comment, by: .aiAgent, to: .same, guards: [.carriesMessage]),
        Transition(
            inHand + [.resolved],
            .comment,
            by: .aiAdviser,
            to: .same,
            guards: [.carriesMessage],
            effects: .staysInside
        ),
        Transition(
            beforeClosed,
            .automaticReply,
            by: [.intake, .requester],
            to: .same,
            effects: .staysInside
        ),
    ]

    /// What keeps a case in order and moves nothing.
    private static let upkeep: [Transition] =
        [.note, .addTag, .removeTag, .attachInteraction, .update].map {
            Transition(
                beforeClosed,
                $0,
                by: [.teamAgent, .supervisor, .aiAgent],
                to: .same,
                guards: $0 == .note ? [.carries(.note)] : []
            )
        } + [
            Transition(
                beforeClosed,
                .link,
                by: [.teamAgent, .supervisor, .aiAgent],
                to: .same,
                guards: [.linkByStaff]
            ),
            Transition(
                ended,
                .link,
                by: [.system, .intake],
                to: .same,
                guards: [.linkFromFollowUp]
            ),
            Transition(
                [.new, .escalated, .assigned, .open, .resolved],
                .update,
                by: .requester,
                to: .same,
                guards: [.ownDetailsOnly]
            ),
            Transition(
                [.parked, .pending],
                .update,
                by: .requester,
                to: .work,
                guards: [.ownDetailsOnly]
            ),
        ]
}
