//! Room for recordings: they stop while there is still room for events, because no agent's phone rings before its reservation is on disk.

use std::{
    io,
    os::unix::fs::MetadataExt as _,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::sync::mpsc;

use plugboard_api::AlarmName;

use crate::{alarms::Alarms, serve::Folders, signalling::Message};

/// Between two looks at the disk. A thousand recordings write some 64 MB meanwhile.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// On the store's own disk recordings leave so much: its reserve of 64 MiB, and as much again for events.
const LEFT_TO_EVENTS: u64 = 128 << 20;
/// On a disk of their own a twentieth is enough to close files in good order.
const SHARE_LEFT: u64 = 20;

/// Tells the loop again and again whether there is room, so that recordings begin anew by themselves. `store_is_full` is the store's own judgement.
/// Ends with the loop.
pub(crate) async fn watch(
    folders: Folders,
    store_is_full: Arc<AtomicBool>,
    inbox: mpsc::Sender<Message>,
    alarms: Arc<Alarms>,
) {
    let mut looks = tokio::time::interval(LOOK_EVERY);
    loop {
        looks.tick().await;
        let (recordings, store) = (folders.recordings.clone(), folders.store.clone());
        // A network's disk may take its time.
        let looked = tokio::task::spawn_blocking(move || has_room(&recordings, &store)).await;
        // A disk that does not say how much is free is not taken for full.
        let has_room = looked.map_or(true, |looked| looked.unwrap_or(true));
        if has_room {
            alarms.clear(AlarmName::RecordingsStopped, "");
        } else {
            let detail = "the disk of recordings is nearly full: calls go on unrecorded; make room, and recordings begin again by themselves";
            alarms.raise(AlarmName::RecordingsStopped, "", detail);
        }
        let full = !has_room || store_is_full.load(Ordering::Relaxed);
        if inbox.send(Message::Storage { full }).await.is_err() {
            return;
        }
    }
}

fn has_room(recordings: &Path, store: &Path) -> io::Result<bool> {
    let is_shared = std::fs::metadata(recordings)?.dev() == std::fs::metadata(store)?.dev();
    let share = fs2::total_space(recordings)? / SHARE_LEFT;
    let least = if is_shared { LEFT_TO_EVENTS } else { share.min(LEFT_TO_EVENTS) };
    Ok(fs2::available_space(recordings)? > least)
}
