//! WAV files of strangers: PCM, float, A-law and µ-law, and the headers that programs write before they know how long the sound will be.

use plugboard_codec::Law;

use crate::prompt::PromptError;

/// Format tags of `fmt ` chunks.
const PCM: u16 = 1;
const FLOAT: u16 = 3;
const A_LAW: u16 = 6;
const MU_LAW: u16 = 7;
/// The tag is the start of a longer one further behind.
const EXTENSIBLE: u16 = 0xfffe;

/// A file's `data` chunk and what its bytes mean.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SoundFile<'a> {
    pub(crate) channels: u16,
    /// Samples a second, as the file says: it may be any number.
    pub(crate) rate: u32,
    encoding: Encoding,
    /// Whole frames.
    data: &'a [u8],
}

#[derive(Clone, Copy, Debug)]
enum Encoding {
    Unsigned8,
    Signed16,
    Signed24,
    Signed32,
    Float32,
    Float64,
    G711(Law),
}

impl Encoding {
    fn of(tag: u16, bits: u16) -> Result<Self, PromptError> {
        match (tag, bits) {
            (PCM, 8) => Ok(Self::Unsigned8),
            (PCM, 16) => Ok(Self::Signed16),
            (PCM, 24) => Ok(Self::Signed24),
            (PCM, 32) => Ok(Self::Signed32),
            (FLOAT, 32) => Ok(Self::Float32),
            (FLOAT, 64) => Ok(Self::Float64),
            (A_LAW, 8) => Ok(Self::G711(Law::A)),
            (MU_LAW, 8) => Ok(Self::G711(Law::Mu)),
            _ => Err(malformed(format!("its format {tag} of {bits} bits is none of PCM, float, A-law and µ-law"))),
        }
    }

    fn bytes(self) -> usize {
        match self {
            Self::Unsigned8 | Self::G711(_) => 1,
            Self::Signed16 => 2,
            Self::Signed24 => 3,
            Self::Signed32 | Self::Float32 => 4,
            Self::Float64 => 8,
        }
    }

    /// One sample between −1 and 1; `bytes` are as many as [`Encoding::bytes`] says.
    fn read(self, bytes: &[u8]) -> f32 {
        match (self, bytes) {
            (Self::Unsigned8, [byte]) => (f32::from(*byte) - 128.0) / 128.0,
            (Self::G711(law), [byte]) => f32::from(law.decode(*byte)) / 32_768.0,
            (Self::Signed16, [low, high]) => f32::from(i16::from_le_bytes([*low, *high])) / 32_768.0,
            (Self::Signed24, [a, b, c]) => i32::from_le_bytes([0, *a, *b, *c]) as f32 / 2_147_483_648.0,
            (Self::Signed32, [a, b, c, d]) => i32::from_le_bytes([*a, *b, *c, *d]) as f32 / 2_147_483_648.0,
            (Self::Float32, [a, b, c, d]) => f32::from_le_bytes([*a, *b, *c, *d]),
            (Self::Float64, [a, b, c, d, e, f, g, h]) => f64::from_le_bytes([*a, *b, *c, *d, *e, *f, *g, *h]) as f32,
            _ => 0.0,
        }
    }
}

impl<'a> SoundFile<'a> {
    /// Finds format and sound among the chunks. What the RIFF header says of the length is not believed.
    pub(crate) fn parse(file: &'a [u8]) -> Result<Self, PromptError> {
        let mut rest = match file {
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'A', b'V', b'E', rest @ ..] => rest,
            [b'R', b'F', b'6', b'4', _, _, _, _, b'W', b'A', b'V', b'E', rest @ ..] => rest,
            _ => return Err(malformed("it does not begin with RIFF and WAVE")),
        };
        let mut format = None;
        while let Some((name, size, body)) = chunk(rest) {
            match (name, format) {
                (b"fmt ", _) => format = Some(read_format(body.get(..size).unwrap_or(body))?),
                (b"data", None) => return Err(malformed("its sound comes before its format")),
                (b"data", Some((encoding, channels, rate))) => {
                    let data = sound(size, body)?;
                    let frame = encoding.bytes() * usize::from(channels.max(1));
                    return Ok(Self { channels, rate, encoding, data: &data[..data.len() - data.len() % frame] });
                }
                _ => {}
            }
            // Chunks begin at even places.
            rest = body.get(size.saturating_add(size & 1)..).unwrap_or_default();
        }
        Err(malformed("it ends before its sound"))
    }

    /// Frames: one sample of each channel.
    pub(crate) fn frames(&self) -> usize {
        self.data.len() / (self.encoding.bytes() * usize::from(self.channels.max(1)))
    }

    /// All channels mixed into one, between −1 and 1.
    pub(crate) fn mono(&self) -> Vec<f32> {
        let size = self.encoding.bytes();
        let channels = usize::from(self.channels.max(1));
        self.data
            .chunks_exact(size * channels)
            .map(|frame| {
                frame.chunks_exact(size).map(|sample| self.encoding.read(sample)).sum::<f32>() / channels as f32
            })
            .collect()
    }
}

