/// The piece of a plan in which a promise was broken once. Each is held again by every run of all tests: chaos doesn't
/// repeat itself to the microsecond, but what met then meets again.
public struct KnownPiece: Sendable {
    /// The plan's.
    public let seed: UInt64
    /// The whole plan's length, in milliseconds.
    public let lasts: Int
    /// Which part of it, in milliseconds.
    public let window: Range<Int>
    /// What was found.
    public let found: String

    /// Oldest first.
    public static let all = [
        KnownPiece(
            seed: 430_169_956,
            lasts: 2 * 60_000,
            window: 36_000..<58_000,
            found:
                "closed early: one disk lost, another node's clock half an hour behind, the earlier one followed"
        ),
        KnownPiece(
            seed: 512_629_171,
            lasts: 6 * 60_000,
            window: 291_000..<310_000,
            found: "a node ended: reads on a store whose place a snapshot takes"
        ),
    ]
}
