import ArgumentParser
import CaseClient

/// A command that does one action on one case.
protocol CaseVerb: AsyncParsableCommand {
    var target: VerbOptions { get }

    /// Reads texts and puts the action together.
    func action() throws -> CaseAction
}

/// What every verb takes.
struct VerbOptions: ParsableArguments {
    @Argument(help: "The case's id; lower case, hyphens and spaces are fine.")
    var caseID: String

    @Option(help: "Do it only if the case is still at this version.")
    var expectVersion: UInt64?

    @OptionGroup var keyOption: KeyOption
    @OptionGroup var global: GlobalOptions
}

extension CaseVerb {
    func run() async throws {
        try await Session.run(target.global, key: target.keyOption.key) { session in
            let receipt = try await session.client.execute(
                try action(),
                on: target.caseID,
                expecting: target.expectVersion,
                options: session.call
            )
            try session.show(receipt)
        }
    }
}
