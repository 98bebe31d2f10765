/// One operation of a client, as the client saw it.
public struct Operation<Input, Output> {
    /// What was asked.
    public var input: Input
    /// What was answered; nil if the client never learned it: it may have happened, at any time after
    /// `invokedAt`, or never.
    public var output: Output?
    /// When it was asked, in any unit.
    public var invokedAt: Int64
    /// When the answer came; nil without one.
    public var returnedAt: Int64?

    /// An operation with its answer.
    public init(_ input: Input, _ output: Output, from invokedAt: Int64, to returnedAt: Int64) {
        precondition(invokedAt <= returnedAt, "an answer comes after its question")
        self.input = input
        self.output = output
        self.invokedAt = invokedAt
        self.returnedAt = returnedAt
    }

    /// An operation whose outcome nobody knows.
    public init(unknown input: Input, from invokedAt: Int64) {
        self.input = input
        self.invokedAt = invokedAt
    }
}

extension Operation: Sendable where Input: Sendable, Output: Sendable {}

/// What an object does when it is used by one client at a time.
public protocol SequentialModel {
    /// What the object holds. Equal states must behave the same from then on.
    associatedtype State: Hashable
    /// A question.
    associatedtype Input
    /// An answer.
    associatedtype Output

    /// Before the first operation.
    var initial: State { get }

    /// The state after `input` was answered with `output` (nil: with anything); nil if it can't be.
    func next(_ state: State, _ input: Input, _ output: Output?) -> State?

    /// Whether an operation that was answered so changes nothing, in whatever state.
    func isIdle(_ input: Input, _ output: Output) -> Bool
}
