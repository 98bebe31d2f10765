/// A hash over everything that happened, in order: two runs of one seed must agree.
///
/// FNV-1a over 64-bit words; good enough to tell runs apart, and quick.
struct Trace {
    private(set) var hash: UInt64 = 0xCBF2_9CE4_8422_2325

    mutating func note(_ words: UInt64...) {
        for word in words {
            hash ^= word
            hash &*= 0x0000_0100_0000_01B3
            hash ^= hash >> 29
        }
    }
}
