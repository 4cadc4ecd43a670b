use expect_test::expect;
use plugboard_rule::{Asker, Export, Message, Setting, configured};

use super::*;

fn setting(pairs: &[(&str, &str)]) -> Vec<Setting> {
    pairs.iter().map(|(name, value)| Setting { name: (*name).into(), value: (*value).into() }).collect()
}

fn rule(pairs: &[(&str, &str)]) -> Masking {
    configured(&setting(pairs)).unwrap_or_else(|problems| panic!("{problems:?}"))
}

fn act(what: Effect) -> Act {
    Act {
        at_ms: 1,
        utc_offset_min: 0,
        interaction: None,
        by: Asker::Agent("amy".into()),
        what,
        tags: Vec::new(),
        extra: Vec::new(),
    }
}

/// The text with each span in place of what it covers.
fn masked(text: &str) -> String {
    let (mut out, mut from) = (String::new(), 0);
    for span in rule(&[]).redact(text) {
        out += &format!("{}[{}]", &text[from..span.start as usize], span.kind);
        from = span.end as usize;
    }
    out + &text[from..]
}

#[test]
fn numbers_are_masked_where_their_check_digit_says_that_they_are_one() {
    let texts = [
        "call 13800138000, order 12345",
        "+86 138 0013 8000 or 0086-13800138000",
        "landline 010-6552 9988, +49 30 123456",
        "my card is 6222 0212 3456 7890 128",
        "card 4111111111111111, not 4111111111111112",
        "id 11010519491231002X, wrong 110105194912310021",
        "身份证１１０１０５１９４９１２３１００２Ｘ，手机号１３８００１３８０００。",
        "id with a day that never was: 110105194902300023",
        "on 2026-11-23 at 10:41, 20261123",
        "12345678901234567890123",
        "13800138000 13900139000",
        "x13800138000y",
        "",
    ];
    let told: Vec<String> = texts.iter().map(|text| masked(text)).collect();
    expect![[r#"
        call [phone], order 12345
        [phone] or [phone]
        landline [phone], [phone]
        my card is [bank-card]
        card [bank-card], not 4111111111111112
        id [id-card], wrong 110105194912310021
        身份证[id-card]，手机号[phone]。
        id with a day that never was: 110105194902300023
        on 2026-11-23 at 10:41, 20261123
        12345678901234567890123
        [phone] [phone]
        x[phone]y
    "#]]
    .assert_eq(&(told.join("\n")));
}

#[test]
fn every_wrong_check_digit_of_a_card_is_refused() {
    let found = |text: String| rule(&[("kinds", "id-card, bank-card")]).redact(&text).len();
    let ids: usize = "0123456789X".chars().map(|check| found(format!("11010519491231002{check}"))).sum();
    let cards: usize = (0..10).map(|check| found(format!("411111111111111{check}"))).sum();
    assert_eq!((ids, cards), (1, 1));
}

#[test]
fn spans_rise_lie_on_the_borders_of_characters_and_are_bounded() {
    let text = "电话１３８００１３８０００；".repeat(1_200);
    let spans = rule(&[]).redact(&text);
    let border = |at: u32| text.is_char_boundary(at as usize);
    assert_eq!(spans.len(), 1_000);
    assert!(spans.iter().all(|span| span.start < span.end && border(span.start) && border(span.end)));
    assert!(spans.windows(2).all(|pair| pair[0].end <= pair[1].start));
}

#[test]
fn only_who_serves_the_customer_sees_what_is_masked_with_a_reason_and_not_too_often() {
    let unmask = |role: &str, in_hand, reason: &str, seen_today| {
        let (kind, customer) = ("phone".into(), "c1".into());
        let unmask = Unmask { kind, customer, role: role.into(), in_hand, reason: reason.into(), seen_today };
        rule(&[("unmask-a-day", "3")]).judge(&act(Effect::Unmask(unmask))).code
    };
    assert_eq!(
        [
            unmask("agent", true, "call back", 2),
            unmask("agent", true, " ", 0),
            unmask("agent", false, "call back", 0),
            unmask("supervisor", false, "complaint", 0),
            unmask("agent", true, "call back", 3),
        ],
        ["in-hand", "no-reason", "not-in-hand", "in-hand", "too-many"]
    );
}

#[test]
fn personal_data_leaves_masked() {
    let export = |personal, masked| {
        let (kind, role, target) = ("customers".into(), "administrator".into(), "download".into());
        let reason = "audit".into();
        let export = Export { kind, role, rows: 3, personal, masked, target, reason };
        rule(&[("kinds", "phone")]).judge(&act(Effect::Export(export))).duties
    };
    assert_eq!(export(true, false), [Duty::Mask(vec!["phone".into()])]);
    assert_eq!((export(true, true), export(false, false)), (vec![], vec![]));
}

#[test]
fn personal_data_does_not_go_where_the_tenant_says_it_may_not() {
    let export = |target: &str, personal| {
        let (kind, role, target) = ("interactions".into(), "administrator".into(), target.into());
        let export = Export { kind, role, rows: 1, personal, masked: true, target, reason: "".into() };
        rule(&[("not-to", "connector, download")]).judge(&act(Effect::Export(export))).code
    };
    assert_eq!(
        [export("connector", true), export("connector", false), export("api", true)],
        ["not-there", "nothing-personal", "nothing-personal"]
    );
}

#[test]
fn message_that_names_a_number_is_masked_or_not_sent() {
    let message = |how: &str, text: &str| {
        let message = Message {
            channel: "sms".into(),
            to: "13800138000".into(),
            text: text.into(),
            template: None,
            last_heard_ms: None,
            lists: Vec::new(),
            sent_today: 0,
        };
        let verdict = rule(&[("messages", how)]).judge(&act(Effect::Message(message)));
        (verdict.code, verdict.duties.len())
    };
    let said = "call 13900139000";
    assert_eq!(
        [message("mask", said), message("deny", said), message("deny", "hello")],
        [("masked".into(), 1), ("names-a-number".into(), 0), ("nothing-personal".into(), 0)]
    );
}

#[test]
fn kinds_that_nobody_finds_are_a_fault() {
    let problems = configured::<Masking>(&setting(&[("kinds", "phone, iris")])).err().unwrap_or_default();
    assert_eq!(problems[0].message, "nothing of the kind \"iris\" is found");
}

/// A page of figures is one run of digits for the scanner; what is looked for is short, so it is read once.
#[test]
fn a_row_of_single_digits_of_64_kib_is_read_once() {
    let text = format!("{}13800138000", "7 ".repeat(32 * 1024));
    let spans = rule(&[]).redact(&text);
    let last = spans.last().map(|span| (span.start as usize, span.end as usize, span.kind.as_str()));
    assert_eq!(last, Some((text.len() - 11, text.len(), "phone")));
}
