//! One band of G.722: quantiser, scale factor and predictor, named after the blocks of the recommendation.

const Q6: [i32; 31] = [
    0,
    35,
    72,
    110,
    150,
    190,
    233,
    276,
    323,
    370,
    422,
    473,
    530,
    587,
    650,
    714,
    786,
    858,
    940,
    1_023,
    1_121,
    1_219,
    1_339,
    1_458,
    1_612,
    1_765,
    1_980,
    2_195,
    2_557,
    2_919,
    i32::MAX,
];
const QM4: [i32; 16] =
    [0, -20_456, -12_896, -8_968, -6_288, -4_240, -2_584, -1_200, 20_456, 12_896, 8_968, 6_288, 4_240, 2_584, 1_200, 0];
const QM6: [i32; 64] = [
    -136, -136, -136, -136, -24_808, -21_904, -19_008, -16_704, -14_984, -13_512, -12_280, -11_192, -10_232, -9_360,
    -8_576, -7_856, -7_192, -6_576, -6_000, -5_456, -4_944, -4_464, -4_008, -3_576, -3_168, -2_776, -2_400, -2_032,
    -1_688, -1_360, -1_040, -728, 24_808, 21_904, 19_008, 16_704, 14_984, 13_512, 12_280, 11_192, 10_232, 9_360, 8_576,
    7_856, 7_192, 6_576, 6_000, 5_456, 4_944, 4_464, 4_008, 3_576, 3_168, 2_776, 2_400, 2_032, 1_688, 1_360, 1_040,
    728, 432, 136, -432, -136,
];
const QM2: [i32; 4] = [-7_408, -1_616, 7_408, 1_616];
const WL: [i32; 8] = [-60, -30, 58, 172, 334, 538, 1_198, 3_042];
const RL42: [usize; 16] = [0, 7, 6, 5, 4, 3, 2, 1, 7, 6, 5, 4, 3, 2, 1, 0];
const WH: [i32; 3] = [0, -214, 798];
const RH2: [usize; 4] = [2, 1, 2, 1];
const ILB: [i32; 32] = [
    2_048, 2_093, 2_139, 2_186, 2_233, 2_282, 2_332, 2_383, 2_435, 2_489, 2_543, 2_599, 2_656, 2_714, 2_774, 2_834,
    2_896, 2_960, 3_025, 3_091, 3_158, 3_228, 3_298, 3_371, 3_444, 3_520, 3_597, 3_676, 3_756, 3_838, 3_922, 4_008,
];

/// Predictor and scale factor of one band.
#[derive(Debug)]
pub(super) struct Band {
    /// The signal that is expected next, and its part from the zeros.
    s: i32,
    sz: i32,
    /// The two newest reconstructed signals, the newest first.
    r: [i32; 2],
    /// Coefficients of the poles.
    a: [i32; 2],
    /// The two newest partly reconstructed signals.
    p: [i32; 2],
    /// The six newest differences.
    d: [i32; 6],
    /// Coefficients of the zeros.
    b: [i32; 6],
    /// Scale factor as a logarithm, and itself.
    nb: i32,
    det: i32,
}

#[inline]
pub(super) fn saturate(value: i32) -> i32 {
    value.clamp(-32_768, 32_767)
}

impl Band {
    fn new(det: i32) -> Self {
        Self { s: 0, sz: 0, r: [0; 2], a: [0; 2], p: [0; 2], d: [0; 6], b: [0; 6], nb: 0, det }
    }

    pub(super) fn low() -> Self {
        Self::new(32)
    }

    pub(super) fn high() -> Self {
        Self::new(8)
    }

    /// Blocks 1L to 4L of the encoder: one sample to six bits.
    #[inline]
    pub(super) fn encode_low(&mut self, sample: i32) -> u8 {
        let difference = saturate(sample - self.s);
        let magnitude = if difference >= 0 { difference } else { !difference };
        let det = self.det;
        // The first decision level above the difference; the tables' last has no end.
        let level = (1..30).find(|level| magnitude < (Q6[*level] * det) >> 12).unwrap_or(30) as u8;
        let code = match (difference < 0, level) {
            (true, 1) => 63,
            (true, 2) => 62,
            (true, level) => 34 - level,
            (false, level) => 62 - level,
        };
        self.follow_low(code >> 2);
        code
    }

