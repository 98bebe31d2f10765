import CaseModel
import ClusterPrimitives
import Testing

@testable import CoordinatorCore

@Suite struct SweepTests {
    /// Goal: work begins within 1 s of being due, never early, and no shard is asked for nothing.
    /// Method: cases with random due times, some moving a shard's first due time earlier; no
    /// faults.
    @Test(arguments: UInt64(1)...8)
    func sweepsBeginWithinASecond(seed: UInt64) throws {
        var world = CoordinatorSimulation(seed: seed, shardCount: 40)
        world.elect()
        world.run(milliseconds: 1_000)
        for _ in 0..<400 {
            let position = Int.random(in: 0..<40, using: &world.random)
            let delay = TimeSpan(milliseconds: Int64.random(in: 0...20_000, using: &world.random))
            for _ in 0..<Int.random(in: 1...3, using: &world.random) {
                world.addCase(to: position, dueAt: world.now + delay)
            }
            world.tick()
        }
        // All at once: more shards than slots.
        let together = world.now + .seconds(3)
        for position in 0..<40 {
            for _ in 0..<30 { world.addCase(to: position, dueAt: together) }
        }
        world.run(milliseconds: 25_000)
        for shard in world.shards {
            #expect(shard.faults == [], "SIM_SEED=\(seed)")
            for known in shard.cases {
                let closedAt = try #require(known.closedAtTrueTime, "SIM_SEED=\(seed)")
                let late = TestCluster.start.rawValue + closedAt - known.dueAt.rawValue
                #expect((0...1_000).contains(late), "SIM_SEED=\(seed) late by \(late) ms")
            }
            // Asked once at the start and once a minute; an announcement that crosses an answer may
            // add a few.
            #expect(shard.emptySweeps <= 1 + 2 + 3, "SIM_SEED=\(seed)")
        }
    }

    /// Goal: a long page of one shard holds up nobody else's first.
    @Test func pagesShareTheSlots() {
        var world = CoordinatorSimulation(seed: 1, shardCount: 64)
        world.pageMax = 1
        let due = world.now
        for position in 0..<64 {
            for _ in 0..<50 { world.addCase(to: position, dueAt: due) }
        }
        world.elect()
        world.run(milliseconds: 1_000)
        #expect(world.shards.allSatisfy { $0.sweeps >= 1 })
        world.run(milliseconds: 60_000)
        #expect(world.shards.allSatisfy { $0.firstDue == nil })
        #expect(world.outMax <= PlannerLimits.sweepsInFlightMax)
    }

    /// Goal: what fell due while nobody coordinated is done at once on recovery.
    @Test func outagesAreCaughtUp() {
        var world = CoordinatorSimulation(seed: 1, shardCount: 8)
        world.elect()
        world.run(milliseconds: 1_000)
        world.depose(forgets: true)
        for position in 0..<8 { world.addCase(to: position, dueAt: world.now + .seconds(5)) }
        world.run(milliseconds: 3_600_000)
        #expect(world.shards.allSatisfy { $0.firstDue != nil })
        world.elect()
        world.run(milliseconds: 1_000)
        #expect(world.shards.allSatisfy { $0.firstDue == nil })
    }

    /// Goal: an announcement that is lost costs a minute, not the case.
    @Test func lostAnnouncementsAreFound() {
        var world = CoordinatorSimulation(seed: 1, shardCount: 2)
        world.elect()
        world.run(milliseconds: 1_000)
        world.shards[1].cases.append(SimulatedShard.Case(dueAt: world.now + .seconds(1)))
        world.run(milliseconds: 62_000)
        #expect(world.shards[1].firstDue == nil)
    }

    /// Goal: a shard that answers but can't do anything is not asked in a tight loop.
    @Test func aStuckShardIsAskedSlowly() {
        var sweeps = SweepPlanner(epoch: Epoch(incarnation: 1, term: Term(1)), shardCount: 1)
        var attempts: UInt64 = 0
        var asked = 0
        for tick in Int64(0)..<100 {
            let now = Timestamp(rawValue: 1_000 + tick * 100)
            var effects = sweeps.tick(now: now, &attempts)
            while let effect = effects.popLast() {
                guard case .tell(_, .sweep(_, let asOf, _), let errand) = effect else { continue }
                asked += 1
                let stuck = ShardAnswer.page(count: 0, more: true, nextDueAt: asOf)
                effects += sweeps.answered(errand.attempt, stuck, &attempts)
            }
        }
        #expect((10...25).contains(asked), "asked \(asked) times in ten seconds")
    }
}

