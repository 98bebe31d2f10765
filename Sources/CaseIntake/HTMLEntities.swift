/// The character references that mail programs write.
enum HTMLEntities {
    /// ISO 8859-1's upper half, 160...255, in order.
    private static let latin =
        "nbsp iexcl cent pound curren yen brvbar sect uml copy ordf laquo not shy reg macr "
        + "deg plusmn sup2 sup3 acute micro para middot cedil sup1 ordm raquo frac14 frac12 "
        + "frac34 iquest Agrave Aacute Acirc Atilde Auml Aring AElig Ccedil Egrave Eacute Ecirc "
        + "Euml Igrave Iacute Icirc Iuml ETH Ntilde Ograve Oacute Ocirc Otilde Ouml times "
        + "Oslash Ugrave Uacute Ucirc Uuml Yacute THORN szlig agrave aacute acirc atilde auml "
        + "aring aelig ccedil egrave eacute ecirc euml igrave iacute icirc iuml eth ntilde "
        + "ograve oacute ocirc otilde ouml divide oslash ugrave uacute ucirc uuml yacute thorn "
        + "yuml"

    private static let named: [String: Unicode.Scalar] = {
        var table: [String: Unicode.Scalar] = [
            "amp": "&", "lt": "<", "gt": ">", "quot": "\"", "apos": "'", "AMP": "&", "LT": "<",
            "GT": ">", "QUOT": "\"", "ndash": "–", "mdash": "—", "lsquo": "‘", "rsquo": "’",
            "sbquo": "‚", "ldquo": "“", "rdquo": "”", "bdquo": "„", "dagger": "†", "Dagger": "‡",
            "bull": "•", "hellip": "…", "permil": "‰", "lsaquo": "‹", "rsaquo": "›", "euro": "€",
            "trade": "™", "larr": "←", "uarr": "↑", "rarr": "→", "darr": "↓", "harr": "↔",
            "minus": "−", "ne": "≠", "le": "≤", "ge": "≥", "infin": "∞", "asymp": "≈",
            "OElig": "Œ", "oelig": "œ", "Scaron": "Š", "scaron": "š", "Yuml": "Ÿ", "fnof": "ƒ",
            "circ": "ˆ", "tilde": "˜", "ensp": " ", "emsp": " ", "thinsp": " ", "zwnj": "\u{200C}",
            "zwj": "\u{200D}", "lrm": "\u{200E}", "rlm": "\u{200F}", "check": "✓", "hearts": "♥",
            "star": "☆", "phone": "☎", "num": "#", "commat": "@", "excl": "!", "percnt": "%",
            "lpar": "(", "rpar": ")", "comma": ",", "period": ".", "colon": ":", "semi": ";",
            "quest": "?", "equals": "=", "plus": "+", "dollar": "$", "sol": "/", "bsol": "\\",
            "lowbar": "_", "ast": "*", "lsqb": "[", "rsqb": "]", "lbrace": "{", "rbrace": "}",
            "vert": "|", "Tab": "\t", "NewLine": "\n",
        ]
        for (offset, name) in latin.split(separator: " ").enumerated() {
            table[String(name)] = Unicode.Scalar(UInt8(160 + offset))
        }
        return table
    }()

    /// Numbers 128...159 mean windows-1252, whatever the standard said.
    private static let windows1252: [UInt16] = [
        0x20AC, 0x81, 0x201A, 0x192, 0x201E, 0x2026, 0x2020, 0x2021, 0x2C6, 0x2030, 0x160, 0x2039,
        0x152,
        0x8D, 0x17D, 0x8F, 0x90, 0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014, 0x2DC,
        0x2122,
        0x161, 0x203A, 0x153, 0x9D, 0x17E, 0x178,
    ]

    /// The reference that begins with the `&` at `start`: its character, and where the text goes
    /// on. Nil if it is none, and then `&` stands for itself.
    static func reference(in bytes: [UInt8], at start: Int) -> (scalar: Unicode.Scalar, end: Int)? {
        assert(bytes[start] == UInt8(ascii: "&"))
        let body = bytes[(start + 1)...].prefix(32)
        if body.first == UInt8(ascii: "#") { return numeric(body.dropFirst()) }
        let name = body.prefix { ASCII.isLetter($0) || ASCII.isDigit($0) }
        guard !name.isEmpty, let scalar = named[String(decoding: name, as: UTF8.self)] else {
            return nil
        }
        let isClosed = name.endIndex < bytes.count && bytes[name.endIndex] == UInt8(ascii: ";")
        return (scalar, isClosed ? name.endIndex + 1 : name.endIndex)
    }

    private static func numeric(_ body: ArraySlice<UInt8>) -> (scalar: Unicode.Scalar, end: Int)? {
        let isHexadecimal = body.first.map(ASCII.lowercased) == UInt8(ascii: "x")
        let digits = body.dropFirst(isHexadecimal ? 1 : 0).prefix {
            ASCII.isDigit($0)
                || isHexadecimal
                    && (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(ASCII.lowercased($0))
        }
        guard !digits.isEmpty else { return nil }
        let text = String(decoding: digits, as: UTF8.self)
        var value = UInt32(text, radix: isHexadecimal ? 16 : 10) ?? 0xFFFD
        if (128...159).contains(value) { value = UInt32(windows1252[Int(value - 128)]) }
        let isClosed =
            digits.endIndex < body.endIndex
            && body[digits.endIndex] == UInt8(ascii: ";")
        let scalar = value == 0 ? nil : Unicode.Scalar(value)
        return (scalar ?? "\u{FFFD}", isClosed ? digits.endIndex + 1 : digits.endIndex)
    }
}
