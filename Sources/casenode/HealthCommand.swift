import ArgumentParser
import CaseNode
import Foundation

/// `casenode health`: asks the node of this machine how it is, for container engines and scripts.
struct HealthCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "health",
        abstract: "Asks the node on this machine whether it can take calls; says why not.",
        discussion: """
            Takes the node's own options, environment and file, to know its operations port; most need none. \
            A node whose operations port is 0 or in use by another can't be asked so.

            Exit codes: 0 yes; 1 no, or nobody answers; 78 the configuration can't be used, or the operations \
            port is off.
            """
    )

    @Flag(help: "Ask only whether the process is alive: the one to restart it by.")
    var live = false

    @OptionGroup var options: NodeFlags

    func run() async throws {
        let code = await Self.ask(options, path: live ? "/livez" : "/readyz")
        if code != 0 { throw ExitCode(code) }
    }

    private static func ask(_ options: NodeFlags, path: String) async -> Int32 {
        do {
            let configuration = try await ConfigurationLoader.load(options)
            guard let port = configuration.operationsPort, port > 0 else {
                throw ConfigurationError(
                    option: "operations-listen-port",
                    reason: "no port is known to ask at"
                )
            }
            let answer = try await OperationsProbe.get(
                path,
                host: reachable(configuration.operationsListenHost),
                port: port
            )
            try FileHandle.standardOutput.write(contentsOf: Data(answer.text.utf8))
            return answer.status == 200 ? 0 : NodeExit.failure
        } catch {
            CaseNodeCommand.complain(error)
            return error is ConfigurationError ? NodeExit.configuration : NodeExit.failure
        }
    }

    /// A node that listens everywhere listens here.
    private static func reachable(_ host: String) -> String {
        switch host {
        case "0.0.0.0": "127.0.0.1"
        case "::": "::1"
        default: host
        }
    }
}
