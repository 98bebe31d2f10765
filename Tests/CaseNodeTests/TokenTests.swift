import CaseProtocol
import CaseStore
import ClusterPrimitives
import Testing

@testable import CaseNode

@Suite struct TokenTests {
    @Test(arguments: UInt64(1)...32)
    func textsOfAllLengthsComeBack(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        for count in 0..<64 {
            let bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
            #expect(PageToken.decode(PageToken.encode(bytes)) == bytes, "SIM_SEED=\(seed) \(count)")
        }
    }

    @Test func whatIsNoTokenIsRefused() {
        for text in ["a", "aaaaa", "a+b=", "åäö", "AA A", String(repeating: "A", count: 16_385)] {
            #expect(PageToken.decode(text) == nil, "\(text.prefix(8))")
        }
    }

    @Test func aFeedPositionComesBack() throws {
        let position = FeedPosition(incarnation: 3, positions: [0, 7, .max])
        #expect(try FeedPosition(token: position.token, shardCount: 3) == position)
        #expect(throws: WireError.self) {
            _ = try FeedPosition(token: position.token, shardCount: 4)
        }
        let largest = FeedPosition(
            incarnation: .max,
            positions: Array(repeating: .max, count: ShardID.countMax)
        )
        #expect(try FeedPosition(token: largest.token, shardCount: ShardID.countMax) == largest)
    }

    /// Damaged tokens lead to a typed error that names the field, or to another position; never to a trap.
    @Test(arguments: UInt64(1)...64)
    func damagedTokensAreTyped(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let good = FeedPosition(incarnation: 1, positions: [1, 2, 3, 4]).token
        for _ in 0..<200 {
            var bytes = Array(good.utf8)
            let place = Int.random(in: 0..<bytes.count, using: &random)
            switch Int.random(in: 0..<3, using: &random) {
            case 0: bytes[place] = UInt8.random(in: 33...126, using: &random)
            case 1: bytes.remove(at: place)
            default: bytes.insert(UInt8.random(in: 33...126, using: &random), at: place)
            }
            do {
                _ = try FeedPosition(token: String(decoding: bytes, as: UTF8.self), shardCount: 4)
            } catch {
                #expect(error.detail.field == "resume_token", "SIM_SEED=\(seed)")
                #expect(error.code == WireError.Code.invalidArgument, "SIM_SEED=\(seed)")
            }
        }
    }

    @Test func aPlaceBelongsToItsOrder() throws {
        let key = try CaseSortKey(decoding: [1, 20])
        let token = ListService.token(key, .created)
        #expect(try ListService.place(token, .created) == key)
        for (text, sort) in [
            (token, CaseSort.createdDescending), ("", .created), ("%", .created), ("AQ", .created),
        ] {
            let error = #expect(throws: WireError.self) { _ = try ListService.place(text, sort) }
            #expect(error?.detail.field == "page_token")
        }
    }

    @Test(arguments: ["Bearer s3cret", "bearer s3cret", "BEARER s3cret"])
    func theSecretFollowsTheScheme(header: String) {
        #expect(BearerToken.hash(in: header) == SHA256Digest(hashing: Array("s3cret".utf8)))
    }

    @Test(arguments: [
        "", "Bearer", "Bearer ", "Basic s3cret", "Bearers3cret", "Bearër s3cret", " Bearer x",
    ])
    func whatIsNoBearerTokenHasNoSecret(header: String) {
        #expect(BearerToken.hash(in: header) == nil)
    }
}
