//! The writer's side of recordings: samples to files, and what is told when a recording is closed.
//!
//! It blocks on the disk, so it runs on a thread of its own. SHA-256 is taken by reading the file once more at the end, piece by piece
//! between other work: the header in front changes until then, so the sum cannot be kept along the way.

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::RATE;
use crate::event::{Event, RecordingError, RecordingSummary};
use crate::wav::{self, MAX_FRAMES, WAV_FRAME};

/// What the plane hands to the writer.
#[derive(Debug, PartialEq, Eq)]
pub enum RecorderInput {
    Begin {
        recording: u64,
        path: PathBuf,
    },
    /// `frames` holds left and right in turn; the first belongs at frame `position` of the file.
    Samples {
        recording: u64,
        position: u64,
        frames: Vec<i16>,
    },
    Close {
        recording: u64,
        paused: Duration,
    },
}

impl RecorderInput {
    /// Samples may be dropped when the writer cannot keep up: they become a gap. The others may not.
    pub fn may_be_dropped(&self) -> bool {
        matches!(self, Self::Samples { .. })
    }
}

/// Files of all recordings of one writer. `C` creates a file that must not exist yet, open for reading and writing.
#[derive(Debug)]
pub struct Recorder<C, F> {
    create: C,
    open: BTreeMap<u64, Tape<F>>,
    closing: VecDeque<Closing<F>>,
    /// Reused for encoding.
    bytes: Vec<u8>,
    events: VecDeque<Event>,
}

#[derive(Debug)]
struct Tape<F> {
    path: PathBuf,
    file: F,
    frames: u64,
    /// Sum of squares of each side.
    energy: [u64; 2],
    gaps: u32,
}

#[derive(Debug)]
struct Closing<F> {
    recording: u64,
    tape: Tape<F>,
    paused: Duration,
    sum: Sha256,
}

impl<C, F> Recorder<C, F>
where
    C: FnMut(&Path) -> io::Result<F>,
    F: Read + Write + Seek,
{
    pub fn new(create: C) -> Self {
        Self { create, open: BTreeMap::new(), closing: VecDeque::new(), bytes: Vec::new(), events: VecDeque::new() }
    }

    pub fn handle_input(&mut self, input: RecorderInput) {
        match input {
            RecorderInput::Begin { recording, path } => self.begin(recording, path),
            RecorderInput::Samples { recording, position, frames } => {
                let Some(tape) = self.open.get_mut(&recording) else { return };
                if let Err(error) = tape.write(position, &frames, &mut self.bytes) {
                    self.open.remove(&recording);
                    self.fail(recording, writing(&error));
                }
            }
            RecorderInput::Close { recording, paused } => {
                // One that failed has told so and is gone.
                let Some(mut tape) = self.open.remove(&recording) else { return };
                match tape.file.rewind() {
                    Ok(()) => self.closing.push_back(Closing { recording, tape, paused, sum: Sha256::new() }),
                    Err(error) => self.fail(recording, writing(&error)),
                }
            }
        }
    }

    /// Sums a piece of a closed file. False if there was nothing to do.
    pub fn handle_idle(&mut self) -> bool {
        const PIECE: usize = 256 << 10;
        let Some(closing) = self.closing.front_mut() else { return false };
        self.bytes.resize(PIECE, 0);
        match closing.tape.file.read(&mut self.bytes) {
            Ok(0) => {
                if let Some(Closing { recording, tape, paused, sum }) = self.closing.pop_front() {
                    let summary = tape.summary(paused, sum.finalize().into());
                    self.events.push_back(Event::RecordingClosed { recording, path: tape.path, summary });
                }
            }
            Ok(length) => closing.sum.update(&self.bytes[..length]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => {
                if let Some(Closing { recording, .. }) = self.closing.pop_front() {
                    self.fail(recording, writing(&error));
                }
            }
        }
        true
    }

    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    fn begin(&mut self, recording: u64, path: PathBuf) {
        let created = (self.create)(&path).and_then(|mut file| file.write_all(&wav::header(0)).map(|()| file));
        match created {
            Ok(file) => {
                self.open.insert(recording, Tape { path, file, frames: 0, energy: [0; 2], gaps: 0 });
            }
            Err(error) if is_full(&error) => self.fail(recording, RecordingError::DiskFull),
            Err(error) => self.fail(recording, RecordingError::Create { reason: error.to_string() }),
        }
    }

    fn fail(&mut self, recording: u64, reason: RecordingError) {
        self.events.push_back(Event::RecordingFailed { recording, reason });
    }
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded)
}

