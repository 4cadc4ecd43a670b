/// Bytes of an RTP header without contributing sources or extension.
pub const HEADER: usize = 12;

/// One RTP packet, seen in place (RFC 3550 §5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    pub marker: bool,
    /// 0–127.
    pub payload_type: u8,
    pub sequence: u16,
    pub timestamp: u32,
    pub ssrc: u32,
    /// Without padding; may be empty.
    pub payload: &'a [u8],
}

impl<'a> Packet<'a> {
    /// `None` if these bytes are not RTP version 2 or contradict themselves. Contributing sources and the extension are skipped.
    #[inline]
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (header, rest) = bytes.split_first_chunk::<HEADER>()?;
        let [first, second, sequence @ ..] = header;
        let [s0, s1, t0, t1, t2, t3, r0, r1, r2, r3] = *sequence;
        if first >> 6 != 2 {
            return None;
        }
        let mut rest = rest.get(4 * usize::from(first & 0x0f)..)?;
        if first & 0x10 != 0 {
            let (extension, after) = rest.split_first_chunk::<4>()?;
            let words = u16::from_be_bytes([extension[2], extension[3]]);
            rest = after.get(4 * usize::from(words)..)?;
        }
        if first & 0x20 != 0 {
            let padding = usize::from(*rest.last()?);
            if padding == 0 {
                return None;
            }
            rest = rest.get(..rest.len().checked_sub(padding)?)?;
        }
        Some(Self {
            marker: second & 0x80 != 0,
            payload_type: second & 0x7f,
            sequence: u16::from_be_bytes([s0, s1]),
            timestamp: u32::from_be_bytes([t0, t1, t2, t3]),
            ssrc: u32::from_be_bytes([r0, r1, r2, r3]),
            payload: rest,
        })
    }

    /// The header to send, with neither padding nor contributing sources nor extension; the payload follows it.
    #[inline]
    pub fn header(&self) -> [u8; HEADER] {
        let [s0, s1] = self.sequence.to_be_bytes();
        let [t0, t1, t2, t3] = self.timestamp.to_be_bytes();
        let [r0, r1, r2, r3] = self.ssrc.to_be_bytes();
        [0x80, (u8::from(self.marker) << 7) | (self.payload_type & 0x7f), s0, s1, t0, t1, t2, t3, r0, r1, r2, r3]
    }

    /// Appends header and payload.
    #[inline]
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.header());
        out.extend_from_slice(self.payload);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Packet<'_> = Packet {
        marker: true,
        payload_type: 101,
        sequence: 0xfffe,
        timestamp: 7,
        ssrc: 0xdead_beef,
        payload: b"sound",
    };

    fn written(packet: &Packet<'_>) -> Vec<u8> {
        let mut out = Vec::new();
        packet.write(&mut out);
        out
    }

    #[test]
    fn what_is_written_reads_back_the_same() {
        assert_eq!(Packet::parse(&written(&PLAIN)), Some(PLAIN));
    }

    #[test]
    fn contributing_sources_extension_and_padding_are_not_payload() {
        let mut bytes = written(&Packet { payload: b"", ..PLAIN });
        bytes[0] |= 0x20 | 0x10 | 2;
        bytes.extend([1; 8]);
        bytes.extend([0xbe, 0xde, 0, 1, 9, 9, 9, 9]);
        bytes.extend(b"sound\0\0\x03");
        assert_eq!(Packet::parse(&bytes), Some(PLAIN));
    }

    #[test]
    fn no_cut_and_no_first_byte_makes_it_panic_or_read_past_the_end() {
        let whole = {
            let mut bytes = written(&PLAIN);
            bytes.extend([4; 60]);
            bytes
        };
        for first in 0..=255 {
            for length in 0..whole.len() {
                let mut bytes = whole[..length].to_vec();
                if let Some(byte) = bytes.first_mut() {
                    *byte = first;
                }
                if let Some(packet) = Packet::parse(&bytes) {
                    assert!(first >> 6 == 2 && packet.payload.len() + HEADER <= length);
                }
            }
        }
    }
}
