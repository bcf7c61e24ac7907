"""Dashboards that cut across services: language models, 1C, security, and what the system is used for."""

from __future__ import annotations

from common import RATE
from panels import NONE_IS_GOOD, UP_OR_DOWN, Dashboard, Query, bars, graph, stat, table

MODEL = "{{provider}} {{model}}"


def _ai() -> Dashboard:
    board = Dashboard("topics", "ai-usage", "AI usage and cost",
                      "Language models: calls, tokens, failures, money. Without a connected model it is empty.")
    board.row(
        "Money",
        stat("Cost of 30 days", "In US dollars, as far as prices are known.", "currencyUSD",
             Query("llm:cost_dollars:increase30d"), width=6, decimals=2),
        stat("Budget spent", "Share of llm:budget_dollars:limit30d; 80 % opens a ticket, 100 % pages.", "percentunit",
             Query("llm:cost_dollars:increase30d / llm:budget_dollars:limit30d"),
             steps=[(None, "green"), (0.8, "orange"), (1, "red")], width=6, decimals=1),
        stat("Cost of a day", "In US dollars.", "currencyUSD",
             Query("sum(increase(llm_cost_microdollars_total[1d])) / 1e6"), width=6, decimals=2),
        stat("Answers without a price", "Answers of a day whose cost is not known.", "short",
             Query("sum(increase(llm_cost_unknown_total[1d]))"), steps=NONE_IS_GOOD, width=6, decimals=0),
        graph("Cost by model", "US dollars within an hour.", "currencyUSD",
              Query("llm:cost_dollars:increase1h", MODEL), stacked=True),
        graph("Tokens", "Tokens per second, by model and direction.", "cps",
              Query(f"sum by (model, direction) (rate(llm_tokens_total{RATE}))", "{{model}} {{direction}}"),
              stacked=True),
    )
    board.row(
        "Calls",
        graph("Calls by outcome", "Calls per second.", "reqps",
              Query(f"sum by (provider, outcome) (rate(llm_requests_total{RATE}))", "{{provider}} {{outcome}}"),
              stacked=True),
        graph("Calls that failed", "As a share of all, by provider.", "percentunit",
              Query(f'sum by (provider) (rate(llm_requests_total{{outcome!="ok"}}{RATE})) '
                    f"/ sum by (provider) (rate(llm_requests_total{RATE}))", "{{provider}}"), line=0.25),
        graph("Time of one call", "To the end of the answer, 95th percentile.", "s",
              Query(f"histogram_quantile(0.95, sum by (provider, model, le) "
                    f"(rate(llm_request_duration_seconds_bucket{RATE})))", MODEL)),
        graph("First part of an answer", "Time until it arrives, 95th percentile.", "s",
              Query(f"histogram_quantile(0.95, sum by (provider, model, le) "
                    f"(rate(llm_first_token_seconds_bucket{RATE})))", MODEL)),
        stat("Providers left alone", "1 while a provider is not called because it failed several times in a row.", "short",
             Query("max by (provider) (llm_breaker_open)", "{{provider}}"), steps=NONE_IS_GOOD, width=6, decimals=0),
        stat("Time until a model is switched off", "As its provider has announced.", "s",
             Query("min by (model) (llm_model_shutdown_timestamp_seconds) - time()", "{{model}}"),
             steps=[(None, "red"), (30 * 86400, "orange"), (90 * 86400, "green")], width=6, decimals=0),
        table("Failures of a day", "Calls by model and outcome.", "short",
              Query('sum by (provider, model, outcome) (increase(llm_requests_total{outcome!="ok"}[1d]))'), hide=[]),
    )
    board.row(
        "Answers",
        graph("Answers by engine", "Answers per second: built-in rules and language models.", "cps",
              Query(f'sum by (engine) (rate(assistant_requests_total{{outcome="answered"}}{RATE}))', "{{engine}}"),
              stacked=True),
        graph("Attempts that failed", "As a share of all, by operation.", "percentunit",
              Query(f'sum by (operation) (rate(assistant_requests_total{{outcome="failed"}}{RATE})) '
                    f"/ sum by (operation) (rate(assistant_requests_total{RATE}))", "{{operation}}"), line=0.2),
    )
    board.row(
        "Privacy and figures",
        graph("Hidden from models of others", "Names and requisites within an hour, by kind.", "short",
              Query("sum by (kind) (increase(privacy_hidden_total[1h]))", "{{kind}}"), stacked=True),
        graph("Texts that tried to command", "Within an hour, by where they were found.", "short",
              Query("sum by (place) (increase(privacy_injections_suspected_total[1h]))", "{{place}}")),
        graph("Answers by what their figures rest on", "Answers of language models within an hour.", "short",
              Query("sum by (outcome) (increase(assistant_figures_checked_total[1h]))", "{{outcome}}"), stacked=True),
        stat("Answers with unverified figures", "As a share of a day. They are marked in the text.", "percentunit",
             Query('sum(increase(assistant_figures_checked_total{outcome="unverified"}[1d])) '
                   "/ sum(increase(assistant_figures_checked_total[1d]))"),
             steps=[(None, "green"), (0.05, "orange"), (0.2, "red")], width=12, decimals=1),
    )
    return board


