import NIOPosix
import Testing

@testable import CaseClient

/// A task that prefers a client's executor stays on the thread that answers arrive on.
@Suite struct TaskExecutorTests {
    @Test func callsDoNotChangeThreads() async throws {
        try await ScriptedServer.with([try .reply(RetryTests.receipt())]) { server in
            try await withClient(testConfiguration([server.endpoint])) { client in
                let loop = client.nodes.eventLoop
                #expect(!loop.inEventLoop)
                try await withTaskExecutorPreference(client.taskExecutor) {
                    for _ in 0..<3 {
                        #expect(loop.inEventLoop)
                        try await client.execute(.accept, on: RetryTests.caseID)
                    }
                    #expect(loop.inEventLoop)
                }
                #expect(!loop.inEventLoop)
            }
            #expect(server.received.count == 3)
        }
    }
}
