//! Listening quality from network figures: the E-model (ITU-T G.107) with defaults, for G.711 with concealment (ITU-T G.113 appendix I).

use std::time::Duration;

/// Mean opinion score, 1.0–4.5, of a stream with this share of packets lost (0–1), jitter and one-way network delay.
pub(crate) fn mos(lost: f32, jitter: Duration, one_way: Duration) -> f32 {
    // A receiver buffers about twice the jitter; 20 ms are spent filling a packet.
    let delay = one_way.as_secs_f32() * 1_000.0 + 2.0 * jitter.as_secs_f32() * 1_000.0 + 20.0;
    let delay_impairment = 0.024 * delay + if delay > 177.3 { 0.11 * (delay - 177.3) } else { 0.0 };
    let percent = lost.clamp(0.0, 1.0) * 100.0;
    let loss_impairment = 95.0 * percent / (percent + 25.1);
    let rating = (93.2 - delay_impairment - loss_impairment).clamp(0.0, 100.0);
    (1.0 + 0.035 * rating + rating * (rating - 60.0) * (100.0 - rating) * 7.0e-6).clamp(1.0, 4.5)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clean_line_is_toll_quality_and_each_harm_lowers_it() {
        let scores = [
            mos(0.0, Duration::ZERO, Duration::from_millis(10)),
            mos(0.02, Duration::from_millis(5), Duration::from_millis(40)),
            mos(0.1, Duration::from_millis(20), Duration::from_millis(40)),
            mos(0.1, Duration::from_millis(20), Duration::from_millis(400)),
            mos(1.0, Duration::from_secs(1), Duration::from_secs(1)),
        ]
        .map(|score| (score * 10.0).round() as i32);
        assert_eq!(scores, [44, 42, 33, 14, 10]);
    }
}
