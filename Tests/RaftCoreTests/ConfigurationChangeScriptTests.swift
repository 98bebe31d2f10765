import ClusterPrimitives
import Testing

@testable import RaftCore

/// Goal: simple and joint changes lead to the configurations and progress that the scripts say, and
/// are refused for the reasons that they say.
@Suite(
    "Configuration change scripts",
    .enabled(if: OracleScripts.areThere, "the oracle folder is absent")
)
struct ConfigurationChangeScriptTests {
    @Test(arguments: OracleScripts.names("confchange"))
    func script(name: String) throws {
        let steps = try OracleScripts.steps("confchange", name)
        #expect(!steps.isEmpty, "\(name) has no steps")
        var state = State()
        for step in steps {
            let printed = state.run(step)
            #expect(
                Script.comparable(printed) == Script.comparable(step.expected),
                "\(name):\(step.line)"
            )
        }
    }

    private struct State {
        var configuration = Configuration()
        var progress = ProgressTable(inflightMessagesMax: 10, inflightBytesMax: .max)
        var lastIndex = LogIndex.zero

        mutating func run(_ step: ScriptStep) -> String {
            defer { lastIndex = lastIndex.next }
            let changer = ConfigurationChanger(
                configuration: configuration,
                progress: progress,
                lastIndex: lastIndex
            )
            let steps = ScriptText.steps(step.input.joined(separator: " "))
            do throws(ConfigurationChangeError) {
                switch step.directive {
                case "simple":
                    (configuration, progress) = try changer.simple(steps)
                case "enter-joint":
                    let autoLeave = step.values("autoleave") == ["true"]
                    (configuration, progress) = try changer.enterJoint(steps, autoLeave: autoLeave)
                case "leave-joint":
                    (configuration, progress) = try changer.leaveJoint()
                default:
                    return "unknown directive \(step.directive)"
                }
            } catch {
                return error.description
            }
            return configuration.description + "\n" + ScriptText.progress(progress)
        }
    }
}
