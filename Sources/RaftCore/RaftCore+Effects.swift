import ClusterPrimitives

/// How effects are cut.
enum EffectsForm {
    /// The product's: nothing is applied before it is durable, and a receipt is asked for only
    /// where something has to become durable.
    case product
    /// The published scripts' asynchronous one: every held message gets a write of its own.
    case asynchronous
    /// The published scripts' other one: whoever takes writes everything before applying or
    /// sending.
    case inStep

    var beyondDurable: Bool { self == .inStep }
}

/// Effects out.
extension RaftCore {
    /// What is to be done now; nil if nothing is. Each effect is given out once.
    public mutating func takeEffects() -> Effects? {
        releaseIfDurable()
        let mayWrite = self.mayWrite
        guard hasEffects(.product, mayWrite: mayWrite) else { return nil }
        return take(.product, mayWrite: mayWrite)
    }

    private var mayWrite: Bool { settings.asyncStorageWrites || writes.isEmpty }

    /// Whether something waits that must become durable; a commit index alone need not.
    private var mustPersist: Bool {
        term != takenHardState.term || vote != takenHardState.vote
            || log.unstable.nextSnapshot != nil || !log.unstable.nextEntries.isEmpty
    }

    func hasEffects(_ form: EffectsForm, mayWrite: Bool) -> Bool {
        if softState != takenSoftState || !messages.isEmpty || !readStates.isEmpty { return true }
        if wantsSnapshot, form == .product { return true }
        if log.hasNextCommitted(beyondDurable: form.beyondDurable) { return true }
        guard mayWrite else { return false }
        // In the product's form held messages alone are no effect: they go along with what they
        // wait for.
        return mustPersist || hardState != takenHardState
            || (form != .product && !messagesAfterWrite.isEmpty)
    }

    mutating func take(_ form: EffectsForm, mayWrite: Bool) -> Effects {
        var effects = Effects()
        if softState != takenSoftState {
            effects.softState = softState
            takenSoftState = softState
        }
        swap(&effects.messages, &messages)
        swap(&effects.readStates, &readStates)
        swap(&effects.wantsSnapshot, &wantsSnapshot)
        effects.committed = log.nextCommitted(beyondDurable: form.beyondDurable)
        if mayWrite { takeWrite(into: &effects, form) }
        log.accept(committed: effects.committed, beyondDurable: form.beyondDurable)
        changesApplying += effects.committed.filter { $0.kind == .configurationChange }
        assert(
            form.beyondDurable
                || effects.committed.allSatisfy { $0.index < log.unstable.offset },
            "nothing is applied that the own disk could still lose"
        )
        return effects
    }

    private mutating func takeWrite(into effects: inout Effects, _ form: EffectsForm) {
        let mustPersist = self.mustPersist
        effects.entries = Array(log.unstable.nextEntries)
        effects.snapshot = log.unstable.nextSnapshot
        effects.mustSync =
            !effects.entries.isEmpty || term != takenHardState.term || vote != takenHardState.vote
        let changesHardState = hardState != takenHardState
        if changesHardState {
            effects.hardState = hardState
            takenHardState = hardState
        }
        let attests = !log.unstable.entries.isEmpty
        effects.needsReceipt =
            switch form {
            case .product: mustPersist
            case .asynchronous, .inStep:
                mustPersist || !messagesAfterWrite.isEmpty || (changesHardState && attests)
            }
        guard effects.needsReceipt else { return }
        writes.append(
            StorageWrite(
                last: log.last,
                term: term,
                attestsEntries: attests,
                snapshot: effects.snapshot?.id.index,
                held: messagesAfterWrite
            )
        )
        messagesAfterWrite = []
        log.takeUnstable()
    }

    /// Releases held messages where everything that they depend on is durable already. What this
    /// replica says to itself may lead to more.
    private mutating func releaseIfDurable() {
        while !messagesAfterWrite.isEmpty, !mustPersist {
            if !writes.isEmpty {
                // The newest write under way covers all there is: its receipt releases these too.
                writes[writes.count - 1].held += messagesAfterWrite
                messagesAfterWrite = []
                return
            }
            assert(
                log.unstable.entries.isEmpty && log.unstable.snapshot == nil,
                "with no write under way everything is durable"
            )
            let held = messagesAfterWrite
            messagesAfterWrite = []
            release(held)
        }
    }

    mutating func release(_ held: [Message]) {
        for message in held {
            if message.to == id {
                _ = accept(message)
            } else {
                messages.append(message)
            }
        }
    }
}
