#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// Writing certificates and keys to files.
public enum PEMFiles {
    /// Writes a certificate, readable by everybody. Fails when the file is there already.
    public static func write(certificate: [UInt8], to path: String) throws(TransportError) {
        try write(certificate, to: path, mode: 0o644)
    }

    /// Writes a key, readable by its owner alone from its first byte on. Fails when the file is
    /// there already: a key is not to be lost by a mistyped command.
    public static func write(key: [UInt8], to path: String) throws(TransportError) {
        try write(key, to: path, mode: 0o600)
    }

    /// Puts a certificate in the place of the one that is there, readable by everybody: whoever reads the file
    /// finds the old one or the new one, whole.
    public static func replace(certificate: [UInt8], at path: String) throws(TransportError) {
        let temporary = path + ".new"
        // What a renewal that was cut short has left.
        guard unlink(temporary) == 0 || errno == ENOENT else {
            throw .file(path: temporary, errno: errno)
        }
        try write(certificate, to: temporary, mode: 0o644)
        guard rename(temporary, path) == 0 else { throw .file(path: path, errno: errno) }
    }

    private static func write(
        _ bytes: [UInt8],
        to path: String,
        mode: mode_t
    ) throws(TransportError) {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode)
        guard descriptor >= 0 else { throw .file(path: path, errno: errno) }
        defer { close(descriptor) }
        // The umask may have taken rights away, but never added any; the mode is as stated.
        guard fchmod(descriptor, mode) == 0 else { throw .file(path: path, errno: errno) }
        var offset = 0
        while offset < bytes.count {
            let count = bytes.withUnsafeBytes { raw in
                #if canImport(Glibc)
                Glibc.write(descriptor, raw.baseAddress.map { $0 + offset }, raw.count - offset)
                #else
                Darwin.write(descriptor, raw.baseAddress.map { $0 + offset }, raw.count - offset)
                #endif
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw .file(path: path, errno: errno) }
            offset += count
        }
        guard fsync(descriptor) == 0 else { throw .file(path: path, errno: errno) }
    }
}
