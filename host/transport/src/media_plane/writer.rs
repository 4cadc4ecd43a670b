//! The thread that writes recordings for all workers.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;
use std::sync::mpsc::{Receiver, TryRecvError};

use plugboard_media::{Event, Recorder, RecorderInput, Repaired};

pub(crate) fn run(inputs: &Receiver<RecorderInput>, events: &(dyn Fn(Vec<Event>) + Send + Sync)) {
    let mut recorder = Recorder::new(create);
    let mut busy = false;
    // Ends when the last worker has gone and every closed file is summed.
    loop {
        let input = if busy { inputs.try_recv() } else { inputs.recv().map_err(|_| TryRecvError::Disconnected) };
        let over = matches!(input, Err(TryRecvError::Disconnected));
        if let Ok(input) = input {
            recorder.handle_input(input);
        }
        busy = recorder.handle_idle();
        let told: Vec<Event> = std::iter::from_fn(|| recorder.poll_event()).collect();
        if !told.is_empty() {
            events(told);
        }
        if over && !busy {
            return;
        }
    }
}

/// The first recording of a day makes its folder.
fn create(path: &Path) -> io::Result<File> {
    let create = || OpenOptions::new().read(true).write(true).create_new(true).open(path);
    match (create(), path.parent()) {
        (Err(error), Some(folder)) if error.kind() == io::ErrorKind::NotFound => {
            std::fs::create_dir_all(folder)?;
            create()
        }
        (created, _) => created,
    }
}

/// Makes a recording playable to its last written sample after a crash of the process. Other files are refused and left alone.
pub fn repair_recording(path: &Path) -> io::Result<Repaired> {
    plugboard_media::repair(&mut OpenOptions::new().read(true).write(true).open(path)?)
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{Mutex, mpsc::channel},
        time::Duration,
    };

    use super::*;

    #[test]
    fn the_first_recording_of_a_day_makes_its_folder() {
        let folder = std::env::temp_dir().join(format!("plugboard-writer-{}", std::process::id()));
        let path = folder.join("shop/2026-11-23/r1.wav");
        let (give, inputs) = channel();
        give.send(RecorderInput::Begin { recording: 1, path: path.clone() }).unwrap();
        give.send(RecorderInput::Close { recording: 1, paused: Duration::ZERO }).unwrap();
        drop(give);
        let told = Mutex::new(Vec::new());
        run(&inputs, &|events| told.lock().unwrap().extend(events));
        let (told, is_there) = (told.lock().unwrap(), path.is_file());
        std::fs::remove_dir_all(&folder).unwrap();
        assert!(matches!(&told[..], [Event::RecordingClosed { recording: 1, .. }]) && is_there, "{told:?}");
    }
}
