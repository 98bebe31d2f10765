import ClusterPrimitives
import RaftCore
import ReplicaDriver
import Testing

@testable import CaseNode

@Suite struct ApplyQueueTests {
    private func entries(
        _ range: ClosedRange<UInt64>,
        bytes: Int = 10,
        ticket: Int? = nil
    ) -> [DeliveredEntry<Int>] {
        range.map { index in
            DeliveredEntry(
                entry: Entry(
                    term: Term(1),
                    index: LogIndex(index),
                    payload: [UInt8](repeating: 0, count: bytes)
                ),
                ticket: ticket
            )
        }
    }

    @Test func aFollowerLetsEntriesGather() {
        var queue = ApplyQueue<Int>(isPatient: true)
        queue.add(entries(1...3))
        let send1 = queue.mustSchedule()
        #expect(!send1)
        for _ in 1..<ApplyQueue<Int>.patientTicksMax {
            queue.tick()
            let send2 = queue.mustSchedule()
            #expect(!send2)
        }
        queue.add(entries(4...4))
        queue.tick()
        let send3 = queue.mustSchedule()
        #expect(send3)
        // Once: somebody is on the way.
        let send4 = queue.mustSchedule()
        #expect(!send4)
        #expect(queue.takeAll().map(\.entry.index.rawValue) == [1, 2, 3, 4])
        _ = queue.takeOpen()
        // And from the beginning.
        queue.add(entries(5...5))
        queue.tick()
        let send5 = queue.mustSchedule()
        #expect(!send5)
        #expect(queue.ticks == 1)
    }

    /// Whoever reads rows that are a while old finds what there was the next time.
    @Test func whatHasBeenPutOffForAWhileIsAppliedForReaders() {
        let old = ApplyQueue<Int>.staleTicksMax
        var gathering = ApplyQueue<Int>(isPatient: true)
        gathering.applyPromptly(olderThan: old)
        gathering.add(entries(1...3))
        for tick in 0...old {
            gathering.applyPromptly(olderThan: old)
            let isSent = gathering.mustSchedule()
            #expect(isSent == (tick == old))
            gathering.tick()
        }
        var leading = ApplyQueue<Int>(isPatient: true)
        leading.leads = true
        leading.add(entries(1...3))
        leading.applied(leading.takeAll())
        leading.applyPromptly(olderThan: old)
        #expect(!leading.mustCommit(isCommitWanted: false))
        for _ in 0..<old { leading.tick() }
        leading.applyPromptly(olderThan: old)
        #expect(leading.mustCommit(isCommitWanted: false))
        // Not for what comes after it.
        var later = ApplyQueue<Int>(isPatient: true)
        later.add(entries(1...2))
        later.applyPromptly(olderThan: 0)
        _ = later.takeAll()
        later.add(entries(3...3))
        let isSent = later.mustSchedule()
        #expect(!isSent)
    }

    /// Nobody is told that rows are young while older entries are on their way into them.
    @Test func entriesAgeUntilReadersSeeThem() {
        var queue = ApplyQueue<Int>(isPatient: true)
        queue.add(entries(1...2))
        for _ in 0..<7 { queue.tick() }
        let batch = queue.takeAll()
        #expect(queue.ticks == 7)
        queue.tick()
        queue.add(entries(3...3))
        #expect(queue.ticks == 8)
        queue.applied(batch)
        #expect(queue.ticks == 8)
        // A disk that is full makes nothing younger.
        queue.putBack([])
        queue.tick()
        #expect(queue.ticks == 9)
        queue.applied(queue.takeAll())
        #expect(queue.ticks == 9)
        queue.add(entries(4...4))
        _ = queue.takeOpen()
        #expect(queue.ticks == 0)
        queue.tick()
        #expect(queue.ticks == 1)
    }

    /// Until it is applied nobody stands for election.
    @Test func aChangeOfMembershipWaitsForNothing() {
        var change = entries(1...1)[0]
        change.configuration = Configuration(voters: [NodeID(1)])
        var queue = ApplyQueue<Int>(isPatient: true)
        queue.add([change] + entries(2...3))
        let isSent = queue.mustSchedule()
        #expect(isSent)
        _ = queue.takeAll()
        queue.add(entries(4...4))
        let isSentAgain = queue.mustSchedule()
        #expect(!isSentAgain)
    }

