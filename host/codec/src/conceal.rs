//! Packet-loss concealment by waveform substitution, as ITU-T G.711 appendix I does it: the last pitch period goes on, and fades.
//!
//! Unlike the appendix it delays nothing: instead of holding back 3.75 ms to blend into, the step between what was heard and what goes on in its place is
//! spread over the first quarter of a period.

use crate::Rate;
use crate::voice::{Decode, Malformed};

/// Periods of a voice: 66 to 200 Hz, in 8,000ths of a second.
const SHORTEST: usize = 40;
const LONGEST: usize = 120;
/// What is compared to find the period: 20 ms.
const TEMPLATE: usize = 160;
/// Three of the longest periods and a quarter of one to blend: 48.75 ms.
const HISTORY: usize = 390;
/// All sound goes on unchanged for 10 ms and is gone after 60.
const HOLD: usize = 80;
const FADE: usize = 400;

/// Fills the place of lost samples with what was heard before. One for each sender, of 8,000 or 16,000 samples a second.
#[derive(Debug)]
pub struct Concealer {
    /// How many of our samples are one at 8 kHz.
    scale: usize,
    /// What was given out, the newest last.
    history: Box<[i16]>,
    /// `history` when the gap began; meaningless outside gaps.
    before: Box<[i16]>,
    /// Samples of the gap so far; 0 outside.
    gap: usize,
    period: usize,
    /// Place in the periods that are repeated, and how many these are.
    at: usize,
    periods: usize,
    /// Between the last sample heard and the one that precedes what is repeated.
    step: f32,
}

impl Concealer {
    /// For samples at this rate; [`Rate::Full`] is not concealed this way, and taken for [`Rate::Wide`].
    pub fn new(rate: Rate) -> Self {
        let scale = if rate == Rate::Narrow { 1 } else { 2 };
        let silence = || vec![0; HISTORY * scale].into_boxed_slice();
        Self { scale, history: silence(), before: silence(), gap: 0, period: 0, at: 0, periods: 1, step: 0.0 }
    }

    /// Takes the next samples that arrived. Behind a gap their beginning is blended with what filled it.
    pub fn hear(&mut self, samples: &mut [i16]) {
        if self.gap > 0 {
            // The longer the gap, the less the two fit: 4 ms more for each 10 ms, at most 10 ms.
            let longer = 32 * self.scale * (self.gap / (HOLD * self.scale));
            let blend = (self.period / 4 + longer).min(HOLD * self.scale).min(samples.len());
            for (number, sample) in samples[..blend].iter_mut().enumerate() {
                let share = (number + 1) as f32 / (blend + 1) as f32;
                *sample = (f32::from(*sample) * share + self.next() * (1.0 - share)) as i16;
            }
            self.gap = 0;
        }
        self.remember(samples);
    }

    /// Appends what is heard in place of samples that are lost.
    pub fn conceal(&mut self, samples: usize, out: &mut Vec<i16>) {
        let start = out.len();
        if self.gap == 0 && samples > 0 {
            self.begin();
        }
        for _ in 0..samples {
            let sample = self.next();
            out.push(sample as i16);
        }
        self.remember(&out[start..]);
    }

    fn begin(&mut self) {
        self.before.copy_from_slice(&self.history);
        self.period = self.find_period();
        (self.at, self.periods) = (0, 1);
        let end = self.before.len();
        self.step = f32::from(self.before[end - 1]) - f32::from(self.before[end - 1 - self.period]);
    }

