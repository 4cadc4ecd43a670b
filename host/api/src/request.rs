//! The door: what a request must be before a handler sees it, and the problem it gets if it is not.

use std::{str::FromStr, sync::Arc};

use axum::{
    body::{Body, Bytes},
    extract::{FromRequest, FromRequestParts, Query, RawPathParams, Request},
    http::{StatusCode, header, request::Parts},
};
use plugboard_exchange::SharedConfiguration;
use plugboard_model::{
    AgentId, Configuration, Extension, FlowId, InteractionId, Number, QueueId, RecordingId, TenantId, Timestamp,
};
use serde::{Deserialize, de::DeserializeOwned};

use crate::{Cursor, Fault, Problem, Sha256, access::Caller, server::Shared};

/// The tenant of the path: it exists, and the caller may see it.
pub(crate) struct Tenant {
    pub(crate) id: TenantId,
    pub(crate) configuration: SharedConfiguration,
    pub(crate) caller: Caller,
}

impl FromRequestParts<Arc<Shared>> for Tenant {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, shared: &Arc<Shared>) -> Result<Self, Problem> {
        let NewTenant(tenant, known) = NewTenant::from_request_parts(parts, shared).await?;
        if known { Ok(tenant) } else { Err(unknown(tenant.id.as_str())) }
    }
}

fn unknown(name: &str) -> Problem {
    Problem::not_found(format!("no tenant {name:?}"), "list them with GET /v1/tenants")
}

/// The tenant of the path, which need not exist yet: whoever may see it may make it, from an empty configuration. The flag says whether it exists.
pub(crate) struct NewTenant(pub(crate) Tenant, pub(crate) bool);

impl FromRequestParts<Arc<Shared>> for NewTenant {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, shared: &Arc<Shared>) -> Result<Self, Problem> {
        let name = path_parameter(parts, shared, "tenant").await?;
        let id: TenantId = name.parse().map_err(|_| unknown(&name))?;
        let caller = parts.extensions.get::<Caller>().cloned().ok_or_else(|| Problem::unauthorized("nobody asks"))?;
        if !caller.may_see(&id) {
            return Err(Problem::forbidden(
                format!("the token {:?} is for another tenant", caller.name),
                "use a token of this tenant",
            ));
        }
        let configuration = shared.host.configuration(&id);
        let known = configuration.is_some();
        let configuration = configuration.unwrap_or_else(|| Arc::new(Configuration::empty(id.clone())));
        Ok(Self(Tenant { id, configuration, caller }, known))
    }
}

/// The path's `{id}`.
pub(crate) struct Id<T>(pub(crate) T);

impl<T: FromPath> FromRequestParts<Arc<Shared>> for Id<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, shared: &Arc<Shared>) -> Result<Self, Problem> {
        let text = path_parameter(parts, shared, "id").await?;
        T::from_path(&text).map(Self).ok_or_else(|| {
            Problem::not_found(format!("{text:?} cannot be {}", T::NOUN), "check the last part of the path")
        })
    }
}

/// What may stand in a path as `{id}`.
pub(crate) trait FromPath: Sized {
    /// With its article: `a queue`.
    const NOUN: &'static str;
    fn from_path(text: &str) -> Option<Self>;
}

macro_rules! named {
    ($($name:ident: $noun:literal),*) => {$(
        impl FromPath for $name {
            const NOUN: &'static str = $noun;
            fn from_path(text: &str) -> Option<Self> {
                Self::from_str(text).ok()
            }
        }
    )*};
}

named!(QueueId: "a queue", AgentId: "an agent", Number: "a number", FlowId: "a flow", Extension: "an extension");

impl FromPath for String {
    const NOUN: &'static str = "a trunk";
    fn from_path(text: &str) -> Option<Self> {
        // Trunks are named like everything else, though the model keeps their names as text.
        QueueId::from_str(text).ok().map(|name| name.to_string())
    }
}

/// A pack's id as it stands in a path: whether there is such a pack, the host knows.
pub(crate) struct PackName(pub(crate) String);

impl FromPath for PackName {
    const NOUN: &'static str = "a pack";
    fn from_path(text: &str) -> Option<Self> {
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.');
        ((1..=64).contains(&text.len()) && text.chars().all(fits)).then(|| Self(text.to_owned()))
    }
}

/// A pack's id, a component of a pack or a component of the host: whether there is such a thing, the host knows.
pub(crate) struct PluginName(pub(crate) String);

impl FromPath for PluginName {
    const NOUN: &'static str = "a plugin";
    fn from_path(text: &str) -> Option<Self> {
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/');
        ((1..=128).contains(&text.len()) && text.chars().all(fits)).then(|| Self(text.to_owned()))
    }
}

/// The name of tables, as tapes give it.
pub(crate) struct TablesName(pub(crate) String);

impl FromPath for TablesName {
    const NOUN: &'static str = "a name of tables";
    fn from_path(text: &str) -> Option<Self> {
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        ((1..=64).contains(&text.len()) && text.chars().all(fits)).then(|| Self(text.to_owned()))
    }
}

impl FromPath for InteractionId {
    const NOUN: &'static str = "an interaction";
    fn from_path(text: &str) -> Option<Self> {
        text.strip_prefix('i').unwrap_or(text).parse().ok().map(Self)
    }
}

impl FromPath for RecordingId {
    const NOUN: &'static str = "a recording";
    fn from_path(text: &str) -> Option<Self> {
        text.strip_prefix('r').unwrap_or(text).parse().ok().map(Self)
    }
}

