import ArgumentParser

/// Everything about cases.
struct CaseCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "case",
        abstract: "Make, read and work on cases.",
        discussion: """
            Texts are given as an option, or on standard input where the option's value is a single
            dash.

            EXAMPLES
              casectl case create --message - --requester-address eva@example.com < letter.txt
              casectl case show 0H5K2N8QT40V7
              casectl case propose-solution 0H5K2N8QT40V7 --note "Reset" --message "Try again"
              casectl case close 0H5K2N8QT40V7 --notes "Duplicate" --expect-version 4
            """,
        groupedSubcommands: [
            CommandGroup(
                name: "Read",
                subcommands: [
                    ShowCommand.self, ListCommand.self, HistoryCommand.self, VerifyCommand.self,
                    RawCommand.self,
                ]
            ),
            CommandGroup(
                name: "Say",
                subcommands: [
                    CreateCommand.self, CommentCommand.self, NoteCommand.self,
                    RequestInfoCommand.self, SurveyCommand.self,
                ]
            ),
            CommandGroup(
                name: "Hand over",
                subcommands: [
                    AssignCommand.self, AcceptCommand.self, DeclineCommand.self, TakeCommand.self,
                    EscalateCommand.self, TransferQueueCommand.self, TransferAgentCommand.self,
                    ReassignCommand.self,
                ]
            ),
            CommandGroup(
                name: "Move",
                subcommands: [
                    ParkCommand.self, WaitExternalCommand.self, ResumeCommand.self,
                    ProposeSolutionCommand.self, AcceptSolutionCommand.self,
                    RejectSolutionCommand.self, ReopenCommand.self, CloseCommand.self,
                    DeleteCommand.self,
                ]
            ),
            CommandGroup(
                name: "Describe",
                subcommands: [
                    UpdateCommand.self, TagCommand.self, UntagCommand.self, LinkCommand.self,
                ]
            ),
        ]
    )
}
