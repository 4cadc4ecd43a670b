//! `[plugins]` of `plugboard.toml`: where components lie, and how much they may take of this machine.

use std::{
    collections::BTreeMap,
    num::NonZeroUsize,
    path::{Path, PathBuf},
    time::Duration,
};

use plugboard_model::TenantId;

use crate::fields::Fields;

/// How components run on this host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plugins {
    /// Where `*.wasm` components are looked for. `None`: those shipped with the program.
    pub folder: Option<PathBuf>,
    /// Of worlds that answer out of themselves, 1 to 64. `None`: one for two cores, two at least.
    pub threads: Option<NonZeroUsize>,
    /// Of worlds that reach out, 1 to 256; one tenant has at most half of them at a time. `None`: four for a core, eight at least.
    pub calling_threads: Option<NonZeroUsize>,
    /// Of each tenant that has none of its own.
    pub share: PluginShare,
    /// What is different for one tenant.
    pub tenants: BTreeMap<TenantId, PluginShare>,
    /// Whether the instructions that components run are counted.
    pub fuel: bool,
    /// Certificates in PEM of those who sign for systems on private networks; the file's text.
    pub authorities: Option<String>,
}

/// What one tenant may ask of either kind of threads in a second; twice that at once, after a second of rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PluginShare {
    /// 1 to 1,000,000.
    pub questions_per_second: u32,
    /// CPU time of components, 1 ms to 64 s: more than a second is more than one core.
    pub cpu_per_second: Duration,
}

impl Default for PluginShare {
    /// Far above what a contact centre of ten thousand agents asks, and one whole core.
    fn default() -> Self {
        Self { questions_per_second: 20_000, cpu_per_second: Duration::from_secs(1) }
    }
}

/// `plugins = "folder"` is the short form of a table with nothing but that.
pub(super) fn read(root: &Fields<'_>, folder: &Path) -> Plugins {
    if !root.is_table("plugins") {
        return Plugins { folder: root.text("plugins").map(|(path, _)| folder.join(path)), ..Plugins::default() };
    }
    let Some(plugins) = root.table("plugins", "[plugins]") else { return Plugins::default() };
    let share = read_share(&plugins, PluginShare::default());
    let tenants = plugins.table("tenants", "[plugins.tenants]").map(|tenants| read_tenants(&tenants, share));
    let read = Plugins {
        folder: plugins.text("folder").map(|(path, _)| folder.join(path)),
        threads: plugins.integer("threads", (1, 64)).and_then(NonZeroUsize::new),
        calling_threads: plugins.integer("calling_threads", (1, 256)).and_then(NonZeroUsize::new),
        share,
        tenants: tenants.unwrap_or_default(),
        fuel: plugins.flag("fuel").unwrap_or_default(),
        authorities: read_authorities(&plugins, folder),
    };
    plugins.finish();
    read
}

/// Bytes of a file of certificates.
const MOST_PEM: u64 = 1 << 20;

fn read_authorities(plugins: &Fields<'_>, folder: &Path) -> Option<String> {
    const REMEDY: &str = "name a file with certificates in PEM, at most 1 MiB: ca = \"ca.pem\"";
    let (name, span) = plugins.text("ca")?;
    let read = std::fs::metadata(folder.join(name)).and_then(|about| match about.len() {
        0..=MOST_PEM => std::fs::read_to_string(folder.join(name)),
        _ => Err(std::io::ErrorKind::FileTooLarge.into()),
    });
    match read {
        Ok(pem) if pem.contains("-----BEGIN CERTIFICATE-----") => return Some(pem),
        Ok(_) => {
            let message = format!("there is no certificate in {name:?}: one begins with -----BEGIN CERTIFICATE-----");
            plugins.sheet.error(span, "bad-value", message, REMEDY);
        }
        Err(error) => plugins.sheet.error(span, "unreadable", format!("{name:?} cannot be read: {error}"), REMEDY),
    }
    None
}

/// What a tenant's table does not name is as for all.
fn read_tenants(tenants: &Fields<'_>, of_all: PluginShare) -> BTreeMap<TenantId, PluginShare> {
    let read = |(name, fields): (&str, Fields<'_>)| {
        let share = read_share(&fields, of_all);
        let tenant = name.parse::<TenantId>().map_err(|error| {
            let message = format!("`{name}` is no id of a tenant: {error}");
            fields.sheet.error(fields.span(), "bad-value", message, "write the id of a tenant: [plugins.tenants.demo]");
        });
        fields.finish();
        tenant.ok().map(|tenant| (tenant, share))
    };
    tenants.every("a tenant's share").into_iter().filter_map(read).collect()
}

const LEAST_CPU: Duration = Duration::from_millis(1);
const MOST_CPU: Duration = Duration::from_secs(64);

