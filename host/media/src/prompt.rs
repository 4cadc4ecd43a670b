//! Prompts: WAV files resampled once and kept encoded, so that playing is copying.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use plugboard_codec::{Codec, Law, Rate};
use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Fft, FixedSync, Resampler};

use crate::frames::Frames;
use crate::sound_file::SoundFile;
use crate::{FRAME, RATE};

/// Longer files are refused: an hour is 58 MB encoded, and no one listens to more.
const MAX_MINUTES: u64 = 60;

/// One file's audio, encoded: at 8 kHz in both laws, and at 16 in the codecs that it was prepared for.
#[derive(Debug)]
pub struct Prompt {
    pcmu: Arc<[u8]>,
    pcma: Arc<[u8]>,
    framed: Vec<(Codec, Frames)>,
}

/// Why a WAV file cannot be a prompt.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PromptError {
    #[error("file does not exist")]
    Missing,
    #[error("file cannot be read: {reason}")]
    Unreadable { reason: String },
    #[error("not a WAV file that we read: {reason}")]
    Malformed { reason: String },
    #[error("{channels} channels; a prompt has one or two")]
    Channels { channels: u16 },
    #[error("{rate} samples a second; a prompt has 4,000 to 192,000")]
    Rate { rate: u32 },
    #[error("longer than {max_minutes} minutes")]
    Long { max_minutes: u64 },
    #[error("no sound in it")]
    Empty,
}

impl From<std::io::Error> for PromptError {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::NotFound => Self::Missing,
            _ => Self::Unreadable { reason: error.to_string() },
        }
    }
}

impl Prompt {
    /// The largest file worth reading into memory; refuse larger ones as [`PromptError::Long`].
    pub const MAX_FILE_BYTES: u64 = 512 << 20;

    /// Longest prompt, in minutes.
    pub const MAX_MINUTES: u64 = MAX_MINUTES;

    /// Reads a whole WAV file: PCM of 8, 16, 24 or 32 bit, float of 32 or 64, A-law or µ-law, mono or stereo (mixed down), 4–192 kHz.
    ///
    /// Takes milliseconds per second of audio: not for a media thread.
    pub fn from_wav(file: &[u8]) -> Result<Self, PromptError> {
        Self::from_wav_for(file, &[])
    }

    /// The same, and encoded for these codecs besides the laws. Opus takes some 10 ms of CPU per second of audio.
    pub fn from_wav_for(file: &[u8], codecs: &[Codec]) -> Result<Self, PromptError> {
        let sound = SoundFile::parse(file)?;
        if !(1..=2).contains(&sound.channels) {
            return Err(PromptError::Channels { channels: sound.channels });
        }
        if !(4_000..=192_000).contains(&sound.rate) {
            return Err(PromptError::Rate { rate: sound.rate });
        }
        if sound.frames() as u64 > MAX_MINUTES * 60 * u64::from(sound.rate) {
            return Err(PromptError::Long { max_minutes: MAX_MINUTES });
        }
        if sound.frames() == 0 {
            return Err(PromptError::Empty);
        }
        let rate = sound.rate;
        let mono = sound.mono();
        let mut codecs: Vec<Codec> = codecs.iter().copied().filter(|codec| codec.law().is_none()).collect();
        codecs.sort();
        codecs.dedup();
        let wide = if codecs.is_empty() { Vec::new() } else { resample(&mono, rate, Rate::Wide)? };
        let framed = codecs.into_iter().map(|codec| (codec, Frames::encode(codec, Rate::Wide, &wide))).collect();
        Ok(Self { framed, ..Self::from_samples(&resample(&mono, rate, Rate::Narrow)?) })
    }

    /// Samples at 8 kHz.
    pub fn from_samples(samples: &[i16]) -> Self {
        let encode = |law: Law| samples.iter().map(|sample| law.encode(*sample)).collect();
        Self { pcmu: encode(Law::Mu), pcma: encode(Law::A), framed: Vec::new() }
    }

    pub fn samples(&self) -> usize {
        self.pcmu.len()
    }

    pub fn length(&self) -> Duration {
        Duration::from_secs_f64(self.samples() as f64 / f64::from(RATE))
    }

    #[inline]
    pub(crate) fn bytes(&self, law: Law) -> &[u8] {
        match law {
            Law::Mu => &self.pcmu,
            Law::A => &self.pcma,
        }
    }

    /// Whether it can be played to a leg of this codec.
    pub fn speaks(&self, codec: Codec) -> bool {
        codec.law().is_some() || self.framed.iter().any(|(framed, _)| *framed == codec)
    }

