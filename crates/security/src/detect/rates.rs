//! Whether a number of requests is unusual for somebody.

/// Hours of one's own past that are needed to judge.
const LEAST_PAST: usize = 24;
/// So few requests in an hour are never unusual.
const LEAST_REQUESTS: u64 = 600;
/// Standard deviations above the mean …
const DEVIATIONS: f64 = 4.0;
/// … and times the median.
const TIMES: f64 = 3.0;
/// Weight of an hour relative to the hour after it: half of the weight lies in the last two days or so.
const FADING: f64 = 0.985;

/// How unusual it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Anomaly {
    /// Standard deviations above the mean of the past.
    pub(crate) deviations: f64,
    /// The median of the past.
    pub(crate) median: u64,
}

/// Judges the number of an hour by the hours before it, the oldest first. The mean fades
/// exponentially, so that a growing load is not unusual for long; the median keeps one busy day
/// from making the rest unusual.
#[expect(
    clippy::cast_precision_loss,
    reason = "numbers of requests in an hour are small"
)]
pub(crate) fn anomaly(past: &[u64], now: u64) -> Option<Anomaly> {
    if past.len() < LEAST_PAST || now < LEAST_REQUESTS {
        return None;
    }
    let (mut mean, mut variance, mut weight) = (0.0_f64, 0.0_f64, 0.0_f64);
    for count in past {
        weight = weight * FADING + 1.0;
        let share = 1.0 / weight;
        let difference = *count as f64 - mean;
        mean += share * difference;
        variance = (1.0 - share) * (variance + share * difference * difference);
    }
    let mut sorted = past.to_vec();
    sorted.sort_unstable();
    let median = sorted[sorted.len() / 2];
    // A count of independent requests varies by its square root at least.
    let deviation = variance.sqrt().max(mean.sqrt()).max(1.0);
    let deviations = (now as f64 - mean) / deviation;
    let unusual = deviations > DEVIATIONS && now as f64 > TIMES * median as f64;
    unusual.then_some(Anomaly { deviations, median })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_far_above_ones_own_past_is_unusual() {
        let steady: Vec<u64> = (0..200).map(|hour| 300 + hour % 7 * 10).collect();
        let growing: Vec<u64> = (0..200).map(|hour| 300 + hour * 10).collect();
        let mut busy_day = steady.clone();
        busy_day[100] = 9000;
        for (name, past, now, expected) in [
            ("as always", &steady, 340, false),
            ("twice as much", &steady, 700, false),
            ("ten times as much", &steady, 3300, true),
            ("a load that grows", &growing, 2400, false),
            ("one busy hour before", &busy_day, 340, false),
            ("ten times as much, after a busy hour", &busy_day, 12_000, true),
            ("no past to judge by", &steady[..10].to_vec(), 3300, false),
            ("few", &vec![1; 100], 500, false),
        ] {
            assert_eq!(anomaly(past, now).is_some(), expected, "{name}");
        }
    }
}
