import ArgumentParser
import CaseClient

// Labels in the language that was asked for. JSON always has the English ones: programs compare
// them.

extension Session {
    func label(_ status: CaseStatus) -> String {
        language == .sv ? status.swedish : status.label
    }

    func label(_ priority: CasePriority) -> String {
        language == .sv ? priority.swedish : priority.label
    }

    func label(_ channel: CaseChannel) -> String {
        language == .sv ? channel.swedish : channel.label
    }

    func label(_ role: PrincipalRole) -> String {
        language == .sv ? role.swedish : role.label
    }
}

/// An option whose values are a protocol enumeration's labels.
protocol Labelled: CaseIterable {
    init?(label: String)
    var label: String { get }
}

extension CaseStatus: Labelled {}
extension CasePriority: Labelled {}
extension CaseChannel: Labelled {}
extension PrincipalRole: Labelled {}
extension CaseLinkKind: Labelled {}

extension Labelled {
    static var labels: [String] { allCases.map(\.label).filter { !$0.isEmpty } }

    static func parse(_ text: String) throws -> Self {
        guard let value = Self(label: text) else {
            throw ValidationError("'\(text)' is none of \(labels.joined(separator: ", "))")
        }
        return value
    }
}
