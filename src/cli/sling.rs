//! `git gt sling`

use serde_json::{Value, json};

use super::Context;
use super::reply::Reply;
use crate::agent::{self, Handed, Handing, Keeper, Order, Planned, Slung, Started};
use crate::bead;
use crate::fault::{Fault, Result};
use crate::mail::{self, Urgency};
use crate::record::Bead;
use crate::town::{Backend, Home};

/// Give beads to agents: claim, branch, worktree, and the agent started in it
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The beads, or epics, which stand for the beads below them; then, at the end, whom they are for: the
    /// rig, a polecat, a crew member, or a dot for yourself (a polecat each by default)
    #[arg(value_name = "BEAD|TARGET", required = true)]
    what: Vec<String>,
    /// Start the agent NAME instead of the default one
    #[arg(long, value_name = "NAME")]
    agent: Option<String>,
    /// Tell whoever gets it something about this piece of work
    #[arg(long, short, value_name = "TEXT", allow_hyphen_values = true)]
    args: Option<String>,
    /// Sling beads that others block, too, and give up what hangs on the hook of a crew member
    #[arg(long, short)]
    force: bool,
    /// Say what would be done and do nothing
    #[arg(long, short = 'n')]
    dry_run: bool,
}

/// Whom beads are for.
enum Whom {
    /// A polecat each.
    Anybody,
    /// One polecat.
    Polecat(String),
    /// Somebody with a worktree of their own; whether that is who asks.
    Keeper(Keeper, bool),
}

/// What is said in the end.
#[derive(Default)]
struct Told {
    values: Vec<Value>,
    text: String,
    faults: Vec<Fault>,
    notes: Vec<String>,
}

impl Told {
    fn add(&mut self, said: Result<(Value, String)>) {
        match said {
            Ok((value, line)) => {
                self.values.push(value);
                self.text.push_str(&line);
            }
            Err(fault) => self.faults.push(fault),
        }
    }
}

pub(crate) fn run(cx: &Context, args: &Args) -> Result<Reply> {
    let here = cx.home()?;
    let (typed, target) = split(&here, &args.what)?;
    let mut told = Told::default();
    for (home, typed) in by_rig(&here, typed, target.rig.as_deref(), &mut told) {
        if let Err(fault) = in_rig(cx, &home, (&typed, &target), args, &mut told) {
            told.faults.push(fault);
        }
    }
    let reply = Reply::new(json!(told.values), told.text).with_faults(told.faults);
    Ok(told.notes.into_iter().fold(reply, Reply::note))
}

/// Returns what was typed by the rigs whose beads they are; only those have hooks for them.
fn by_rig<'a>(
    here: &Home,
    typed: &'a [String],
    wanted: Option<&str>,
    told: &mut Told,
) -> Vec<(Home, Vec<&'a String>)> {
    let mut rigs: Vec<(Home, Vec<&String>)> = Vec::new();
    for word in typed {
        let home = here.of_bead(word).and_then(|home| {
            let rig = home.rig().name();
            if home.is_hq() {
                if is_convoy(&home, word)? {
                    return Err(Fault::refused(format!("{word} is a convoy"))
                        .hint(format!("sling its beads: git gt convoy show {word}")));
                }
                bead::resolve(&home.view(), home.rig().prefix(), word)?;
                return Err(
                    Fault::refused(format!("{word} is HQ's, which holds no code")).hint(
                        "make a bead where it is to be done: git gt create --rig <rig> \"...\"",
                    ),
                );
            }
            match wanted {
                Some(wanted) if wanted != rig => Err(Fault::refused(format!(
                    "{word} is a bead of rig {rig}, and its work lands there, not in {wanted}"
                ))
                .hint(format!("git gt sling {word} {rig}"))),
                _ => Ok(home),
            }
        });
        match home {
            Err(fault) => told.faults.push(fault),
            Ok(home) => {
                let same = |it: &&mut (Home, Vec<&String>)| it.0.rig().name() == home.rig().name();
                match rigs.iter_mut().find(same) {
                    Some((_, words)) => words.push(word),
                    None => rigs.push((home, vec![word])),
                }
            }
        }
    }
    rigs
}

