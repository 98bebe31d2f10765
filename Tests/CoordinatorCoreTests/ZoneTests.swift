import ClusterPrimitives
import Foundation
import Testing

@testable import CoordinatorCore

/// Zone files: those of the machine where it has some, and a few written by hand.
enum ZoneFiles {
    static let directory = "/usr/share/zoneinfo/"

    static func bytes(_ name: String) -> [UInt8]? {
        FileManager.default.contents(atPath: directory + name).map { Array($0) }
    }

    /// Without the machine's zone files these tests are skipped by name: the hand-made ones still
    /// run.
    static let areThere = bytes("Europe/Stockholm") != nil

    static func rules(_ name: String) throws -> ZoneRules {
        try ZoneRules(tzif: try #require(bytes(name), "no zone file \(name)"))
    }

    /// A version 2 file.
    static func build(
        offsets: [Int32],
        changes: [(at: Int64, type: UInt8)] = [],
        footer: String,
        version: UInt8 = UInt8(ascii: "2"),
        leapCount: UInt32 = 0
    ) -> [UInt8] {
        func header(_ counts: [UInt32]) -> [UInt8] {
            Array("TZif".utf8) + [version] + [UInt8](repeating: 0, count: 15)
                + counts.flatMap { bigEndian(UInt64($0), 4) }
        }
        var bytes = header([0, 0, 0, 0, 0, 0])
        bytes += header([
            0, 0, leapCount, UInt32(changes.count), UInt32(offsets.count), 4,
        ])
        for change in changes { bytes += bigEndian(UInt64(bitPattern: change.at), 8) }
        bytes += changes.map(\.type)
        for offset in offsets {
            bytes += bigEndian(UInt64(UInt32(bitPattern: offset)), 4) + [0, 0]
        }
        bytes += Array("ABC\0".utf8)
        return bytes + Array("\n\(footer)\n".utf8)
    }

    private static func bigEndian(_ value: UInt64, _ count: Int) -> [UInt8] {
        (0..<count).reversed().map { UInt8(truncatingIfNeeded: value >> UInt64($0 * 8)) }
    }
}

/// Seconds since 1970 of a civil time in UTC.
func utc(
    _ year: Int64,
    _ month: Int64,
    _ day: Int64,
    _ hour: Int64 = 0,
    _ minute: Int64 = 0
)
    -> Int64
{
    CivilDay(year: year, month: month, day: day).localSeconds + hour * 3_600 + minute * 60
}

@Suite struct CivilDayTests {
    @Test func everyDayOfThreeCenturiesFollowsTheOneBefore() {
        var day = CivilDay(year: 1899, month: 12, day: 31)
        var weekday: Int64 = 0  // A Sunday.
        #expect(day.weekday == 0)
        for year in Int64(1900)...2200 {
            for month in Int64(1)...12 {
                let long: Set<Int64> = [1, 3, 5, 7, 8, 10, 12]
                let days =
                    month == 2
                    ? (CivilDay.isLeap(year) ? 29 : 28)
                    : (long.contains(month) ? 31 : 30)
                for date in 1...Int64(days) {
                    day = day.next
                    weekday = (weekday + 1) % 7
                    #expect(CivilDay(year: year, month: month, day: date) == day)
                    #expect(day.year == year && day.weekday == weekday)
                }
            }
        }
        #expect(CivilDay(year: 1970, month: 1, day: 1).number == 0)
    }
}

@Suite struct PosixZoneTests {
    private func zone(_ text: String) throws -> PosixZone {
        try PosixZone(parsing: Array(text.utf8))
    }

    @Test func texts() throws {
        #expect(try zone("UTC0") == PosixZone(offset: 0, summer: nil))
        #expect(try zone("<+0530>-5:30") == PosixZone(offset: 19_800, summer: nil))
        #expect(try zone("EST+5").offset == -18_000)
        let stockholm = try zone("CET-1CEST,M3.5.0,M10.5.0/3")
        #expect(stockholm.offset == 3_600 && stockholm.summer?.offset == 7_200)
        let dublin = try zone("IST-1GMT0,M10.5.0,M3.5.0/1")
        #expect(dublin.offset == 3_600 && dublin.summer?.offset == 0)
        let nuuk = try zone("<-02>2<-01>,M3.5.0/-1,M10.5.0/0")
        #expect(nuuk.summer?.start.seconds == -3_600)
        #expect(try zone("AAA3BBB,J60/12:30:15,59/1").summer?.start.seconds == 45_015)
    }

