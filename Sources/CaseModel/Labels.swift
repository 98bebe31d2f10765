// The spellings that the protocol, the command line, the audit and people read: kebab-case in English,
// and the words of Swedish contact centres. Stored forms use the raw values, never these.

extension CaseStatus {
    /// `new`, `escalated`, ...
    public var label: String { "\(self)" }

    /// Reads a label; nil for anything else.
    public init?(label: String) { self.init(label, \.label) }

    /// As Swedish contact centres say.
    public var swedish: String {
        switch self {
        case .new: "Nytt"
        case .escalated: "Eskalerat"
        case .assigned: "Tilldelat"
        case .open: "Öppet"
        case .parked: "Parkerat"
        case .pending: "Väntar"
        case .resolved: "Löst"
        case .closed: "Stängt"
        case .archived: "Arkiverat"
        case .deleted: "Raderat"
        }
    }
}

extension Role {
    /// `requester`, `ai-agent`, ...
    public var label: String { kebab("\(self)") }

    /// Reads a label; nil for anything else.
    public init?(label: String) { self.init(label, \.label) }

    /// As Swedish contact centres say.
    public var swedish: String {
        switch self {
        case .requester: "Begärande"
        case .agent: "Agent"
        case .supervisor: "Supervisor"
        case .reviewer: "Granskare"
        case .aiAgent: "AI-agent"
        case .admin: "Administratör"
        case .system: "System"
        case .intake: "Kanal"
        }
    }
}

extension Priority {
    /// `low`, `normal`, `high`, `urgent`.
    public var label: String { "\(self)" }

    /// Reads a label; nil for anything else.
    public init?(label: String) { self.init(label, \.label) }

    /// As Swedish contact centres say.
    public var swedish: String {
        switch self {
        case .low: "Låg"
        case .normal: "Normal"
        case .high: "Hög"
        case .urgent: "Brådskande"
        }
    }
}

extension Channel {
    /// `email`, `chat`, `call`, `api`.
    public var label: String { "\(self)" }

    /// Reads a label; nil for anything else.
    public init?(label: String) { self.init(label, \.label) }

    /// As Swedish contact centres say.
    public var swedish: String {
        switch self {
        case .email: "E-post"
        case .chat: "Chatt"
        case .call: "Samtal"
        case .api: "API"
        }
    }
}

extension LinkKind {
    /// `follow-up-of`, `related-to`, `followed-up-by`.
    public var label: String { kebab("\(self)") }

    /// Reads a label; nil for anything else.
    public init?(label: String) { self.init(label, \.label) }
}

extension ActionName {
    /// `propose-solution`, `close-by-timer`, ...
    public var label: String { kebab("\(self)") }

    /// Reads a label; nil for anything else.
    public init?(label: String) { self.init(label, \.label) }

    /// As Swedish contact centres say.
    public var swedish: String {
        switch self {
        case .create: "Skapa"
        case .createAsOwner: "Skapa som ägare"
        case .comment: "Kommentera"
        case .automaticReply: "Automatsvar"
        case .note: "Intern anteckning"
        case .assign: "Tilldela"
        case .accept: "Acceptera"
        case .decline: "Avböj"
        case .assignToMe: "Tilldela mig"
        case .escalate: "Eskalera"
        case .escalateByRule: "Eskalera enligt regel"
        case .park: "Parkera"
        case .requestInfo: "Begär information"
        case .waitForExternal: "Invänta extern part"
        case .resume: "Återuppta"
        case .proposeSolution: "Föreslå lösning"
        case .acceptSolution: "Godkänn lösning"
        case .rejectSolution: "Avvisa lösning"
        case .reopen: "Återöppna"
        case .close: "Stäng"
        case .transferToQueue: "Överför till kö"
        case .transferToAgent: "Överför till agent"
        case .reassign: "Omfördela"
        case .release: "Frigör"
        case .delete: "Radera"
        case .update: "Uppdatera"
        case .addTag: "Lägg till etikett"
        case .removeTag: "Ta bort etikett"
        case .link: "Länka"
        case .attachInteraction: "Bifoga interaktion"
        case .submitSurvey: "Besvara enkät"
        case .closeByTimer: "Stäng automatiskt"
        case .archive: "Arkivera"
        }
    }
}

extension CaseIterable {
    /// The case whose label this is.
    fileprivate init?(_ label: String, _ labelOf: (Self) -> String) {
        guard let found = Self.allCases.first(where: { labelOf($0) == label }) else { return nil }
        self = found
    }
}

/// `proposeSolution` to `propose-solution`, and `aiAgent` to `ai-agent`.
private func kebab(_ camel: String) -> String {
    var text = ""
    for character in camel {
        if character.isUppercase { text += "-" }
        text += character.lowercased()
    }
    return text
}
