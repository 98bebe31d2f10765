import CoordinatorCore
import Foundation

/// The machine's zone database.
enum ZoneFiles {
    /// Where Debian and most others keep it.
    static let directory = "/usr/share/zoneinfo"

    /// A zone's rules; nil if there is no such zone here, or its file can't be read.
    ///
    /// UTC is built in: a slim container has no zone database.
    static func rules(named name: String) -> ZoneRules? {
        if name == "Etc/UTC" || name == "UTC" { return .utc }
        guard !name.contains(".."), !name.hasPrefix("/"),
            let data = FileManager.default.contents(atPath: "\(directory)/\(name)"),
            data.count <= ZoneRules.fileBytesMax
        else { return nil }
        do {
            return try ZoneRules(tzif: [UInt8](data))
        } catch {
            return nil
        }
    }
}