@Suite struct CoordinatorFailoverTests {
    /// Goal: whatever gets lost and whoever coordinates, each case closes once and not early,
    /// nights follow each other without one running twice, and when the faults end everything is
    /// caught up. Method: losses, delays, elections, deposed coordinators that go on, clocks that
    /// step; then calm.
    @Test(arguments: UInt64(1)...16)
    func faultsLoseNothing(seed: UInt64) throws {
        var world = CoordinatorSimulation(seed: seed, shardCount: 6, schedule: "every 5s")
        world.pageMax = 3
        world.cluster.must(.putPrincipal(.agent("anna")), .putPrincipal(.agent("bo")))
        world.isFaulty = true
        world.elect()
        for tick in 0..<900 {
            let position = Int.random(in: 0..<6, using: &world.random)
            let delay = TimeSpan(milliseconds: Int64.random(in: 0...9_000, using: &world.random))
            world.addCase(to: position, dueAt: world.now + delay)
            switch Int.random(in: 0..<150, using: &world.random) {
            case 0: world.elect()
            case 1: world.depose(forgets: Bool.random(using: &world.random))
            case 2 where world.isLeaderless, 3 where world.isLeaderless: world.elect()
            case 4: world.clockError = Int64.random(in: -2_000...2_000, using: &world.random)
            case 5:
                world.apply(.removePrincipal(PrincipalID(tick % 2 == 0 ? "anna" : "bo")))
            case 6: world.apply(.putPrincipal(.agent(tick % 2 == 0 ? "anna" : "bo")))
            default: break
            }
            world.tick()
        }
        world.isFaulty = false
        world.elect()
        // The first half of the calm works off what is left; a night that overruns swallows the
        // next.
        world.run(milliseconds: 50_000)
        let calm = world.cluster.state.nextNightNumber
        world.run(milliseconds: 50_000)

        let state = world.cluster.state
        #expect(world.coordinators.count == 1, "SIM_SEED=\(seed)")
        for shard in world.shards {
            #expect(shard.faults == [], "SIM_SEED=\(seed)")
            #expect(shard.firstDue == nil, "SIM_SEED=\(seed)")
            let last = try #require(shard.night)
            #expect(last.number >= state.nextNightNumber - 2, "SIM_SEED=\(seed)")
            for known in shard.cases {
                let closedAt = try #require(known.closedAt)
                let boundary = try #require(known.archivedBefore, "SIM_SEED=\(seed)")
                #expect(known.dueAt <= closedAt && closedAt < boundary, "SIM_SEED=\(seed)")
            }
        }
        checkNights(state, calmSince: calm, seed: seed)
        #expect(state.pendingNotices == [], "SIM_SEED=\(seed)")
        for name in ["anna", "bo"] {
            let isGone = state.principal(PrincipalID(name)) == nil
            #expect(
                world.shards.allSatisfy { $0.gone[PrincipalID(name)] == (isGone ? true : nil) },
                "SIM_SEED=\(seed)"
            )
        }
        #expect(try world.cluster.reloaded() == state)
    }

    private func checkNights(_ state: SystemState, calmSince calm: UInt64, seed: UInt64) {
        for (night, next) in zip(state.nights, state.nights.dropFirst()) {
            #expect(next.number == night.number + 1, "SIM_SEED=\(seed)")
            #expect(night.boundary < next.boundary, "SIM_SEED=\(seed)")
            #expect(night.finishedAt != nil, "SIM_SEED=\(seed)")
            #expect(night.shardsDone.count == state.shardCount, "SIM_SEED=\(seed)")
            #expect(night.epoch <= next.epoch, "SIM_SEED=\(seed)")
            if night.number > calm {
                #expect(next.boundary - night.boundary == .seconds(5), "SIM_SEED=\(seed)")
            }
        }
        for night in state.nights {
            #expect(night.boundary.rawValue % 5_000 == 0, "SIM_SEED=\(seed)")
            #expect(night.boundary <= night.plannedAt, "SIM_SEED=\(seed)")
            if night.number > calm {
                #expect(night.plannedAt - night.boundary <= .seconds(1), "SIM_SEED=\(seed)")
            }
        }
    }

    /// Goal: a coordinator that woke from a stall moves nothing, and stops.
    @Test func aDeposedCoordinatorStops() {
        var world = CoordinatorSimulation(seed: 1, shardCount: 2)
        world.elect()
        world.run(milliseconds: 500)
        world.elect()
        world.run(milliseconds: 500)
        #expect(world.coordinators.map(\.term) == [world.cluster.term])
        #expect(world.stopped == 1)
    }

    @Test func afterStopItSaysNothing() {
        let cluster = TestCluster.founded()
        let old = Epoch(incarnation: 1, term: .zero)
        var coordinator = Coordinator(epoch: old, shardCount: 4)
        let tick = CoordinatorEvent.tick(now: cluster.now, state: cluster.state, zone: .utc)
        let effects = coordinator.step(tick)
        #expect(effects.count == 4)
        guard case .tell(_, _, let errand)? = effects.first else {
            Issue.record("\(effects)")
            return
        }
        #expect(coordinator.step(.shardAnswered(errand, .staleEpoch)) == [.stop])
        #expect(coordinator.step(tick) == [])
    }

    /// Goal: an answer to an earlier try, or one that comes twice, is passed over.
    @Test func lateAnswersArePassedOver() {
        let cluster = TestCluster.founded(shards: 1)
        var coordinator = Coordinator(epoch: cluster.epoch, shardCount: 1)
        let tick = CoordinatorEvent.tick(now: cluster.now, state: cluster.state, zone: .utc)
        guard case .tell(_, _, let first)? = coordinator.step(tick).first else {
            Issue.record("no sweep")
            return
        }
        for _ in 0..<PlannerLimits.timeoutTicks { #expect(coordinator.step(tick) == []) }
        guard case .tell(_, _, let second)? = coordinator.step(tick).first else {
            Issue.record("no second try")
            return
        }
        #expect(first != second)
        let more = ShardAnswer.page(count: 1, more: true, nextDueAt: nil)
        #expect(coordinator.step(.shardAnswered(first, more)) == [])
        #expect(coordinator.step(.shardAnswered(second, more)).count == 1)
        #expect(coordinator.step(.shardAnswered(second, more)) == [])
    }

    /// Goal: a node that coordinates again, after another did, is not moved by answers to what its first
    /// coordinator asked: no refusal of that one stops it, and no page passes for one of its own tries.
    @Test func answersToAPredecessorArePassedOver() {
        let cluster = TestCluster.founded(shards: 1)
        let tick = CoordinatorEvent.tick(now: cluster.now, state: cluster.state, zone: .utc)
        var first = Coordinator(epoch: Epoch(incarnation: 1, term: Term(1)), shardCount: 1)
        var second = Coordinator(epoch: Epoch(incarnation: 1, term: Term(3)), shardCount: 1)
        guard case .tell(_, _, let asked)? = first.step(tick).first,
            case .tell(_, _, let asks)? = second.step(tick).first
        else {
            Issue.record("no sweep")
            return
        }
        let more = ShardAnswer.page(count: 1, more: true, nextDueAt: nil)
        #expect(second.step(.shardAnswered(asked, .staleEpoch)) == [])
        #expect(second.step(.shardAnswered(asked, more)) == [])
        #expect(second.step(.shardAnswered(asks, more)).count == 1)
    }
}