    /// The codecs that it was prepared for besides the laws.
    pub fn codecs(&self) -> impl Iterator<Item = Codec> {
        self.framed.iter().map(|(codec, _)| *codec)
    }

    /// The frame that begins at this sample of the telephone's rate; empty for a codec that it was not prepared for.
    #[inline]
    pub(crate) fn frame(&self, codec: Codec, at: u64) -> &[u8] {
        let frames = self.framed.iter().find(|(framed, _)| *framed == codec);
        frames.map_or(&[], |(_, frames)| frames.get((at / FRAME as u64) as usize))
    }

    /// Memory that it holds.
    fn size(&self) -> usize {
        self.pcmu.len() + self.pcma.len() + self.framed.iter().map(|(_, frames)| frames.size()).sum::<usize>()
    }
}

fn resample(mono: &[f32], rate: u32, to: Rate) -> Result<Vec<i16>, PromptError> {
    let rounded = |samples: &[f32]| samples.iter().map(|sample| (sample * 32_768.0) as i16).collect();
    if rate == to.hertz() {
        return Ok(rounded(mono));
    }
    let malformed = |error: &dyn std::fmt::Display| PromptError::Malformed { reason: error.to_string() };
    let mut resampler = Fft::<f32>::new(rate as usize, to.hertz() as usize, 1_024, 1, FixedSync::Both)
        .map_err(|error| malformed(&error))?;
    let input = InterleavedSlice::new(mono, 1, mono.len()).map_err(|error| malformed(&error))?;
    let mut out = vec![0.0; resampler.process_all_needed_output_len(mono.len())];
    let frames = out.len();
    let mut output = InterleavedSlice::new_mut(&mut out, 1, frames).map_err(|error| malformed(&error))?;
    let (_, written) =
        resampler.process_all_into_buffer(&input, &mut output, mono.len(), None).map_err(|error| malformed(&error))?;
    Ok(rounded(&out[..written]))
}

/// What tells one version of a file from the next: time of change and length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileVersion {
    /// Since the epoch.
    pub modified: Duration,
    pub bytes: u64,
}

/// The prompts of the whole process, the least recently used forgotten first.
#[derive(Debug)]
pub struct PromptCache {
    max_bytes: usize,
    bytes: usize,
    /// Counts uses, to order them.
    uses: u64,
    entries: BTreeMap<PathBuf, Entry>,
}

#[derive(Debug)]
struct Entry {
    version: FileVersion,
    prompt: Arc<Prompt>,
    used: u64,
}

impl PromptCache {
    pub fn new(max_bytes: usize) -> Self {
        Self { max_bytes, bytes: 0, uses: 0, entries: BTreeMap::new() }
    }

    /// The prompt, if this very version is known.
    pub fn get(&mut self, path: &Path, version: FileVersion) -> Option<Arc<Prompt>> {
        self.uses += 1;
        let entry = self.entries.get_mut(path).filter(|entry| entry.version == version)?;
        entry.used = self.uses;
        Some(Arc::clone(&entry.prompt))
    }

