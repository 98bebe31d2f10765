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
            throw Failure(.outputClosed, "")
        }
    }

    /// Writes a line to standard error. Nothing is left to do if that is closed too.
    static func note(_ line: String) {
        complain(printable(line, keepLines: true) + "\n")
    }

    /// Rewrites the last line of standard error.
    static func overwrite(_ line: String) {
        complain("\r\u{1B}[K" + printable(line, keepLines: false))
    }

    private static func complain(_ text: String) {
        do {
            try FileHandle.standardError.write(contentsOf: Data(text.utf8))
        } catch {
            // Closed, and there is no third place to say so.
        }
    }

    /// Calls `action` when the reader of standard output goes away, as `head` does after its lines. For
    /// commands that may have nothing to write for a long time, and would not notice before.
    static func whenOutputCloses(_ action: @escaping @Sendable () -> Void) {
        Thread.detachNewThread {
            // No event is asked for: only an error or a hang-up of the pipe ends the wait.
            var output = pollfd(fd: STDOUT_FILENO, events: 0, revents: 0)
            while poll(&output, 1, -1) < 0 && errno == EINTR {}
            if output.revents & Int16(POLLERR) != 0 { action() }
        }
    }

    /// Somebody is looking at standard error.
    static var isWatched: Bool { isatty(STDERR_FILENO) == 1 }
}
