//! The session keys of one kind of packet, and what they do to it.

use aes::cipher::{BlockEncrypt, KeyInit};
use aes::{Aes128Enc, Block};
use aes_gcm::AesGcm;
use aes_gcm::aead::AeadInPlace;
use aes_gcm::aead::consts::U12;
use hmac::{Hmac, Mac};
use sha1::Sha1;

use crate::RTCP_HEADER;
use crate::keys::{Keys, Suite};

/// Labels of the key derivation (RFC 3711 §4.3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Rtp = 0,
    Rtcp = 3,
}

/// Session keys are derived once (a key derivation rate of 0): nobody negotiates another.
pub(crate) struct Cipher {
    kind: Kind,
    transform: Transform,
    /// Bytes of an authentication tag.
    pub(crate) tag: usize,
}

enum Transform {
    /// RFC 3711 §4.1.1 and §4.2.1.
    Counter { cipher: Aes128Enc, salt: [u8; 14], mac: Hmac<Sha1> },
    /// RFC 7714 §8 and §9.
    Gcm { cipher: AesGcm<Aes128Enc, U12>, salt: [u8; 12] },
}

/// The longest tag.
pub(crate) const MAX_TAG: usize = 16;
/// Blocks of keystream made at once: the processor works on that many side by side.
const AHEAD: usize = 8;
/// Bytes of a session authentication key (RFC 3711 §5.2).
const MAC_KEY: usize = 20;

impl Cipher {
    pub(crate) fn new(keys: &Keys, kind: Kind) -> Self {
        let (master, salt) = keys.master();
        let derivation = Aes128Enc::new(master.into());
        let mut session_key = [0; 16];
        derive(&derivation, salt, kind as u8, &mut session_key);
        let mut session_salt = [0; 14];
        derive(&derivation, salt, kind as u8 + 2, &mut session_salt);
        match keys.suite() {
            suite @ (Suite::AesCm128HmacSha1_80 | Suite::AesCm128HmacSha1_32) => {
                let mut mac_key = [0; MAC_KEY];
                derive(&derivation, salt, kind as u8 + 1, &mut mac_key);
                // Control packets keep the long tag (RFC 4568 §6.2.2).
                let tag = if suite == Suite::AesCm128HmacSha1_32 && kind == Kind::Rtp { 4 } else { 10 };
                Self::counter(kind, &session_key, session_salt, &mac_key, tag)
            }
            Suite::AeadAes128Gcm => {
                Self::gcm(kind, &session_key, *session_salt.first_chunk().expect("14 bytes hold 12"))
            }
        }
    }

    fn counter(kind: Kind, key: &[u8; 16], salt: [u8; 14], mac_key: &[u8; MAC_KEY], tag: usize) -> Self {
        let mac = <Hmac<Sha1> as Mac>::new_from_slice(mac_key).expect("HMAC takes keys of every length");
        Self { kind, transform: Transform::Counter { cipher: Aes128Enc::new(key.into()), salt, mac }, tag }
    }

    fn gcm(kind: Kind, key: &[u8; 16], salt: [u8; 12]) -> Self {
        Self { kind, transform: Transform::Gcm { cipher: AesGcm::new(key.into()), salt }, tag: MAX_TAG }
    }

    /// Whether the tag stands before the word behind an SRTCP packet and before the key's name, as RFC 7714 has it, or behind both (RFC 3711).
    pub(crate) fn tag_comes_first(&self) -> bool {
        matches!(self.transform, Transform::Gcm { .. })
    }

    /// Encrypts `body` and gives the tag, whose first [`Self::tag`] bytes count. `trailer` is what is authenticated and stands behind the
    /// packet or nowhere: the roll-over counter of RTP, the word of RTCP.
    #[inline]
    pub(crate) fn seal(
        &self,
        (ssrc, index): (u32, u64),
        header: &[u8],
        body: &mut [u8],
        trailer: [u8; 4],
    ) -> [u8; MAX_TAG] {
        let mut tag = [0; MAX_TAG];
        match &self.transform {
            Transform::Counter { cipher, salt, mac } => {
                apply_keystream(cipher, counter_iv(salt, ssrc, index), body);
                let mac = mac.clone().chain_update(header).chain_update(&*body).chain_update(trailer);
                tag.copy_from_slice(&mac.finalize().into_bytes()[..MAX_TAG]);
            }
            Transform::Gcm { cipher, salt } => {
                let iv = gcm_iv(salt, ssrc, index);
                let sealed = match self.kind {
                    Kind::Rtp => cipher.encrypt_in_place_detached(&iv.into(), header, body),
                    Kind::Rtcp => cipher.encrypt_in_place_detached(&iv.into(), &with_trailer(header, trailer), body),
                };
                tag.copy_from_slice(&sealed.expect("no datagram is longer than the 64 GiB that GCM takes"));
            }
        }
        tag
    }

