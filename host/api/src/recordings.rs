//! Recordings: the list, and the sound itself in ranges (RFC 9110 §14), so that a player may jump.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    ops::Range,
    path::PathBuf,
    sync::Arc,
};

use axum::{
    Json,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use futures_util::stream;
use plugboard_model::RecordingId;
use serde::Deserialize;
use utoipa::openapi::schema::Type;

use crate::{
    Page, Problem, RecordingFile, RecordingQuery,
    handing::Reason,
    request::{Asked, Id, Paging, Tenant, asked_interaction},
    route::Route,
    schema,
    server::Shared,
};

/// Read and sent at once.
const CHUNK: usize = 64 * 1024;

pub(crate) fn routes() -> Vec<Route> {
    vec![
        Route::new(
            Method::GET,
            "/v1/tenants/{tenant}/recordings",
            "listRecordings",
            "Closed recordings, newest first",
            list,
        )
        .tag("records")
        .query("interaction", Type::String, "only those of one interaction")
        .paged()
        .answers::<schema::RecordingPage>(StatusCode::OK, "A page"),
        Route::new(
            Method::GET,
            "/v1/tenants/{tenant}/recordings/{id}",
            "readRecording",
            "The sound, whole or a range of it",
            read,
        )
        .tag("records")
        .query("reason", Type::String, "why it has to be heard, for the tenant's rules; at most 1 KiB")
        .refuses(StatusCode::FORBIDDEN)
        .header("Range", "one range of bytes; several are answered with the whole")
        .header("If-Range", "the range only if the ETag is still this one")
        .header("If-None-Match", "304 if the ETag is still this one")
        .answers_bytes(
            StatusCode::OK,
            "The whole; left is the caller, right the agent; ETag is its SHA-256",
            "audio/wav",
        )
        .answers_bytes(StatusCode::PARTIAL_CONTENT, "The range", "audio/wav")
        .answers_nothing(StatusCode::NOT_MODIFIED, "Unchanged")
        .refuses(StatusCode::RANGE_NOT_SATISFIABLE),
    ]
}

#[derive(Deserialize)]
struct Conditions {
    interaction: Option<String>,
    cursor: Option<String>,
    limit: Option<usize>,
}

async fn list(
    State(shared): State<Arc<Shared>>,
    tenant: Tenant,
    Asked(Conditions { interaction, cursor, limit }): Asked<Conditions>,
) -> Result<Json<Page<RecordingFile>>, Problem> {
    let paging = Paging { cursor, limit };
    let interaction = interaction.as_deref().map(asked_interaction).transpose()?;
    let query = RecordingQuery { interaction, cursor: paging.cursor(), limit: paging.limit()? };
    Ok(Json(shared.host.recordings(&tenant.id, query).await?))
}

async fn read(
    State(shared): State<Arc<Shared>>,
    tenant: Tenant,
    Id(id): Id<RecordingId>,
    headers: HeaderMap,
    reason: Reason,
) -> Result<Response, Problem> {
    let found = shared.host.recording(&tenant.id, id).await?;
    let recording = found.ok_or_else(|| {
        Problem::not_found(
            format!("no recording {id}"),
            "a recording is here once it is closed; list them with GET …/recordings",
        )
    })?;
    let etag = HeaderValue::try_from(format!("\"{}\"", recording.sha256))
        .map_err(|_| Problem::unavailable("bad-record", "the recording's hash cannot be told", 60))?;
    let named = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    if named(header::IF_NONE_MATCH).is_some_and(|tags| matches_any(tags, &etag)) {
        return Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, etag)]).into_response());
    }
    let path = shared.let_hear(&tenant, &recording.sound, reason).await?.to_owned();
    let (file, length) = open(path.clone()).await.map_err(|error| {
        tracing::error!(path = %path.display(), %error, "a recording cannot be read");
        Problem::not_found(format!("the file of recording {id} cannot be read"), "ask the operator to look at the log")
    })?;
    // If-Range with another ETag means: the part that you have is of another file, so take the whole.
    let same = named(header::IF_RANGE).is_none_or(|tag| tag.as_bytes() == etag.as_bytes());
    let (status, part) = match named(header::RANGE).filter(|_| same).map(|range| requested(range, length)) {
        None | Some(Requested::Whole) => (StatusCode::OK, 0..length),
        Some(Requested::Part(part)) => (StatusCode::PARTIAL_CONTENT, part),
        Some(Requested::Outside) => {
            let problem = Problem::new(
                StatusCode::RANGE_NOT_SATISFIABLE,
                "range-not-satisfiable",
                "Range not satisfiable",
                format!("the recording is {length} bytes long"),
                "ask for a range that begins within it",
            );
            return Ok(([(header::CONTENT_RANGE, format!("bytes */{length}"))], problem).into_response());
        }
    };
    let mut response = Response::builder()
        .status(status)
        .header(header::CONTENT_TYPE, "audio/wav")
        .header(header::CONTENT_LENGTH, part.end - part.start)
        .header(header::ACCEPT_RANGES, "bytes")
        .header(header::ETAG, etag)
        .header(header::CACHE_CONTROL, "private, no-cache")
        .header(header::CONTENT_DISPOSITION, format!("inline; filename=\"recording-{}.wav\"", id.0));
    if status == StatusCode::PARTIAL_CONTENT {
        response = response.header(header::CONTENT_RANGE, format!("bytes {}-{}/{length}", part.start, part.end - 1));
    }
    Ok(response.body(body(file, part)).expect("every header above is made of digits and fixed words"))
}

