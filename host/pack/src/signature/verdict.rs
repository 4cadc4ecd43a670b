//! Whether a pack is what somebody whom we trust has signed.

use plugboard_model::{TenantId, Timestamp};

use super::{KeyId, Signatures, TrustStore, TrustedKey};
use crate::{
    PackId, Words,
    archive::{Archive, Difference},
};

/// What a pack's signatures come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Names of the keys that vouch for it, as administrators call them.
    Trusted {
        by: Vec<String>,
    },
    Unsigned,
    /// `signature.json` cannot be read.
    Unreadable {
        reason: String,
    },
    /// It holds something else than what was signed.
    Altered {
        first: Difference,
    },
    /// A key that we know did not sign this.
    Forged {
        by: String,
    },
    /// Nobody whom we know has signed it.
    UnknownKey {
        keys: Vec<KeyId>,
    },
    Revoked {
        by: String,
        at: Timestamp,
    },
    Expired {
        by: String,
        at: Timestamp,
    },
    NotForThisPack {
        by: String,
        pack: PackId,
    },
    /// `tenant`: `None` for the installation as a whole.
    NotForThisTenant {
        by: String,
        tenant: Option<TenantId>,
    },
}

/// How strict a tenant is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Production,
    /// Packs change by the minute: all but what was revoked or forged.
    Development,
}

impl TrustStore {
    /// One good signature of one trusted key is enough; the others need not be known.
    ///
    /// `pack`: as the manifest in `archive` has it. `tenant`: `None` to install for the installation as a whole.
    pub fn judge(&self, archive: &Archive, pack: &PackId, tenant: Option<&TenantId>, now: Timestamp) -> Verdict {
        let signatures = match Signatures::of(archive) {
            Ok(Some(signatures)) => signatures,
            Ok(None) => return Verdict::Unsigned,
            Err(reason) => return Verdict::Unreadable { reason },
        };
        if let Some(first) = signatures.files.first_difference(&archive.listing()) {
            return Verdict::Altered { first };
        }
        let digest = signatures.files.digest();
        let known: Vec<(&TrustedKey, bool)> = signatures
            .signers
            .iter()
            .filter_map(|signed| {
                let trusted = self.get(signed.key)?;
                Some((trusted, trusted.key.accepts(&digest, &signed.signature)))
            })
            .collect();
        if let Some((forged, _)) = known.iter().find(|(_, good)| !good) {
            return Verdict::Forged { by: forged.name.clone() };
        }
        let judged: Vec<Result<String, Objection>> =
            known.iter().map(|(trusted, _)| object(trusted, pack, tenant, now)).collect();
        let by: Vec<String> = judged.iter().filter_map(|judged| judged.as_ref().ok().cloned()).collect();
        if !by.is_empty() {
            return Verdict::Trusted { by };
        }
        // The gravest objection is told.
        judged
            .into_iter()
            .filter_map(Result::err)
            .min_by_key(|(gravity, _)| *gravity)
            .map(|(_, verdict)| verdict)
            .unwrap_or_else(|| Verdict::UnknownKey {
                keys: signatures.signers.iter().map(|signed| signed.key).collect(),
            })
    }
}

/// Zero is the gravest.
type Objection = (u8, Verdict);

/// The key's name if its word counts here and now.
fn object(trusted: &TrustedKey, pack: &PackId, tenant: Option<&TenantId>, now: Timestamp) -> Result<String, Objection> {
    let by = trusted.name.clone();
    match (trusted.revoked, trusted.not_after) {
        (Some(at), _) if now >= at => Err((0, Verdict::Revoked { by, at })),
        (_, Some(at)) if now >= at => Err((1, Verdict::Expired { by, at })),
        _ if !trusted.packs.hold(pack) => Err((2, Verdict::NotForThisPack { by, pack: pack.clone() })),
        _ if !trusted.scope.holds(tenant) => Err((3, Verdict::NotForThisTenant { by, tenant: tenant.cloned() })),
        _ => Ok(by),
    }
}

impl Verdict {
    /// Whether a tenant that is this strict may run the pack.
    pub fn admits(&self, mode: Mode) -> bool {
        match self {
            Self::Trusted { .. } => true,
            Self::Forged { .. } | Self::Revoked { .. } => false,
            Self::Unsigned
            | Self::Unreadable { .. }
            | Self::Altered { .. }
            | Self::UnknownKey { .. }
            | Self::Expired { .. }
            | Self::NotForThisPack { .. }
            | Self::NotForThisTenant { .. } => mode == Mode::Development,
        }
    }

