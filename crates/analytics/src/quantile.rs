//! Percentiles of durations from their logarithmic intervals.

/// Each interval is this much wider than the one before; the same number is in
/// `analytics.duration_bucket`.
const GROWTH: f64 = 1.1;

/// How many durations fell into which interval, in the order of the intervals.
#[derive(Debug, Clone, Default)]
pub(crate) struct Histogram(std::collections::BTreeMap<i16, i64>);

impl Histogram {
    /// Adds durations of one interval.
    pub(crate) fn add(&mut self, bucket: i16, count: i64) {
        *self.0.entry(bucket).or_default() += count;
    }

    /// Durations in all.
    pub(crate) fn count(&self) -> i64 {
        self.0.values().sum()
    }

    /// The duration, in milliseconds, that the share `q` of all does not exceed, within 5 %;
    /// `None` when there are none.
    pub(crate) fn quantile(&self, q: f64) -> Option<u64> {
        let total = self.count();
        if total <= 0 {
            return None;
        }
        #[expect(
            clippy::cast_precision_loss,
            reason = "a rank among fewer than 2^53 durations"
        )]
        let rank = (total as f64 * q).ceil().max(1.0);
        let mut seen = 0;
        for (bucket, count) in &self.0 {
            seen += count;
            #[expect(clippy::cast_precision_loss, reason = "as above")]
            if seen as f64 >= rank {
                return Some(middle(*bucket));
            }
        }
        None
    }
}

/// The geometric middle of an interval.
fn middle(bucket: i16) -> u64 {
    if bucket <= 0 {
        return 0;
    }
    let middle = GROWTH.powf(f64::from(bucket) - 0.5).round();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "positive, and `as` saturates"
    )]
    let middle = middle as u64;
    middle
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `analytics.duration_bucket`.
    fn bucket(ms: u32) -> i16 {
        if ms < 1 {
            return 0;
        }
        #[expect(clippy::cast_possible_truncation, reason = "small")]
        let number = (f64::from(ms).ln() / GROWTH.ln()).floor() as i16;
        number + 1
    }

    #[test]
    fn percentiles_are_within_five_percent() {
        let mut histogram = Histogram::default();
        for ms in 1..=1000 {
            histogram.add(bucket(ms), 1);
        }
        for (q, exact) in [(0.5, 500.0), (0.95, 950.0), (0.99, 990.0)] {
            let found = histogram.quantile(q).unwrap();
            #[expect(clippy::cast_precision_loss, reason = "small")]
            let error = (found as f64 - exact).abs() / exact;
            assert!(error <= 0.05, "{q}: {found} instead of {exact}");
        }
    }

    #[test]
    fn edges() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.quantile(0.5), None);
        histogram.add(bucket(0), 1);
        assert_eq!(histogram.quantile(0.99), Some(0));
        for ms in [1, 2, 3, 10] {
            let mut one = Histogram::default();
            one.add(bucket(ms), 1);
            assert_eq!(one.quantile(0.5), Some(u64::from(ms)));
        }
    }
}
