//! What the contract promises of itself: every item is explained, and what was released stays as it was.

use std::path::Path;

use wit_parser::{
    Docs, Field, Function, Interface, Resolve, Stability, Type, TypeDef, TypeDefKind, World, WorldItem, WorldKey,
};

fn contract(folder: &str) -> Resolve {
    let mut resolve = Resolve::default();
    resolve.push_path(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit").join(folder)).expect("a contract");
    resolve
}

fn name(interface: &Interface) -> &str {
    interface.name.as_deref().expect("interfaces of the contract have names")
}

/// Every item with its name, its words and since when it is.
fn items(resolve: &Resolve) -> Vec<(String, &Docs, &Stability)> {
    let worlds =
        resolve.worlds.iter().map(|(_, world)| (format!("world {}", world.name), &world.docs, &world.stability));
    let interfaces = resolve.interfaces.iter().flat_map(|(_, interface)| {
        let of = name(interface);
        let itself = (format!("interface {of}"), &interface.docs, &interface.stability);
        let functions = interface.functions.values();
        let functions =
            functions.map(move |function| (format!("{of}.{}", function.name), &function.docs, &function.stability));
        let types = interface.types.iter().filter(|(_, id)| !is_used(&resolve.types[**id]));
        let types = types.map(move |(name, id)| {
            let definition = &resolve.types[*id];
            (format!("{of}.{name}"), &definition.docs, &definition.stability)
        });
        std::iter::once(itself).chain(functions).chain(types)
    });
    worlds.chain(interfaces).collect()
}

/// A name that `use` brought in.
fn is_used(definition: &TypeDef) -> bool {
    matches!(definition.kind, TypeDefKind::Type(Type::Id(_)))
}

#[test]
fn every_item_is_explained_and_says_since_when_it_is() {
    let resolve = contract("");
    let wanting: Vec<String> = items(&resolve)
        .into_iter()
        .filter(|(_, docs, stability)| docs.contents.is_none() || !matches!(stability, Stability::Stable { .. }))
        .map(|(name, ..)| name)
        .collect();
    assert_eq!(wanting, Vec::<String>::new());
}

#[test]
fn every_function_says_how_long_it_may_take_and_what_happens_when_it_fails() {
    let resolve = contract("");
    let mut wanting = Vec::new();
    for (_, interface) in &resolve.interfaces {
        for function in interface.functions.values() {
            let words = function.docs.contents.as_deref().unwrap_or_default();
            let is_timed = words.contains("Deadline: ");
            // `config.get` and `config.all` cannot fail.
            let is_failing = words.contains("Failure: ") || !can_fail(&resolve, function);
            if !(is_timed && is_failing) {
                wanting.push(format!("{}.{}", name(interface), function.name));
            }
        }
    }
    assert_eq!(wanting, Vec::<String>::new());
}

#[test]
fn every_interface_says_in_which_order_it_is_asked_and_whom_to_trust() {
    let resolve = contract("");
    let of = |interface: &Interface| interface.docs.contents.clone().unwrap_or_default();
    let is_silent = |interface: &&Interface| {
        let words = of(interface);
        !(words.contains("Order: ") && words.contains("Trust: "))
    };
    let interfaces = resolve.interfaces.iter().map(|(_, interface)| interface);
    assert_eq!(interfaces.filter(is_silent).map(name).collect::<Vec<_>>(), Vec::<&str>::new());
}

/// What tells the unit of a number, or its bounds.
const UNITS: [&str; 15] = [
    "millisecond",
    "minute",
    "second",
    "byte",
    "days",
    "per mille",
    "point",
    "how many",
    "index",
    "q.850",
    "counts",
    "status",
    "at most ",
    "without a unit",
    "`seq`",
];

/// The words of a field: its own, else those of its record if they name it.
fn words(record: &Docs, field: &Field) -> String {
    let of_record = record.contents.clone().unwrap_or_default();
    let is_named = of_record.contains(&format!("`{}`", field.name));
    let own = field.docs.contents.clone().unwrap_or_default();
    if is_named { own + " " + &of_record } else { own }
}

/// A number in a bound such as `0 to 1,000` or `-1,440 to 1,440`.
fn has_bounds(words: &str) -> bool {
    let is_number = |word: &str| {
        let digits = word.trim_matches(['-', '(', ')', '.', ',', ':', ';']);
        !digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit() || c == ',')
    };
    let words: Vec<&str> = words.split_whitespace().collect();
    words.windows(3).any(|three| three[1] == "to" && is_number(three[0]) && is_number(three[2]))
}

fn is_number(resolve: &Resolve, of: Type) -> bool {
    match of {
        Type::Id(id) => match &resolve.types[id].kind {
            TypeDefKind::Option(of) | TypeDefKind::List(of) => is_number(resolve, *of),
            _ => false,
        },
        Type::Bool | Type::Char | Type::String | Type::ErrorContext => false,
        _ => true,
    }
}

/// An `extra` is explained where it is defined, and so is a field that is called as its type.
fn explains_itself(resolve: &Resolve, field: &Field) -> bool {
    let Type::Id(id) = field.ty else { return false };
    match &resolve.types[id].kind {
        TypeDefKind::List(of) => shape(resolve, *of) == "extra",
        _ => resolve.types[id].name.as_ref() == Some(&field.name),
    }
}

