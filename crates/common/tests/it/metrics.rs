//! Series exist before anything has happened.

use axum::Router;
use common::http::layers::{self, Limits};
use common::http::routes::{Access, Routes};
use common::telemetry::{install_recorder, render_metrics};
use std::time::Duration;

fn value(series: &str) -> Option<String> {
    let text = render_metrics();
    let mut lines = text.lines();
    lines.find_map(|line| line.strip_prefix(series)?.strip_prefix(' ').map(str::to_owned))
}

#[test]
fn failures_of_a_route_exist_at_zero() {
    install_recorder();
    let routes = Routes::<()>::new()
        .get("/orders/{id}", Access::Public, || async {})
        .post("/orders", Access::Public, || async {});
    drop(routes.measured("shop"));
    for (method, route) in [("GET", "/orders/{id}"), ("POST", "/orders")] {
        for status in ["500", "502", "503", "504"] {
            let labels = format!("service=\"shop\",method=\"{method}\",route=\"{route}\"");
            let counter = format!("http_requests_total{{{labels},status=\"{status}\"}}");
            assert_eq!(value(&counter).as_deref(), Some("0"), "{counter}");
            let histogram = format!("http_request_duration_seconds_count{{{labels}}}");
            assert_eq!(value(&histogram).as_deref(), Some("0"), "{histogram}");
        }
    }
}

#[test]
fn the_limit_of_requests_in_flight_can_be_compared_with_their_number() {
    install_recorder();
    let limits = Limits {
        max_concurrent: 7,
        max_body_bytes: 1,
        request_timeout: Duration::from_secs(1),
    };
    drop(layers::apply(Router::new(), "mill", limits));
    assert_eq!(
        value("http_requests_in_flight{service=\"mill\"}").as_deref(),
        Some("0")
    );
    assert_eq!(
        value("http_requests_in_flight_limit{service=\"mill\"}").as_deref(),
        Some("7")
    );
}

#[test]
fn the_process_is_measured_at_each_look() {
    install_recorder();
    for series in [
        "process_resident_memory_bytes",
        "process_cpu_seconds_total",
        "process_open_fds",
        "process_max_fds",
        "process_start_time_seconds",
        "process_threads",
    ] {
        let seen: f64 = value(series).unwrap().parse().unwrap();
        assert!(seen >= 0.0, "{series} is {seen}");
    }
}
