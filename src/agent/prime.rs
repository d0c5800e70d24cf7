//! Prime: what an agent is told when its session begins: who it is, what hangs on its hook, what was handed
//! over to it, what waits in its inbox.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::checkpoint::{self, Checkpoint};
use super::deliver::{self, Told};
use super::handoff::{self, Whose};
use super::hook::Hook;
use crate::bead::memories;
use crate::fault::{Fault, Result};
use crate::ledger::CloneId;
use crate::record::{Bead, Handoff, Request};
use crate::text::{in_prompt, one_line};
use crate::town::{Home, role_of};

/// How many bytes of each text of a bead are shown.
const TEXT_MAX: usize = 8 * 1024;
/// How many bytes of the last comment are shown.
const COMMENT_MAX: usize = 2 * 1024;
/// How many bytes of all memories together are shown.
const MEMORIES_MAX: usize = 4 * 1024;
/// How long a checkpoint is worth mentioning, in milliseconds.
const CHECKPOINT_FOR: u64 = 24 * 3600 * 1000;

/// What an agent is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// One piece of work, alone.
    Polecat,
    /// Beside a person, for longer.
    Crew,
    /// The merge queue.
    Refinery,
    /// Cutting work, giving it out, following it.
    Mayor,
    /// A person, or whoever acts for one.
    Overseer,
}

/// Every role with its word and what it is told.
const ROLES: [(Role, &str, &str); 5] = [
    (
        Role::Polecat,
        "polecat",
        include_str!("../../hooks-templates/roles/polecat.md"),
    ),
    (
        Role::Crew,
        "crew",
        include_str!("../../hooks-templates/roles/crew.md"),
    ),
    (
        Role::Refinery,
        "refinery",
        include_str!("../../hooks-templates/roles/refinery.md"),
    ),
    (
        Role::Mayor,
        "mayor",
        include_str!("../../hooks-templates/roles/mayor.md"),
    ),
    (
        Role::Overseer,
        "overseer",
        include_str!("../../hooks-templates/roles/overseer.md"),
    ),
];

impl Role {
    /// Returns the role that an address has.
    pub fn of(address: &str) -> Self {
        let word = role_of(address);
        let row = ROLES.iter().find(|(_, known, _)| *known == word);
        row.map_or(Self::Overseer, |(role, ..)| *role)
    }

    fn row(self) -> (&'static str, &'static str) {
        let row = ROLES.iter().find(|(role, ..)| *role == self);
        let (_, word, text) = row.expect("each role has a row");
        (word, text)
    }

    /// Returns the word for it.
    pub fn word(self) -> &'static str {
        self.row().0
    }

    /// Returns what to do when nothing hangs on the hook.
    fn without_work(self) -> &'static str {
        match self {
            Self::Polecat => {
                "Nothing hangs on your hook: end your turn; git gt sling gives you the next piece."
            }
            Self::Crew => {
                "Nothing hangs on your hook: wait for your person, or look at git gt ready."
            }
            Self::Refinery => "Begin now: git gt refinery run",
            Self::Mayor => {
                "Nothing hangs on your hook: look at escalations first, then at git gt ready."
            }
            Self::Overseer => "Wait for what you are asked to do.",
        }
    }
}

/// How an agent is to be primed.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// Who asks.
    pub actor: String,
    /// Its session, empty where it has none.
    pub session: String,
    /// Only who it is and what it is at: it has been told the rest, and lost some of it.
    pub short: bool,
}

/// What hangs on a hook, as far as its agent has to know.
#[derive(Debug)]
struct Work {
    hook: Hook,
    bead: Option<Bead>,
    /// Whether the bead is still this agent's.
    stands: bool,
    /// The request that waits in the queue, empty for none.
    queued: String,
}

/// What an agent is told.
#[derive(Debug)]
pub struct Primed {
    role: Role,
    address: String,
    rig: String,
    target: String,
    asked: Asked,
    work: Option<Work>,
    handoffs: Vec<Handoff>,
    memories: BTreeMap<String, String>,
    checkpoint: Option<Checkpoint>,
    /// How many files of the checkpoint are not committed, and whether this worktree has them.
    saved: (usize, bool),
    mail: String,
}