    /// The next sample of the gap.
    fn next(&mut self) -> f32 {
        let hold = HOLD * self.scale;
        let (gap, quarter) = (self.gap, self.period / 4);
        self.gap += 1;
        let gain = 1.0 - (gap.saturating_sub(hold) as f32 / (FADE * self.scale) as f32).min(1.0);
        if gain == 0.0 {
            return 0.0;
        }
        // One period repeated sounds like a whistle: after 10 ms it is two, after 20 ms three.
        let wanted = (gap / hold + 1).min(3);
        if wanted != self.periods {
            self.at %= self.period;
            self.periods = wanted;
        }
        let since = gap % hold;
        let mut sample = self.repeated(self.periods, self.at);
        if gap >= hold && gap < 3 * hold && since < quarter {
            // From the fewer periods into the more.
            let share = since as f32 / quarter as f32;
            sample = share * sample + (1.0 - share) * self.repeated(self.periods - 1, self.at % self.period);
        }
        if gap < quarter {
            sample += self.step * (1.0 - (gap + 1) as f32 / quarter as f32);
        }
        self.at = (self.at + 1) % (self.periods * self.period);
        (sample * gain).clamp(-32_768.0, 32_767.0)
    }

    /// A sample of the last periods before the gap, whose end leads into their beginning.
    fn repeated(&self, periods: usize, at: usize) -> f32 {
        let (length, quarter) = (periods * self.period, self.period / 4);
        let place = self.before.len() - length + at;
        let heard = f32::from(self.before[place]);
        let to_end = length - at;
        if to_end > quarter {
            return heard;
        }
        let share = (quarter - to_end + 1) as f32 / (quarter + 1) as f32;
        (1.0 - share) * heard + share * f32::from(self.before[place - length])
    }

    /// The distance at which the newest 20 ms are most like what was before them: coarsely over every other sample, then exactly.
    fn find_period(&self) -> usize {
        let coarse = 2 * self.scale;
        let best = |lags: std::ops::RangeInclusive<usize>, step: usize, stride: usize| {
            lags.step_by(step)
                .map(|lag| (lag, self.likeness(lag, stride)))
                .fold((SHORTEST * self.scale, f32::MIN), |best, next| if next.1 > best.1 { next } else { best })
                .0
        };
        let (shortest, longest) = (SHORTEST * self.scale, LONGEST * self.scale);
        let near = best(shortest..=longest, coarse, coarse);
        best((near.saturating_sub(coarse)).max(shortest)..=(near + coarse).min(longest), 1, 1)
    }

    /// Correlation of the newest 20 ms with what was `lag` samples before, for its loudness.
    fn likeness(&self, lag: usize, stride: usize) -> f32 {
        let end = self.before.len();
        let start = end - TEMPLATE * self.scale;
        let (mut product, mut energy) = (0.0_f32, 1.0_f32);
        for place in (start..end).step_by(stride) {
            let (now, then) = (f32::from(self.before[place]), f32::from(self.before[place - lag]));
            product += now * then;
            energy += then * then;
        }
        product / energy.sqrt()
    }

    fn remember(&mut self, samples: &[i16]) {
        let room = self.history.len();
        let newest = &samples[samples.len().saturating_sub(room)..];
        self.history.copy_within(newest.len().., 0);
        self.history[room - newest.len()..].copy_from_slice(newest);
    }
}

/// A decoder whose own concealment is silence, with that of the appendix in its place.
#[derive(Debug)]
pub(crate) struct Concealing<D> {
    decoder: D,
    concealer: Concealer,
}

impl<D: Decode> Concealing<D> {
    pub(crate) fn new(decoder: D) -> Self {
        Self { concealer: Concealer::new(decoder.rate()), decoder }
    }
}

impl<D: Decode> Decode for Concealing<D> {
    fn rate(&self) -> Rate {
        self.decoder.rate()
    }

    fn decode(&mut self, payload: &[u8], out: &mut Vec<i16>) -> Result<(), Malformed> {
        let start = out.len();
        self.decoder.decode(payload, out)?;
        self.concealer.hear(&mut out[start..]);
        Ok(())
    }

    fn conceal(&mut self, samples: usize, _next: Option<&[u8]>, out: &mut Vec<i16>) {
        self.concealer.conceal(samples, out);
    }
}
