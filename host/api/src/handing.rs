//! What leaves the host by the API is sealed until the compliance gate gives leave.
//!
//! ```text
//!   Host ──▶ Sealed<T> ──describes itself──▶ Handout ──gate──▶ Leave
//!               └────────────────open────────────────────────────┘──▶ T, masked where that is due
//! ```
//! A handler has no way to what a [`Sealed`] holds but [`Sealed::open`], and none to a [`Leave`] but the gate.

use std::path::{Path, PathBuf};

use axum::{
    Json,
    extract::{FromRequestParts, Query},
    http::request::Parts,
    response::{IntoResponse, Response},
};
use plugboard_exchange::{Command, Handout, Leave, Reply, SharedEvent, UNMASKABLE};
use plugboard_model::{
    EventKind, InteractionId,
    compliance::{Asker, Effect, Export, Role, Unmask},
    tape::Tape,
};
use plugboard_reporting::{AgentInterval, Cdr, QueueInterval};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{Page, Problem, mask, request::Tenant, server::Shared};

/// Something that nobody outside of the host may have before the gate says so.
#[derive(Clone, PartialEq)]
pub struct Sealed<T>(T);

impl<T> std::fmt::Debug for Sealed<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sealed")
    }
}

/// What may be sealed: it says of itself what rules want to know.
pub trait Leaves: Sized {
    /// As in the contract's `export`.
    const KIND: &'static str;
    fn rows(&self) -> u32;
    /// Whether anything in it names or describes a person.
    fn is_personal(&self) -> bool;
    /// With the numbers of persons masked; `None`: that cannot be done.
    fn masked(self) -> Option<Self>;
}

impl<T> Sealed<T> {
    pub fn new(value: T) -> Self {
        Self(value)
    }
}

impl<T: Leaves> Sealed<T> {
    /// `None`: the leave is for something else, or it has to be masked and cannot be.
    pub fn open(self, leave: &Leave) -> Option<T> {
        match &leave.handout().what {
            Effect::Export(export) if export.kind == T::KIND => {
                if leave.is_masked() && self.0.is_personal() {
                    self.0.masked()
                } else {
                    Some(self.0)
                }
            }
            _ => None,
        }
    }
}

impl Sealed<Vec<SharedEvent>> {
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn last_seq(&self) -> Option<u64> {
        self.0.last().map(|event| event.seq)
    }

    /// Takes on the first `room` of those that are of one interaction.
    pub(crate) fn add_of(&mut self, interaction: InteractionId, room: usize, others: Self) {
        let wanted = others.0.into_iter().filter(|event| event.kind.interaction() == Some(interaction));
        self.0.extend(wanted.take(room));
    }
}

impl Sealed<Cdr> {
    /// The numbers of one record, for who was allowed to see them.
    fn numbers(self, leave: &Leave) -> Option<Numbers> {
        let Handout { what: Effect::Unmask(unmask), interaction, .. } = leave.handout() else { return None };
        if unmask.kind != "phone" || *interaction != Some(self.0.interaction) {
            return None;
        }
        let Cdr { from, to, legs, .. } = self.0;
        Some(Numbers { from, to, parties: legs.into_iter().map(|leg| leg.party).collect() })
    }
}

/// The sound of one recording.
pub type Sound = Sealed<(InteractionId, PathBuf)>;

impl Sound {
    /// Where it lies, for who was allowed to hear it.
    fn path(&self, leave: &Leave) -> Option<&Path> {
        let Handout { what: Effect::Unmask(unmask), interaction, .. } = leave.handout() else { return None };
        (unmask.kind == "recording" && *interaction == Some(self.0.0)).then_some(self.0.1.as_path())
    }
}

/// Numbers of persons in one record.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Numbers {
    from: String,
    to: String,
    /// Of each leg, in order.
    parties: Vec<String>,
}

fn count(entries: usize) -> u32 {
    u32::try_from(entries).unwrap_or(u32::MAX)
}

fn masked_as_json<T: Serialize + DeserializeOwned>(value: &T) -> Option<T> {
    let mut json = serde_json::to_value(value).ok()?;
    mask::json(&mut json);
    serde_json::from_value(json).ok()
}

impl Leaves for Cdr {
    const KIND: &'static str = "interactions";

