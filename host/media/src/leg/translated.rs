//! What a leg says as samples, and what it is told in a codec that the other leg does not speak.

use std::time::Duration;

use plugboard_codec::{Adaptation, Codec, NoiseDescription, Rate};

use super::{Leg, heard_tone};
use crate::ears::{Ears, Said};
use crate::mouth::Mouth;
use crate::murmur::Murmur;
use crate::outbox::Outbox;

impl Leg {
    /// Nothing is decoded for others or encoded for this leg any more.
    pub(crate) fn end_translation(&mut self) {
        (self.ears, self.mouth, self.murmur) = (None, None, None);
    }

    /// Whether its audio must be decoded to find keys in it: that of G.711 is listened to as it comes.
    pub(crate) fn listens_to(&self, codec: Codec) -> bool {
        self.listener.is_some() && codec.law().is_none()
    }

    /// Listens to what was decoded for keys.
    pub(crate) fn listen(&mut self, ears: &Ears, said: &Said, outbox: &mut Outbox) {
        if let Some(listener) = self.listener.as_mut().filter(|_| !said.late) {
            let (port, keys) = (self.port, &mut self.keys);
            let told = |digit, length| heard_tone(port, keys, digit, length, outbox);
            listener.hear(ears.narrow(), said.follows, told);
        }
    }

    /// The other leg is silent and says how; until it speaks again this one hears noise of that kind.
    pub(crate) fn hush(&mut self, description: &NoiseDescription) {
        match &mut self.murmur {
            Some(murmur) => murmur.describe(description),
            None => {
                self.murmur = Some(Murmur::new(self.stream.codec, description, self.out.ssrc));
                self.marker = true;
            }
        }
    }

    /// The other leg speaks again.
    #[inline]
    pub(crate) fn end_hush(&mut self) {
        if self.murmur.take().is_some() {
            self.out.rejoin();
        }
    }

    /// Says to the far end what another leg said, encoded anew.
    pub(crate) fn say(
        &mut self,
        now: Duration,
        (from, rate): (Codec, Rate),
        said: &Said,
        samples: &[i16],
        outbox: &mut Outbox,
    ) {
        let Some(destination) = self.latch.destination() else { return };
        self.end_hush();
        let codec = self.stream.codec;
        let fresh = || Mouth::new(codec, rate, self.adaptation.as_ref().map(Adaptation::target));
        let mouth = match &mut self.mouth {
            Some(mouth) if mouth.fits(codec, rate) => mouth,
            mouth => {
                self.out.rejoin();
                mouth.insert(fresh())
            }
        };
        let (out, port, payload_type) = (&mut self.out, self.port, self.stream.payload_type.send);
        let mut protection = self.protection.as_deref_mut();
        mouth.say(said, from, samples, |packet| {
            let relayed = out.relay(now, payload_type, packet);
            outbox.transmit_rtp(port, destination, protection.as_deref_mut(), |bytes| relayed.write(bytes));
        });
    }
}