    @Test func daysOfTheYear() {
        typealias Day = PosixZone.Day
        func date(_ day: Day, _ year: Int64) -> Int64 { day.date(in: year).number }
        func civil(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
            CivilDay(year: year, month: month, day: day).number
        }
        #expect(date(.julian(60), 2023) == civil(2023, 3, 1))
        #expect(date(.julian(60), 2024) == civil(2024, 3, 1))
        #expect(date(.julian(59), 2024) == civil(2024, 2, 28))
        #expect(date(.zeroBased(59), 2024) == civil(2024, 2, 29))
        #expect(date(.zeroBased(59), 2023) == civil(2023, 3, 1))
        #expect(date(.monthly(month: 3, week: 5, weekday: 0), 2024) == civil(2024, 3, 31))
        #expect(date(.monthly(month: 2, week: 5, weekday: 4), 2024) == civil(2024, 2, 29))
        #expect(date(.monthly(month: 2, week: 5, weekday: 4), 2023) == civil(2023, 2, 23))
        #expect(date(.monthly(month: 12, week: 5, weekday: 0), 2023) == civil(2023, 12, 31))
        #expect(date(.monthly(month: 10, week: 1, weekday: 0), 2023) == civil(2023, 10, 1))
    }

    @Test(arguments: [
        "", "A", "CET", "CET-", "CET-25", "CET-1CEST", "CET-1CEST,M3.5.0",
        "CET-1CEST,M13.5.0,M1.1.1",
        "CET-1CEST,M0.5.0,M1.1.1", "CET-1CEST,M3.0.0,M1.1.1", "CET-1CEST,M3.5.7,M1.1.1",
        "CET-1CEST,J0,J1", "CET-1CEST,J366,J1", "CET-1CEST,366,1", "<CET-1", "CET-1:60",
        "CET-1CEST,M3.5.0/168,M10.5.0", "CET-1CEST,M3.5.0,M10.5.0x", "CET-99999999999999999999",
    ])
    func badTexts(text: String) {
        #expect(throws: DecodingFault.self) { try zone(text) }
    }
}

@Suite struct ZoneRulesTests {
    @Test func stockholmByHandAndByItsRule() throws {
        let bytes = ZoneFiles.build(offsets: [3_600, 7_200], footer: "CET-1CEST,M3.5.0,M10.5.0/3")
        let zone = try ZoneRules(tzif: bytes)
        // The last Sundays of March and October, at 01:00 UTC.
        let changes: [(Int64, Int64, Int64)] = [
            (2024, 31, 27), (2025, 30, 26), (2026, 29, 25), (2027, 28, 31), (2028, 26, 29),
            (2029, 25, 28), (2030, 31, 27), (2031, 30, 26), (2032, 28, 31), (2033, 27, 30),
            (2034, 26, 29), (2035, 25, 28), (2036, 30, 26), (2037, 29, 25), (2038, 28, 31),
            (2039, 27, 30), (2040, 25, 28),
        ]
        for (year, march, october) in changes {
            let spring = utc(year, 3, march, 1)
            let autumn = utc(year, 10, october, 1)
            #expect(zone.offset(at: spring - 1) == 3_600 && zone.offset(at: spring) == 7_200)
            #expect(zone.offset(at: autumn - 1) == 7_200 && zone.offset(at: autumn) == 3_600)
            let day = CivilDay(year: year, month: 3, day: march)
            let night = zone.instant(of: day, minute: 150)
            #expect(night?.rawValue == spring * 1_000)  // 02:30 is skipped.
            let autumnDay = CivilDay(year: year, month: 10, day: october)
            let twice = zone.instant(of: autumnDay, minute: 150)
            #expect(twice?.rawValue == (autumn - 1_800) * 1_000)  // The first 02:30.
            #expect(zone.instant(of: autumnDay, minute: 180)?.rawValue == (autumn + 3_600) * 1_000)
        }
    }

