//! Tapes, packed: a call's is a few hundred bytes then.

use std::io::{self, Read as _, Write as _};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use flate2::{Compression, read::DeflateDecoder, write::DeflateEncoder};
use plugboard_model::{FlowId, InteractionId, QueueId, TenantId, Timestamp, routing::Tables, tape::Tape};
use serde::{Deserialize, Serialize};

use crate::{Cursor, IndexEntry, IndexValue, Order, Query, Record};

/// A [`Tape`] as it lies in the store: found by the time when its call began, and by flow with that time behind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptTape {
    interaction: InteractionId,
    begun_at: Timestamp,
    flows: Vec<FlowId>,
    #[serde(default)]
    queues: Vec<QueueId>,
    is_cut: bool,
    #[serde(default)]
    left_out: u32,
    /// DEFLATE (RFC 1951) in Base64.
    lines: String,
}

/// Why a kept tape cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    #[error("the tape of interaction {interaction} is no Base64")]
    Base64 { interaction: InteractionId, source: base64::DecodeError },
    #[error("the tape of interaction {interaction} is not packed as it should be")]
    Deflate { interaction: InteractionId, source: io::Error },
}

/// Bytes of the text of any tape.
const LONGEST: u64 = (Tape::LIMIT + Tape::LIMIT_OF_QUESTIONS) as u64;

impl KeptTape {
    pub fn pack(tape: &Tape) -> io::Result<Self> {
        let mut packer = DeflateEncoder::new(Vec::new(), Compression::fast());
        packer.write_all(tape.lines.as_bytes())?;
        let lines = BASE64_STANDARD.encode(packer.finish()?);
        let Tape { interaction, begun_at, is_cut, left_out, .. } = *tape;
        let (flows, queues) = (tape.flows.clone(), tape.queues.clone());
        Ok(Self { interaction, begun_at, flows, queues, is_cut, left_out, lines })
    }

    pub fn unpack(self) -> Result<Tape, UnpackError> {
        let Self { interaction, begun_at, flows, queues, is_cut, left_out, lines } = self;
        let packed = BASE64_STANDARD.decode(lines).map_err(|source| UnpackError::Base64 { interaction, source })?;
        let mut text = String::new();
        // Whatever was packed: no tape is longer.
        let mut unpacker = DeflateDecoder::new(&packed[..]).take(LONGEST);
        unpacker.read_to_string(&mut text).map_err(|source| UnpackError::Deflate { interaction, source })?;
        Ok(Tape { interaction, begun_at, flows, queues, is_cut, left_out, lines: text })
    }

    pub fn interaction(&self) -> InteractionId {
        self.interaction
    }
}

impl Record for KeptTape {
    const KIND: &'static str = "tape";

    fn id(&self) -> String {
        self.interaction.to_string()
    }

    fn indexes(&self) -> Vec<IndexEntry> {
        let begun = self.begun_at.as_millis();
        let of = |index, name: &str| IndexEntry::new(index, IndexValue::text(name).then_number(begun));
        let mut entries = vec![IndexEntry::new("begun", IndexValue::number(begun))];
        entries.extend(self.flows.iter().map(|flow| of("flow", flow.as_str())));
        entries.extend(self.queues.iter().map(|queue| of("queue", queue.as_str())));
        entries
    }
}

/// What the numbers on tapes are of, kept once for all of them as long as they are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptTables {
    /// As tapes name it.
    pub name: String,
    /// A day, to the millisecond of its begin in UTC, on which a tape was written that names it.
    pub used_on_ms: u64,
    pub tables: Tables,
}

impl Record for KeptTables {
    const KIND: &'static str = "tables";

    fn id(&self) -> String {
        self.name.clone()
    }

    fn indexes(&self) -> Vec<IndexEntry> {
        vec![IndexEntry::new("used", IndexValue::number(self.used_on_ms))]
    }
}

impl KeptTables {
    /// Of those that were last used before `to`; read the rows as [`KeptTables`].
    pub fn unused_since(tenant: &TenantId, to: Timestamp, limit: usize) -> Query<'_> {
        Query::new(tenant, Self::KIND, "used")
            .between(IndexValue::number(0), IndexValue::number(to.as_millis()))
            .order(Order::Ascending)
            .limit(limit)
    }
}

/// Which calls' tapes.
#[derive(Clone, Copy, Debug, Default)]
pub enum TapesOf<'a> {
    #[default]
    All,
    /// Those that went through this flow.
    Flow(&'a FlowId),
    /// Those that the policy of this queue was asked about.
    Queue(&'a QueueId),
}

/// Tapes of a span of time, oldest first.
#[derive(Clone, Debug)]
pub struct TapeSearch<'a> {
    pub of: TapesOf<'a>,
    /// Begun at or after this.
    pub from: Timestamp,
    /// Begun before this.
    pub to: Timestamp,
    pub after: Option<Cursor>,
    /// At most 1,000.
    pub limit: usize,
}

impl TapeSearch<'_> {
    /// For [`crate::Store::query`]; read the rows as [`KeptTape`].
    pub fn query<'t>(&self, tenant: &'t TenantId) -> Query<'t> {
        let (index, prefix) = match self.of {
            TapesOf::Flow(flow) => ("flow", IndexValue::text(flow.as_str())),
            TapesOf::Queue(queue) => ("queue", IndexValue::text(queue.as_str())),
            TapesOf::All => ("begun", IndexValue::default()),
        };
        let at = |time: Timestamp| prefix.clone().then_number(time.as_millis());
        Query::new(tenant, KeptTape::KIND, index)
            .within(prefix.clone())
            .between(at(self.from), at(self.to))
            .order(Order::Ascending)
            .after(self.after.clone())
            .limit(self.limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tape(lines: &str) -> Tape {
        let flows = vec!["menu".parse().expect("a name")];
        Tape {
            interaction: InteractionId(7),
            begun_at: Timestamp::from_secs(5),
            flows,
            queues: Vec::new(),
            is_cut: false,
            left_out: 0,
            lines: lines.into(),
        }
    }

    #[test]
    fn tape_comes_back_as_it_was_and_takes_a_fraction_of_its_room() {
        let long = tape(&"{\"step\":{\"event\":{\"seq\":0}}}\n".repeat(200));
        let kept = KeptTape::pack(&long).expect("a tape");
        assert!(kept.lines.len() * 20 < long.lines.len(), "{} of {}", kept.lines.len(), long.lines.len());
        assert_eq!(kept.unpack().expect("the tape"), long);
    }

    #[test]
    fn tape_that_swells_beyond_its_bound_is_cut_there() {
        let kept = KeptTape::pack(&tape(&"x".repeat(Tape::LIMIT * 3))).expect("a tape");
        assert_eq!(kept.unpack().expect("the tape").lines.len() as u64, LONGEST);
    }
}
