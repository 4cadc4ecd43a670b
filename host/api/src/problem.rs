//! Every refusal as `application/problem+json` (RFC 9457), and the one place that maps errors to a status.

use axum::{
    body::Body,
    extract::Request,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use plugboard_exchange::CommandError;
use plugboard_model::compliance::Denial;
use plugboard_phrases::Language;
use serde::Serialize;

use crate::{ApplyError, Fault, HostError};

/// What went wrong, for a program (`type`, `status`) and for a person (`title`, `detail`, `remedy`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// `urn:plugboard:problem:` and a stable kebab-case word.
    #[serde(rename = "type", serialize_with = "as_urn")]
    pub kind: &'static str,
    pub title: &'static str,
    #[serde(serialize_with = "as_number")]
    pub status: StatusCode,
    pub detail: String,
    pub remedy: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<Fault>,
    /// Seconds, for `Retry-After`.
    #[serde(skip)]
    pub retry_after: Option<u64>,
}

fn as_urn<S: serde::Serializer>(kind: &&'static str, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("urn:plugboard:problem:{kind}"))
}

fn as_number<S: serde::Serializer>(status: &StatusCode, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u16(status.as_u16())
}

impl Problem {
    pub(crate) fn new(
        status: StatusCode,
        kind: &'static str,
        title: &'static str,
        detail: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        let (detail, remedy) = (detail.into(), remedy.into());
        Self { kind, title, status, detail, remedy, errors: Vec::new(), retry_after: None }
    }

    pub(crate) fn bad_request(detail: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad-request", "Bad request", detail, remedy)
    }

    pub(crate) fn unauthorized(detail: &str) -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "unauthorized",
            "Not logged in",
            detail,
            "send `Authorization: Bearer TOKEN`, or log in with POST /v1/login",
        )
    }

    pub(crate) fn too_many_tokens(retry_after: u64) -> Self {
        Self {
            retry_after: Some(retry_after),
            ..Self::new(
                StatusCode::TOO_MANY_REQUESTS,
                "too-many-wrong-tokens",
                "Too many wrong tokens",
                "too many wrong tokens came from this address",
                format!("try again in {retry_after} s, with the right token"),
            )
        }
    }

    pub(crate) fn forbidden(detail: impl Into<String>, remedy: &str) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", "Not allowed", detail, remedy)
    }

    /// A compliance rule of the tenant says no. The reason is the rule's own, in the tenant's language.
    pub(crate) fn denied(denial: &Denial) -> Self {
        let remedy = match denial.later {
            Some(at) => format!("try again at {at}"),
            None => "do what the reason asks for, or have the rule's settings changed".to_owned(),
        };
        let detail = format!("the rule {} forbids it", denial.rule);
        let fault = Fault {
            field: Some(format!("/rules/{}", denial.rule)),
            code: denial.code.clone(),
            message: denial.reason.clone(),
            remedy: remedy.clone(),
            ..Fault::default()
        };
        Self {
            errors: vec![fault],
            ..Self::new(StatusCode::FORBIDDEN, "denied-by-rule", "Not allowed", detail, remedy)
        }
    }

    pub(crate) fn not_found(detail: impl Into<String>, remedy: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", "Not found", detail, remedy)
    }

    pub(crate) fn conflict(kind: &'static str, detail: impl Into<String>, remedy: &str) -> Self {
        Self::new(StatusCode::CONFLICT, kind, "Not possible now", detail, remedy)
    }

    pub(crate) fn stale(detail: String) -> Self {
        Self::new(
            StatusCode::PRECONDITION_FAILED,
            "revision-conflict",
            "Somebody else was first",
            detail,
            "read the configuration again, repeat your change on it, and send its ETag as If-Match",
        )
    }

    pub(crate) fn too_large(limit: usize) -> Self {
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "too-large",
            "Too large",
            format!("the body is longer than {limit} bytes"),
            "send less in one request",
        )
    }

    pub(crate) fn wrong_media_type(expected: &str) -> Self {
        Self::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported-media-type",
            "Unsupported media type",
            format!("the body must be {expected}"),
            format!("send `Content-Type: {expected}`"),
        )
    }

    pub(crate) fn invalid(errors: Vec<Fault>) -> Self {
        let detail = match errors.as_slice() {
            [only] => only.message.clone(),
            faults => format!("{} faults", faults.len()),
        };
        Self {
            errors,
            ..Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "invalid",
                "Understood, but not valid",
                detail,
                "mend each of `errors` and send it again; nothing was changed",
            )
        }
    }

    pub(crate) fn unavailable(kind: &'static str, detail: impl Into<String>, retry_after: u64) -> Self {
        Self {
            retry_after: Some(retry_after),
            ..Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                kind,
                "Not available just now",
                detail,
                format!("try again in {retry_after} s"),
            )
        }
    }
}

