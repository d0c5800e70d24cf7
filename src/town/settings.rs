//! Settings by name: of this machine in git config, of everybody in the config ledger (DESIGN 3.6, 4).

use super::{Home, Template, refuse_worker, review, style};
use crate::fault::{Fault, Result};
use crate::ledger::{Decision, Name};

/// A setting of its own name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// What `git gt config` calls it.
    pub name: &'static str,
    /// What is used where it is not set, in words.
    pub default: &'static str,
    /// What it is for.
    pub doc: &'static str,
    /// Where it is kept.
    scope: Scope,
}

/// Where a setting can be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scope {
    /// `gt.<name>` in git config: this machine's alone.
    Local,
    /// This machine's where nobody says otherwise, or everybody's.
    LocalFirst,
    /// Everybody's where nobody says otherwise, in a field of the rig's record, or this machine's.
    SharedFirst,
    /// Not to be changed.
    Fixed,
}

/// Where a setting is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Git config of this repository.
    Local,
    /// The config ledger, which travels.
    Shared,
}

const fn key(name: &'static str, scope: Scope, default: &'static str, doc: &'static str) -> Key {
    Key {
        name,
        default,
        doc,
        scope,
    }
}

/// Every setting, sorted by name.
pub const KEYS: &[Key] = &[
    key(
        "allowedSigners",
        Scope::Local,
        "nobody's",
        "whose seals are good: a file of ssh keys",
    ),
    key(
        "backend",
        Scope::LocalFirst,
        "headless",
        "how agents are kept running: headless, none",
    ),
    key(
        "checkpoint.max",
        Scope::Local,
        "100m",
        "how many bytes of changed files a checkpoint holds: a number, with k, m or g",
    ),
    key(
        "checkpoint.push",
        Scope::Local,
        "true where the ledgers are",
        "whether sync pushes checkpoints: true, false",
    ),
    key(
        "ciSigners",
        Scope::Local,
        "everybody who can push",
        "whose answers of outside CIs count: a file of ssh keys, each with the checks it may answer for",
    ),
    key(
        "defaultAgent",
        Scope::LocalFirst,
        "the only one",
        "the agent that sling starts",
    ),
    key(
        "durability",
        Scope::Local,
        "none",
        "what is on the disk when a write is answered: none, batch, full",
    ),
    key(
        "export",
        Scope::Local,
        "no file",
        "a JSONL file of beads that is kept up to date, from the top of the repository",
    ),
    key(
        "hooksDir",
        Scope::Local,
        "<main worktree>.gt",
        "where worktrees of agents stand",
    ),
    key(
        "integration.autoLand",
        Scope::SharedFirst,
        "false",
        "whether epics whose beads are all closed are queued by themselves: true, false",
    ),
    key(
        "integration.template",
        Scope::SharedFirst,
        "integration/{title}",
        "what integration branches are called: {title}, {epic}, {prefix}, {user}",
    ),
    key(
        "machine",
        Scope::Local,
        "the host's name",
        "what tells agents of one name on several machines apart",
    ),
    key(
        "maintain",
        Scope::Local,
        "auto",
        "whether upkeep begins by itself after many writes: auto, foreground, off",
    ),
    key(
        "message",
        Scope::SharedFirst,
        "as its strategy has it",
        "what a commit that lands says, with {title}, {body}, {branch}, {target}, {bead}, {worker}, {mr}",
    ),
    key(
        "prefix",
        Scope::Fixed,
        "from the name",
        "what ids of beads begin with",
    ),
    key(
        "protected",
        Scope::SharedFirst,
        "none",
        "paths whose changes wait for an approval before they are tested: patterns of gitignore, with commas",
    ),
    key(
        "pullRequestCommand",
        Scope::Local,
        "none",
        "what opens a pull request: gh, glab, or a line for sh",
    ),
    key(
        "pullRequests",
        Scope::SharedFirst,
        "none",
        "branches that work lands on by pull request: patterns, with commas",
    ),
    key(
        "refinery.shared",
        Scope::Local,
        "false",
        "whether other machines run the queue of the remote as well: true, false",
    ),
    key(
        "refinery.sign",
        Scope::SharedFirst,
        "false",
        "whether what lands is signed with git's key: true, false, and others for branches (release/*=true)",
    ),
    key(
        "refinery.workers",
        Scope::Local,
        "1",
        "how many candidates the Refinery tests at the same time on this machine",
    ),
    key(
        "remote",
        Scope::Local,
        "origin",
        "the remote to sync and land with",
    ),
    key(
        "remotePrefix",
        Scope::Local,
        "refs/gt as it is",
        "the folder of branches that refs/gt travels as, for a host that takes only branches",
    ),
    key(
        "review",
        Scope::SharedFirst,
        "0",
        "how many approvals a merge request needs: a number, and others for branches (release/*=2)",
    ),
    key(
        "review.by",
        Scope::SharedFirst,
        "everybody but polecats",
        "who may approve merge requests: names and addresses with *, with commas",
    ),
    key(
        "review.self",
        Scope::SharedFirst,
        "false",
        "whether who did the work may approve it: true, false",
    ),
    key(
        "sign",
        Scope::Local,
        "false",
        "whether sync seals what it pushes with your ssh key: true, false",
    ),
    key(
        "strategy",
        Scope::SharedFirst,
        "merge",
        "how merge requests land: merge, squash or rebase, and others for branches (release/*=merge)",
    ),
    key(
        "target",
        Scope::SharedFirst,
        "chosen by init",
        "the branch that work lands on",
    ),
];

