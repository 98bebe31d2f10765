import NIOCore

/// Runs tasks on one event loop.
///
/// A task that awaits answers on another thread than they arrive on is woken by the system twice a call: once
/// there, and once to send the next call from here. On the answers' own loop it just goes on.
///
/// Confined to nothing: jobs may come from any thread. They must not block: no other call of the client is sent or
/// answered meanwhile.
final class EventLoopTaskExecutor: TaskExecutor {
    private let eventLoop: any EventLoop

    init(_ eventLoop: any EventLoop) { self.eventLoop = eventLoop }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        eventLoop.execute { [self] in job.runSynchronously(on: asUnownedTaskExecutor()) }
    }
}
