/// Guesses the language of a contact from what it says of itself, else from the commonest words.
enum LanguageHint {
    /// Two letters of a tag such as `sv-SE`.
    static func code(ofTag tag: String) -> String? {
        let letters = tag.utf8.prefix { ASCII.isLetter($0) }
        guard letters.count == 2 else { return nil }
        return String(decoding: letters.map(ASCII.lowercased), as: UTF8.self)
    }

    /// `sv` or `en`, if the words say so clearly.
    static func code(ofText text: String) -> String? {
        var swedish = 0
        var english = 0
        // A page of text is plenty for a guess.
        let words = text.prefix(4_000).lowercased().split { !$0.isLetter }
        for word in words {
            if swedishWords.contains(word) { swedish += 1 }
            if englishWords.contains(word) { english += 1 }
        }
        if swedish >= 2, swedish >= english * 2 { return "sv" }
        if english >= 2, english >= swedish * 2 { return "en" }
        return nil
    }

    private static let swedishWords: Set<Substring> = [
        "och", "att", "det", "jag", "inte", "är", "för", "som", "på", "av", "har", "till", "ni",
        "hej", "vi", "mitt", "min", "från", "ett", "kan", "när", "hur", "vad", "men", "om", "tack",
        "hälsningar", "vill", "sedan", "eller", "mvh", "er", "fråga", "också",
    ]

    private static let englishWords: Set<Substring> = [
        "the", "and", "that", "is", "not", "you", "for", "with", "have", "my", "this", "was", "are",
        "hello", "we", "from", "it", "of", "to", "can", "when", "how", "what", "but", "thanks",
        "regards", "would", "since", "or", "please", "your", "has", "been", "dear",
    ]
}
