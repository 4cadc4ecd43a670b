//! Tells every kind of message and report, and all that it is given to send.

wit_bindgen::generate!({ path: "../../../../../../wit/released/0.1.1", world: "channel-plugin" });
export!(Released);

use exports::plugboard::plugin::{
    channel::{
        Attachment, Content, Delivery, Description, Failure, FailureCode, Guest, Message, Outgoing, Receipt, Received,
        Reply, Report, Verified, Webhook,
    },
    common::{Open, Problem, Setting, Severity},
};

struct Released;

impl Guest for Released {
    fn describe() -> Description {
        Description {
            name: "released".into(),
            kind: "chat".into(),
            text_max: 1_000,
            attachments: vec!["image/*".into()],
            session_ms: Some(86_400_000),
            needs: vec![],
            extra: vec![],
        }
    }

    fn check(settings: Vec<Setting>) -> Vec<Problem> {
        let problem = |setting: Setting| Problem {
            severity: Severity::Warning,
            code: "acme.odd".into(),
            node: None,
            field: None,
            message: setting.name,
            remedy: setting.value,
            extra: vec![],
        };
        settings.into_iter().map(problem).collect()
    }

    fn verify(webhook: Webhook) -> Result<Verified, Failure> {
        match webhook.headers.iter().find(|(name, _)| name == "x-is").map(|(_, value)| value.as_str()) {
            Some("genuine") => Ok(Verified::Genuine),
            Some("forged") => Ok(Verified::Forged),
            Some(_) => {
                let body = format!("{} {} {:?} {}", webhook.method, webhook.path, webhook.body, webhook.at_ms);
                Ok(Verified::Answer(Reply { status: 201, kind: "text/plain".into(), body: body.into_bytes() }))
            }
            None => Err(failure(FailureCode::BadWebhook)),
        }
    }

    fn receive(webhook: Webhook) -> Result<Received, Failure> {
        let file = Attachment {
            name: "a.png".into(),
            media_type: "image/png".into(),
            size: 7,
            url: "https://chat.example.com/a.png".into(),
        };
        let contents = [
            Content::Text("你好".into()),
            Content::File(file),
            Content::Choice("yes".into()),
            Content::Left,
            Content::Other(Open { name: "acme.place".into(), json: "1".into() }),
        ];
        let message = |(at, what): (usize, Content)| Message {
            id: format!("m{at}"),
            from: "user-7".into(),
            thread: (at == 0).then(|| "t1".into()),
            at_ms: webhook.at_ms,
            what,
            extra: vec![],
        };
        let states =
            [Delivery::Delivered, Delivery::Read, Delivery::Failed("gone".into()), Delivery::Other("acme.seen".into())];
        let report =
            |(at, state): (usize, Delivery)| Report { id: format!("r{at}"), state, at_ms: webhook.at_ms + 1 };
        Ok(Received {
            messages: contents.into_iter().enumerate().map(message).collect(),
            reports: states.into_iter().enumerate().map(report).collect(),
            reply: Some(Reply { status: 200, kind: "text/plain".into(), body: b"ok".to_vec() }),
            extra: vec![],
        })
    }

    fn send(message: Outgoing) -> Result<Receipt, Failure> {
        let codes = [
            FailureCode::BadWebhook,
            FailureCode::NoRecipient,
            FailureCode::SessionOver,
            FailureCode::UnknownTemplate,
            FailureCode::TooLarge,
            FailureCode::Denied,
            FailureCode::Unreachable,
            FailureCode::Limit,
            FailureCode::BadSettings,
            FailureCode::Other("acme.no".into()),
        ];
        match message.text.parse().ok().and_then(|number: usize| codes.into_iter().nth(number)) {
            Some(code) => Err(failure(code)),
            None => {
                let files: Vec<_> = message.attachments.iter().map(|file| &file.name).collect();
                let id = format!(
                    "{} {} {:?} {:?} {:?} {files:?}",
                    message.id, message.to, message.thread, message.template, message.choices
                );
                Ok(Receipt { id, extra: vec![] })
            }
        }
    }
}

fn failure(code: FailureCode) -> Failure {
    Failure { code, message: "no".into(), retry_ms: Some(2_500), extra: vec![] }
}
