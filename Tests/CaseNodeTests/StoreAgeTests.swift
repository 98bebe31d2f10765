import ClusterPrimitives
import Testing

@testable import CaseNode

@Suite struct StoreAgeTests {
    /// A store that shows so much, and what it hears; times in milliseconds.
    private struct Store {
        var age: StoreAge

        init(shows index: UInt64) { age = StoreAge(applied: LogIndex(index)) }

        mutating func hears(_ committed: UInt64, at now: Int64) {
            age.heard(LogIndex(committed), at: now)
        }

        mutating func shows(_ index: UInt64) { age.applied(through: LogIndex(index)) }
    }

    @Test func whoWasNeverCompleteHasNoAge() {
        var store = Store(shows: 5)
        #expect(store.age.milliseconds(at: 100) == nil)
        store.hears(9, at: 100)
        #expect(store.age.milliseconds(at: 200) == nil)
        store.shows(8)
        #expect(store.age.milliseconds(at: 200) == nil)
        store.shows(9)
        #expect(store.age.milliseconds(at: 250) == 150)
    }

    @Test func aCompleteStoreIsAsOldAsTheLastWord() {
        var store = Store(shows: 5)
        store.hears(5, at: 100)
        store.hears(4, at: 300)
        #expect(store.age.milliseconds(at: 310) == 10)
    }

    /// The words that it is behind of count when it has caught up with them, each with its own time.
    @Test func aStoreThatIsBehindAgesUntilItCatchesUp() {
        var store = Store(shows: 5)
        store.hears(5, at: 0)
        for step in 1...10 { store.hears(UInt64(5 + step), at: Int64(step) * 100) }
        #expect(store.age.milliseconds(at: 1_000) == 1_000)
        store.shows(9)
        #expect(store.age.milliseconds(at: 1_000) == 600)
        store.shows(14)
        #expect(store.age.milliseconds(at: 1_000) == 100)
        store.shows(20)
        #expect(store.age.milliseconds(at: 1_000) == 0)
    }

    @Test func wordsThatComeTooOftenMakeItNoYounger() {
        var store = Store(shows: 1)
        store.hears(1, at: 0)
        store.hears(2, at: 100)
        // Not kept: too soon after the last.
        store.hears(3, at: 100 + StoreAge.apart - 1)
        store.shows(2)
        #expect(store.age.milliseconds(at: 200) == 100)
        store.shows(3)
        #expect(store.age.milliseconds(at: 200) == 100)
    }

    @Test func wordsAreKeptUpToALimit() {
        var store = Store(shows: 1)
        store.hears(1, at: 0)
        let limit = StoreAge.marksMax
        for step in 1...(2 * limit) { store.hears(UInt64(1 + step), at: Int64(step) * 100) }
        let last = UInt64(1 + 2 * limit)
        let now = Int64(2 * limit) * 100
        store.shows(last)
        // Older than it is, never younger.
        #expect(store.age.milliseconds(at: now) == now / 2)
        store.hears(last, at: now)
        #expect(store.age.milliseconds(at: now) == 0)
    }

    /// A lower index than one that is waited for comes from a leader that knows less.
    @Test func aLowerIndexIsNotWaitedFor() {
        var store = Store(shows: 1)
        store.hears(1, at: 0)
        store.hears(9, at: 100)
        store.hears(5, at: 200)
        store.shows(5)
        #expect(store.age.milliseconds(at: 300) == 300)
        store.shows(9)
        #expect(store.age.milliseconds(at: 300) == 200)
    }

    /// Nor does it say anything of what another leader said before, though the store shows as much.
    @Test func aLowerIndexThatIsShownSaysNothing() {
        var store = Store(shows: 5)
        store.hears(5, at: 0)
        store.hears(9, at: 100)
        store.hears(5, at: 200)
        #expect(store.age.milliseconds(at: 300) == 300)
        store.shows(9)
        #expect(store.age.milliseconds(at: 300) == 200)
        store.hears(5, at: 310)
        #expect(store.age.milliseconds(at: 310) == 0)
    }

    /// What a process that stood still finds in its sockets may be as old as that.
    @Test func afterAStandstillNothingIsBelievedForAWhile() {
        var store = Store(shows: 5)
        store.age.ticked(at: 0)
        store.hears(5, at: 10)
        store.age.ticked(at: 25)
        let woken = 25 + StoreAge.gapMax + 1
        // Before the tick, and behind it.
        store.hears(5, at: woken)
        #expect(store.age.milliseconds(at: woken) == woken - 10)
        store.age.ticked(at: woken)
        for now in stride(from: woken, to: woken + StoreAge.doubt, by: 25) {
            store.age.ticked(at: now)
            store.hears(6, at: now)
            store.hears(5, at: now)
            #expect(store.age.milliseconds(at: now) == now - 10)
        }
        let end = woken + StoreAge.doubt
        store.hears(5, at: end)
        #expect(store.age.milliseconds(at: end) == 0)
    }

    @Test func whoeverIsAloneBelievesItself() {
        var store = Store(shows: 5)
        store.age.ticked(at: 0)
        store.age.ticked(at: 10_000)
        store.age.heard(LogIndex(5), at: 10_000, isSure: true)
        #expect(store.age.milliseconds(at: 10_000) == 0)
    }

    /// A slow tick is no standstill.
    @Test func aLateTickIsNone() {
        var store = Store(shows: 5)
        store.age.ticked(at: 0)
        store.age.ticked(at: StoreAge.gapMax)
        store.hears(5, at: 2 * StoreAge.gapMax)
        #expect(store.age.milliseconds(at: 2 * StoreAge.gapMax) == 0)
    }
}