/// Name and size of the first chunk, and all that is behind its head.
fn chunk(bytes: &[u8]) -> Option<(&[u8; 4], usize, &[u8])> {
    let (name, rest) = bytes.split_first_chunk::<4>()?;
    let (size, body) = rest.split_first_chunk::<4>()?;
    Some((name, u32::from_le_bytes(*size) as usize, body))
}

fn read_format(body: &[u8]) -> Result<(Encoding, u16, u32), PromptError> {
    let short = || malformed("its format is cut short");
    let word = |at: usize| body.get(at..at + 2).map(|two| u16::from_le_bytes([two[0], two[1]]));
    let (tag, channels, bits) = (word(0).ok_or_else(short)?, word(2).ok_or_else(short)?, word(14).ok_or_else(short)?);
    let rate = u32::from(word(4).ok_or_else(short)?) | (u32::from(word(6).ok_or_else(short)?) << 16);
    let tag = if tag == EXTENSIBLE { word(24).ok_or_else(short)? } else { tag };
    Ok((Encoding::of(tag, bits)?, channels, rate))
}

/// The bytes of a `data` chunk that says to have `size` of them.
///
/// A program that writes to a pipe, or that died, leaves 0 or the largest number there: then the sound goes to the end of the file. Any other
/// size is believed, so that half an upload is refused and not played.
fn sound(size: usize, body: &[u8]) -> Result<&[u8], PromptError> {
    const UNKNOWN: usize = 0x7fff_0000;
    let unknown = size >= UNKNOWN || (size == 0 && !is_chunks(body));
    match body.get(..size) {
        _ if unknown => Ok(body),
        Some(data) => Ok(data),
        None => Err(malformed("it ends before its sound does")),
    }
}

/// Whether this is nothing but whole chunks: what follows a sound that is really empty.
fn is_chunks(mut bytes: &[u8]) -> bool {
    while !bytes.is_empty() {
        let Some((_, size, body)) = chunk(bytes) else { return false };
        let Some(rest) = body.get(size.saturating_add(size & 1)..) else { return false };
        bytes = rest;
    }
    true
}