def _onec() -> Dashboard:
    board = Dashboard("topics", "onec-sync", "1C synchronisation",
                      "Whether infobases answer, how old their copies are, and how synchronisation goes.")
    board.row(
        "State",
        stat("Infobases", "Whether 1C answered the last call.", "short",
             Query("max by (infobase) (onec_infobase_reachable)", "{{infobase}}"), mapping=UP_OR_DOWN, width=12),
        stat("Age of the copy", "Seconds since the oldest part of the copy was true.", "s",
             Query("infobase:onec_mirror_age_seconds:min", "{{infobase}}"),
             steps=[(None, "green"), (600, "orange"), (3600, "red")], width=12, decimals=0),
    )
    board.row(
        "Synchronisation",
        graph("Synchronisations", "Ended within an hour, by outcome.", "short",
              Query("sum by (outcome) (increase(onec_sync_jobs_total[1h]))", "{{outcome}}")),
        graph("Age of the copy over time", "It falls at each synchronisation.", "s",
              Query("infobase:onec_mirror_age_seconds:min", "{{infobase}}"), line=3600),
        graph("Rows written", "Rows per second, by entity.", "cps",
              Query(f"sum by (entity) (rate(onec_sync_rows_total{RATE}))", "{{entity}}"), stacked=True),
        bars("Rows of a day", "Rows written within a day, by entity.", "short",
             Query("sort_desc(sum by (entity) (increase(onec_sync_rows_total[1d])))", "{{entity}}")),
        stat("Objects that could not be read", "Within a day. The copy keeps what it had of them.", "short",
             Query("sum(increase(onec_sync_dead_objects_total[1d]))"), steps=NONE_IS_GOOD, width=6, decimals=0),
        stat("Changes passed over", "Within a day: registered by the exchange plan, but of objects that are not copied.",
             "short", Query("sum(increase(onec_sync_changes_ignored_total[1d]))"), width=6, decimals=0),
        graph("Trouble with objects", "Within an hour.", "short",
              Query("sum(increase(onec_sync_dead_objects_total[1h]))", "could not be read"),
              Query("sum(increase(onec_sync_changes_ignored_total[1h]))", "passed over")),
    )
    board.row(
        "Bases that push (CommerceML)",
        graph("Files", "Imported within an hour, by outcome.", "short",
              Query("sum by (outcome) (increase(onec_exchange_imports_total[1h]))", "{{outcome}}")),
        graph("Objects in files", "Within an hour, by kind.", "short",
              Query("sum by (kind) (increase(onec_exchange_rows_total[1h]))", "{{kind}}"), stacked=True),
        graph("Logins", "Within an hour, by outcome; limited: too many wrong passwords from one address.", "short",
              Query("sum by (outcome) (increase(onec_exchange_logins_total[1h]))", "{{outcome}}")),
        stat("Files that failed", "Within a day.", "short",
             Query('sum(increase(onec_exchange_imports_total{outcome="failed"}[1d]))'), steps=NONE_IS_GOOD,
             width=12, decimals=0),
    )
    board.row(
        "Calls of 1C",
        graph("Calls by operation", "Calls per second.", "reqps",
              Query(f"sum by (operation) (rate(onec_request_duration_seconds_count{RATE}))", "{{operation}}")),
        graph("Failed calls", "Calls per second, by outcome.", "reqps",
              Query(f'sum by (outcome) (rate(onec_request_duration_seconds_count{{outcome!="ok"}}{RATE}))',
                    "{{outcome}}")),
        graph("Time of calls", "95th percentile, by operation.", "s",
              Query(f"histogram_quantile(0.95, sum by (operation, le) "
                    f"(rate(onec_request_duration_seconds_bucket{RATE})))", "{{operation}}"), line=10),
        graph("Tools that could not be answered", "Calls of tools per second that 1C integration did not answer.",
              "cps", Query(f'sum by (outcome) (rate(tool_calls_total{{outcome!="ok"}}{RATE}))', "{{outcome}}")),
    )
    return board


