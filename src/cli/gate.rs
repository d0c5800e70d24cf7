//! `git gt bead gate`

use serde_json::{Value, json};

use super::Context;
use super::beads::{Change, line, object, parsed, resolve_near, single};
use super::reply::{Reply, columns, printable};
use crate::bead::{
    Answer, Draft, Edit, GATE, WAITS, Wait, commit_and_check, issue, make, resolve, span, wait,
};
use crate::daemon::{self, Look, Looked, Search};
use crate::fault::{Fault, Result};
use crate::ledger::Decision;
use crate::ledger::Name;
use crate::mail;
use crate::record::Bead;
use crate::text::one_line;
use crate::town::Home;

/// Let beads wait for people, times, other beads, mail and CIs
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Let a bead wait for something
    Create(Create),
    /// List gates
    List {
        /// List those that are open, too
        #[arg(short, long)]
        all: bool,
        /// List at most N; 0 means all
        #[arg(short = 'n', long, value_name = "N", default_value_t = 50)]
        limit: usize,
    },
    /// Show a gate
    Show {
        /// The gate
        #[arg(value_name = "ID")]
        id: String,
    },
    /// Open a gate
    Resolve {
        /// The gate
        #[arg(value_name = "ID")]
        id: String,
        /// Say why
        #[arg(short, long, value_name = "TEXT", allow_hyphen_values = true)]
        reason: Option<String>,
    },
    /// Look for what gates wait for, and open those for which it has come
    Check(Check),
    /// Find the runs of GitHub's Actions that gates wait for
    Discover(Discover),
    /// Let somebody be told when a gate is opened
    AddWaiter {
        /// The gate
        #[arg(value_name = "ID")]
        id: String,
        /// Who is told
        #[arg(value_name = "ADDR")]
        who: String,
    },
}

#[derive(Debug, clap::Args)]
struct Create {
    /// The bead that waits
    #[arg(long, value_name = "ID")]
    blocks: String,
    /// Say what it waits for: human, timer, bead, mail, ci, gh:run, gh:pr
    #[arg(short = 't', long = "type", value_name = "TYPE", default_value = "human", value_parser = parsed(kind))]
    kind: String,
    /// Say why
    #[arg(short, long, value_name = "TEXT", allow_hyphen_values = true)]
    reason: Option<String>,
    /// Name what it waits for: a bead, a mail, COMMIT/CHECK, a run, a pull request
    #[arg(long, value_name = "REF")]
    await_id: Option<String>,
    /// Let a timer take that long: 90s, 2h30m, 1d
    #[arg(long, value_name = "TIME", value_parser = parsed(span))]
    timeout: Option<i64>,
}

#[derive(Debug, clap::Args)]
struct Check {
    /// Look at gates of this type only; gh means both of GitHub's
    #[arg(short = 't', long = "type", value_name = "TYPE")]
    kind: Option<String>,
    /// Ask for help where what a gate waits for will not come
    #[arg(short, long)]
    escalate: bool,
    /// Say what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
    /// Look at most at N gates; 0 means all
    #[arg(short, long, value_name = "N", default_value_t = 100)]
    limit: usize,
}

#[derive(Debug, clap::Args)]
struct Discover {
    /// Say what would be written, and write nothing
    #[arg(short = 'n', long)]
    dry_run: bool,
    /// Look at runs of this branch instead of the one that is checked out
    #[arg(short, long, value_name = "BRANCH")]
    branch: Option<String>,
    /// Look at most at N runs
    #[arg(short, long, value_name = "N", default_value_t = 10)]
    limit: usize,
    /// Take runs that began at most that long before the gate was made
    #[arg(short = 'a', long, value_name = "TIME", default_value = "30m", value_parser = parsed(span))]
    max_age: i64,
}

fn kind(text: &str) -> Result<String> {
    let known = WAITS.iter().any(|(kind, _)| *kind == text);
    if known {
        return Ok(text.to_owned());
    }
    let all: Vec<&str> = WAITS.iter().map(|it| it.0).collect();
    Err(Fault::invalid(format!("'{text}' is no type of gates"))
        .hint(format!("there are {}", all.join(", "))))
}

pub(crate) fn run(cx: &Context, args: &Args) -> Result<Reply> {
    match &args.verb {
        Verb::Create(args) => create(cx, args),
        Verb::List { all, limit } => list(cx, *all, *limit),
        Verb::Show { id } => {
            let gate = gate(&cx.home_of(id)?, id)?;
            Ok(Reply::new(object(issue(&gate)), shown(&gate)))
        }
        Verb::Resolve { id, reason } => open(cx, id, reason.as_deref().unwrap_or_default()),
        Verb::Check(args) => check(cx, args),
        Verb::Discover(args) => discover(cx, args),
        Verb::AddWaiter { id, who } => add_waiter(cx, id, who),
    }
}

/// Returns the gate that was typed.
fn gate(home: &Home, typed: &str) -> Result<Bead> {
    checked(resolve(&home.view(), home.rig().prefix(), typed)?)
}

