//! The status page: a few files in the binary, nothing from elsewhere.

use std::sync::Arc;

use axum::{
    Router,
    http::{HeaderName, header},
    response::IntoResponse,
    routing::get,
};

use crate::server::Shared;

/// Scripts, styles, sound and connections from this host only; no frame around it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; media-src 'self'; \
                      connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

const WORDS: &str = include_str!("page/words.js");

pub(crate) fn router() -> Router<Arc<Shared>> {
    [
        ("/", "text/html; charset=utf-8", include_str!("page/index.html")),
        ("/page/style.css", "text/css; charset=utf-8", include_str!("page/style.css")),
        ("/page/words.js", "text/javascript; charset=utf-8", WORDS),
        ("/page/ladder.js", "text/javascript; charset=utf-8", include_str!("page/ladder.js")),
        ("/page/app.js", "text/javascript; charset=utf-8", include_str!("page/app.js")),
    ]
    .into_iter()
    .fold(Router::new(), |router, (path, kind, text)| router.route(path, get(async move || file(kind, text))))
}

fn file(kind: &'static str, text: &'static str) -> impl IntoResponse {
    const HEADERS: [(HeaderName, &str); 2] =
        [(header::CONTENT_SECURITY_POLICY, POLICY), (header::CACHE_CONTROL, "no-cache")];
    ([(header::CONTENT_TYPE, kind)], HEADERS, text)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::WORDS;
    use crate::AlarmName;

    /// The part of the file between these two texts.
    fn part<'a>(text: &'a str, from: &str, to: &str) -> &'a str {
        let (_, text) = text.split_once(from).unwrap();
        text.split_once(to).unwrap().0
    }

    fn of_language(language: &str) -> &'static str {
        part(WORDS, &format!("\n  {language}: {{\n"), "\n  },\n")
    }

    /// What has a word that is not empty.
    fn keys(text: &str) -> BTreeSet<&str> {
        let entries = text.match_indices(": '").filter(|(at, mark)| !text[at + mark.len()..].starts_with('\''));
        let name = |(at, _): (usize, &str)| text[..at].rsplit([' ', '\n']).next().map(|name| name.trim_matches('\''));
        entries.filter_map(name).collect()
    }

    #[test]
    fn each_alarm_that_can_be_raised_has_its_words_in_both_languages_and_no_other_has() {
        let all: BTreeSet<&str> = AlarmName::ALL.iter().map(|name| name.as_str()).collect();
        for language in ["en", "'zh-CN'"] {
            let told = keys(part(of_language(language), "\n    alarms: {", "\n    }"));
            let differ: Vec<_> = all.symmetric_difference(&told).collect();
            assert!(differ.is_empty(), "{language}: {differ:?}");
        }
    }

    #[test]
    fn what_the_page_says_in_one_language_it_says_in_the_other() {
        let [en, zh] = ["en", "'zh-CN'"].map(|language| keys(of_language(language)));
        assert!(en.len() > 150 && en == zh, "{:?}", en.symmetric_difference(&zh).collect::<Vec<_>>());
    }
}
