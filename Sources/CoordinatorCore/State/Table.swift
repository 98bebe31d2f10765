import ClusterPrimitives

/// A text as bytes: equal only to itself, ordered by Unicode scalars (which is UTF-8's byte order).
///
/// Why not String: `==` on strings is canonical equivalence, so that two different rows of the
/// store would be one entry here, and the tables behind it change with the runtime's version.
struct TextKey: Hashable, Comparable, Sendable {
    let text: String

    init(_ text: String) { self.text = text }

    static func == (left: TextKey, right: TextKey) -> Bool {
        left.text.hasSameBytes(as: right.text)
    }

    static func < (left: TextKey, right: TextKey) -> Bool {
        left.text.utf8.lexicographicallyPrecedes(right.text.utf8)
    }

    func hash(into hasher: inout Hasher) { text.hashBytes(into: &hasher) }
}

/// A hash table whose order can't be seen: it is read by key, or sorted by key.
struct Table<Key: Hashable & Comparable & Sendable, Value: Sendable>: Sendable {
    private var rows: [Key: Value] = [:]

    init() {}

    var count: Int { rows.count }

    subscript(key: Key) -> Value? {
        get { rows[key] }
        set { rows[key] = newValue }
    }

    /// All values, by key.
    var sorted: [Value] {
        rows.sorted { $0.key < $1.key }.map(\.value)
    }

    /// The values that the condition holds for, by key.
    func sorted(where condition: (Value) -> Bool) -> [Value] {
        rows.filter { condition($0.value) }.sorted { $0.key < $1.key }.map(\.value)
    }

    /// All keys, sorted.
    var sortedKeys: [Key] { rows.keys.sorted() }

    /// The first value by key that the condition holds for.
    func first(where condition: (Value) -> Bool) -> Value? {
        var best: (key: Key, value: Value)?
        for row in rows where condition(row.value) {
            if let found = best, found.key < row.key { continue }
            best = (row.key, row.value)
        }
        return best?.value
    }

    /// How many the condition holds for.
    func count(where condition: (Value) -> Bool) -> Int {
        rows.values.reduce(0) { $0 + (condition($1) ? 1 : 0) }
    }
}

extension Table: Equatable where Value: Equatable {}

extension Array where Element == String {
    /// Sorted by Unicode scalars, each once.
    var sortedOnce: [String] {
        var result: [String] = []
        for key in map(TextKey.init).sorted() where result.last.map(TextKey.init) != key {
            result.append(key.text)
        }
        return result
    }
}
