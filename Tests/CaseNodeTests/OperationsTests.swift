import CaseProtocol
import ClusterPrimitives
import Foundation
import Logging
import NIOCore
import NIOPosix
import RPC
import Synchronization
import Testing

@testable import CaseNode

/// What an operator sees of a node without a token.
@Suite(.serialized, .timeLimit(.minutes(2))) struct OperationsTests {
    private func get(_ path: String, _ node: Node) async throws -> OperationsProbe.Answer {
        let address = try #require(node.operationsAddress)
        let target = try #require(RPCTarget(address))
        return try await OperationsProbe.get(path, host: target.host, port: target.port)
    }

    @Test func aNodeThatServesIsAliveAndReady() async throws {
        let directory = try TemporaryDirectory()
        let running = try await RunningNode.start(directory.path)
        #expect(try await get("/livez", running.node) == .init(status: 200, text: "alive\n"))
        // It listens while its shards still elect themselves.
        while try await get("/readyz", running.node).status != 200 {}
        #expect(try await get("/readyz", running.node) == .init(status: 200, text: "ready\n"))
        #expect(try await get("/elsewhere", running.node).status == 404)
        try await running.stop()
        await #expect(throws: OperationsProbe.Unreachable.self) {
            _ = try await get("/livez", running.node)
        }
    }

    /// A disk that hangs: the process is there and does not live.
    @Test func aStalledSyncShows() async throws {
        let directory = try TemporaryDirectory()
        let faults = FileFaults()
        let running = try await RunningNode.start(
            directory.path,
            files: FaultyFileSystem(faults)
        )
        let token = try await running.add("sam", .supervisor)
        let stall = StalledSyncs()
        faults.set { $0.stall = stall }
        let before = faults.syncs
        async let receipt = running.create("waits for the disk", token: token)
        while faults.syncs == before { await Task.yield() }
        let answer = try await get("/livez", running.node)
        #expect(answer.status == 503)
        #expect(answer.text.hasPrefix("log writer: no sign of life for "))
        faults.set { $0.stall = nil }
        stall.end()
        _ = try await receipt
        #expect(try await get("/livez", running.node).status == 200)
        try await running.stop()
    }

    /// Two of three are gone: what remains says whom it has not heard.
    @Test func aNodeThatLostItsClusterIsAliveAndNotReady() async throws {
        let rig = try await ClusterRig.start(shards: 2)
        for node in rig.nodes {
            // It listens as soon as it has what it needs; the shards' leaders may be heard a moment later.
            while try await get("/readyz", node.node).status != 200 {}
        }
        try await rig.nodes[1].stop()
        try await rig.nodes[2].stop()
        let silent = [
            "the directory is behind, or its leader was not heard, for ", "shard 0: ", "shard 1: ",
        ]
        while true {
            let answer = try await get("/readyz", rig.nodes[0].node)
            guard !silent.allSatisfy({ answer.text.contains($0) }) else {
                #expect(answer.status == 503)
                break
            }
        }
        #expect(try await get("/livez", rig.nodes[0].node).status == 200)
        try await rig.nodes[0].stop()
    }

    @Test func whoIsAskedOftenOwesOneAnswer() {
        let answers = Mutex<[@Sendable () -> Void]>([])
        let pulse = Pulse([
            Pulse.Beat(name: "one") { answer in answers.withLock { $0.append(answer) } },
            Pulse.Beat(name: "two") { answer in answer() },
        ])
        for _ in 0..<3 { pulse.ask() }
        #expect(pulse.owing.map(\.name) == ["one"])
        let given = answers.withLock { $0 }
        #expect(given.count == 1)
        for answer in given { answer() }
        #expect(pulse.owing.isEmpty)
    }

    @Test func aStartingNodeIsAliveAndAStoppingOneIsNotReady() async throws {
        let health = NodeHealth()
        #expect(try await health.faults().isEmpty)
        #expect(health.objections.count == 1)
        health.stops()
        #expect(health.objections == ["the node stops"])
        #expect(try await health.faults().isEmpty)
    }

    @Test func aPortThatIsTakenStopsOnlyWhoAskedForIt() async throws {
        let taken = try await ServerBootstrap(group: NIOSingletons.posixEventLoopGroup)
            .bind(host: "127.0.0.1", port: 0).get()
        let port = try #require(taken.localAddress?.port)
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        var configuration = NodeConfiguration()
        configuration.operationsListenPort = .port(port)
        let asked = configuration
        let error = await #expect(throws: ConfigurationError.self) {
            _ = try await Operations.start(asked, logger: logger)
        }
        #expect(error?.option == "operations-listen-port")
        configuration.operationsListenPort = .derived
        configuration.listenPort = port - OperationsPort.offset
        let derived = try await Operations.start(configuration, logger: logger)
        #expect(derived.address == nil)
        await derived.stop()
        configuration.operationsListenPort = .off
        let off = try await Operations.start(configuration, logger: logger)
        #expect(off.address == nil)
        await off.stop()
        try await taken.close()
    }

    @Test(arguments: [(7_400, 7_490), (65_500, 65_410), (0, 0)])
    func theDerivedPortIsAPort(clients: Int, operations: Int) {
        var configuration = NodeConfiguration()
        configuration.listenPort = clients
        #expect(configuration.operationsPort == operations)
    }
}
