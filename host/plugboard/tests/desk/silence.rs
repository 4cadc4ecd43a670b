//! A sound for packs.

/// A fiftieth of a second of silence: PCM, mono, 8,000 Hz.
pub(crate) fn silence() -> Vec<u8> {
    let (rate, bytes) = (8_000_u32, [0; 320]);
    let rates = [rate.to_le_bytes(), (2 * rate).to_le_bytes()].concat();
    let format = [&16_u32.to_le_bytes()[..], &[1, 0, 1, 0], &rates[..], &[2, 0, 16, 0]].concat();
    let data = [&b"data"[..], &320_u32.to_le_bytes(), &bytes].concat();
    let whole = [&b"WAVEfmt "[..], &format[..], &data[..]].concat();
    [&b"RIFF"[..], &(whole.len() as u32).to_le_bytes(), &whole[..]].concat()
}