fn is_convoy(home: &Home, word: &str) -> Result<bool> {
    Ok(home.view().convoy(word.trim())?.is_some())
}

/// Slings beads of one rig.
fn in_rig(
    cx: &Context,
    home: &Home,
    (typed, target): (&[&String], &Target),
    args: &Args,
    told: &mut Told,
) -> Result<()> {
    let whom = whom(cx, home, target)?;
    let mut beads = Vec::new();
    for typed in typed {
        match bead::resolve(&home.view(), home.rig().prefix(), typed) {
            Ok(bead) if bead.issue_type() == "epic" => match below(home, &bead, args.force, told) {
                Ok(ready) => beads.extend(ready),
                Err(fault) => told.faults.push(fault),
            },
            Ok(bead) => beads.push(bead.id().to_owned()),
            Err(fault) => told.faults.push(fault),
        }
    }
    let one = match &whom {
        Whom::Anybody => None,
        Whom::Polecat(name) => Some(name.as_str()),
        Whom::Keeper(keeper, _) => Some(keeper.agent.as_str()),
    };
    if let Some(one) = one.filter(|_| beads.len() > 1) {
        let count = beads.len();
        return Err(
            Fault::refused(format!("{count} beads do not fit on the hook of {one}"))
                .hint("sling them without a name: each gets a polecat of its own"),
        );
    }
    match &whom {
        Whom::Keeper(keeper, own) => {
            for id in &beads {
                let handed = hand(cx, home, (keeper, *own), (id, args), &mut told.notes);
                told.add(handed);
            }
        }
        Whom::Anybody => to_polecats(cx, home, (&beads, None), args, told)?,
        Whom::Polecat(name) => to_polecats(cx, home, (&beads, Some(name)), args, told)?,
    }
    if !args.dry_run {
        cx.settle(home);
    }
    Ok(())
}

fn to_polecats(
    cx: &Context,
    home: &Home,
    (beads, polecat): (&[String], Option<&String>),
    args: &Args,
    told_so_far: &mut Told,
) -> Result<()> {
    let backend = home.backend()?;
    let agent = || match backend {
        Backend::Headless => home.agent(args.agent.as_deref()).map(Some),
        Backend::None if args.agent.is_some() => home.agent(args.agent.as_deref()).map(Some),
        Backend::None => Ok(home.agent(None).ok()),
    };
    let actor = cx.actor(home.repo());
    for id in beads {
        let one = || -> Result<(Value, String)> {
            let order = Order {
                bead: id.clone(),
                polecat: polecat.cloned(),
                agent: agent()?,
                backend,
                force: args.force,
                args: args.told().to_owned(),
            };
            if args.dry_run {
                return agent::plan(home, &order).map(|planned| told_plan(&planned));
            }
            agent::sling(home, &actor, &order).map(|slung| told(&slung))
        };
        told_so_far.add(one());
    }
    Ok(())
}

/// Gives a bead to somebody who works in a worktree of their own.
fn hand(
    cx: &Context,
    home: &Home,
    (keeper, own): (&Keeper, bool),
    (id, args): (&str, &Args),
    notes: &mut Vec<String>,
) -> Result<(Value, String)> {
    let actor = cx.actor(home.repo());
    let what = Handing {
        args: args.told().to_owned(),
        force: args.force,
        dry_run: args.dry_run,
    };
    let handed = agent::hand(home, &actor, (keeper, &what), |view, _| {
        let missing = || Fault::not_found(format!("there is no bead '{id}'"));
        let bead = view.bead(id)?.ok_or_else(missing)?;
        match bead.is_closed() {
            true => Err(Fault::refused(format!("bead {id} is closed"))
                .hint(format!("to work on it again: git gt reopen {id}"))),
            false => Ok(bead),
        }
    })?;
    if !own && !args.dry_run {
        let text = format!("{id} is on your hook: {}", handed.bead.title());
        let sent = mail::nudge(home, &actor, (&keeper.agent, &text), Urgency::Normal);
        notes.extend(
            sent.err()
                .map(|fault| format!("nobody was nudged: {fault}")),
        );
    }
    Ok(told_handed(&handed, args.dry_run))
}

