import COpenSSL

/// OpenSSL's error queue is per thread and outlives calls: clear it before a call, read it after.
enum OpenSSLErrors {
    static func clear() { ERR_clear_error() }

    /// The oldest error in OpenSSL's words, and an empty queue.
    static func take() -> String {
        let code = ERR_get_error()
        ERR_clear_error()
        guard code != 0 else { return "no detail" }
        var text = [CChar](repeating: 0, count: 256)
        ERR_error_string_n(code, &text, text.count)
        return String(
            decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) },
            as: UTF8.self
        )
    }
}
