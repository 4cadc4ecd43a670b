//! Two versions of a pack side by side: what `plugboard pack diff` shows before an upgrade.

use semver::Version;
use serde::Serialize;

use super::{Asks, Difference};
use crate::{ComponentName, Manifest, Words, World, manifest::Component};

/// What a new version of a pack asks for beside an old one, component by component.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Changes {
    pub from: Version,
    pub to: Version,
    /// By name; those that are gone stand last.
    pub components: Vec<ComponentChange>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ComponentChange {
    pub name: ComponentName,
    pub fate: Fate,
    pub difference: Difference,
}

/// What becomes of a component.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Fate {
    Added {
        world: World,
    },
    Kept {
        world: World,
    },
    /// It decides something else than before.
    Turned {
        from: World,
        to: World,
    },
    Removed {
        world: World,
    },
}

impl Changes {
    pub fn between(old: &Manifest, new: &Manifest) -> Self {
        let kept_or_added = |component: &Component| {
            let before = old.component(component.name.as_str());
            let fate = match before.map(|before| before.world) {
                None => Fate::Added { world: component.world },
                Some(world) if world == component.world => Fate::Kept { world },
                Some(from) => Fate::Turned { from, to: component.world },
            };
            let nothing = Asks::default();
            let difference = before.map_or(&nothing, |before| &before.asks).difference(&component.asks);
            ComponentChange { name: component.name.clone(), fate, difference }
        };
        let gone = old.components.iter().filter(|component| new.component(component.name.as_str()).is_none());
        let removed = gone.map(|component| ComponentChange {
            name: component.name.clone(),
            fate: Fate::Removed { world: component.world },
            difference: component.asks.difference(&Asks::default()),
        });
        Self {
            from: old.version.clone(),
            to: new.version.clone(),
            components: new.components.iter().map(kept_or_added).chain(removed).collect(),
        }
    }

    /// Whether a tenant has to decide.
    pub fn asks_more(&self) -> bool {
        self.components.iter().any(|component| component.difference.asks_more())
    }

    /// For a person: a line for the versions, one for each component, and below it `+` more, `-` less, `=` same.
    pub fn lines(&self) -> Vec<Words> {
        let mut lines = vec![Words::same(&format!("{} -> {}", self.from, self.to))];
        for ComponentChange { name, fate, difference } in &self.components {
            lines.push(match fate {
                Fate::Added { world } => {
                    Words::new(format!("{name} ({world}), new"), format!("{name}（{world}），新增"))
                }
                Fate::Kept { world } => Words::new(format!("{name} ({world})"), format!("{name}（{world}）")),
                Fate::Turned { from, to } => {
                    Words::new(format!("{name} ({to}), was {from}"), format!("{name}（{to}），原为 {from}"))
                }
                Fate::Removed { world } => {
                    Words::new(format!("{name} ({world}), gone"), format!("{name}（{world}），已移除"))
                }
            });
            let indented = |line: Words| Words::new(format!("  {}", line.en), format!("  {}", line.zh_cn));
            lines.extend(difference.lines().into_iter().map(indented));
        }
        lines
    }
}
