/// Every metric that a node exports, in the order of the page.
extension MetricFamily {
    static let all = node + groups + commands + calls + storage + coordination + peers + process

    // MARK: The node

    static let info = MetricFamily(
        "casecluster_node_info",
        .gauge,
        ["node", "cluster", "version"],
        "Always 1; the labels say which node this is."
    )
    static let ready = MetricFamily(
        "casecluster_node_ready",
        .gauge,
        [],
        "1 while calls may be sent here, as /readyz says; else 0."
    )
    static let loopDelay = MetricFamily(
        "casecluster_event_loop_delay_seconds",
        .histogram,
        [],
        "Seconds that an event loop took to get to what it was given; each is asked once a second."
    )
    static let node = [info, ready, loopDelay]

    // MARK: Replication groups

    static let groupLeader = MetricFamily(
        "casecluster_group_leader",
        .gauge,
        ["group"],
        "The node that leads the group, as this node knows it; 0 if it knows none."
    )
    static let groupLeads = MetricFamily(
        "casecluster_group_is_leader",
        .gauge,
        ["group"],
        "1 where this node leads the group and answers for it; else 0."
    )
    static let groupTerm = MetricFamily(
        "casecluster_group_term",
        .gauge,
        ["group"],
        "The latest Raft term that this replica has seen."
    )
    static let groupCommit = MetricFamily(
        "casecluster_group_commit_index",
        .gauge,
        ["group"],
        "Index of the last entry that this replica knows to be on a quorum."
    )
    static let groupApplied = MetricFamily(
        "casecluster_group_applied_index",
        .gauge,
        ["group"],
        "Index of the last entry that this replica's store has applied."
    )
    static let groupLast = MetricFamily(
        "casecluster_group_last_index",
        .gauge,
        ["group"],
        "Index of the last entry in this replica's log, durable or not."
    )
    static let groupLag = MetricFamily(
        "casecluster_group_follower_lag_entries",
        .gauge,
        ["group", "node"],
        "Entries that a member lacks of its leader's log; only on the leader."
    )
    static let groupUncommitted = MetricFamily(
        "casecluster_group_uncommitted_bytes",
        .gauge,
        ["group"],
        "Bytes of payload that are proposed and not yet on a quorum; only on the leader."
    )
    static let groupSilence = MetricFamily(
        "casecluster_group_leader_silence_seconds",
        .gauge,
        ["group"],
        "Seconds since the group's leader was heard of; 0 on the leader, -1 if it never was."
    )
    static let leadershipChanges = MetricFamily(
        "casecluster_leadership_changes_total",
        .counter,
        [],
        "How often a group's leader changed, as this node's replicas saw it."
    )
    static let snapshotsInstalled = MetricFamily(
        "casecluster_snapshots_installed_total",
        .counter,
        [],
        "Snapshots of leaders that took the place of a store of this node."
    )
    static let snapshotsSent = MetricFamily(
        "casecluster_snapshots_sent_total",
        .counter,
        ["outcome"],
        "Snapshots that were sent to other nodes: arrived, or failed."
    )
    static let groups = [
        groupLeader, groupLeads, groupTerm, groupCommit, groupApplied, groupLast, groupLag,
        groupUncommitted, groupSilence, leadershipChanges, snapshotsInstalled, snapshotsSent,
    ]

    // MARK: Commands

    static let proposed = MetricFamily(
        "casecluster_commands_proposed_total",
        .counter,
        [],
        "Commands that were proposed by groups that this node led."
    )
    static let failed = MetricFamily(
        "casecluster_requests_failed_total",
        .counter,
        ["reason"],
        "Commands and reads that replicas of this node ended without a result. A refusal by rule is a result."
    )
    static let commit = MetricFamily(
        "casecluster_command_commit_seconds",
        .histogram,
        [],
        "Seconds from a command's proposal on this leader to its commit."
    )
    static let apply = MetricFamily(
        "casecluster_store_apply_seconds",
        .histogram,
        [],
        "Seconds that a transaction took that applied what had gathered for a group."
    )
    static let appliedEntries = MetricFamily(
        "casecluster_entries_applied_total",
        .counter,
        [],
        "Log entries that this node's stores have applied."
    )
    static let commands = [proposed, failed, commit, apply, appliedEntries]

    // MARK: Calls

    static let callsEnded = MetricFamily(
        "casecluster_calls_total",
        .counter,
        ["method", "code"],
        "Calls of clients that have ended, by gRPC method and status code."
    )
    static let callSeconds = MetricFamily(
        "casecluster_call_seconds",
        .histogram,
        ["method"],
        "Seconds from a call's head to its end. Watches last as long as their client likes."
    )
    static let callsOpen = MetricFamily(
        "casecluster_calls_open",
        .gauge,
        [],
        "Calls of clients that have begun and not ended, watches among them."
    )
    static let connections = MetricFamily(
        "casecluster_connections_open",
        .gauge,
        [],
        "Connections of clients."
    )
    static let watches = MetricFamily(
        "casecluster_watches_open",
        .gauge,
        [],
        "Watches that this node serves."
    )
    static let calls = [callsEnded, callSeconds, callsOpen, connections, watches]

    // MARK: Log, stores, cases

