"""A dashboard per service: its state, its requests, what it uses, and what is its own."""

from __future__ import annotations

from common import RATE, SERVICES, consumer, outbox, service_requests, service_resources, service_state
from panels import NONE_IS_GOOD, ONE_IS_GOOD, UP_OR_DOWN, Dashboard, Panel, Query, graph, stat

TITLES = {
    "gateway": ("API gateway", "Limits, tokens, circuit breakers and forwarding."),
    "ai-assistant": ("AI assistant", "Questions, tools, engines and language models."),
    "onec-integration": ("1C integration", "Calls of 1C, the synchronised copy and its reports."),
    "user-management": ("User management", "Logins, sessions, keys, letters and programs that log in here."),
    "analytics": ("Analytics", "Events, statistics and report files."),
    "security": ("Security service", "Audit log, threats and alerts."),
}


def _gateway() -> list[Panel]:
    return [
        graph("Circuit breakers", "0 closed, 1 half open, 2 open. It stays open until the next request tries.", "short",
              Query("max by (upstream, replica) (gateway_breaker_state)", "{{upstream}} {{replica}}"), maximum=2),
        graph("Replicas that are not ready", "Those that say so at /ready, or have stopped saying anything.", "short",
              Query("sum by (upstream) (1 - min by (upstream, replica) (gateway_replica_ready))", "{{upstream}}")),
        graph("Failed calls of services", "Calls per second that a service did not answer, by kind of failure.", "reqps",
              Query(f"sum by (upstream, kind) (rate(gateway_upstream_failures_total{RATE}))",
                    "{{upstream}} {{kind}}")),
        graph("Calls sent again", "Calls per second that were sent to another replica.", "reqps",
              Query(f"sum by (upstream) (rate(gateway_upstream_retries_total{RATE}))", "{{upstream}}")),
        graph("Replicas left out", "Times per second that a replica failed far more requests than its peers.", "cps",
              Query(f"sum by (upstream) (rate(gateway_replica_ejections_total{RATE}))", "{{upstream}}")),
        graph("Connections of clients", "Open at that time, busy or idle.", "short",
              Query("sum by (instance) (gateway_connections)", "{{instance}}")),
        graph("Heads that could not be read", "Requests per second without a readable head, or without one in time.",
              "reqps", Query(f"sum by (status) (rate(gateway_unreadable_requests_total{RATE}))", "{{status}}")),
        graph("Kept answers", "Requests per second whose answer could have been kept from an earlier one.", "reqps",
              Query(f"sum by (result) (rate(gateway_response_cache_total{RATE}))", "{{result}}")),
        graph("Refused by rate limits", "Requests per second, by class of limit.", "reqps",
              Query(f"sum by (class) (rate(gateway_rate_limited_total{RATE}))", "{{class}}")),
        graph("Limits counted without Redis", "Requests per second whose limit was counted by the replica alone.",
              "reqps", Query(f"sum(rate(gateway_rate_limit_fallback_total{RATE}))", "requests")),
        graph("Calls of Redis for limits", "Calls per second; each renews one or more leases.", "reqps",
              Query(f"sum(rate(gateway_rate_limit_redis_calls_total{RATE}))", "calls")),
        graph("Tokens found verified", "Share of tokens that need not be verified again.", "percentunit",
              Query(f'sum(rate(gateway_token_cache_total{{result="hit"}}{RATE})) '
                    f"/ sum(rate(gateway_token_cache_total{RATE}))", "hits"), maximum=1),
        graph("Request events", "Events per second that were published, and those that were lost.", "cps",
              Query(f"sum(rate(gateway_request_events_published_total{RATE}))", "published"),
              Query(f"sum(rate(gateway_request_events_dropped_total{RATE}))", "lost"), width=24),
    ]


def _ai_assistant() -> list[Panel]:
    return [
        graph("Attempts to answer", "Attempts per second, by engine and outcome.", "cps",
              Query(f"sum by (engine, outcome) (rate(assistant_requests_total{RATE}))", "{{engine}} {{outcome}}"),
              stacked=True),
        graph("Calls of tools", "Calls per second, by tool.", "cps",
              Query(f"sum by (tool) (rate(tool_calls_total{RATE}))", "{{tool}}"), stacked=True),
        graph("Tools that failed", "Calls per second, by tool and outcome.", "cps",
              Query(f'sum by (tool, outcome) (rate(tool_calls_total{{outcome!="ok"}}{RATE}))',
                    "{{tool}} {{outcome}}")),
        outbox("ai-assistant"),
    ]


def _onec_integration() -> list[Panel]:
    return [
        graph("Calls of 1C", "Calls per second, by operation and outcome.", "reqps",
              Query(f"sum by (operation, outcome) (rate(onec_request_duration_seconds_count{RATE}))",
                    "{{operation}} {{outcome}}"), stacked=True),
        graph("1C response time, 95th percentile", "By operation.", "s",
              Query(f"histogram_quantile(0.95, sum by (operation, le) "
                    f"(rate(onec_request_duration_seconds_bucket{RATE})))", "{{operation}}"), line=10),
        graph("Age of the copy", "Seconds since the oldest part of the copy was true.", "s",
              Query("infobase:onec_mirror_age_seconds:min", "{{infobase}}"), line=3600),
        outbox("onec-integration"),
    ]


