//! How large one record may grow, whatever a caller, a flow or a plugin says.

use crate::LIST_BOUND;

/// JSON bytes that the lists of one record may take. With all else it stays below the 64 KiB that a store takes as one value.
pub(crate) const ROOM: usize = 48 * 1024;
/// Bytes of JSON kept of a name, a party or a tag's value.
pub(crate) const SHORT: usize = 256;
/// Bytes of JSON kept of a note or a reason.
pub(crate) const LONG: usize = 1_024;

/// Bytes of a text in JSON.
pub(crate) fn weight(text: &str) -> usize {
    text.bytes().map(json_bytes).sum()
}

fn json_bytes(byte: u8) -> usize {
    match byte {
        b'"' | b'\\' => 2,
        0..0x20 => 6,
        _ => 1,
    }
}

/// As much of the text as fits into `limit` bytes of JSON.
pub(crate) fn cut(text: &str, limit: usize) -> String {
    let mut taken = 0;
    let fits = text.char_indices().find(|(_, c)| {
        taken += c.encode_utf8(&mut [0; 4]).bytes().map(json_bytes).sum::<usize>();
        taken > limit
    });
    text[..fits.map_or(text.len(), |(at, _)| at)].to_owned()
}

/// Keeps lists bounded, in entries and in bytes of JSON, and counts what is left out. Returns whether there was room.
pub(crate) fn push<T>(list: &mut Vec<T>, room: &mut usize, left_out: &mut u32, bytes: usize, item: T) -> bool {
    let fits = list.len() < LIST_BOUND && bytes <= *room;
    if fits {
        *room -= bytes;
        list.push(item);
    } else {
        *left_out = left_out.saturating_add(1);
    }
    fits
}
