import ClusterPrimitives

/// What the store bounds, with units and reasons. Those that steer apply are the same on every replica:
/// a change of one is a change of the format.
public enum StoreLimits {
    /// Cases in one page of a sweep, an archive run or a release: keeps one entry's apply near 20 ms.
    public static let sweepPageMax = 500
    /// Rows that one read of a list, a history or a feed returns: some 5 MB of answers at most usually.
    public static let readPageMax = 1_000
    /// Bytes of history that one read returns before it ends the page: two of the longest texts still fit.
    public static let readPageBytesMax = 8 * 1_024 * 1_024
    /// How long an idempotency key answers: the promise is at least 24 h of replicated time.
    public static let keyLifetime = TimeSpan.days(1)
    /// How much longer a key may stay, so that expiry runs in pages and not with every command.
    public static let keySlack = TimeSpan.seconds(60)
    /// Expired keys that one entry removes at most: about 0.5 ms.
    public static let keyPageMax = 256
    /// How long the feed is kept: a consumer that was away for a weekend resumes.
    public static let feedLifetime = TimeSpan.days(7)
    /// Feed rows that are kept at most, whatever their age: about 40 MB a shard.
    public static let feedRowsMax: UInt64 = 200_000
    /// Feed rows that one entry removes at most: about 1 ms.
    public static let feedPageMax: UInt64 = 1_000
    /// A night's boundary may lie this far ahead of the stamped time: a wrong one must not push the shard's
    /// clock into the far future for ever.
    public static let nightAheadMax = TimeSpan.days(1)
    /// Bytes of a claimed key: the longest legal Message-ID line (RFC 5322: 998).
    public static let claimKeyBytesMax = 1_000
    /// The name under which the coordinator's commands stand in histories and audits.
    public static let systemName = "system"
}

/// The retention that apply follows. Only tests use other values than the product's.
struct Retention: Sendable {
    var keyLifetime = StoreLimits.keyLifetime
    var keySlack = StoreLimits.keySlack
    var keyPageMax = StoreLimits.keyPageMax
    var feedLifetime = StoreLimits.feedLifetime
    var feedRowsMax = StoreLimits.feedRowsMax
    var feedPageMax = StoreLimits.feedPageMax
}

/// How one replica's file is opened. None of this changes what apply computes.
public struct StoreConfiguration: Sendable {
    /// Connections that read at the same time. Default 2: a node may hold a thousand shards.
    public var readersMax: Int
    /// The writer's page cache in KiB, taken as needed. Default 8,192: all pages of a transaction of some hundred
    /// commands on different cases. Those of a larger one spill, and stand in the write-ahead log twice.
    public var writerCacheKiB: Int
    /// A reader's page cache in KiB. Default 512.
    public var readerCacheKiB: Int
    /// The age at which a read is ended: an open snapshot keeps the WAL from being reused. Default 5 s.
    public var readerAgeMax: Duration
    /// The age at which a copy or a checksum over the whole file is ended. Default 10 min: at 100 MB/s, 60 GB.
    public var snapshotAgeMax: Duration
    /// The WAL's size at which a checkpoint also makes writers start it anew. Default 64 MiB.
    public var walBytesMax: Int
    /// The longest wait for a lock, in seconds. Default 10: a checkpoint holds the write lock far shorter.
    public var busySecondsMax: Double
    /// Pages that the file may have; nil for SQLite's own bound. Tests fill a disk with it.
    var pagesMax: Int?

    /// The defaults; change what differs.
    public init() {
        readersMax = 2
        writerCacheKiB = 8_192
        readerCacheKiB = 512
        readerAgeMax = .seconds(5)
        snapshotAgeMax = .seconds(600)
        walBytesMax = 64 * 1_024 * 1_024
        busySecondsMax = 10
    }
}