/// Says what was handed over, and on which branch it is to be done.
pub(super) fn told_handed(handed: &Handed, dry_run: bool) -> (Value, String) {
    let (hook, bead) = (&handed.hook, &handed.bead);
    let mut value = json!({
        "bead": bead.id(),
        "title": bead.title(),
        "agent": hook.agent,
        "branch": hook.branch,
        "path": hook.path.display().to_string(),
        "epoch": hook.epoch,
    });
    if !bead.args().is_empty() {
        value["args"] = bead.args().into();
    }
    if dry_run {
        value["dry_run"] = true.into();
    }
    let verb = match (dry_run, handed.again) {
        (true, _) => "would hang",
        (false, true) => "hangs already",
        (false, false) => "is",
    };
    let mut text = format!(
        "{} {verb} on the hook of {}: {}\n",
        bead.id(),
        hook.agent,
        bead.title()
    );
    if let Some(other) = &handed.replaced {
        value["replaced"] = other.as_str().into();
        text.push_str(&format!("  {other} hung there and is open again\n"));
    }
    let stands = match hook.branch.as_str() {
        "" => "no branch".to_owned(),
        branch => format!("branch {branch}"),
    };
    text.push_str(&format!("  {} stands on {stands}\n", hook.path.display()));
    (value, text)
}

/// Returns the beads below an epic that can be slung, and says why the others are not.
fn below(home: &Home, epic: &Bead, force: bool, told: &mut Told) -> Result<Vec<String>> {
    let view = home.view();
    let beads = bead::Beads::of(&view);
    let found = bead::children(&beads, epic.id(), home.world().now())?;
    let count = found.ready.len() + found.waiting.len() + found.held.len();
    if count == 0 {
        return Err(
            Fault::refused(format!("no open beads are below the epic {}", epic.id())).hint(
                format!("make one: git gt create --parent {} \"...\"", epic.id()),
            ),
        );
    }
    let mut ready: Vec<String> = found.ready.iter().map(|it| it.id().to_owned()).collect();
    for (bead, waits_for) in &found.waiting {
        if force {
            ready.push(bead.id().to_owned());
            continue;
        }
        let why = match waits_for.is_empty() {
            true => format!("is {}", bead.status()),
            false => format!("waits for {}", waits_for.join(", ")),
        };
        told.add(Ok((
            json!({ "bead": bead.id(), "title": bead.title(), "status": bead.status(),
                "waits_for": waits_for }),
            format!("{} {why}: {}\n", bead.id(), bead.title()),
        )));
    }
    for bead in &found.held {
        let holder = bead.holder().unwrap_or_default();
        told.add(Ok((
            json!({ "bead": bead.id(), "title": bead.title(), "holder": holder }),
            format!("{} is held by {holder}: {}\n", bead.id(), bead.title()),
        )));
    }
    Ok(ready)
}

impl Args {
    fn told(&self) -> &str {
        self.args.as_deref().unwrap_or_default().trim()
    }
}

/// Whom beads are for, as typed.
#[derive(Default)]
struct Target {
    /// The rig, where one was named.
    rig: Option<String>,
    /// Who in it: a name, `crew/<name>`, `polecats/<name>`, or a dot.
    who: Option<String>,
}

/// Tells the beads from the target: the last word is one when it names a rig, or somebody in it.
fn split<'a>(here: &Home, words: &'a [String]) -> Result<(&'a [String], Target)> {
    let Some((last, beads)) = words.split_last().filter(|(_, rest)| !rest.is_empty()) else {
        return Ok((words, Target::default()));
    };
    let rigs = here.rigs()?;
    let is_rig = |name: &str| rigs.iter().any(|rig| rig.name() == name);
    let target = |rig: Option<&str>, who: Option<&str>| Target {
        rig: rig.map(str::to_owned),
        who: who.map(str::to_owned),
    };
    if is_rig(last) {
        return Ok((beads, target(Some(last), None)));
    }
    match last.split_once('/') {
        Some(("crew" | "polecats", _)) => return Ok((beads, target(None, Some(last)))),
        Some((rig, who)) if is_rig(rig) => return Ok((beads, target(Some(rig), Some(who)))),
        Some((rig, _)) => return Err(here.at_rig(rig).err().unwrap_or_else(|| missing(rig))),
        None => {}
    }
    // A name of a polecat may happen to be a part of some bead's id.
    let home = here.of_bead(&beads[0])?;
    let is_somebody =
        last == "." || agent::crew_name(&home, last).is_some() || agent::is_polecat(&home, last)?;
    let other = here.of_bead(last)?;
    let prefix = other.rig().prefix();
    let is_bead = last.starts_with(&format!("{prefix}-"))
        || !is_somebody && bead::resolve(&other.view(), prefix, last).is_ok();
    if is_bead {
        return Ok((words, Target::default()));
    }
    Ok((beads, target(None, Some(last))))
}

