"""The machine, the databases, Redis, backups, and the monitoring itself."""

from __future__ import annotations

from common import RATE
from panels import NONE_IS_GOOD, UP_OR_DOWN, Dashboard, Query, graph, stat

DISK = 'fstype!~"tmpfs|overlay|squashfs|ramfs"'
NAME = "{{database}}"


def dashboard() -> Dashboard:
    board = Dashboard("infrastructure", "infrastructure", "Infrastructure",
                      "The machine, PostgreSQL, Redis, backups and certificates, and the monitoring itself.")
    board.row(
        "Machine",
        graph("Processor", "Share of time that processors are busy.", "percentunit",
              Query(f'1 - avg by (instance) (rate(node_cpu_seconds_total{{mode="idle"}}{RATE}))', "{{instance}}"),
              width=8, maximum=1, line=0.9),
        graph("Memory", "Share of memory in use.", "percentunit",
              Query("1 - node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes", "{{instance}}"), width=8,
              maximum=1, line=0.9),
        graph("Load", "Processes that run or wait, over one minute and over five.", "short",
              Query("node_load1", "{{instance}} 1 min"), Query("node_load5", "{{instance}} 5 min"), width=8),
        graph("Disk space left", "Share of each file system.", "percentunit",
              Query(f"min by (instance, device, mountpoint) (node_filesystem_avail_bytes{{{DISK}}} "
                    f"/ node_filesystem_size_bytes{{{DISK}}})", "{{mountpoint}}"), width=8, maximum=1),
        graph("Disk time", "Share of time that a disk works.", "percentunit",
              Query(f"rate(node_disk_io_time_seconds_total{RATE})", "{{device}}"), width=8, maximum=1),
        graph("Network", "Bytes per second of the machine's own interfaces.", "Bps",
              Query(f'sum(rate(node_network_receive_bytes_total{{device!~"lo|veth.*|br-.*|docker.*"}}{RATE}))',
                    "received"),
              Query(f'sum(rate(node_network_transmit_bytes_total{{device!~"lo|veth.*|br-.*|docker.*"}}{RATE}))',
                    "sent"), width=8),
    )
    board.row(
        "PostgreSQL",
        stat("Databases", "Whether postgres-exporter reaches them.", "short",
             Query("min by (database) (pg_up)", NAME), mapping=UP_OR_DOWN, width=24),
        graph("Connections", "As a share of max_connections.", "percentunit",
              Query("sum by (database) (pg_stat_activity_count) / max by (database) (pg_settings_max_connections)",
                    NAME), width=8, line=0.8),
        graph("Transactions", "Committed per second.", "ops",
              Query(f"sum by (database) (rate(pg_stat_database_xact_commit{RATE}))", NAME), width=8),
        graph("Rolled back", "Transactions per second.", "ops",
              Query(f"sum by (database) (rate(pg_stat_database_xact_rollback{RATE}))", NAME), width=8),
        graph("Found in memory", "Share of blocks that were not read from the disk.", "percentunit",
              Query(f"sum by (database) (rate(pg_stat_database_blks_hit{RATE})) / (sum by (database) "
                    f"(rate(pg_stat_database_blks_hit{RATE})) + sum by (database) "
                    f"(rate(pg_stat_database_blks_read{RATE})))", NAME), width=8, maximum=1),
        graph("Longest transaction", "Age of the oldest open transaction of a client.", "s",
              Query('max by (database) (pg_stat_activity_max_tx_duration{backend_type="client backend",'
                    'state!="idle"})', NAME), width=8, line=600),
        graph("Deadlocks", "Within an hour.", "short",
              Query("sum by (database) (increase(pg_stat_database_deadlocks[1h]))", NAME), width=8),
        graph("Size", "Of all databases of the server.", "bytes",
              Query("sum by (database) (pg_database_size_bytes)", NAME), width=8),
        graph("Write-ahead log", "Bytes on the disk; it grows when it cannot be recycled.", "bytes",
              Query("max by (database) (pg_wal_size_bytes)", NAME), width=8),
        graph("Uptime", "Time since the server started.", "s",
              Query("time() - max by (database) (pg_postmaster_start_time_seconds)", NAME), width=8),
    )
    board.row(
        "Redis",
        stat("Redis", "Whether redis-exporter reaches it.", "short", Query("max(redis_up)"), mapping=UP_OR_DOWN,
             width=6),
        stat("Append-only file", "Whether the last write succeeded.", "short",
             Query("min(redis_aof_last_write_status)"), mapping=UP_OR_DOWN, width=6),
        stat("Connections refused", "Within a day: maxclients was reached.", "short",
             Query("max(increase(redis_rejected_connections_total[1d]))"), steps=NONE_IS_GOOD, width=6, decimals=0),
        stat("Keys evicted", "Within a day; events are never evicted.", "short",
             Query("max(increase(redis_evicted_keys_total[1d]))"), steps=NONE_IS_GOOD, width=6, decimals=0),
        graph("Redis memory", "In use, and the limit (0: none).", "bytes",
              Query("max(redis_memory_used_bytes)", "used"), Query("max(redis_memory_max_bytes)", "limit"), width=8),
        graph("Commands", "Commands per second.", "ops",
              Query(f"max(rate(redis_commands_processed_total{RATE}))", "commands"), width=8),
        graph("Clients", "Connections, and those that wait for an event.", "short",
              Query("max(redis_connected_clients)", "connected"), Query("max(redis_blocked_clients)", "waiting"),
              width=8),
    )
    board.row(
        "Backups and certificates",
        stat("Last backup", "Age of the last one that succeeded.", "s",
             Query("time() - max(ai1c_backup_last_success_timestamp_seconds)"),
             steps=[(None, "green"), (26 * 3600, "red")], width=6, decimals=0),
        stat("Last restored on trial", "Age of the last trial.", "s",
             Query("time() - max(ai1c_backup_verified_timestamp_seconds)"),
             steps=[(None, "green"), (8 * 86400, "orange")], width=6, decimals=0),
        stat("Size of the backup", "On the disk.", "bytes", Query("max(ai1c_backup_size_bytes)"), width=6),
        stat("Certificates", "Time until they expire.", "s",
             Query("min by (file) (ai1c_certificate_expiry_timestamp_seconds) - time()", "{{file}}"),
             steps=[(None, "red"), (3 * 86400, "orange"), (14 * 86400, "green")], width=6, decimals=0),
    )
    board.row(
        "Monitoring",
        graph("Targets", "Targets that answer, by job.", "short", Query("sum by (job) (up)", "{{job}}"), width=8),
        graph("Series by job", "Series of one scrape.", "short",
              Query("sum by (job) (scrape_samples_post_metric_relabeling)", "{{job}}"), width=8),
        graph("Rules that fail", "Evaluations per second that failed.", "ops",
              Query(f"sum(rate(prometheus_rule_evaluation_failures_total{RATE}))", "failures"), width=8),
        graph("Notifications", "Per second, by integration.", "ops",
              Query(f"sum by (integration) (rate(alertmanager_notifications_total{RATE}))", "{{integration}}"),
              width=8),
        graph("Notifications lost", "Per second, by integration.", "ops",
              Query(f"sum by (integration) (rate(alertmanager_notifications_failed_total{RATE}))",
                    "{{integration}}"), width=8),
        graph("Store of Prometheus", "Series in memory.", "short", Query("prometheus_tsdb_head_series", "series"),
              width=8),
    )
    return board