/// Gathers what an agent is to be told. Handoffs and nudges that are in it are given out with that.
///
/// After a crash they are given out or wait still; `resume` shows a handoff again.
pub fn prime(home: &Home, asked: Asked) -> Result<Primed> {
    let work = match super::mine(home) {
        Ok(hook) => Some(work(home, hook)?),
        Err(Fault::NotFound(_)) => None,
        Err(fault) => return Err(fault),
    };
    let address = match &work {
        Some(work) => work.hook.agent.clone(),
        None => asked.actor.clone(),
    };
    let whose = Whose {
        agent: address.clone(),
        bead: work
            .as_ref()
            .map(|it| it.hook.bead.clone())
            .unwrap_or_default(),
    };
    let handoffs = if asked.short {
        handoff::waiting(home, &whose)?
    } else {
        handoff::take(home, &whose, &asked.session)?
    };
    let checkpoint = match &work {
        Some(work) => checkpoint::find_for(home, &address, &work.hook.bead)?,
        None => checkpoint::find(home, &address, "")?,
    };
    let now = home.world().now();
    let fresh = |it: &Checkpoint| now.0.saturating_sub(it.time.0) < CHECKPOINT_FOR;
    let checkpoint = checkpoint.filter(fresh);
    let saved = match &checkpoint {
        Some(saved) => (
            checkpoint::changes(home, saved)?.len(),
            checkpoint::is_seen(home, saved),
        ),
        None => (0, false),
    };
    let memories = match asked.short {
        true => BTreeMap::new(),
        false => memories(&home.view())?,
    };
    let mut told = Told::find(home, &address, &asked.session)?;
    let mail = deliver::reminder(home, &address, &mut told)?;
    Ok(Primed {
        role: Role::of(&address),
        rig: home.rig().name().to_owned(),
        target: home.target(None).map(|it| it.branch).unwrap_or_default(),
        address,
        asked,
        work,
        handoffs,
        memories,
        checkpoint,
        saved,
        mail,
    })
}

fn work(home: &Home, hook: Hook) -> Result<Work> {
    let view = home.view();
    let bead = view.readable_bead(&hook.bead)?;
    let waits = |it: &Request| it.is_live() && it.bead() == hook.bead;
    let queued = view.requests_of(&hook.bead)?.into_iter().find(waits);
    let claim = bead.as_ref().filter(|it| !it.is_closed());
    let clone = CloneId::known(home.repo());
    Ok(Work {
        stands: claim
            .and_then(Bead::claim)
            .is_some_and(|it| hook.is_under(&it, clone.as_ref())),
        queued: queued.map(|it| it.id().to_owned()).unwrap_or_default(),
        bead,
        hook,
    })
}

/// Returns what an agent has still to do before its turn may end for good, nothing where it is done:
/// queued, handed over, or not its own any more.
pub(super) fn unfinished(home: &Home, hook: &Hook) -> Result<Option<Bead>> {
    let work = work(home, hook.clone())?;
    let whose = Whose {
        agent: hook.agent.clone(),
        bead: hook.bead.clone(),
    };
    let open = work.stands && work.queued.is_empty() && Role::of(&hook.agent) == Role::Polecat;
    if !open || !handoff::waiting(home, &whose)?.is_empty() {
        return Ok(None);
    }
    Ok(work.bead)
}

impl Primed {
    /// Returns the path of the hook, for whoever changes into it.
    pub fn path(&self) -> Option<&PathBuf> {
        self.work.as_ref().map(|it| &it.hook.path)
    }

