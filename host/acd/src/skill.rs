//! Skills as numbers, and what an interaction needs as a class that many share.

use std::{collections::BTreeMap, sync::Arc};

use plugboard_model::{Configuration, SkillId, SkillNeed};

use crate::{
    NOBODY_HAS,
    table::{ClassKey, Table},
};

/// Skill number and least level, in order of number.
pub(crate) type Needs = Arc<[(u16, u8)]>;

/// Whether an agent with these levels has every needed one.
pub(crate) fn fits(levels: &[u8], needs: &[(u16, u8)]) -> bool {
    needs.iter().all(|(skill, level)| levels.get(usize::from(*skill)).is_some_and(|has| has >= level))
}

/// Sum of levels in the needed skills.
pub(crate) fn mastery(levels: &[u8], needs: &[(u16, u8)]) -> u32 {
    needs.iter().map(|(skill, _)| levels.get(usize::from(*skill)).copied().map_or(0, u32::from)).sum()
}

/// Numbers the skills in order of id.
pub(crate) fn table(configuration: &Configuration) -> Vec<SkillId> {
    let mut skills = configuration.skills();
    skills.truncate(usize::from(NOBODY_HAS));
    skills
}

pub(crate) fn number(table: &[SkillId], skill: &SkillId) -> u16 {
    table.binary_search(skill).ok().and_then(|place| u16::try_from(place).ok()).unwrap_or(NOBODY_HAS)
}

/// An agent's levels by skill number; 0: not held.
pub(crate) fn levels(table: &[SkillId], skills: &BTreeMap<SkillId, u8>) -> Arc<[u8]> {
    table.iter().map(|skill| skills.get(skill).copied().unwrap_or(0)).collect()
}

/// Needs by name, each skill once at its higher level. A need of level 0 is none.
pub(crate) fn named<'a>(needs: impl Iterator<Item = &'a SkillNeed>) -> Vec<(SkillId, u8)> {
    let mut needs: Vec<(SkillId, u8)> =
        needs.filter(|need| need.level > 0).map(|need| (need.skill.clone(), need.level)).collect();
    needs.sort_by(|(a, x), (b, y)| a.cmp(b).then(y.cmp(x)));
    needs.dedup_by(|(a, _), (b, _)| a == b);
    needs
}

/// Needs by number, as [`named`].
pub(crate) fn needs<'a>(table: &[SkillId], needs: impl Iterator<Item = &'a SkillNeed>) -> Vec<(u16, u8)> {
    let mut needs: Vec<(u16, u8)> =
        needs.filter(|need| need.level > 0).map(|need| (number(table, &need.skill), need.level)).collect();
    needs.sort_by_key(|(skill, level)| (*skill, u8::MAX - level));
    needs.dedup_by_key(|(skill, _)| *skill);
    needs
}

struct Class {
    needs: Needs,
    users: u32,
}

/// Every set of needs that some waiting interaction has, once.
pub(crate) struct Classes(Table<ClassKey, Needs, Class>);

impl Classes {
    pub(crate) const fn new() -> Self {
        Self(Table::new())
    }

    pub(crate) fn join(&mut self, needs: Vec<(u16, u8)>) -> ClassKey {
        let needs: Needs = needs.into();
        let key = self.0.key(&needs).unwrap_or_else(|| self.0.insert(needs.clone(), Class { needs, users: 0 }));
        self.0[key].users += 1;
        key
    }

    pub(crate) fn quit(&mut self, key: ClassKey) {
        let class = &mut self.0[key];
        class.users -= 1;
        if class.users == 0 {
            let needs = class.needs.clone();
            self.0.remove(&needs);
        }
    }

    pub(crate) fn needs(&self, key: ClassKey) -> &Needs {
        &self.0[key].needs
    }

    pub(crate) fn users(&self) -> u32 {
        self.0.iter().map(|(_, class)| class.users).sum()
    }
}
