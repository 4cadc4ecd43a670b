//! The recording's file: 16 bit, 8 kHz, stereo WAV whose header is true at all times.
//!
//! Samples are appended first and the header's two lengths are rewritten after them, so a process that dies leaves a playable file that
//! misses at most what came after the last write. [`repair`] brings back even that.

use std::io::{self, Read, Seek, SeekFrom, Write};

use crate::RATE;

/// Bytes of the header; the samples follow it.
pub const WAV_HEADER: usize = 44;
/// Bytes of a frame: 16 bits of each side.
pub const WAV_FRAME: usize = 4;
/// The most that the format's 32-bit lengths can say, in frames: 37 hours.
pub(crate) const MAX_FRAMES: u64 = (u32::MAX as u64 - WAV_HEADER as u64) / WAV_FRAME as u64;

/// The header of so many frames.
pub(crate) fn header(frames: u64) -> [u8; WAV_HEADER] {
    let data = (frames.min(MAX_FRAMES) * WAV_FRAME as u64) as u32;
    let mut header = [0; WAV_HEADER];
    let mut at = 0;
    let mut put = |bytes: &[u8]| {
        header[at..at + bytes.len()].copy_from_slice(bytes);
        at += bytes.len();
    };
    put(b"RIFF");
    put(&(data + WAV_HEADER as u32 - 8).to_le_bytes());
    put(b"WAVEfmt ");
    put(&16_u32.to_le_bytes());
    // PCM, two channels.
    put(&1_u16.to_le_bytes());
    put(&2_u16.to_le_bytes());
    put(&RATE.to_le_bytes());
    put(&(RATE * WAV_FRAME as u32).to_le_bytes());
    put(&(WAV_FRAME as u16).to_le_bytes());
    put(&16_u16.to_le_bytes());
    put(b"data");
    put(&data.to_le_bytes());
    header
}

/// What [`repair`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repaired {
    /// The header was true.
    Whole,
    /// The header now counts these frames more.
    Lengthened { frames: u64 },
    /// The process died before the first samples: an empty recording now.
    Empty,
}

/// Makes the header of a recording of ours fit the file's length, after a crash. Other files are refused and left alone.
///
/// Call it at the start for recordings that have no `RecordingClosed`.
pub fn repair(file: &mut (impl Read + Write + Seek)) -> io::Result<Repaired> {
    let length = file.seek(SeekFrom::End(0))?;
    if length < WAV_HEADER as u64 {
        file.rewind()?;
        let mut start = Vec::new();
        file.read_to_end(&mut start)?;
        if !header(0).starts_with(&start) {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "not a recording of ours"));
        }
        file.rewind()?;
        file.write_all(&header(0))?;
        return Ok(Repaired::Empty);
    }
    let mut found = [0; WAV_HEADER];
    file.rewind()?;
    file.read_exact(&mut found)?;
    let frames = (length - WAV_HEADER as u64) / WAV_FRAME as u64;
    let counted = u64::from(u32::from_le_bytes([found[40], found[41], found[42], found[43]])) / WAV_FRAME as u64;
    if found != header(counted) {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "not a recording of ours"));
    }
    if frames == counted {
        return Ok(Repaired::Whole);
    }
    file.rewind()?;
    file.write_all(&header(frames))?;
    Ok(Repaired::Lengthened { frames: frames.saturating_sub(counted) })
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn repaired(bytes: Vec<u8>) -> (Result<Repaired, io::ErrorKind>, Vec<u8>) {
        let mut file = Cursor::new(bytes);
        let result = repair(&mut file).map_err(|error| error.kind());
        (result, file.into_inner())
    }

    #[test]
    fn hound_reads_the_header() {
        let mut bytes = header(2).to_vec();
        bytes.extend([1, 0, 2, 0, 3, 0, 0xff, 0xff]);
        let reader = hound::WavReader::new(&bytes[..]).unwrap();
        let (rate, channels) = (reader.spec().sample_rate, reader.spec().channels);
        let samples: Vec<i16> = reader.into_samples().map(Result::unwrap).collect();
        assert_eq!((rate, channels, samples), (8_000, 2, vec![1, 2, 3, -1]));
    }

    #[test]
    fn samples_behind_the_counted_ones_are_brought_back_and_half_a_frame_is_not() {
        let mut bytes = header(1).to_vec();
        bytes.extend([7; 4 + 8 + 3]);
        let (result, after) = repaired(bytes);
        assert_eq!((result, &after[..WAV_HEADER]), (Ok(Repaired::Lengthened { frames: 2 }), &header(3)[..]));
    }

    #[test]
    fn a_whole_file_is_left_as_it_is_and_a_cut_header_becomes_an_empty_recording() {
        let whole = header(0).to_vec();
        let cuts: Vec<_> = (0..WAV_HEADER).map(|cut| repaired(whole[..cut].to_vec())).collect();
        let all_empty = cuts.iter().all(|cut| *cut == (Ok(Repaired::Empty), whole.clone()));
        assert_eq!((repaired(whole.clone()), all_empty), ((Ok(Repaired::Whole), whole), true));
    }

    #[test]
    fn other_files_are_refused_and_left_alone() {
        for other in [b"OggS".to_vec(), vec![0; 100]] {
            assert_eq!(repaired(other.clone()), (Err(io::ErrorKind::InvalidData), other));
        }
    }
}
