//! Handoffs: what a session leaves to the next one, written once and given out once.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::checkpoint::{self, Checkpoint, Saved, Site};
use super::hook::Hook;
use crate::bead::{Beads, is_ready};
use crate::fault::{Fault, Result};
use crate::ledger::{Decision, Name};
use crate::mail::{self, Inbox};
use crate::record::{BeadRow, Contents, Handoff, Mail};
use crate::text::in_prompt;
use crate::town::{Home, machine};

/// How many bytes the words of a handoff may have.
pub const BODY_MAX: usize = 64 * 1024;
/// How many bytes of them are shown to the successor.
const SHOWN_MAX: usize = 16 * 1024;
/// How many uncommitted files, mails and ready beads are listed.
const LISTED_MAX: usize = 10;
/// How many beads under way are listed.
const UNDER_WAY_MAX: usize = 5;

/// What an agent says when it hands over.
#[derive(Debug, Clone, Default)]
pub struct Words {
    /// What it is about, in a line; empty: the first line of the body.
    pub subject: String,
    /// What comes next.
    pub body: String,
    /// The bead it is about, empty for the one on the hook.
    pub bead: String,
}

/// Who carries on: an agent and the bead on its hook, empty for none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Whose {
    /// The agent's address.
    pub agent: String,
    /// The bead.
    pub bead: String,
}

/// Returns the session we are in: that of `sling`, or that of the agent's runtime; empty for none.
pub fn session_id(home: &Home) -> String {
    let env = |key| home.world().env(key);
    let known = env("GT_SESSION").or_else(|| env("CLAUDE_CODE_SESSION_ID"));
    known.unwrap_or_default().to_owned()
}

/// Records what the next session needs: the state of the worktree, whose uncommitted work is saved first,
/// what hangs on the hook, what waits, and the agent's own words.
///
/// After a crash the work is saved and nothing handed over, or all is done; saying it again is safe.
pub fn hand_over(home: &Home, actor: &str, words: &Words) -> Result<Handoff> {
    let site = Site::here(home, actor).ok();
    let on_hook = site.as_ref().map(|it| it.bead.as_str()).unwrap_or_default();
    if !words.bead.is_empty() && !on_hook.is_empty() && words.bead != on_hook {
        return Err(
            Fault::refused(format!("{on_hook} is on your hook, not {}", words.bead))
                .hint("leave the bead out to hand over what is on the hook"),
        );
    }
    if words.body.len() > BODY_MAX {
        return Err(Fault::invalid(format!(
            "the handoff has more than the {} kB it may have",
            BODY_MAX / 1024
        ))
        .hint("put it into a file or a comment on the bead, and say where it is"));
    }
    let mut contents = Contents {
        from: site.as_ref().map_or(actor, |it| &it.agent).to_owned(),
        session: session_id(home),
        body: words.body.trim_end().to_owned(),
        bead: if words.bead.is_empty() {
            on_hook
        } else {
            &words.bead
        }
        .to_owned(),
        ..Contents::default()
    };
    if let Some(site) = &site {
        add_state(home, site, &mut contents)?;
    }
    add_work(home, &mut contents)?;
    contents.subject = subject(home, words, &contents)?;
    let kept = mail::mailbox(home, &contents.from)?;
    let prefix = format!("{}-handoff", kept.rig().prefix());
    let written = kept.write(Name::Handoffs, &contents.from, |view, pen| {
        let id = pen.new_id(&view.ledger(Name::Handoffs)?, &prefix)?;
        let handoff = Handoff::new(&id, &contents, &pen.first_stamp());
        let said = format!("hand over {id}: {}", contents.subject);
        Ok(Decision::write(
            said,
            vec![handoff.record().clone()],
            handoff,
        ))
    })?;
    Ok(written.value)
}

fn subject(home: &Home, words: &Words, contents: &Contents) -> Result<String> {
    let line = |text: &str| -> String {
        let first = text.lines().find(|it| !it.trim().is_empty());
        first.unwrap_or_default().trim().chars().take(120).collect()
    };
    let said = [line(&words.subject), line(&words.body)];
    if let Some(said) = said.into_iter().find(|it| !it.is_empty()) {
        return Ok(said);
    }
    let bead = home.view().readable_bead(&contents.bead)?;
    Ok(bead.map_or_else(
        || format!("handoff of {}", contents.from),
        |bead| line(bead.title()),
    ))
}

