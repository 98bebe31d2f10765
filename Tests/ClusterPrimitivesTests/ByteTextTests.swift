import ClusterPrimitives
import Testing

/// Texts are the same if their bytes are, whatever Unicode says of them, and hash accordingly.
@Suite struct ByteTextTests {
    private struct Key: Hashable {
        let text: String
        static func == (left: Key, right: Key) -> Bool { left.text.hasSameBytes(as: right.text) }
        func hash(into hasher: inout Hasher) { text.hashBytes(into: &hasher) }
    }

    @Test func composedAndDecomposedDiffer() {
        let (composed, decomposed) = ("caf\u{E9}", "cafe\u{301}")
        #expect(composed == decomposed, "Swift's own equality folds them")
        #expect(!composed.hasSameBytes(as: decomposed))
        // As long, and equal to Swift: two marks in another order.
        let (below, above) = ("a\u{323}\u{307}", "a\u{307}\u{323}")
        #expect(below == above && below.utf8.count == above.utf8.count)
        #expect(!below.hasSameBytes(as: above))
        #expect(Set([Key(text: below), Key(text: above), Key(text: below)]).count == 2)
    }

    /// Short ones stand in the value, long ones on the heap, and a piece of another text somewhere within it.
    @Test(arguments: [
        "", "a", "fifteen bytes !", "sixteen bytes !!", String(repeating: "x", count: 300),
    ])
    func whereTheTextStandsDoesNotMatter(text: String) {
        let piece = String(("<" + text + ">").dropFirst().dropLast())
        #expect(text.hasSameBytes(as: piece) && piece.hasSameBytes(as: text))
        #expect(Key(text: text).hashValue == Key(text: piece).hashValue)
        #expect(!text.hasSameBytes(as: text + "a"))
        #expect(Key(text: text + "ab").hashValue != Key(text: text + "ba").hashValue)
    }

    /// They are compared in pieces: a difference counts wherever it stands.
    @Test(arguments: 1...40)
    func oneOtherByteMakesAnotherText(count: Int) {
        let bytes = [UInt8](repeating: UInt8(ascii: "x"), count: count)
        for place in bytes.indices {
            var other = bytes
            other[place] = UInt8(ascii: "y")
            let (left, right) = (
                String(decoding: bytes, as: UTF8.self), String(decoding: other, as: UTF8.self)
            )
            #expect(!left.hasSameBytes(as: right), "\(place) of \(count)")
        }
    }
}