    /// Returns what the agent reads; nothing in it can steer a terminal.
    pub fn text(&self) -> String {
        let mut text = format!(
            "[git gt] role: {}, agent: {}",
            self.role.word(),
            self.address
        );
        if !self.asked.session.is_empty() {
            text.push_str(&format!(", session: {}", self.asked.session));
        }
        text.push_str("\n\n");
        if self.asked.short {
            text.push_str(&self.in_short());
        } else {
            text.push_str(&self.instructions());
            match &self.work {
                Some(work) => text.push_str(&describe(work)),
                None => text.push_str(&format!("\n{}\n", self.role.without_work())),
            }
            for handoff in &self.handoffs {
                text.push_str("\n## Handed over to you\n\n");
                text.push_str(&handoff::render(handoff));
            }
            text.push_str(&self.memories_text());
        }
        text.push_str(&self.checkpoint_text());
        let mut text = in_prompt(&text);
        if !self.mail.is_empty() {
            text.push_str(&format!("\n{}", self.mail));
        }
        text
    }

    /// Fills the names into the text of the role.
    fn instructions(&self) -> String {
        let hook = self.work.as_ref().map(|it| &it.hook);
        let or = |text: Option<&str>, other: &str| match text {
            Some(text) if !text.is_empty() => text.to_owned(),
            _ => other.to_owned(),
        };
        let fields = [
            ("{address}", self.address.clone()),
            ("{rig}", self.rig.clone()),
            ("{target}", or(Some(&self.target), "the target branch")),
            (
                "{branch}",
                or(hook.map(|it| it.branch.as_str()), "your own branch"),
            ),
            ("{bead}", or(hook.map(|it| it.bead.as_str()), "ID")),
        ];
        let (_, template) = self.role.row();
        fields
            .iter()
            .fold(template.to_owned(), |text, (name, value)| {
                text.replace(name, value)
            })
    }

    fn in_short(&self) -> String {
        let mut text = match &self.work {
            Some(work) => {
                let title = work.bead.as_ref().map_or("", Bead::title);
                let mut text = format!("On your hook: {}: {title}\n", work.hook.bead);
                text.push_str(&state_of(work));
                text.push_str("Carry on with it; you need nobody's leave.\n");
                text
            }
            None => format!("{}\n", self.role.without_work()),
        };
        if !self.handoffs.is_empty() {
            text.push_str("A handoff waits for you: git gt prime shows it, once.\n");
        }
        text.push_str("git gt prime tells you everything again.\n");
        text
    }

    /// Returns a line for each memory, as many as there is room for.
    fn memories_text(&self) -> String {
        if self.memories.is_empty() {
            return String::new();
        }
        let mut text = "\n## Remembered\n\n".to_owned();
        let mut left = self.memories.len();
        for (key, said) in &self.memories {
            let line = format!("- {key}: {}\n", one_line(said));
            if text.len() + line.len() > MEMORIES_MAX {
                continue;
            }
            text.push_str(&line);
            left -= 1;
        }
        if left > 0 {
            text.push_str(&format!(
                "{left} more: git gt memories, git gt recall KEY\n"
            ));
        }
        text
    }

    fn checkpoint_text(&self) -> String {
        let (count, here) = self.saved;
        let worth = count > 0 && !(here && self.asked.short);
        let Some(saved) = self.checkpoint.as_ref().filter(|_| worth) else {
            return String::new();
        };
        let plural = if count == 1 { "file" } else { "files" };
        let mut text = format!(
            "\nUncommitted work of {} was saved at {} ({count} {plural}): git gt checkpoint read {}\n",
            saved.agent, saved.time, saved.agent
        );
        text.push_str(&if here {
            "It was made or restored in this worktree.\n".to_owned()
        } else {
            format!(
                "To bring it back here: git gt checkpoint restore {}\n",
                saved.agent
            )
        });
        text
    }

