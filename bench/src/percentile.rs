//! Percentiles of what was measured.

/// The value below which, or at which, so many of a hundred lie; 100: the largest. The values are put in order.
pub(crate) fn percentile(values: &mut [f64], percent: usize) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let rank = (values.len() * percent).div_ceil(100);
    values.get(rank.saturating_sub(1)).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentile_is_one_of_the_values() {
        let mut values: Vec<f64> = (1..=30).rev().map(f64::from).collect();
        assert_eq!([50, 99, 100].map(|percent| percentile(&mut values, percent)), [15.0, 30.0, 30.0]);
        assert!(percentile(&mut [], 50).is_nan());
    }
}