fn matches_any(tags: &str, etag: &HeaderValue) -> bool {
    tags.split(',')
        .map(|tag| tag.trim().trim_start_matches("W/"))
        .any(|tag| tag == "*" || tag.as_bytes() == etag.as_bytes())
}

#[derive(Debug, PartialEq, Eq)]
enum Requested {
    /// No range, one that is not understood, or several: RFC 9110 §14.2 lets all of them be ignored.
    Whole,
    Part(Range<u64>),
    Outside,
}

/// One `bytes=` range of something `length` bytes long (RFC 9110 §14.1.2).
fn requested(range: &str, length: u64) -> Requested {
    let Some((first, last)) = range.trim().strip_prefix("bytes=").and_then(|range| range.split_once('-')) else {
        return Requested::Whole;
    };
    let (first, last) = (first.trim(), last.trim());
    let number = |text: &str| text.parse::<u64>().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()));
    match (first, last) {
        ("", last) => match number(last) {
            Some(0) => Requested::Outside,
            Some(_) if length == 0 => Requested::Outside,
            Some(tail) => Requested::Part(length.saturating_sub(tail)..length),
            None => Requested::Whole,
        },
        (first, last) => match (number(first), if last.is_empty() { Some(u64::MAX) } else { number(last) }) {
            (Some(first), Some(last)) if first > last => Requested::Whole,
            (Some(first), Some(_)) if first >= length => Requested::Outside,
            (Some(first), Some(last)) => Requested::Part(first..last.saturating_add(1).min(length)),
            _ => Requested::Whole,
        },
    }
}

async fn open(path: PathBuf) -> io::Result<(File, u64)> {
    blocking(move || {
        let file = File::open(path)?;
        let length = file.metadata()?.len();
        Ok((file, length))
    })
    .await
}

/// The bytes of `part`, read as fast as the client takes them.
fn body(file: File, part: Range<u64>) -> Body {
    Body::from_stream(stream::try_unfold((file, part), |(file, part)| async move {
        if part.is_empty() {
            return Ok(None);
        }
        let (file, chunk) = blocking(move || {
            let mut file = file;
            let want = CHUNK.min(usize::try_from(part.end - part.start).unwrap_or(CHUNK));
            let mut chunk = vec![0; want];
            file.seek(SeekFrom::Start(part.start))?;
            file.read_exact(&mut chunk)?;
            Ok((file, chunk))
        })
        .await?;
        let rest = part.start + chunk.len() as u64..part.end;
        Ok::<_, io::Error>(Some((Bytes::from(chunk), (file, rest))))
    }))
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| Err(io::Error::other("the reader stopped")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_rfc_9110_has_them() {
        let read = |range| requested(range, 100);
        assert_eq!(
            ["bytes=0-9", "bytes=90-", "bytes=-10", "bytes=-500", "bytes=50-500"].map(read),
            [
                Requested::Part(0..10),
                Requested::Part(90..100),
                Requested::Part(90..100),
                Requested::Part(0..100),
                Requested::Part(50..100)
            ]
        );
        assert_eq!(["bytes=100-", "bytes=-0", "bytes=100-200"].map(read), [const { Requested::Outside }; 3]);
        assert_eq!(
            ["bytes=9-0", "bytes=0-1,5-6", "items=0-1", "bytes=a-b", "bytes=-"].map(read),
            [const { Requested::Whole }; 5]
        );
    }
}
