//! One row for each route: how it is asked, what it answers, who handles it. The router and `openapi.json` are both made from these rows.

use std::sync::Arc;

use axum::{
    handler::Handler,
    http::{Method, StatusCode},
    routing::{MethodFilter, MethodRouter, on},
};
use plugboard_model::compliance::Role;
use utoipa::{
    ToSchema,
    openapi::{Ref, RefOr, Schema, schema::Type},
};

use crate::server::Shared;

/// Those who talk to customers, and those who lead them: a reviewer listens only.
pub(crate) const AT_WORK: &[Role] = &[Role::Agent, Role::Supervisor, Role::Administrator];

/// `agent, supervisor, administrator`
pub(crate) fn words(roles: &[Role]) -> String {
    roles.iter().map(|role| role.word()).collect::<Vec<_>>().join(", ")
}

/// Named schemas that a row refers to.
pub(crate) type Schemas = Vec<(String, RefOr<Schema>)>;

pub(crate) struct Route {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) operation: String,
    pub(crate) summary: String,
    pub(crate) tag: &'static str,
    /// Needs no token.
    pub(crate) open: bool,
    /// Whose tokens may do it; the others are answered 403.
    pub(crate) may: &'static [Role],
    pub(crate) query: Vec<Query>,
    /// Request headers that change the meaning, with what they do.
    pub(crate) headers: Vec<(&'static str, &'static str)>,
    pub(crate) request: Option<Content>,
    pub(crate) answers: Vec<(StatusCode, &'static str, Option<Content>)>,
    pub(crate) refusals: Vec<StatusCode>,
    pub(crate) schemas: Schemas,
    pub(crate) handler: MethodRouter<Arc<Shared>>,
}

pub(crate) struct Query {
    pub(crate) name: &'static str,
    pub(crate) kind: Type,
    pub(crate) meaning: &'static str,
}

pub(crate) struct Content {
    pub(crate) media_type: &'static str,
    /// `None`: bytes.
    pub(crate) schema: Option<Ref>,
}

impl Route {
    pub(crate) fn new<H, T>(method: Method, path: impl Into<String>, operation: &str, summary: &str, handler: H) -> Self
    where
        H: Handler<T, Arc<Shared>>,
        T: 'static,
    {
        let filter = MethodFilter::try_from(method.clone()).expect("only GET, POST, PUT and DELETE are in the table");
        Self {
            // What changes something is the administrators', unless the row says otherwise.
            may: if method == Method::GET { &Role::ALL } else { &[Role::Administrator] },
            method,
            path: path.into(),
            operation: operation.to_owned(),
            summary: summary.to_owned(),
            tag: "host",
            open: false,
            query: Vec::new(),
            headers: Vec::new(),
            request: None,
            answers: Vec::new(),
            refusals: Vec::new(),
            schemas: Vec::new(),
            handler: on(filter, handler),
        }
    }

    pub(crate) fn tag(self, tag: &'static str) -> Self {
        Self { tag, ..self }
    }

    pub(crate) fn open(self) -> Self {
        Self { open: true, ..self }
    }

    pub(crate) fn may(self, may: &'static [Role]) -> Self {
        Self { may, ..self }
    }

    pub(crate) fn query(mut self, name: &'static str, kind: Type, meaning: &'static str) -> Self {
        self.query.push(Query { name, kind, meaning });
        self
    }

    /// A list that is read in pages.
    pub(crate) fn paged(self) -> Self {
        self.query("cursor", Type::String, "`next` of the page before; left out for the first page")
            .query("limit", Type::Integer, "entries in a page, 1 to 1,000, 100 if left out")
            .refuses(StatusCode::BAD_REQUEST)
    }

    pub(crate) fn header(mut self, name: &'static str, meaning: &'static str) -> Self {
        self.headers.push((name, meaning));
        self
    }

    pub(crate) fn takes<T: ToSchema>(mut self) -> Self {
        let schema = Some(self.refer::<T>());
        self.request = Some(Content { media_type: "application/json", schema });
        self.refuses(StatusCode::BAD_REQUEST)
            .refuses(StatusCode::REQUEST_TIMEOUT)
            .refuses(StatusCode::PAYLOAD_TOO_LARGE)
            .refuses(StatusCode::UNSUPPORTED_MEDIA_TYPE)
            .refuses(StatusCode::UNPROCESSABLE_ENTITY)
    }

    pub(crate) fn takes_bytes(mut self, media_type: &'static str) -> Self {
        self.request = Some(Content { media_type, schema: None });
        self.refuses(StatusCode::PAYLOAD_TOO_LARGE).refuses(StatusCode::REQUEST_TIMEOUT)
    }

    pub(crate) fn answers<T: ToSchema>(mut self, status: StatusCode, meaning: &'static str) -> Self {
        let schema = Some(self.refer::<T>());
        self.answers.push((status, meaning, Some(Content { media_type: "application/json", schema })));
        self
    }

    pub(crate) fn answers_bytes(mut self, status: StatusCode, meaning: &'static str, media_type: &'static str) -> Self {
        self.answers.push((status, meaning, Some(Content { media_type, schema: None })));
        self
    }

    pub(crate) fn answers_nothing(mut self, status: StatusCode, meaning: &'static str) -> Self {
        self.answers.push((status, meaning, None));
        self
    }

    pub(crate) fn refuses(mut self, status: StatusCode) -> Self {
        if !self.refusals.contains(&status) {
            self.refusals.push(status);
        }
        self
    }

    fn refer<T: ToSchema>(&mut self) -> Ref {
        self.schemas.push((T::name().into_owned(), T::schema()));
        T::schemas(&mut self.schemas);
        Ref::from_schema_name(T::name())
    }
}
