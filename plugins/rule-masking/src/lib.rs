//! Phone numbers, identity cards and bank cards are masked, and shown to those alone who may see them.
//!
//! What looks like one is masked only where its check digit says so: identity cards of China by ISO 7064 MOD 11-2 and a date of birth that exists, bank
//! cards by Luhn. Whoever wants to see what is masked has the customer in hand, gives a reason, and sees no more than so many a day; personal data leaves
//! masked.
//!
//! Settings: `kinds` (`phone, id-card, bank-card`), `unmask-a-day` (50), `roles` (who may see without having the customer in hand: `supervisor,
//! administrator`), `not-to` (where personal data never goes, not even masked: `connector`, `download`, `api`), `messages` (`mask`: a message that names
//! one is sent masked; `deny`: it is not sent), `language` (`en`, `zh-CN`).

mod scan;
#[cfg(test)]
mod tests;

use plugboard_rule::{
    About, Act, Decision, Duty, Effect, Language, Rule, Settings, Span, Unmask, Verdict, allow, deny, verdict,
};

/// Spans of one answer.
const MOST: usize = 1_000;
const KINDS: [&str; 3] = ["phone", "id-card", "bank-card"];

#[derive(Debug)]
pub struct Masking {
    kinds: Vec<String>,
    a_day: u32,
    roles: Vec<String>,
    not_to: Vec<String>,
    denies_messages: bool,
    language: Language,
}

plugboard_rule::export_rule!(crate::Masking);

impl Rule for Masking {
    const ABOUT: About = About {
        name: "rule-masking",
        revision: 1,
        judges: &["unmask", "export", "message"],
        listens: false,
        reviews: false,
        redacts: &KINDS,
    };

    fn read(settings: &mut Settings<'_>) -> Self {
        let kinds = settings.list("kinds").unwrap_or_else(|| KINDS.map(str::to_owned).to_vec());
        if let Some(unknown) = kinds.iter().find(|kind| !KINDS.contains(&kind.as_str())) {
            let message = format!("nothing of the kind {unknown:?} is found");
            settings.fault("bad-word", "kinds", message, "write phone, id-card or bank-card");
        }
        let roles = ["supervisor", "administrator"].map(str::to_owned);
        Self {
            kinds,
            a_day: settings.number("unmask-a-day", 0, 100_000).unwrap_or(50),
            roles: settings.list("roles").unwrap_or_else(|| roles.to_vec()),
            not_to: settings.list("not-to").unwrap_or_default(),
            denies_messages: settings.word("messages", &[("mask", false), ("deny", true)]).unwrap_or_default(),
            language: Language::read(settings),
        }
    }

    fn judge(&self, act: &Act) -> Verdict {
        let masked = |code: &str| verdict(Decision::Allow, code, "", vec![Duty::Mask(self.kinds.clone())]);
        let say = |english, chinese| self.language.say(english, chinese);
        match &act.what {
            Effect::Unmask(unmask) => self.shows(unmask),
            Effect::Export(export) if export.personal && self.not_to.contains(&export.target) => {
                deny("not-there", say("personal data does not go there", "个人信息不得发送至该处"))
            }
            Effect::Export(export) if export.personal && !export.masked => masked("masked"),
            Effect::Export(_) => allow("nothing-personal"),
            Effect::Message(message) if !self.redact(&message.text).is_empty() => match self.denies_messages {
                true => deny("names-a-number", say("the message holds a number of a person", "消息中包含个人号码")),
                false => masked("masked"),
            },
            Effect::Message(_) => allow("nothing-personal"),
            _ => deny("not-judged", ""),
        }
    }

    fn redact(&self, text: &str) -> Vec<Span> {
        let wanted = |span: &scan::Found| self.kinds.iter().any(|kind| kind == span.kind);
        let span = |found: scan::Found| Span {
            start: u32::try_from(found.start).unwrap_or(u32::MAX),
            end: u32::try_from(found.end).unwrap_or(u32::MAX),
            kind: found.kind.to_owned(),
        };
        scan::scan(text).filter(wanted).take(MOST).map(span).collect()
    }
}

impl Masking {
    fn shows(&self, unmask: &Unmask) -> Verdict {
        let say = |english, chinese| self.language.say(english, chinese);
        if unmask.reason.trim().is_empty() {
            return deny("no-reason", say("say why it has to be seen", "请填写查看原因"));
        }
        if !unmask.in_hand && !self.roles.contains(&unmask.role) {
            return deny(
                "not-in-hand",
                say("only who serves this customer may see it", "仅当前服务该客户的坐席可查看"),
            );
        }
        if unmask.seen_today >= self.a_day {
            return deny("too-many", say("no more may be seen today", "今日查看次数已达上限"));
        }
        allow("in-hand")
    }
}