impl Problem {
    /// The same for a person who reads `language`. What a program decides by stays.
    pub(crate) fn said_in(self, language: Language) -> Told {
        let say = |text: &str| language.say(text).into_owned();
        let errors = self.errors.iter().map(|fault| Fault {
            message: say(&fault.message),
            remedy: say(&fault.remedy),
            ..fault.clone()
        });
        Told {
            kind: self.kind,
            title: say(self.title),
            status: self.status,
            detail: say(&self.detail),
            remedy: say(&self.remedy),
            errors: errors.collect(),
        }
    }
}

/// A problem in some language.
#[derive(Serialize)]
pub(crate) struct Told {
    #[serde(rename = "type", serialize_with = "as_urn")]
    kind: &'static str,
    title: String,
    #[serde(serialize_with = "as_number")]
    status: StatusCode,
    detail: String,
    remedy: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<Fault>,
}

/// What its client reads.
pub(crate) fn language_of(headers: &HeaderMap) -> Language {
    let accept = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    accept.map_or(Language::English, Language::of_accept)
}

/// Puts the refusal of a request into the language that its client reads.
pub(crate) async fn in_the_clients_language(request: Request, next: Next) -> Response {
    let language = language_of(request.headers());
    let mut response = next.run(request).await;
    let Some(Refused(problem)) = response.extensions_mut().remove() else { return response };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_LANGUAGE, HeaderValue::from_static(language.tag()));
    headers.append(header::VARY, HeaderValue::from_static("Accept-Language"));
    if language == Language::English {
        return response;
    }
    let body = serde_json::to_vec(&problem.said_in(language)).expect("a problem is strings and numbers");
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
    response.map(|_| Body::from(body))
}

/// The problem of a response, for [`in_the_clients_language`].
#[derive(Clone)]
struct Refused(Problem);

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = serde_json::to_vec(&self).expect("a problem is strings and numbers");
        let mut response = (self.status, [(header::CONTENT_TYPE, "application/problem+json")], body).into_response();
        response.extensions_mut().insert(Refused(self.clone()));
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl From<CommandError> for Problem {
    fn from(error: CommandError) -> Self {
        let detail = error.to_string();
        match error {
            CommandError::NoSuchInteraction(_) => Self::not_found(detail, "list what is live with GET …/calls"),
            CommandError::NoSuchAgent(_) => Self::not_found(detail, "list them with GET …/agents"),
            CommandError::WrongState { .. } => {
                Self::conflict("wrong-state", detail, "look at the call with GET …/calls/{id} and choose again")
            }
            CommandError::NotRecording => Self::conflict("not-recording", detail, "nothing is to be done"),
            CommandError::PhoneUnreachable => {
                Self::conflict("phone-unreachable", detail, "register the agent's phone and try again")
            }
            CommandError::BadTarget => Self::invalid(vec![Fault {
                field: Some("to".to_owned()),
                code: "bad-target".to_owned(),
                message: detail,
                remedy: "name a number, extension, queue or agent of this tenant, or an outside number".to_owned(),
                ..Fault::default()
            }]),
            CommandError::OutOfOrder { .. } => {
                Self::conflict("out-of-order", detail, "send utterances one after the other, numbered from 0")
            }
            CommandError::TooMuchSaid => Self::conflict(
                "too-much-said",
                detail,
                "keep an utterance within 4 KiB and a conversation within 10,000 utterances and 1 MiB",
            ),
            CommandError::NoSuchChannel(_) => Self::not_found(detail, "list them with GET …/channels"),
            CommandError::NotToBeNoted => Self::forbidden(detail, "ask for the effect itself"),
            CommandError::Denied(denial) => Self::denied(&denial),
            CommandError::Full => Self::unavailable("full", detail, 5),
        }
    }
}

impl From<HostError> for Problem {
    fn from(error: HostError) -> Self {
        let detail = error.to_string();
        match error {
            HostError::NoSuchTenant(_) => Self::not_found(detail, "list them with GET /v1/tenants"),
            HostError::Command(refused) => refused.into(),
            HostError::BadCursor => Self::bad_request(detail, "leave `cursor` out to start from the beginning"),
            HostError::Busy { retry_after } => Self::unavailable("busy", detail, retry_after.as_secs().max(1)),
            HostError::Stopping => Self::unavailable("stopping", detail, 5),
            HostError::Store { reason } => {
                tracing::error!(reason, "the store does not answer");
                Self::unavailable("store-unavailable", detail, 5)
            }
        }
    }
}

impl From<ApplyError> for Problem {
    fn from(error: ApplyError) -> Self {
        let detail = error.to_string();
        match error {
            ApplyError::Invalid(faults) => Self::invalid(faults),
            ApplyError::Conflict { .. } => Self::stale(detail),
            ApplyError::Host(error) => error.into(),
        }
    }
}