def _security() -> Dashboard:
    board = Dashboard("topics", "security", "Security",
                      "Alerts, threats, logins, refusals and the audit log.")
    board.row(
        "State",
        stat("Open alerts", "Alerts that are not resolved, by severity.", "short",
             Query("max by (severity) (alerts_open)", "{{severity}}"), steps=NONE_IS_GOOD, width=10),
        stat("Audit log", "1 when the chain was unbroken at the last recomputation.", "short",
             Query("min(audit_verification_valid)"), steps=[(None, "red"), (1, "green")], width=4),
        stat("Recomputations of a day", "Of the audit chain, by result.", "short",
             Query("sum by (result) (increase(audit_verifications_total[1d]))", "{{result}}"), width=6, decimals=0),
        stat("Certificate", "Time until the first certificate expires.", "s",
             Query("min(ai1c_certificate_expiry_timestamp_seconds) - time()"),
             steps=[(None, "red"), (3 * 86400, "orange"), (14 * 86400, "green")], width=4, decimals=0),
    )
    board.row(
        "Threats and logins",
        graph("Threats found", "Within an hour, by kind.", "short",
              Query("sum by (kind) (increase(threats_detected_total[1h]))", "{{kind}}")),
        graph("Logins", "Attempts per second, by outcome.", "cps",
              Query(f"sum by (outcome) (rate(logins_total{RATE}))", "{{outcome}}"), stacked=True),
        graph("Login attempts looked at", "By the detectors, per second.", "cps",
              Query(f"sum by (outcome) (rate(auth_attempts_total{RATE}))", "{{outcome}}")),
        graph("Refresh tokens used twice", "Within an hour: one of the two had stolen it.", "short",
              Query('sum(increase(token_refreshes_total{outcome="reused"}[1h]))', "reused")),
    )
    board.row(
        "Responses and messages",
        graph("Bans in force", "Addresses, users, sessions and keys that are shut out.", "short",
              Query("max(security_bans)", "bans")),
        graph("Responses", "Within an hour, by what was done and how it ended.", "short",
              Query("sum by (action, outcome) (increase(security_responses_total[1h]))", "{{action}} {{outcome}}")),
        graph("Messages about threats", "Within an hour, by channel and outcome.", "short",
              Query("sum by (channel, outcome) (increase(alert_deliveries_total[1h]))", "{{channel}} {{outcome}}")),
        graph("Messages that wait or were given up", "A receiver is away, or refuses.", "short",
              Query("max(alert_deliveries_pending)", "waiting"), Query("max(alert_deliveries_dead)", "given up")),
        graph("Observations", "What the detectors look at, per second, by signal.", "cps",
              Query(f"sum by (signal) (rate(security_observations_total{RATE}))", "{{signal}}")),
        graph("From decision to ban", "Time until gateways are told, nine of ten.", "s",
              Query(f"histogram_quantile(0.9, sum by (le) (rate(security_ban_delay_seconds_bucket{RATE})))", "p90")),
    )
    board.row(
        "Refusals",
        graph("Refused at the gateway", "Requests per second with 401, 403 or 429.", "reqps",
              Query(f'sum by (status) (rate(http_requests_total{{service="gateway",status=~"401|403|429"}}{RATE}))',
                    "{{status}}"), stacked=True),
        graph("Refused by rate limits", "Requests per second, by class of limit.", "reqps",
              Query(f"sum by (class) (rate(gateway_rate_limited_total{RATE}))", "{{class}}")),
    )
    board.row(
        "Audit",
        graph("Entries", "Entries of the audit log per second.", "cps",
              Query(f"max(rate(audit_entries_total{RATE}))", "entries")),
        graph("Audit events that wait", "Events that the security service has not handled.", "short",
              Query('max by (stream) (events_stream_lag{group="security"})', "{{stream}}"), line=1000),
    )
    return board


