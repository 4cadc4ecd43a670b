/// Numbers that follow from a seed (SplitMix64): SSRCs, first numbers, and what must not happen on all legs at once.
#[derive(Clone, Debug)]
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut number = self.0;
        number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        number ^ (number >> 31)
    }

    /// 0 or more, below 1.
    pub(crate) fn share(&mut self) -> f64 {
        (self.number() % 1_000) as f64 / 1_000.0
    }
}
