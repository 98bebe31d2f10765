import Dispatch
import Foundation
import Synchronization

/// The whole terminal as a page that is drawn anew: a second screen, no cursor, keys as they are pressed. What was
/// there before comes back with `restore`, however the program ends short of being killed.
final class Screen: Sendable {
    /// Bytes read from the keyboard at once: an escape sequence at most.
    private static let keyBytesMax = 16

    private let before: termios
    private let isRestored = Mutex(false)

    /// Both ends are a terminal.
    static var isPossible: Bool { isatty(STDIN_FILENO) == 1 && isatty(STDOUT_FILENO) == 1 }

    /// Takes the terminal over.
    /// - Throws: where it can't be set up.
    init() throws(Failure) {
        var settings = termios()
        guard tcgetattr(STDIN_FILENO, &settings) == 0 else {
            throw Failure(
                .internalError,
                "the terminal can't be read: \(String(cString: strerror(errno)))"
            )
        }
        before = settings
        // Keys come one by one and are not shown; an interrupt is a key like any other.
        settings.c_lflag &= ~tcflag_t(ICANON | ECHO | ISIG)
        guard tcsetattr(STDIN_FILENO, TCSANOW, &settings) == 0 else {
            throw Failure(
                .internalError,
                "the terminal can't be set: \(String(cString: strerror(errno)))"
            )
        }
        try Terminal.write("\u{1B}[?1049h\u{1B}[?25l")
    }

    /// Puts everything back; the second time does nothing.
    func restore() {
        let isFirst = isRestored.withLock { restored in
            defer { restored = true }
            return !restored
        }
        guard isFirst else { return }
        do {
            try Terminal.write("\u{1B}[?25h\u{1B}[?1049l")
        } catch {
            // Nobody looks any more.
        }
        var settings = before
        tcsetattr(STDIN_FILENO, TCSANOW, &settings)
    }

    /// Draws a page: as much as there is room for, each line cut at the right edge.
    func draw(_ page: String) throws(Failure) {
        let (rows, columns) = Self.size
        let lines = page.split(separator: "\n", omittingEmptySubsequences: false).prefix(rows)
        // Over the old page and not after wiping it: nothing flickers.
        let text = lines.map { String($0.prefix(columns)) + "\u{1B}[K" }.joined(separator: "\r\n")
        try Terminal.write("\u{1B}[H" + text + "\u{1B}[J")
    }

    private static var size: (rows: Int, columns: Int) {
        var size = winsize()
        guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_row > 0, size.ws_col > 0
        else { return (24, 80) }
        return (Int(size.ws_row), Int(size.ws_col))
    }

    /// Calls `action` when somebody presses q or Ctrl-C, closes the terminal, or asks the program to end.
    func whenLeft(_ action: @escaping @Sendable () -> Void) -> [any DispatchSourceSignal] {
        Thread.detachNewThread {
            var keys = [UInt8](repeating: 0, count: Self.keyBytesMax)
            while true {
                let count = read(STDIN_FILENO, &keys, keys.count)
                if count < 0, errno == EINTR { continue }
                let pressed = keys.prefix(max(0, count))
                let leaves = pressed.contains {
                    [UInt8(ascii: "q"), UInt8(ascii: "Q"), 3, 4].contains($0)
                }
                if count <= 0 || leaves { return action() }
            }
        }
        return [SIGTERM, SIGHUP, SIGINT].map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler(handler: action)
            source.activate()
            return source
        }
    }
}
