import ClusterPrimitives
import HTTP2Transport
import NIOCore
import Testing

@testable import RPC

/// The small texts and frames of the wire, against random input.
@Suite struct WireTests {
    /// However a body is cut, the same messages come out, and memory follows what came.
    @Test(arguments: UInt64(1)...64)
    func deframing(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        var messages: [[UInt8]] = []
        var wire: [UInt8] = []
        for _ in 0..<Int.random(in: 0...20, using: &random) {
            let count = [0, 1, 5, 300, 20_000].randomElement(using: &random) ?? 0
            let message = (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
            messages.append(message)
            let (first, second) = MessageFrame.pieces(message)
            wire += first + (second ?? [])
        }
        var deframer = MessageDeframer(messageBytesMax: 20_000)
        var received: [[UInt8]] = []
        var offset = 0
        while offset < wire.count {
            let count = min(wire.count - offset, Int.random(in: 0...9_000, using: &random))
            try wire[offset..<offset + count].withUnsafeBytes { bytes in
                try deframer.append(bytes) { received.append($0) }
            }
            offset += count
        }
        #expect(received == messages, "SEED=\(seed)")
        #expect(deframer.isAtBoundary)
    }

    @Test(arguments: UInt64(1)...64)
    func percentText(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let scalars = (0..<40).compactMap { _ in
            Unicode.Scalar(UInt32.random(in: 0...0x2ff, using: &random))
        }
        let text = String(String.UnicodeScalarView(scalars))
        let encoded = PercentText.encode(text)
        #expect(encoded.utf8.allSatisfy { (0x20...0x7e).contains($0) })
        #expect(PercentText.decode(encoded) == text, "SEED=\(seed)")
    }

    @Test(arguments: [
        ("%", "%"), ("%4", "%4"), ("%zz", "%zz"), ("%41%", "A%"), ("a%00b", "a\u{0}b"),
    ])
    func brokenPercentText(text: String, decoded: String) {
        #expect(PercentText.decode(text) == decoded)
    }

    @Test(arguments: UInt64(1)...64)
    func base64(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let bytes = (0..<Int(seed)).map { _ in UInt8.random(in: 0...255, using: &random) }
        let text = Base64.encode(bytes)
        #expect(Base64.decode(text[...]) == bytes, "SEED=\(seed)")
        let padded = text + String(repeating: "=", count: (4 - text.count % 4) % 4)
        #expect(Base64.decode(padded[...]) == bytes, "SEED=\(seed)")
    }

    @Test(arguments: ["a", "ab=", "abc==", "a b=", "ab-_", "====", "abcde"])
    func brokenBase64(text: String) { #expect(Base64.decode(text[...]) == nil) }

    @Test(
        arguments: [
            ("1n", 1), ("99999999u", 99_999_999_000), ("50m", 50_000_000), ("2S", 2_000_000_000),
            ("3M", 180_000_000_000), ("1H", 3_600_000_000_000), ("0S", 0),
        ] as [(String, Int64)]
    )
    func timeouts(text: String, nanoseconds: Int64) {
        #expect(TimeoutText.decode(text) == .nanoseconds(nanoseconds))
    }

    /// What the protocol says itself is no metadata, neither on its way in nor out.
    @Test(arguments: [
        ":path", ":x", "te", "content-type", "grpc-timeout", "grpc-encoding",
        "grpc-accept-encoding",
        "grpc-status", "grpc-message", "grpc-message-type",
    ])
    func theProtocolsOwnFieldsAreNoMetadata(name: String) throws {
        var headers = HTTP2Headers()
        headers.append(name, "1")
        headers.append("x-" + name.filter(\.isLetter), "2")
        #expect(try WireHeaders.metadata(headers).entries.map(\.value) == [.text("2")])
        var sent = HTTP2Headers()
        WireHeaders.append([name: "1", "grpc-other": "2"], to: &sent)
        #expect(sent.fields.map(\.name) == ["grpc-other"])
    }

    /// Calls with one time allowed mostly have one text.
    @Test(arguments: [
        (0, "0n"), (9_998, "9998n"), (10_001, "10010n"), (99_980_001, "99990000n"),
        (999_876_543, "999900u"), (999_990_000, "1000000u"), (1_000_000_000, "1000000u"),
        (10_000_000_001, "10010000u"), (600_000_000_000, "600000m"), (Int64.max, "5256000M"),
    ])
    func timeoutsAreShort(nanoseconds: Int64, text: String) {
        #expect(TimeoutText.encode(.nanoseconds(nanoseconds)) == text)
    }

    @Test(arguments: ["", "S", "1", "123456789S", "-1S", "+1S", "1s", "1 S", "١S", "1.5S"])
    func brokenTimeouts(text: String) { #expect(TimeoutText.decode(text) == nil) }

    /// What is sent is never shorter than what is meant, and not much longer.
    @Test(arguments: UInt64(1)...200)
    func timeoutsRoundUp(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let bits = Int64.random(in: 0...60, using: &random)
        let nanoseconds = Int64.random(in: 0...(1 << bits), using: &random)
        let text = TimeoutText.encode(.nanoseconds(nanoseconds))
        #expect(text.utf8.count <= 9)
        let decoded = try #require(TimeoutText.decode(text)).nanoseconds
        // Ten years are the most that is read.
        let meant = min(nanoseconds, 315_360_000 * 1_000_000_000)
        #expect(decoded >= meant, "SEED=\(seed)")
        // Four digits: an error of one in a thousand at most.
        #expect(decoded - meant <= meant / 999, "SEED=\(seed)")
    }

    @Test(arguments: [
        ("a:1", "a", 1), ("[::1]:50051", "::1", 50_051), ("127.0.0.1:65535", "127.0.0.1", 65_535),
    ])
    func targets(text: String, host: String, port: Int) {
        let target = RPCTarget(text)
        #expect(target?.host == host)
        #expect(target?.port == port)
        #expect(target?.description == text)
    }

    @Test(arguments: ["", ":1", "a", "a:", "a:0", "a:65536", "::1:5", "a:-1", "[]:1"])
    func brokenTargets(text: String) { #expect(RPCTarget(text) == nil) }
}