    /// Kebab-case and stable.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Trusted { .. } => "trusted",
            Self::Unsigned => "unsigned",
            Self::Unreadable { .. } => "signature-unreadable",
            Self::Altered { .. } => "altered",
            Self::Forged { .. } => "forged",
            Self::UnknownKey { .. } => "unknown-key",
            Self::Revoked { .. } => "key-revoked",
            Self::Expired { .. } => "key-expired",
            Self::NotForThisPack { .. } => "key-not-for-pack",
            Self::NotForThisTenant { .. } => "key-not-for-tenant",
        }
    }

    /// What it comes to, for a person.
    pub fn words(&self) -> Words {
        match self {
            Self::Trusted { by } => {
                Words::new(format!("signed by {}", by.join(", ")), format!("由 {} 签名", by.join("、")))
            }
            Self::Unsigned => Words::new("nobody has signed it", "没有签名"),
            Self::Unreadable { reason } => {
                Words::new(format!("its signature cannot be read: {reason}"), format!("签名无法读取：{reason}"))
            }
            Self::Altered { first } => {
                let zh_cn = match first {
                    Difference::Changed(name) => format!("签名之后 {name} 被改动"),
                    Difference::Added(name) => format!("签名之后增加了 {name}"),
                    Difference::Removed(name) => format!("签名之后删除了 {name}"),
                };
                Words::new(format!("since it was signed, {first}"), zh_cn)
            }
            Self::Forged { by } => Words::new(format!("the signature is not by {by}"), format!("该签名并非出自 {by}")),
            Self::UnknownKey { keys } => {
                let keys: Vec<String> = keys.iter().map(ToString::to_string).collect();
                Words::new(
                    format!("nobody whom you trust has signed it, only {}", keys.join(", ")),
                    format!("签名者不在信任列表中：{}", keys.join("、")),
                )
            }
            Self::Revoked { by, .. } => {
                Words::new(format!("the key of {by} was revoked"), format!("{by} 的密钥已被吊销"))
            }
            Self::Expired { by, .. } => {
                Words::new(format!("the key of {by} has expired"), format!("{by} 的密钥已过期"))
            }
            Self::NotForThisPack { by, pack } => {
                Words::new(format!("{by} may not sign {pack}"), format!("{by} 无权为 {pack} 签名"))
            }
            Self::NotForThisTenant { by, tenant: Some(tenant) } => {
                Words::new(format!("{by} is not trusted for {tenant}"), format!("{tenant} 不信任 {by}"))
            }
            Self::NotForThisTenant { by, tenant: None } => {
                Words::new(format!("{by} is not trusted for all tenants"), format!("{by} 未被整个系统信任"))
            }
        }
    }

    /// One sentence; `None` where nothing is to be done.
    pub fn remedy(&self) -> Option<Words> {
        let (en, zh_cn) = match self {
            Self::Trusted { .. } => return None,
            Self::Unsigned | Self::Unreadable { .. } => (
                "sign it with `plugboard pack sign`, or set the tenant to development mode",
                "用 `plugboard pack sign` 签名，或将租户设为开发模式",
            ),
            Self::Altered { .. } | Self::Forged { .. } => {
                ("fetch the pack again from its vendor", "请从供应商处重新获取插件包")
            }
            Self::UnknownKey { .. } => (
                "compare the key with what its vendor publishes, then add it to those you trust",
                "请与供应商公布的密钥核对，然后加入信任列表",
            ),
            Self::Revoked { .. } | Self::Expired { .. } => {
                ("ask the vendor for a pack that is signed by a key of today", "请向供应商索取用当前密钥签名的插件包")
            }
            Self::NotForThisPack { .. } => (
                "ask the vendor who may sign it, or allow the key this pack",
                "请向供应商确认签名者，或允许该密钥用于此插件包",
            ),
            Self::NotForThisTenant { .. } => {
                ("have an administrator of the installation extend the key", "请系统管理员扩大该密钥的适用范围")
            }
        };
        Some(Words::new(en, zh_cn))
    }
}
