import ClusterPrimitives
import Foundation
import Testing

@testable import CaseStore

/// Two processes that differ in everything that apply must not depend on.
@Suite struct DeterminismTests {
    /// What one process says of a replay.
    private struct Report: Equatable {
        var log: String
        var rows: String
        var hash: String

        init?(_ output: [UInt8]) {
            let lines = String(decoding: output, as: UTF8.self).split(whereSeparator: \.isNewline)
            func value(_ name: String) -> String? {
                lines.first { $0.hasPrefix(name) }.map { String($0.dropFirst(name.count)) }
            }
            guard let log = value("REPLAY-LOG="), let rows = value("REPLAY-ROWS="),
                let hash = value("REPLAY-HASH=")
            else { return nil }
            self.log = log
            self.rows = rows
            self.hash = hash
        }
    }

    /// Goal: the rows depend on the log alone.
    /// Method: two processes, each with a hash seed of its own and another zone, locale and size of batches,
    /// replay one log that a seed determines.
    @Test func processesWithOtherHashSeedsZonesAndLocalesAgree() async throws {
        let first = try await #require(
            processExitsWith: .success,
            observing: [\.standardOutputContent]
        ) {
            try Self.replay(zone: "Pacific/Kiritimati", locale: "tr_TR.UTF-8", batch: 1)
        }
        let second = try await #require(
            processExitsWith: .success,
            observing: [\.standardOutputContent]
        ) {
            try Self.replay(zone: "America/St_Johns", locale: "C", batch: 37)
        }
        let reports = try [first, second].map { try #require(Report($0.standardOutputContent)) }
        #expect(reports[0].log == reports[1].log, "not the same log was replayed")
        #expect(reports[0].rows == reports[1].rows)
        #expect(reports[0].hash != reports[1].hash, "the hash seeds are the same")
    }

    static func replay(zone: String, locale: String, batch: Int) throws {
        setenv("TZ", zone, 1)
        tzset()
        setenv("LC_ALL", locale, 1)
        setlocale(LC_ALL, "")
        let directory = try TemporaryDirectory()
        let store = try ShardStore(at: directory.location(), shard: shardUnderTest)
        let entries = RandomLog(seed: 20_260_301, count: 600).entries
        var log = SHA256Digest.zero
        var rest = entries[...]
        while !rest.isEmpty {
            for entry in rest.prefix(batch) {
                log = SHA256Digest(hashing: log.bytes + entry.payload)
            }
            _ = try store.apply(Array(rest.prefix(batch)))
            rest = rest.dropFirst(batch)
        }
        print("REPLAY-LOG=\(Array(log.bytes))")
        print("REPLAY-ROWS=\(Array(try store.replicaChecksum().bytes))")
        print("REPLAY-HASH=\("a word".hashValue)")
        try store.close()
    }
}
