//! Integration branches: where the work below an epic lands, until the epic lands as a whole.

use super::memory::slug;
use crate::fault::{Fault, Result};
use crate::ledger::Stamp;
use crate::record::Bead;
use crate::town::{Home, Target, View};

/// The field of an epic that names its branch, by its short name.
const BRANCH: &str = "integration_branch";

/// The field that names the branch it lands on as a whole.
const BASE: &str = "integration_base";

/// How branches are called where nobody says otherwise.
const TEMPLATE: &str = "integration/{title}";

/// An epic's integration branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Integration {
    /// The epic.
    pub epic: String,
    /// The branch, by its short name.
    pub branch: String,
    /// The branch it lands on as a whole.
    pub base: String,
}

impl Integration {
    /// Returns the integration branch of an epic, nothing where it has none.
    pub fn of(epic: &Bead) -> Option<Self> {
        let text = |field: &str| epic.record().text(field).to_owned();
        let (branch, base) = (text(BRANCH), text(BASE));
        let is_whole = !branch.is_empty() && !base.is_empty() && branch != base;
        is_whole.then(|| Self {
            epic: epic.id().to_owned(),
            branch,
            base,
        })
    }

    /// Returns that of the nearest epic above a bead that is not closed and has one.
    pub fn above(view: &View<'_>, bead: &str) -> Result<Option<Self>> {
        let parent_of = |bead: &Bead| bead.parent().map(str::to_owned);
        let mut seen = vec![bead.to_owned()];
        let mut next = view.readable_bead(bead)?.as_ref().and_then(parent_of);
        while let Some(id) = next.filter(|id| !seen.contains(id)) {
            let parent = view.readable_bead(&id)?;
            let found = parent.as_ref().filter(|it| !it.is_closed());
            if let Some(found) = found.and_then(Self::of) {
                return Ok(Some(found));
            }
            next = parent.as_ref().and_then(parent_of);
            seen.push(id);
        }
        Ok(None)
    }

    /// Notes it on its epic.
    pub fn note(&self, epic: &mut Bead, stamp: &Stamp) {
        for (field, value) in [(BRANCH, &self.branch), (BASE, &self.base)] {
            epic.record_mut()
                .set(field, Some(value.as_str().into()), stamp);
        }
    }
}

/// Returns where the work of a bead lands: on the branch that was named, else on the integration branch of the
/// nearest epic above it, else where the rig's work lands. Refuses an integration branch that is gone.
pub fn target_of(home: &Home, bead: Option<&str>, named: Option<&str>) -> Result<Target> {
    let integration = match (bead, named) {
        (Some(bead), None) => Integration::above(&home.view(), bead)?,
        _ => None,
    };
    let Some(integration) = integration else {
        return home.target(named);
    };
    let target = home.target(Some(&integration.branch))?;
    if home.known_tip(&target)?.is_none() {
        // Another clone may have made it; without a remote there is nobody to ask.
        home.fresh_tip(&target).map_err(|fault| match fault {
            Fault::NotFound(_) => gone(&integration),
            other => other,
        })?;
    }
    Ok(target)
}

/// Returns the fault of an integration branch that is not there.
pub fn gone(integration: &Integration) -> Fault {
    let Integration { epic, branch, base } = integration;
    Fault::not_found(format!(
        "the integration branch '{branch}' of {epic} does not exist any more"
    ))
    .hint(format!(
        "make it again: git gt mq integration create {epic}"
    ))
    .hint(format!("or land elsewhere: --target {base}"))
}

/// Returns what an epic's branch is called: a template, `integration/{title}` where it is empty, in which
/// `{title}`, `{epic}`, `{prefix}` and `{user}` stand for something.
pub fn integration_name(template: &str, epic: &Bead, (prefix, user): (&str, &str)) -> String {
    let template = match template {
        "" => TEMPLATE,
        template => template,
    };
    let title = match slug(epic.title()) {
        empty if empty.is_empty() => slug(epic.id()),
        title => title,
    };
    let words = [
        ("{title}", title),
        ("{epic}", epic.id().to_owned()),
        ("{prefix}", prefix.to_owned()),
        ("{user}", slug(user)),
    ];
    let replaced = |text: String, (word, value): &(&str, String)| text.replace(word, value);
    words.iter().fold(template.to_owned(), replaced)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_branch_is_called_after_its_epic() {
        let check = |template: &str, title: &str, want: &str| {
            let epic = Bead::new("gt-4k2xa", title, &Stamp::zero());
            let name = integration_name(template, &epic, ("gt", "Ada L."));
            assert_eq!(name, want);
        };
        check("", "Rework: the Parser!", "integration/rework-the-parser");
        check("", "\u{1f980}", "integration/gt-4k2xa");
        check("{user}/{prefix}/{epic}", "x", "ada-l/gt/gt-4k2xa");
        check("epic", "x", "epic");
    }

    #[test]
    fn half_of_it_is_none() {
        let mut epic = Bead::new("gt-1", "t", &Stamp::zero());
        assert_eq!(Integration::of(&epic), None);
        let whole = Integration {
            epic: "gt-1".to_owned(),
            branch: "integration/t".to_owned(),
            base: "main".to_owned(),
        };
        whole.note(&mut epic, &Stamp::zero());
        assert_eq!(Integration::of(&epic), Some(whole));
        let record = epic.record_mut();
        record.set(BASE, Some("integration/t".into()), &Stamp::zero());
        assert_eq!(Integration::of(&epic), None, "it would land on itself");
    }
}
