//! Short forms of `git gt update`, and what is edited by hand.

use serde_json::Value;

use super::Context;
use super::beads::{Change, each, parsed, single};
use super::fields::text_or_file;
use super::reply::{Reply, printable};
use crate::bead::{self, Edit, Instant, edit, issue, when};
use crate::fault::{Fault, Result};
use crate::ledger::Stamp;
use crate::record::Bead;
use crate::town::View;
use crate::world::{fs, process::Run};

/// Add a paragraph to the notes of a bead
#[derive(Debug, clap::Args)]
pub(crate) struct Note {
    /// The bead
    #[arg(value_name = "ID")]
    id: String,
    /// What to note
    #[arg(value_name = "TEXT", allow_hyphen_values = true, required_unless_present_any = ["file", "stdin"])]
    text: Option<String>,
    #[arg(value_name = "TEXT", hide = true)]
    more: Vec<String>,
    /// Read what to note from FILE, - for standard input
    #[arg(short, long, value_name = "FILE", conflicts_with = "text")]
    file: Option<String>,
    /// Read what to note from standard input
    #[arg(long, conflicts_with_all = ["text", "file"])]
    stdin: bool,
}

/// Label a bead
#[derive(Debug, clap::Args)]
pub(crate) struct Tag {
    /// The bead
    #[arg(value_name = "ID")]
    id: String,
    /// The labels
    #[arg(value_name = "LABEL", required = true, value_delimiter = ',', value_parser = parsed(bead::label))]
    labels: Vec<String>,
}

/// Assign a bead to somebody on paper
#[derive(Debug, clap::Args)]
pub(crate) struct Assign {
    /// The bead
    #[arg(value_name = "ID")]
    id: String,
    /// To whom; an empty name assigns it to nobody
    #[arg(value_name = "WHO")]
    who: String,
}

/// Say how urgent a bead is
#[derive(Debug, clap::Args)]
pub(crate) struct Priority {
    /// The bead
    #[arg(value_name = "ID")]
    id: String,
    /// How urgent it is, from 0 to 4 or P0 to P4
    #[arg(value_name = "N", value_parser = parsed(bead::priority), allow_hyphen_values = true)]
    priority: i64,
}

/// Put beads off
#[derive(Debug, clap::Args)]
pub(crate) struct Defer {
    /// The beads
    #[arg(value_name = "ID", required = true)]
    ids: Vec<String>,
    /// Until when: RFC 3339, a date, +2h, +1d, tomorrow, friday, …; without it until somebody takes that back
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    until: Option<String>,
    /// Say why, as a comment
    #[arg(short, long, value_name = "TEXT", allow_hyphen_values = true)]
    reason: Option<String>,
}

/// Take back that beads are put off
#[derive(Debug, clap::Args)]
pub(crate) struct Undefer {
    /// The beads
    #[arg(value_name = "ID", required = true)]
    ids: Vec<String>,
}

/// Keep a bead that was to be of no use for long
#[derive(Debug, clap::Args)]
pub(crate) struct Promote {
    /// The bead
    #[arg(value_name = "ID")]
    id: String,
    /// Say why, as a comment
    #[arg(short, long, value_name = "TEXT", allow_hyphen_values = true)]
    reason: Option<String>,
}

/// Edit a text of a bead in your editor
#[derive(Debug, clap::Args)]
pub(crate) struct ByHand {
    /// The bead
    #[arg(value_name = "ID")]
    id: String,
    #[command(flatten)]
    field: Field,
}

/// Which text is meant
#[derive(Debug, clap::Args)]
#[group(multiple = false)]
struct Field {
    /// Edit the title
    #[arg(long)]
    title: bool,
    /// Edit the description, which happens anyway
    #[arg(long)]
    description: bool,
    /// Edit the design
    #[arg(long)]
    design: bool,
    /// Edit the notes
    #[arg(long)]
    notes: bool,
    /// Edit when it is done
    #[arg(long)]
    acceptance: bool,
}

