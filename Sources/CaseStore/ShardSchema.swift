/// The tables of a shard's file, version 1. `Protocol/store.md` explains each.
///
/// Why integers in the order of arrival as keys: rows are appended at a tree's end instead of being
/// spread over it, and only small index entries land in the middle. Why no foreign keys, triggers or
/// generated columns: apply writes each row itself, and nothing that SQLite does by itself may differ
/// between two versions of it.
enum ShardSchema {
    /// "CaSh" in ASCII.
    static let applicationID: Int64 = 0x4361_5368
    static let version: Int64 = 1

    static let format = FileFormat(applicationID: applicationID, version: version, schema: sql)

    static let sql = """
        CREATE TABLE meta (
            id INTEGER PRIMARY KEY CHECK (id = 1),
            shard INTEGER NOT NULL,
            applied_index INTEGER NOT NULL,
            applied_term INTEGER NOT NULL,
            shard_time INTEGER NOT NULL,
            last_case_id INTEGER,
            epoch_incarnation INTEGER NOT NULL,
            epoch_term INTEGER NOT NULL,
            night INTEGER NOT NULL,
            night_boundary INTEGER NOT NULL,
            row_sequence INTEGER NOT NULL,
            feed_position INTEGER NOT NULL,
            feed_floor INTEGER NOT NULL,
            counts BLOB NOT NULL,
            configuration BLOB NOT NULL
        );
        CREATE TABLE cases (
            id INTEGER PRIMARY KEY,
            status INTEGER NOT NULL,
            priority INTEGER NOT NULL,
            channel INTEGER NOT NULL,
            queue TEXT NOT NULL,
            team TEXT NOT NULL,
            owner TEXT,
            requester TEXT NOT NULL,
            updated_at INTEGER NOT NULL,
            queued_at INTEGER NOT NULL,
            due_at INTEGER,
            closed_at INTEGER,
            audit_seq INTEGER NOT NULL,
            record BLOB NOT NULL
        );
        CREATE INDEX cases_updated ON cases (updated_at, id);
        CREATE INDEX cases_waiting ON cases (queue, priority DESC, status DESC, queued_at, id)
            WHERE status IN (1, 2);
        CREATE INDEX cases_due ON cases (due_at, id) WHERE due_at IS NOT NULL;
        CREATE INDEX cases_closed ON cases (closed_at, id) WHERE status = 8;
        CREATE INDEX cases_owned ON cases (owner, id) WHERE owner IS NOT NULL;
        CREATE INDEX cases_requested ON cases (requester, id);
        CREATE TABLE archived (
            id INTEGER PRIMARY KEY,
            status INTEGER NOT NULL,
            priority INTEGER NOT NULL,
            channel INTEGER NOT NULL,
            queue TEXT NOT NULL,
            team TEXT NOT NULL,
            owner TEXT,
            requester TEXT NOT NULL,
            updated_at INTEGER NOT NULL,
            closed_at INTEGER,
            audit_seq INTEGER NOT NULL,
            record BLOB NOT NULL,
            entries BLOB,
            notes BLOB,
            audit BLOB
        );
        CREATE INDEX archived_updated ON archived (updated_at, id);
        CREATE INDEX archived_requested ON archived (requester, id);
        CREATE TABLE entries (
            seq INTEGER PRIMARY KEY,
            case_id INTEGER NOT NULL,
            number INTEGER NOT NULL,
            entry BLOB NOT NULL
        );
        CREATE UNIQUE INDEX entries_of_case ON entries (case_id, number);
        CREATE TABLE notes (
            seq INTEGER PRIMARY KEY,
            case_id INTEGER NOT NULL,
            number INTEGER NOT NULL,
            entry BLOB NOT NULL
        );
        CREATE UNIQUE INDEX notes_of_case ON notes (case_id, number);
        CREATE TABLE raw (
            seq INTEGER PRIMARY KEY,
            message BLOB NOT NULL
        );
        CREATE TABLE audit (
            seq INTEGER PRIMARY KEY,
            previous INTEGER NOT NULL,
            salt BLOB,
            entry BLOB NOT NULL
        );
        CREATE TABLE keys (
            seq INTEGER PRIMARY KEY,
            prefix INTEGER NOT NULL,
            at INTEGER NOT NULL,
            digest BLOB NOT NULL,
            request_hash BLOB NOT NULL,
            result BLOB NOT NULL
        );
        CREATE INDEX keys_prefix ON keys (prefix);
        CREATE TABLE contact_keys (
            seq INTEGER PRIMARY KEY,
            prefix INTEGER NOT NULL,
            at INTEGER NOT NULL,
            digest BLOB NOT NULL,
            request_hash BLOB NOT NULL,
            result BLOB NOT NULL
        );
        CREATE INDEX contact_keys_prefix ON contact_keys (prefix);
        CREATE TABLE claims (
            seq INTEGER PRIMARY KEY,
            prefix INTEGER NOT NULL,
            at INTEGER NOT NULL,
            digest BLOB NOT NULL,
            content_hash BLOB NOT NULL,
            case_id INTEGER
        );
        CREATE INDEX claims_prefix ON claims (prefix);
        CREATE TABLE gone (
            principal TEXT PRIMARY KEY
        ) WITHOUT ROWID;
        CREATE TABLE feed (
            position INTEGER PRIMARY KEY,
            at INTEGER NOT NULL,
            item BLOB NOT NULL
        );
        """

    /// The tables in the order in which a checksum visits them, each with the key that orders its rows.
    static let tables: [(name: String, key: String)] = [
        ("meta", "id"), ("cases", "id"), ("archived", "id"), ("entries", "seq"), ("notes", "seq"),
        ("raw", "seq"), ("audit", "seq"), ("keys", "seq"), ("contact_keys", "seq"),
        ("claims", "seq"), ("gone", "principal"), ("feed", "position"),
    ]
}