    /// Other shards have their turn on the lane between two parts; readers see them together, also who waits for them.
    @Test(arguments: [false, true])
    func manyAreTakenInParts(isAwaited: Bool) {
        let part = ApplyQueue<Int>.takenMax
        let last = UInt64(2 * part + 5)
        var queue = ApplyQueue<Int>(isPatient: true)
        queue.add(entries(1...last))
        if isAwaited {
            queue.applyPromptly(olderThan: 0)
        } else {
            for _ in 0..<ApplyQueue<Int>.patientTicksMax { queue.tick() }
        }
        var sizes: [Int] = []
        var commits: [Bool] = []
        var isSent = queue.mustSchedule()
        while isSent, sizes.count < 4 {
            let taken = queue.takeSome()
            // Nobody else is sent meanwhile.
            queue.tick()
            let isSentTwice = queue.mustSchedule()
            #expect(!isSentTwice)
            sizes.append(taken.count)
            queue.applied(taken)
            commits.append(queue.mustCommit(isCommitWanted: false))
            if commits.last == true {
                #expect(queue.takeOpen().entries.map(\.entry.index.rawValue) == Array(1...last))
            }
            isSent = queue.taskEnded(isCommitWanted: false)
        }
        #expect(sizes == [part, part, 5])
        #expect(commits == [false, false, true])
    }

    /// Its store is about to be removed.
    @Test func nobodyIsSentForAReplicaThatIsGivenUp() {
        let part = ApplyQueue<Int>.takenMax
        var queue = ApplyQueue<Int>(isPatient: true)
        queue.add(entries(1...UInt64(2 * part)))
        queue.applyPromptly(olderThan: 0)
        let isSent = queue.mustSchedule()
        queue.applied(queue.takeSome())
        queue.isRetired = true
        let isSentAgain = queue.taskEnded(isCommitWanted: true)
        #expect(isSent && !isSentAgain)
    }

    /// Until the disk is tried again nobody comes, whatever happens meanwhile; then it is known at once.
    @Test func aFullDiskIsTriedOnceAtATime() {
        var queue = ApplyQueue<Int>(isPatient: true)
        queue.leads = true
        queue.add(entries(1...3))
        let isSent = queue.mustSchedule()
        let batch = queue.takeSome()
        queue.putBack(batch)
        queue.isFull = true
        queue.add(entries(4...4))
        queue.tick()
        queue.applyPromptly(olderThan: 0)
        let isSentAgain = queue.mustSchedule(isCommitWanted: true)
        #expect(isSent && !isSentAgain)
        queue.applied(queue.takeSome())
        #expect(queue.mustCommit(isCommitWanted: false))
    }

    @Test func manyOrLargeOnesAreAppliedAtOnce() {
        var many = ApplyQueue<Int>(isPatient: true)
        let most = UInt64(ApplyQueue<Int>.patientEntriesMax)
        many.add(entries(1...most - 1))
        let send6 = many.mustSchedule()
        #expect(!send6)
        many.add(entries(most...most))
        let send7 = many.mustSchedule()
        #expect(send7)
        var large = ApplyQueue<Int>(isPatient: true)
        large.add(entries(1...1, bytes: ApplyQueue<Int>.patientBytesMax))
        let send8 = large.mustSchedule()
        #expect(send8)
    }

