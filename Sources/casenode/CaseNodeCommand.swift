import ArgumentParser
import CaseNode
import Foundation
import Logging
import ServiceLifecycle

/// `casenode`: one process of the cluster. With no flags a whole, small cluster on loopback.
@main
struct CaseNodeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "casenode",
        abstract:
            "Runs a node of a case cluster; with no flags a whole one-node cluster on loopback.",
        discussion: """
            Each option can also be given as an environment variable (CASENODE_LISTEN_PORT) or in a \
            YAML or JSON file (listen-port: 7400); flags win over the environment, the environment \
            over the file. Cluster-wide settings (reopen window, night, zone) are not here: see \
            `casectl settings list`.

            Exit codes: 0 stopped as asked; 65 the log or a store is damaged, nothing was started; \
            74 a disk failed while running; 78 the configuration or the data directory can't be used; \
            1 anything else.
            """,
        version: NodeVersion.text,
        subcommands: [HealthCommand.self]
    )

    @OptionGroup var options: NodeFlags

    func run() async throws {
        let code = await Self.serve(options)
        if code != 0 { throw ExitCode(code) }
    }

    private static func serve(_ options: NodeFlags) async -> Int32 {
        #if CASECLUSTER_FAULTS
        if let name = ProcessInfo.processInfo.environment[DeliberateNodeFault.variable],
            !DeliberateNodeFault.putIn(name)
        {
            complain("there is no fault named \(name)")
            return NodeExit.configuration
        }
        #endif
        let configuration: NodeConfiguration
        do {
            configuration = try await ConfigurationLoader.load(options)
        } catch {
            complain(error)
            return NodeExit.configuration
        }
        LoggingSystem.bootstrap { label in
            var handler = StreamLogHandler.standardError(label: label)
            handler.logLevel = Logger.Level(rawValue: configuration.logLevel) ?? .info
            return handler
        }
        let logger = Logger(label: "casenode")
        do {
            let node = try await Node.start(configuration, logger: logger)
            let transport = configuration.plaintext ? "plain text" : "TLS"
            let greeting = """
                casenode listens on \(node.address), \(transport)
                admin token: \(node.adminTokenPath)
                \(operations(node))

                """
            let group = ServiceGroup(
                services: [GreetingNode(node: node, greeting: greeting)],
                gracefulShutdownSignals: [.sigterm, .sigint],
                logger: logger
            )
            try await group.run()
            return 0
        } catch {
            complain(error)
            return NodeExit.code(for: error)
        }
    }

    private static func operations(_ node: Node) -> String {
        node.operationsAddress.map { "health and metrics: http://\($0)/readyz, /livez, /metrics" }
            ?? "health and metrics: off"
    }

    static func complain(_ error: some Sendable) {
        do {
            try FileHandle.standardError.write(contentsOf: Data("casenode: \(error)\n".utf8))
        } catch {
            // Closed: the exit code has to say it alone.
        }
    }
}

/// Says that the node listens only once signals are heard: whoever reads it may ask for a stop at once.
private struct GreetingNode: Service {
    let node: Node
    let greeting: String

    func run() async throws {
        do {
            try FileHandle.standardOutput.write(contentsOf: Data(greeting.utf8))
        } catch {
            // Nobody reads: a node serves all the same.
        }
        try await node.run()
    }
}
