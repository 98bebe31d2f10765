import ArgumentParser

/// The command line of a case cluster. Talks to it through `CaseClient` alone.
@main
struct Casectl: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "casectl",
        abstract: "Cases, intake, directory and settings of a case cluster.",
        discussion: """
            EXAMPLES
              casectl cluster status
              casectl case create --message "The door is stuck" --requester-name "Eva Lind"
              casectl case list --status new --order queue
              casectl case take 0H5K2N8QT40V7
              casectl case comment 0H5K2N8QT40V7 --text - < answer.txt
              casectl intake mail --mbox inbox.mbox
              casectl watch --output json

            OUTPUT
              With --output json a command writes one object, on one line. Lists (case list, case
              history, the directory's lists) and watch write one object a line, so that they can be
              read while they run. Times are UTC, as 2025-01-31T12:00:00.000Z; what is not set is
              null.

            \(ExitStatus.help)
            """,
        version: "casectl 0.1.0",
        subcommands: [
            CaseCommand.self, IntakeCommand.self, WatchCommand.self, AgentCommand.self,
            RequesterCommand.self, TeamCommand.self, QueueCommand.self, TokenCommand.self,
            SettingsCommand.self, ClusterCommand.self, NodeCommand.self, TLSCommand.self,
        ]
    )
}
