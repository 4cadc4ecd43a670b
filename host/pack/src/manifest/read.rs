//! From the text of `plugin.toml` to a [`Manifest`]; all that is wrong is found at once.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::{Range, RangeInclusive},
    time::Duration,
};

use semver::Version;
use toml::de::DeValue;

use super::{
    Component, Folders, Limits, MANIFEST, MOST_BYTES, MOST_COMPONENTS, Manifest, ManifestFault, Wrong,
    sheet::{At, Sheet, Table, shown},
};
use crate::{
    Bytes, ComponentName, FileName, NameError, Origin, SecretName, Words, World,
    archive::is_deceptive,
    permissions::{Addresses, Asks, EffectKind, MOST_KV, MOST_ORIGINS, MOST_SECRETS},
    quantity,
};

const ID: &str = "id = \"acme.crm\"";
const HTTP: &str = "http = [\"https://crm.example.com\"]";
const SECRETS: &str = "secrets = { crm-token = [\"https://crm.example.com\"] }";
const NAME: &str = "name = { en = \"Acme CRM\", zh-CN = \"Acme 客户系统\" }";
const DESCRIPTION: &str = "description = { en = \"Finds the caller\", zh-CN = \"查找来电者\" }";
const COMPONENTS: &str = "[components.lookup] and its keys below it";

/// What else a manifest is held against: the files of its pack, where they are at hand.
pub(crate) trait Contents {
    fn check_file(&self, file: &FileName, part: Part) -> Option<ManifestFault>;
}

/// What the manifest names a file as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Component,
    Settings,
    /// A folder that holds at least one file.
    Folder,
}

/// The text alone, without its pack.
pub(crate) struct NoContents;

impl Contents for NoContents {
    fn check_file(&self, _: &FileName, _: Part) -> Option<ManifestFault> {
        None
    }
}

impl Manifest {
    /// Reads the text of a `plugin.toml`, without looking whether the files that it names are there.
    pub fn parse(text: &str) -> Result<Self, Vec<ManifestFault>> {
        Self::read(text, &NoContents)
    }

    pub(crate) fn read(text: &str, contents: &impl Contents) -> Result<Self, Vec<ManifestFault>> {
        if text.len() > MOST_BYTES {
            let wrong = Wrong::TooLong { bytes: Bytes(text.len() as u64), most: Bytes(MOST_BYTES as u64) };
            return Err(vec![ManifestFault { wrong, file: MANIFEST.to_owned(), place: None }]);
        }
        let sheet = Sheet::new(MANIFEST, text);
        let manifest = {
            let parsed = sheet.parse();
            parsed.as_ref().and_then(|parsed| {
                let root = Table::new(parsed.get_ref(), "plugin.toml", 0..0, &sheet);
                let manifest = manifest(&root, contents);
                root.finish();
                manifest
            })
        };
        let faults = sheet.into_faults();
        match manifest {
            Some(manifest) if faults.is_empty() => Ok(manifest),
            _ => Err(faults),
        }
    }
}

fn manifest(root: &Table<'_, '_>, contents: &impl Contents) -> Option<Manifest> {
    // Each part is read whether or not another is missing, so that all faults are told.
    let pack = root.needs("pack", "[pack] and its keys below it").and_then(|_| root.table("pack", "[pack]", "[pack]"));
    let folders = root.table("folders", "[folders]", "[folders]").map(|table| folders(table, contents));
    let is_content = folders.as_ref().is_some_and(|folders| folders.prompts.is_some() || folders.flows.is_some());
    // Prompts and documents are run by components of others.
    let components = if is_content && !root.has("components") { Some(Vec::new()) } else { components(root, contents) };
    let pack = pack?;
    let id = needed_name(&pack, "id", ID);
    let version = version(&pack, "version", "version = \"1.0.0\"");
    let contract = self::version(&pack, "contract", "contract = \"0.1.0\"");
    let licence = line(&pack, "licence", 64, "licence = \"Apache-2.0\"");
    let vendor = line(&pack, "vendor", 100, "vendor = \"Acme Ltd\"");
    let name = words(&pack, "name", 60, NAME);
    let description = words(&pack, "description", 1_000, DESCRIPTION);
    pack.finish();
    Some(Manifest {
        id: id?,
        version: version?,
        contract: contract?,
        licence: licence?,
        vendor: vendor?,
        name: name?,
        description: description?,
        components: components?,
        folders: folders.unwrap_or_default(),
    })
}

