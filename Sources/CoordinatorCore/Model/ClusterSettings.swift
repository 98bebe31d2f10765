import CaseModel
import ClusterPrimitives

/// When nightly runs happen.
public enum NightSchedule: Hashable, Sendable, CustomStringConvertible {
    /// Once a day at a local time, in minutes after midnight (0...1439), in the cluster's zone.
    case daily(minute: Int)
    /// Every so many seconds, counted from 1970 so that all nodes agree: for tests and
    /// demonstrations.
    case every(seconds: Int64)

    /// The longest period of `every`: a week.
    static let everySecondsMax: Int64 = 7 * 86_400

    /// Reads `02:00` or `every 5s`; nil for anything else.
    public init?(_ text: String) {
        let bytes = Array(text.utf8)
        if bytes.count == 5, bytes[2] == UInt8(ascii: ":") {
            let digits = [bytes[0], bytes[1], bytes[3], bytes[4]].map { Int($0) - 48 }
            guard digits.allSatisfy({ (0...9).contains($0) }) else { return nil }
            let hour = digits[0] * 10 + digits[1]
            let minute = digits[2] * 10 + digits[3]
            guard hour < 24, minute < 60 else { return nil }
            self = .daily(minute: hour * 60 + minute)
            return
        }
        guard text.utf8.starts(with: "every ".utf8), let span = TimeSpan(String(text.dropFirst(6))),
            span.milliseconds % 1_000 == 0,
            (1...Self.everySecondsMax).contains(span.milliseconds / 1_000)
        else { return nil }
        self = .every(seconds: span.milliseconds / 1_000)
    }

    /// As `init` reads it.
    public var description: String {
        switch self {
        case .daily(let minute):
            let hour = minute / 60
            let rest = minute % 60
            return "\(hour < 10 ? "0" : "")\(hour):\(rest < 10 ? "0" : "")\(rest)"
        case .every(let seconds):
            return "every \(TimeSpan.seconds(seconds))"
        }
    }
}

/// What the whole cluster agrees on and an admin may change while it runs.
public struct ClusterSettings: Hashable, Sendable {
    /// How long a resolved case waits for the customer.
    public private(set) var reopenWindow = TimeSpan.days(7)
    /// When nightly runs happen.
    public private(set) var night = NightSchedule.daily(minute: 120)
    /// The cluster's time zone, by its name in the zone database.
    public private(set) var zone = "Etc/UTC"
    /// How long results are remembered under idempotency keys.
    public private(set) var keyRetention = TimeSpan.days(1)
    /// How long a shard keeps what consumers of its feed may still ask for.
    public private(set) var feedRetention = TimeSpan.days(7)
    /// Where a contact goes that no queue's addresses claim.
    public private(set) var defaultQueue = QueueID("default")

    /// The country whose national telephone numbers contacts may carry: its calling code, or empty
    /// for none.
    public private(set) var countryCode = ""

    /// All at their defaults.
    public init() {}

    /// One row of the table of settings.
    public struct Description: Hashable, Sendable {
        /// As `set` takes it.
        public var name: String
        /// In which form, with unit and bounds.
        public var form: String
        /// As `set` takes it.
        public var defaultValue: String
        /// For people.
        public var purpose: String
    }

    private struct Row: Sendable {
        let description: Description
        let read: @Sendable (ClusterSettings) -> String
        /// False when the value is not of the form.
        let write: @Sendable (inout ClusterSettings, String) -> Bool
    }

    /// Bytes of a zone's name: the longest in the zone database has 32.
    static let zoneBytesMax = 64
    private static let reopenBounds = TimeSpan.seconds(1)...TimeSpan.days(365)
    private static let keyBounds = TimeSpan.days(1)...TimeSpan.days(90)
    private static let feedBounds = TimeSpan.seconds(1)...TimeSpan.days(90)