    /// Keeps it, in place of an older version. A prompt larger than the whole cache is not kept, but can be played.
    pub fn insert(&mut self, path: PathBuf, version: FileVersion, prompt: Arc<Prompt>) {
        self.uses += 1;
        self.bytes += prompt.size();
        if let Some(old) = self.entries.insert(path, Entry { version, prompt, used: self.uses }) {
            self.bytes -= old.prompt.size();
        }
        while self.bytes > self.max_bytes
            && let Some(oldest) = self.entries.iter().min_by_key(|(_, entry)| entry.used).map(|(path, _)| path.clone())
            && let Some(gone) = self.entries.remove(&oldest)
        {
            self.bytes -= gone.prompt.size();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use hound::{SampleFormat, WavSpec, WavWriter};

    use super::*;

    /// One second of 1 kHz at a quarter of full scale.
    fn wav(rate: u32, channels: u16, bits: u16, float: bool) -> Vec<u8> {
        let sample_format = if float { SampleFormat::Float } else { SampleFormat::Int };
        let spec = WavSpec { channels, sample_rate: rate, bits_per_sample: bits, sample_format };
        let mut bytes = Cursor::new(Vec::new());
        let mut writer = WavWriter::new(&mut bytes, spec).unwrap();
        for at in 0..rate {
            let sample = 0.25 * (std::f32::consts::TAU * 1_000.0 * at as f32 / rate as f32).sin();
            for _ in 0..channels {
                if float {
                    writer.write_sample(sample).unwrap();
                } else {
                    writer.write_sample((sample * (1_u32 << (bits - 1)) as f32) as i32).unwrap();
                }
            }
        }
        writer.finalize().unwrap();
        bytes.into_inner()
    }

    /// Share of the energy at a frequency, of the middle of the prompt, and its RMS.
    fn measure(prompt: &Prompt, frequency: f32) -> (f32, f32) {
        let heard: Vec<f32> =
            prompt.bytes(Law::A)[2_000..6_000].iter().map(|byte| f32::from(Law::A.decode(*byte))).collect();
        let (mut sine, mut cosine, mut energy) = (0.0, 0.0, 0.0);
        for (at, sample) in heard.iter().enumerate() {
            let angle = std::f32::consts::TAU * frequency * at as f32 / 8_000.0;
            sine += sample * angle.sin();
            cosine += sample * angle.cos();
            energy += sample * sample;
        }
        let length = heard.len() as f32;
        (2.0 * (sine * sine + cosine * cosine) / (length * energy), (energy / length).sqrt())
    }

    #[test]
    fn any_rate_width_and_channels_become_the_same_second_of_the_same_tone() {
        for (rate, channels, bits, float) in [
            (8_000, 1, 16, false),
            (8_000, 1, 8, false),
            (16_000, 2, 16, false),
            (22_050, 1, 16, false),
            (24_000, 1, 24, false),
            (44_100, 2, 32, false),
            (48_000, 1, 32, true),
            (11_025, 1, 16, false),
            // Any rate: this one shares no divisor with ours.
            (11_127, 1, 16, false),
        ] {
            let prompt = Prompt::from_wav(&wav(rate, channels, bits, float)).unwrap();
            let (share, rms) = measure(&prompt, 1_000.0);
            let fits = prompt.samples().abs_diff(8_000) <= 1 && share > 0.98 && (rms - 5_793.0).abs() < 300.0;
            assert!(fits, "{rate} Hz, {bits} bit: {} samples, share {share}, rms {rms}", prompt.samples());
        }
    }

    #[test]
    fn a_tone_that_8_khz_cannot_carry_does_not_fold_back() {
        let spec = WavSpec { channels: 1, sample_rate: 48_000, bits_per_sample: 16, sample_format: SampleFormat::Int };
        let mut bytes = Cursor::new(Vec::new());
        let mut writer = WavWriter::new(&mut bytes, spec).unwrap();
        for at in 0..48_000 {
            writer
                .write_sample((8_000.0 * (std::f32::consts::TAU * 5_500.0 * at as f32 / 48_000.0).sin()) as i16)
                .unwrap();
        }
        writer.finalize().unwrap();
        let (_, rms) = measure(&Prompt::from_wav(bytes.get_ref()).unwrap(), 2_500.0);
        assert!(rms < 30.0, "rms {rms}");
    }

    #[test]
    fn what_is_no_prompt_is_refused_with_its_reason() {
        let whole = wav(8_000, 1, 16, false);
        let refused = [&b"OggS"[..], &whole[..whole.len() / 2], &wav(8_000, 3, 16, false)]
            .map(|bytes| Prompt::from_wav(bytes).unwrap_err().to_string());
        let missing: PromptError = std::io::Error::from(std::io::ErrorKind::NotFound).into();
        assert!(
            refused[0].starts_with("not a WAV")
                && refused[1].starts_with("not a WAV")
                && refused[2].starts_with("3 channels"),
            "{refused:?}"
        );
        assert_eq!(missing, PromptError::Missing);
    }

    #[test]
    fn the_cache_forgets_the_least_recently_used_and_old_versions() {
        let version = |bytes| FileVersion { modified: Duration::ZERO, bytes };
        let mut cache = PromptCache::new(4_000);
        let prompt = |samples| Arc::new(Prompt::from_samples(&vec![0; samples]));
        cache.insert("a".into(), version(1), prompt(800));
        cache.insert("b".into(), version(1), prompt(800));
        cache.get(Path::new("a"), version(1));
        cache.insert("c".into(), version(1), prompt(800));
        cache.insert("c".into(), version(2), prompt(400));
        let known = [("a", 1), ("b", 1), ("c", 1), ("c", 2)]
            .map(|(path, bytes)| cache.get(Path::new(path), version(bytes)).is_some());
        assert_eq!((known, cache.bytes), ([true, false, false, true], 2_400));
    }
}
