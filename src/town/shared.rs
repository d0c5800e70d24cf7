//! Settings of a project by any name, such as types of beads of its own: a map in the rig's record, which every
//! command has read anyway, so that looking one up reads nothing.

use std::collections::BTreeMap;

use super::{Home, View};
use crate::fault::{Fault, Result};
use crate::ledger::{Decision, Name};

/// The field of the rig's record.
const FIELD: &str = "settings";

/// The greatest length of a value, in bytes.
const VALUE_MAX: usize = 64 * 1024;

impl Home {
    /// Returns a shared setting, the rig's before HQ's.
    pub fn shared(&self, key: &str) -> Result<Option<String>> {
        match self.own_shared(key) {
            Some(own) => Ok(Some(own.to_owned())),
            None => Ok(self
                .hq_above()?
                .and_then(|hq| hq.own_shared(key).map(str::to_owned))),
        }
    }

    /// Returns what a shared setting is in the rig and in HQ, where it is set there.
    pub fn shared_in_town(&self, key: &str) -> Result<Vec<String>> {
        let hq = self.hq_above()?;
        let homes = std::iter::once(self).chain(hq.as_ref());
        let values = homes.filter_map(|home| home.own_shared(key));
        Ok(values.map(str::to_owned).collect())
    }

    /// Returns every shared setting, the rig's before HQ's.
    pub fn all_shared(&self) -> Result<BTreeMap<String, String>> {
        let hq = self.hq_above()?;
        let mut all = BTreeMap::new();
        for home in hq.as_ref().into_iter().chain([self]) {
            let own = home.rig().record().entries(FIELD);
            let own = own.filter_map(|(key, value)| Some((key, value.as_str()?)));
            all.extend(own.map(|(key, value)| (key.to_owned(), value.to_owned())));
        }
        Ok(all)
    }

    /// Changes shared settings of the rig; nothing removes one.
    ///
    /// After a crash all are changed or none.
    pub fn set_shared(&self, actor: &str, changes: &[(String, Option<String>)]) -> Result<()> {
        for (key, value) in changes {
            check(key, value.as_deref().unwrap_or_default())?;
        }
        let subject = match changes {
            [(key, Some(value))] => format!("set {key} to {value}"),
            [(key, None)] => format!("unset {key}"),
            all => format!("change {} settings", all.len()),
        };
        self.write(Name::Config, actor, |view, pen| {
            let rig = view.rig(self.rig().name())?;
            let mut record = rig.unwrap_or_else(|| self.rig().clone()).into_record();
            let stamp = pen.stamp(&record);
            let before = record.clone();
            for (key, value) in changes {
                let value = value.as_deref();
                if record.entry(FIELD, key).and_then(|it| it.as_str()) != value {
                    record.set_entry(FIELD, key, value.map(Into::into), &stamp);
                }
            }
            Ok(match record == before {
                true => Decision::nothing(()),
                false => Decision::write(subject.clone(), vec![record], ()),
            })
        })
        .map(drop)
    }

    /// Returns a shared setting of the rig, whatever HQ says: HQ is not asked.
    pub fn own_shared(&self, key: &str) -> Option<&str> {
        self.rig().record().entry(FIELD, key)?.as_str()
    }

    /// Returns HQ where that is another home.
    fn hq_above(&self) -> Result<Option<Self>> {
        match self.is_hq() || self.stands_alone() {
            true => Ok(None),
            false => self.hq().map(Some),
        }
    }
}

impl View<'_> {
    /// Returns a shared setting, the rig's before HQ's.
    pub fn shared(&self, key: &str) -> Result<Option<String>> {
        self.home().map_or(Ok(None), |home| home.shared(key))
    }

    /// Returns a shared setting of the rig as [`Home::own_shared`] does.
    pub fn own_shared(&self, key: &str) -> Option<&str> {
        self.home()?.own_shared(key)
    }

    /// Returns what a shared setting is in the rig and in HQ, where it is set there.
    pub fn shared_in_town(&self, key: &str) -> Result<Vec<String>> {
        self.home()
            .map_or(Ok(Vec::new()), |home| home.shared_in_town(key))
    }
}

/// Refuses what would be a burden to everybody who reads it.
fn check(key: &str, value: &str) -> Result<()> {
    let formed = |c: char| !c.is_whitespace() && !c.is_control();
    if key.is_empty() || key.len() > 200 || key.starts_with('-') || !key.chars().all(formed) {
        return Err(
            Fault::invalid(format!("'{key}' cannot be the name of a setting"))
                .hint("use a word without spaces, such as types.custom"),
        );
    }
    if value.len() > VALUE_MAX {
        return Err(Fault::invalid(format!(
            "{key} would have {} bytes, more than the {VALUE_MAX} a setting may have",
            value.len()
        )));
    }
    Ok(())
}
