import CaseClient

/// Uses each part of the library once, so that each is linked.
@main
struct Outside {
    static func main() async throws {
        let endpoint = try CaseEndpoint(CommandLine.arguments.dropFirst().first ?? "127.0.0.1:7400")
        var configuration = CaseClientConfiguration(endpoints: [endpoint], token: "none")
        configuration.retry = .none
        configuration.deadline = .seconds(1)
        let client = try CaseClient(configuration)
        do {
            let receipt = try await client.create(.with { $0.message = "The door is stuck" })
            try await client.execute(.comment("We are on our way"), on: receipt.caseID)
            for try await entry in client.entries(of: receipt.caseID) { print(entry.text) }
            for try await event in try client.watch(patience: .seconds(1)) { print(event.caseID) }
        } catch {
            // Nobody is there in the check: that this is said in the library's own words is the point.
            print("\(error.code) \(error.kind): \(error.message)")
        }
        await client.shutdown()
    }
}