def _user_management() -> list[Panel]:
    return [
        graph("Logins", "Attempts per second, by outcome.", "cps",
              Query(f"sum by (outcome) (rate(logins_total{RATE}))", "{{outcome}}"), stacked=True),
        graph("Uses of refresh tokens", "Uses per second, by outcome.", "cps",
              Query(f"sum by (outcome) (rate(token_refreshes_total{RATE}))", "{{outcome}}"), stacked=True),
        graph("Comparing passwords", "Time without waiting.", "s",
              Query(f"histogram_quantile(0.95, sum by (le) (rate(password_hash_duration_seconds_bucket{RATE})))",
                    "95 %")),
        graph("Logins turned away", "Logins per second that found too many passwords being compared.", "cps",
              Query(f"sum(rate(password_hashes_shed_total{RATE}))", "refused")),
        stat("Sessions", "Sessions that can be refreshed.", "short", Query("max(sessions_active)"), width=6, height=8),
        stat("Revocations that wait", "Ended sessions that other services have not been told of.", "short",
             Query("max(session_revocations_pending)"), steps=NONE_IS_GOOD, width=6, height=8),
        stat("Age of the signing key", "How long the present key has been signing.", "s",
             Query("max(signing_key_age_seconds)"), width=6, height=8, decimals=0),
        stat("Logins not counted", "Logins of the last hour that were not counted by address: Redis was away.", "short",
             Query("sum(increase(login_throttle_unavailable_total[1h]))"), steps=NONE_IS_GOOD, width=6, height=8,
             decimals=0),
        graph("Logins held up", "Attempts per second that met a lock of the account or the limit of an address.", "cps",
              Query(f'sum by (outcome) (rate(logins_total{{outcome=~"locked|blocked|address_limited"}}{RATE}))',
                    "{{outcome}}"), stacked=True),
        graph("Letters", "Attempts to send per second, by outcome; dropped: there was nobody to write to.", "cps",
              Query(f"sum by (outcome) (rate(mails_total{RATE}))", "{{outcome}}"), stacked=True),
        graph("Letters that wait", "Letters in the queue.", "short", Query("max(mails_waiting)", "letters")),
        graph("Oldest letter that waits", "How long it has been waiting.", "s",
              Query("max(mails_oldest_waiting_seconds)", "oldest"), line=900),
        graph("Tokens for programs", "Requests of OAuth clients per second, by grant and outcome.", "cps",
              Query(f"sum by (grant, outcome) (rate(oauth_token_requests_total{RATE}))", "{{grant}} {{outcome}}"),
              stacked=True),
        graph("Logins by other providers", "Logins per second, by provider and outcome.", "cps",
              Query(f"sum by (provider, outcome) (rate(federated_logins_total{RATE}))", "{{provider}} {{outcome}}"),
              stacked=True),
        graph("Calls of other providers", "Calls per second, by provider, what was asked and outcome.", "cps",
              Query(f"sum by (provider, request, outcome) (rate(identity_provider_requests_total{RATE}))",
                    "{{provider}} {{request}} {{outcome}}")),
        outbox("user-management"),
    ]


def _analytics() -> list[Panel]:
    return [
        graph("Events stored", "Events per second, by result.", "cps",
              Query(f"sum by (result) (rate(events_ingested_total{RATE}))", "{{result}}"), stacked=True),
        graph("Hours to be counted again", "Hours of events whose statistics are out of date.", "short",
              Query("max(rollup_dirty_hours)", "hours"), line=48),
        graph("Report jobs", "Jobs that exist, by state.", "short",
              Query("max by (state) (reports_jobs)", "{{state}}")),
        graph("Building report files", "95th percentile, by format.", "s",
              Query(f"histogram_quantile(0.95, sum by (format, le) "
                    f"(rate(report_generation_seconds_bucket{RATE})))", "{{format}}")),
        *consumer("analytics"),
        outbox("analytics"),
    ]


def _security() -> list[Panel]:
    return [
        stat("Audit log", "Whether the chain was unbroken when it was last recomputed.", "short",
             Query("min(audit_verification_valid)"), mapping=UP_OR_DOWN | {"options": {
                 "0": {"text": "broken", "color": "red", "index": 0},
                 "1": {"text": "unbroken", "color": "green", "index": 1}}}, steps=ONE_IS_GOOD, width=8, height=8),
        graph("Entries of the audit log", "Entries per second.", "cps",
              Query(f"max(rate(audit_entries_total{RATE}))", "entries"), width=8),
        graph("Entries that no checkpoint has signed", "Entries.", "short",
              Query("max(audit_unsigned_entries)", "entries"), width=8),
        graph("Checkpoints of the audit log", "Made per hour, and waiting for the outside.", "short",
              Query("max(increase(audit_checkpoints_total[1h]))", "made"),
              Query("max(audit_checkpoints_undelivered)", "waiting"), width=8),
        graph("Recomputing the audit log", "95th percentile of the time it takes.", "s",
              Query("histogram_quantile(0.95, sum by (le) "
                    "(rate(audit_verification_duration_seconds_bucket[3h])))", "95 %"), width=8),
        *consumer("security"),
    ]


OWN = {
    "gateway": _gateway,
    "ai-assistant": _ai_assistant,
    "onec-integration": _onec_integration,
    "user-management": _user_management,
    "analytics": _analytics,
    "security": _security,
}


def dashboards() -> list[Dashboard]:
    boards = []
    for service in SERVICES:
        title, description = TITLES[service]
        board = Dashboard("services", f"service-{service}", title, description)
        board.row("State", *service_state(service))
        board.row("Requests", *service_requests(service))
        board.row("Its own", *OWN[service]())
        board.row("Resources", *service_resources(service, database=service != "gateway"))
        boards.append(board)
    return boards
