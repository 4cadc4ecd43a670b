//! Every route of `/v1`.

use crate::{
    calls, cdrs, channels, configuration, connectors, events, figures, live, messages, metrics, packs, prompts,
    recordings, resource, route::Route, session, tapes, traces, usage, utterances,
};

pub(crate) fn table() -> Vec<Route> {
    [
        session::routes(),
        configuration::routes(),
        resource::routes(),
        prompts::routes(),
        packs::routes(),
        connectors::routes(),
        channels::routes(),
        messages::routes(),
        live::routes(),
        calls::routes(),
        utterances::routes(),
        cdrs::routes(),
        tapes::routes(),
        traces::routes(),
        usage::routes(),
        figures::routes(),
        recordings::routes(),
        events::routes(),
        metrics::routes(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
