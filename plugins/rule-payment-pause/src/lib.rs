//! No recording holds a card number that is paid with.
//!
//! While the tag `payment` says that the caller pays, nothing is recorded: a recording that runs is judged again when the tag is noted, and pauses. What
//! is said counts as well, where it is recognised: a phrase that begins a payment, or a card number read out, orders a pause; a phrase that ends it orders
//! the recording to go on.
//!
//! Settings: `tag` (`payment`), `while` (`begun`; values at which nothing is recorded), `begin-phrases`, `end-phrases`, `digits` (13; a number of so
//! many in one utterance is a card's), `language` (`en`, `zh-CN`).

#[cfg(test)]
mod tests;

use plugboard_rule::{
    About, Act, Alert, AlertSeverity, Effect, Failure, FailureCode, Heard, Language, Order, RecordMove, Rule, Segment,
    Settings, Speaker, Verdict, allow, deny, tag,
};

#[derive(Debug)]
pub struct PaymentPause {
    tag: String,
    values: Vec<String>,
    begin: Vec<String>,
    end: Vec<String>,
    digits: usize,
    language: Language,
}

/// What a conversation is in, as its state says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Talk,
    Payment,
}

plugboard_rule::export_rule!(crate::PaymentPause);

impl Rule for PaymentPause {
    const ABOUT: About = About {
        name: "rule-payment-pause",
        revision: 1,
        judges: &["record"],
        listens: true,
        reviews: false,
        redacts: &[],
    };

    fn read(settings: &mut Settings<'_>) -> Self {
        let phrases = |given: Option<Vec<String>>, default: &[&str]| {
            let phrases = given.unwrap_or_else(|| default.iter().map(|phrase| (*phrase).to_owned()).collect());
            phrases.into_iter().map(|phrase| phrase.to_lowercase()).collect()
        };
        Self {
            tag: settings.text("tag").unwrap_or("payment").to_owned(),
            values: settings.list("while").unwrap_or_else(|| vec!["begun".to_owned()]),
            begin: phrases(settings.list("begin-phrases"), &["card number", "security code", "卡号", "安全码"]),
            end: phrases(
                settings.list("end-phrases"),
                &["payment is complete", "payment went through", "支付成功", "付款完成"],
            ),
            digits: settings.number("digits", 8, 19).unwrap_or(13),
            language: Language::read(settings),
        }
    }

    fn judge(&self, act: &Act) -> Verdict {
        let Effect::Record(record) = &act.what else { return deny("not-judged", "") };
        let pays = tag(&act.tags, &self.tag).is_some_and(|value| self.values.iter().any(|known| known == value));
        match record.move_ {
            RecordMove::Begin | RecordMove::Resume if pays => {
                deny("payment", self.language.say("the caller is paying", "客户正在付款，暂停录音"))
            }
            RecordMove::Begin | RecordMove::Resume => allow("no-payment"),
            RecordMove::Pause | RecordMove::End => allow("less"),
        }
    }

    fn hear(&self, state: &[u8], segment: &Segment) -> Result<Heard, Failure> {
        let before = Stage::from_state(state)?;
        let text = segment.text.to_lowercase();
        let says = |phrases: &[String]| phrases.iter().any(|phrase| text.contains(phrase.as_str()));
        let reads_a_card = longest_number(&text) >= self.digits;
        let now = match before {
            Stage::Talk if says(&self.begin) || reads_a_card => Stage::Payment,
            // The caller may say it in passing; that it is over is the agent's to say.
            Stage::Payment if segment.speaker == Speaker::Agent && says(&self.end) => Stage::Talk,
            stage => stage,
        };
        let alerts = match (before, now) {
            (Stage::Talk, Stage::Payment) => vec![alert(
                "payment-begins",
                self.language.say("a payment begins, the recording pauses", "开始付款，暂停录音"),
                Order::PauseRecording,
            )],
            (Stage::Payment, Stage::Talk) => vec![alert(
                "payment-ends",
                self.language.say("the payment is over, the recording goes on", "付款结束，继续录音"),
                Order::ResumeRecording,
            )],
            _ => Vec::new(),
        };
        Ok(Heard { state: now.to_state(), alerts, extra: Vec::new() })
    }
}

impl Stage {
    fn from_state(state: &[u8]) -> Result<Self, Failure> {
        match state {
            [] | [0] => Ok(Self::Talk),
            [1] => Ok(Self::Payment),
            _ => {
                let message = "a state of another revision".to_owned();
                Err(Failure { code: FailureCode::BadState, message, extra: Vec::new() })
            }
        }
    }

    fn to_state(self) -> Vec<u8> {
        vec![u8::from(self == Self::Payment)]
    }
}

/// Digits of the longest number in a text; spaces and marks may stand between its groups, words may not.
fn longest_number(text: &str) -> usize {
    let (mut longest, mut length) = (0, 0);
    for c in text.chars() {
        if digit(c) {
            length += 1;
            longest = longest.max(length);
        } else if c.is_alphanumeric() {
            length = 0;
        }
    }
    longest
}

/// As recognisers write what is read out: digits of any width, or Chinese numerals.
fn digit(c: char) -> bool {
    c.is_ascii_digit() || ('０'..='９').contains(&c) || "零一二三四五六七八九幺".contains(c)
}

fn alert(code: &str, message: &str, order: Order) -> Alert {
    Alert { severity: AlertSeverity::Hint, code: code.to_owned(), message: message.to_owned(), orders: vec![order] }
}
