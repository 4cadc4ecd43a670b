//! SRTP of one leg: what protects its packets, both ways.

use plugboard_srtp::{MasterKeys, ProtectError, ReceiveContext, Refused, SendContext};

/// Both contexts under the keys that are in force.
#[derive(Debug)]
pub(crate) struct Protection {
    keys: MasterKeys,
    send: SendContext,
    receive: ReceiveContext,
    /// By contexts that keys of before had.
    refused: Refused,
}

impl Protection {
    pub(crate) fn new(keys: MasterKeys) -> Self {
        Self {
            keys,
            send: SendContext::new(&keys.send),
            receive: ReceiveContext::new(&keys.receive, keys.key_name),
            refused: Refused::default(),
        }
    }

    /// A re-INVITE brought these keys. A side whose key stayed goes on: under one key no number may come twice.
    pub(crate) fn rekey(&mut self, keys: MasterKeys) {
        if keys.send != self.keys.send {
            self.send = SendContext::new(&keys.send);
        }
        if (keys.receive, keys.key_name) != (self.keys.receive, self.keys.key_name) {
            self.refused = self.refused();
            self.receive = ReceiveContext::new(&keys.receive, keys.key_name);
        }
        self.keys = keys;
    }

    /// Protects what is in `out` from `start` on.
    #[inline]
    pub(crate) fn protect(&mut self, is_rtcp: bool, out: &mut Vec<u8>, start: usize) -> Result<(), ProtectError> {
        if is_rtcp { self.send.protect_rtcp(out, start) } else { self.send.protect_rtp(out, start) }
    }

    /// What the far end said, at the start of `packet`; `None` if nobody with its key did, or not for the first time.
    #[inline]
    pub(crate) fn unprotect<'a>(&mut self, is_rtcp: bool, packet: &'a mut [u8]) -> Option<&'a [u8]> {
        let plain = if is_rtcp { self.receive.unprotect_rtcp(packet) } else { self.receive.unprotect_rtp(packet) };
        plain.ok().map(|plain| &*plain)
    }

    pub(crate) fn refused(&self) -> Refused {
        self.refused + self.receive.refused()
    }
}
