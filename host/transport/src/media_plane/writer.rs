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

fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create_new(true).open(path)
}

/// Makes a recording playable to its last written sample after a crash of the process. Other files are refused and left alone.
pub fn repair_recording(path: &Path) -> io::Result<Repaired> {
    plugboard_media::repair(&mut OpenOptions::new().read(true).write(true).open(path)?)
}
