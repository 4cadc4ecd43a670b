//! What a careless or hostile hand may put where a component reads.

use crate::Settings;

/// Deep enough to overrun the stack of a reader that recurses without a bound.
pub(crate) const DEPTH: usize = 20_000;

/// The settings as they are, then with one thing wrong at a time.
pub(crate) fn settings(base: &Settings) -> Vec<(String, Settings)> {
    let mut cases = vec![("as they are".to_owned(), base.clone())];
    let mut with = |case: String, name: &str, value: String| {
        let mut settings = base.clone();
        settings.0.insert(name.to_owned(), value);
        cases.push((case, settings));
    };
    with("one that nobody knows".into(), "plugboard-kit-unknown", "1".into());
    for name in base.0.keys().take(8) {
        for (what, value) in values() {
            with(format!("{name} {what}"), name, value);
        }
    }
    for name in base.0.keys().take(8) {
        let mut settings = base.clone();
        settings.0.remove(name);
        cases.push((format!("without {name}"), settings));
    }
    cases
}

fn values() -> Vec<(&'static str, String)> {
    vec![
        ("empty", String::new()),
        ("negative", "-1".into()),
        ("past all numbers", "9".repeat(40)),
        ("of control characters", "\u{0}\r\n\u{1b}[2J".into()),
        ("of 64 KiB", "x".repeat(64 << 10)),
        ("cut short", "{".into()),
        ("nested deeply", "[".repeat(DEPTH)),
    ]
}

/// Texts as networks, callers and recognisers give them.
pub(crate) fn texts() -> Vec<(&'static str, String)> {
    vec![
        ("nothing", String::new()),
        ("plain words", "good morning".into()),
        ("Chinese with digits", "您好，我的手机号是13800000000，卡号6222020000000000008".into()),
        ("wide digits", "卡号６２２２０２００００００００００００８".into()),
        ("digits apart by blanks", "1 3 8  0013 8000".into()),
        ("signs of four bytes", "😀😀 4111 1111 1111 1111 😀".into()),
        ("marks that join and turn", "e\u{301}\u{200d}\u{202e}13800000000\u{202c}".into()),
        ("digits only, 4 KiB", "4".repeat(4 << 10)),
        ("Chinese only, 4 KiB", "付".repeat((4 << 10) / 3)),
        ("control characters", "a\u{0}b\r\nc\u{7f}".into()),
    ]
}

/// JSON as connectors give it, and worse.
pub(crate) fn json() -> [String; 6] {
    [
        "{}".into(),
        r#"{"vip":true,"name":"王小明"}"#.into(),
        "null".into(),
        "{".into(),
        "[".repeat(DEPTH),
        format!(r#""{}""#, "x".repeat(60 << 10)),
    ]
}

/// A sequence that is the same at each run (Knuth's MMIX generator).
#[derive(Clone, Debug)]
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn of(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// Below `bound`, which is above 0.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap_or(0) % bound.max(1)
    }
}
