//! Every refusal as `application/problem+json` (RFC 9457).

use axum::http::StatusCode;
use serde::Serialize;

use crate::Fault;

/// What went wrong, for a program (`type`, `status`) and for a person (`title`, `detail`, `remedy`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    #[serde(rename = "type")]
    pub kind: &'static str,
    pub title: &'static str,
    #[serde(serialize_with = "as_number")]
    pub status: StatusCode,
    pub detail: String,
    pub remedy: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<Fault>,
}

fn as_number<S: serde::Serializer>(status: &StatusCode, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u16(status.as_u16())
}