/// Step by step, with the answers that a simulation rarely gives.
@Suite struct CoordinatorStepTests {
    private func tick(_ cluster: TestCluster) -> CoordinatorEvent {
        .tick(now: cluster.now, state: cluster.state, zone: .utc)
    }

    /// What one shard is told, sweeps apart, with the errands.
    private func told(_ effects: [CoordinatorEffect]) -> [(command: ShardCommand, errand: Errand)] {
        effects.compactMap { effect in
            guard case .tell(_, let command, let errand) = effect else { return nil }
            if case .sweep = command { return nil }
            return (command, errand)
        }
    }

    /// Goal: a return goes out only when nothing about the leaving is on its way any more.
    @Test func aReturnWaitsForTheLeaving() throws {
        var cluster = TestCluster.founded(shards: 1)
        let anna = PrincipalID("anna")
        cluster.must(.putPrincipal(.agent("anna")), .removePrincipal(anna))
        var coordinator = Coordinator(epoch: cluster.epoch, shardCount: 1)
        let gone = try #require(told(coordinator.step(tick(cluster))).first)
        #expect(
            gone.command == .ownerGone(epoch: cluster.epoch, principal: anna, limit: 500)
        )
        cluster.must(.putPrincipal(.agent("anna")))
        for _ in 1..<PlannerLimits.timeoutTicks {
            #expect(told(coordinator.step(tick(cluster))).isEmpty)
        }
        // Lost sight of: now nothing of it can be proposed any more.
        let later = (0..<3).flatMap { _ in told(coordinator.step(tick(cluster))) }
        #expect(
            later.map(\.command) == [.ownerBack(epoch: cluster.epoch, principal: anna)]
        )
        let page = ShardAnswer.page(count: 0, more: false, nextDueAt: nil)
        #expect(coordinator.step(.shardAnswered(gone.errand, page)) == [])
    }

    /// Goal: a shard that does not know of the night is told again that it begins.
    @Test func aShardThatForgotTheNightBeginsItAgain() throws {
        var cluster = TestCluster.founded(shards: 1)
        cluster.advance(.days(2))
        cluster.must(.planNight(number: 1, boundary: cluster.now, epoch: cluster.epoch))
        var coordinator = Coordinator(epoch: cluster.epoch, shardCount: 1)
        let begin = ShardCommand.beginNight(
            epoch: cluster.epoch,
            night: 1,
            boundary: cluster.now
        )
        let archive = ShardCommand.archivePage(
            epoch: cluster.epoch,
            night: 1,
            boundary: cluster.now,
            limit: 500
        )
        let page = ShardAnswer.page(count: 0, more: true, nextDueAt: nil)
        var step = try #require(told(coordinator.step(tick(cluster))).first)
        #expect(step.command == begin)
        step = try #require(told(coordinator.step(.shardAnswered(step.errand, page))).first)
        #expect(step.command == archive)
        #expect(coordinator.step(.shardAnswered(step.errand, .failed)) == [])
        step = try #require(told(coordinator.step(tick(cluster))).first)
        #expect(step.command == begin)
    }
}

