//! Which legs are encrypted, and with what keys.

use hmac::{Hmac, Mac};
use plugboard_model::Srtp;
use plugboard_sdp as sdp;
use plugboard_sip as sip;
use sha2::Sha256;

use crate::exchange::Exchange;

/// The tenant wants SRTP, and its keys would be legible on the way (RFC 4568 §7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KeysInClear;

impl Exchange {
    /// What a leg may do that is signalled this way. Each has keys of its own.
    pub(crate) fn security(&mut self, srtp: Srtp, by: sip::Transport) -> Result<sdp::Security, KeysInClear> {
        match (srtp, self.may_say_keys(by)) {
            (Srtp::Off, _) | (Srtp::Offered, false) => Ok(sdp::Security::Off),
            (Srtp::Offered, true) => Ok(sdp::Security::Offered(self.draw_keys())),
            (Srtp::Required, true) => Ok(sdp::Security::Required(self.draw_keys())),
            (Srtp::Required, false) => Err(KeysInClear),
        }
    }

    pub(crate) fn may_say_keys(&self, by: sip::Transport) -> bool {
        matches!(by, sip::Transport::Tls | sip::Transport::Wss) || self.configuration.encryption.keys_in_clear
    }

    /// From the secret, which nobody can guess, and a number that never comes twice in the life of an exchange.
    fn draw_keys(&mut self) -> sdp::OurKeys {
        let secret = self.settings.secret;
        sdp::OurKeys::drawn(|| {
            self.drawn_keys += 1;
            let mac = <Hmac<Sha256> as Mac>::new_from_slice(&secret).expect("HMAC takes keys of every length");
            let drawn = mac.chain_update(b"key of SRTP").chain_update(self.drawn_keys.to_be_bytes()).finalize();
            *drawn.into_bytes().first_chunk().expect("32 bytes hold 30")
        })
    }

    /// 488 that says what is missing, for whoever sees it in a trace (RFC 3261 §20.43).
    pub(crate) fn refuse_plain_keys(&self) -> sip::endpoint::Response {
        let text = "keys of SRTP are not said over SIP that is not encrypted";
        self.warned(sip::Status::NOT_ACCEPTABLE_HERE, 399, text)
    }

    pub(crate) fn warned(&self, status: sip::Status, code: u16, text: &str) -> sip::endpoint::Response {
        // The text may name what the peer wrote.
        let is_safe = |c: &char| matches!(c, ' '..='~') && !matches!(c, '"' | '\\');
        let text: String = text.chars().filter(is_safe).take(200).collect();
        let host = &self.settings.host;
        sip::endpoint::Response::new(status).header("Warning", format!("{code} {host} \"{text}\""))
    }
}