fn writing(error: &io::Error) -> RecordingError {
    if is_full(error) { RecordingError::DiskFull } else { RecordingError::Write { reason: error.to_string() } }
}

impl<F: Read + Write + Seek> Tape<F> {
    /// Samples first, header after them.
    fn write(&mut self, position: u64, frames: &[i16], bytes: &mut Vec<u8>) -> io::Result<()> {
        let missing = position.saturating_sub(self.frames);
        if missing > 0 {
            self.gaps += 1;
        }
        if position + (frames.len() / 2) as u64 > MAX_FRAMES {
            return Err(io::Error::new(ErrorKind::FileTooLarge, "a recording ends after 37 hours"));
        }
        self.file.seek(SeekFrom::Start(wav::WAV_HEADER as u64 + position * WAV_FRAME as u64))?;
        bytes.clear();
        for frame in frames.as_chunks::<2>().0 {
            for (sample, energy) in frame.iter().zip(&mut self.energy) {
                bytes.extend_from_slice(&sample.to_le_bytes());
                *energy += u64::from(sample.unsigned_abs()).pow(2);
            }
        }
        // A gap is not written: the file system reads it as zeros, which is silence.
        self.file.write_all(bytes)?;
        self.frames = self.frames.max(position + (frames.len() / 2) as u64);
        self.file.rewind()?;
        self.file.write_all(&wav::header(self.frames))?;
        Ok(())
    }