    fn rows(&self) -> u32 {
        1
    }

    fn is_personal(&self) -> bool {
        true
    }

    fn masked(self) -> Option<Self> {
        masked_as_json(&self)
    }
}

impl<T: Leaves> Leaves for Page<T> {
    const KIND: &'static str = T::KIND;

    fn rows(&self) -> u32 {
        count(self.items.len())
    }

    fn is_personal(&self) -> bool {
        self.items.iter().any(T::is_personal)
    }

    fn masked(self) -> Option<Self> {
        let items = self.items.into_iter().map(T::masked).collect::<Option<_>>()?;
        Some(Self { items, ..self })
    }
}

impl Leaves for SharedEvent {
    const KIND: &'static str = "interactions";

    fn rows(&self) -> u32 {
        1
    }

    /// What belongs to no interaction is about the centre and its agents. That data left is no news of the person whose it was.
    fn is_personal(&self) -> bool {
        match &self.kind {
            EventKind::Judged { judgement, .. } if matches!(&*judgement.effect, "export" | "unmask") => false,
            EventKind::Unmasked { .. } => false,
            kind => kind.interaction().is_some() || kind.is_of_messages(),
        }
    }

    fn masked(self) -> Option<Self> {
        masked_as_json(&*self).map(Self::new)
    }
}

impl<T: Leaves> Leaves for Vec<T> {
    const KIND: &'static str = T::KIND;

    fn rows(&self) -> u32 {
        count(self.len())
    }

    fn is_personal(&self) -> bool {
        self.iter().any(T::is_personal)
    }

    fn masked(self) -> Option<Self> {
        self.into_iter().map(T::masked).collect()
    }
}

impl Leaves for Tape {
    const KIND: &'static str = UNMASKABLE[1];

    fn rows(&self) -> u32 {
        1
    }

    fn is_personal(&self) -> bool {
        true
    }

    fn masked(self) -> Option<Self> {
        None
    }
}

impl Leaves for QueueInterval {
    const KIND: &'static str = "reports";

    fn rows(&self) -> u32 {
        1
    }

    fn is_personal(&self) -> bool {
        false
    }

    fn masked(self) -> Option<Self> {
        Some(self)
    }
}

impl Leaves for AgentInterval {
    const KIND: &'static str = "reports";

    fn rows(&self) -> u32 {
        1
    }

    /// It tells how somebody works.
    fn is_personal(&self) -> bool {
        true
    }

    /// No number of anybody is in it.
    fn masked(self) -> Option<Self> {
        Some(self)
    }
}

/// Why somebody wants to have or to see something: `reason` of the query string.
#[derive(Clone)]
pub(crate) struct Reason(pub(crate) String);

#[derive(Deserialize)]
struct Given {
    #[serde(default)]
    reason: String,
}

/// Bytes of a reason.
pub(crate) const MOST_REASON: usize = 1_024;

impl<S: Send + Sync> FromRequestParts<S> for Reason {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        // What else is wrong with the query string is for those to say who read it.
        let reason = Query::<Given>::try_from_uri(&parts.uri).map(|Query(given)| given.reason).unwrap_or_default();
        crate::request::bounded("reason", reason, MOST_REASON).map(|reason| Self(reason.to_string()))
    }
}

impl Tenant {
    pub(crate) fn asker(&self) -> Asker {
        Asker::Api(self.caller.name.clone())
    }

    /// As many as come, in a stream of live events.
    pub(crate) fn stream_of_events(&self, Reason(reason): Reason) -> Handout {
        self.export::<SharedEvent>(u32::MAX, true, "api", reason)
    }

    fn export<T: Leaves>(&self, rows: u32, personal: bool, target: &str, reason: String) -> Handout {
        let role = self.caller.role;
        let what = Effect::Export(Export {
            kind: T::KIND.to_owned(),
            role: role.word().to_owned(),
            rows,
            personal,
            masked: personal && role.is_masked(),
            target: target.to_owned(),
            reason,
        });
        Handout { by: self.asker(), what, interaction: None }
    }

    fn unmask(&self, kind: &str, interaction: InteractionId, reason: String) -> Handout {
        let what = Effect::Unmask(Unmask {
            kind: kind.to_owned(),
            customer: String::new(),
            role: self.caller.role.word().to_owned(),
            // The exchange knows both.
            in_hand: false,
            reason,
            seen_today: 0,
        });
        Handout { by: self.asker(), what, interaction: Some(interaction) }
    }
}

