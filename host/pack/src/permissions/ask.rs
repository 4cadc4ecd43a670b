//! One component's asks, and how two sets of them compare.

use std::{
    collections::{BTreeMap, BTreeSet},
    str::FromStr,
};

use serde::{Deserialize, Serialize};

use crate::{Bytes, Origin, Scheme, SecretName, Words};

/// Most origins that a component asks for, and most that one secret is bound to.
pub const MOST_ORIGINS: usize = 32;
/// Most secrets of a component.
pub const MOST_SECRETS: usize = 32;
/// Most state of its own that a component may ask for.
pub const MOST_KV: Bytes = Bytes(64 << 20);

/// All that a component asks for. A grant has the same shape.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Asks {
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub http: BTreeMap<Origin, Addresses>,
    /// Each secret with the origins that it may be sent to.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub secrets: BTreeMap<SecretName, BTreeSet<Origin>>,
    /// State of its own for each tenant; zero is none.
    pub kv: Bytes,
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub effects: BTreeSet<EffectKind>,
}

/// Which addresses a host name may turn out to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Addresses {
    Public,
    /// Also those of the installation's own networks (RFC 1918, RFC 4193, loopback).
    AlsoPrivate,
}

/// What the gate judges. The component asks for it in its answers; the host acts or refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EffectKind {
    Answer,
    Dial,
    Record,
    Unmask,
    Export,
    Message,
}

/// One thing that is asked for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ask {
    Http { origin: Origin, addresses: Addresses },
    Secret { name: SecretName, to: Origin },
    Kv(Bytes),
    Effect(EffectKind),
}

/// What a new version asks for beside an old one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Asked by the new one and not covered by what the old one asked.
    pub more: Vec<Ask>,
    /// Asked by the old one and no longer.
    pub less: Vec<Ask>,
    /// Asked by the new one and covered by what the old one asked.
    pub same: Vec<Ask>,
}

impl Asks {
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// One by one, in a fixed order.
    pub fn each(&self) -> Vec<Ask> {
        let http = self.http.iter().map(|(origin, &addresses)| Ask::Http { origin: origin.clone(), addresses });
        let secrets = self.secrets.iter().flat_map(|(name, origins)| {
            origins.iter().map(|origin| Ask::Secret { name: name.clone(), to: origin.clone() })
        });
        let kv = (self.kv > Bytes(0)).then_some(Ask::Kv(self.kv));
        http.chain(secrets).chain(kv).chain(self.effects.iter().copied().map(Ask::Effect)).collect()
    }

    /// Whether `ask` is within this set.
    pub fn covers(&self, ask: &Ask) -> bool {
        match ask {
            Ask::Http { origin, addresses } => self.addresses(origin).is_some_and(|granted| granted >= *addresses),
            Ask::Secret { name, to } => self.secret_may_go(name, to),
            Ask::Kv(bytes) => self.kv >= *bytes,
            Ask::Effect(effect) => self.effects.contains(effect),
        }
    }

    /// Which addresses a request to `origin` may reach; `None` where it may not be sent at all.
    pub fn addresses(&self, origin: &Origin) -> Option<Addresses> {
        self.http.iter().filter(|(granted, _)| granted.covers(origin)).map(|(_, addresses)| *addresses).max()
    }

    pub fn secret_may_go(&self, name: &SecretName, to: &Origin) -> bool {
        self.secrets.get(name).is_some_and(|origins| origins.iter().any(|origin| origin.covers(to)))
    }

    /// What of this is not within `granted`.
    pub fn missing(&self, granted: &Self) -> Vec<Ask> {
        self.each().into_iter().filter(|ask| !granted.covers(ask)).collect()
    }

    /// What `new` asks for beside this, the old one.
    pub fn difference(&self, new: &Self) -> Difference {
        let (same, more) = new.each().into_iter().partition(|ask| self.covers(ask));
        Difference { more, less: self.missing(new), same }
    }
}

impl EffectKind {
    pub const ALL: [Self; 6] = [Self::Answer, Self::Dial, Self::Record, Self::Unmask, Self::Export, Self::Message];

    /// As it stands in a manifest.
    pub fn name(self) -> &'static str {
        match self {
            Self::Answer => "answer",
            Self::Dial => "dial",
            Self::Record => "record",
            Self::Unmask => "unmask",
            Self::Export => "export",
            Self::Message => "message",
        }
    }

    fn words(self) -> Words {
        match self {
            Self::Answer => Words::new("may ask for calls to be answered", "可以请求接听来电"),
            Self::Dial => Words::new("may ask for numbers to be dialled", "可以请求拨打号码"),
            Self::Record => Words::new("may ask for calls to be recorded", "可以请求对通话录音"),
            Self::Unmask => Words::new("may ask for masked data in full", "可以请求查看未脱敏的数据"),
            Self::Export => Words::new("may ask for records to be exported", "可以请求导出记录"),
            Self::Message => Words::new("may ask for messages to be sent", "可以请求发送消息"),
        }
    }
}

/// The word is none of the effects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no such effect")]
pub struct UnknownEffect;

impl FromStr for EffectKind {
    type Err = UnknownEffect;

    fn from_str(text: &str) -> Result<Self, UnknownEffect> {
        Self::ALL.into_iter().find(|effect| effect.name() == text).ok_or(UnknownEffect)
    }
}

impl Ask {
    /// For the person who grants it.
    pub fn words(&self) -> Words {
        match self {
            Self::Http { origin, addresses } => {
                let (open_en, open_zh) = match origin.scheme() {
                    Scheme::Https => ("", ""),
                    Scheme::Http => (", not encrypted", "（未加密）"),
                };
                let (private_en, private_zh) = match addresses {
                    Addresses::Public => ("", ""),
                    Addresses::AlsoPrivate => (", also in your own network", "，包括您的内部网络"),
                };
                Words::new(
                    format!("may reach {origin}{open_en}{private_en}"),
                    format!("可以访问 {origin}{open_zh}{private_zh}"),
                )
            }
            Self::Secret { name, to } => Words::new(
                format!("may have the secret `{name}` sent to {to}; it never sees it"),
                format!("可以让密钥“{name}”随请求发往 {to}；组件本身看不到密钥"),
            ),
            Self::Kv(bytes) => {
                Words::new(format!("keeps up to {bytes} of its own state"), format!("最多保存 {bytes} 自己的数据"))
            }
            Self::Effect(effect) => effect.words(),
        }
    }
}

impl Difference {
    /// Whether a tenant has to decide.
    pub fn asks_more(&self) -> bool {
        !self.more.is_empty()
    }

    /// A line each: `+` more, `-` less, `=` same.
    pub fn lines(&self) -> Vec<Words> {
        let signed = |sign: char| {
            move |ask: &Ask| {
                let Words { en, zh_cn } = ask.words();
                Words::new(format!("{sign} {en}"), format!("{sign} {zh_cn}"))
            }
        };
        let (more, less) = (self.more.iter().map(signed('+')), self.less.iter().map(signed('-')));
        more.chain(less).chain(self.same.iter().map(signed('='))).collect()
    }
}
