import CaseModel
import CaseProtocol

/// How much a page may still take: a response must fit a message whatever its items hold.
struct PageBudget {
    /// Bytes of items on a page, by estimate: a message may have 4 MiB, and a page takes one item in any case.
    static let bytesMax = 3 << 20

    private let itemsMax: Int
    private(set) var items = 0
    private var bytes = 0

    init(itemsMax: Int) {
        precondition(itemsMax > 0)
        self.itemsMax = itemsMax
    }

    /// Whether an item of this size goes on the page; if not, the page ends before it.
    mutating func take(_ itemBytes: Int) -> Bool {
        guard items < itemsMax, items == 0 || bytes + itemBytes <= Self.bytesMax else {
            return false
        }
        items += 1
        bytes += itemBytes
        return true
    }
}

extension PBEntry {
    /// About what it takes on the wire: its texts, and an allowance for the rest.
    var pageBytes: Int {
        var bytes = 256 + text.utf8.count + from.utf8.count + to.utf8.count + field.utf8.count
        for file in attachments {
            bytes += 64 + file.fileName.utf8.count + file.mediaType.utf8.count
        }
        for pair in interaction { bytes += pair.pageBytes }
        return bytes
    }
}

extension PBNamedValue {
    /// About what it takes on the wire.
    var pageBytes: Int { 16 + name.utf8.count + value.utf8.count }
}

extension CaseRecord {
    /// About what it takes on the wire: its texts, and an allowance for the rest.
    var pageBytes: Int {
        var bytes = 2_048 + title.utf8.count + (parkedReason?.utf8.count ?? 0)
        bytes += requester.name.utf8.count + requester.address.utf8.count
        for pair in fields + channelInfo {
            bytes += 16 + pair.name.utf8.count + pair.value.utf8.count
        }
        for tag in tags { bytes += 8 + tag.utf8.count }
        bytes += links.count * 32 + (survey?.text.utf8.count ?? 0)
        bytes += escalation?.reason.utf8.count ?? 0
        if case .external(let party, let reason) = pendingReason {
            bytes += party.utf8.count + reason.utf8.count
        }
        return bytes
    }
}