    @Test func changesOfTheFileGoBeforeItsRule() throws {
        let bytes = ZoneFiles.build(
            offsets: [0, 3_600, -3_600],
            changes: [(at: 1_000, type: 1), (at: 5_000_000, type: 2)],
            footer: "XXX2"
        )
        let zone = try ZoneRules(tzif: bytes)
        #expect(zone.offset(at: 999) == 0 && zone.offset(at: 1_000) == 3_600)
        #expect(zone.offset(at: 4_999_999) == 3_600)
        #expect(zone.offset(at: 5_000_000) == -7_200)  // The rule, from the last change on.
        let endless = ZoneFiles.build(offsets: [0, 60], changes: [(at: 9, type: 1)], footer: "")
        #expect(try ZoneRules(tzif: endless).offset(at: 1 << 40) == 60)
    }

    /// RFC 8536, 3.3.1: summer time all the year, in rules that touch at New Year.
    @Test func summerAllTheYear() throws {
        let bytes = ZoneFiles.build(offsets: [0], footer: "XXX3EDT4,0/0,J365/23")
        let zone = try ZoneRules(tzif: bytes)
        for day in Int64(0)..<1_000 {
            #expect(zone.offset(at: utc(2030, 1, 1) + day * 43_200) == -14_400)
        }
        let allYear = ZoneFiles.build(offsets: [0], footer: "EST5EDT,0/0,J365/25")
        let always = try ZoneRules(tzif: allYear)
        for hour in Int64(-100)..<100 {
            #expect(always.offset(at: utc(2031, 1, 1) + hour * 3_600) == -14_400)
        }
    }

    @Test func aDayThatIsNotThereHasNoNight() throws {
        // Samoa crossed the date line: from the end of 29 December 2011, -10 h, to +14 h.
        let line = utc(2011, 12, 30, 10)
        let bytes = ZoneFiles.build(
            offsets: [-36_000, 50_400],
            changes: [(at: line, type: 1)],
            footer: ""
        )
        let zone = try ZoneRules(tzif: bytes)
        let days = (Int64(28)...32).map { day in
            let date = CivilDay(number: CivilDay(year: 2011, month: 12, day: 1).number + day - 1)
            return zone.instant(of: date, minute: 120).map { $0.rawValue / 1_000 - line }
        }
        let expected: [Int64?] = [-165_600, -79_200, nil, 7_200, 93_600]  // 02:00 each.
        #expect(days == expected)
        let schedule = NightSchedule.daily(minute: 120)
        let before = Timestamp(rawValue: (line - 22 * 3_600) * 1_000)
        let after = Timestamp(rawValue: (line + 7_200) * 1_000)
        #expect(schedule.next(after: before, in: zone) == after)
        #expect(schedule.last(after: before, through: after, in: zone) == after)
        let just = after + TimeSpan(milliseconds: -1)
        #expect(schedule.last(after: before, through: just, in: zone) == nil)
    }

