import ArgumentParser
import CaseClient
import Foundation

/// One run of a command: its client, and where answers go.
struct Session: Sendable {
    let client: CaseClient
    let format: OutputFormat
    let language: Language
    let deadline: Duration
    let key: String?

    /// For a command that stands for one call.
    var call: CaseCallOptions { CaseCallOptions(idempotencyKey: key) }

    /// Runs `body` with a client, and turns what goes wrong into a message and an exit status.
    static func run(
        _ options: GlobalOptions,
        key: String? = nil,
        _ body: (Session) async throws -> Void
    ) async throws {
        do {
            let client = try CaseClient(options.clientConfiguration())
            let session = Session(
                client: client,
                format: options.output,
                language: options.language,
                deadline: try options.deadline(),
                key: key
            )
            do {
                try await body(session)
            } catch {
                await client.shutdown()
                throw error
            }
            await client.shutdown()
        } catch {
            throw report(error, servers: options.servers())
        }
    }

    /// Runs what needs no cluster.
    static func local(_ body: () throws -> Void) throws {
        do { try body() } catch { throw report(error, servers: "") }
    }

    /// Says what went wrong and what to do, and gives the exit status.
    static func report(_ error: any Error, servers: String) -> any Error {
        switch error {
        case let error as CaseClientError:
            Terminal.note("casectl: \(error)")
            if let advice = error.advice(servers) { Terminal.note("casectl: \(advice)") }
            return ExitCode(error.exitStatus.rawValue)
        case let failure as Failure where failure.status == .outputClosed:
            return ExitCode(failure.status.rawValue)
        case let failure as Failure:
            Terminal.note("casectl: \(failure)")
            return ExitCode(failure.status.rawValue)
        case is ValidationError, is ExitCode, is CleanExit:
            return error
        default:
            Terminal.note("casectl: \(error)")
            return ExitCode(ExitStatus.internalError.rawValue)
        }
    }

    /// One answer: JSON on one line, or the text for people.
    func show(_ json: @autoclosure () -> JSONValue, _ text: @autoclosure () -> String) throws {
        switch format {
        case .json: try Terminal.write(json().text + "\n")
        case .table: try Terminal.write(text())
        }
    }
}
