//! Axes with round numbers.

/// A scale from a value to another with marks at round numbers.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Axis {
    pub(super) low: f64,
    pub(super) high: f64,
    pub(super) step: f64,
}

impl Axis {
    /// An axis that holds all values, with about `marks` marks. `from_zero` puts zero on it in any
    /// case: lengths of bars are compared.
    pub(super) fn new(values: impl Iterator<Item = f64>, marks: u32, from_zero: bool) -> Self {
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for value in values.filter(|value| value.is_finite()) {
            low = low.min(value);
            high = high.max(value);
        }
        if low > high {
            (low, high) = (0.0, 1.0);
        }
        // A line that uses less than half of the height would only seem steadier than it is.
        if from_zero || (low > 0.0 && low < high / 2.0) || (high < 0.0 && high > low / 2.0) {
            low = low.min(0.0);
            high = high.max(0.0);
        }
        if (high - low).abs() < f64::EPSILON * high.abs().max(1.0) {
            if high == 0.0 {
                high = 1.0;
            } else {
                let around = high.abs() * 0.5;
                (low, high) = (low - around, high + around);
            }
        }
        let step = round_step((high - low) / f64::from(marks.max(1)));
        Self {
            low: (low / step).floor() * step,
            high: (high / step - 1e-9).ceil() * step,
            step,
        }
    }

    /// The values with marks, from low to high.
    pub(super) fn marks(&self) -> Vec<f64> {
        let mut marks = Vec::new();
        let mut number = 0_u32;
        // Bounded, whatever rounding does.
        while number < 100 {
            let mark = self.low + f64::from(number) * self.step;
            if mark > self.high + self.step * 1e-6 {
                break;
            }
            marks.push(if mark.abs() < self.step * 1e-9 { 0.0 } else { mark });
            number += 1;
        }
        marks
    }

    /// Where a value lies: 0 at the low end, 1 at the high one.
    pub(super) fn share(&self, value: f64) -> f64 {
        (value - self.low) / (self.high - self.low)
    }
}

/// The least of 1, 2, 2.5, 5 times a power of ten that is not below `least`.
fn round_step(least: f64) -> f64 {
    let power = 10_f64.powf(least.log10().floor());
    for factor in [1.0, 2.0, 2.5, 5.0] {
        if factor * power >= least * (1.0 - 1e-9) {
            return factor * power;
        }
    }
    10.0 * power
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_round_and_hold_the_values() {
        let cases: [(&[f64], bool, f64, f64, f64); 7] = [
            (&[0.0, 97.0], true, 0.0, 100.0, 25.0),
            (&[13.0, 3_400_000.0], true, 0.0, 4_000_000.0, 1_000_000.0),
            (&[-250.0, 700.0], true, -250.0, 750.0, 250.0),
            (&[980.0, 1000.0], false, 980.0, 1000.0, 5.0),
            (&[5.0, 5.0], true, 0.0, 6.0, 2.0),
            (&[], true, 0.0, 1.0, 0.25),
            (&[0.0], true, 0.0, 1.0, 0.25),
        ];
        for (values, from_zero, low, high, step) in cases {
            let axis = Axis::new(values.iter().copied(), 4, from_zero);
            assert_eq!(axis, Axis { low, high, step }, "{values:?}");
            let marks = axis.marks();
            assert!((marks[0] - low).abs() < 1e-9);
            assert!((marks[marks.len() - 1] - high).abs() < 1e-6, "{marks:?}");
        }
    }

    #[test]
    fn impossible_values_make_no_endless_axis() {
        let values = [f64::NAN, f64::INFINITY, 1e300, -1e300];
        let axis = Axis::new(values.into_iter(), 5, true);
        assert!(axis.marks().len() < 20);
    }
}
