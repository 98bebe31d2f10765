import Foundation

/// Standard output and error. Lines leave whole, and at once: a program that reads a watch must not
/// wait for a buffer to fill.
enum Terminal {
    /// Writes text to standard output.
    static func write(_ text: String) throws(Failure) { try write(Data(text.utf8)) }

    /// Writes bytes to standard output.
    static func write(_ bytes: Data) throws(Failure) {
        do {
            try FileHandle.standardOutput.write(contentsOf: bytes)
        } catch {
            // The reader went away, as `head` does: nobody is left to be told.
            throw Failure(.internalError, "standard output is closed")
        }
    }

    /// Writes a line to standard error. Nothing is left to do if that is closed too.
    static func note(_ line: String) {
        FileHandle.standardError.write(Data((printable(line, keepLines: true) + "\n").utf8))
    }

    /// Rewrites the last line of standard error.
    static func overwrite(_ line: String) {
        FileHandle.standardError.write(
            Data(("\r\u{1B}[K" + printable(line, keepLines: false)).utf8)
        )
    }

    /// Somebody is looking at standard error.
    static var isWatched: Bool { isatty(STDERR_FILENO) == 1 }
}
