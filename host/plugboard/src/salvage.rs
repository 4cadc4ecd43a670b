//! Recordings that a killed process left open: made playable, and closed as if it had lived to do so.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use plugboard_model::{EventKind, InteractionId, RecordingId};
use sha2::{Digest as _, Sha256};

/// One that has begun and has no end in the log.
#[derive(Debug)]
pub(crate) struct OpenRecording {
    pub(crate) interaction: InteractionId,
    pub(crate) recording: RecordingId,
    pub(crate) path: PathBuf,
}

impl OpenRecording {
    /// Puts the file's header right and says what it holds, so that the record is complete and the API gives it out.
    pub(crate) fn close(self) -> EventKind {
        let Self { interaction, recording, path } = self;
        let measured = plugboard_transport::media_plane::repair_recording(&path).and_then(|_| measure(&path));
        match measured {
            Ok(measured) => EventKind::RecordingClosed {
                interaction,
                recording,
                path: path.to_string_lossy().into(),
                length_ms: measured.frames * 1_000 / RATE,
                sha256: measured.sha256.into(),
                left_dbfs: dbfs(measured.energy[0], measured.frames),
                right_dbfs: dbfs(measured.energy[1], measured.frames),
                gaps: 0,
            },
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "recording of the last run cannot be repaired");
                let reason = format!("the process ended while it was written, and it cannot be repaired: {error}");
                EventKind::RecordingFailed { interaction, recording, reason: reason.into() }
            }
        }
    }
}

/// Frames a second.
const RATE: u64 = 8_000;
/// Bytes before the first frame, and of one frame: 16 bits a side.
const HEADER: usize = 44;
const FRAME: usize = 4;

#[derive(Debug, PartialEq)]
struct Measured {
    frames: u64,
    /// Sum of squares of each side.
    energy: [u64; 2],
    sha256: String,
}

fn measure(path: &Path) -> io::Result<Measured> {
    let mut file = File::open(path)?;
    let mut header = [0; HEADER];
    file.read_exact(&mut header)?;
    let mut sum = Sha256::new_with_prefix(header);
    let mut measured = Measured { frames: 0, energy: [0; 2], sha256: String::new() };
    // A whole number of frames, so that none is cut in two.
    let mut piece = vec![0; 16_384 * FRAME];
    loop {
        let mut filled = 0;
        while filled < piece.len() {
            match file.read(&mut piece[filled..])? {
                0 => break,
                read => filled += read,
            }
        }
        if filled == 0 {
            break;
        }
        sum.update(&piece[..filled]);
        for frame in piece[..filled].chunks_exact(FRAME) {
            measured.frames += 1;
            for (side, energy) in measured.energy.iter_mut().enumerate() {
                let sample = i64::from(i16::from_le_bytes([frame[side * 2], frame[side * 2 + 1]]));
                *energy += (sample * sample).unsigned_abs();
            }
        }
    }
    measured.sha256 = sum.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(measured)
}

/// RMS below full scale; `None` for silence.
fn dbfs(energy: u64, frames: u64) -> Option<f32> {
    (energy > 0).then(|| (10.0 * (energy as f64 / frames as f64 / f64::from(1 << 30)).log10()) as f32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loudness_is_told_in_decibels_below_full_scale() {
        // A square wave of half the full scale is 6 dB below it.
        assert_eq!(dbfs(16_384 * 16_384 * 10, 10).map(|dbfs| (dbfs * 100.0).round()), Some(-602.0));
        assert_eq!(dbfs(0, 10), None);
    }
}
