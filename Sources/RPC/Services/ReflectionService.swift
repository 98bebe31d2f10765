import CaseProtocol

/// `grpc.reflection.v1` (and `v1alpha`, the same messages under an older name): which services the
/// server has, so that generic tools can call them.
public struct ReflectionService: Sendable {
    private typealias Request = Grpc_Reflection_V1_ServerReflectionRequest
    private typealias Response = Grpc_Reflection_V1_ServerReflectionResponse

    private let index: DescriptorIndex
    private let services: [String]

    /// - Parameters:
    ///   - fileDescriptorSet: what `protoc --include_imports --descriptor_set_out` writes.
    ///   - services: the full names to list; nil for all that the set declares.
    /// - Throws: INVALID_ARGUMENT for bytes that are no such set.
    public init(fileDescriptorSet: [UInt8], services: [String]? = nil) throws(RPCStatus) {
        index = try DescriptorIndex(fileDescriptorSet: fileDescriptorSet)
        self.services = services?.sorted() ?? index.services
    }

    /// Adds both versions of `ServerReflectionInfo`.
    public func register(in router: inout RPCRouter) {
        for version in ["v1", "v1alpha"] {
            router.stream("/grpc.reflection.\(version).ServerReflection/ServerReflectionInfo") {
                call in
                Task { await answer(call) }
            }
        }
    }

    private func answer(_ call: StreamCall) async {
        do throws(RPCStatus) {
            for try await bytes in call.messages {
                let request = try MessageCoding.decode(Request.self, bytes)
                try await call.writer.send(try MessageCoding.encode(response(request)))
            }
            call.writer.finish()
        } catch {
            call.writer.finish(error)
        }
    }

    private func response(_ request: Request) -> Response {
        var response = Response()
        response.validHost = request.host
        response.originalRequest = request
        switch request.messageRequest {
        case .listServices:
            var list = Grpc_Reflection_V1_ListServiceResponse()
            list.service = services.map { name in
                var service = Grpc_Reflection_V1_ServiceResponse()
                service.name = name
                return service
            }
            response.listServicesResponse = list
        case .fileByFilename(let name):
            answer(&response, files: index.withImports(name), name)
        case .fileContainingSymbol(let symbol):
            let file = index.file(declaring: symbol)
            answer(&response, files: file.flatMap { index.withImports($0) }, symbol)
        case .fileContainingExtension(let wanted):
            let file = index.file(
                extending: wanted.containingType,
                number: wanted.extensionNumber
            )
            answer(
                &response,
                files: file.flatMap { index.withImports($0) },
                wanted.containingType
            )
        case .allExtensionNumbersOfType(let type):
            guard let numbers = index.extensionNumbers(of: type) else {
                return refuse(response, .notFound, "\(type) is not known")
            }
            var answer = Grpc_Reflection_V1_ExtensionNumberResponse()
            answer.baseTypeName = type
            answer.extensionNumber = numbers
            response.allExtensionNumbersResponse = answer
        case nil:
            return refuse(response, .invalidArgument, "no question")
        }
        return response
    }

    private func answer(_ response: inout Response, files: [[UInt8]]?, _ name: String) {
        guard let files else {
            response = refuse(response, .notFound, "\(name) is not known")
            return
        }
        var answer = Grpc_Reflection_V1_FileDescriptorResponse()
        answer.fileDescriptorProto = files.map { .init($0) }
        response.fileDescriptorResponse = answer
    }

    private func refuse(_ base: Response, _ code: RPCStatusCode, _ message: String) -> Response {
        var response = base
        var error = Grpc_Reflection_V1_ErrorResponse()
        error.errorCode = Int32(code.rawValue)
        error.errorMessage = message
        response.errorResponse = error
        return response
    }
}
