//! When a provider wants to be asked again.

use std::time::Duration;

use chrono::{DateTime, Utc};
use http::HeaderMap;

/// What the headers of a refusal say of another try.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Advice {
    /// Not before this time has passed.
    pub(crate) after: Option<Duration>,
    /// `x-should-retry`: goes before anything that the status means.
    pub(crate) should: Option<bool>,
}

impl Advice {
    /// The request may be made again at once.
    pub(super) fn again_at_once() -> Self {
        Self {
            after: Some(Duration::ZERO),
            should: Some(true),
        }
    }

    /// Reads `x-should-retry`, `retry-after-ms` and `retry-after` in seconds or as a date
    /// (RFC 9110, section 10.2.3).
    pub(super) fn of(headers: &HeaderMap, now: DateTime<Utc>) -> Self {
        let text = |name: &str| headers.get(name)?.to_str().ok().map(str::trim);
        let number = |name: &str| text(name)?.parse::<f64>().ok();
        let seconds = number("retry-after-ms")
            .map(|millis| millis / 1000.0)
            .or_else(|| number("retry-after"))
            .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        let date = |name: &str| DateTime::parse_from_rfc2822(text(name)?).ok();
        let until = || {
            let at = date("retry-after")?.to_utc();
            // The provider's clock against itself; ours may be wrong.
            let now = date("date").map_or(now, |date| date.to_utc());
            Some((at - now).to_std().unwrap_or_default())
        };
        Self {
            after: seconds.or_else(until),
            should: match text("x-should-retry") {
                Some("true") => Some(true),
                Some("false") => Some(false),
                _ => None,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn advice(headers: &[(&'static str, &'static str)]) -> Advice {
        let headers = headers
            .iter()
            .map(|(name, value)| (http::HeaderName::from_static(name), value.parse().unwrap()))
            .collect();
        Advice::of(&headers, "2026-11-24T10:00:00Z".parse().unwrap())
    }

    fn after(headers: &[(&'static str, &'static str)]) -> Option<u128> {
        advice(headers).after.map(|after| after.as_millis())
    }

    #[test]
    fn all_forms_are_understood() {
        assert_eq!(after(&[("retry-after", "2")]), Some(2000));
        assert_eq!(after(&[("retry-after", "0.5")]), Some(500));
        assert_eq!(
            after(&[("retry-after", "2"), ("retry-after-ms", "150")]),
            Some(150)
        );
        let date = ("retry-after", "Tue, 24 Nov 2026 10:00:07 GMT");
        assert_eq!(after(&[date]), Some(7000));
        assert_eq!(
            after(&[date, ("date", "Tue, 24 Nov 2026 10:00:05 GMT")]),
            Some(2000)
        );
        assert_eq!(
            after(&[("retry-after", "Tue, 24 Nov 2026 09:00:00 GMT")]),
            Some(0)
        );
        for nonsense in ["soon", "-1", "NaN", "1e300"] {
            assert_eq!(after(&[("retry-after", nonsense)]), None, "{nonsense}");
        }
        assert_eq!(after(&[]), None);
    }

    #[test]
    fn the_provider_may_say_whether_to_try_again() {
        assert_eq!(advice(&[("x-should-retry", "false")]).should, Some(false));
        assert_eq!(advice(&[("x-should-retry", "true")]).should, Some(true));
        assert_eq!(advice(&[("x-should-retry", "maybe")]).should, None);
    }
}
