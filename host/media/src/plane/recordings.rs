//! What is recorded: which legs on which side, and when their samples go to the writer.

use std::path::PathBuf;
use std::time::Duration;

use super::Plane;
use crate::Port;
use crate::event::{Event, RecordingError};
use crate::leg::Leg;
use crate::outbox::Request;
use crate::recorder::RecorderInput;
use crate::timeline::{Side, Timeline};

/// Samples are handed to the writer so often.
const FLUSH: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct Recording {
    pub(super) timeline: Timeline,
    left: Option<Port>,
    right: Option<Port>,
    flush: Duration,
}

impl Plane {
    pub(super) fn record(&mut self, now: Duration, recording: u64, path: PathBuf, left: Port, right: Option<Port>) {
        if self.recordings.contains_key(&recording) {
            return;
        }
        if self.find(left).is_none() {
            let reason = RecordingError::NoSuchLeg;
            self.outbox.event(Event::RecordingFailed { recording, reason });
            return;
        }
        // Each has its own phase, so that the writer is not given all of them at once.
        let flush = now + FLUSH.mul_f64(self.chance.share());
        let timeline = Timeline::new(now);
        self.recordings.insert(recording, Recording { timeline, left: None, right: None, flush });
        self.outbox.request(Request::Record(RecorderInput::Begin { recording, path }));
        self.attach_side(recording, Side::Left, left);
        if let Some(right) = right {
            self.attach_side(recording, Side::Right, right);
        }
    }

    pub(super) fn attach(&mut self, recording: u64, right: Port) {
        self.attach_side(recording, Side::Right, right);
    }

    fn attach_side(&mut self, number: u64, side: Side, port: Port) {
        let Some(at) = self.find(port) else { return };
        let Some(recording) = self.recordings.get_mut(&number) else { return };
        let before = match side {
            Side::Left => recording.left.replace(port),
            Side::Right => recording.right.replace(port),
        };
        recording.timeline.attach(side);
        if let Some((_, leg, _)) = before.and_then(|before| self.leg(before)) {
            leg.recorded.retain(|recorded| *recorded != (number, side));
        }
        if let Some(leg) = self.legs[at].as_deref_mut() {
            leg.recorded.push((number, side));
        }
    }

    pub(super) fn stop_recording(&mut self, now: Duration, number: u64) {
        let Some(mut recording) = self.recordings.remove(&number) else { return };
        for port in [recording.left, recording.right].into_iter().flatten() {
            if let Some((_, leg, _)) = self.leg(port) {
                leg.recorded.retain(|(recorded, _)| *recorded != number);
            }
        }
        let paused = recording.timeline.paused(now);
        let (position, frames) = recording.timeline.take_rest(now);
        for input in [
            RecorderInput::Samples { recording: number, position, frames },
            RecorderInput::Close { recording: number, paused },
        ] {
            self.outbox.request(Request::Record(input));
        }
    }

    /// A leg that closes leaves its recordings; one that nobody speaks on any more is closed, so that none is left open.
    pub(super) fn detach(&mut self, now: Duration, leg: &Leg) {
        for (number, side) in &leg.recorded {
            let Some(recording) = self.recordings.get_mut(number) else { continue };
            match side {
                Side::Left => recording.left = None,
                Side::Right => recording.right = None,
            }
            if recording.left.is_none() && recording.right.is_none() {
                self.stop_recording(now, *number);
            }
        }
    }

    pub(super) fn flush_recordings(&mut self, now: Duration) {
        for (number, recording) in &mut self.recordings {
            if now >= recording.flush {
                recording.flush = now + FLUSH;
                let (position, frames) = recording.timeline.take_settled(now);
                if !frames.is_empty() {
                    let input = RecorderInput::Samples { recording: *number, position, frames };
                    self.outbox.request(Request::Record(input));
                }
            }
        }
    }
}