    private static let rows: [Row] = [
        row(
            "reopen-window",
            "a duration from 1s to 365d",
            "7d",
            "How long a case resolved from now on waits for the customer before it closes.",
            { $0.reopenWindow.description },
            { assign(span($1, in: reopenBounds), to: &$0.reopenWindow) }
        ),
        row(
            "night",
            "a time of day, as 02:00, or a period, as every 5s (1s to 7d)",
            "02:00",
            "When the nightly run archives what was closed before.",
            { $0.night.description },
            { assign(NightSchedule($1), to: &$0.night) }
        ),
        row(
            "zone",
            "a name of the zone database, as Europe/Stockholm",
            "Etc/UTC",
            "The time zone of the night's time of day.",
            { $0.zone },
            { assign(zoneName($1), to: &$0.zone) }
        ),
        row(
            "key-retention",
            "a duration from 24h to 90d",
            "1d",
            "How long a command sent again under its idempotency key gets its first answer.",
            { $0.keyRetention.description },
            { assign(span($1, in: keyBounds), to: &$0.keyRetention) }
        ),
        row(
            "feed-retention",
            "a duration from 1s to 90d",
            "7d",
            "How far back a consumer of the feed may resume.",
            { $0.feedRetention.description },
            { assign(span($1, in: feedBounds), to: &$0.feedRetention) }
        ),
        row(
            "default-queue",
            "the id of a queue that exists",
            "default",
            "Where a contact goes that no queue's addresses, numbers or widgets claim.",
            { $0.defaultQueue.rawValue },
            { assign(queueID($1), to: &$0.defaultQueue) }
        ),
        row(
            "country-code",
            "one to three digits, as 46, or nothing",
            "",
            "The country that a number without + belongs to, in chats and calls taken in.",
            { $0.countryCode },
            { assign(countryCode($1), to: &$0.countryCode) }
        ),
    ]

    private static func row(
        _ name: String,
        _ form: String,
        _ defaultValue: String,
        _ purpose: String,
        _ read: @escaping @Sendable (ClusterSettings) -> String,
        _ write: @escaping @Sendable (inout ClusterSettings, String) -> Bool
    ) -> Row {
        Row(
            description: Description(
                name: name,
                form: form,
                defaultValue: defaultValue,
                purpose: purpose
            ),
            read: read,
            write: write
        )
    }

    private static func assign<Value>(_ value: Value?, to place: inout Value) -> Bool {
        guard let value else { return false }
        place = value
        return true
    }

    private static func span(_ text: String, in bounds: ClosedRange<TimeSpan>) -> TimeSpan? {
        TimeSpan(text).flatMap { bounds.contains($0) ? $0 : nil }
    }

    /// A relative path without dots: it becomes a file's name.
    private static func zoneName(_ text: String) -> String? {
        let signs = Array("/_+-".utf8)
        let fits = text.utf8.allSatisfy { byte in
            (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
                || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
                || signs.contains(byte)
        }
        guard fits, !text.isEmpty, text.utf8.count <= zoneBytesMax, text.utf8.first != signs[0]
        else { return nil }
        return text
    }

    /// ITU-T E.164: a country code has one to three digits and never begins with 0.
    private static func countryCode(_ text: String) -> String? {
        let isNumber = text.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        return isNumber && text.utf8.count <= 3 && !text.hasPrefix("0") ? text : nil
    }

    private static func queueID(_ text: String) -> QueueID? {
        do {
            try IDText.check(text, field: "default-queue")
        } catch {
            return nil
        }
        return QueueID(text)
    }

    /// All settings that there are, in the order of this table.
    public static var descriptions: [Description] { rows.map(\.description) }

    /// Changes one setting; an empty value brings back the default.
    /// - Throws: `.notFound` for an unknown name, `.invalid` naming the setting and the form it
    ///   takes. Whether a queue or a zone exists is not known here: the state and the node check
    ///   that.
    public mutating func set(_ name: String, to value: String) throws(SystemRefusal) {
        guard let row = Self.rows.first(where: { TextKey($0.description.name) == TextKey(name) })
        else {
            throw .notFound(field: "setting", id: String(name.prefix(64)))
        }
        let value = value.isEmpty ? row.description.defaultValue : value
        guard row.write(&self, value) else {
            throw .invalid(field: name, reason: "takes \(row.description.form)")
        }
    }

    /// One setting as `set` takes it; nil for an unknown name.
    public func value(of name: String) -> String? {
        Self.rows.first { TextKey($0.description.name) == TextKey(name) }?.read(self)
    }

    /// All settings as `set` takes them, in the table's order.
    public var rendered: [NamedValue] {
        Self.rows.map { NamedValue($0.description.name, $0.read(self)) }
    }
}

extension ClusterSettings: BinaryCodable {
    /// Writes every setting by name, also those at their default: a later release's other default
    /// must not change what a running cluster agreed on.
    public func encode(to writer: inout ByteWriter) {
        writer.write(array: rendered) {
            $0.write($1.name)
            $0.write($1.value)
        }
    }

    /// Reads what `encode` wrote.
    public init(from reader: inout ByteReader) throws(DecodingFault) {
        self.init()
        let pairs = try reader.array { reader throws(DecodingFault) in
            NamedValue(try reader.string(), try reader.string())
        }
        for pair in pairs {
            do {
                try set(pair.name, to: pair.value)
            } catch {
                throw reader.fault("a setting that this program does not take")
            }
        }
    }
}