    /// Decrypts `body` if the tag, of [`Self::tag`] bytes, is that of its author; otherwise leaves it as it is.
    #[inline]
    #[must_use]
    pub(crate) fn open(
        &self,
        (ssrc, index): (u32, u64),
        header: &[u8],
        body: &mut [u8],
        trailer: [u8; 4],
        tag: &[u8],
    ) -> bool {
        match &self.transform {
            Transform::Counter { cipher, salt, mac } => {
                let mac = mac.clone().chain_update(header).chain_update(&*body).chain_update(trailer);
                let is_authentic = mac.verify_truncated_left(tag).is_ok();
                if is_authentic {
                    apply_keystream(cipher, counter_iv(salt, ssrc, index), body);
                }
                is_authentic
            }
            Transform::Gcm { cipher, salt } => {
                let Ok(tag) = <[u8; MAX_TAG]>::try_from(tag) else { return false };
                let (iv, tag) = (gcm_iv(salt, ssrc, index), tag.into());
                match self.kind {
                    Kind::Rtp => cipher.decrypt_in_place_detached(&iv.into(), header, body, &tag),
                    Kind::Rtcp => {
                        cipher.decrypt_in_place_detached(&iv.into(), &with_trailer(header, trailer), body, &tag)
                    }
                }
                .is_ok()
            }
        }
    }
}

/// RFC 7714 §9.2: the legible head of a control packet, and its word.
fn with_trailer(header: &[u8], trailer: [u8; 4]) -> [u8; RTCP_HEADER + 4] {
    let mut both = [0; RTCP_HEADER + 4];
    both[..RTCP_HEADER].copy_from_slice(header);
    both[RTCP_HEADER..].copy_from_slice(&trailer);
    both
}

/// RFC 3711 §4.3.1 and §4.3.3, with a key derivation rate of 0.
fn derive(derivation: &Aes128Enc, salt: &[u8; 14], label: u8, out: &mut [u8]) {
    let mut iv = [0; 16];
    iv[..14].copy_from_slice(salt);
    iv[7] ^= label;
    apply_keystream(derivation, iv, out);
}

/// RFC 3711 §4.1.1; the last two bytes count blocks.
#[inline]
fn counter_iv(salt: &[u8; 14], ssrc: u32, index: u64) -> [u8; 16] {
    let salt = u128::from_be_bytes([
        salt[0], salt[1], salt[2], salt[3], salt[4], salt[5], salt[6], salt[7], salt[8], salt[9], salt[10], salt[11],
        salt[12], salt[13], 0, 0,
    ]);
    (salt ^ u128::from(ssrc) << 64 ^ u128::from(index) << 16).to_be_bytes()
}

/// RFC 7714 §8.1 and §9.1.
#[inline]
fn gcm_iv(salt: &[u8; 12], ssrc: u32, index: u64) -> [u8; 12] {
    let mut iv = *salt;
    let number = u128::from(ssrc) << 48 | u128::from(index);
    iv.iter_mut().zip(&number.to_be_bytes()[4..]).for_each(|(byte, number)| *byte ^= number);
    iv
}

