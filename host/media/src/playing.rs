//! What a leg hears while something plays.

use std::sync::Arc;

use plugboard_codec::{Codec, Law};

use crate::FRAME;
use crate::command::{Repeat, Source};
use crate::prompt::Prompt;
use crate::tone::EncodedTone;

/// Audio ready to play: nothing here can fail or wait.
#[derive(Clone, Debug)]
pub(crate) enum Piece {
    Prompt(Arc<Prompt>),
    Tone(Arc<EncodedTone>),
    /// In samples.
    Silence(u64),
}

impl Piece {
    fn samples(&self) -> u64 {
        match self {
            Self::Prompt(prompt) => prompt.samples() as u64,
            Self::Tone(tone) => tone.samples(),
            Self::Silence(samples) => *samples,
        }
    }

    /// The frame that begins at this sample, of a codec whose payloads hold together; empty where there is silence.
    fn frame(&self, codec: Codec, at: u64) -> &[u8] {
        match self {
            Self::Prompt(prompt) => prompt.frame(codec, at),
            Self::Tone(tone) => tone.frame(codec, at),
            Self::Silence(_) => &[],
        }
    }
}

/// A play under way.
#[derive(Debug)]
pub(crate) struct Playing {
    pub(crate) token: u64,
    /// What it is made of, should it have to be made again for another codec.
    pub(crate) sources: Vec<Source>,
    pieces: Vec<Piece>,
    pub(crate) repeat: Repeat,
    /// A frame of silence in the leg's codec; empty for G.711, which needs none.
    silence: Arc<[u8]>,
    /// Which piece, and how many of its samples are gone.
    at: (usize, u64),
}

impl Playing {
    pub(crate) fn new(
        token: u64,
        sources: Vec<Source>,
        pieces: Vec<Piece>,
        silence: Arc<[u8]>,
        repeat: Repeat,
    ) -> Self {
        // Repeating nothing would never end.
        let repeat = if pieces.iter().all(|piece| piece.samples() == 0) { Repeat::Once } else { repeat };
        Self { token, sources, pieces, repeat, silence, at: (0, 0) }
    }

    /// Appends the next frame of 20 ms for a codec whose payloads hold together: each piece begins with a frame of its own, and what is missing of its last
    /// one is silence. False if there was nothing left to play.
    pub(crate) fn next_frame(&mut self, codec: Codec, out: &mut Vec<u8>) -> bool {
        loop {
            let Some(piece) = self.pieces.get(self.at.0) else {
                match self.repeat {
                    Repeat::Forever => {
                        self.at = (0, 0);
                        continue;
                    }
                    Repeat::Once => return false,
                }
            };
            if self.at.1 >= piece.samples() {
                self.at = (self.at.0 + 1, 0);
                continue;
            }
            let frame = piece.frame(codec, self.at.1);
            out.extend_from_slice(if frame.is_empty() { &self.silence } else { frame });
            self.at.1 += FRAME as u64;
            return true;
        }
    }

    /// Fills one packet of G.711, across the ends of pieces, and with silence behind the last. False if there was nothing left to play.
    pub(crate) fn fill(&mut self, law: Law, out: &mut [u8]) -> bool {
        let mut filled = 0;
        while filled < out.len() {
            let Some(piece) = self.pieces.get(self.at.0) else {
                match self.repeat {
                    Repeat::Forever => {
                        self.at = (0, 0);
                        continue;
                    }
                    Repeat::Once => break,
                }
            };
            let left = piece.samples() - self.at.1;
            let take = usize::try_from(left).unwrap_or(usize::MAX).min(out.len() - filled);
            let target = &mut out[filled..filled + take];
            match piece {
                Piece::Prompt(prompt) => {
                    let start = self.at.1 as usize;
                    target.copy_from_slice(&prompt.bytes(law)[start..start + take]);
                }
                Piece::Tone(tone) => tone.fill(law, self.at.1, target),
                Piece::Silence(_) => target.fill(law.silence()),
            }
            filled += take;
            self.at = if take as u64 == left { (self.at.0 + 1, 0) } else { (self.at.0, self.at.1 + take as u64) };
        }
        out[filled..].fill(law.silence());
        filled > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prompt(byte: i16, samples: usize) -> Piece {
        Piece::Prompt(Arc::new(Prompt::from_samples(&vec![byte; samples])))
    }

    /// Plays to the end in packets of 4 samples, a letter for each byte; stops after six.
    fn heard(pieces: Vec<Piece>, repeat: Repeat) -> String {
        let mut playing = Playing::new(1, Vec::new(), pieces, Arc::default(), repeat);
        let mut out = [0; 4];
        let mut heard = String::new();
        for _ in 0..6 {
            if !playing.fill(Law::A, &mut out) {
                break;
            }
            heard.extend(out.map(|byte| match Law::A.decode(byte) {
                9_000.. => 'b',
                500.. => 'a',
                _ => '_',
            }));
            heard.push(' ');
        }
        heard
    }

    #[test]
    fn pieces_follow_without_a_gap_and_the_last_packet_is_filled_with_silence() {
        let pieces = vec![prompt(1_000, 3), prompt(10_000, 3), Piece::Silence(2), prompt(1_000, 1)];
        assert_eq!(heard(pieces, Repeat::Once), "aaab bb__ a___ ");
    }

    #[test]
    fn music_starts_over_in_the_middle_of_a_packet() {
        assert_eq!(heard(vec![prompt(1_000, 2), prompt(10_000, 1)], Repeat::Forever), "aaba abaa baab aaba abaa baab ");
    }

    #[test]
    fn repeating_nothing_ends() {
        assert_eq!(heard(vec![Piece::Silence(0)], Repeat::Forever), "");
    }
}