fn folders(table: Table<'_, '_>, contents: &impl Contents) -> Folders {
    let folder = |key, example| Some(path(&table, key, example, contents, Part::Folder)?.0);
    let folders = Folders {
        prompts: folder("prompts", "prompts = \"prompts\""),
        flows: folder("flows", "flows = \"flows\""),
        tests: folder("tests", "tests = \"tests\""),
        translations: folder("translations", "translations = \"translations\""),
    };
    table.finish();
    folders
}

/// `None` where one could not be read; what is wrong is told.
fn components(root: &Table<'_, '_>, contents: &impl Contents) -> Option<Vec<Component>> {
    root.needs("components", COMPONENTS)?;
    let all = root.table("components", "[components]", COMPONENTS)?;
    let (count, most) = (all.len(), MOST_COMPONENTS);
    if count == 0 {
        root.sheet.wrong(all.span(), Wrong::MissingKey { table: "[components]", key: "lookup", example: COMPONENTS });
    }
    if count > most {
        root.sheet.wrong(all.span(), Wrong::TooMany { what: "components", count, most });
        return None;
    }
    let each = all.entries().map(|((name, span), value)| {
        let named = parse_name(root.sheet, name, span.clone());
        let DeValue::Table(table) = value.get_ref() else {
            all.wrong_type(name, value, "a table", COMPONENTS);
            return None;
        };
        component(named, Table::new(table, "a component", span, root.sheet), contents)
    });
    each.collect::<Vec<_>>().into_iter().collect()
}

fn component(name: Option<ComponentName>, table: Table<'_, '_>, contents: &impl Contents) -> Option<Component> {
    let worlds = World::ALL.map(World::name);
    let (world_example, file_example) = ("world = \"connector\"", "file = \"lookup.wasm\"");
    let world = table.needed_text("world", world_example).and_then(|text| word(table.sheet, "world", text, &worlds));
    let file = table
        .needs("file", file_example)
        .and_then(|_| path(&table, "file", file_example, contents, Part::Component))
        .map(|(file, _)| file);
    let settings_example = "settings = \"lookup.schema.json\"";
    let settings = path(&table, "settings", settings_example, contents, Part::Settings).map(|(file, _)| file);
    let asks = table.table("asks", "asks", "[components.lookup.asks]").map(|table| asks(world, table));
    let limits = table.table("limits", "limits", "[components.lookup.limits]").map(limits);
    table.finish();
    Some(Component {
        name: name?,
        world: world?,
        file: file?,
        asks: asks.unwrap_or_default(),
        limits: limits.unwrap_or_default(),
        settings,
    })
}

/// `world`: `None` where it is not known, so that nothing is held against it.
fn asks(world: Option<World>, table: Table<'_, '_>) -> Asks {
    let sheet = table.sheet;
    let faults_before = sheet.count();
    let mut http = BTreeMap::new();
    for (key, addresses, example) in [
        ("http", Addresses::Public, HTTP),
        ("http-private", Addresses::AlsoPrivate, "http-private = [\"http://crm.lan:8080\"]"),
    ] {
        let texts = table.texts(key, MOST_ORIGINS, example);
        if let (Some((_, span)), Some(world)) = (texts.first(), world.filter(|world| world.is_pure())) {
            sheet.wrong(span.clone(), Wrong::NoNetwork { world });
        }
        for (origin, span) in origins(sheet, texts) {
            if http.insert(origin.clone(), addresses).is_some() {
                sheet.wrong(span, Wrong::Twice { what: origin.to_string() });
            }
        }
    }
    let mut asks = Asks { http, ..Asks::default() };
    if let Some(table) = table.table("secrets", "secrets", SECRETS) {
        // Where an origin could not be read, a secret that is bound to it is not to blame.
        let bind = sheet.count() == faults_before;
        secrets(&table, &mut asks, bind);
    }
    if let Some((kv, span)) = size(&table, "kv", Bytes(1)..=MOST_KV, "kv = \"64KiB\"") {
        asks.kv = kv;
        if let Some(world) = world.filter(|world| world.is_pure()) {
            sheet.wrong(span, Wrong::NoState { world });
        }
    }
    let names = EffectKind::ALL.map(EffectKind::name);
    for (text, span) in table.texts("effects", names.len(), "effects = [\"record\"]") {
        let Some(effect) = word::<EffectKind>(sheet, "effects", (text, span.clone()), &names) else { continue };
        if let Some(world) = world.filter(|world| !world.effects().contains(&effect)) {
            sheet.wrong(span.clone(), Wrong::NoEffect { world, effect });
        }
        if !asks.effects.insert(effect) {
            sheet.wrong(span, Wrong::Twice { what: effect.name().to_owned() });
        }
    }
    table.finish();
    asks
}

