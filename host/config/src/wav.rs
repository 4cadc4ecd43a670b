//! The header of a WAV file: enough to refuse a prompt that the player could not play.

use std::time::Duration;

/// What a WAV file says of its sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wav {
    pub channels: u16,
    /// Samples per second and channel.
    pub sample_rate: u32,
    pub bits: u16,
    pub length: Duration,
}

/// Why bytes are no WAV file that can be played.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WavError {
    #[error("the file is no RIFF WAVE file")]
    NotWave,
    #[error("the file ends before its sound begins")]
    Truncated,
    #[error("its format (tag {tag}, {bits} bits) is none of PCM 8/16/24/32, float 32, A-law and µ-law")]
    Encoding { tag: u16, bits: u16 },
    #[error("it has {channels} channels")]
    Channels { channels: u16 },
    #[error("its sampling rate is {rate} Hz")]
    SampleRate { rate: u32 },
    #[error("it holds no sound")]
    Empty,
}

/// Format tag of WAVE_FORMAT_EXTENSIBLE: the real one is the first two bytes of the sub-format GUID.
const EXTENSIBLE: u16 = 0xfffe;

/// Reads the chunks up to `data`. Mono or stereo, 8,000 to 48,000 Hz.
pub fn read_wav(bytes: &[u8]) -> Result<Wav, WavError> {
    let u16_at = |at: usize| bytes.get(at..at + 2).map(|b| u16::from_le_bytes([b[0], b[1]])).ok_or(WavError::Truncated);
    let u32_at = |at: usize| {
        bytes.get(at..at + 4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]])).ok_or(WavError::Truncated)
    };
    if bytes.get(..4) != Some(b"RIFF") || bytes.get(8..12) != Some(b"WAVE") {
        return Err(WavError::NotWave);
    }
    let mut format = None;
    let mut at = 12;
    loop {
        let name = bytes.get(at..at + 4).ok_or(WavError::Truncated)?;
        let length = usize::try_from(u32_at(at + 4)?).map_err(|_| WavError::Truncated)?;
        let body = at + 8;
        match name {
            b"fmt " => {
                let (tag, bits) = (u16_at(body)?, u16_at(body + 14)?);
                let tag = if tag == EXTENSIBLE { u16_at(body + 24)? } else { tag };
                if !matches!((tag, bits), (1, 8 | 16 | 24 | 32) | (3, 32) | (6 | 7, 8)) {
                    return Err(WavError::Encoding { tag, bits });
                }
                format = Some((u16_at(body + 2)?, u32_at(body + 4)?, bits));
            }
            b"data" => {
                let (channels, sample_rate, bits) = format.ok_or(WavError::Truncated)?;
                if !(1..=2).contains(&channels) {
                    return Err(WavError::Channels { channels });
                }
                if !(8_000..=48_000).contains(&sample_rate) {
                    return Err(WavError::SampleRate { rate: sample_rate });
                }
                // A writer that streams leaves the length at its greatest value: what is there counts.
                let there = length.min(bytes.len().saturating_sub(body)) as u64;
                let per_second = u64::from(sample_rate) * u64::from(channels) * u64::from(bits / 8);
                if there == 0 {
                    return Err(WavError::Empty);
                }
                let length = Duration::from_millis(there * 1_000 / per_second);
                return Ok(Wav { channels, sample_rate, bits, length });
            }
            _ => {}
        }
        // Chunks are padded to even lengths.
        at = body.saturating_add(length).saturating_add(length & 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A header as sound editors write it, with a chunk of odd length before the sound.
    fn wav(tag: u16, channels: u16, rate: u32, bits: u16, sound: usize) -> Vec<u8> {
        let mut bytes = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0".to_vec();
        bytes.extend(tag.to_le_bytes());
        bytes.extend(channels.to_le_bytes());
        bytes.extend(rate.to_le_bytes());
        bytes.extend([0; 6]);
        bytes.extend(bits.to_le_bytes());
        bytes.extend(b"LIST\x03\0\0\0abc\0data");
        bytes.extend(u32::try_from(sound).unwrap().to_le_bytes());
        bytes.extend(vec![0; sound]);
        bytes
    }

    #[test]
    fn a_header_tells_rate_channels_and_length() {
        let expected = Wav { channels: 1, sample_rate: 16_000, bits: 16, length: Duration::from_millis(500) };
        assert_eq!(read_wav(&wav(1, 1, 16_000, 16, 16_000)), Ok(expected));
    }

    #[test]
    fn what_the_player_could_not_play_is_refused_with_its_reason() {
        assert_eq!(
            [
                read_wav(b"ID3"),
                read_wav(&wav(1, 1, 8_000, 16, 2)[..40]),
                read_wav(&wav(2, 1, 8_000, 4, 2)),
                read_wav(&wav(1, 6, 8_000, 16, 12)),
                read_wav(&wav(1, 1, 96_000, 16, 2)),
                read_wav(&wav(7, 1, 8_000, 8, 0)),
            ],
            [
                Err(WavError::NotWave),
                Err(WavError::Truncated),
                Err(WavError::Encoding { tag: 2, bits: 4 }),
                Err(WavError::Channels { channels: 6 }),
                Err(WavError::SampleRate { rate: 96_000 }),
                Err(WavError::Empty),
            ]
        );
    }
}
