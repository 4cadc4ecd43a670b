//! How wide text is on a terminal.

/// Ideographs, kana, hangul and full-width forms take two cells (Unicode Standard Annex #11, `W` and `F`; the common ranges).
pub(super) fn width(text: &str) -> usize {
    text.chars().map(cells).sum()
}

fn cells(character: char) -> usize {
    match u32::from(character) {
        0..0x20 | 0x7f..0xa0 => 0,
        0x1100..0x1160
        | 0x2e80..0x303f
        | 0x3041..0xa4d0
        | 0xac00..0xd7a4
        | 0xf900..0xfb00
        | 0xfe30..0xfe70
        | 0xff00..0xff61
        | 0xffe0..0xffe7
        | 0x1f300..0x1f650
        | 0x20000..0x3fffe => 2,
        _ => 1,
    }
}

/// At most `most` cells, with an ellipsis where something was cut; control characters left out.
pub(super) fn cut(text: &str, most: usize) -> String {
    let text: String = text.chars().filter(|c| !c.is_control()).collect();
    if width(&text) <= most {
        return text;
    }
    let mut used = 1;
    let mut short: String = text
        .chars()
        .take_while(|c| {
            used += cells(*c);
            used <= most
        })
        .collect();
    short.push('…');
    short
}

/// In the middle of `length` cells.
pub(super) fn centred(text: &str, length: usize) -> String {
    let blank = length.saturating_sub(width(text));
    format!("{}{text}{}", " ".repeat(blank / 2), " ".repeat(blank - blank / 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chinese_is_cut_and_centred_by_cells() {
        assert_eq!((width("售后 a"), cut("售后服务", 6), centred("售后", 8)), (6, "售后…".into(), "  售后  ".into()));
    }
}
