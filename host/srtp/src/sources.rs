//! What is remembered of each sender: its newest packet, and which of those before it are known (RFC 3711 §3.3.1 and §3.3.2).

/// How far back a packet may come late: 128 of 20 ms are two and a half seconds.
const WINDOW: u64 = u128::BITS as u64;
/// Senders that one context knows. A far end has one, and a few more while calls are passed on behind it.
const MAX_SOURCES: usize = 16;
/// Indexes of RTP have 48 bits: roll-over counter and sequence number.
const MAX_RTP_INDEX: u64 = (1 << 48) - 1;

/// One sender. Its packets are numbered by an index that never comes twice under one key.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Source {
    ssrc: u32,
    /// Of the newest packet.
    newest: u64,
    /// Bit `n`: whether the packet `n` before the newest came.
    came: u128,
}

impl Source {
    pub(crate) fn new(ssrc: u32, index: u64) -> Self {
        Self { ssrc, newest: index, came: 1 }
    }

    /// The index nearest to the newest that ends in this sequence number. `None` if it would be before the first or after the last.
    #[inline]
    pub(crate) fn index_of(&self, sequence: u16) -> Option<u64> {
        let step = sequence.wrapping_sub(self.newest as u16) as i16;
        self.newest.checked_add_signed(step.into()).filter(|index| *index <= MAX_RTP_INDEX)
    }

    /// False for one that came already, or is too late for us to tell.
    #[inline]
    pub(crate) fn is_new(&self, index: u64) -> bool {
        match self.newest.checked_sub(index) {
            None => true,
            Some(behind) => behind < WINDOW && self.came >> behind & 1 == 0,
        }
    }

    /// To be told of packets that are authentic and new, and of no others.
    #[inline]
    pub(crate) fn note(&mut self, index: u64) {
        match index.checked_sub(self.newest) {
            Some(ahead) if ahead > 0 => {
                self.came = if ahead < WINDOW { self.came << ahead | 1 } else { 1 };
                self.newest = index;
            }
            _ => self.came |= 1_u128.checked_shl((self.newest - index) as u32).unwrap_or(0),
        }
    }
}

/// The senders of one kind of packet. There is no forgetting: what was forgotten could be played again.
#[derive(Debug, Default)]
pub(crate) struct Sources(Vec<Source>);

/// Whether a sender is known.
#[derive(Debug)]
pub(crate) enum Place<'a> {
    Known(&'a mut Source),
    /// It may be added.
    Free,
    Full,
}

impl Sources {
    #[inline]
    pub(crate) fn place(&mut self, ssrc: u32) -> Place<'_> {
        let is_full = self.0.len() >= MAX_SOURCES;
        match self.0.iter_mut().find(|source| source.ssrc == ssrc) {
            Some(source) => Place::Known(source),
            None if is_full => Place::Full,
            None => Place::Free,
        }
    }

    pub(crate) fn add(&mut self, source: Source) {
        self.0.push(source);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 3711 appendix A, with all that is near a turn of the sequence number.
    #[test]
    fn a_sequence_number_means_the_index_that_is_nearest() {
        let source = Source::new(1, 0x5_0003);
        let meant = [0x0004, 0x0003, 0xfffe, 0x8003, 0x8002].map(|sequence| source.index_of(sequence));
        assert_eq!(meant, [0x5_0004, 0x5_0003, 0x4_fffe, 0x4_8003, 0x5_8002].map(Some));
    }

    #[test]
    fn there_is_no_index_before_the_first_and_none_after_the_last() {
        let ends = [Source::new(1, 3).index_of(0xfffe), Source::new(1, MAX_RTP_INDEX).index_of(0)];
        assert_eq!(ends, [None, None]);
    }

    #[test]
    fn each_index_is_new_once_and_none_is_that_is_further_back_than_the_window() {
        let mut source = Source::new(1, 1_000);
        let mut taken = Vec::new();
        for index in [1_000, 1_003, 1_001, 1_003, 1_001, 1_128, 1_001, 1_002, 1_000, 1_400, 1_273, 1_272, 1_399, 1_399]
        {
            if source.is_new(index) {
                source.note(index);
                taken.push(index);
            }
        }
        assert_eq!(taken, [1_003, 1_001, 1_128, 1_002, 1_400, 1_273, 1_399]);
    }
}
