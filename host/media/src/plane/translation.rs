//! Audio that has to be decoded: for a recording, for a leg of another codec, or to find keys in it.

use std::time::Duration;

use plugboard_codec::{Codec, Rate};
use plugboard_rtp::Packet;

use super::Plane;
use crate::Port;
use crate::command::Stream;
use crate::ears::Ears;

/// Whether packets of one codec can be handed to a leg of the other without being decoded: the laws of G.711 are translated byte by byte.
fn is_relayed(from: Codec, to: Codec) -> bool {
    from == to || (from.law().is_some() && to.law().is_some())
}

impl Plane {
    /// Takes a packet of audio that somebody may need as samples. Decoded once, whoever needs it.
    pub(super) fn decode(&mut self, now: Duration, at: usize, codec: Codec, packet: &Packet<'_>) {
        let Some(leg) = self.legs[at].as_deref() else { return };
        let (peer, is_recorded, is_listened_to) = (leg.peer, !leg.recorded.is_empty(), leg.listens_to(codec));
        let to = peer
            .and_then(|peer| self.legs[peer].as_deref())
            .filter(|peer| !is_relayed(codec, peer.stream.codec) && peer.takes_relay())
            .map(|peer| peer.stream.codec);
        let Some(leg) = self.legs[at].as_deref_mut() else { return };
        if to.is_none() && !is_recorded && !is_listened_to {
            leg.ears = None;
            return;
        }
        // Wideband is worth its price only where both sides have it.
        let rate = to.map_or(Rate::Narrow, |to| codec.rate().min(to.rate()));
        let ears = leg.ears.take().filter(|ears| ears.fit(codec, rate));
        let mut ears = ears.unwrap_or_else(|| Ears::new(codec, rate));
        if let Some(said) = ears.hear(packet) {
            if is_listened_to {
                leg.listen(&ears, &said, &mut self.outbox);
            }
            for (recording, side) in &leg.recorded {
                if let Some(recording) = self.recordings.get_mut(recording) {
                    recording.timeline.place(now, *side, (said.ssrc, said.narrow_timestamp), ears.narrow());
                }
            }
            if let Some(peer) = peer.filter(|_| to.is_some() && !said.late)
                && let Some(peer) = self.legs[peer].as_deref_mut()
            {
                peer.say(now, (codec, rate), &said, ears.samples(), &mut self.outbox);
            }
        }
        if let Some(leg) = self.legs[at].as_deref_mut() {
            leg.ears = Some(ears);
        }
    }

    /// Whether a leg and the one that it is bridged with speak what can be relayed, so that numbers and clocks of the packets are one.
    pub(super) fn is_alike(&self, at: usize) -> bool {
        let codec = |at: usize| self.legs[at].as_deref().map(|leg| leg.stream.codec);
        let peer = self.legs[at].as_deref().and_then(|leg| leg.peer).and_then(codec);
        codec(at).zip(peer).is_none_or(|(ours, theirs)| is_relayed(ours, theirs))
    }

    /// Whether keys that come as events go on as they are: they also count their length by one clock.
    pub(super) fn relays_events(&self, at: usize) -> bool {
        let clock = |at: usize| self.legs[at].as_deref().map(|leg| leg.stream.telephone_event_clock);
        let peer = self.legs[at].as_deref().and_then(|leg| leg.peer).and_then(clock);
        self.is_alike(at) && clock(at).zip(peer).is_none_or(|(ours, theirs)| ours == theirs)
    }

    /// A re-INVITE changed a leg. What plays in a codec that it no longer speaks begins again in the new one.
    pub(super) fn retarget(&mut self, now: Duration, port: Port, stream: Stream) {
        let Some((_, leg, outbox)) = self.leg(port) else { return };
        let is_other = leg.stream.codec != stream.codec && stream.codec.law().is_none();
        leg.retarget(now, stream, outbox);
        let (peer, playing) = (leg.peer, leg.playing.take_if(|_| is_other));
        if let Some(peer) = peer.and_then(|peer| self.legs[peer].as_deref_mut()) {
            // What was decoded for it was of another codec or rate.
            peer.ears = None;
        }
        if let Some(playing) = playing {
            self.play_when_ready(now, port, playing.token, playing.sources, playing.repeat);
        }
    }
}
