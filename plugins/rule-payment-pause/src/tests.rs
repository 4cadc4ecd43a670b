use expect_test::expect;
use plugboard_rule::{Asker, Consent, Decision, Record, Setting, configured};

use super::*;

fn setting(pairs: &[(&str, &str)]) -> Vec<Setting> {
    pairs.iter().map(|(name, value)| Setting { name: (*name).into(), value: (*value).into() }).collect()
}

fn rule(pairs: &[(&str, &str)]) -> PaymentPause {
    configured(&setting(pairs)).unwrap_or_else(|problems| panic!("{problems:?}"))
}

fn record(move_: RecordMove, tags: &[(&str, &str)]) -> Act {
    let what = Effect::Record(Record { move_, consent: Consent::Given, announced: true, reason: "noted".into() });
    Act {
        at_ms: 1,
        utc_offset_min: 0,
        interaction: None,
        by: Asker::Host,
        what,
        tags: setting(tags),
        extra: Vec::new(),
    }
}

#[test]
fn nothing_is_recorded_while_the_tag_says_that_the_caller_pays() {
    let moves = [RecordMove::Begin, RecordMove::Pause, RecordMove::Resume, RecordMove::End];
    let judged = |tags: &[(&str, &str)]| moves.map(|move_| rule(&[]).judge(&record(move_, tags)).decision);
    let (yes, no) = (Decision::Allow, Decision::Deny);
    assert_eq!(judged(&[("payment", "begun")]), [no, yes, no, yes]);
    assert_eq!(judged(&[("payment", "over")]), [yes; 4]);
    assert_eq!(judged(&[]), [yes; 4]);
}

#[test]
fn a_payment_that_is_heard_pauses_the_recording_once_and_its_end_lets_it_go_on() {
    let rule = rule(&[]);
    let said = [
        (Speaker::Agent, "How can I help you?"),
        (Speaker::Caller, "My order is 4711, my phone 13800138000."),
        (Speaker::Agent, "May I have your card number, please?"),
        (Speaker::Caller, "It is 6222 0212 3456 7890 128."),
        (Speaker::Caller, "The payment is complete, is it not?"),
        (Speaker::Agent, "Yes, the payment is complete."),
        (Speaker::Caller, "六二二二零二一二三四五六七八九零一二八"),
        (Speaker::Agent, "支付成功，谢谢。"),
    ];
    let (mut state, mut told) = (Vec::new(), String::new());
    for (seq, (speaker, text)) in (0..).zip(said) {
        let segment = Segment {
            seq,
            speaker,
            from_ms: seq * 5_000,
            to_ms: seq * 5_000 + 4_000,
            text: text.into(),
            confidence: 900,
            language: "en".into(),
        };
        let heard = rule.hear(&state, &segment).unwrap_or_else(|failure| panic!("{failure:?}"));
        state = heard.state;
        for alert in heard.alerts {
            told += &format!("{seq}: {} {:?}\n", alert.code, alert.orders);
        }
    }
    expect![[r#"
        2: payment-begins [Order::PauseRecording]
        5: payment-ends [Order::ResumeRecording]
        6: payment-begins [Order::PauseRecording]
        7: payment-ends [Order::ResumeRecording]
    "#]]
    .assert_eq(&told);
}

#[test]
fn a_state_of_another_revision_is_no_state() {
    let segment = Segment {
        seq: 1,
        speaker: Speaker::Caller,
        from_ms: 0,
        to_ms: 1,
        text: String::new(),
        confidence: 0,
        language: String::new(),
    };
    let failure = rule(&[]).hear(&[7, 7], &segment).err().map(|failure| failure.code);
    assert_eq!(failure, Some(FailureCode::BadState));
}

#[test]
fn phrases_are_the_tenants_own_where_it_names_them() {
    let rule = rule(&[("begin-phrases", "Kartennummer\nPrüfziffer"), ("digits", "16")]);
    assert_eq!((rule.begin, rule.digits), (vec!["kartennummer".to_owned(), "prüfziffer".to_owned()], 16));
    let problems = configured::<PaymentPause>(&setting(&[("digits", "3")])).err().unwrap_or_default();
    assert_eq!(problems[0].remedy, "give a whole number from 8 to 19");
}
