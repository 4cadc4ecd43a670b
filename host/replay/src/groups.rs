//! Changes with what they happened to, as scripts read them.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

/// A list of objects with the members of both: JSON knows no map whose keys are objects.
pub(crate) fn as_list<C: Serialize, G: Serialize, S: Serializer>(
    groups: &BTreeMap<C, G>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Row<'a, C, G> {
        #[serde(flatten)]
        change: &'a C,
        #[serde(flatten)]
        group: &'a G,
    }
    serializer.collect_seq(groups.iter().map(|(change, group)| Row { change, group }))
}