impl FromPath for Sha256 {
    const NOUN: &'static str = "a SHA-256";
    fn from_path(text: &str) -> Option<Self> {
        Self::from_hex(text)
    }
}

async fn path_parameter(parts: &mut Parts, shared: &Arc<Shared>, name: &str) -> Result<String, Problem> {
    let all = RawPathParams::from_request_parts(parts, shared)
        .await
        .map_err(|_| Problem::not_found("the path is not UTF-8", "write names in UTF-8, percent-encoded"))?;
    let found = all.iter().find(|(key, _)| *key == name).map(|(_, value)| value.to_owned());
    Ok(found.expect("the table's paths name every parameter that their handlers take"))
}

/// The query string as `T`.
pub(crate) struct Asked<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let Query(query) = Query::try_from_uri(&parts.uri).map_err(|rejection| {
            let reason = std::error::Error::source(&rejection).map_or_else(String::new, ToString::to_string);
            Problem::bad_request(
                format!("the query string is not understood: {reason}"),
                "see /openapi.json for what it may hold",
            )
        })?;
        Ok(Self(query))
    }
}

/// A JSON body as `T`.
pub(crate) struct Sent<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<Arc<Shared>> for Sent<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, shared: &Arc<Shared>) -> Result<Self, Problem> {
        let media_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let essence = media_type.and_then(|value| value.split(';').next()).map(str::trim);
        if !essence.is_some_and(|essence| essence.eq_ignore_ascii_case("application/json")) {
            return Err(Problem::wrong_media_type("application/json"));
        }
        let bytes = read(request.into_body(), shared.limits.json_bytes, shared).await?;
        from_json(&bytes).map(Self)
    }
}

/// Reads a body of at most `limit` bytes.
pub(crate) async fn read(body: Body, limit: usize, shared: &Shared) -> Result<Bytes, Problem> {
    if axum::body::HttpBody::size_hint(&body).lower() > limit as u64 {
        return Err(Problem::too_large(limit));
    }
    let body = tokio::time::timeout(shared.limits.body, axum::body::to_bytes(body, limit)).await.map_err(|_| {
        Problem::new(
            StatusCode::REQUEST_TIMEOUT,
            "too-slow",
            "Too slow",
            "the body did not arrive in time",
            "send it again, or send less at once",
        )
    })?;
    body.map_err(|error| {
        let too_long =
            std::error::Error::source(&error).is_some_and(|source| source.to_string().contains("length limit"));
        if too_long {
            Problem::too_large(limit)
        } else {
            Problem::bad_request("the body broke off", "send it again, as a whole")
        }
    })
}

/// 400 where it is no JSON, 422 where it is JSON of another shape; both say where.
pub(crate) fn from_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    serde_json::from_slice(bytes).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        let text = error.to_string();
        let message = text.split(" at line ").next().unwrap_or_default();
        if error.is_data() {
            Problem::invalid(vec![Fault {
                line: u32::try_from(line).ok(),
                field: message.split('`').nth(1).filter(|_| message.contains("field")).map(str::to_owned),
                code: "wrong-shape".to_owned(),
                message: format!("line {line}, column {column}: {message}"),
                remedy: "see the schema in /openapi.json".to_owned(),
                ..Fault::default()
            }])
        } else {
            Problem::bad_request(
                format!("the body is not JSON: line {line}, column {column}: {message}"),
                "check the body with a JSON linter",
            )
        }
    })
}

/// The `interaction` of a query string.
pub(crate) fn asked_interaction(text: &str) -> Result<InteractionId, Problem> {
    InteractionId::from_path(text)
        .ok_or_else(|| Problem::bad_request(format!("`interaction` is {text:?}"), "give the interaction's number"))
}

/// A text for the record, of 1 to `most` bytes without control characters but line ends: a client must not fill the log with one word.
pub(crate) fn bounded(field: &str, text: String, most: usize) -> Result<Arc<str>, Problem> {
    let fault = |code: &str, message: String, remedy: &str| {
        Problem::invalid(vec![Fault {
            field: Some(field.to_owned()),
            code: code.to_owned(),
            message,
            remedy: remedy.to_owned(),
            ..Fault::default()
        }])
    };
    if text.len() > most {
        let message = format!("`{field}` has {} bytes; {most} are kept", text.len());
        return Err(fault("too-long", message, "write less"));
    }
    if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
        return Err(fault("control-character", format!("`{field}` has a control character"), "take it out"));
    }
    Ok(text.into())
}

/// Which part of a list.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Paging {
    pub(crate) cursor: Option<String>,
    pub(crate) limit: Option<usize>,
}

impl Paging {
    pub(crate) fn limit(&self) -> Result<usize, Problem> {
        match self.limit {
            None => Ok(100),
            Some(limit @ 1..=1_000) => Ok(limit),
            Some(limit) => {
                Err(Problem::bad_request(format!("`limit` is {limit}"), "ask for 1 to 1,000 entries a page"))
            }
        }
    }

    pub(crate) fn cursor(&self) -> Option<Cursor> {
        self.cursor.clone().map(Cursor)
    }
}

/// A point in time of the query string: RFC 3339 with any offset.
pub(crate) fn time(name: &str, text: &str) -> Result<Timestamp, Problem> {
    Timestamp::from_rfc3339(text).ok_or_else(|| {
        Problem::bad_request(
            format!("`{name}` is {text:?}, no point in time"),
            "write it as 2026-11-22T10:41:00Z; a + in a query string is %2B",
        )
    })
}
