//! `openapi.json`, written from the route table.

use axum::http::{Method, StatusCode};
use plugboard_model::compliance::Role;
use utoipa::{
    ToSchema,
    openapi::{
        ComponentsBuilder, ContentBuilder, HttpMethod, InfoBuilder, LicenseBuilder, ObjectBuilder, OpenApi,
        OpenApiBuilder, PathItem, PathsBuilder, Ref, RefOr, Required, ResponseBuilder, Schema,
        path::{OperationBuilder, ParameterBuilder, ParameterIn},
        request_body::RequestBodyBuilder,
        schema::Type,
        security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme},
        tag::TagBuilder,
    },
};

use crate::{
    route::{Content, Route, words},
    schema,
};

const ABOUT: &str = "\
Everything that a Plugboard host lets programs see and do. Ids are the tenant's own names or rising numbers. Points in time are RFC 3339 in UTC, with \
microseconds in live data and events and milliseconds in call detail records; spans are whole milliseconds and end in `_ms`. Every refusal is \
`application/problem+json` (RFC 9457) with a `remedy`.";

const TAGS: [(&str, &str); 8] = [
    ("host", "The host itself, its tenants, and logging in"),
    ("configuration", "Queues, agents, numbers, trunks, flows and prompts; as a whole or one by one"),
    ("live", "What is going on now"),
    ("calls", "Call control"),
    ("agents", "Agents at work"),
    ("records", "Call detail records and recordings"),
    ("figures", "What a day, an hour or a month came to"),
    ("events", "Everything that happens, in order"),
];

pub(crate) fn document(routes: &[Route]) -> OpenApi {
    let mut components = ComponentsBuilder::new()
        .security_scheme("token", SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build()))
        .security_scheme("session", SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::new("plugboard_session"))));
    let mut problem = Vec::new();
    problem.push((schema::Problem::name().into_owned(), <schema::Problem as utoipa::PartialSchema>::schema()));
    schema::Problem::schemas(&mut problem);
    let mut schemas: Vec<_> = routes.iter().flat_map(|route| route.schemas.iter().cloned()).chain(problem).collect();
    schemas.sort_by(|(a, _), (b, _)| a.cmp(b));
    schemas.dedup_by(|(a, _), (b, _)| a == b);
    for (name, schema) in schemas {
        components = components.schema(name, schema);
    }
    let paths = routes.iter().fold(PathsBuilder::new(), |paths, route| {
        paths.path(route.path.clone(), PathItem::new(method(&route.method), operation(route)))
    });
    let license = LicenseBuilder::new().name("Apache-2.0").identifier(Some("Apache-2.0")).build();
    let info = InfoBuilder::new()
        .title("Plugboard")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(ABOUT))
        .license(Some(license))
        .build();
    let tags = TAGS.map(|(name, meaning)| TagBuilder::new().name(name).description(Some(meaning)).build());
    OpenApiBuilder::new().info(info).paths(paths).components(Some(components.build())).tags(Some(tags)).build()
}

