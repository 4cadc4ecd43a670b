//! Recordings of a record.

use plugboard_model::{EventKind, RecordingId, Timestamp};

use super::Draft;
use crate::{
    bound::{LONG, SHORT, cut, push, weight},
    cdr::RecordingRecord,
};

impl Draft {
    pub(super) fn take_recording(&mut self, at: Timestamp, kind: &EventKind) -> bool {
        let cdr = &mut self.cdr;
        let known = |list: &mut Vec<RecordingRecord>, id: RecordingId| list.iter().position(|one| one.recording == id);
        match kind {
            EventKind::RecordingStarted { recording, path, voicemail, .. } => {
                let record = RecordingRecord {
                    recording: *recording,
                    path: cut(path, LONG),
                    voicemail: *voicemail,
                    started_at: at,
                    pauses: 0,
                    length_ms: None,
                    sha256: None,
                    left_dbfs: None,
                    right_dbfs: None,
                    gaps: None,
                    failed: None,
                    erase_at: None,
                    erased_at: None,
                };
                let bytes = 620 + LONG + weight(&record.path);
                push(&mut cdr.recordings, &mut self.room, &mut cdr.left_out, bytes, record)
            }
            EventKind::RecordingKept { recording, .. } | EventKind::RecordingErased { recording, .. } => {
                let Some(index) = known(&mut cdr.recordings, *recording) else { return false };
                cdr.recordings[index].handle_days(at, kind)
            }
            EventKind::RecordingPaused { recording, .. } => {
                let Some(index) = known(&mut cdr.recordings, *recording) else { return false };
                cdr.recordings[index].pauses += 1;
                true
            }
            EventKind::RecordingClosed { recording, path, length_ms, sha256, left_dbfs, right_dbfs, gaps, .. } => {
                let Some(index) = known(&mut cdr.recordings, *recording) else { return false };
                let record = &mut cdr.recordings[index];
                (record.path, record.length_ms) = (cut(path, LONG), Some(*length_ms));
                (record.sha256, record.gaps) = (Some(cut(sha256, SHORT)), Some(*gaps));
                (record.left_dbfs, record.right_dbfs) = (*left_dbfs, *right_dbfs);
                true
            }
            EventKind::RecordingFailed { recording, reason, .. } => {
                if let Some(index) = known(&mut cdr.recordings, *recording) {
                    cdr.recordings[index].failed = Some(cut(reason, SHORT));
                }
                self.fail(at, "recording", &recording.to_string(), reason)
            }
            _ => false,
        }
    }
}
