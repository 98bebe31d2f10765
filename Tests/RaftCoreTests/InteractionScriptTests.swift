import Testing

@testable import RaftCore

/// Goal: the core does, message by message, what the published scripts fix.
/// Method: each script drives a cluster of cores; everything printed must be equal to the letter.
@Suite("Interaction scripts", .enabled(if: OracleScripts.areThere, "the oracle folder is absent"))
struct InteractionScriptTests {
    @Test(arguments: OracleScripts.names("interaction"))
    func script(name: String) throws {
        let steps = try OracleScripts.steps("interaction", name)
        #expect(!steps.isEmpty, "\(name) has no steps")
        var cluster = InteractionCluster()
        for step in steps {
            let printed = Script.comparable(cluster.run(step))
            let expected = Script.comparable(step.expected)
            #expect(printed == expected, "\(name):\(step.line)")
            // What follows would only repeat the first difference.
            guard printed == expected else { return }
        }
    }
}
