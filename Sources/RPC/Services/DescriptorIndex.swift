import SwiftProtobuf

/// Which file declares what, read from a serialised `FileDescriptorSet`.
struct DescriptorIndex: Sendable {
    private struct File {
        let bytes: [UInt8]
        let imports: [String]
    }

    private var files: [String: File] = [:]
    private var fileOfSymbol: [String: String] = [:]
    private var fileOfExtension: [String: [Int32: String]] = [:]
    /// The full names of all services, sorted.
    private(set) var services: [String] = []

    /// - Throws: INVALID_ARGUMENT for bytes that are no such set.
    init(fileDescriptorSet: [UInt8]) throws(RPCStatus) {
        let set = try MessageCoding.decode(
            Google_Protobuf_FileDescriptorSet.self,
            fileDescriptorSet
        )
        for file in set.file {
            files[file.name] = File(
                bytes: try MessageCoding.encode(file),
                imports: file.dependency
            )
            let scope = file.package.isEmpty ? "" : file.package + "."
            for message in file.messageType { add(message, scope, file.name) }
            for type in file.enumType { add(type, scope, file.name) }
            for field in file.extension { add(field, scope, file.name) }
            for service in file.service {
                services.append(scope + service.name)
                fileOfSymbol[scope + service.name] = file.name
                for method in service.method {
                    fileOfSymbol["\(scope)\(service.name).\(method.name)"] = file.name
                }
            }
        }
        services.sort()
    }

    private mutating func add(
        _ message: Google_Protobuf_DescriptorProto,
        _ scope: String,
        _ file: String
    ) {
        let name = scope + message.name
        fileOfSymbol[name] = file
        for field in message.field { fileOfSymbol["\(name).\(field.name)"] = file }
        for nested in message.nestedType { add(nested, name + ".", file) }
        for nested in message.enumType { add(nested, name + ".", file) }
        for field in message.extension { add(field, name + ".", file) }
    }

    private mutating func add(
        _ type: Google_Protobuf_EnumDescriptorProto,
        _ scope: String,
        _ file: String
    ) {
        fileOfSymbol[scope + type.name] = file
        // A value's full name stands beside its enum, not inside it.
        for value in type.value { fileOfSymbol[scope + value.name] = file }
    }

    private mutating func add(
        _ field: Google_Protobuf_FieldDescriptorProto,
        _ scope: String,
        _ file: String
    ) {
        fileOfSymbol[scope + field.name] = file
        let extended =
            field.extendee.hasPrefix(".") ? String(field.extendee.dropFirst()) : field.extendee
        fileOfExtension[extended, default: [:]][field.number] = file
    }

    /// The file that declares a symbol.
    func file(declaring symbol: String) -> String? { fileOfSymbol[symbol] }

    /// The file that declares an extension.
    func file(extending type: String, number: Int32) -> String? { fileOfExtension[type]?[number] }

    /// The numbers of a type's extensions, sorted; nil for a type that is not known.
    func extensionNumbers(of type: String) -> [Int32]? {
        if let numbers = fileOfExtension[type] { return numbers.keys.sorted() }
        return fileOfSymbol[type] == nil ? nil : []
    }

    /// A file and everything it imports, each once, itself first; nil if it is not known.
    func withImports(_ name: String) -> [[UInt8]]? {
        guard files[name] != nil else { return nil }
        var names = [name]
        var index = 0
        while index < names.count {
            for dependency in files[names[index]]?.imports ?? []
            where files[dependency] != nil && !names.contains(dependency) {
                names.append(dependency)
            }
            index += 1
        }
        return names.compactMap { files[$0]?.bytes }
    }
}
