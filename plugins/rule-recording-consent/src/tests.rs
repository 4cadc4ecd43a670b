use plugboard_rule::{Answer, Asker, configured};

use super::*;

fn setting(pairs: &[(&str, &str)]) -> Vec<Setting> {
    pairs.iter().map(|(name, value)| Setting { name: (*name).into(), value: (*value).into() }).collect()
}

fn rule(pairs: &[(&str, &str)]) -> RecordingConsent {
    let pairs: Vec<_> = [("prompt", "recorded")].into_iter().chain(pairs.iter().copied()).collect();
    configured(&setting(&pairs)).unwrap_or_else(|problems| panic!("{problems:?}"))
}

fn act(what: Effect, tags: &[(&str, &str)]) -> Act {
    let tags = setting(tags);
    Act { at_ms: 1, utc_offset_min: 0, interaction: None, by: Asker::Host, what, tags, extra: Vec::new() }
}

fn answer(records: bool) -> Act {
    let (caller, called, language) = ("+4930".into(), "400".into(), "en".into());
    act(Effect::Answer(Answer { caller, called, verified: false, language, records }), &[])
}

fn record(move_: RecordMove, consent: Consent, announced: bool, tags: &[(&str, &str)]) -> Act {
    act(Effect::Record(Record { move_, consent, announced, reason: "policy".into() }), tags)
}

#[test]
fn only_calls_that_would_be_recorded_hear_of_it() {
    let duties = |rule: &RecordingConsent, records| rule.judge(&answer(records)).duties;
    assert_eq!(duties(&rule(&[]), true), [Duty::Announce("recorded".into())]);
    assert_eq!(duties(&rule(&[("mode", "ask")]), true), [Duty::AskConsent("recorded".into())]);
    assert_eq!(duties(&rule(&[]), false), []);
}

/// What begins, by what is known: consent, announcement, tag.
#[test]
fn a_recording_begins_with_an_announcement_or_consent_and_never_against_a_refusal() {
    type Known = (Consent, bool, &'static [(&'static str, &'static str)]);
    let known: [Known; 7] = [
        (Consent::NotAsked, false, &[]),
        (Consent::NotAsked, true, &[]),
        (Consent::Given, false, &[]),
        (Consent::Refused, true, &[]),
        (Consent::Withdrawn, true, &[]),
        (Consent::NotAsked, false, &[("recording-consent", "given")]),
        (Consent::Given, true, &[("recording-consent", "refused")]),
    ];
    let codes = |rule: &RecordingConsent| {
        known.map(|(consent, announced, tags)| rule.judge(&record(RecordMove::Begin, consent, announced, tags)).code)
    };
    assert_eq!(
        codes(&rule(&[])),
        ["not-asked", "announced", "consented", "refused", "refused", "consented", "refused"]
    );
    assert_eq!(
        codes(&rule(&[("mode", "ask")])),
        ["not-asked", "not-asked", "consented", "refused", "refused", "consented", "refused"]
    );
    assert_eq!(
        codes(&rule(&[("unannounced", "allow")])),
        ["unannounced", "announced", "consented", "refused", "refused", "consented", "refused"]
    );
}

#[test]
fn a_pause_needs_no_consent_and_what_follows_it_does() {
    let after = |move_| rule(&[]).judge(&record(move_, Consent::Refused, false, &[])).decision;
    assert_eq!(
        [RecordMove::Pause, RecordMove::End, RecordMove::Resume].map(after),
        [Decision::Allow, Decision::Allow, Decision::Deny]
    );
}

#[test]
fn settings_without_a_prompt_or_with_an_unknown_mode_are_refused() {
    let problems = configured::<RecordingConsent>(&setting(&[("mode", "shout")])).err().unwrap_or_default();
    let told: Vec<_> = problems.iter().map(|problem| (problem.code.as_str(), problem.remedy.as_str())).collect();
    assert_eq!(
        told,
        [("missing", "name the sound file that says that the call is recorded"), ("bad-word", "write announce or ask"),]
    );
}