fn missing(rig: &str) -> Fault {
    Fault::not_found(format!("there is no rig '{rig}' here"))
}

/// Returns whom in a rig the target means.
fn whom(cx: &Context, home: &Home, target: &Target) -> Result<Whom> {
    let Some(who) = &target.who else {
        return Ok(Whom::Anybody);
    };
    if who == "." {
        let here = cx.home()?.rig().name().to_owned();
        let rig = home.rig().name();
        if here != rig {
            return Err(Fault::refused(format!(
                "you stand in {here}, and the bead is of rig {rig}"
            ))
            .hint(format!(
                "go into a worktree of it first: git gt worktree {rig}"
            )));
        }
        let keeper = agent::own(home, &cx.actor(home.repo()))?;
        return Ok(Whom::Keeper(keeper, true));
    }
    if let Some(name) = agent::crew_name(home, who) {
        return Ok(Whom::Keeper(agent::crew(home, name)?, false));
    }
    let name = who.strip_prefix("polecats/").unwrap_or(who);
    Ok(Whom::Polecat(name.to_owned()))
}

fn told_plan(planned: &Planned) -> (Value, String) {
    let mut value = json!({
        "bead": planned.bead,
        "title": planned.title,
        "agent": planned.agent,
        "base": planned.base,
        "again": planned.again,
        "dry_run": true,
    });
    if planned.reuse {
        value["reuse"] = true.into();
    }
    let how = if planned.again {
        "would take up again"
    } else {
        "would go"
    };
    let base = &planned.base[..12];
    (
        value,
        format!(
            "{} {how} to {} from {base}: {}\n",
            planned.bead, planned.agent, planned.title
        ),
    )
}

fn told(slung: &Slung) -> (Value, String) {
    let hook = &slung.hook;
    let mut value = json!({
        "bead": slung.bead,
        "title": slung.title,
        "agent": hook.agent,
        "branch": hook.branch,
        "path": hook.path.display().to_string(),
        "epoch": hook.epoch,
        "base": hook.base,
    });
    if !slung.args.is_empty() {
        value["args"] = slung.args.as_str().into();
    }
    let mut text = format!(
        "{} is on the hook of {}: {}\n",
        slung.bead, hook.agent, slung.title
    );
    match &slung.carried_over {
        Ok(None) => {}
        Ok(Some(saved)) => {
            value["checkpoint"] = json!(saved.commit.to_string());
            text.push_str(&format!("  with the work saved at {}\n", saved.time));
        }
        Err(fault) => text.push_str(&format!(
            "  the saved work was not restored: {fault}\n    git gt checkpoint restore {}\n",
            hook.agent
        )),
    }
    match &slung.started {
        Started::Session(session) => {
            value["session"] = json!(session.id);
            value["runtime"] = json!(session.runtime);
            value["log"] = json!(session.log.display().to_string());
            text.push_str(&format!(
                "  {} runs, its log: {}\n",
                session.runtime,
                session.log.display()
            ));
        }
        Started::ByHand { command, prompt } => {
            value["prompt"] = json!(prompt);
            text.push_str(&format!(
                "  start it yourself:\n    cd {}\n",
                hook.path.display()
            ));
            if !command.is_empty() {
                text.push_str(&format!("    {command}\n"));
            }
            text.push_str(&format!("  and tell it:\n{}", indented(prompt)));
        }
    }
    (value, text)
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("    {line}\n")).collect()
}