/// `bind`: hold them against the origins that are asked for.
fn secrets(table: &Table<'_, '_>, asks: &mut Asks, bind: bool) {
    let sheet = table.sheet;
    if table.len() > MOST_SECRETS {
        let wrong = Wrong::TooMany { what: "secrets", count: table.len(), most: MOST_SECRETS };
        return sheet.wrong(table.span(), wrong);
    }
    for ((name, span), value) in table.entries() {
        let name = parse_name::<SecretName>(sheet, name, span);
        let texts = table.texts_of("secrets", value, MOST_ORIGINS, SECRETS);
        if texts.is_empty() && value.get_ref().as_array().is_some_and(|items| items.is_empty()) {
            table.wrong_type("secrets", value, "a list of origins", SECRETS);
        }
        let mut bound = BTreeSet::new();
        for (origin, span) in origins(sheet, texts) {
            let Some(secret) = name.clone() else { continue };
            if bind && asks.addresses(&origin).is_none() {
                sheet.wrong(span.clone(), Wrong::SecretGoesElsewhere { secret, origin: origin.clone() });
            }
            if !bound.insert(origin.clone()) {
                sheet.wrong(span, Wrong::Twice { what: origin.to_string() });
            }
        }
        if let Some(name) = name {
            asks.secrets.insert(name, bound);
        }
    }
}

fn limits(table: Table<'_, '_>) -> Limits {
    let memory = size(&table, "memory", Bytes(64 << 10)..=Bytes(4 << 30), "memory = \"16MiB\"");
    let budget = duration(&table, "budget", "budget = \"200ms\"");
    let answer = size(&table, "answer", Bytes(1 << 10)..=Bytes(64 << 20), "answer = \"256KiB\"");
    table.finish();
    Limits { memory: memory.map(|(memory, _)| memory), budget, answer: answer.map(|(answer, _)| answer) }
}

fn origins<'a>(sheet: &Sheet<'_>, texts: Vec<At<&'a str>>) -> Vec<At<Origin>> {
    let read = |(text, span): At<&'a str>| match text.parse() {
        Ok(origin) => Some((origin, span)),
        Err(reason) => {
            sheet.wrong(span, Wrong::BadOrigin { text: shown(text), reason });
            None
        }
    };
    texts.into_iter().filter_map(read).collect()
}