@Suite struct NightSimulationTests {
    /// Central European rules, made by hand so that these tests run anywhere.
    static func stockholm() throws -> ZoneRules {
        let footer = "CET-1CEST,M3.5.0,M10.5.0/3"
        return try ZoneRules(tzif: ZoneFiles.build(offsets: [3_600, 7_200], footer: footer))
    }

    /// Goal: each calendar day has exactly one night, at its instant, over both changes of the
    /// clocks. Method: a year, day by day, with the seconds around each night simulated; a failover
    /// now and then.
    @Test(arguments: ["00:00", "02:00", "02:30", "03:00", "23:45"])
    func oneNightADayForAYear(time: String) throws {
        let zone = try Self.stockholm()
        var world = CoordinatorSimulation(seed: 7, shardCount: 2, schedule: time, zone: zone)
        let schedule = try #require(NightSchedule(time))
        world.elect()
        world.run(milliseconds: 500)
        var planned: [Timestamp] = []
        for day in 0..<366 {
            if day % 50 == 49 { world.elect() }
            let boundary = schedule.next(after: world.now, in: zone)
            let quiet = boundary.rawValue - world.now.rawValue - 1_000
            world.trueTime +=
                quiet / CoordinatorSimulation.tickMilliseconds
                * CoordinatorSimulation.tickMilliseconds
            world.run(milliseconds: 5_000)
            let night = try #require(world.cluster.state.lastNight)
            #expect(night.boundary == boundary && night.finishedAt != nil)
            #expect(night.plannedAt - boundary <= .seconds(1) && night.plannedAt >= boundary)
            planned.append(night.boundary)
        }
        #expect(world.cluster.state.lastNight?.number == 366)
        let days = planned.map { zone.day(at: $0).number }
        #expect(zip(days, days.dropFirst()).allSatisfy { $1 == $0 + 1 })
        let gaps = zip(planned, planned.dropFirst()).map { ($1 - $0).milliseconds / 3_600_000 }
        #expect(gaps.count { $0 == 24 } >= 361)
        #expect(gaps.allSatisfy { (22...25).contains($0) })
    }