/// Refuses what is no gate.
fn checked(bead: Bead) -> Result<Bead> {
    if bead.issue_type() == GATE {
        return Ok(bead);
    }
    Err(Fault::refused(format!(
        "{} is no gate, but of type {}",
        bead.id(),
        bead.issue_type()
    ))
    .hint("git gt bead gate list shows the gates"))
}

fn create(cx: &Context, args: &Create) -> Result<Reply> {
    let home = cx.home_of(&args.blocks)?;
    let actor = cx.actor(home.repo());
    let await_id = awaited(&home, args)?;
    let written = home.write(Name::Beads, &actor, |view, pen| {
        let waiting = resolve(view, home.rig().prefix(), &args.blocks)?;
        if args.kind == "bead" && await_id == waiting.id() {
            return Err(Fault::refused(format!(
                "{await_id} cannot wait for its own end"
            )));
        }
        let reason = args.reason.as_deref().unwrap_or_default();
        let mut texts = vec![("await_type", args.kind.clone())];
        texts.push(("await_id", await_id.clone()));
        texts.push(("description", reason.to_owned()));
        let title = match (reason, await_id.as_str()) {
            ("", "") => format!("Gate: {}", args.kind),
            ("", id) => format!("Gate: {} {id}", args.kind),
            (reason, _) => format!("Gate: {}", one_line(reason)),
        };
        let draft = Draft {
            title: title.chars().take(500).collect(),
            blocks: vec![waiting.id().to_owned()],
            fields: Edit {
                issue_type: Some(GATE.to_owned()),
                texts,
                ..Edit::default()
            },
            ..Draft::default()
        };
        let (mut gate, waiting) = make(view, pen, (home.rig().prefix(), &actor), &draft)?;
        if let Some(nanos) = args.timeout {
            let stamp = gate.record().created();
            gate.record_mut().set("timeout", Some(nanos.into()), &stamp);
        }
        let subject = format!("create gate {}: {}", gate.id(), gate.title());
        let all = std::iter::once(&gate).chain(&waiting);
        let records = all.map(|bead| bead.record().clone()).collect();
        let ids: Vec<String> = waiting.iter().map(|it| it.id().to_owned()).collect();
        Ok(Decision::write(subject, records, (gate, ids.join(", "))))
    })?;
    cx.settle(&home);
    let (gate, waiting) = written.value;
    let id = gate.id();
    let text = format!(
        "Created gate: {id} ({})\n  Blocks: {waiting}\n  Open it: git gt bead gate resolve {id}",
        args.kind
    );
    Ok(Reply::new(object(issue(&gate)), text))
}

/// Returns what a new gate waits for, in full; refuses what could never come.
fn awaited(home: &Home, args: &Create) -> Result<String> {
    let typed = args.await_id.as_deref().unwrap_or_default().trim();
    let missing = |what: &str| {
        Err(Fault::invalid(format!(
            "a gate of type {} needs {what}",
            args.kind
        )))
    };
    match args.kind.as_str() {
        "timer" if args.timeout.is_none() => missing("--timeout, such as 2h"),
        "bead" | "mail" | "ci" | "gh:pr" if typed.is_empty() => {
            let what = WAITS
                .iter()
                .find(|it| it.0 == args.kind)
                .map_or("", |it| it.1);
            missing(&format!("--await-id: {what}"))
        }
        "bead" => {
            let id = typed.rsplit(':').next().unwrap_or(typed);
            Ok(resolve_near(home, &home.view(), id)?.id().to_owned())
        }
        "ci" => {
            let Some((commit, check)) = commit_and_check(typed) else {
                return missing("--await-id COMMIT/CHECK");
            };
            // A whole id may be of a commit that is not here yet.
            let whole = home.repo().parse_id(&commit);
            let found = home.repo().commit_named(&commit)?.or(whole);
            let found =
                found.ok_or_else(|| Fault::not_found(format!("'{commit}' is no commit")))?;
            Ok(format!("{found}/{check}"))
        }
        _ => Ok(typed.to_owned()),
    }
}

fn list(cx: &Context, all: bool, limit: usize) -> Result<Reply> {
    let mut found = Vec::new();
    for home in cx.homes()? {
        found.extend(daemon::gates(&home, all)?);
    }
    let total = found.len();
    if limit > 0 {
        found.truncate(limit);
    }
    let values = found.iter().map(|gate| Value::Object(issue(gate)));
    let rows = found.iter().map(|gate| {
        let state = if gate.is_closed() { "open" } else { "waits" };
        vec![
            gate.id().to_owned(),
            state.to_owned(),
            in_words(gate),
            gate.title().to_owned(),
        ]
    });
    let text = match found.is_empty() {
        true => "nothing waits at a gate\n".to_owned(),
        false => columns(rows),
    };
    let reply = Reply::new(values.collect(), text);
    Ok(match total - found.len() {
        0 => reply,
        more => reply.note(format!("and {more} more: --limit 0 lists all")),
    })
}

/// Returns what a gate waits for, in a few words.
fn in_words(gate: &Bead) -> String {
    match wait(gate) {
        Wait::Human => "human".to_owned(),
        Wait::Timer(None) => "timer".to_owned(),
        Wait::Timer(Some(end)) => format!("until {end}"),
        _ => {
            let [kind, id] = ["await_type", "await_id"].map(|it| gate.record().text(it));
            format!("{kind} {id}").trim_end().to_owned()
        }
    }
}

