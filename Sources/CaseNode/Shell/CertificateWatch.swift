import Foundation
import HTTP2Transport
import Logging
import NIOCore
import NIOPosix
import Synchronization

/// Keeps an eye on the files of certificates while the node runs: takes renewed ones without a restart, and
/// says in time when one is about to expire.
///
/// What is wrong with a new file is said once, and the node goes on with what it had: a certificate and its
/// key can't be exchanged in one step, so the next look may find them whole.
final class CertificateWatch: Sendable {
    /// Between two looks at the files, in seconds: who has exchanged them waits that long at most.
    static let lookSeconds: Int64 = 10
    /// Expiry is said this long before, in seconds: the people who renew it have to be at work.
    static let warningSeconds: Int64 = 30 * 86_400
    /// A certificate that is made for a short time is warned of in this last part of it.
    static let warningPart: Int64 = 3
    /// The same warning again after so many looks: twice a day.
    static let repeatLooks = 4_320

    private struct State {
        var contexts: [TLSContext] = []
        var task: RepeatedTask?
        var looks = 0
        /// What was said last of files that can't be used.
        var complaint = ""
    }

    private let logger: Logger
    private let now: @Sendable () -> Int64
    private let state = Mutex(State())

    /// `now` is the wall clock's time in seconds since 1970.
    init(
        logger: Logger,
        now: @escaping @Sendable () -> Int64 = { Int64(Date().timeIntervalSince1970) }
    ) {
        self.logger = logger
        self.now = now
    }

    /// Watches one more; nil is none.
    func add(_ context: TLSContext?) {
        guard let context else { return }
        state.withLock { $0.contexts.append(context) }
    }

    /// Looks at once, and from then on regularly; files are read on `files`.
    func start(on eventLoop: any EventLoop, files: NIOThreadPool) {
        let time = TimeAmount.seconds(Self.lookSeconds)
        let task = eventLoop.scheduleRepeatedTask(initialDelay: .zero, delay: time) {
            [weak self] _ in
            guard let self else { return }
            files.submit { state in
                if case .active = state { self.look() }
            }
        }
        state.withLock { $0.task = task }
    }

    func stop() {
        let task = state.withLock { state in
            defer { state.task = nil }
            return state.task
        }
        task?.cancel()
    }

    /// One look; blocks on the files.
    func look() {
        let (contexts, isDue) = state.withLock { state in
            defer { state.looks += 1 }
            return (state.contexts, state.looks % Self.repeatLooks == 0)
        }
        let isRenewed = reload(contexts)
        if isRenewed || isDue { warn(contexts) }
    }

    private func reload(_ contexts: [TLSContext]) -> Bool {
        var isRenewed = false
        var complaint = ""
        for context in contexts {
            do {
                if try context.reload() { isRenewed = true }
            } catch {
                complaint = "\(error)"
            }
        }
        let isNews = state.withLock { state in
            defer { state.complaint = complaint }
            return state.complaint != complaint
        }
        if isNews, !complaint.isEmpty {
            logger.error(
                "certificates on disk can't be used: the node goes on with those it has",
                metadata: ["reason": "\(complaint)"]
            )
        }
        if isRenewed { logger.notice("certificates were renewed: new connections use them") }
        return isRenewed
    }

    private func warn(_ contexts: [TLSContext]) {
        let now = now()
        let certificates = Set(contexts.flatMap(\.validities))
        for certificate in certificates.sorted(by: { $0.file < $1.file }) {
            let metadata: Logger.Metadata = [
                "file": "\(certificate.file)", "subject": "\(certificate.subject)",
                "until": "\(Self.text(certificate.notAfter))",
            ]
            switch certificate.standing(at: now) {
            case .good: break
            case .notYetValid:
                logger.error("a certificate is not valid yet", metadata: metadata)
            case .expiresSoon:
                logger.warning("a certificate expires soon: renew it", metadata: metadata)
            case .expired:
                logger.error(
                    "a certificate has expired: new connections fail until it is renewed",
                    metadata: metadata
                )
            }
        }
    }

    private static func text(_ seconds: Int64) -> String {
        Date(timeIntervalSince1970: TimeInterval(seconds)).formatted(.iso8601)
    }
}

extension CertificateValidity {
    /// What a certificate is good for at some time.
    enum Standing: Equatable {
        case notYetValid
        case good
        case expiresSoon
        case expired
    }

    /// `now` in seconds since 1970.
    func standing(at now: Int64) -> Standing {
        if now > notAfter { return .expired }
        if now < notBefore { return .notYetValid }
        let early = min(
            CertificateWatch.warningSeconds,
            (notAfter - notBefore) / CertificateWatch.warningPart
        )
        return now > notAfter - early ? .expiresSoon : .good
    }
}
