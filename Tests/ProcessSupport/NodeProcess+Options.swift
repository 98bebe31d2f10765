extension NodeProcess {
    /// What one start is told.
    package struct Options: Sendable {
        /// Of this build.
        package var program = "casenode"
        /// What runs the program: a path and its first arguments; empty for nothing.
        package var wrapper: [String] = []
        package var dataDirectory: String
        /// Where clients reach it.
        package var host = "127.0.0.1"
        package var port: Int
        package var arguments: [String] = []
        /// Beside this process's own.
        package var environment: [String: String] = [:]
        /// TLS with the certificate that the node makes for itself, or that `arguments` name.
        package var hasTLS = false
        /// Where its errors go, added to what is there; nil keeps them until it ends.
        package var errorPath: String?

        /// The authority that a client has to trust then.
        package var authorityPath: String { dataDirectory + "/tls/ca.pem" }

        /// Puts options together.
        package init(
            program: String = "casenode",
            dataDirectory: String,
            port: Int,
            arguments: [String] = [],
            environment: [String: String] = [:],
            hasTLS: Bool = false
        ) {
            self.program = program
            self.dataDirectory = dataDirectory
            self.port = port
            self.arguments = arguments
            self.environment = environment
            self.hasTLS = hasTLS
        }
    }
}
