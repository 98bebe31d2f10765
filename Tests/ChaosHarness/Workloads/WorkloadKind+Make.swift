extension WorkloadKind {
    /// A fresh one.
    func make() -> any Workload {
        switch self {
        case .register: RegisterLoad()
        case .append: AppendLoad()
        case .create: CreateLoad()
        case .lifecycle: LifecycleLoad()
        case .timers: TimerLoad()
        case .feed: FeedLoad()
        }
    }
}
