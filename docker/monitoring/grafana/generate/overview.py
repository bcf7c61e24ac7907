"""The dashboard to begin with: is the whole well, and where is it not?"""

from __future__ import annotations

from common import RATE, up_tiles
from panels import NONE_IS_GOOD, UP_OR_DOWN, Dashboard, Query, graph, stat, table

BURN = "/ on (service) service:slo_error_budget:ratio"


def dashboard() -> Dashboard:
    board = Dashboard("overview", "microservices-overview", "Microservices Overview",
                      "The six services, what they depend on, and whether their objectives are met.")
    board.row(
        "State",
        up_tiles(),
        stat("Pages", "Alerts that somebody has to act on now.", "short",
             Query('count(ALERTS{alertstate="firing",severity="page"}) or vector(0)'), steps=NONE_IS_GOOD),
        stat("Tickets", "Alerts that somebody has to act on within days.", "short",
             Query('count(ALERTS{alertstate="firing",severity="ticket"}) or vector(0)'),
             steps=[(None, "green"), (1, "orange")]),
        stat("1C", "Whether every infobase answers.", "short", Query("min(onec_infobase_reachable)"),
             mapping=UP_OR_DOWN),
        stat("Age of the copy", "How old the oldest copy of an infobase is.", "s",
             Query("max(infobase:onec_mirror_age_seconds:min)"),
             steps=[(None, "green"), (600, "orange"), (3600, "red")], decimals=0),
        stat("Requests", "Requests to the gateway per second.", "reqps",
             Query('service:http_requests:rate5m{service="gateway"}'), decimals=2),
        stat("Answers of the gateway", "Share of requests of the last five minutes that did not fail.", "percentunit",
             Query('1 - service:http_errors:ratio_rate5m{service="gateway"}'),
             steps=[(None, "red"), (0.99, "orange"), (0.999, "green")], decimals=2),
    )
    board.row(
        "Traffic",
        graph("Request Rate", "Requests per second of each service.", "reqps",
              Query(f"sum by (service) (rate(http_requests_total{RATE}))", "{{service}}")),
        graph("Response Time 95th percentile", "Time until the head of the response, without the routes that wait "
              "for a language model.", "s",
              Query('service_kind:http_request_duration_seconds:p95_5m{kind="ordinary"}', "{{service}}"), line=0.5),
        graph("Error ratio", "Share of requests that ended with a status 5xx, without health checks.", "percentunit",
              Query("service:http_errors:ratio_rate5m", "{{service}}"), line=0.1),
        graph("Response time of questions, 95th percentile", "Routes that may wait for a language model.", "s",
              Query('service_kind:http_request_duration_seconds:p95_5m{kind="model"}', "{{service}}"), line=30),
        graph("Answers of the gateway by status", "Requests per second.", "reqps",
              Query(f'sum by (status) (rate(http_requests_total{{service="gateway"}}{RATE}))', "{{status}}"),
              stacked=True),
        graph("Failed calls of services", "Calls per second that a service did not answer, as the gateway saw it.",
              "reqps",
              Query(f"sum by (upstream) (rate(gateway_upstream_failures_total{RATE}))", "{{upstream}}")),
    )
    board.row(
        "Objectives",
        stat("Error budget left", "What is left of the failures that 30 days allow: 0.1 % of requests at the gateway, "
             "0.5 % elsewhere. Below 0 it is overdrawn.", "percentunit",
             Query("service:slo_error_budget:remaining_ratio30d", "{{service}}"),
             steps=[(None, "red"), (0, "orange"), (0.25, "green")], width=24, decimals=0),
        graph("Burn rate, 1 h", "How many times faster than allowed the budget burns. 14.4 pages.", "short",
              Query(f"service:http_errors:ratio_rate1h {BURN}", "{{service}}"), line=14.4),
        graph("Burn rate, 6 h", "How many times faster than allowed the budget burns. 6 pages.", "short",
              Query(f"service:http_errors:ratio_rate6h {BURN}", "{{service}}"), line=6),
    )
    board.row(
        "Saturation",
        graph("Requests in flight", "As a share of the number beyond which load is shed.", "percentunit",
              Query("max by (service) (http_requests_in_flight / http_requests_in_flight_limit)", "{{service}}"),
              width=8),
        graph("Processor", "Seconds of processor time per second, all replicas.", "short",
              Query(f'sum by (service) (rate(process_cpu_seconds_total{{job="services"}}{RATE}))', "{{service}}"),
              width=8),
        graph("Memory", "Resident memory, the largest replica.", "bytes",
              Query('max by (service) (process_resident_memory_bytes{job="services"})', "{{service}}"), width=8),
        graph("Database connections in use", "As a share of the pool.", "percentunit",
              Query('max by (service) (sum by (service, instance) (db_pool_connections{state="in_use"}) '
                    "/ sum by (service, instance) (db_pool_connections_max))", "{{service}}"), width=8, line=0.9),
        graph("Open files", "As a share of what is allowed.", "percentunit",
              Query('max by (service) (process_open_fds{job="services"} / process_max_fds{job="services"})',
                    "{{service}}"), width=8),
        graph("Requests turned away", "Requests per second refused because of overload.", "reqps",
              Query(f"sum by (service) (rate(http_requests_shed_total{RATE}))", "{{service}}"), width=8),
    )
    board.row(
        "Dependencies",
        stat("Databases", "Whether postgres-exporter reaches them.", "short",
             Query("min by (database) (pg_up)", "{{database}}"), mapping=UP_OR_DOWN, width=16),
        stat("Redis", "Whether redis-exporter reaches it.", "short", Query("max(redis_up)"), mapping=UP_OR_DOWN,
             width=8),
        graph("Circuit breakers", "0 closed, 1 half open, 2 open.", "short",
              Query("max by (upstream, replica) (gateway_breaker_state)", "{{upstream}} {{replica}}"), width=8,
              maximum=2),
        graph("Events in outboxes", "Events that wait for Redis.", "short",
              Query("max by (schema) (outbox_events_pending)", "{{schema}}"), width=8, line=1000),
        graph("Events that wait in streams", "Events that a group of consumers has not handled.", "short",
              Query("max by (group, stream) (events_stream_lag)", "{{group}} {{stream}}"), width=8, line=1000),
    )
    board.row(
        "What runs",
        table("Versions", "Replicas by version; two versions of a service during an update.", "short",
              Query("count by (service, version) (build_info)"), hide=[]),
        graph("Uptime", "Time since the youngest replica of a service started.", "s",
              Query("time() - service:process_start_time_seconds:max", "{{service}}")),
    )
    return board