fn operation(route: &Route) -> OperationBuilder {
    let mut operation = OperationBuilder::new()
        .operation_id(Some(route.operation.clone()))
        .summary(Some(route.summary.clone()))
        .tag(route.tag);
    for name in path_parameters(&route.path) {
        operation = operation.parameter(
            ParameterBuilder::new()
                .name(name)
                .parameter_in(ParameterIn::Path)
                .required(Required::True)
                .schema(Some(plain(Type::String))),
        );
    }
    for query in &route.query {
        operation = operation.parameter(
            ParameterBuilder::new()
                .name(query.name)
                .parameter_in(ParameterIn::Query)
                .required(Required::False)
                .description(Some(query.meaning))
                .schema(Some(plain(query.kind.clone()))),
        );
    }
    for (name, meaning) in &route.headers {
        operation = operation.parameter(
            ParameterBuilder::new()
                .name(*name)
                .parameter_in(ParameterIn::Header)
                .required(Required::False)
                .description(Some(*meaning))
                .schema(Some(plain(Type::String))),
        );
    }
    if let Some(request) = &route.request {
        let body = RequestBodyBuilder::new().required(Some(Required::True));
        operation = operation.request_body(Some(body.content(request.media_type, content(request)).build()));
    }
    for (status, meaning, body) in &route.answers {
        let mut answer = ResponseBuilder::new().description(*meaning);
        if let Some(body) = body {
            answer = answer.content(body.media_type, content(body));
        }
        operation = operation.response(status.as_str(), answer.build());
    }
    for status in refusals(route) {
        let body = ContentBuilder::new().schema(Some(Ref::from_schema_name(schema::Problem::name()))).build();
        let meaning = status.canonical_reason().unwrap_or("Refused");
        let answer = ResponseBuilder::new().description(meaning).content("application/problem+json", body);
        operation = operation.response(status.as_str(), answer.build());
    }
    if !route.open {
        if route.may.len() < Role::ALL.len() {
            operation = operation.description(Some(format!("For the roles {}.", words(route.may))));
        }
        operation = operation
            .securities(Some(["token", "session"].map(|name| SecurityRequirement::new::<_, _, String>(name, []))));
    }
    operation
}

/// What the route says, and what follows from where it stands.
fn refusals(route: &Route) -> Vec<StatusCode> {
    let mut refusals = route.refusals.clone();
    if !route.open {
        refusals.extend([StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN, StatusCode::TOO_MANY_REQUESTS]);
    }
    if route.path.contains('{') {
        refusals.push(StatusCode::NOT_FOUND);
        refusals.push(StatusCode::SERVICE_UNAVAILABLE);
    }
    refusals.sort();
    refusals.dedup();
    refusals
}

fn content(content: &Content) -> utoipa::openapi::Content {
    let body = ContentBuilder::new();
    match &content.schema {
        Some(schema) => body.schema(Some(schema.clone())).build(),
        None => body.build(),
    }
}

fn plain(kind: Type) -> RefOr<Schema> {
    ObjectBuilder::new().schema_type(kind).into()
}

fn method(method: &Method) -> HttpMethod {
    match *method {
        Method::POST => HttpMethod::Post,
        Method::PUT => HttpMethod::Put,
        Method::DELETE => HttpMethod::Delete,
        _ => HttpMethod::Get,
    }
}

fn path_parameters(path: &str) -> impl Iterator<Item = &str> {
    path.split('{').skip(1).filter_map(|part| part.split('}').next())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use expect_test::expect_file;

    use super::*;
    use crate::table::table;

    /// `UPDATE_EXPECT=1 cargo test -p plugboard-api` writes it anew.
    #[test]
    fn the_committed_document_is_the_one_that_is_served() {
        let document = document(&table()).to_pretty_json().unwrap() + "\n";
        expect_file!["../openapi.json"].assert_eq(&document);
    }

    #[test]
    fn every_route_is_documented_and_nothing_else_is() {
        let routed: BTreeSet<_> =
            table().iter().map(|route| (route.path.clone(), route.method.as_str().to_lowercase())).collect();
        let document = serde_json::to_value(document(&table())).unwrap();
        let documented: BTreeSet<_> = document["paths"]
            .as_object()
            .unwrap()
            .iter()
            .flat_map(|(path, item)| item.as_object().unwrap().keys().map(|method| (path.clone(), method.clone())))
            .collect();
        assert_eq!(documented, routed);
    }

    #[test]
    fn operations_have_names_of_their_own_and_references_lead_somewhere() {
        let routes = table();
        let names: BTreeSet<_> = routes.iter().map(|route| &route.operation).collect();
        assert_eq!(names.len(), routes.len());
        let document = document(&routes);
        let text = document.to_json().unwrap();
        let known = document.components.unwrap().schemas;
        let unknown: Vec<_> = text
            .split("#/components/schemas/")
            .skip(1)
            .filter_map(|rest| rest.split('"').next())
            .filter(|name| !known.contains_key(*name))
            .collect();
        assert_eq!(unknown, Vec::<&str>::new());
    }
}
