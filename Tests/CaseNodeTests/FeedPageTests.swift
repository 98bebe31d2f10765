import CaseProtocol
import CaseStore
import Testing

@testable import CaseNode

/// What a follower of the feed is told of a replica's page.
struct FeedPageTests {
    /// Goal: who resumes at a node whose replica lags behind the token waits, and is not sent away.
    @Test func aReplicaThatLagsIsWaitedFor() throws {
        #expect(try FeedPage.ahead(last: 3).deliverable().isEmpty)
        #expect(try FeedPage.items([]).deliverable().isEmpty)
    }

    @Test func whatIsNoLongerKeptIsSaid() {
        #expect(throws: WireError.self) { _ = try FeedPage.tooOld(last: 9).deliverable() }
    }
}