fn word<T: std::str::FromStr>(
    sheet: &Sheet<'_>,
    key: &'static str,
    (text, span): At<&str>,
    known: &[&'static str],
) -> Option<T> {
    let read = text.parse().ok();
    if read.is_none() {
        sheet.wrong(span, Wrong::UnknownWord { key, text: shown(text), known: known.to_vec() });
    }
    read
}

fn needed_name<T: std::str::FromStr<Err = NameError>>(
    table: &Table<'_, '_>,
    key: &'static str,
    example: &'static str,
) -> Option<T> {
    let (text, span) = table.needed_text(key, example)?;
    parse_name(table.sheet, text, span)
}

fn parse_name<T: std::str::FromStr<Err = NameError>>(sheet: &Sheet<'_>, text: &str, span: Range<usize>) -> Option<T> {
    match text.parse() {
        Ok(name) => Some(name),
        Err(reason) => {
            sheet.wrong(span, Wrong::BadName { name: shown(text), reason });
            None
        }
    }
}

fn version(table: &Table<'_, '_>, key: &'static str, example: &'static str) -> Option<Version> {
    let (text, span) = table.needed_text(key, example)?;
    let parsed = if text.len() > 64 {
        Err("it is longer than 64 bytes".to_owned())
    } else {
        Version::parse(text).map_err(|error| error.to_string())
    };
    match parsed {
        Ok(version) => Some(version),
        Err(reason) => {
            table.sheet.wrong(span, Wrong::BadVersion { key, text: shown(text), reason });
            None
        }
    }
}

/// One line for a person.
fn line(table: &Table<'_, '_>, key: &'static str, most: usize, example: &'static str) -> Option<String> {
    check_line(table.sheet, key, table.needed_text(key, example)?, most)
}

fn check_line(sheet: &Sheet<'_>, key: &'static str, (text, span): At<&str>, most: usize) -> Option<String> {
    let characters = text.chars().count();
    let wrong = if text.trim().is_empty() {
        Wrong::EmptyText { key }
    } else if characters > most {
        Wrong::LongText { key, characters, most }
    } else if let Some(found) = text.chars().find(|c| is_deceptive(*c)) {
        Wrong::DeceptiveText { key, found }
    } else {
        return Some(text.to_owned());
    };
    sheet.wrong(span, wrong);
    None
}

/// One text for both languages, or a table with each.
fn words(table: &Table<'_, '_>, key: &'static str, most: usize, example: &'static str) -> Option<Words> {
    let value = table.needs(key, example)?;
    match value.get_ref() {
        DeValue::String(text) => {
            check_line(table.sheet, key, (text, value.span()), most).map(|text| Words::same(&text))
        }
        DeValue::Table(_) => {
            let both = table.table(key, key, example)?;
            let (en, zh_cn) = (line(&both, "en", most, example), line(&both, "zh-CN", most, example));
            both.finish();
            Some(Words { en: en?, zh_cn: zh_cn? })
        }
        _ => {
            table.wrong_type(key, value, "a text in both languages", example);
            None
        }
    }
}

fn size(
    table: &Table<'_, '_>,
    key: &'static str,
    range: RangeInclusive<Bytes>,
    example: &'static str,
) -> Option<At<Bytes>> {
    let (text, span) = table.text(key, example)?;
    match text.parse::<Bytes>() {
        Ok(asked) if range.contains(&asked) => return Some((asked, span)),
        Ok(asked) => {
            let (least, most) = range.into_inner();
            table.sheet.wrong(span, Wrong::SizeOutOfRange { key, asked, least, most });
        }
        Err(reason) => table.sheet.wrong(span, Wrong::BadQuantity { key, text: shown(text), reason, example }),
    }
    None
}

fn duration(table: &Table<'_, '_>, key: &'static str, example: &'static str) -> Option<Duration> {
    let (least, most) = (Duration::from_millis(1), Duration::from_secs(10));
    let (text, span) = table.text(key, example)?;
    match quantity::duration(text) {
        Ok(asked) if (least..=most).contains(&asked) => return Some(asked),
        Ok(asked) => table.sheet.wrong(span, Wrong::TimeOutOfRange { key, asked, least, most }),
        Err(reason) => table.sheet.wrong(span, Wrong::BadQuantity { key, text: shown(text), reason, example }),
    }
    None
}

fn path(
    table: &Table<'_, '_>,
    key: &'static str,
    example: &'static str,
    contents: &impl Contents,
    part: Part,
) -> Option<At<FileName>> {
    let (text, span) = table.text(key, example)?;
    match text.parse::<FileName>() {
        Ok(file) => {
            if let Some(fault) = contents.check_file(&file, part) {
                table.sheet.wrong_file(span.clone(), fault);
            }
            Some((file, span))
        }
        Err(reason) => {
            table.sheet.wrong(span, Wrong::BadPath { key, text: shown(text), reason });
            None
        }
    }
}
