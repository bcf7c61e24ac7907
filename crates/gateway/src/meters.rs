//! Counters of one thread: looked up once, then only counted up.

use std::cell::RefCell;
use std::collections::HashMap;
use std::time::Duration;

use ::metrics::{Counter, Histogram};
use http::Method;

use crate::metrics;

/// What is counted for each request.
#[derive(Debug)]
pub(crate) struct Meters {
    requests: RefCell<HashMap<(&'static str, &'static str, u16), Meter>>,
    pub(crate) token_hit: Counter,
    pub(crate) token_miss: Counter,
}

#[derive(Debug)]
struct Meter {
    count: Counter,
    duration: Histogram,
}

impl Meters {
    pub(crate) fn new() -> Self {
        Self {
            requests: RefCell::default(),
            token_hit: metrics::token_cache("hit"),
            token_miss: metrics::token_cache("miss"),
        }
    }

    /// Counts a request.
    pub(crate) fn request(&self, method: &Method, route: &'static str, status: u16, elapsed: Duration) {
        let method = label(method);
        let mut requests = self.requests.borrow_mut();
        let meter = requests.entry((method, route, status)).or_insert_with(|| Meter {
            count: metrics::requests(method, route, status),
            duration: metrics::request_duration(method, route),
        });
        meter.count.increment(1);
        meter.duration.record(elapsed.as_secs_f64());
    }
}

/// A client may invent methods; a label may not grow with them.
fn label(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}
