//! Usage events, system metrics, dashboards and report files.
