import CaseNode
import Configuration
import Foundation

/// Puts the configuration together: flags over environment over file over defaults.
enum ConfigurationLoader {
    static func load(_ flags: NodeFlags) async throws -> NodeConfiguration {
        let given = flags.values
        let environment = ProcessInfo.processInfo.environment
        let path = flags.config ?? environment["CASENODE_CONFIG"]
        let file = try await path.asyncMap { try await reader(path: $0) }
        if let path { try refuseUnknownKeys(path: path) }
        return try NodeConfiguration(sources: [
            ("flag", { given[$0.name] }),
            ("environment", { environment[$0.environmentName] }),
            (path ?? "file", { option in file.flatMap { text(of: option, in: $0) } }),
        ])
    }

    private static func reader(path: String) async throws -> ConfigReader {
        do {
            if path.hasSuffix(".json") {
                return ConfigReader(
                    provider: try await FileProvider<JSONSnapshot>(filePath: .init(path))
                )
            }
            return ConfigReader(
                provider: try await FileProvider<YAMLSnapshot>(filePath: .init(path))
            )
        } catch {
            throw ConfigurationError(option: "config", reason: "\(path): \(error)")
        }
    }

    /// A misspelt option must not pass for one that was not given. The library's reader looks up keys and
    /// does not list them, so the names are read here; options are flat, one to a line in YAML.
    private static func refuseUnknownKeys(path: String) throws {
        let contents: Data
        do {
            contents = try Data(contentsOf: URL(filePath: path))
        } catch {
            throw ConfigurationError(option: "config", reason: "\(path): \(error)")
        }
        let keys: [String]
        if path.hasSuffix(".json") {
            let object = try JSONSerialization.jsonObject(with: contents)
            keys = (object as? [String: Any]).map { Array($0.keys) } ?? []
        } else {
            keys = String(decoding: contents, as: UTF8.self).split(whereSeparator: \.isNewline)
                .filter { line in line.first.map { !" \t#-%{}.".contains($0) } ?? false }
                .map { line in
                    line.prefix { $0 != ":" }.trimmingCharacters(in: .init(charactersIn: "\"' \t"))
                }
        }
        let known = Set(NodeOption.all.map(\.name))
        for key in keys.sorted() where !known.contains(key) {
            throw ConfigurationError(
                option: "config",
                reason: "\(path): there is no option named \(key)"
            )
        }
    }

    /// A file may write a number or a truth value without quotes. A truth value of JSON can be read as a
    /// number too, so what the option is decides which is tried first.
    private static func text(of option: NodeOption, in file: ConfigReader) -> String? {
        let key = ConfigKey([option.name])
        if let text = file.string(forKey: key) { return text }
        let isTruth = Bool(option.defaultValue) != nil
        if isTruth, let truth = file.bool(forKey: key) { return String(truth) }
        if let number = file.int(forKey: key) { return String(number) }
        return file.bool(forKey: key).map { String($0) }
    }
}

extension Optional {
    fileprivate func asyncMap<Value>(
        _ body: (Wrapped) async throws -> Value
    ) async rethrows -> Value? {
        switch self {
        case .some(let wrapped): try await body(wrapped)
        case .none: nil
        }
    }
}