    fn summary(&self, paused: Duration, sha256: [u8; 32]) -> RecordingSummary {
        let loudness = |energy: u64| {
            let mean = energy as f64 / self.frames.max(1) as f64;
            (mean > 0.0).then(|| (10.0 * (mean / (32_768.0 * 32_768.0)).log10()) as f32)
        };
        let [left, right] = self.energy;
        RecordingSummary {
            length: Duration::from_micros(self.frames * 1_000_000 / u64::from(RATE)),
            paused,
            sha256,
            left_dbfs: loudness(left),
            right_dbfs: loudness(right),
            gaps: self.gaps,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;

    use super::*;

    /// A disk in memory that holds so many bytes.
    #[derive(Clone, Default)]
    struct Disk {
        files: Rc<RefCell<BTreeMap<PathBuf, Vec<u8>>>>,
        full_at: Option<usize>,
    }

    struct File {
        disk: Disk,
        path: PathBuf,
        at: usize,
    }

    impl Disk {
        fn create(&self, path: &Path) -> io::Result<File> {
            if !path.starts_with("/rec") {
                return Err(ErrorKind::NotFound.into());
            }
            self.files.borrow_mut().insert(path.into(), Vec::new());
            Ok(File { disk: self.clone(), path: path.into(), at: 0 })
        }

        /// Runs the inputs and all idle work; what was told, and the bytes of `/rec/a`.
        fn run(&self, inputs: impl IntoIterator<Item = RecorderInput>) -> (Vec<Event>, Vec<u8>) {
            let mut recorder = Recorder::new(|path: &Path| self.create(path));
            inputs.into_iter().for_each(|input| recorder.handle_input(input));
            while recorder.handle_idle() {}
            let events = std::iter::from_fn(|| recorder.poll_event()).collect();
            let bytes = self.files.borrow().get(Path::new("/rec/a")).cloned().unwrap_or_default();
            (events, bytes)
        }
    }

    impl Read for File {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            let files = self.disk.files.borrow();
            let length = (&files[&self.path][self.at..]).read(out)?;
            self.at += length;
            Ok(length)
        }
    }

    impl Write for File {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let mut files = self.disk.files.borrow_mut();
            let file = files.get_mut(&self.path).unwrap();
            let end = self.at + bytes.len();
            if self.disk.full_at.is_some_and(|full| end > full) {
                return Err(ErrorKind::StorageFull.into());
            }
            file.resize(file.len().max(end), 0);
            file[self.at..end].copy_from_slice(bytes);
            self.at = end;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Seek for File {
        fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
            self.at = match to {
                SeekFrom::Start(at) => at as usize,
                SeekFrom::End(_) | SeekFrom::Current(_) => unreachable!("the recorder seeks from the start"),
            };
            Ok(self.at as u64)
        }
    }

    fn begin() -> RecorderInput {
        RecorderInput::Begin { recording: 1, path: "/rec/a".into() }
    }

    /// A second of full scale left and a tenth of it right.
    fn second(position: u64) -> RecorderInput {
        RecorderInput::Samples { recording: 1, position, frames: [32_767, -3_277].repeat(8_000) }
    }

    fn close() -> RecorderInput {
        RecorderInput::Close { recording: 1, paused: Duration::from_secs(2) }
    }

    #[test]
    fn a_closed_recording_tells_length_loudness_and_the_sum_of_the_file() {
        let (events, bytes) = Disk::default().run([begin(), second(0), second(8_000), close()]);
        let [Event::RecordingClosed { recording: 1, path, summary }] = &events[..] else { panic!("{events:?}") };
        let loudness = [summary.left_dbfs, summary.right_dbfs].map(|dbfs| dbfs.unwrap().round());
        let sum: [u8; 32] = Sha256::digest(&bytes).into();
        assert_eq!(
            (path.to_str(), summary.length, summary.paused, summary.gaps, loudness, summary.sha256),
            (Some("/rec/a"), Duration::from_secs(2), Duration::from_secs(2), 0, [0.0, -20.0], sum)
        );
    }

    #[test]
    fn the_file_is_playable_after_every_write() {
        let disk = Disk::default();
        let seconds =
            [disk.run([begin()]), disk.run([begin(), second(0)]), disk.run([begin(), second(0), second(8_000)])]
                .map(|(_, bytes)| hound::WavReader::new(&bytes[..]).unwrap().duration() / 8_000);
        assert_eq!(seconds, [0, 1, 2]);
    }

    #[test]
    fn what_the_channel_dropped_is_silence_and_one_gap() {
        let (events, bytes) = Disk::default().run([begin(), second(0), second(24_000), close()]);
        let [Event::RecordingClosed { summary, .. }] = &events[..] else { panic!("{events:?}") };
        let gap = &bytes[wav::WAV_HEADER + 32_000..][..64_000];
        assert_eq!((summary.gaps, summary.length.as_secs(), gap.iter().all(|byte| *byte == 0)), (1, 4, true));
    }

    #[test]
    fn a_full_disk_ends_the_recording_once_and_leaves_it_playable() {
        let disk = Disk { full_at: Some(50_000), ..Disk::default() };
        let (events, bytes) = disk.run([begin(), second(0), second(8_000), second(16_000), close()]);
        let failed = Event::RecordingFailed { recording: 1, reason: RecordingError::DiskFull };
        assert_eq!((events, hound::WavReader::new(&bytes[..]).unwrap().duration()), (vec![failed], 8_000));
    }

    #[test]
    fn a_file_that_cannot_be_created_is_told() {
        let input = RecorderInput::Begin { recording: 7, path: "/nowhere/a".into() };
        let (events, _) = Disk::default().run([input]);
        assert!(
            matches!(events[..], [Event::RecordingFailed { recording: 7, reason: RecordingError::Create { .. } }]),
            "{events:?}"
        );
    }
}
