//! `git gt prime`, `git gt heartbeat` and `git gt runtime-hook`

use std::io::Read as _;
use std::path::Path;

use serde_json::{Value, json};

use super::Context;
use super::reply::Reply;
use crate::agent::handoff;
use crate::agent::prime::{self, Asked};
use crate::agent::pulse::Pulse;
use crate::agent::runtime::claude::{self, Event};
use crate::fault::{Fault, Result};
use crate::town::Home;

/// How much of a runtime's words is read, in bytes.
const INPUT_MAX: u64 = 16 * 1024 * 1024;

/// Tell an agent who it is, what hangs on its hook and what waits for it
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Tell only who it is and what it is at
    #[arg(long)]
    short: bool,
    /// Read the event of a runtime hook from standard input, and never fail
    #[arg(long)]
    hook: bool,
}

/// Say that you are alive, and how you are
#[derive(Debug, clap::Args)]
pub(crate) struct Heartbeat {
    /// How you are
    #[arg(value_name = "STATE", value_enum, default_value_t = State::Working)]
    state: State,
    /// Say what about
    #[arg(short, long, value_name = "TEXT", allow_hyphen_values = true)]
    message: Option<String>,
}

/// How an agent can be.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum State {
    Working,
    Idle,
    Exiting,
    Stuck,
}

/// Answer a hook of an agent's runtime
#[derive(Debug, clap::Args)]
pub(crate) struct RuntimeHook {
    /// The runtime
    #[arg(value_name = "RUNTIME", value_parser = ["claude"])]
    runtime: String,
    /// The event, in the runtime's words; what it knows about it comes on standard input
    #[arg(value_name = "EVENT")]
    event: String,
}

/// Returns the home, nothing where this is no repository with ledgers.
fn home_if_any(cx: &Context) -> Result<Option<Home>> {
    if cx.repo().is_err() {
        return Ok(None);
    }
    match cx.home() {
        Ok(home) => Ok(Some(home)),
        Err(Fault::Refused(_)) => Ok(None),
        Err(fault) => Err(fault),
    }
}

fn nothing() -> Reply {
    Reply::new(json!({ "role": null }), "")
}

pub(crate) fn run(cx: &Context, args: &Args) -> Result<Reply> {
    if !args.hook {
        return primed(cx, args.short, None);
    }
    let event = Event::read("SessionStart", &input());
    Ok(
        match primed(cx, args.short || event.is_again(), Some(&event)) {
            Ok(reply) => reply,
            Err(fault) => nothing().note(format!("not primed: {fault}")),
        },
    )
}

fn primed(cx: &Context, short: bool, event: Option<&Event>) -> Result<Reply> {
    let Some(home) = home_if_any(cx)? else {
        return Ok(nothing());
    };
    let session = event
        .map(|it| it.session.clone())
        .filter(|it| !it.is_empty());
    let asked = Asked {
        actor: cx.actor(home.repo()),
        session: session.unwrap_or_else(|| handoff::session_id(&home)),
        short,
    };
    let primed = prime::prime(&home, asked)?;
    Ok(Reply::new(primed.value(), primed.text()))
}

fn input() -> Vec<u8> {
    let mut bytes = Vec::new();
    // What cannot be read says nothing.
    drop(
        std::io::stdin()
            .lock()
            .take(INPUT_MAX)
            .read_to_end(&mut bytes),
    );
    bytes
}

pub(crate) fn heartbeat(cx: &Context, args: &Heartbeat) -> Result<Reply> {
    let home = cx.home()?;
    let agent = super::handoff::whose(cx, &home).agent;
    let state = match args.state {
        State::Working => "working",
        State::Idle => "idle",
        State::Exiting => "exiting",
        State::Stuck => "stuck",
    };
    let pulse = Pulse {
        state: state.to_owned(),
        message: args.message.clone().unwrap_or_default(),
        ..Pulse::default()
    };
    let pulse = pulse.note(&home, &agent)?;
    let mut value = pulse.value();
    value["agent"] = agent.as_str().into();
    Ok(Reply::new(value, format!("{agent} is {state}")))
}

/// Answers a hook. Whatever goes wrong is no failure of the session that asks: exit code 0, and a note.
pub(crate) fn runtime_hook(cx: &Context, args: &RuntimeHook) -> Result<Reply> {
    let event = Event::read(&args.event, &input());
    let project = cx
        .world
        .env("CLAUDE_PROJECT_DIR")
        .unwrap_or_default()
        .to_owned();
    let folders = [project.as_str(), event.cwd.as_str()];
    let found = folders
        .iter()
        .find(|it| !it.is_empty() && Path::new(it).is_dir());
    let at = found.map_or_else(|| cx.at(cx.world.cwd()), |dir| cx.at(Path::new(dir)));
    let silent = || Reply::new(Value::Null, "");
    let home = match home_if_any(&at) {
        Ok(Some(home)) => home,
        Ok(None) => return Ok(silent()),
        Err(fault) => return Ok(silent().note(fault.to_string())),
    };
    let answer = claude::answer(&home, &at.actor(home.repo()), &event);
    let reply = match &answer.output {
        // The contract wants JSON, whether --json was said or not.
        Some(value) => Reply::new(value.clone(), value.to_string()),
        None => silent(),
    };
    let notes = answer.notes.iter();
    Ok(notes.fold(reply, |reply, note| reply.note(format!("git gt: {note}"))))
}