impl Home {
    /// Returns a setting, nothing where it is not set: this machine's before everybody's, the rig's before
    /// HQ's.
    pub fn config(&self, name: &str) -> Result<Option<String>> {
        let key = known(name)?;
        let git = |home: &Self| home.repo().setting(&format!("gt.{}", key.name));
        let ledger = |home: &Self| {
            let value = home.rig().record().text(key.name).to_owned();
            Some(value).filter(|value| !value.is_empty())
        };
        Ok(match key.scope {
            Scope::Local => git(self),
            Scope::Fixed => ledger(self),
            Scope::SharedFirst => git(self).or_else(|| ledger(self)),
            Scope::LocalFirst => {
                if let Some(own) = git(self) {
                    return Ok(Some(own));
                }
                let hq = self.hq()?;
                git(&hq).or_else(|| ledger(self)).or_else(|| ledger(&hq))
            }
        })
    }

    /// Returns how many bytes of changed files a checkpoint holds: `gt.checkpoint.max`, 100 MiB by default.
    pub fn checkpoint_max(&self) -> Result<u64> {
        match self.config("checkpoint.max")? {
            None => Ok(100 << 20),
            Some(said) => bytes(&said).ok_or_else(|| {
                Fault::invalid(format!("gt.checkpoint.max is '{said}'"))
                    .hint("it can be a number of bytes, with k, m or g behind it")
            }),
        }
    }

    /// Returns whether checkpoints are pushed, where `gt.checkpoint.push` says.
    pub fn checkpoint_push(&self) -> Result<Option<bool>> {
        match self.config("checkpoint.push")? {
            None => Ok(None),
            Some(said) => boolean(&said).map(Some).ok_or_else(|| {
                Fault::invalid(format!("gt.checkpoint.push is '{said}'"))
                    .hint("it can be true or false")
            }),
        }
    }

    /// Returns whether epics whose beads are all closed are queued by themselves: `gt.integration.autoLand`.
    pub fn lands_finished_epics(&self) -> Result<bool> {
        let said = self.config("integration.autoLand")?;
        Ok(said.and_then(|it| boolean(&it)).unwrap_or(false))
    }

    /// Changes a setting in the place that is asked for, else in the usual one, which is returned; an empty
    /// value removes it.
    ///
    /// After a crash it has the old value or the new one.
    pub fn set_config(
        &self,
        actor: &str,
        (name, value): (&str, &str),
        place: Option<Place>,
    ) -> Result<Place> {
        let key = known(name)?;
        refuse_worker(self.world(), "change settings")?;
        check_value(key, value)?;
        if key.name == "pullRequests" {
            let mut names = value.split(',').map(str::trim).filter(|it| !it.is_empty());
            names.try_for_each(|name| self.check_branches(name))?;
        }
        if key.name == "target" && !value.is_empty() {
            self.target(Some(value))?;
        }
        let place = match (key.scope, place) {
            (Scope::Fixed, _) => {
                return Err(Fault::refused(format!("'{name}' is not changed any more"))
                    .hint("ids that exist keep their prefix"));
            }
            (Scope::Local, Some(Place::Shared)) => {
                return Err(Fault::refused(format!(
                    "'{name}' is about this machine and is not shared"
                ))
                .hint(format!("git gt config set {name} {value} --local")));
            }
            (Scope::Local | Scope::LocalFirst, None) => Place::Local,
            (Scope::SharedFirst, None) => Place::Shared,
            (_, Some(place)) => place,
        };
        match place {
            Place::Local if value.is_empty() => {
                self.repo().unset_setting(&format!("gt.{}", key.name))?;
            }
            Place::Local => self
                .repo()
                .set_setting(&format!("gt.{}", key.name), value)?,
            Place::Shared => self.share(actor, key, value)?,
        }
        Ok(place)
    }

