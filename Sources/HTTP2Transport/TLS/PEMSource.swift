import COpenSSL

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// Where a certificate or key is: text in PEM, in a file or in memory.
public enum PEMSource: Sendable {
    /// A file, read when the context is made.
    case file(String)
    /// The text itself.
    case bytes([UInt8])

    /// A PEM file longer than this is none, in bytes.
    static let fileBytesMax = 1 << 20

    /// For people: the file's path, or that there is none.
    var name: String {
        switch self {
        case .file(let path): path
        case .bytes: "memory"
        }
    }

    func read() throws(TransportError) -> [UInt8] {
        switch self {
        case .bytes(let bytes): return bytes
        case .file(let path): return try Self.readFile(path)
        }
    }

    private static func readFile(_ path: String) throws(TransportError) -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .file(path: path, errno: errno) }
        defer { close(descriptor) }
        var text: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 16_384)
        while true {
            let count = Glibc.read(descriptor, &piece, piece.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw .file(path: path, errno: errno) }
            guard count > 0 else { return text }
            text.append(contentsOf: piece[..<count])
            guard text.count <= fileBytesMax else { throw .file(path: path, errno: EFBIG) }
        }
    }
}

/// Parsing of PEM text by libcrypto. The objects belong to the caller.
enum PEM {
    /// Every certificate of the text, in order; at least one.
    static func certificates(_ text: [UInt8]) throws(TransportError) -> [OpaquePointer] {
        OpenSSLErrors.clear()
        guard let bio = BIO_new_mem_buf(text, Int32(clamping: text.count)) else {
            throw .openSSL(OpenSSLErrors.take())
        }
        defer { BIO_free(bio) }
        var found: [OpaquePointer] = []
        while let certificate = PEM_read_bio_X509(bio, nil, { _, _, _, _ in -1 }, nil) {
            found.append(certificate)
        }
        let last = ERR_peek_last_error()
        ERR_clear_error()
        // The regular end is "no start line"; anything else is a broken block.
        guard shim_ERR_reason(last) == PEM_R_NO_START_LINE, !found.isEmpty else {
            for certificate in found { X509_free(certificate) }
            throw .badCertificate(found.isEmpty ? "no certificate in PEM text" : "broken PEM text")
        }
        return found
    }

    /// The private key of the text.
    static func key(_ text: [UInt8]) throws(TransportError) -> OpaquePointer {
        OpenSSLErrors.clear()
        guard let bio = BIO_new_mem_buf(text, Int32(clamping: text.count)) else {
            throw .openSSL(OpenSSLErrors.take())
        }
        defer { BIO_free(bio) }
        // The callback stands in for libcrypto's default, which asks the terminal.
        guard let key = PEM_read_bio_PrivateKey(bio, nil, { _, _, _, _ in -1 }, nil) else {
            _ = OpenSSLErrors.take()
            throw .badCertificate("no private key in PEM text, or one with a passphrase")
        }
        return key
    }

    /// What a writer put into a memory BIO.
    static func text(
        _ write: (OpaquePointer) -> Int32
    ) throws(TransportError) -> [UInt8] {
        OpenSSLErrors.clear()
        guard let bio = BIO_new(BIO_s_mem()) else { throw .openSSL(OpenSSLErrors.take()) }
        defer { BIO_free(bio) }
        guard write(bio) == 1 else { throw .openSSL(OpenSSLErrors.take()) }
        var start: UnsafeMutablePointer<CChar>?
        let count = shim_BIO_memory(bio, &start)
        guard let start, count > 0 else { throw .openSSL(OpenSSLErrors.take()) }
        return start.withMemoryRebound(to: UInt8.self, capacity: count) {
            [UInt8](UnsafeBufferPointer(start: $0, count: count))
        }
    }
}
