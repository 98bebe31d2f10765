import CaseClient
import ClusterPrimitives
import Foundation
import ProcessSupport
import Testing

/// Goal: a start after a cut write loses nothing that was acknowledged; a start on files that have lost
/// what was durable does not happen, and says which file and where.
/// Method: a node is killed under load; its directory is copied, and each copy is damaged at one
/// place and started. Every place of a log is tried where the log is tested; here it is the process.
@Suite(.serialized, .timeLimit(.minutes(3)))
struct DamageTests {
    /// Cuts of what was being written.
    static let tailCuts = 24
    /// Places damaged below what was durable.
    static let damagedPlaces = 12
    static let damagedCode: Int32 = 65
    static let unusableCode: Int32 = 78
    static let arguments = ["--shards", "2", "--log-segment-bytes", "262144"]

    /// A node's directory and what was acknowledged from it.
    private struct Scene {
        let directory: TemporaryDirectory
        let options: NodeProcess.Options
        let load: CommentLoad
        let agent: CaseClient
        let caseID: String

        /// A copy to damage and start, on the same port, so that the clients find it.
        func copy(of path: String) throws -> NodeProcess.Options {
            var options = options
            options.dataDirectory = directory.path + "/copy"
            try copyDirectory(path, options.dataDirectory)
            return options
        }
    }

    /// A node with acknowledged comments, and a case for one more; still running.
    private func prepare(
        _ arguments: [String] = arguments,
        comments: Int
    ) async throws -> (Scene, NodeProcess) {
        let directory = try TemporaryDirectory()
        let options = NodeProcess.Options(
            dataDirectory: directory.path + "/data",
            port: freePort(),
            arguments: arguments
        )
        let node = try await NodeProcess.start(options)
        let load = try await CommentLoad.prepare(node, workers: 4)
        let agent = try node.client(
            token: try await node.client(token: try node.adminToken).issueToken(for: "load").secret
        )
        let new = NewCase.with {
            $0.message = "one more"
            $0.requester.name = "somebody"
            $0.asOwner = true
        }
        let caseID = try await agent.create(new).caseID
        load.gate.open()
        let running = Task { await load.run() }
        await load.advance(by: comments)
        load.stop()
        await running.value
        let scene = Scene(
            directory: directory,
            options: options,
            load: load,
            agent: agent,
            caseID: caseID
        )
        return (scene, node)
    }

    /// Starts a directory that must not start.
    private func refuse(_ options: NodeProcess.Options) async throws -> Command.Outcome {
        try await Command.run(
            "casenode",
            [
                "--data-directory", options.dataDirectory, "--listen-port", String(options.port),
                "--log-level", "error", "--plaintext",
            ] + options.arguments
        )
    }

    // MARK: What was being written

