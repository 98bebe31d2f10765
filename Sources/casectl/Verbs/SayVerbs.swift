import ArgumentParser
import CaseClient

/// `case comment`.
struct CommentCommand: CaseVerb {
    static let configuration = CommandConfiguration(
        commandName: "comment",
        abstract: "Say something that the customer reads.",
        discussion: """
            EXAMPLES
              casectl case comment 0H5K2N8QT40V7 --text "We are looking into it"
              casectl case comment 0H5K2N8QT40V7 --text - < answer.txt
            """
    )

    @Option(help: "The text, or - for standard input.")
    var text: String

    @OptionGroup var target: VerbOptions

    func action() throws -> CaseAction { .comment(try Texts.read(text)) }
}

/// `case note`.
struct NoteCommand: CaseVerb {
    static let configuration = CommandConfiguration(
        commandName: "note",
        abstract: "Write something for staff alone."
    )

    @Option(help: "The text, or - for standard input.")
    var text: String

    @OptionGroup var target: VerbOptions

    func action() throws -> CaseAction { .note(try Texts.read(text)) }
}

/// `case request-info`.
struct RequestInfoCommand: CaseVerb {
    static let configuration = CommandConfiguration(
        commandName: "request-info",
        abstract: "Ask the customer; the case waits for the answer."
    )

    @Option(help: "The question, or - for standard input.")
    var text: String

    @OptionGroup var target: VerbOptions

    func action() throws -> CaseAction { .requestInfo(try Texts.read(text)) }
}

/// `case survey`.
struct SurveyCommand: CaseVerb {
    static let configuration = CommandConfiguration(
        commandName: "survey",
        abstract: "The customer's word after the end, once."
    )

    @Option(help: "1 to 5.")
    var rating: UInt32

    @Option(help: "A text, or - for standard input.")
    var text: String = ""

    @OptionGroup var target: VerbOptions

    func validate() throws {
        guard (1...5).contains(rating) else { throw ValidationError("--rating: 1 to 5") }
    }

    func action() throws -> CaseAction {
        .submitSurvey(rating: rating, text: try Texts.read(text))
    }
}