    @Test func aGapAtMidnightMovesTheNightIntoTheDay() throws {
        // From 00:00 to 01:00 on a day in March.
        let gap = utc(2030, 3, 10)
        let zone = try #require(
            ZoneRules(initialOffset: 0, changes: [ZoneRules.Change(at: gap, offset: 3_600)])
        )
        let day = CivilDay(year: 2030, month: 3, day: 10)
        #expect(zone.instant(of: day, minute: 0)?.rawValue == gap * 1_000)
        #expect(zone.instant(of: day, minute: 30)?.rawValue == gap * 1_000)
        #expect(zone.instant(of: day, minute: 60)?.rawValue == gap * 1_000)
        #expect(zone.instant(of: day, minute: 90)?.rawValue == (gap + 1_800) * 1_000)
        // And out of the day: 23:45 on the ninth is skipped, the night begins on the tenth.
        let late = try #require(
            ZoneRules(initialOffset: 0, changes: [.init(at: gap - 1_800, offset: 3_600)])
        )
        let ninth = late.instant(of: day.previous, minute: 23 * 60 + 45)
        #expect(ninth?.rawValue == (gap - 1_800) * 1_000)
    }

    @Test func clocksThatGoBackOverMidnight() throws {
        // At 00:30 back to 23:30 of the day before.
        let back = utc(2030, 11, 3, 0, 30)
        let zone = try #require(
            ZoneRules(initialOffset: 0, changes: [ZoneRules.Change(at: back, offset: -3_600)])
        )
        let third = CivilDay(year: 2030, month: 11, day: 3)
        let schedule = NightSchedule.daily(minute: 15)
        let night = try #require(zone.instant(of: third, minute: 15))
        #expect(night.rawValue == (back - 900) * 1_000)
        let now = Timestamp(rawValue: (back + 600) * 1_000)  // Local 23:40 on the second.
        let before = try #require(zone.instant(of: third.previous, minute: 15))
        #expect(schedule.last(after: before, through: now, in: zone) == night)
        #expect(schedule.last(after: night, through: now, in: zone) == nil)
        let second = Timestamp(rawValue: (back + 900 + 3_600) * 1_000)  // The second 00:15.
        #expect(schedule.last(after: night, through: second, in: zone) == nil)
        let next = try #require(zone.instant(of: third.next, minute: 15))
        #expect(schedule.next(after: night, in: zone) == next)
    }

    @Test func badFiles() {
        let good = ZoneFiles.build(offsets: [3_600], footer: "CET-1")
        #expect(throws: Never.self) { try ZoneRules(tzif: good) }
        for count in 0..<good.count {
            #expect(throws: DecodingFault.self) { try ZoneRules(tzif: Array(good.prefix(count))) }
        }
        let bad: [[UInt8]] = [
            good + [0],
            ZoneFiles.build(offsets: [], footer: "CET-1"),
            ZoneFiles.build(offsets: [3_600], footer: "nonsense"),
            ZoneFiles.build(offsets: [3_600], footer: "CET-1", version: 0),
            ZoneFiles.build(offsets: [200_000], footer: "CET-1"),
            ZoneFiles.build(offsets: [0], changes: [(at: 5, type: 1)], footer: ""),
            ZoneFiles.build(
                offsets: [0],
                changes: [(at: 5, type: 0), (at: 5, type: 0)],
                footer: ""
            ),
            ZoneFiles.build(offsets: [0], changes: [(at: Int64.max, type: 0)], footer: ""),
            ZoneFiles.build(offsets: [0], footer: "CET-1", leapCount: 1),
            [UInt8](repeating: 0, count: ZoneRules.fileBytesMax + 1),
        ]
        for bytes in bad {
            #expect(throws: DecodingFault.self) { try ZoneRules(tzif: bytes) }
        }
        let reversed: [ZoneRules.Change] = [.init(at: 2, offset: 0), .init(at: 1, offset: 0)]
        #expect(ZoneRules(initialOffset: 0, changes: reversed) == nil)
        #expect(ZoneRules(initialOffset: 100_000, changes: []) == nil)
    }

    @Test(arguments: UInt64(1)...4)
    func spoiltFilesNeverTrap(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let good = ZoneFiles.build(
            offsets: [0, 3_600],
            changes: [(at: 100, type: 1), (at: 200, type: 0)],
            footer: "CET-1CEST,M3.5.0,M10.5.0/3"
        )
        for _ in 0..<3_000 {
            var bad = good
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                bad[Int.random(in: 0..<bad.count, using: &random)] ^=
                    UInt8.random(in: 1...255, using: &random)
            }
            do {
                let zone = try ZoneRules(tzif: bad)
                let time = Timestamp(
                    rawValue: Int64.random(in: 0...4_000_000_000_000, using: &random)
                )
                let night = NightSchedule.daily(minute: 120).next(after: time, in: zone)
                #expect(night > time, "SIM_SEED=\(seed)")
            } catch {
                #expect(error.offset <= bad.count, "SIM_SEED=\(seed)")
            }
        }
    }
}

@Suite struct MachineZoneTests {
    static let names = [
        "Europe/Stockholm", "Europe/Dublin", "America/New_York", "America/Sao_Paulo",
        "America/St_Johns", "America/Nuuk", "Australia/Lord_Howe", "Australia/Sydney",
        "Pacific/Apia", "Pacific/Auckland", "Pacific/Chatham", "Pacific/Kwajalein",
        "Asia/Kathmandu", "Asia/Tehran", "Asia/Gaza", "Africa/Casablanca", "Africa/Cairo",
        "Antarctica/Troll", "America/Santiago", "Etc/UTC",
    ]

