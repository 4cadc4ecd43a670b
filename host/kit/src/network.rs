//! What goes wrong on the way to another system and over there, and what a component must make of it.

use serde_json::{Value, json};

use crate::{
    Ask, Ended, Kind, NoResponse, Outside, Question, Reply, Response, Sent, Told,
    exam::{Exam, Given},
    hostile::DEPTH,
    summary,
};

/// Of an author's cases, those whose questions are asked again in all kinds of trouble.
pub(crate) const MOST_SEEDS: usize = 8;
/// Requests of one question to a system that is down: once, with a new token, and each of them once more.
const MOST_REQUESTS: usize = 4;
const AGAIN_MS: u64 = 7_000;

/// What the kit wants to hear of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wants {
    /// Some take it for an answer, some do not.
    Anything,
    Failure,
    /// A failure, and not to be asked again sooner.
    Again,
}

/// An ordinary question, with the answers that an author wrote down, then with others in place of the last of them.
///
/// `fails`: whether the world says by a failure that it got none; an assistant may hand over to a human instead.
pub(crate) fn examine(exam: &mut Exam<'_>, case: &str, question: &Question, fails: bool) {
    let before = question.outside.http.len().saturating_sub(1);
    // Once with what comes before it, like a token, and once without.
    let starts: &[usize] = if before > 0 { &[0, before] } else { &[0] };
    for &start in starts {
        for (trouble, reply, wants) in troubles() {
            let case = match start {
                0 => format!("{case}: {trouble}"),
                _ => format!("{case}: {trouble}, after {start} answers"),
            };
            let http = question.outside.http[..start].iter().cloned().chain([reply]).collect();
            let question = Question { outside: question.outside.answering(http), ..question.clone() };
            let told = exam.asks(&case, &question);
            look(exam, &case, &question, &told, start);
            if fails && !told.sent.is_empty() {
                hold(exam, &case, &question, &told.ended, wants);
            }
        }
    }
}

/// Asks it as its author did. Only who asks others can get into trouble with them.
pub(crate) fn sends(exam: &mut Exam<'_>, case: &str, question: &Question) -> bool {
    !exam.asks(case, question).sent.is_empty()
}

/// As the author's case has it.
pub(crate) fn question(given: &Given<'_>, ask: Ask, http: &[Reply]) -> Question {
    let question = given.question(ask);
    let outside: Outside = question.outside.answering(http.to_vec());
    Question { outside, ..question }
}

/// `start`: requests that were answered well.
fn look(exam: &mut Exam<'_>, case: &str, question: &Question, told: &Told, start: usize) {
    let count = told.sent.len().saturating_sub(start);
    if count > MOST_REQUESTS {
        exam.note(Kind::Hammers, case, question, &format!("{count} requests"));
    }
    let timed_out = question.outside.http.last() == Some(&Reply::fails(NoResponse::TimedOut));
    let writes: Vec<&Sent> = told.sent.iter().skip(start).filter(|sent| sent.writes()).collect();
    if let (true, Some(key), [first, .., last]) = (timed_out, key(&question.ask), &writes[..])
        && first.url == last.url
        && !writes.iter().all(|sent| sent.holds(key))
    {
        exam.note(Kind::SentTwice, case, question, &format!("{} {} again", last.method, last.url));
    }
}

fn hold(exam: &mut Exam<'_>, case: &str, question: &Question, ended: &Ended, wants: Wants) {
    match (wants, ended) {
        (Wants::Failure | Wants::Again, Ended::Answered(_)) => {
            exam.note(Kind::Swallowed, case, question, &summary::of_ended(ended));
        }
        (Wants::Again, Ended::Failed(failed)) if failed.retry_ms.is_none_or(|ms| ms < AGAIN_MS) => {
            exam.note(Kind::RetryIgnored, case, question, &summary::of_ended(ended));
        }
        _ => {}
    }
}

/// What is the same at each attempt.
fn key(ask: &Ask) -> Option<&str> {
    match ask {
        Ask::Invoke(call) => Some(&call.key),
        Ask::OnEvent(notice) => Some(&notice.id),
        Ask::Send(message) => Some(&message.id),
        _ => None,
    }
}

fn troubles() -> Vec<(&'static str, Reply, Wants)> {
    use Wants::{Again, Anything, Failure};
    let after = |status| Reply::header(status, "retry-after", "7");
    let text = |text: &str| Reply::with(200, Value::String(text.to_owned()));
    let long = Response { status: 200, headers: [].into(), body: Value::Null, bytes: 5 << 20 };
    vec![
        ("no such host", Reply::fails(NoResponse::NoSuchHost), Failure),
        ("nobody answers", Reply::fails(NoResponse::Unreachable), Failure),
        ("time-out", Reply::fails(NoResponse::TimedOut), Failure),
        ("a certificate of another name", Reply::fails(NoResponse::Tls), Failure),
        ("no HTTP", Reply::fails(NoResponse::Protocol), Failure),
        ("400", Reply::status(400), Failure),
        ("401", Reply::status(401), Failure),
        ("403", Reply::status(403), Failure),
        ("404", Reply::status(404), Anything),
        ("409", Reply::status(409), Anything),
        ("429, again after 7 s", after(429), Again),
        ("500", Reply::status(500), Failure),
        ("503, again after 7 s", after(503), Again),
        ("503, again at a date", Reply::header(503, "retry-after", "Fri, 31 Dec 2049 23:59:59 GMT"), Failure),
        ("a redirect to a host that is not granted", to_elsewhere(), Failure),
        ("204", Reply::status(204), Anything),
        ("200 with nothing in it", text(""), Anything),
        ("200 with null", text("null"), Anything),
        ("200 with HTML", text("<html>down for maintenance</html>"), Anything),
        ("200 with JSON cut short", text(r#"{"id":"#), Anything),
        ("200 with JSON of other kinds", Reply::with(200, json!({ "id": { "id": [] }, "items": 7 })), Anything),
        ("200 with JSON nested deeply", text(&"[".repeat(DEPTH)), Anything),
        ("200 with a text of 60 KiB", Reply::with(200, json!({ "id": "x".repeat(60 << 10) })), Anything),
        ("200 with 5 MiB", Reply::Response(long), Failure),
    ]
}

fn to_elsewhere() -> Reply {
    Reply::header(302, "location", "https://plugboard-kit.invalid/")
}