    /// Returns it for machines.
    pub fn value(&self) -> Value {
        let hook = self.work.as_ref().map(|work| {
            let bead = work.bead.as_ref();
            json!({
                "args": bead.map(Bead::args).unwrap_or_default(),
                "bead": work.hook.bead,
                "branch": work.hook.branch,
                "claim": if work.stands { "stands" } else { "over" },
                "description": bead.map(|it| it.record().text("description")).unwrap_or_default(),
                "path": work.hook.path.display().to_string(),
                "queued": work.queued,
                "title": bead.map(Bead::title).unwrap_or_default(),
            })
        });
        let checkpoint = self.checkpoint.as_ref().map(|it| {
            json!({
                "agent": it.agent,
                "commit": it.commit.to_string(),
                "files": self.saved.0,
                "here": self.saved.1,
                "time": it.time.to_string(),
            })
        });
        let handoffs: Vec<Value> = self.handoffs.iter().map(handoff::as_json).collect();
        json!({
            "address": self.address,
            "checkpoint": checkpoint,
            "handoffs": handoffs,
            "hook": hook,
            "mail": self.mail,
            "rig": self.rig,
            "role": self.role.word(),
            "session": self.asked.session,
            "text": self.text(),
        })
    }
}

/// Returns how the work on a hook stands, in lines.
fn state_of(work: &Work) -> String {
    let mut text = format!(
        "Your branch is {}, your worktree {}.\n",
        work.hook.branch,
        work.hook.path.display()
    );
    if !work.queued.is_empty() {
        text.push_str(&format!(
            "Your work is queued as {}: there is nothing more to do for it now.\n",
            work.queued
        ));
    } else if !work.stands {
        text.push_str("The bead is not yours any more: commit what you have, and end your turn.\n");
    }
    text
}

fn describe(work: &Work) -> String {
    let mut text = "\n## On your hook\n\n".to_owned();
    let Some(bead) = &work.bead else {
        text.push_str(&format!(
            "{}, which cannot be found here: git gt sync\n",
            work.hook.bead
        ));
        return text;
    };
    text.push_str(&format!(
        "{} ({}, P{}): {}\n",
        bead.id(),
        bead.issue_type(),
        bead.priority(),
        bead.title()
    ));
    let fields = [
        ("", bead.record().text("description")),
        ("Design:\n", bead.record().text("design")),
        ("Acceptance:\n", bead.record().text("acceptance_criteria")),
        ("For this piece of work you are told:\n", bead.args()),
    ];
    for (head, body) in fields.iter().filter(|(_, body)| !body.trim().is_empty()) {
        text.push_str(&format!("\n{head}{}\n", cut(body, TEXT_MAX, bead.id())));
    }
    if let Some(last) = bead.comments().last() {
        text.push_str(&format!(
            "\nThe last comment, by {}:\n{}\n",
            last.author,
            cut(last.text, COMMENT_MAX, bead.id())
        ));
    }
    text.push_str(&format!("\n{}", state_of(work)));
    text
}

/// Returns the beginning of a text that is too long, and says where the rest is.
pub(super) fn cut(text: &str, limit: usize, bead: &str) -> String {
    let text = text.trim_end();
    let end = text.floor_char_boundary(limit);
    if end == text.len() {
        return text.to_owned();
    }
    format!(
        "{}\n(cut here; all of it: git gt show {bead})",
        &text[..end]
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_roles() {
        let check = |address, want| assert_eq!(Role::of(address).word(), want);
        check("api/polecats/nux", "polecat");
        check("api/crew/joe", "crew");
        check("api/refinery", "refinery");
        check("mayor/", "mayor");
        check("overseer", "overseer");
        check("Ada Lovelace", "overseer");
    }

    #[test]
    fn every_place_in_a_role_is_filled() {
        for (role, ..) in ROLES {
            let primed = Primed {
                role,
                address: "api/x".to_owned(),
                rig: "api".to_owned(),
                target: String::new(),
                asked: Asked::default(),
                work: None,
                memories: BTreeMap::new(),
                handoffs: Vec::new(),
                checkpoint: None,
                saved: (0, false),
                mail: String::new(),
            };
            let text = primed.text();
            assert!(
                !text.contains('{') && text.contains(role.without_work()),
                "{text}"
            );
        }
    }
}
