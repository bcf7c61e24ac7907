"""Panels that several dashboards show."""

from __future__ import annotations

from panels import NONE_IS_GOOD, UP_OR_DOWN, Panel, Query, graph, stat

RATE = "[$__rate_interval]"

# In the order a request meets them.
SERVICES = ["gateway", "ai-assistant", "onec-integration", "user-management", "analytics", "security"]


def service_state(service: str) -> list[Panel]:
    """The line of tiles at the head of a service's dashboard."""
    of = f'service="{service}"'
    return [
        stat("Replicas up", "Replicas that answer Prometheus.", "short",
             Query(f'sum(up{{job="services",{of}}})'), steps=[(None, "red"), (1, "green")]),
        stat("Requests", "Requests per second, without health checks.", "reqps",
             Query(f"service:http_requests:rate5m{{{of}}}"), decimals=2),
        stat("Failures", "Share of requests that ended with a status 5xx within five minutes.", "percentunit",
             Query(f'sum(rate(http_requests_total{{{of},route!~".*/health",status=~"5.."}}[5m])) '
                   f'/ sum(rate(http_requests_total{{{of},route!~".*/health"}}[5m]))'),
             steps=[(None, "green"), (0.01, "orange"), (0.1, "red")], decimals=2),
        stat("Error budget left", "What is left of the failures that 30 days allow; below 0 it is overdrawn.",
             "percentunit", Query(f"service:slo_error_budget:remaining_ratio30d{{{of}}}"),
             steps=[(None, "red"), (0, "orange"), (0.25, "green")], decimals=0),
        stat("Uptime", "Time since the youngest replica started.", "s",
             Query(f"time() - service:process_start_time_seconds:max{{{of}}}"), decimals=0),
        stat("Version", "The version that runs; two during an update.", "short",
             Query(f"count by (version) (build_info{{{of}}})", "{{version}}")),
    ]


def service_requests(service: str) -> list[Panel]:
    """Rate, errors and duration by route."""
    of = f'service="{service}"'
    duration = f"rate(http_request_duration_seconds_bucket{{{of}}}{RATE})"
    return [
        graph("Request rate by route", "Requests per second.", "reqps",
              Query(f"sum by (route) (rate(http_requests_total{{{of}}}{RATE}))", "{{route}}"), stacked=True),
        graph("Requests by status", "Requests per second.", "reqps",
              Query(f"sum by (status) (rate(http_requests_total{{{of}}}{RATE}))", "{{status}}"), stacked=True),
        graph("Failures by route", "Requests per second that ended with a status 5xx.", "reqps",
              Query(f'sum by (route, status) (rate(http_requests_total{{{of},status=~"5.."}}{RATE}))',
                    "{{route}} {{status}}")),
        graph("Response time", "Time until the head of the response. A stream goes on after it.", "s",
              Query(f"histogram_quantile(0.5, sum by (le) ({duration}))", "50 %"),
              Query(f"histogram_quantile(0.95, sum by (le) ({duration}))", "95 %"),
              Query(f"histogram_quantile(0.99, sum by (le) ({duration}))", "99 %")),
        graph("Response time by route, 95th percentile", "Time until the head of the response.", "s",
              Query(f"histogram_quantile(0.95, sum by (route, le) ({duration}))", "{{route}}"), width=24),
    ]


def service_resources(service: str, database: bool) -> list[Panel]:
    """What the processes of a service use, against their limits."""
    of = f'service="{service}"'
    job = f'job="services",{of}'
    panels = [
        graph("Requests in flight", "Requests whose response head is not ready, and where load begins to be shed.",
              "short", Query(f"http_requests_in_flight{{{of}}}", "{{instance}}"),
              Query(f"max(http_requests_in_flight_limit{{{of}}})", "limit"), width=8),
        graph("Requests turned away", "Requests per second that were refused because of overload.", "reqps",
              Query(f"sum(rate(http_requests_shed_total{{{of}}}{RATE}))", "refused"), width=8),
        graph("Processor", "Seconds of processor time per second; 1 is one processor.", "short",
              Query(f"rate(process_cpu_seconds_total{{{job}}}{RATE})", "{{instance}}"), width=8),
        graph("Memory", "Resident memory of each replica.", "bytes",
              Query(f"process_resident_memory_bytes{{{job}}}", "{{instance}}"), width=8),
        graph("Open files", "Open file descriptors, sockets included, as a share of what is allowed.", "percentunit",
              Query(f"process_open_fds{{{job}}} / process_max_fds{{{job}}}", "{{instance}}"), width=8),
        graph("Threads", "Threads of each replica.", "short",
              Query(f"process_threads{{{job}}}", "{{instance}}"), width=8),
    ]
    if database:
        panels.append(
            graph("Database connections", "Connections of the pool by state, and how many it may open.", "short",
                  Query(f"sum by (state) (db_pool_connections{{{of}}})", "{{state}}"),
                  Query(f"sum(db_pool_connections_max{{{of}}})", "limit"), width=24))
    return panels


def outbox(service: str) -> Panel:
    """Events that wait for Redis."""
    return graph("Outbox", "Events that wait for Redis. Nothing is lost while they wait.", "short",
                 Query(f'max by (schema) (outbox_events_pending{{service="{service}"}})', "{{schema}}"), line=1000)


def consumer(group: str) -> list[Panel]:
    """What a group of consumers does with the streams."""
    of = f'group="{group}"'
    return [
        graph("Events handled", "Events per second, by stream.", "cps",
              Query(f"sum by (stream) (rate(events_consumed_total{{{of}}}{RATE}))", "{{stream}}"), width=8),
        graph("Events that wait", "Events of a stream that were not handled yet.", "short",
              Query(f"max by (stream) (events_stream_lag{{{of}}})", "{{stream}}"), width=8, line=1000),
        stat("Dead letters", "Events within a day that could not be handled; they are in events:dead.", "short",
             Query(f"sum(increase(events_dead_total{{{of}}}[1d]))"), steps=NONE_IS_GOOD, width=8, height=8,
             decimals=0),
    ]


def up_tiles() -> Panel:
    """One tile per service."""
    return stat("Services", "Whether any replica answers Prometheus.", "short",
                Query('max by (service) (up{job="services"})', "{{service}}"), mapping=UP_OR_DOWN, width=24)