    /// Blocks 2L, 3L, 5L and 6L of the decoder: six bits to one sample.
    #[inline]
    pub(super) fn decode_low(&mut self, code: u8) -> i32 {
        let heard = self.s + ((self.det * QM6[usize::from(code & 0x3f)]) >> 15);
        self.follow_low((code & 0x3f) >> 2);
        heard.clamp(-16_384, 16_383)
    }

    /// What encoder and decoder learn of the four bits that both are sure of.
    #[inline]
    fn follow_low(&mut self, code: u8) {
        let code = usize::from(code & 0x0f);
        let difference = (self.det * QM4[code]) >> 15;
        self.nb = (((self.nb * 127) >> 7) + WL[RL42[code]]).clamp(0, 18_432);
        self.det = scale(self.nb, 8);
        self.predict(difference);
    }

    /// Blocks 1H to 4H of the encoder: one sample to two bits.
    #[inline]
    pub(super) fn encode_high(&mut self, sample: i32) -> u8 {
        let difference = saturate(sample - self.s);
        let magnitude = if difference >= 0 { difference } else { !difference };
        let is_large = magnitude >= (564 * self.det) >> 12;
        let code = match (difference < 0, is_large) {
            (true, false) => 1,
            (true, true) => 0,
            (false, false) => 3,
            (false, true) => 2,
        };
        self.follow_high(code);
        code
    }

    /// Blocks 2H to 6H of the decoder: two bits to one sample.
    #[inline]
    pub(super) fn decode_high(&mut self, code: u8) -> i32 {
        let heard = self.s + ((self.det * QM2[usize::from(code & 3)]) >> 15);
        self.follow_high(code);
        heard.clamp(-16_384, 16_383)
    }

    #[inline]
    fn follow_high(&mut self, code: u8) {
        let code = usize::from(code & 3);
        let difference = (self.det * QM2[code]) >> 15;
        self.nb = (((self.nb * 127) >> 7) + WH[RH2[code]]).clamp(0, 22_528);
        self.det = scale(self.nb, 10);
        self.predict(difference);
    }

    /// Block 4: the next signal from the differences and the signals so far.
    #[inline]
    fn predict(&mut self, d: i32) {
        let r = saturate(self.s + d);
        let p = saturate(self.sz + d);
        // UPPOL2
        let same = [self.p[0] < 0, self.p[1] < 0].map(|sign| sign == (p < 0));
        let wd1 = saturate(self.a[0] << 2);
        let wd2 = if same[0] { -wd1 } else { wd1 }.min(32_767);
        let a2 = ((wd2 >> 7) + if same[1] { 128 } else { -128 } + ((self.a[1] * 32_512) >> 15)).clamp(-12_288, 12_288);
        // UPPOL1
        let wd1 = if same[0] { 192 } else { -192 };
        let limit = saturate(15_360 - a2);
        let a1 = saturate(wd1 + ((self.a[0] * 32_640) >> 15)).clamp(-limit, limit);
        // UPZERO
        let step = if d == 0 { 0 } else { 128 };
        for (b, before) in self.b.iter_mut().zip(&self.d) {
            let wd = if (*before < 0) == (d < 0) { step } else { -step };
            *b = saturate(wd + ((*b * 32_640) >> 15));
        }
        // DELAYA
        self.d.copy_within(..5, 1);
        self.d[0] = d;
        self.r = [r, self.r[0]];
        self.p = [p, self.p[0]];
        self.a = [a1, a2];
        // FILTEP
        let poles = self.a.iter().zip(&self.r).map(|(a, r)| (a * saturate(r + r)) >> 15).sum();
        // FILTEZ
        let zeros = self.b.iter().zip(&self.d).map(|(b, d)| (b * saturate(d + d)) >> 15).sum();
        // PREDIC
        self.sz = saturate(zeros);
        self.s = saturate(saturate(poles) + self.sz);
    }
}

/// SCALEL and SCALEH: the scale factor from its logarithm.
#[inline]
fn scale(nb: i32, base: i32) -> i32 {
    let mantissa = ILB[((nb >> 6) & 31) as usize];
    let shift = base - (nb >> 11);
    (if shift < 0 { mantissa << -shift } else { mantissa >> shift }) << 2
}