    /// Goal: the offset is right at any time. Method: the platform's own reader of the same files
    /// says it too, around every change of a century and in between.
    @Test(.enabled(if: ZoneFiles.areThere, "no zone files on this machine"), arguments: names)
    func offsetsAgreeWithThePlatform(name: String) throws {
        let zone = try ZoneFiles.rules(name)
        let oracle = try #require(TimeZone(identifier: name))
        func check(_ seconds: Int64) {
            let date = Date(timeIntervalSince1970: Double(seconds))
            let expected = Int64(oracle.secondsFromGMT(for: date))
            #expect(zone.offset(at: seconds) == expected, "\(name) at \(date)")
        }
        var seconds = utc(1971, 1, 1)
        while seconds < utc(2060, 1, 1) {
            check(seconds)
            guard let change = zone.nextChange(after: seconds), change.at < utc(2060, 1, 1) else {
                break
            }
            #expect(change.at > seconds)
            for distance in [-3_600, -1, 0, 1, 3_600] as [Int64] { check(change.at + distance) }
            seconds = change.at
        }
        for day in stride(from: utc(1971, 1, 1), to: utc(2060, 1, 1), by: 5 * 86_400 + 12_345) {
            check(day)
        }
    }

    /// Goal: a night is the first instant at which the clocks of its day show its time or later.
    /// Method: for 2024–2040, walk through each day's minutes with the platform's offsets.
    @Test(
        .enabled(if: ZoneFiles.areThere, "no zone files on this machine"),
        arguments: [
            "Europe/Stockholm", "Australia/Lord_Howe", "America/Santiago", "Antarctica/Troll",
        ]
    )
    func nightsAgreeWithThePlatform(name: String) throws {
        let zone = try ZoneFiles.rules(name)
        let oracle = try #require(TimeZone(identifier: name))
        func offset(_ seconds: Int64) -> Int64 {
            Int64(oracle.secondsFromGMT(for: Date(timeIntervalSince1970: Double(seconds))))
        }
        for minute in [0, 90, 120, 150, 1_439] {
            let schedule = NightSchedule.daily(minute: minute)
            var last = Timestamp(rawValue: utc(2024, 1, 1) * 1_000)
            var day = zone.day(at: schedule.next(after: last, in: zone))
            while day < CivilDay(year: 2040, month: 12, day: 31) {
                let night = schedule.next(after: last, in: zone)
                let target = day.localSeconds + Int64(minute) * 60
                // Slowly: from well before the day, minute by minute where an offset changes near.
                var naive = target - offset(target) - 7_200
                while naive + offset(naive) < target { naive += 60 }
                #expect(night.rawValue == naive * 1_000, "\(name) \(day.number) \(minute)")
                #expect(schedule.last(after: last, through: night, in: zone) == night)
                let early = night + TimeSpan(milliseconds: -1)
                #expect(schedule.last(after: last, through: early, in: zone) == nil)
                last = night
                day = day.next
            }
        }
    }

    @Test(.enabled(if: ZoneFiles.areThere, "no zone files on this machine"))
    func lordHoweMovesByHalfAnHour() throws {
        let zone = try ZoneFiles.rules("Australia/Lord_Howe")
        #expect(zone.offset(at: utc(2026, 1, 1)) == 39_600)
        #expect(zone.offset(at: utc(2026, 7, 1)) == 37_800)
        // 2026-10-04 02:00 becomes 02:30.
        let day = CivilDay(year: 2026, month: 10, day: 4)
        #expect(zone.instant(of: day, minute: 135) == zone.instant(of: day, minute: 150))
    }

    @Test(.enabled(if: ZoneFiles.areThere, "no zone files on this machine"))
    func apiaHadNo30thOfDecember2011() throws {
        let zone = try ZoneFiles.rules("Pacific/Apia")
        let day = CivilDay(year: 2011, month: 12, day: 30)
        #expect(zone.instant(of: day, minute: 120) == nil)
        let before = try #require(zone.instant(of: day.previous, minute: 120))
        let after = try #require(zone.instant(of: day.next, minute: 120))
        #expect(after - before == .days(1))
    }

    @Test(.enabled(if: ZoneFiles.areThere, "no zone files on this machine"))
    func everyZoneFileOfTheMachineReads() throws {
        var count = 0
        for name in TimeZone.knownTimeZoneIdentifiers {
            guard let bytes = ZoneFiles.bytes(name) else { continue }
            let zone = try ZoneRules(tzif: bytes)
            let start = Timestamp(rawValue: utc(2026, 1, 1) * 1_000)
            let next = NightSchedule.daily(minute: 120).next(after: start, in: zone)
            #expect(next > start && next - start <= .days(2), "\(name)")
            count += 1
        }
        #expect(count > 100)
    }
}