    @Test func aLeadersTransactionEndsWhenItMust() {
        typealias Queue = ApplyQueue<Int>
        func opened(_ count: UInt64 = 3, bytes: Int = 10, ticket: Int? = 7) -> Queue {
            var queue = Queue(isPatient: true)
            queue.leads = true
            queue.applied(entries(1...count, bytes: bytes, ticket: ticket))
            return queue
        }
        var queue = opened()
        #expect(!queue.mustCommit(isCommitWanted: false))
        #expect(queue.mustCommit(isCommitWanted: true))
        queue.applyPromptly(through: .zero)
        #expect(!queue.mustCommit(isCommitWanted: false))
        queue.applyPromptly(through: LogIndex(1))
        #expect(queue.mustCommit(isCommitWanted: false), "somebody reads")
        var watched = Queue(isPatient: true)
        watched.add(entries(1...1))
        let first = watched.mustSchedule()
        let second = watched.mustSchedule(isCommitWanted: true)
        #expect(!first && second, "somebody watches a follower")
        var old = opened()
        for _ in 0..<Queue.patientTicksMax { old.tick() }
        #expect(old.ticks == Queue.patientTicksMax && old.mustCommit(isCommitWanted: false))
        let send = old.mustSchedule()
        #expect(send)
        #expect(opened(UInt64(Queue.patientEntriesMax)).mustCommit(isCommitWanted: false))
        #expect(opened(1, bytes: Queue.patientBytesMax).mustCommit(isCommitWanted: false))
        #expect(opened(1, bytes: 0).mustCommit(isCommitWanted: false), "a leader's first entry")
        var narrow = Queue(isPatient: true, inFlightMax: 8)
        narrow.leads = true
        narrow.applied(entries(1...1, ticket: 7))
        #expect(!narrow.mustCommit(isCommitWanted: false))
        narrow.applied(entries(2...2, ticket: 7))
        #expect(narrow.mustCommit(isCommitWanted: false), "they count as in flight")
        var follower = opened()
        follower.leads = false
        #expect(follower.mustCommit(isCommitWanted: false))
        let open = follower.takeOpen()
        #expect(open.tickets == 3 && open.entries.allSatisfy { $0.ticket == nil })
        #expect(!follower.mustCommit(isCommitWanted: true), "nothing is open")
    }

    @Test func whatWasUndoneComesAgainAndCountsOnce() {
        var queue = ApplyQueue<Int>(isPatient: true)
        queue.leads = true
        queue.applied(entries(1...2, ticket: 7))
        queue.putBack(entries(3...3, ticket: 8))
        let again = queue.takeAll()
        #expect(again.map(\.entry.index.rawValue) == [1, 2, 3])
        #expect(again.map(\.ticket) == [nil, nil, 8])
        queue.applied(again)
        #expect(queue.takeOpen().tickets == 3)
    }

    @Test func whoIsWaitedForAppliesAtOnce() {
        // A read that names an index, before it is committed and after.
        var asked = ApplyQueue<Int>(isPatient: true)
        asked.applyPromptly(through: LogIndex(2))
        asked.add(entries(1...1))
        let send9 = asked.mustSchedule()
        #expect(send9)
        _ = asked.takeAll()
        asked.add(entries(2...2))
        let send10 = asked.mustSchedule()
        #expect(send10)
        _ = asked.takeAll()
        asked.add(entries(3...3))
        let send11 = asked.mustSchedule()
        #expect(!send11)
        asked.applyPromptly(through: LogIndex(3))
        let send12 = asked.mustSchedule()
        #expect(send12)

        var leader = ApplyQueue<Int>(isPatient: true)
        leader.add(entries(1...1))
        let send13 = leader.mustSchedule()
        #expect(!send13)
        leader.leads = true
        let send14 = leader.mustSchedule()
        #expect(send14)

        var ticket = ApplyQueue<Int>(isPatient: true)
        ticket.add(entries(1...1, ticket: 7))
        let send15 = ticket.mustSchedule()
        #expect(send15)

        var system = ApplyQueue<Int>(isPatient: false)
        system.add(entries(1...1))
        let send16 = system.mustSchedule()
        #expect(send16)
    }

    @Test func whatHadNoRoomComesFirstAgain() {
        var queue = ApplyQueue<Int>(isPatient: true)
        queue.add(entries(1...2, bytes: ApplyQueue<Int>.patientBytesMax))
        let send17 = queue.mustSchedule()
        #expect(send17)
        let batch = queue.takeAll()
        queue.add(entries(3...3))
        queue.putBack(batch)
        let send18 = queue.mustSchedule()
        #expect(!send18, "whoever put it back comes again")
        #expect(queue.takeAll().map(\.entry.index.rawValue) == [1, 2, 3])
    }
}
