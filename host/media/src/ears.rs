//! What a leg says as samples: in order, at one rate, with what was lost filled in.
//!
//! Only where somebody needs samples: a recording, a leg of another codec, keys in the audio. Nothing waits: a packet is decoded when it comes, and what is
//! missing before it is made up (or found in it, where the codec repeats itself) in the same moment. One that was overtaken comes too late for that; of
//! G.711, whose bytes stand for themselves, a recording still takes it.

use plugboard_codec::{Codec, Decode, Rate, Resampler};
use plugboard_rtp::Packet;

/// More packets in a row are not made up: after 100 ms there is nothing left to guess from.
const MOST_LOST: u16 = 5;
const MOST_LOST_MS: i32 = 100;
/// A packet this far behind is late; further, the sender has begun anew.
const LATE: i16 = -100;

#[derive(Debug)]
pub(crate) struct Ears {
    codec: Codec,
    decoder: Box<dyn Decode>,
    /// To the telephone's rate, where the decoder's is another.
    to_narrow: Option<Resampler>,
    expected: Option<Expected>,
    samples: Vec<i16>,
    narrow: Vec<i16>,
}

/// The packet that would follow without loss and pause.
#[derive(Clone, Copy, Debug)]
struct Expected {
    ssrc: u32,
    sequence: u16,
    timestamp: u32,
    /// The same in 8,000ths of a second.
    narrow: u32,
}

/// What was heard last, whose samples [`Ears::samples`] has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Said {
    pub(crate) ssrc: u32,
    /// Of the first sample, in the sender's ticks, and in 8,000ths of a second.
    pub(crate) timestamp: u32,
    pub(crate) narrow_timestamp: u32,
    /// It goes on where what was heard before ended.
    pub(crate) follows: bool,
    /// It was overtaken, and is of use to a recording only.
    pub(crate) late: bool,
}

impl Ears {
    pub(crate) fn new(codec: Codec, rate: Rate) -> Box<Self> {
        Box::new(Self {
            codec,
            decoder: codec.decoder(rate),
            to_narrow: (rate != Rate::Narrow).then(|| Resampler::new(rate, Rate::Narrow)),
            expected: None,
            samples: Vec::new(),
            narrow: Vec::new(),
        })
    }

    /// Whether these hear this codec at this rate.
    pub(crate) fn fit(&self, codec: Codec, rate: Rate) -> bool {
        self.codec == codec && self.decoder.rate() == rate
    }

    /// At the rate of the decoder.
    pub(crate) fn samples(&self) -> &[i16] {
        &self.samples
    }

    /// At 8 kHz.
    pub(crate) fn narrow(&self) -> &[i16] {
        if self.to_narrow.is_some() { &self.narrow } else { &self.samples }
    }

    /// Hears one packet of audio. `None` if there is nothing in it to be heard.
    pub(crate) fn hear(&mut self, packet: &Packet<'_>) -> Option<Said> {
        self.samples.clear();
        self.narrow.clear();
        let clock = self.codec.clock_rate();
        let mut said = Said {
            ssrc: packet.ssrc,
            timestamp: packet.timestamp,
            narrow_timestamp: packet.timestamp / (clock / 8_000),
            follows: false,
            late: false,
        };
        if let Some(expected) = self.expected.filter(|expected| expected.ssrc == packet.ssrc) {
            let missing = packet.sequence.wrapping_sub(expected.sequence);
            let ticks = packet.timestamp.wrapping_sub(expected.timestamp) as i32;
            said.narrow_timestamp = expected.narrow.wrapping_add_signed(ticks / (clock / 8_000) as i32);
            if (LATE..0).contains(&(missing as i16)) {
                return self.hear_late(packet, said);
            }
            let is_gap =
                (1..=MOST_LOST).contains(&missing) && (0..=MOST_LOST_MS * (clock / 1_000) as i32).contains(&ticks);
            if is_gap {
                let lost = (i64::from(ticks) * i64::from(self.decoder.rate().hertz()) / i64::from(clock)) as usize;
                self.decoder.conceal(lost, Some(packet.payload), &mut self.samples);
                (said.timestamp, said.narrow_timestamp) = (expected.timestamp, expected.narrow);
            }
            said.follows = is_gap || (missing == 0 && ticks == 0);
        }
        let made_up = self.samples.len();
        if self.decoder.decode(packet.payload, &mut self.samples).is_err() {
            // As if it had not come: the next one makes up for it.
            self.expected = self.expected.filter(|_| made_up == 0);
            return None;
        }
        let length = self.samples.len() as u32;
        let hertz = self.decoder.rate().hertz();
        self.expected = Some(Expected {
            ssrc: packet.ssrc,
            sequence: packet.sequence.wrapping_add(1),
            timestamp: said.timestamp.wrapping_add((u64::from(length) * u64::from(clock) / u64::from(hertz)) as u32),
            narrow: said.narrow_timestamp.wrapping_add(length / (hertz / 8_000)),
        });
        if let Some(resampler) = &mut self.to_narrow {
            resampler.handle(&self.samples, &mut self.narrow);
        }
        Some(said)
    }