pub(crate) fn note(cx: &Context, args: &Note) -> Result<Reply> {
    let file = match args.stdin {
        true => Some("-".to_owned()),
        false => args.file.clone(),
    };
    let words: Vec<&str> = args
        .text
        .iter()
        .chain(&args.more)
        .map(String::as_str)
        .collect();
    let text = text_or_file(cx, &Some(words.join(" ")), &file)?.unwrap_or_default();
    if text.trim().is_empty() {
        return Err(Fault::invalid("the note is empty"));
    }
    let asked = Edit {
        append_notes: Some(text),
        ..Edit::default()
    };
    changed(cx, &args.id, &asked, ("note on", "Note added to"))
}

pub(crate) fn tag(cx: &Context, args: &Tag) -> Result<Reply> {
    let asked = Edit {
        add_labels: args.labels.clone(),
        ..Edit::default()
    };
    changed(cx, &args.id, &asked, ("label", "Labelled"))
}

pub(crate) fn assign(cx: &Context, args: &Assign) -> Result<Reply> {
    let asked = Edit {
        assignee: Some(args.who.clone()),
        ..Edit::default()
    };
    changed(cx, &args.id, &asked, ("assign", "Assigned"))
}

pub(crate) fn priority(cx: &Context, args: &Priority) -> Result<Reply> {
    let asked = Edit {
        priority: Some(args.priority),
        ..Edit::default()
    };
    changed(cx, &args.id, &asked, ("priority of", "Set the priority of"))
}

/// Makes an ordinary bead of one that was to be of no use for long.
pub(crate) fn promote(cx: &Context, args: &Promote) -> Result<Reply> {
    let home = cx.home_of(&args.id)?;
    let actor = cx.actor(home.repo());
    let reason = args.reason.as_deref().unwrap_or_default().trim();
    let asked = Edit {
        flags: vec![("ephemeral", false)],
        texts: vec![("wisp_type", String::new())],
        ..Edit::default()
    };
    single(cx, &home, &args.id, |view, pen, mut bead| {
        if !bead.record().flag("ephemeral") {
            return Err(Fault::refused(format!("{} is kept already", bead.id()))
                .hint("only what was made with --ephemeral is promoted"));
        }
        let stamp = pen.stamp(bead.record());
        edit(view, &mut bead, &asked, (&actor, &stamp))?;
        if !reason.is_empty() {
            bead.add_comment(&actor, reason, &stamp);
        }
        let subject = format!("promote {}: {}", bead.id(), bead.title());
        let said = format!("Promoted {}\n", bead.id());
        Ok(Change {
            bead,
            subject,
            said,
        })
    })
}

/// Changes one bead as asked and returns it as an object; the words say what was done.
fn changed(cx: &Context, typed: &str, asked: &Edit, (verb, done): (&str, &str)) -> Result<Reply> {
    let home = cx.home_of(typed)?;
    let actor = cx.actor(home.repo());
    single(cx, &home, typed, |view, pen, mut bead| {
        let stamp = pen.stamp(bead.record());
        edit(view, &mut bead, asked, (&actor, &stamp))?;
        let subject = format!("{verb} {}: {}", bead.id(), bead.title());
        let said = format!("{done} {}\n", bead.id());
        Ok(Change {
            bead,
            subject,
            said,
        })
    })
}

pub(crate) fn defer(cx: &Context, args: &Defer) -> Result<Reply> {
    let now = cx.world.now();
    let until = args.until.as_deref().map(|it| when(it, now)).transpose()?;
    let is_ahead = |text: &str| Instant::parse(text).is_some_and(|it| it.time() > now);
    let actor = cx.actor(&cx.repo()?);
    let reason = args.reason.as_deref().unwrap_or_default().trim();
    let asked = Edit {
        defer: until.clone(),
        // A time that has passed puts nothing off.
        status: until
            .as_deref()
            .is_none_or(is_ahead)
            .then(|| "deferred".to_owned()),
        ..Edit::default()
    };
    each(cx, &args.ids, |view, pen, bead| {
        let stamp = pen.stamp(bead.record());
        let mut changed = moved(view, bead, &asked, (&actor, &stamp), "defer")?;
        if !reason.is_empty() {
            changed.bead.add_comment(&actor, reason, &stamp);
        }
        let until = until.as_deref().filter(|it| !it.is_empty());
        let until = until.map(|it| format!(" until {}", printable(it)));
        changed.said = format!(
            "Deferred {}{}\n",
            changed.bead.id(),
            until.unwrap_or_default()
        );
        Ok(changed)
    })
}