fn read_share(fields: &Fields<'_>, otherwise: PluginShare) -> PluginShare {
    let questions = fields.integer("questions_per_second", (1, 1_000_000));
    let cpu = fields.duration("cpu_per_second", MOST_CPU);
    if cpu.is_some_and(|cpu| cpu < LEAST_CPU)
        && let Some(value) = fields.get("cpu_per_second")
    {
        let message = "`cpu_per_second` is less than 1 ms: nothing could be asked".to_owned();
        fields.sheet.error(value.span(), "out-of-range", message, "give from 1ms to 64s: cpu_per_second = \"200ms\"");
    }
    PluginShare {
        questions_per_second: questions.unwrap_or(otherwise.questions_per_second),
        cpu_per_second: cpu.unwrap_or(otherwise.cpu_per_second),
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::{ProcessConfig, Style, render};

    fn read(text: &str) -> Result<Plugins, String> {
        ProcessConfig::parse(Path::new("/etc/plugboard.toml"), text.to_owned())
            .map(|config| config.plugins)
            .map_err(|faults| render(&faults, Style::Plain))
    }

    #[test]
    fn a_tenant_has_what_is_set_for_all_where_its_own_table_says_nothing() {
        let plugins = read(
            "[plugins]\nfolder = \"own\"\nthreads = 3\nfuel = true\nquestions_per_second = 500\ncpu_per_second = \"200ms\"\n\
             [plugins.tenants.acme]\nquestions_per_second = 50\n[plugins.tenants.shop]\ncpu_per_second = \"2s\"\n",
        );
        let share = |questions_per_second, cpu_ms| PluginShare {
            questions_per_second,
            cpu_per_second: Duration::from_millis(cpu_ms),
        };
        let tenants = [("acme", share(50, 200)), ("shop", share(500, 2_000))];
        let expected = Plugins {
            folder: Some("/etc/own".into()),
            threads: NonZeroUsize::new(3),
            calling_threads: None,
            share: share(500, 200),
            tenants: tenants.map(|(tenant, share)| (tenant.parse().unwrap(), share)).into(),
            fuel: true,
            authorities: None,
        };
        assert_eq!(plugins, Ok(expected));
    }

    #[test]
    fn the_name_of_a_folder_alone_is_a_table_with_nothing_else() {
        let folder = Some("/etc/own".into());
        assert_eq!(read("plugins = \"own\"\n"), Ok(Plugins { folder, ..Plugins::default() }));
    }

    #[test]
    fn what_cannot_be_is_shown_where_it_stands() {
        expect![[r#"
            /etc/plugboard.toml:2:11: error[out-of-range]: `threads` is 0
              2 | threads = 0
                |           ^
              remedy: give a whole number from 1 to 64

            /etc/plugboard.toml:3:19: error[wrong-type]: `calling_threads` is text; it takes a whole number
              3 | calling_threads = "many"
                |                   ^^^^^^
              remedy: give a whole number from 1 to 256

            /etc/plugboard.toml:4:24: error[out-of-range]: `questions_per_second` is 0
              4 | questions_per_second = 0
                |                        ^
              remedy: give a whole number from 1 to 1000000

            /etc/plugboard.toml:5:18: error[out-of-range]: `cpu_per_second` is 2m
              5 | cpu_per_second = "2m"
                |                  ^^^^
              remedy: give at most 1m4s

            /etc/plugboard.toml:6:1: error[unknown-key]: [plugins] has no `fule`
              6 | fule = true
                | ^^^^
              remedy: did you mean `fuel`?

            /etc/plugboard.toml:7:6: error[unreadable]: "none.pem" cannot be read: No such file or directory (os error 2)
              7 | ca = "none.pem"
                |      ^^^^^^^^^^
              remedy: name a file with certificates in PEM, at most 1 MiB: ca = "ca.pem"

            /etc/plugboard.toml:9:18: error[out-of-range]: `cpu_per_second` is less than 1 ms: nothing could be asked
              9 | cpu_per_second = "0s"
                |                  ^^^^
              remedy: give from 1ms to 64s: cpu_per_second = "200ms"

            /etc/plugboard.toml:11:1: error[unknown-key]: a tenant's share has no `threads`
              11 | threads = 1
                 | ^^^^^^^
              remedy: use one of: cpu_per_second, questions_per_second

            8 errors, 0 warnings
        "#]].assert_eq(
            &read(
                "[plugins]\nthreads = 0\ncalling_threads = \"many\"\nquestions_per_second = 0\ncpu_per_second = \"2m\"\nfule = true\nca = \"none.pem\"\n\
                 [plugins.tenants.Acme]\ncpu_per_second = \"0s\"\n[plugins.tenants.shop]\nthreads = 1\n",
            )
            .unwrap_err(),
        );
    }
}