    fn share(&self, actor: &str, key: &Key, value: &str) -> Result<()> {
        self.write(Name::Config, actor, |view, pen| {
            let rig = view.rig(self.rig().name())?;
            let mut record = rig.unwrap_or_else(|| self.rig().clone()).into_record();
            let stamp = pen.stamp(&record);
            let new = (!value.is_empty()).then(|| value.into());
            record.set(key.name, new, &stamp);
            let subject = format!("set {} to {value}", key.name);
            Ok(Decision::write(subject, vec![record], ()))
        })
        .map(drop)
    }
}

/// Reads a number of bytes as git does: with `k`, `m` or `g` behind it.
fn bytes(text: &str) -> Option<u64> {
    let text = text.trim().to_ascii_lowercase();
    let (digits, shift) = match text.as_bytes().last()? {
        b'k' => (&text[..text.len() - 1], 10),
        b'm' => (&text[..text.len() - 1], 20),
        b'g' => (&text[..text.len() - 1], 30),
        _ => (text.as_str(), 0),
    };
    digits.parse::<u64>().ok()?.checked_mul(1 << shift)
}

/// Reads yes or no as git does.
pub(super) fn boolean(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "1" => Some(true),
        "false" | "no" | "off" | "0" => Some(false),
        _ => None,
    }
}

fn known(name: &str) -> Result<&'static Key> {
    let bare = name.strip_prefix("gt.").unwrap_or(name);
    KEYS.iter()
        .find(|key| key.name.eq_ignore_ascii_case(bare))
        .ok_or_else(|| {
            let names: Vec<&str> = KEYS.iter().map(|key| key.name).collect();
            Fault::not_found(format!("there is no setting '{name}'"))
                .hint(format!("settings: {}", names.join(", ")))
        })
}

fn check_value(key: &Key, value: &str) -> Result<()> {
    let bad = |hint: &str| {
        Err(Fault::invalid(format!("'{value}' cannot be the value of {}", key.name)).hint(hint))
    };
    match key.name {
        "backend" if !["", "headless", "none"].contains(&value) => bad("headless or none"),
        "checkpoint.max" if !value.is_empty() && bytes(value).is_none() => {
            bad("a number of bytes, with k, m or g behind it")
        }
        "checkpoint.push" | "integration.autoLand" | "refinery.shared" | "review.self" | "sign"
            if !value.is_empty() && boolean(value).is_none() =>
        {
            bad("true or false")
        }
        "durability" if !["", "none", "batch", "full"].contains(&value) => {
            bad("none, batch or full")
        }
        "refinery.sign" if !style::is_sign(value) => bad(style::SIGN_HINT),
        "refinery.workers" if !value.is_empty() && !matches!(value.parse(), Ok(1..=64_u8)) => {
            bad("a number from 1 to 64")
        }
        "maintain" if !["", "auto", "foreground", "off"].contains(&value) => {
            bad("auto, foreground or off")
        }
        "message" if !value.is_empty() => Template::parse(value).map(drop),
        "protected" | "review.by" => match review::flaw(value) {
            Some((pattern, why)) => bad(&format!("the pattern '{pattern}' {why}")),
            None => Ok(()),
        },
        "strategy" if !style::is_strategy(value) => bad(style::STRATEGY_HINT),
        "review" if !review::is_need(value) => bad(review::REVIEW_HINT),
        "remote" if value.starts_with('-') => bad("the name of a remote; git remote lists them"),
        _ => Ok(()),
    }
}
