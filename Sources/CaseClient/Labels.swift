import CaseModel
import CaseProtocol

// The protocol's enumerations as people spell them: `propose-solution` in English, the words of
// Swedish contact centres in Swedish. A number that this library does not know keeps its number.

extension PBCaseStatus {
    /// `new`, `escalated` …
    public var label: String { readable(rawValue) { try model("").label } }
    /// `Nytt`, `Eskalerat` …
    public var swedish: String { readable(rawValue) { try model("").swedish } }
    /// Reads a label; nil for anything else.
    public init?(label: String) { self.init(label: label, \.label) }
}

extension PBRole {
    /// `agent`, `ai-agent` …
    public var label: String { readable(rawValue) { try model("").label } }
    /// `Agent`, `AI-agent` …
    public var swedish: String { readable(rawValue) { try model("").swedish } }
    /// Reads a label; nil for anything else.
    public init?(label: String) { self.init(label: label, \.label) }
}

extension PBPriority {
    /// `low`, `normal`, `high`, `urgent`.
    public var label: String { readable(rawValue) { try model("")?.label } }
    /// `Låg`, `Normal` …
    public var swedish: String { readable(rawValue) { try model("")?.swedish } }
    /// Reads a label; nil for anything else.
    public init?(label: String) { self.init(label: label, \.label) }
}

extension PBChannel {
    /// `email`, `chat`, `call`, `api`.
    public var label: String { readable(rawValue) { try model("").label } }
    /// `E-post`, `Chatt` …
    public var swedish: String { readable(rawValue) { try model("").swedish } }
    /// Reads a label; nil for anything else.
    public init?(label: String) { self.init(label: label, \.label) }
}

extension PBLinkKind {
    /// `follow-up-of`, `related-to`, `followed-up-by`.
    public var label: String {
        switch self {
        case .unspecified: ""
        case .followUpOf: "follow-up-of"
        case .relatedTo: "related-to"
        case .followedUpBy: "followed-up-by"
        case .UNRECOGNIZED(let number): "\(number)"
        }
    }
    /// Reads a label; nil for anything else.
    public init?(label: String) { self.init(label: label, \.label) }
}

extension PBEntryKind {
    /// `created`, `comment` …
    public var label: String {
        if case .UNRECOGNIZED(let number) = self { "\(number)" } else { "\(self)" }
    }
}

extension PBSubmitOutcome {
    /// `created`, `commented`, `attached`, `follow-up`.
    public var label: String {
        switch self {
        case .followUp: "follow-up"
        case .UNRECOGNIZED(let number): "\(number)"
        default: "\(self)"
        }
    }
}

private func readable(_ number: Int, _ label: () throws -> String?) -> String {
    do {
        return try label() ?? ""
    } catch {
        return number == 0 ? "" : "\(number)"
    }
}

extension CaseIterable {
    fileprivate init?(label: String, _ labelOf: (Self) -> String) {
        guard !label.isEmpty, let found = Self.allCases.first(where: { labelOf($0) == label })
        else { return nil }
        self = found
    }
}