/// A datagram has at most 4,096 blocks, so that the counter stays within its two bytes.
#[inline]
fn apply_keystream(cipher: &Aes128Enc, iv: [u8; 16], data: &mut [u8]) {
    let start = u128::from_be_bytes(iv);
    let mut number = 0;
    for piece in data.chunks_mut(16 * AHEAD) {
        let mut blocks = [Block::default(); AHEAD];
        let blocks = &mut blocks[..piece.len().div_ceil(16)];
        for block in &mut *blocks {
            *block = (start ^ number).to_be_bytes().into();
            number += 1;
        }
        cipher.encrypt_blocks(blocks);
        for (bytes, block) in piece.chunks_mut(16).zip(blocks) {
            bytes.iter_mut().zip(block.iter()).for_each(|(byte, key)| *byte ^= key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(hex: &str) -> Vec<u8> {
        let digits: Vec<u32> = hex.chars().filter_map(|digit| digit.to_digit(16)).collect();
        digits.chunks(2).map(|pair| (pair[0] << 4 | pair[1]) as u8).collect()
    }

    fn array<const N: usize>(hex: &str) -> [u8; N] {
        bytes(hex).try_into().unwrap()
    }

    #[test]
    fn keystream_is_that_of_rfc_3711_appendix_b_2() {
        let cipher = Aes128Enc::new(&array("2B7E151628AED2A6ABF7158809CF4F3C").into());
        let mut stream = vec![0; 16 * 0xff02];
        apply_keystream(&cipher, array("F0F1F2F3F4F5F6F7F8F9FAFBFCFD0000"), &mut stream);
        let told = [0, 1, 2, 0xfeff, 0xff00, 0xff01].map(|block| stream[16 * block..16 * (block + 1)].to_vec());
        let meant = [
            "E03EAD0935C95E80E166B16DD92B4EB4",
            "D23513162B02D0F72A43A2FE4A5F97AB",
            "41E95B3BB0A2E8DD477901E4FCA894C0",
            "EC8CDF7398607CB0F2D21675EA9EA1E4",
            "362B7C3C6773516318A077D7FC5073AE",
            "6A2CC3787889374FBEB4C81B17BA6C44",
        ];
        assert_eq!(told, meant.map(bytes));
    }

    #[test]
    fn session_keys_are_those_of_rfc_3711_appendix_b_3() {
        let derivation = Aes128Enc::new(&array("E1F97A0D3E018BE0D64FA32C06DE4139").into());
        let of = |label: u8, length: usize| {
            let mut key = vec![0; length];
            derive(&derivation, &array("0EC675AD498AFEEBB6960B3AABE6"), label, &mut key);
            key
        };
        let meant = [
            "C61E7A93744F39EE10734AFE3FF7A087",
            "30CBBC08863D8C85D49DB34A9AE1",
            "CEBE321F6FF7716B6FD4AB49AF256A156D38BAA48F0A0ACF3C34E2359E6CDBCEE049646C43D9327AD175578EF72270986371C10C9A369AC2F94A8C5FBCDDDC256D6E919A48B610EF17C2041E474035766B68642C59BBFC2F34DB60DBDFB2",
        ];
        assert_eq!([of(0, 16), of(2, 14), of(1, 94)], meant.map(|hex| bytes(hex)[..].to_vec()));
    }

    const QUID_PRO_QUO: &str = "517569642070726f2071756f";

    #[test]
    fn a_packet_is_sealed_and_opened_as_in_rfc_7714_section_16_1() {
        let cipher = Cipher::gcm(Kind::Rtp, &array("000102030405060708090a0b0c0d0e0f"), array(QUID_PRO_QUO));
        let header = bytes("8040f17b 8041f8d3 5501a0b2");
        let mut body = b"Gallia est omnis divisa in partes tres".to_vec();
        let numbers = (0x5501_a0b2, 0xf17b);
        let tag = cipher.seal(numbers, &header, &mut body, [0; 4]);
        let sealed = "f24de3a3 fb34de6c acba861c 9d7e4bca be633bd5 0d294e6f 42a5f47a 51c7d19b 36de3adf 8833";
        assert_eq!((&body, tag), (&bytes(sealed), array("899d7f27beb16a9152cf765ee4390cce")));
        assert!(cipher.open(numbers, &header, &mut body, [0; 4], &tag));
        assert_eq!(body, b"Gallia est omnis divisa in partes tres");
    }

    #[test]
    fn a_control_packet_is_sealed_as_in_rfc_7714_section_17_1() {
        let cipher = Cipher::gcm(Kind::Rtcp, &array("000102030405060708090a0b0c0d0e0f"), array(QUID_PRO_QUO));
        let mut body =
            bytes("4e545031 4e545032 52545020 0000042a 0000e930 4c756e61 deadbeef deadbeef deadbeef deadbeef deadbeef");
        let tag =
            cipher.seal((0x4d61_7273, 0x5d4), &bytes("81c8000d 4d617273"), &mut body, 0x8000_05d4_u32.to_be_bytes());
        let sealed =
            "63e94885 dcdab67c a727d766 2f6b7e99 7ff5c0f7 6c06f32d c676a5f1 730d6fda 4ce09b46 86303ded 0bb9275b";
        assert_eq!((body, tag), (bytes(sealed), array("c84aa45896cf4d2fc5abf87245d9eade")));
    }
}