    static let logSync = MetricFamily(
        "casecluster_log_sync_seconds",
        .histogram,
        [],
        "Seconds that a sync (fdatasync) of the replication log took."
    )
    static let logWrite = MetricFamily(
        "casecluster_log_write_seconds",
        .histogram,
        [],
        "Seconds that the write before it took."
    )
    static let logSegments = MetricFamily(
        "casecluster_log_segments",
        .gauge,
        [],
        "Segments of the replication log that hold something."
    )
    static let logBytes = MetricFamily(
        "casecluster_log_bytes",
        .gauge,
        [],
        "Bytes of those segments."
    )
    static let logFull = MetricFamily(
        "casecluster_log_full",
        .gauge,
        [],
        "1 while the disk has no room for the log and writes are refused; else 0."
    )
    static let storeBytes = MetricFamily(
        "casecluster_store_bytes",
        .gauge,
        ["group"],
        "Bytes of a group's SQLite file."
    )
    static let storeWAL = MetricFamily(
        "casecluster_store_wal_bytes",
        .gauge,
        ["group"],
        "Bytes of that file's write-ahead log."
    )
    static let checkpointIndex = MetricFamily(
        "casecluster_store_checkpoint_index",
        .gauge,
        ["group"],
        "Index of the last entry that a completed checkpoint has made durable in the SQLite file."
    )
    static let checkpointAge = MetricFamily(
        "casecluster_store_checkpoint_age_seconds",
        .gauge,
        ["group"],
        "Seconds for which something that was applied has waited for a checkpoint; 0 where nothing waits."
    )
    static let cases = MetricFamily(
        "casecluster_cases",
        .gauge,
        ["status"],
        "Cases in the shards that this node leads, by status: the sum over all nodes counts each once."
    )
    static let storage = [
        logSync, logWrite, logSegments, logBytes, logFull, storeBytes, storeWAL, checkpointIndex,
        checkpointAge, cases,
    ]

    // MARK: Time and the coordinator

    static let coordinator = MetricFamily(
        "casecluster_coordinator",
        .gauge,
        [],
        "The node that leads the system group, as this node knows it; 0 if it knows none."
    )
    static let incarnation = MetricFamily(
        "casecluster_epoch_incarnation",
        .gauge,
        [],
        "First half of the coordinator's epoch: grows with a restore from a backup."
    )
    static let epochTerm = MetricFamily(
        "casecluster_epoch_term",
        .gauge,
        [],
        "Second half: the system group's term under which the coordinator commands."
    )
    static let sweeps = MetricFamily(
        "casecluster_sweeps_total",
        .counter,
        ["outcome"],
        "Sweeps that the coordinator on this node told shards: done, or failed (told again later)."
    )
    static let swept = MetricFamily(
        "casecluster_swept_cases_total",
        .counter,
        [],
        "Cases that those sweeps closed or archived."
    )
    static let lateness = MetricFamily(
        "casecluster_sweep_lateness_seconds",
        .histogram,
        [],
        "Seconds from when a shard fell due to the end of the sweep, by the coordinator on this node."
    )
    static let nightsFinished = MetricFamily(
        "casecluster_night_last_finished",
        .gauge,
        [],
        "Number of the last nightly run that is finished; 0 before the first."
    )
    static let clockOffset = MetricFamily(
        "casecluster_clock_offset_seconds",
        .gauge,
        [],
        "How far the median of the members' clocks is ahead of this machine's, in seconds."
    )
    static let clockBehind = MetricFamily(
        "casecluster_clock_behind_seconds",
        .gauge,
        [],
        "Seconds by which this machine's clock has fallen behind the time that the node keeps."
    )
    static let coordination = [
        coordinator, incarnation, epochTerm, sweeps, swept, lateness, nightsFinished, clockOffset,
        clockBehind,
    ]

    // MARK: Peers

    static let peerUp = MetricFamily(
        "casecluster_peer_up",
        .gauge,
        ["peer"],
        "1 while the link to that node is open; else 0."
    )
    static let peerSent = MetricFamily(
        "casecluster_peer_sent_bytes_total",
        .counter,
        ["peer"],
        "Bytes of replication messages sent to that node; snapshots are not among them."
    )
    static let peerConnects = MetricFamily(
        "casecluster_peer_connects_total",
        .counter,
        ["peer"],
        "How often the link to that node was opened."
    )
    static let peerDropped = MetricFamily(
        "casecluster_peer_dropped_messages_total",
        .counter,
        ["peer"],
        "Messages to that node that found no room or no link; Raft sends what matters again."
    )
    static let peers = [peerUp, peerSent, peerConnects, peerDropped]

    // MARK: The process

    static let memory = MetricFamily(
        "process_resident_memory_bytes",
        .gauge,
        [],
        "Bytes of memory that the process has in use."
    )
    static let processor = MetricFamily(
        "process_cpu_seconds_total",
        .counter,
        [],
        "Seconds of processor time, user and system."
    )
    static let descriptors = MetricFamily(
        "process_open_fds",
        .gauge,
        [],
        "Open file descriptors."
    )
    static let descriptorsMax = MetricFamily(
        "process_max_fds",
        .gauge,
        [],
        "File descriptors that the process may have open."
    )
    static let startTime = MetricFamily(
        "process_start_time_seconds",
        .gauge,
        [],
        "When the node started, in seconds since 1970."
    )
    static let diskFree = MetricFamily(
        "casecluster_disk_free_bytes",
        .gauge,
        [],
        "Bytes that the file system of the data directory has left for this process."
    )
    static let diskSize = MetricFamily(
        "casecluster_disk_size_bytes",
        .gauge,
        [],
        "Bytes of that file system."
    )
    static let process = [
        memory, processor, descriptors, descriptorsMax, startTime, diskFree, diskSize,
    ]
}
