//! What somebody probably meant.

/// The remedy for an unknown word: the nearest known one, else all of them.
pub(crate) fn instead<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    const MOST_LISTED: usize = 20;
    let mut known: Vec<&str> = known.into_iter().collect();
    if let Some(nearest) = nearest(word, &known) {
        return format!("did you mean `{nearest}`?");
    }
    known.sort_unstable();
    match known.len() {
        0 => "there is none yet; add it first".to_owned(),
        1..=MOST_LISTED => format!("use one of: {}", known.join(", ")),
        more => format!("use one of the {more} that exist, like {}", known[..4].join(", ")),
    }
}

/// The known word that a slip of the pen turns into `word`: at most a third of its letters differ.
fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let lower = word.to_lowercase();
    let slips = (word.chars().count() / 3).clamp(1, 4);
    known
        .iter()
        .map(|known| (distance(&lower, &known.to_lowercase()), *known))
        .filter(|(distance, _)| *distance <= slips)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, known)| known)
}

/// Optimal string alignment: insertions, deletions, replacements and swaps of neighbours, each counted once.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().take(64).collect(), b.chars().take(64).collect());
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let replaced = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            row[j] = replaced.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(before[j - 2] + 1);
            }
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_pen_is_recognised_and_another_word_is_not() {
        let known = ["ring_timeout", "wrap_up", "support", "支持"];
        assert_eq!(
            ["ring_timout", "warp_up", "Suport", "支特", "sales"].map(|word| nearest(word, &known)),
            [Some("ring_timeout"), Some("wrap_up"), Some("support"), Some("支持"), None]
        );
    }
}
