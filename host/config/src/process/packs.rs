//! `[packs]` of `plugboard.toml`: whose packs of plugins are taken.

use std::{collections::BTreeSet, str::FromStr};

use plugboard_model::{TenantId, Timestamp};
use plugboard_pack::signature::{
    Mode, PackPattern, Packs as OfPacks, PublicKey, Scope, TrustError, TrustStore, TrustedKey,
};

use crate::fields::Fields;

/// Whose packs this installation and its tenants take.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Packs {
    pub trust: TrustStore,
    /// Every tenant takes packs that nobody has signed.
    pub development: bool,
    /// These tenants do.
    pub development_of: BTreeSet<TenantId>,
}

impl Packs {
    pub fn mode(&self, tenant: &TenantId) -> Mode {
        if self.development || self.development_of.contains(tenant) { Mode::Development } else { Mode::Production }
    }
}

const KEY: &str = "write the 64 hex digits of the vendor's public key, as `plugboard pack key new` printed them";
const TENANTS: &str = "write ids of tenants: [\"demo\"]";

pub(super) fn read(packs: Fields<'_>) -> Packs {
    let mut trust = TrustStore::default();
    for key in packs.tables("trust", "a trusted key") {
        let span = key.span();
        if let Some(trusted) = read_key(&key)
            && let Err(error) = trust.add(trusted)
        {
            let remedy = match error {
                TrustError::Known { .. } => "keep one of them, and list all its packs and tenants there",
                TrustError::Full => "keep those that still sign",
            };
            key.sheet.error(span, "bad-value", error.to_string(), remedy);
        }
        key.finish();
    }
    let read = Packs {
        trust,
        development: packs.flag("development").unwrap_or_default(),
        development_of: packs.list("development_of", TENANTS).unwrap_or_default().into_iter().collect(),
    };
    packs.finish();
    read
}

fn read_key(key: &Fields<'_>) -> Option<TrustedKey> {
    let name = key.required_text("name", "name whose key it is: name = \"Acme Ltd\"").map(|(name, _)| name.to_owned());
    let public = key.parsed::<PublicKey>("key", KEY).map(|(public, _)| public);
    if !key.has("key") {
        key.missing("key", KEY);
    }
    let patterns = key.list::<PackPattern>("packs", "write ids of packs, or all of a vendor: [\"acme.*\"]");
    let tenants = key.list::<TenantId>("tenants", TENANTS);
    let until = key.parsed::<Moment>("not_after", "write it as 2027-11-22T00:00:00Z").map(|(Moment(at), _)| at);
    let revoked = key.flag("revoked").unwrap_or_default();
    Some(TrustedKey {
        name: name?,
        key: public?,
        scope: tenants.map_or(Scope::Installation, |tenants| Scope::Tenants(tenants.into_iter().collect())),
        packs: patterns.map_or(OfPacks::All, |patterns| OfPacks::Some(patterns.into_iter().collect())),
        not_after: until,
        revoked: revoked.then_some(Timestamp::EPOCH),
    })
}

/// RFC 3339 with any offset.
struct Moment(Timestamp);

impl FromStr for Moment {
    type Err = NoMoment;

    fn from_str(text: &str) -> Result<Self, NoMoment> {
        Timestamp::from_rfc3339(text).map(Self).ok_or(NoMoment)
    }
}

#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("no point in time")]
struct NoMoment;

#[cfg(test)]
mod tests {
    use std::path::Path;

    use expect_test::expect;

    use crate::{ProcessConfig, Style, render};

    const ACME: &str = "8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c";

    fn read(text: &str) -> Result<ProcessConfig, String> {
        ProcessConfig::parse(Path::new("plugboard.toml"), text.to_owned())
            .map_err(|faults| render(&faults, Style::Plain))
    }

    #[test]
    fn a_key_is_trusted_for_its_packs_and_its_tenants() {
        let text = format!(
            "[packs]\ndevelopment_of = [\"demo\"]\n[[packs.trust]]\nname = \"Acme\"\nkey = \"{ACME}\"\npacks = [\"acme.*\"]\n\
             tenants = [\"shop\"]\nnot_after = \"2027-11-22T00:00:00Z\"\n"
        );
        let packs = read(&text).unwrap().packs;
        expect![[r#"
            [
              {
                "name": "Acme",
                "key": "8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c",
                "scope": {
                  "tenants": [
                    "shop"
                  ]
                },
                "packs": {
                  "some": [
                    "acme.*"
                  ]
                },
                "not_after": "2027-11-22T00:00:00.000000Z"
              }
            ]"#]]
        .assert_eq(&serde_json::to_string_pretty(&packs.trust).unwrap());
        assert_eq!(
            ["demo", "shop"].map(|tenant| format!("{:?}", packs.mode(&tenant.parse().unwrap()))),
            ["Development", "Production"]
        );
    }

    #[test]
    fn a_key_that_cannot_be_trusted_is_shown_where_it_stands() {
        let text = format!(
            "[[packs.trust]]\nname = \"Acme\"\nkey = \"{ACME}\"\n[[packs.trust]]\nname = \"Acme again\"\nkey = \"{ACME}\"\n\
             [[packs.trust]]\nkey = \"abc\"\npacks = [\"Acme\"]\nnot_after = \"soon\"\n[[packs.trust]]\nname = \"Nobody\"\n"
        );
        expect![[r#"
            plugboard.toml:4:1: error[bad-value]: the key 34750f98bd59fcfc946da45aaabe933b is there already, as "Acme"
              4 | [[packs.trust]]
                | ^^^^^^^^^^^^^^^
              remedy: keep one of them, and list all its packs and tenants there

            plugboard.toml:7:1: error[missing-key]: a trusted key needs `name`
              7 | [[packs.trust]]
                | ^^^^^^^^^^^^^^^
              remedy: name whose key it is: name = "Acme Ltd"

            plugboard.toml:8:7: error[bad-value]: `key` is "abc": not 32 bytes as hexadecimal digits in lower case
              8 | key = "abc"
                |       ^^^^^
              remedy: write the 64 hex digits of the vendor's public key, as `plugboard pack key new` printed them

            plugboard.toml:9:10: error[bad-value]: `packs` is "Acme": name holds 'A'; a-z, 0-9, '-' and '.' are allowed
              9 | packs = ["Acme"]
                |          ^^^^^^
              remedy: write ids of packs, or all of a vendor: ["acme.*"]

            plugboard.toml:10:13: error[bad-value]: `not_after` is "soon": no point in time
              10 | not_after = "soon"
                 |             ^^^^^^
              remedy: write it as 2027-11-22T00:00:00Z

            plugboard.toml:11:1: error[missing-key]: a trusted key needs `key`
              11 | [[packs.trust]]
                 | ^^^^^^^^^^^^^^^
              remedy: write the 64 hex digits of the vendor's public key, as `plugboard pack key new` printed them

            6 errors, 0 warnings
        "#]]
        .assert_eq(&read(&text).unwrap_err());
    }
}