#[test]
fn every_field_has_words_and_every_number_its_unit_or_its_bounds() {
    let resolve = contract("");
    let (mut wanting, mut fields) = (Vec::new(), 0);
    for (_, record) in resolve.types.iter() {
        let TypeDefKind::Record(of) = &record.kind else { continue };
        for field in of.fields.iter().filter(|field| !explains_itself(&resolve, field)) {
            fields += 1;
            let said = words(&record.docs, field).to_lowercase();
            let has_unit = || UNITS.iter().any(|unit| said.contains(unit)) || has_bounds(&said);
            if said.trim().is_empty() || is_number(&resolve, field.ty) && !has_unit() {
                wanting.push(format!("{}.{}", record.name.as_deref().unwrap_or("?"), field.name));
            }
        }
    }
    assert_eq!(wanting, Vec::<String>::new());
    assert!(fields > 150, "{fields}");
}

fn can_fail(resolve: &Resolve, function: &Function) -> bool {
    let Some(Type::Id(result)) = function.result else { return false };
    matches!(resolve.types[result].kind, TypeDefKind::Result(_))
}

/// A string as a failure is one that nobody can act on.
#[test]
fn every_failure_is_typed() {
    let resolve = contract("");
    let untyped = resolve.types.iter().filter(|(_, definition)| match &definition.kind {
        TypeDefKind::Result(result) => !matches!(result.err, Some(Type::Id(_))),
        _ => false,
    });
    assert_eq!(untyped.count(), 0);
}

/// Everything of a released version is in today's, word for word; today's worlds want nothing more of a plugin than those of then.
#[test]
fn released_versions_are_contained_in_todays_contract() {
    let today = contract("");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit/released");
    let mut versions = 0;
    for version in std::fs::read_dir(folder).expect("released versions") {
        let version = version.expect("a folder").file_name();
        let version = version.to_str().expect("a version");
        let released = contract(&format!("released/{version}"));
        for (_, interface) in &released.interfaces {
            let now = today.interfaces.iter().find(|(_, now)| now.name == interface.name);
            let (_, now) = now.unwrap_or_else(|| panic!("interface {} of {version} is gone", name(interface)));
            assert_eq!(signatures(&released, interface), signatures(&today, now), "{version}, {}", name(interface));
            let changed = interface.types.iter().find(|(name, id)| {
                let then = definition(&released, &released.types[**id]);
                now.types.get(*name).map(|id| definition(&today, &today.types[*id])) != Some(then)
            });
            assert_eq!(changed.map(|(name, _)| name), None, "{version}, {}", name(interface));
        }
        for (_, world) in &released.worlds {
            let now = today.worlds.iter().find(|(_, now)| now.name == world.name);
            let (_, now) = now.unwrap_or_else(|| panic!("world {} of {version} is gone", world.name));
            assert_eq!(exports(&released, world), exports(&today, now), "{version}, {}", world.name);
        }
        versions += 1;
    }
    assert!(versions > 0);
}

fn exports(resolve: &Resolve, world: &World) -> Vec<String> {
    let export = |(key, item): (&WorldKey, &WorldItem)| match (key, item) {
        (WorldKey::Interface(id), WorldItem::Interface { .. }) => name(&resolve.interfaces[*id]).to_owned(),
        (key, item) => panic!("a world exports interfaces only, not {key:?} {item:?}"),
    };
    world.exports.iter().map(export).collect()
}

/// The functions of an interface with their parameters and results. A later one would be wanted of every older plugin, so none may be added.
fn signatures(resolve: &Resolve, interface: &Interface) -> Vec<String> {
    let signature = |function: &Function| {
        let of = |parameter: &wit_parser::Param| format!("{}: {}", parameter.name, shape(resolve, parameter.ty));
        let parameters: Vec<String> = function.params.iter().map(of).collect();
        let result = function.result.map(|result| shape(resolve, result));
        format!("{}({}) -> {}", function.name, parameters.join(", "), result.unwrap_or_default())
    };
    interface.functions.values().map(signature).collect()
}

fn shape(resolve: &Resolve, of: Type) -> String {
    match of {
        Type::Id(id) => match &resolve.types[id] {
            TypeDef { name: Some(name), .. } => name.clone(),
            anonymous => definition(resolve, anonymous),
        },
        plain => format!("{plain:?}").to_lowercase(),
    }
}

fn definition(resolve: &Resolve, of: &TypeDef) -> String {
    let shape = |of: &Type| shape(resolve, *of);
    let optional = |of: &Option<Type>| of.as_ref().map_or_else(|| "_".to_owned(), shape);
    match &of.kind {
        TypeDefKind::Record(record) => {
            let fields: Vec<String> =
                record.fields.iter().map(|field| format!("{}: {}", field.name, shape(&field.ty))).collect();
            format!("record {{ {} }}", fields.join(", "))
        }
        TypeDefKind::Variant(variant) => {
            let cases: Vec<String> =
                variant.cases.iter().map(|case| format!("{}({})", case.name, optional(&case.ty))).collect();
            format!("variant {{ {} }}", cases.join(", "))
        }
        TypeDefKind::Enum(words) => {
            let cases: Vec<&str> = words.cases.iter().map(|case| case.name.as_str()).collect();
            format!("enum {{ {} }}", cases.join(", "))
        }
        TypeDefKind::List(of) => format!("list<{}>", shape(of)),
        TypeDefKind::Option(of) => format!("option<{}>", shape(of)),
        TypeDefKind::Result(result) => format!("result<{}, {}>", optional(&result.ok), optional(&result.err)),
        TypeDefKind::Tuple(tuple) => format!("tuple<{}>", tuple.types.iter().map(shape).collect::<Vec<_>>().join(", ")),
        TypeDefKind::Type(of) => shape(of),
        other => panic!("the contract has no {other:?}"),
    }
}