    /// Goal: nights that nobody could run are caught up as one, at once, and none runs twice.
    @Test func missedNightsAreCaughtUp() throws {
        let zone = try Self.stockholm()
        var world = CoordinatorSimulation(seed: 1, shardCount: 2, zone: zone)
        world.elect()
        world.run(milliseconds: 500)
        world.addCase(to: 0, dueAt: world.now)
        world.run(milliseconds: 1_000)
        world.depose(forgets: true)
        world.trueTime += 3 * 86_400_000
        world.elect()
        world.run(milliseconds: 3_000)
        let night = try #require(world.cluster.state.lastNight)
        #expect(night.number == 1 && night.finishedAt != nil)
        let daily = NightSchedule.daily(minute: 120)
        #expect(daily.next(after: night.boundary, in: zone) > world.now)
        #expect(world.shards[0].cases[0].archivedBefore == night.boundary)
        world.run(milliseconds: 60_000)
        #expect(world.cluster.state.lastNight?.number == 1)
    }

    /// Goal: a night that a failover interrupted is finished by the next coordinator under its own
    /// number.
    @Test func anInterruptedNightGoesOn() throws {
        var world = CoordinatorSimulation(seed: 3, shardCount: 30, schedule: "every 60s")
        world.pageMax = 1
        world.elect()
        world.run(milliseconds: 500)
        for position in 0..<30 {
            for _ in 0..<5 { world.addCase(to: position, dueAt: world.now) }
        }
        world.run(milliseconds: 20_000)
        while world.cluster.state.runningNight?.shardsDone.count ?? 0 < 5 { world.tick() }
        let night = try #require(world.cluster.state.runningNight)
        world.depose(forgets: true)
        world.run(milliseconds: 2_000)
        world.elect()
        world.run(milliseconds: 20_000)
        let same = try #require(world.cluster.state.nights.first { $0.number == night.number })
        #expect(same.boundary == night.boundary && same.finishedAt != nil)
        #expect(world.shards.allSatisfy { $0.faults == [] })
    }

    /// Goal: another schedule counts from the last boundary; nothing runs for the past that is
    /// done.
    @Test func aChangedScheduleRunsNothingTwice() throws {
        var world = CoordinatorSimulation(seed: 1, shardCount: 1, schedule: "every 5s")
        world.elect()
        world.run(milliseconds: 12_000)
        let last = try #require(world.cluster.state.lastNight)
        world.apply(.setSettings([NamedValue("night", "02:00")]))
        world.run(milliseconds: 12_000)
        let boundary = world.cluster.state.lastNight?.boundary
        #expect(boundary == last.boundary || (boundary ?? .zero) > last.boundary)
        #expect(world.cluster.state.lastNight?.number ?? 0 <= last.number + 1)
        world.apply(.setSettings([NamedValue("night", "every 5s")]))
        world.run(milliseconds: 12_000)
        let boundaries = world.cluster.state.nights.map(\.boundary)
        #expect(zip(boundaries, boundaries.dropFirst()).allSatisfy { $0 < $1 })
    }
}

@Suite struct WorkSlotsTests {
    @Test func firstComeFirstServedWithinTheLimit() {
        var slots = WorkSlots<Int>(limit: 2)
        var attempts: UInt64 = 0
        for key in [3, 1, 2, 3] { slots.want(key) }
        #expect(slots.start(&attempts).map(\.key) == [3, 1])
        #expect(slots.start(&attempts).isEmpty)
        #expect(slots.finish(1) == 3 && slots.finish(1) == nil)
        #expect(slots.start(&attempts).map(\.key) == [2])
        slots.retain { _ in false }
        #expect(slots.isOut(1) && slots.isOut(2))
        slots.clear()
        #expect(slots.finish(2) == nil)
    }

    @Test func failuresRestLongerUpToABound() {
        var slots = WorkSlots<Int>(limit: 1)
        var attempts: UInt64 = 0
        slots.want(7)
        var rests: [Int] = []
        for _ in 0..<6 {
            let started = slots.start(&attempts)
            #expect(started.map(\.key) == [7])
            #expect(slots.fail(attempts) == 7)
            var ticks = 0
            var copy = attempts
            repeat {
                slots.tick()
                ticks += 1
                copy = attempts
                var probe = slots
                if !probe.start(&copy).isEmpty { break }
            } while ticks < 100
            rests.append(ticks)
        }
        #expect(rests == [1, 2, 4, 5, 5, 5])
    }
}