    /// What a crash leaves of the last writes is any part of them. The log of a node that was killed,
    /// started again, given one more comment and killed again has all of them behind the place where
    /// it ended first; cut there, it is the first log with a write under way whose acknowledgement
    /// nobody saw. `log.meta` stays that of the first kill: its mark promises no more than was durable.
    @Test(arguments: [UInt64(1)])
    func aCutWriteLosesNothing(seed: UInt64) async throws {
        let (scene, first) = try await prepare(comments: 60)
        await first.kill()
        let before = scene.directory.path + "/before"
        try copyDirectory(scene.options.dataDirectory, before)
        let key = CaseCallOptions(idempotencyKey: "one-more")
        let second = try await NodeProcess.start(scene.options)
        try await scene.agent.execute(.comment("one more"), on: scene.caseID, options: key)
        await second.kill()

        let name = try LogOnDisk(dataDirectory: before).lastSegment()
        let short = try LogOnDisk(dataDirectory: before).bytes(name)
        let long = try LogOnDisk(dataDirectory: scene.options.dataDirectory).bytes(name)
        let start = LogOnDisk.end(of: short)
        let tail = Array(long[start..<LogOnDisk.end(of: long)])
        try #require(short[..<start] == long[..<start])
        let batches = LogOnDisk.batchEnds(tail)
        try #require(batches.count > 2 && batches.last == tail.count)

        var random = SeededGenerator(seed: seed)
        let fixed = [0, 1, tail.count - 1, tail.count]
        let drawn = (fixed.count..<Self.tailCuts).map { _ in
            Int.random(in: 0..<tail.count, using: &random)
        }
        var kept = 0
        for (number, cut) in (fixed + drawn).enumerated() {
            let place = "\(name) cut \(cut) bytes into \(tail.count), SEED=\(seed)"
            var segment = short
            segment.replaceSubrange(start..<start + cut, with: tail[..<cut])
            if number % 4 == 3, let end = batches.first(where: { $0 > cut }) {
                // Pages come to the disk in any order: the rest of the same batch may be there after a
                // gap. A later batch can't: it is written when this one is durable.
                let rest = cut + Int.random(in: 8...64, using: &random)
                if rest < end {
                    segment.replaceSubrange(start + rest..<start + end, with: tail[rest..<end])
                }
            }
            let options = try scene.copy(of: before)
            try LogOnDisk(dataDirectory: options.dataDirectory).write(segment, to: name)
            let node = try await NodeProcess.start(options)
            let verdict = try await scene.load.verify()
            #expect(verdict.isClean, "\(place): \(verdict)")
            let isThere = try await comments(scene) == 1
            kept += isThere ? 1 : 0
            if cut == 0 { #expect(!isThere, "\(place): a comment out of nothing") }
            if cut == tail.count { #expect(isThere, "\(place): nothing was cut") }
            // Whoever saw no answer asks again, and has it once.
            try await scene.agent.execute(.comment("one more"), on: scene.caseID, options: key)
            #expect(try await comments(scene) == 1, "\(place)")
            #expect(await node.stop() == 0, "\(place)")
        }
        print(
            "cut writes: \(Self.tailCuts) starts over \(tail.count) bytes in \(batches.count) batches, kept \(kept) times"
        )
    }

    private func comments(_ scene: Scene) async throws -> Int {
        try await scene.agent.history(scene.caseID).entries.filter { $0.kind == .comment }.count
    }

    // MARK: What was durable

    @Test(arguments: [UInt64(1)])
    func damageBelowTheMarkIsNamedAndLeftAlone(seed: UInt64) async throws {
        let (scene, node) = try await prepare(comments: 60)
        #expect(await node.stop() == 0)
        let whole = LogOnDisk(dataDirectory: scene.options.dataDirectory)
        let mark = try whole.mark()
        let name = LogOnDisk.segmentName(mark.generation)
        let bytes = try whole.bytes(name)
        // A clean stop marks its end, so that everything is below the mark.
        try #require(mark.offset > 8_192 && mark.offset == LogOnDisk.end(of: bytes))
        var random = SeededGenerator(seed: seed)
        for number in 0..<Self.damagedPlaces {
            let position =
                number == 0 ? mark.offset - 1 : Int.random(in: 0..<mark.offset, using: &random)
            var damaged = bytes
            let how: String
            switch number % 3 {
            case 0:
                how = "a bit flipped at \(position)"
                damaged[position] ^= 1 << UInt8.random(in: 0...7, using: &random)
            case 1:
                how = "zeros from \(position)"
                damaged.replaceSubrange(
                    position...,
                    with: Array(
                        repeating: 0,
                        count: bytes.count - position
                    )
                )
            default:
                how = "cut at \(position)"
                damaged.removeSubrange(position...)
            }
            let options = try scene.copy(of: scene.options.dataDirectory)
            try LogOnDisk(dataDirectory: options.dataDirectory).write(damaged, to: name)
            let before = try FileTree(options.dataDirectory)
            let outcome = try await refuse(options)
            let place = "\(how) of \(mark.offset), SEED=\(seed): \(outcome.errors)"
            #expect(outcome.status == Self.damagedCode, "\(place)")
            #expect(outcome.errors.contains(name), "\(place)")
            #expect(outcome.errors.contains("offset"), "\(place)")
            let after = try FileTree(options.dataDirectory)
            #expect(before.changes(to: after) == [], "\(place)")
        }
        // The control: the same copy undamaged starts, with everything.
        let again = try await NodeProcess.start(try scene.copy(of: scene.options.dataDirectory))
        let verdict = try await scene.load.verify()
        #expect(verdict.isClean, "\(verdict)")
        #expect(await again.stop() == 0)
        print("damage: \(Self.damagedPlaces) places below \(mark), all refused by name")
    }

    // MARK: Files that are gone, or of another time

    @Test func whatIsGoneIsMissed() async throws {
        // Checkpoints all the time: the log no longer holds what the stores do.
        let (scene, node) = try await prepare(
            Self.arguments + ["--checkpoint-entries", "16"],
            comments: 150
        )
        await node.kill()
        let middle = scene.directory.path + "/middle"
        try copyDirectory(scene.options.dataDirectory, middle)
        let later = try await NodeProcess.start(scene.options)
        for number in 0..<40 {
            try await scene.agent.execute(.comment("later \(number)"), on: scene.caseID)
        }
        #expect(await later.stop() == 0)

        func expect(
            _ name: String,
            _ status: Int32,
            _ words: [String],
            _ damage: (String) throws -> Void
        ) async throws {
            let options = try scene.copy(of: scene.options.dataDirectory)
            try damage(options.dataDirectory)
            // The second start must not take what the first one left for a new beginning.
            for attempt in 1...2 {
                let outcome = try await refuse(options)
                #expect(outcome.status == status, "\(name), start \(attempt): \(outcome.errors)")
                for word in words {
                    #expect(outcome.errors.contains(word), "\(name): \(outcome.errors)")
                }
            }
        }
        let files = FileManager.default
        // Of the shard that surely has entries which its log no longer holds.
        let shard = try CaseID(parsing: scene.caseID).shard
        let store = "shard-000\(shard.rawValue).sqlite"
        try await expect("a shard's store", Self.damagedCode, ["the store has lost"]) { path in
            for ending in ["", "-wal", "-shm"] {
                let file = path + "/store/" + store + ending
                if files.fileExists(atPath: file) { try files.removeItem(atPath: file) }
            }
        }
        try await expect("all stores", Self.damagedCode, ["the store has lost"]) {
            try files.removeItem(atPath: $0 + "/store")
        }
        try await expect("the log", Self.damagedCode, ["missing", "/log"]) {
            try files.removeItem(atPath: $0 + "/log")
        }
        try await expect("log and stores", Self.damagedCode, ["missing", "/log"]) {
            try files.removeItem(atPath: $0 + "/log")
            try files.removeItem(atPath: $0 + "/store")
        }
        try await expect("log.meta", Self.damagedCode, ["log.meta"]) {
            try files.removeItem(atPath: $0 + "/log/log.meta")
        }
        try await expect("the identity", Self.unusableCode, ["holds files of something else"]) {
            try files.removeItem(atPath: $0 + "/identity")
        }
        try await expect("an older log", Self.damagedCode, ["the log has lost"]) {
            try copyDirectory(middle + "/log", $0 + "/log")
        }
        func rewriteStore(_ path: String, _ change: (Data) -> Data) throws {
            let file = path + "/store/" + store
            for ending in ["-wal", "-shm"] where files.fileExists(atPath: file + ending) {
                try files.removeItem(atPath: file + ending)
            }
            try change(try Data(contentsOf: URL(filePath: file))).write(to: URL(filePath: file))
        }
        try await expect("a file that is no store", Self.unusableCode, [store]) {
            try rewriteStore($0) { Data(repeating: 0x5A, count: $0.count) }
        }
        try await expect("a store cut to nothing", Self.damagedCode, ["the store has lost"]) {
            try rewriteStore($0) { _ in Data() }
        }
        try await expect("half a store", Self.damagedCode, ["corrupt"]) {
            try rewriteStore($0) { $0.prefix($0.count / 2 / 4_096 * 4_096) }
        }
        // The control: undamaged it starts, with everything.
        let again = try await NodeProcess.start(try scene.copy(of: scene.options.dataDirectory))
        let verdict = try await scene.load.verify()
        #expect(verdict.isClean, "\(verdict)")
        #expect(try await comments(scene) == 40)
        #expect(await again.stop() == 0)
    }

    /// While the log still holds everything, a store that is gone is made again from it.
    @Test func aStoreIsMadeAgainFromAWholeLog() async throws {
        let (scene, node) = try await prepare(comments: 40)
        await node.kill()
        let options = try scene.copy(of: scene.options.dataDirectory)
        try FileManager.default.removeItem(atPath: options.dataDirectory + "/store")
        let again = try await NodeProcess.start(options)
        let verdict = try await scene.load.verify()
        #expect(verdict.isClean, "\(verdict)")
        #expect(await again.stop() == 0)
    }
}