pub(crate) fn undefer(cx: &Context, args: &Undefer) -> Result<Reply> {
    let actor = cx.actor(&cx.repo()?);
    let asked = Edit {
        defer: Some(String::new()),
        ..Edit::default()
    };
    each(cx, &args.ids, |view, pen, bead| {
        let stamp = pen.stamp(bead.record());
        moved(view, bead, &asked, (&actor, &stamp), "undefer")
    })
}

/// Puts an open bead off or takes that back; refuses a closed one.
fn moved(
    view: &View<'_>,
    mut bead: Bead,
    asked: &Edit,
    by: (&str, &Stamp),
    verb: &str,
) -> Result<Change> {
    if bead.is_closed() {
        return Err(Fault::refused(format!("{} is closed", bead.id()))
            .hint(format!("open it again: git gt reopen {}", bead.id())));
    }
    edit(view, &mut bead, asked, by)?;
    let subject = format!("{verb} {}", bead.id());
    let said = format!("Undeferred {}\n", bead.id());
    Ok(Change {
        bead,
        subject,
        said,
    })
}

impl Field {
    /// Returns the stored name of what is meant.
    fn name(&self) -> &'static str {
        let all = [
            (self.title, "title"),
            (self.design, "design"),
            (self.notes, "notes"),
            (self.acceptance, "acceptance_criteria"),
        ];
        let found = all.into_iter().find(|it| it.0);
        found.map_or("description", |it| it.1)
    }
}

/// Lets the user edit a text of a bead; nothing is written where it stays as it is.
///
/// After a crash the text is in `.git/gt/`, and the bead is as it was.
pub(crate) fn by_hand(cx: &Context, args: &ByHand) -> Result<Reply> {
    let home = cx.home_of(&args.id)?;
    let before = bead::resolve(&home.view(), home.rig().prefix(), &args.id)?;
    let field = args.field.name();
    let old = before.record().text(field);
    let path = home
        .repo()
        .scratch_dir()
        .join(format!("edit-{}.md", before.id()));
    fs::replace(&path, old.as_bytes()).map_err(|error| Fault::io("write", &path, &error))?;
    let editor = home.repo().git(["var", "GIT_EDITOR"]);
    let editor = String::from_utf8_lossy(&home.repo().query(&editor)?)
        .trim()
        .to_owned();
    let script = format!("{editor} \"$@\"");
    let file = path.display().to_string();
    let command = Run::new("sh", cx.world.cwd()).args(["-c", &script, "editor", &file]);
    let ended = command.attached(&cx.world);
    let ended = ended.map_err(|error| Fault::unavailable(format!("cannot run sh: {error}")))?;
    if !ended.success() {
        return Err(Fault::unavailable(format!("the editor '{editor}' failed"))
            .hint("choose one: git config core.editor <command>"));
    }
    let new = std::fs::read(&path).map_err(|error| Fault::io("read", &path, &error))?;
    let new = String::from_utf8(new).map_err(|_| Fault::invalid("the text is not UTF-8"))?;
    drop(fs::remove_file(&path));
    let new = new.trim_end().to_owned();
    if new == old.trim_end() {
        let value = Value::Object(issue(&before));
        return Ok(Reply::new(Value::Array(vec![value]), "").note("nothing was changed"));
    }
    let mut asked = Edit::default();
    match field {
        "title" => asked.title = Some(new),
        _ => asked.texts.push((field, new)),
    }
    changed(cx, before.id(), &asked, ("edit", "Updated issue:"))
}