/// Adds where the worktree stands, after saving what is not committed there.
fn add_state(home: &Home, site: &Site, contents: &mut Contents) -> Result<()> {
    let saved: Option<Checkpoint> = match checkpoint::write(home, site, "handed over") {
        Ok(Saved::New(saved) | Saved::Same(saved)) => Some(saved),
        Ok(Saved::Nothing(_)) => None,
        // A repository without a commit, or a worktree that is gone: there is no state to hand over.
        Err(Fault::Refused(_) | Fault::NotFound(_)) => return Ok(()),
        Err(fault) => return Err(fault),
    };
    match saved {
        Some(saved) => {
            let changes = checkpoint::changes(home, &saved)?;
            let shown = changes.iter().take(LISTED_MAX);
            contents.dirty = shown
                .map(|it| {
                    format!("{} {}", it.how, it.path.display())
                        .escape_debug()
                        .to_string()
                })
                .collect();
            if changes.len() > LISTED_MAX {
                contents
                    .dirty
                    .push(format!("and {} more", changes.len() - LISTED_MAX));
            }
            contents.branch = saved.branch;
            contents.head = saved.head.to_string();
            if !changes.is_empty() {
                contents.checkpoint = saved.commit.to_string();
            }
        }
        None => {
            if let Some(here) = home.repo().worktree_at(&site.path)? {
                contents.head = here.head.map(|it| it.to_string()).unwrap_or_default();
                here.short_branch()
                    .unwrap_or_default()
                    .clone_into(&mut contents.branch);
            }
        }
    }
    Ok(())
}

/// Adds what waits for the agent and what others could begin.
fn add_work(home: &Home, contents: &mut Contents) -> Result<()> {
    let (view, now) = (home.view(), home.world().now());
    let inbox = Inbox::of(&contents.from, &machine(home.repo()));
    let kept = mail::mailbox(home, &contents.from)?;
    let mails: Vec<Mail> = mail::new_mail(&kept.view(), &inbox, now)?;
    let mail = |it: &Mail| format!("{} from {}: {}", it.id(), it.from(), it.subject());
    contents.inbox = mails.iter().take(LISTED_MAX).map(mail).collect();
    let beads = Beads::of(&view);
    let line = |it: &BeadRow<'_>| format!("{} (P{}) {}", it.id(), it.priority(), it.title());
    for bead in beads.rows(false)? {
        let bead = bead?;
        if is_ready(&beads, &bead, now)? {
            contents.ready.push(line(&bead));
        }
        if contents.ready.len() == LISTED_MAX {
            break;
        }
    }
    let mut mine = beads.of_worker(&contents.from)?;
    mine.retain(|it| !it.is_closed() && it.holder() == Some(&contents.from));
    mine.sort_by(|a, b| a.place().cmp(&b.place()));
    contents.in_progress = mine.iter().take(UNDER_WAY_MAX).map(line).collect();
    Ok(())
}

/// Returns the handoffs that wait for somebody, oldest first.
pub fn waiting(home: &Home, whose: &Whose) -> Result<Vec<Handoff>> {
    let mut all = mail::mailbox(home, &whose.agent)?.view().handoffs()?;
    all.retain(|it| it.waits() && it.is_for(&whose.agent, &whose.bead));
    Ok(all)
}

/// Takes the handoffs that wait for somebody, so that nobody else gets them: of two who take at once, one
/// gets them all. What a session wrote itself is not for it.
///
/// After a crash they wait still, or are taken and shown again by [`last`].
pub fn take(home: &Home, whose: &Whose, session: &str) -> Result<Vec<Handoff>> {
    let own = [session_id(home), session.to_owned()];
    let foreign =
        |it: &Handoff| it.session().is_empty() || !own.iter().any(|id| id == it.session());
    if !waiting(home, whose)?.iter().any(foreign) {
        return Ok(Vec::new());
    }
    let by = if session.is_empty() {
        &whose.agent
    } else {
        session
    };
    let kept = mail::mailbox(home, &whose.agent)?;
    let written = kept.write(Name::Handoffs, &whose.agent, |view, pen| {
        let mut taken = view.handoffs()?;
        taken.retain(|it| it.waits() && it.is_for(&whose.agent, &whose.bead) && foreign(it));
        for handoff in &mut taken {
            let stamp = pen.stamp(handoff.record());
            handoff.take(by, &stamp);
        }
        let ids: Vec<&str> = taken.iter().map(Handoff::id).collect();
        let said = format!("take {}", ids.join(", "));
        let records = taken.iter().map(|it| it.record().clone()).collect();
        Ok(Decision::write(said, records, taken))
    })?;
    Ok(written.value)
}

