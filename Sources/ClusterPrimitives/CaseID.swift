/// A case's name: 60 bits, so that any node reads the shard off it and rows arrive in key order.
///
/// From the top: 40 bits of time in 10 ms since 2025-01-01 UTC (good until 2373), 10 bits of shard,
/// 10 bits of sequence. Shown as 12 Crockford base-32 characters and a check character.
public struct CaseID: RawRepresentable, Hashable, Comparable, Sendable, CustomStringConvertible {
    /// Below 2^60.
    public let rawValue: UInt64

    /// 2025-01-01T00:00:00Z.
    public static let epoch = Timestamp(millisecondsSince1970: 1_735_689_600_000)
    /// One tick of the time field, in milliseconds.
    public static let tickMilliseconds: Int64 = 10
    /// The most ids one shard gives within one tick; a full sequence takes the next tick.
    public static let sequenceCount: UInt64 = 1 << 10

    /// Nil for a number that needs more than 60 bits.
    public init?(rawValue: UInt64) {
        guard rawValue < 1 << 60 else { return nil }
        self.rawValue = rawValue
    }

    /// Puts an id together.
    /// - Precondition: `tick` below 2^40, `sequence` below 2^10.
    public init(tick: UInt64, shard: ShardID, sequence: UInt64) {
        precondition(tick < 1 << 40 && sequence < Self.sequenceCount)
        precondition(Int(shard.rawValue) < ShardID.countMax)
        rawValue = tick << 20 | UInt64(shard.rawValue) << 10 | sequence
    }

    /// Ticks since the epoch.
    public var tick: UInt64 { rawValue >> 20 }
    /// The shard that holds the case.
    public var shard: ShardID { ShardID(UInt16(rawValue >> 10 & 1023)) }
    /// The number within the tick.
    public var sequence: UInt64 { rawValue & 1023 }

    /// The id that a shard gives after `last` at `time`: strictly above `last`, never behind `time`.
    public static func next(after last: CaseID?, at time: Timestamp, in shard: ShardID) -> CaseID {
        let elapsed = max(0, time.rawValue - epoch.rawValue) / tickMilliseconds
        let tick = UInt64(elapsed)
        guard let last, last.tick >= tick else {
            return CaseID(tick: tick, shard: shard, sequence: 0)
        }
        return last.sequence + 1 < sequenceCount
            ? CaseID(tick: last.tick, shard: shard, sequence: last.sequence + 1)
            : CaseID(tick: last.tick + 1, shard: shard, sequence: 0)
    }

    /// Orders by age, then shard.
    public static func < (left: CaseID, right: CaseID) -> Bool { left.rawValue < right.rawValue }

    /// 13 characters: 12 of base 32 and the check character.
    public var description: String {
        String(unsafeUninitializedCapacity: 13) { characters in
            var fold = UInt8(0)
            for place in 0..<12 {
                let digit = UInt8(truncatingIfNeeded: rawValue >> UInt64(55 - 5 * place)) & 31
                fold = Damm32.fold(fold, digit)
                characters[place] = Crockford.alphabet[Int(digit)]
            }
            characters[12] = Crockford.alphabet[Int(Damm32.check(after: fold))]
            return 13
        }
    }

    /// Reads what `description` writes; also lower case, and I, L as 1 and O as 0, as read out by phone.
    /// Hyphens and spaces between characters are passed over.
    public init(parsing text: String) throws(CaseIDError) {
        // Without an array: each call on a case reads one.
        var (value, count, fold) = (UInt64(0), 0, UInt8(0))
        for byte in text.utf8 where byte != UInt8(ascii: "-") && byte != UInt8(ascii: " ") {
            guard let digit = Crockford.value(of: byte) else { throw .badCharacter }
            count += 1
            guard count <= 13 else { throw .badLength }
            fold = Damm32.fold(fold, digit)
            if count < 13 { value = value << 5 | UInt64(digit) }
        }
        guard count == 13 else { throw .badLength }
        guard fold == 0 else { throw .badCheckCharacter }
        rawValue = value
    }
}

/// Why a text is not a case id. Ask the person to read it out again.
public enum CaseIDError: Error, Equatable, Sendable, CustomStringConvertible {
    /// Not 13 characters.
    case badLength
    /// A character outside Crockford's base 32.
    case badCharacter
    /// One character is wrong, or two neighbours are swapped.
    case badCheckCharacter

    /// For people.
    public var description: String {
        switch self {
        case .badLength: "a case id has 13 characters"
        case .badCharacter: "a case id has only digits and letters (without U)"
        case .badCheckCharacter: "the check character does not match: one character is mistyped"
        }
    }
}

/// Crockford's base 32: no I, L, O, U.
enum Crockford {
    static let alphabet = Array("0123456789ABCDEFGHJKMNPQRSTVWXYZ".utf8)

    /// By byte; 255 where it is no digit.
    private static let values: [UInt8] = (0...UInt8.max).map { find($0) ?? .max }

    static func value(of byte: UInt8) -> UInt8? {
        let value = values[Int(byte)]
        return value == .max ? nil : value
    }

    private static func find(_ byte: UInt8) -> UInt8? {
        let upper = (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) ? byte - 32 : byte
        switch upper {
        case UInt8(ascii: "I"), UInt8(ascii: "L"): return 1
        case UInt8(ascii: "O"): return 0
        default: return alphabet.firstIndex(of: upper).map { UInt8($0) }
        }
    }
}

/// The Damm check digit over 32 symbols.
///
/// The quasigroup is `x * y = 2(x + y)` over GF(32) with the polynomial x^5 + x^2 + 1, so the fold of
/// digits d1...dn is the sum of 2^(n-i+1) * di. A single error e adds 2^k * e, never zero, since 2 has an
/// inverse. Swapping neighbours a and b adds 2^k * (2 + 1)(a + b): 3 is not zero in GF(32), so that is zero
/// only for a = b. The check character c joins as 2(fold + c), which is zero for c = fold alone.
/// Source: H. M. Damm, "Total anti-symmetrische Quasigruppen", 2004.
enum Damm32 {
    static func double(_ value: UInt8) -> UInt8 {
        let shifted = value << 1
        return shifted & 32 != 0 ? (shifted ^ 0b100101) & 31 : shifted
    }

    static func fold(_ digits: some Sequence<UInt8>) -> UInt8 { digits.reduce(0, fold) }

    /// One digit more.
    static func fold(_ before: UInt8, _ digit: UInt8) -> UInt8 { double(before ^ digit) }

    /// The digit that, after digits of this fold, brings the fold of the whole to zero.
    static func check(after fold: UInt8) -> UInt8 { fold }
}
