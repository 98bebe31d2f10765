import Foundation

/// How much a test does: what every run can afford, or what a variable of the environment asks for.
/// `Deploy/test` lists the variables.
enum TestSize {
    /// The variable's number, which must be one and positive; `usual` where it is not set.
    static func number(_ variable: String, else usual: Int) -> Int {
        guard let text = ProcessInfo.processInfo.environment[variable] else { return usual }
        guard let number = Int(text), number > 0 else {
            preconditionFailure("\(variable): \(text) is no positive number")
        }
        return number
    }

    /// The same where nothing is asked for unless the variable is set.
    static func number(_ variable: String) -> Int? {
        ProcessInfo.processInfo.environment[variable].map { _ in number(variable, else: 0) }
    }

    /// Seeds of what is drawn: `CASECLUSTER_SEED` repeats a run.
    static let seed = UInt64(number("CASECLUSTER_SEED", else: 1))
}
