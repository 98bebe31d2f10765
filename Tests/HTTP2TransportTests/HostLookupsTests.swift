import NIOCore
import Synchronization
import Testing

@testable import HTTP2Transport

/// A server of names that keeps silent about one host must hold up nobody else, nor that host once it is back.
@Suite struct HostLookupsTests {
    /// Lookups that are answered by hand, on a clock that is set by hand.
    private final class Names: Sendable {
        private struct State {
            var begun: [@Sendable () -> Void] = []
            var answers: [Result<HostLookups.Addresses, any Error>] = []
            var now = NIODeadline.uptimeNanoseconds(0)
            var replies: [String] = []
        }

        private let state = Mutex(State())
        var begun: Int { state.withLock { $0.begun.count } }
        var replies: [String] { state.withLock { $0.replies } }

        func makeLookups() -> HostLookups {
            HostLookups(
                lookup: { [self] _, _ in state.withLock { $0.answers.removeFirst() } },
                now: { [self] in state.withLock { $0.now } },
                start: { [self] body in state.withLock { $0.begun.append(body) } }
            )
        }

        func ask(_ lookups: HostLookups, _ host: String, as name: String) -> UInt64 {
            lookups.ask(host, port: 1) { [self] result in
                let word = if case .success = result { "found" } else { "failed" }
                state.withLock { $0.replies.append("\(name) \(word)") }
            }
        }

        func pass(milliseconds: Int64) {
            state.withLock { $0.now = $0.now + .milliseconds(milliseconds) }
        }

        /// Ends the lookup that was begun at that place in the order.
        func answer(_ index: Int, _ result: Result<HostLookups.Addresses, any Error>) {
            let body = state.withLock { state in
                state.answers.append(result)
                return state.begun[index]
            }
            body()
        }
    }

    private static let found: Result<HostLookups.Addresses, any Error> = .success(.init())
    private static let failed: Result<HostLookups.Addresses, any Error> = .failure(
        TransportError.closed
    )

    @Test func aSilentHostHoldsUpNoOther() {
        let names = Names()
        let lookups = names.makeLookups()
        _ = names.ask(lookups, "silent", as: "a")
        _ = names.ask(lookups, "there", as: "b")
        names.answer(1, Self.found)
        #expect(names.replies == ["b found"])
    }

    @Test func whoAsksWhileALookupIsFreshJoinsIt() {
        let names = Names()
        let lookups = names.makeLookups()
        _ = names.ask(lookups, "host", as: "a")
        _ = names.ask(lookups, "host", as: "b")
        #expect(names.begun == 1)
        names.answer(0, Self.failed)
        #expect(names.replies.sorted() == ["a failed", "b failed"])
        _ = names.ask(lookups, "host", as: "c")
        #expect(names.begun == 2, "an answer is for those who waited, not kept")
    }

    @Test func aHostThatIsBackAnswersThoseWhoWaitedForASilentLookup() {
        let names = Names()
        let lookups = names.makeLookups()
        _ = names.ask(lookups, "host", as: "a")
        names.pass(milliseconds: HostLookups.freshMillisecondsMin)
        _ = names.ask(lookups, "host", as: "b")
        #expect(names.begun == 2)
        names.answer(1, Self.found)
        #expect(names.replies.sorted() == ["a found", "b found"])
        names.answer(0, Self.failed)
        #expect(names.replies.count == 2)
    }

    @Test func anOldFailureSaysNothingToThoseWhoWaitForANewerLookup() {
        let names = Names()
        let lookups = names.makeLookups()
        _ = names.ask(lookups, "host", as: "a")
        names.pass(milliseconds: HostLookups.freshMillisecondsMin)
        _ = names.ask(lookups, "host", as: "b")
        names.answer(0, Self.failed)
        #expect(names.replies == ["a failed"])
        names.answer(1, Self.found)
        #expect(names.replies == ["a failed", "b found"])
    }

    @Test func lookupsOfOneHostAreBounded() {
        let names = Names()
        let lookups = names.makeLookups()
        for index in 0..<100 {
            _ = names.ask(lookups, "host", as: "\(index)")
            names.pass(milliseconds: HostLookups.freshMillisecondsMax)
        }
        #expect(names.begun == HostLookups.perHostMax)
        names.answer(0, Self.found)
        #expect(names.replies.count == 100)
    }

    @Test func whoIsCancelledHearsNothing() {
        let names = Names()
        let lookups = names.makeLookups()
        let id = names.ask(lookups, "host", as: "a")
        lookups.cancel(id, "host", port: 1)
        names.answer(0, Self.found)
        #expect(names.replies.isEmpty)
    }

    @Test func theSystemKnowsAddressesAndItself() throws {
        let address = try systemLookup("127.0.0.1", 7_400).get()
        #expect(address.v4.first?.port == 7_400)
        #expect(try !systemLookup("localhost", 1).get().v4.isEmpty)
    }
}
