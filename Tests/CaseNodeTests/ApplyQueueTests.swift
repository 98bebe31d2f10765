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
        #expect(!queue.mustSchedule())
        for _ in 1..<ApplyQueue<Int>.patientTicksMax {
            queue.tick()
            #expect(!queue.mustSchedule())
        }
        queue.add(entries(4...4))
        queue.tick()
        #expect(queue.mustSchedule())
        // Once: somebody is on the way.
        #expect(!queue.mustSchedule())
        #expect(queue.takeAll().map(\.entry.index.rawValue) == [1, 2, 3, 4])
        // And from the beginning.
        queue.add(entries(5...5))
        queue.tick()
        #expect(!queue.mustSchedule() && queue.ticks == 1)
    }

    @Test func manyOrLargeOnesAreAppliedAtOnce() {
        var many = ApplyQueue<Int>(isPatient: true)
        let most = UInt64(ApplyQueue<Int>.patientEntriesMax)
        many.add(entries(1...most - 1))
        #expect(!many.mustSchedule())
        many.add(entries(most...most))
        #expect(many.mustSchedule())
        var large = ApplyQueue<Int>(isPatient: true)
        large.add(entries(1...1, bytes: ApplyQueue<Int>.patientBytesMax))
        #expect(large.mustSchedule())
    }

    @Test func whoIsWaitedForAppliesAtOnce() {
        // A read that names an index, before it is committed and after.
        var asked = ApplyQueue<Int>(isPatient: true)
        asked.applyPromptly(through: LogIndex(2))
        asked.add(entries(1...1))
        #expect(asked.mustSchedule())
        _ = asked.takeAll()
        asked.add(entries(2...2))
        #expect(asked.mustSchedule())
        _ = asked.takeAll()
        asked.add(entries(3...3))
        #expect(!asked.mustSchedule())
        asked.applyPromptly(through: LogIndex(3))
        #expect(asked.mustSchedule())

        var leader = ApplyQueue<Int>(isPatient: true)
        leader.add(entries(1...1))
        #expect(!leader.mustSchedule())
        leader.leads = true
        #expect(leader.mustSchedule())

        var ticket = ApplyQueue<Int>(isPatient: true)
        ticket.add(entries(1...1, ticket: 7))
        #expect(ticket.mustSchedule())

        var system = ApplyQueue<Int>(isPatient: false)
        system.add(entries(1...1))
        #expect(system.mustSchedule())
    }

    @Test func whatHadNoRoomComesFirstAgain() {
        var queue = ApplyQueue<Int>(isPatient: true)
        queue.add(entries(1...2, bytes: ApplyQueue<Int>.patientBytesMax))
        #expect(queue.mustSchedule())
        let batch = queue.takeAll()
        queue.add(entries(3...3))
        queue.putBack(batch)
        #expect(!queue.mustSchedule(), "whoever put it back comes again")
        #expect(queue.takeAll().map(\.entry.index.rawValue) == [1, 2, 3])
    }
}