    fn hear_late(&mut self, packet: &Packet<'_>, said: Said) -> Option<Said> {
        let table = self.codec.law().filter(|_| self.to_narrow.is_none())?.linear();
        self.samples.extend(packet.payload.iter().map(|byte| table[usize::from(*byte)]));
        Some(Said { late: true, ..said })
    }

    /// A packet that is no audio, such as one of a key, has a number among those of the audio: it is not lost.
    pub(crate) fn leave_out(&mut self, packet: &Packet<'_>) {
        if let Some(expected) = self.expected.as_mut().filter(|expected| expected.ssrc == packet.ssrc)
            && expected.sequence == packet.sequence
        {
            expected.sequence = expected.sequence.wrapping_add(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is heard of `(number, timestamp)`: ticks of its first sample, samples, and whether it follows or is late.
    fn heard(codec: Codec, rate: Rate, packets: &[(u16, u32)]) -> String {
        let mut ears = Ears::new(codec, rate);
        let mut payload = Vec::new();
        codec.encoder(rate).encode(&vec![1_000; rate.frame()], &mut payload);
        packets
            .iter()
            .map(|(sequence, timestamp)| {
                let (sequence, timestamp) = (*sequence, *timestamp);
                let payload = &payload;
                match ears.hear(&Packet { marker: false, payload_type: 0, sequence, timestamp, ssrc: 1, payload }) {
                    Some(said) => {
                        let how = match said {
                            Said { late: true, .. } => " late",
                            Said { follows: true, .. } => "",
                            Said { .. } => " anew",
                        };
                        format!("{}/{}+{}{how}; ", said.timestamp, said.narrow_timestamp, ears.narrow().len())
                    }
                    None => "nothing; ".into(),
                }
            })
            .collect()
    }

    #[test]
    fn lost_packets_are_made_up_when_the_next_one_comes() {
        let told = heard(Codec::Pcma, Rate::Narrow, &[(1, 0), (2, 160), (4, 480), (5, 640)]);
        assert_eq!(told, "0/0+160 anew; 160/160+160; 320/320+320; 640/640+160; ");
    }

    #[test]
    fn wideband_is_told_at_the_telephones_rate_as_well() {
        let told = heard(Codec::Opus, Rate::Wide, &[(1, 0), (2, 960), (4, 2_880)]);
        assert_eq!(told, "0/0+160 anew; 960/160+160; 1920/320+320; ");
    }

    #[test]
    fn a_pause_or_a_long_gap_is_not_made_up() {
        let told = heard(Codec::G722, Rate::Wide, &[(1, 0), (2, 8_000), (12, 9_600), (13, 9_760)]);
        assert_eq!(told, "0/0+160 anew; 8000/8000+160 anew; 9600/9600+160 anew; 9760/9760+160; ");
    }

    #[test]
    fn an_overtaken_packet_is_late_where_bytes_stand_for_themselves_and_nothing_elsewhere() {
        let order = [(1, 0), (3, 320), (2, 160), (4, 480)];
        let told = [heard(Codec::Pcmu, Rate::Narrow, &order), heard(Codec::G722, Rate::Narrow, &order)];
        assert_eq!(
            told,
            [
                "0/0+160 anew; 160/160+320; 160/160+160 late; 480/480+160; ",
                "0/0+160 anew; 160/160+320; nothing; 480/480+160; "
            ]
        );
    }

    #[test]
    fn a_clock_that_wraps_goes_on() {
        let told = heard(Codec::Opus, Rate::Narrow, &[(65_535, u32::MAX - 959), (0, 0), (1, 960)]);
        assert_eq!(told, "4294966336/715827722+160 anew; 0/715827882+160; 960/715828042+160; ");
    }
}
