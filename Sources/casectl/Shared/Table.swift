/// Rows for people, in columns as wide as their widest cell.
struct Table {
    private let header: [String]
    private var rows: [[String]] = []

    /// The widest a cell gets, in characters: a long name must not push the rest away.
    static let cellWidthMax = 60
    /// The same for the last column, which pushes nothing away: some lines of a terminal.
    static let lastCellWidthMax = 240

    init(_ header: String...) { self.header = header }

    /// - Precondition: as many cells as the header has.
    mutating func add(_ cells: String...) {
        precondition(cells.count == header.count, "a row has a cell for each column")
        rows.append(cells)
    }

    /// The table with a header; each line ends with a newline. No rows: the header alone.
    var text: String {
        let shown = ([header] + rows).map { row in
            row.enumerated().map { column, text in
                let isLast = column == row.count - 1
                return Self.cell(text, isLast ? Self.lastCellWidthMax : Self.cellWidthMax)
            }
        }
        let widths = header.indices.map { column in shown.map { $0[column].count }.max() ?? 0 }
        var out = ""
        for row in shown {
            var line = ""
            for (column, cell) in row.enumerated() {
                let isLast = column == row.count - 1
                let padding = isLast ? 0 : widths[column] - cell.count + 2
                line += cell + String(repeating: " ", count: padding)
            }
            while line.last == " " { line.removeLast() }
            out += line + "\n"
        }
        return out
    }

    private static func cell(_ text: String, _ widthMax: Int) -> String {
        let clean = text.isEmpty ? "-" : printable(text, keepLines: false)
        guard clean.count > widthMax else { return clean }
        return clean.prefix(widthMax - 1) + "…"
    }
}

/// What a terminal may be given: texts come from strangers, and an escape sequence in a title must
/// not move the cursor or rename the window.
func printable(_ text: String, keepLines: Bool) -> String {
    var out = String.UnicodeScalarView()
    for scalar in text.unicodeScalars {
        switch scalar.properties.generalCategory {
        case .control where scalar == "\n" && keepLines: out.append(scalar)
        case .control where scalar == "\r" && keepLines: continue
        case .control, .lineSeparator, .paragraphSeparator: out.append(" ")
        case .format where isBidirectional(scalar): continue
        default: out.append(scalar)
        }
    }
    return String(out)
}

/// Marks that turn the direction of writing: they can make a line read as something else.
private func isBidirectional(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x200E, 0x200F, 0x202A...0x202E, 0x2066...0x2069: true
    default: false
    }
}
