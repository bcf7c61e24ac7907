//! Measurements and what follows from them.

use std::fmt;
use std::time::Duration;

/// The target that others are compared with.
const BASE: &str = "nginx";

/// One measurement of one target.
#[derive(Debug)]
pub(crate) struct Measurement {
    pub(crate) target: &'static str,
    pub(crate) requests: usize,
    pub(crate) failed: usize,
    pub(crate) seconds: f64,
    pub(crate) processor: Duration,
    /// In ascending order.
    pub(crate) latencies: Vec<Duration>,
    /// Scripts and events that Redis got.
    pub(crate) redis_commands: u64,
    /// Scripts for rate limits.
    pub(crate) limit_calls: u64,
}

impl Measurement {
    /// Microseconds of processor time per request.
    fn cost(&self) -> f64 {
        self.processor.as_secs_f64() * 1e6 / self.requests as f64
    }

    /// Microseconds within which that part of the answers came.
    fn latency(&self, part: f64) -> f64 {
        let index = ((self.latencies.len() as f64 * part) as usize).min(self.latencies.len() - 1);
        self.latencies[index].as_secs_f64() * 1e6
    }

    fn per_second(&self) -> f64 {
        self.requests as f64 / self.seconds
    }

    fn limit_calls_per_request(&self) -> f64 {
        self.limit_calls as f64 / self.requests as f64
    }

    fn redis_per_request(&self) -> f64 {
        self.redis_commands as f64 / self.requests as f64
    }
}

impl fmt::Display for Measurement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {:.1} us/request, {:.0} requests/s, p50 {:.0} us, {} failed",
            self.target,
            self.cost(),
            self.per_second(),
            self.latency(0.5),
            self.failed
        )
    }
}

/// All measurements.
#[derive(Debug)]
pub(crate) struct Report {
    connections: usize,
    users: usize,
    rate: Option<u32>,
    measurements: Vec<Measurement>,
}

impl Report {
    pub(crate) fn new(connections: usize, users: usize, rate: Option<u32>) -> Self {
        Self {
            connections,
            users,
            rate,
            measurements: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self, measurement: Measurement) {
        self.measurements.push(measurement);
    }

    fn of(&self, target: &str) -> Vec<&Measurement> {
        let all = self.measurements.iter();
        all.filter(|measurement| measurement.target == target).collect()
    }

    /// The costs of a target in relation to the base, round by round, in ascending order.
    fn ratios(&self, target: &str) -> Vec<f64> {
        let (base, target) = (self.of(BASE), self.of(target));
        let pairs = base.iter().zip(target);
        sorted(pairs.map(|(base, target)| target.cost() / base.cost()).collect())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rate = match self.rate {
            Some(rate) => format!("{rate} requests/s"),
            None => "as many requests as possible".to_owned(),
        };
        writeln!(
            f,
            "{} connections, {} users, {rate}; medians of the rounds\n",
            self.connections, self.users
        )?;
        writeln!(
            f,
            "| target | CPU us/request | ratio to {BASE} (n; min-max) | requests/s | p50 us | p99 us | limit calls/request | Redis commands/request | failed |"
        )?;
        writeln!(f, "|---|---|---|---|---|---|---|---|---|")?;
        let mut seen = Vec::new();
        for measurement in &self.measurements {
            if seen.contains(&measurement.target) {
                continue;
            }
            seen.push(measurement.target);
            let all = self.of(measurement.target);
            let middle =
                |value: fn(&Measurement) -> f64| median(&sorted(all.iter().map(|one| value(one)).collect()));
            let ratios = self.ratios(measurement.target);
            writeln!(
                f,
                "| {} | {:.1} | {:.2} ({}; {:.2}-{:.2}) | {:.0} | {:.0} | {:.0} | {:.4} | {:.4} | {} |",
                measurement.target,
                middle(Measurement::cost),
                median(&ratios),
                ratios.len(),
                ratios.first().copied().unwrap_or_default(),
                ratios.last().copied().unwrap_or_default(),
                middle(Measurement::per_second),
                middle(|one| one.latency(0.5)),
                middle(|one| one.latency(0.99)),
                middle(Measurement::limit_calls_per_request),
                middle(Measurement::redis_per_request),
                all.iter().map(|one| one.failed).sum::<usize>(),
            )?;
        }
        Ok(())
    }
}

fn sorted(mut values: Vec<f64>) -> Vec<f64> {
    values.sort_by(f64::total_cmp);
    values
}

fn median(sorted: &[f64]) -> f64 {
    match sorted.len() {
        0 => 0.0,
        odd if odd % 2 == 1 => sorted[odd / 2],
        even => f64::midpoint(sorted[even / 2 - 1], sorted[even / 2]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_are_of_the_same_round() {
        let mut report = Report::new(1, 1, None);
        for (nginx, gateway) in [(10, 12), (20, 24), (10, 30)] {
            for (target, millis) in [("nginx", nginx), ("gateway", gateway)] {
                report.add(Measurement {
                    target,
                    requests: 1000,
                    failed: 0,
                    seconds: 1.0,
                    processor: Duration::from_millis(millis),
                    latencies: vec![Duration::from_micros(5); 10],
                    redis_commands: 1,
                    limit_calls: 1,
                });
            }
        }
        let ratios = report.ratios("gateway");
        assert!((median(&ratios) - 1.2).abs() < 1e-9, "{ratios:?}");
        assert!(
            report
                .to_string()
                .contains("| gateway | 24.0 | 1.20 (3; 1.20-3.00) |")
        );
    }
}
