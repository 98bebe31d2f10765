import ClusterPrimitives

extension ZoneRules {
    /// Bytes of a zone file: the largest in the zone database has 4 KiB.
    public static let fileBytesMax = 64 * 1_024

    private static let magic = Array("TZif".utf8)
    private static let headerBytes = 44

    /// What a header counts.
    private struct Counts {
        var isUT: Int
        var isStandard: Int
        var leap: Int
        var time: Int
        var type: Int
        var character: Int

        /// The block's size, with times of `timeBytes` bytes.
        func blockBytes(timeBytes: Int) -> Int {
            time * (timeBytes + 1) + type * 6 + character + leap * (timeBytes + 4)
                + isStandard + isUT
        }
    }

    /// Reads a zone file: RFC 8536, version 2 or later, without leap seconds.
    /// - Throws: with the offset where the bytes stop to be one.
    public init(tzif bytes: [UInt8]) throws(DecodingFault) {
        guard bytes.count <= Self.fileBytesMax else {
            throw DecodingFault(offset: Self.fileBytesMax, reason: "too long for a zone file")
        }
        var reader = ByteReader(bytes)
        let (version, first) = try Self.header(&reader)
        guard version >= UInt8(ascii: "2") else {
            throw reader.fault("a zone file of version 1 has no rules for the years to come")
        }
        _ = try reader.raw(first.blockBytes(timeBytes: 4))
        let (_, counts) = try Self.header(&reader)
        guard counts.leap == 0 else { throw reader.fault("a zone with leap seconds") }
        guard counts.type > 0 else { throw reader.fault("a zone file without types") }

        var times: [Int64] = []
        for _ in 0..<counts.time { times.append(try Self.number64(&reader)) }
        let types = Array(try reader.raw(counts.time))
        var offsets: [Int64] = []
        for _ in 0..<counts.type {
            let offset = Int64(Int32(bitPattern: try Self.number32(&reader)))
            guard Self.offsets.contains(offset) else {
                throw reader.fault("an offset of more than a day")
            }
            offsets.append(offset)
            _ = try reader.raw(2)
        }
        _ = try reader.raw(counts.character + counts.isStandard + counts.isUT)
        self.init(
            initialOffset: offsets[0],
            changes: try Self.changes(times, types, offsets, reader),
            rule: try Self.footer(&reader)
        )
    }

    private static func header(
        _ reader: inout ByteReader
    ) throws(DecodingFault) -> (UInt8, Counts) {
        guard Array(try reader.raw(magic.count)) == magic else {
            throw reader.fault("not a zone file")
        }
        let version = try reader.byte()
        _ = try reader.raw(15)
        var numbers: [Int] = []
        for _ in 0..<6 {
            let number = try number32(&reader)
            guard number <= UInt32(fileBytesMax) else {
                throw reader.fault("a count passes the end")
            }
            numbers.append(Int(number))
        }
        let counts = Counts(
            isUT: numbers[0],
            isStandard: numbers[1],
            leap: numbers[2],
            time: numbers[3],
            type: numbers[4],
            character: numbers[5]
        )
        return (version, counts)
    }

    private static func changes(
        _ times: [Int64],
        _ types: [UInt8],
        _ offsets: [Int64],
        _ reader: ByteReader
    ) throws(DecodingFault) -> [Change] {
        var changes: [Change] = []
        for (time, type) in zip(times, types) {
            guard Int(type) < offsets.count else { throw reader.fault("a type that is not there") }
            guard changes.last.map({ $0.at < time }) ?? true else {
                throw reader.fault("changes out of order")
            }
            guard timesAllowed.contains(time) else { throw reader.fault("a change out of time") }
            changes.append(Change(at: time, offset: offsets[Int(type)]))
        }
        return changes
    }

    /// Zone files may hold the Big Bang (-2^59); arithmetic on anything within stays within 64
    /// bits.
    private static let timesAllowed: ClosedRange<Int64> = -(1 << 60)...(1 << 60)

    private static func footer(_ reader: inout ByteReader) throws(DecodingFault) -> PosixZone? {
        let newline = UInt8(ascii: "\n")
        let start = reader.offset
        guard try reader.byte() == newline else { throw reader.fault("no footer") }
        var text: [UInt8] = []
        while true {
            let byte = try reader.byte()
            if byte == newline { break }
            text.append(byte)
        }
        try reader.finish()
        if text.isEmpty { return nil }
        do {
            return try PosixZone(parsing: text)
        } catch {
            throw DecodingFault(offset: start + 1 + error.offset, reason: error.reason)
        }
    }

    private static func number32(_ reader: inout ByteReader) throws(DecodingFault) -> UInt32 {
        try reader.raw(4).reduce(0) { $0 << 8 | UInt32($1) }
    }

    private static func number64(_ reader: inout ByteReader) throws(DecodingFault) -> Int64 {
        Int64(bitPattern: try reader.raw(8).reduce(0) { $0 << 8 | UInt64($1) })
    }
}