def _business() -> Dashboard:
    day = "[1d]"
    board = Dashboard("topics", "business", "Business",
                      "What the system is used for: questions, answers, reports, users, data of 1C.")
    board.row(
        "The last day",
        stat("Questions", "Attempts to answer a question within a day.", "short",
             Query(f'sum(increase(assistant_requests_total{{operation="chat"}}{day}))'), decimals=0),
        stat("Answered", "Share of attempts that ended with an answer.", "percentunit",
             Query(f'sum(increase(assistant_requests_total{{operation="chat",outcome="answered"}}{day})) '
                   f'/ sum(increase(assistant_requests_total{{operation="chat"}}{day}))'), decimals=1),
        stat("By language models", "Share of answers that a language model gave.", "percentunit",
             Query(f'sum(increase(assistant_requests_total{{engine="llm",outcome="answered"}}{day})) '
                   f'/ sum(increase(assistant_requests_total{{outcome="answered"}}{day}))'), decimals=1),
        stat("Sessions", "People who are logged in, by device.", "short", Query("max(sessions_active)")),
        stat("Report files", "Files that were built.", "short",
             Query(f'sum(increase(report_builds_total{{outcome="built"}}{day}))'), decimals=0),
        stat("Rows from 1C", "Rows written into the copy.", "short",
             Query(f"sum(increase(onec_sync_rows_total{day}))"), decimals=0),
    )
    board.row(
        "Questions",
        graph("Questions and texts", "Attempts within an hour, by operation and outcome.", "short",
              Query("sum by (operation, outcome) (increase(assistant_requests_total[1h]))",
                    "{{operation}} {{outcome}}"), stacked=True),
        graph("Answers by engine", "Within an hour.", "short",
              Query('sum by (engine) (increase(assistant_requests_total{outcome="answered"}[1h]))', "{{engine}}"),
              stacked=True),
        bars("What is asked for", "Calls of tools within a day: each is a report of 1C or a search.", "short",
             Query(f"sort_desc(sum by (tool) (increase(tool_calls_total{day})))", "{{tool}}")),
        graph("How long people wait", "Questions at the gateway, until the answer begins.", "s",
              Query('service_kind:http_request_duration_seconds:p50_5m{service="gateway",kind="model"}', "50 %"),
              Query('service_kind:http_request_duration_seconds:p95_5m{service="gateway",kind="model"}', "95 %")),
    )
    board.row(
        "People and reports",
        graph("Logins", "Within an hour.", "short",
              Query('sum(increase(logins_total{outcome="success"}[1h]))', "logins")),
        graph("Sessions over time", "Sessions that can be refreshed.", "short",
              Query("max(sessions_active)", "sessions")),
        graph("Report files over time", "Within an hour, by outcome.", "short",
              Query("sum by (outcome) (increase(report_builds_total[1h]))", "{{outcome}}")),
        graph("Rows in report files", "Within an hour.", "short",
              Query("sum(increase(report_rows_total[1h]))", "rows")),
    )
    return board


def dashboards() -> list[Dashboard]:
    return [_ai(), _onec(), _security(), _business()]