fn shown(gate: &Bead) -> String {
    let mut text = line(gate);
    let mut field = |name: &str, value: &str| {
        if !value.is_empty() {
            text.push_str(&format!("  {name:<9}{}\n", printable(&one_line(value))));
        }
    };
    field("waits", &in_words(gate));
    field("why", gate.record().text("description"));
    field("told", &gate.waiters().join(", "));
    field("opened", gate.close_reason());
    text
}

fn open(cx: &Context, typed: &str, reason: &str) -> Result<Reply> {
    let home = cx.home_of(typed)?;
    single(cx, &home, typed, |_, pen, bead| {
        let mut bead = checked(bead)?;
        if !bead.is_closed() {
            let stamp = pen.stamp(bead.record());
            bead.close(reason, &stamp);
        }
        let subject = match reason {
            "" => format!("open gate {}", bead.id()),
            reason => format!("open gate {}: {}", bead.id(), one_line(reason)),
        };
        let said = format!("Gate opened: {}\n", bead.id());
        Ok(Change {
            bead,
            subject,
            said,
        })
    })
}

fn check(cx: &Context, args: &Check) -> Result<Reply> {
    let look = Look {
        kinds: args.kind.iter().cloned().collect(),
        limit: args.limit,
        escalate: args.escalate,
        dry_run: args.dry_run,
    };
    let mut looked = Vec::new();
    let homes = cx.homes()?;
    for home in &homes {
        looked.extend(daemon::look(home, &cx.actor(home.repo()), &look)?);
    }
    if !args.dry_run {
        cx.settle_all(homes);
    }
    let count = |is: fn(&Result<Answer>) -> bool| looked.iter().filter(|it| is(&it.answer)).count();
    let resolved = count(|it| matches!(it, Ok(Answer::Opens(_))));
    let escalated = count(|it| matches!(it, Ok(Answer::Fails(_))));
    let errors = count(Result::is_err);
    let mut text: String = looked.iter().map(|it| told(it, args)).collect();
    text.push_str(&format!(
        "Checked {} gates: {resolved} open, {escalated} to be looked at, {errors} errors\n",
        looked.len()
    ));
    let value = json!({
        "checked": looked.len(), "resolved": resolved, "escalated": escalated, "errors": errors,
        "dry_run": args.dry_run, "schema_version": 1,
    });
    let faults = looked.into_iter().filter_map(|it| it.answer.err());
    Ok(Reply::new(value, text).with_faults(faults.collect()))
}

fn told(looked: &Looked, args: &Check) -> String {
    let id = looked.gate.id();
    let would = if args.dry_run { "would be " } else { "" };
    match &looked.answer {
        Ok(Answer::Waits(why)) => format!("{id} waits {}\n", printable(why)),
        Ok(Answer::Opens(why)) => format!("{id} {would}opened: {}\n", printable(why)),
        Ok(Answer::Fails(why)) if args.escalate => {
            format!("{id} {would}escalated: {}\n", printable(why))
        }
        Ok(Answer::Fails(why)) => format!("{id} needs somebody: {}\n", printable(why)),
        Err(_) => format!("{id}: nobody could be asked\n"),
    }
}

fn discover(cx: &Context, args: &Discover) -> Result<Reply> {
    let search = Search {
        branch: args.branch.clone().unwrap_or_default(),
        limit: args.limit,
        max_age: u64::try_from(args.max_age / 1_000_000).unwrap_or_default(),
    };
    let (mut text, mut values) = (String::new(), Vec::new());
    let homes = cx.homes()?;
    for home in &homes {
        let actor = cx.actor(home.repo());
        for (gate, run) in daemon::discover(home, &actor, &search, args.dry_run)? {
            let id = gate.id();
            text.push_str(&match &run {
                Some(run) => format!("{id} waits for run {run}\n"),
                None => format!("{id}: no run found\n"),
            });
            values.push(json!({ "id": id, "await_id": run }));
        }
    }
    if !args.dry_run {
        cx.settle_all(homes);
    }
    if values.is_empty() {
        text = "no gate waits for a run that nobody has named\n".to_owned();
    }
    Ok(Reply::new(values.into(), text))
}

fn add_waiter(cx: &Context, typed: &str, who: &str) -> Result<Reply> {
    let home = cx.home_of(typed)?;
    let actor = cx.actor(home.repo());
    let address = mail::find(&home, &actor, who)?;
    single(cx, &home, typed, |_, pen, bead| {
        let mut bead = checked(bead)?;
        if !bead.waiters().contains(&address.as_str()) {
            let stamp = pen.stamp(bead.record());
            let record = bead.record_mut();
            record.set_entry("waiters", &address, Some(true.into()), &stamp);
        }
        let subject = format!("tell {address} of gate {}", bead.id());
        let said = format!("{address} is told when {} is opened\n", bead.id());
        Ok(Change {
            bead,
            subject,
            said,
        })
    })
}
