import Foundation

extension ChaosReport {
    private struct Summary: Encodable {
        struct Fault: Encodable {
            let kind: FaultKind
            let times: Int
            let silencesMs: [Int]
        }

        let seed: UInt64
        let minutes: Double
        let nodes: Int
        let answered: Int
        let kept: Bool
        let faults: [Fault]
        let workloads: [String: String]
        let met: [String: Int]
        let violations: [Violation]
    }

    /// One line for programs.
    public var json: String {
        let summary = Summary(
            seed: options.seed,
            minutes: Double(options.lasts) / 60_000,
            nodes: options.nodes,
            answered: answered,
            kept: violations.isEmpty,
            faults: FaultKind.allCases.compactMap { kind in
                met[kind].map {
                    Summary.Fault(kind: kind, times: $0, silencesMs: silences(during: kind))
                }
            },
            workloads: Dictionary(workloads.map { ($0.name, $0.summary) }) { first, _ in first },
            met: rarities,
            violations: violations
        )
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        do {
            return String(decoding: try encoder.encode(summary), as: UTF8.self)
        } catch {
            return #"{"error":"the summary can't be written: \#(error)"}"#
        }
    }
}
