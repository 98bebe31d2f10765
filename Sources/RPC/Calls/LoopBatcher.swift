import NIOCore
import Synchronization

/// Jobs from any thread for one connection's loop, one hop for many of them, in order.
///
/// A job that is submitted on the loop while none waits runs at once.
final class LoopBatcher: Sendable {
    typealias Job = @Sendable () -> Void

    private struct State {
        var jobs: [Job] = []
        var isScheduled = false
    }

    let eventLoop: any EventLoop
    private let state = Mutex(State())
    /// Runs a batch; it writes to the socket once, after the last job.
    private let runBatch: NIOLoopBound<(_ jobs: [Job]) -> Void>

    /// Made on the loop.
    init(eventLoop: any EventLoop, runBatch: @escaping (_ jobs: [Job]) -> Void) {
        self.eventLoop = eventLoop
        self.runBatch = NIOLoopBound(runBatch, eventLoop: eventLoop)
    }

    func submit(_ job: @escaping Job) {
        let isOnLoop = eventLoop.inEventLoop
        let (runsNow, schedules) = state.withLock { state in
            if isOnLoop, !state.isScheduled { return (true, false) }
            state.jobs.append(job)
            let schedules = !state.isScheduled
            state.isScheduled = true
            return (false, schedules)
        }
        if runsNow { return job() }
        if schedules { eventLoop.execute { self.drain() } }
    }

    /// As `submit`, but never at once: for callers that hold a lock.
    func enqueue(_ job: @escaping Job) {
        let schedules = state.withLock { state in
            state.jobs.append(job)
            defer { state.isScheduled = true }
            return !state.isScheduled
        }
        if schedules { eventLoop.execute { self.drain() } }
    }

    private func drain() {
        let jobs = state.withLock { state in
            state.isScheduled = false
            let jobs = state.jobs
            state.jobs = []
            return jobs
        }
        runBatch.value(jobs)
    }
}