impl Shared {
    /// Hands it out, or says which rule forbids that. `target`: `api`, `download`.
    pub(crate) async fn hand_out<T: Leaves>(
        &self,
        tenant: &Tenant,
        sealed: Sealed<T>,
        target: &str,
        Reason(reason): Reason,
    ) -> Result<T, Problem> {
        let (rows, personal) = (sealed.0.rows(), sealed.0.is_personal());
        if personal && tenant.caller.role.is_masked() && UNMASKABLE.contains(&T::KIND) {
            return Err(cannot_be_masked(tenant.caller.role));
        }
        // Nobody has to decide about nothing. Nor about events of the centre itself: each verdict is one, and reading the log would never end.
        if rows == 0 || (!personal && T::KIND == SharedEvent::KIND) {
            return Ok(sealed.0);
        }
        let leave = self.leave(tenant, tenant.export::<T>(rows, personal, target, reason)).await?;
        self.open(sealed, &leave)
    }

    /// Opens what a leave is for; several parts of one stream may be opened with one.
    pub(crate) fn open<T: Leaves>(&self, sealed: Sealed<T>, leave: &Leave) -> Result<T, Problem> {
        sealed.open(leave).ok_or_else(|| {
            tracing::error!(kind = T::KIND, "something that was to be handed out could not be opened");
            Problem::unavailable("not-opened", "it cannot be handed out as it should be", 60)
        })
    }

    /// The numbers of a record, each time with an event that says who saw them and why.
    pub(crate) async fn show_numbers(
        &self,
        tenant: &Tenant,
        interaction: InteractionId,
        sealed: Sealed<Cdr>,
        reason: String,
    ) -> Result<Numbers, Problem> {
        let leave = self.judged(tenant, tenant.unmask("phone", interaction, reason)).await?;
        sealed.numbers(&leave).ok_or_else(|| Problem::unavailable("not-opened", "it cannot be shown", 60))
    }

    /// Where the sound of a recording lies, for who may hear it.
    pub(crate) async fn let_hear<'a>(
        &self,
        tenant: &Tenant,
        sound: &'a Sound,
        Reason(reason): Reason,
    ) -> Result<&'a Path, Problem> {
        let leave = self.leave(tenant, tenant.unmask("recording", sound.0.0, reason)).await?;
        sound.path(&leave).ok_or_else(|| Problem::unavailable("not-opened", "it cannot be handed out", 60))
    }

    pub(crate) async fn leave(&self, tenant: &Tenant, handout: Handout) -> Result<Leave, Problem> {
        match Leave::without_rules(&tenant.configuration, handout) {
            Ok(leave) => Ok(leave),
            Err(handout) => self.judged(tenant, *handout).await,
        }
    }

    async fn judged(&self, tenant: &Tenant, handout: Handout) -> Result<Leave, Problem> {
        match self.host.command(&tenant.id, &tenant.caller.name, Command::HandOut(Box::new(handout))).await? {
            Reply::Leave(leave) => Ok(*leave),
            _ => {
                tracing::error!("the exchange answered a handout with something else");
                Err(Problem::unavailable("not-judged", "the rules gave no verdict", 5))
            }
        }
    }
}

impl Tenant {
    /// What is shown of what goes on: a person at work looks at it, and numbers in it are masked by role. It is no export, and no rule is asked.
    pub(crate) fn shows<T: Serialize>(&self, view: &T) -> Result<Response, Problem> {
        if !self.caller.role.is_masked() {
            return Ok(Json(view).into_response());
        }
        let mut view = serde_json::to_value(view).map_err(|error| {
            tracing::error!(error = &error as &dyn std::error::Error, "a view cannot be masked");
            Problem::unavailable("not-opened", "it cannot be shown as it should be", 60)
        })?;
        mask::json(&mut view);
        Ok(Json(view).into_response())
    }
}

fn cannot_be_masked(role: Role) -> Problem {
    Problem::forbidden(
        format!("for the role {} numbers are masked, and in this they cannot be", role.word()),
        "use a token of a supervisor or an administrator",
    )
}