fn malformed(reason: impl Into<String>) -> PromptError {
    PromptError::Malformed { reason: reason.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file of these chunks.
    fn file(chunks: &[(&[u8; 4], u32, &[u8])]) -> Vec<u8> {
        let mut bytes = b"RIFF\x01\x02\x03\x04WAVE".to_vec();
        for (name, size, body) in chunks {
            bytes.extend_from_slice(*name);
            bytes.extend(size.to_le_bytes());
            bytes.extend_from_slice(body);
        }
        bytes
    }

    /// A `fmt ` body of 8,000 samples a second.
    fn format(tag: u16, channels: u16, bits: u16) -> Vec<u8> {
        let mut body = Vec::new();
        body.extend(tag.to_le_bytes());
        body.extend(channels.to_le_bytes());
        body.extend(8_000_u32.to_le_bytes());
        // Byte rate and block size are of no use to us, and often wrong.
        body.extend([0xee; 6]);
        body.extend(bits.to_le_bytes());
        body
    }

    fn whole(tag: u16, channels: u16, bits: u16, data: &[u8]) -> Vec<u8> {
        file(&[(b"fmt ", 16, &format(tag, channels, bits)), (b"data", data.len() as u32, data)])
    }

    fn heard(file: &[u8]) -> Result<Vec<f32>, String> {
        SoundFile::parse(file).map(|sound| sound.mono()).map_err(|error| error.to_string())
    }

    #[test]
    fn every_encoding_reads_half_of_full_scale_as_a_half() {
        let half = [
            whole(PCM, 1, 8, &[192, 64]),
            whole(PCM, 1, 16, &[0, 0x40, 0, 0xc0]),
            whole(PCM, 1, 24, &[0, 0, 0x40, 0, 0, 0xc0]),
            whole(PCM, 1, 32, &[0, 0, 0, 0x40, 0, 0, 0, 0xc0]),
            whole(FLOAT, 1, 32, &[0.5_f32.to_le_bytes(), (-0.5_f32).to_le_bytes()].concat()),
            whole(FLOAT, 1, 64, &[0.5_f64.to_le_bytes(), (-0.5_f64).to_le_bytes()].concat()),
            whole(A_LAW, 1, 8, &[Law::A.encode(16_384), Law::A.encode(-16_384)]),
            whole(MU_LAW, 1, 8, &[Law::Mu.encode(16_384), Law::Mu.encode(-16_384)]),
        ]
        .map(|file| {
            heard(&file).map(|samples| samples.iter().map(|sample| (sample * 20.0).round()).collect::<Vec<_>>())
        });
        assert!(half.iter().all(|samples| *samples == Ok(vec![10.0, -10.0])), "{half:?}");
    }

    #[test]
    fn two_channels_are_mixed_and_half_a_frame_is_left_out() {
        let stereo = whole(PCM, 2, 16, &[0, 0x40, 0, 0, 0, 0x20, 0, 0x20, 9]);
        assert_eq!(heard(&stereo), Ok(vec![0.25, 0.25]));
    }

    /// Written to a pipe, or by a process that was killed.
    #[test]
    fn a_length_of_nothing_or_of_the_most_means_to_the_end_of_the_file() {
        let format = format(PCM, 1, 8);
        let sounds = [0, 0xffff_ffff, 0x7fff_ffff, 0xffff_ffd3]
            .map(|size| heard(&file(&[(b"fmt ", 16, &format), (b"data", size, &[192, 64, 128])])));
        assert_eq!(sounds, [(); 4].map(|()| Ok(vec![0.5, -0.5, 0.0])));
    }

    #[test]
    fn other_chunks_are_skipped_wherever_they_are_and_an_empty_sound_is_not_made_of_them() {
        let (format, list) = (format(PCM, 1, 8), (b"LIST", 3, &b"abc\0"[..]));
        let before = file(&[list, (b"fmt ", 16, &format), list, (b"data", 1, &[192, 0]), list]);
        let empty = file(&[(b"fmt ", 16, &format), (b"data", 0, b""), list]);
        assert_eq!((heard(&before), heard(&empty)), (Ok(vec![0.5]), Ok(vec![])));
    }

    #[test]
    fn an_extensible_format_tells_its_tag_further_behind() {
        let mut extensible = format(EXTENSIBLE, 1, 8);
        extensible.extend([22, 0, 8, 0, 4, 0, 0, 0]);
        extensible.extend(MU_LAW.to_le_bytes());
        extensible.extend(*b"\0\0\0\0\x10\0\x80\0\0\xaa\0\x38\x9b\x71");
        let file = file(&[(b"fmt ", 40, &extensible), (b"data", 1, &[Law::Mu.encode(16_384)])]);
        assert!(heard(&file).is_ok_and(|samples| (samples[0] - 0.5).abs() < 0.02));
    }

    #[test]
    fn what_cannot_be_read_says_why() {
        let format = format(PCM, 1, 16);
        let reasons = [
            heard(b"OggS"),
            heard(&file(&[(b"data", 2, &[0, 0])])),
            heard(&file(&[(b"fmt ", 4, &format[..4])])),
            heard(&file(&[(b"fmt ", 16, &format)])),
            heard(&file(&[(b"fmt ", 16, &format), (b"data", 100, &[0; 50])])),
            heard(&whole(0x55, 2, 0, &[1, 2, 3])),
        ]
        .map(|result| result.unwrap_err().replace("not a WAV file that we read: ", ""));
        assert_eq!(
            reasons,
            [
                "it does not begin with RIFF and WAVE",
                "its sound comes before its format",
                "its format is cut short",
                "it ends before its sound",
                "it ends before its sound does",
                "its format 85 of 0 bits is none of PCM, float, A-law and µ-law",
            ]
        );
    }

    #[test]
    fn no_cut_and_no_changed_byte_makes_it_panic() {
        let sound = whole(PCM, 2, 16, &[1; 20]);
        for at in 0..sound.len() {
            let _ = heard(&sound[..at]);
            for value in [0, 1, 0x7f, 0xff] {
                let mut changed = sound.clone();
                changed[at] = value;
                let _ = heard(&changed);
            }
        }
    }
}