/// Returns the last handoff for somebody, taken or not.
pub fn last(home: &Home, whose: &Whose) -> Result<Option<Handoff>> {
    let all = mail::mailbox(home, &whose.agent)?.view().handoffs()?;
    Ok(all
        .into_iter()
        .rfind(|it| it.is_for(&whose.agent, &whose.bead)))
}

/// Returns whether the session that just ended left a handoff that says something new: a bead that is
/// handed from session to session without any progress would cost for ever.
pub(super) fn goes_on(home: &Home, hook: &Hook, session: &str) -> Result<bool> {
    let all: Vec<Handoff> = home.view().handoffs()?;
    let mut about = all.iter().rev().filter(|it| it.bead() == hook.bead);
    let Some(newest) = about
        .next()
        .filter(|it| it.waits() && it.session() == session)
    else {
        return Ok(false);
    };
    let state = |it: &Handoff| (it.text("head").to_owned(), it.text("checkpoint").to_owned());
    Ok(about
        .find(|it| it.session() != session)
        .is_none_or(|before| state(before) != state(newest)))
}

/// Returns a handoff as its reader sees it; nothing in it can steer a terminal or close a block.
pub fn render(handoff: &Handoff) -> String {
    let mut text = format!(
        "Handoff {} from {}, {}: {}\n",
        handoff.id(),
        handoff.from(),
        handoff.written().time(),
        handoff.text("subject")
    );
    let short = |id: &str| id.get(..12).unwrap_or(id).to_owned();
    let fields = [
        ("bead", handoff.bead().to_owned()),
        ("branch", handoff.text("branch").to_owned()),
        ("at", short(handoff.text("head"))),
        ("checkpoint", short(handoff.text("checkpoint"))),
    ];
    for (name, value) in fields.iter().filter(|(_, value)| !value.is_empty()) {
        text.push_str(&format!("  {name:<12}{value}\n"));
    }
    let lists = [
        ("not committed", "dirty"),
        ("unread mail", "inbox"),
        ("under way", "in_progress"),
        ("ready", "ready"),
    ];
    for (name, field) in lists {
        let list = handoff.list(field);
        if !list.is_empty() {
            text.push_str(&format!("  {name}:\n"));
            let lines = list
                .iter()
                .map(|it| format!("    {}\n", it.replace('\n', " ")));
            text.push_str(&lines.collect::<String>());
        }
    }
    let body = handoff.text("body");
    if !body.is_empty() {
        let cut = body.floor_char_boundary(SHOWN_MAX);
        text.push_str(&format!("\n{}\n", &body[..cut]));
        if cut < body.len() {
            text.push_str(&format!(
                "(cut here; all of it: git gt resume {} --json)\n",
                handoff.id()
            ));
        }
    }
    in_prompt(&text)
}

/// Returns a handoff for machines.
pub fn as_json(handoff: &Handoff) -> Value {
    let mut value = BTreeMap::new();
    for field in [
        "subject",
        "body",
        "branch",
        "head",
        "checkpoint",
        "session",
        "bead",
        "from",
    ] {
        value.insert(field, json!(handoff.text(field)));
    }
    for field in ["dirty", "inbox", "ready", "in_progress"] {
        value.insert(field, json!(handoff.list(field)));
    }
    value.insert("id", json!(handoff.id()));
    value.insert("written", json!(handoff.written().time().to_string()));
    value.insert("taken", json!(!handoff.waits()));
    value.insert("taken_by", json!(handoff.taken_by()));
    json!(value)
}
