import CaseProtocol

/// All cases that a query finds, page by page as they are asked for.
///
/// Each page is linearizable per shard; cases that change meanwhile stay in their place in the
/// order, and the list is not one cut over the cluster.
public struct CaseListing: AsyncSequence, Sendable {
    let client: CaseClient
    let query: CaseQuery
    let options: CaseCallOptions

    /// Starts from the query's page token, or from the front.
    public func makeAsyncIterator() -> Iterator { Iterator(client, query, options) }

    /// Walks the pages.
    public struct Iterator: AsyncIteratorProtocol {
        private let client: CaseClient
        private let options: CaseCallOptions
        private var query: CaseQuery
        private var rows: ArraySlice<CaseRecord> = []
        private var isLast = false

        init(_ client: CaseClient, _ query: CaseQuery, _ options: CaseCallOptions) {
            self.client = client
            self.query = query
            self.options = options
        }

        /// The next case; nil at the end.
        public mutating func next(
            isolation actor: isolated (any Actor)? = #isolation
        ) async throws(CaseClientError) -> CaseRecord? {
            while rows.isEmpty, !isLast {
                let page = try await client.list(query, options: options)
                rows = page.cases[...]
                // A token that stands still would walk in a circle.
                isLast = page.nextPageToken.isEmpty || page.nextPageToken == query.pageToken
                query.pageToken = page.nextPageToken
            }
            return rows.popFirst()
        }
    }
}

/// A case's whole history, page by page as it is asked for.
public struct CaseHistory: AsyncSequence, Sendable {
    let client: CaseClient
    let caseID: String
    let after: UInt64
    let options: CaseCallOptions

    /// Starts above the number given.
    public func makeAsyncIterator() -> Iterator { Iterator(client, caseID, after, options) }

    /// Walks the pages.
    public struct Iterator: AsyncIteratorProtocol {
        private let client: CaseClient
        private let caseID: String
        private let options: CaseCallOptions
        private var after: UInt64
        private var rows: ArraySlice<CaseEntry> = []
        private var isLast = false

        /// Rows asked for at a time: the most that a server gives.
        private static let pageRows: UInt32 = 500

        init(_ client: CaseClient, _ caseID: String, _ after: UInt64, _ options: CaseCallOptions) {
            self.client = client
            self.caseID = caseID
            self.after = after
            self.options = options
        }

        /// The next entry; nil at the end.
        public mutating func next(
            isolation actor: isolated (any Actor)? = #isolation
        ) async throws(CaseClientError) -> CaseEntry? {
            while rows.isEmpty, !isLast {
                let page = try await client.history(
                    caseID,
                    after: after,
                    pageSize: Self.pageRows,
                    options: options
                )
                rows = page.entries[...]
                let last = page.entries.last?.number ?? after
                isLast = !page.more || last <= after
                after = last
            }
            return rows.popFirst()
        }
    }
}

extension CaseClient {
    /// All cases that a query finds.
    public func cases(
        _ query: CaseQuery = CaseQuery(),
        options: CaseCallOptions = CaseCallOptions()
    ) -> CaseListing {
        CaseListing(client: self, query: query, options: options)
    }

    /// The entries of a case above number `after`.
    public func entries(
        of caseID: String,
        after number: UInt64 = 0,
        options: CaseCallOptions = CaseCallOptions()
    ) -> CaseHistory {
        CaseHistory(client: self, caseID: caseID, after: number, options: options)
    }
}
