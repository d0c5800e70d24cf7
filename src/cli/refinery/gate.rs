//! `git gt refinery gate`

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::super::Context;
use super::super::done::counted;
use super::super::reply::{Exit, Reply, columns, of_rig};
use super::duration;
use crate::fault::{Fault, Result};
use crate::record::{Gate, Scope, Variable, Verdict};
use crate::refinery::{
    History, NewCheck, NewCommand, NewGate, Reach, add_gate, gate_of, histories,
    land_without_gates, remove_gate, run_gate,
};
use crate::town::Home;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Verb {
    /// Add a gate, or replace the one of that name, and let it run on this machine
    Add {
        /// What the gate is called
        #[arg(value_name = "NAME")]
        name: String,
        /// Run CMD with sh at the top of a clean worktree; exit 0 passes
        #[arg(
            long,
            short,
            value_name = "CMD",
            required_unless_present = "ci",
            conflicts_with = "ci"
        )]
        command: Option<String>,
        /// Ask the CI of the remote instead, with a branch gt-mq/*, and let its check CHECK answer
        #[arg(long, value_name = "CHECK")]
        ci: Option<String>,
        /// Give the CI T to answer, such as 30m or 2h; later is no answer, and nothing lands
        #[arg(long, value_name = "T", default_value = "1h", value_parser = duration, conflicts_with = "command")]
        deadline: Duration,
        /// Stop the command after T, such as 90s, 10m or 2h, and count it as failed
        #[arg(long, value_name = "T", default_value = "1h", value_parser = duration, conflicts_with = "ci")]
        timeout: Duration,
        /// Leave PATH in the worktree between two runs, such as target or node_modules
        #[arg(long, value_name = "PATH", conflicts_with = "ci")]
        keep: Vec<String>,
        #[command(flatten)]
        how: Box<How>,
        #[command(flatten)]
        what: What,
    },
    /// List the gates, with how long they take and how often they fail by chance
    List {},
    /// Show what is known of a gate
    Show {
        /// What the gate is called
        #[arg(value_name = "NAME")]
        name: String,
    },
    /// Run a gate on a commit, in a clean worktree as the queue would
    Run {
        /// What the gate is called
        #[arg(value_name = "NAME")]
        name: String,
        /// Run it on the commit REV names instead of the one this worktree stands on
        #[arg(long, value_name = "REV")]
        on: Option<String>,
        /// Record what it said: the queue does not run it again on the same tree
        #[arg(long)]
        record: bool,
    },
    /// Remove a gate
    Remove {
        /// What the gate is called
        #[arg(value_name = "NAME")]
        name: String,
    },
    /// Say that work lands in this rig without any gate
    None {},
}

/// How the command of a gate runs.
#[derive(Debug, clap::Args)]
pub(super) struct How {
    /// Run CMD first, in the same worktree and time; where it fails, so has the gate
    #[arg(long, value_name = "CMD", conflicts_with = "ci")]
    setup: Option<String>,
    /// Let the command see only variable VAR of the environment, those named likewise and the basic ones
    /// (HOME, LANG, PATH, ...); another value is another result. With VAR=VALUE it has that value everywhere
    #[arg(long, value_name = "VAR", conflicts_with = "ci")]
    env: Vec<String>,
    /// Likewise, but its value is no part of what results are found by: tokens, sockets
    #[arg(long, value_name = "VAR", conflicts_with = "ci")]
    secret: Vec<String>,
    /// Let each of its processes have SIZE of memory, such as 500M or 4G
    #[arg(long, value_name = "SIZE", value_parser = size, conflicts_with = "ci")]
    memory: Option<u64>,
    /// Let it write no file larger than SIZE
    #[arg(long, value_name = "SIZE", value_parser = size, conflicts_with = "ci")]
    file_size: Option<u64>,
    /// Let others go first, from 1 to 19 (most), see nice(1)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i32).range(1..20), conflicts_with = "ci")]
    nice: Option<i32>,
}

/// What a gate is asked about, and when.
#[derive(Debug, clap::Args)]
pub(super) struct What {
    /// Say that what it says depends on PATH alone and those named likewise: where none of them changes, what
    /// it said before holds
    #[arg(long = "input", value_name = "PATH")]
    inputs: Vec<String>,
    /// Say that it looks at the commit, not at the files: messages, authors, trailers
    #[arg(long, conflicts_with = "inputs")]
    by_commit: bool,
    /// Require it only for BRANCH, or a pattern such as 'release/*', and those named likewise
    #[arg(long = "target", value_name = "BRANCH")]
    targets: Vec<String>,
    /// Begin it when gate NAME has passed
    #[arg(long = "needs", value_name = "NAME")]
    needs: Vec<String>,
    /// Say that it never fails by chance: one red run on a good tip convicts
    #[arg(long)]
    deterministic: bool,
}

/// Reads a number of bytes.
fn size(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let scale = match &text[digits.len()..] {
        "" => Some(0),
        "K" | "k" => Some(10),
        "M" | "m" => Some(20),
        "G" | "g" => Some(30),
        _ => None,
    };
    let bytes = digits.parse::<u64>().ok().zip(scale);
    let bytes = bytes.and_then(|(number, scale)| number.checked_mul(1 << scale));
    let wrong = "use a number of bytes, with K, M or G: 500M, 4G".to_owned();
    bytes.filter(|bytes| *bytes > 0).ok_or(wrong)
}

pub(super) fn run(cx: &Context, verb: &Verb) -> Result<Reply> {
    let home = || cx.home()?.one_rig();
    match verb {
        Verb::List {} => list(cx),
        Verb::Show { name } => show(&home()?, name),
        Verb::Run { name, on, record } => try_out(cx, &home()?, (name, on.as_deref()), *record),
        Verb::Add { .. } => add(cx, &home()?, verb),
        Verb::Remove { name } => {
            let home = home()?;
            remove_gate(&home, &cx.actor(home.repo()), name)?;
            Ok(Reply::new(
                json!({ "removed": name }),
                format!("gate {name} is removed"),
            ))
        }
        Verb::None {} => none(cx, &home()?),
    }
}

fn add(cx: &Context, home: &Home, verb: &Verb) -> Result<Reply> {
    let Verb::Add {
        name,
        command,
        ci,
        deadline,
        timeout,
        keep,
        how,
        what,
    } = verb
    else {
        return Err(Fault::fatal("only what is added can be added"));
    };
    let env = variables(how);
    let check = match ci {
        Some(check) => NewCheck::Ci {
            check,
            deadline: Some(*deadline),
        },
        None => NewCheck::Command(NewCommand {
            command: command.as_deref().unwrap_or_default(),
            setup: how.setup.as_deref().unwrap_or_default(),
            timeout: Some(*timeout),
            keep,
            env: &env,
            memory: how.memory,
            file_size: how.file_size,
            nice: how.nice,
        }),
    };
    let reach = Reach {
        inputs: &what.inputs,
        targets: &what.targets,
        needs: &what.needs,
        is_deterministic: what.deterministic,
        scope: match what.by_commit {
            true => Scope::Commit,
            false => Scope::Tree,
        },
    };
    let actor = cx.actor(home.repo());
    let gate = add_gate(home, &actor, &NewGate { name, check, reach })?;
    let text = format!("gate {name} must pass: {}", gate.what());
    let mut value = shown(home, &gate);
    // Adding it accepted it; settings are as they were read.
    value["accepted"] = true.into();
    let reply = Reply::new(value, text);
    Ok(match gate.ci() {
        Some(_) => reply
            .note("its CI must run for branches gt-mq/** and answer: git gt ci template <kind>"),
        None => reply,
    })
}

fn variables(how: &How) -> Vec<(String, Variable)> {
    let passed = how.env.iter().map(|it| match it.split_once('=') {
        Some((name, value)) => (name.to_owned(), Variable::Set(value.to_owned())),
        None => (it.clone(), Variable::Passed),
    });
    let secret = how.secret.iter().map(|it| (it.clone(), Variable::Secret));
    passed.chain(secret).collect()
}

fn none(cx: &Context, home: &Home) -> Result<Reply> {
    let gates = home.view().gates()?;
    if !gates.is_empty() {
        return Err(Fault::refused(format!(
            "this rig has {}",
            counted(gates.len() as u64, "gate")
        ))
        .hint("remove them first: git gt refinery gate remove <name>"));
    }
    land_without_gates(home, &cx.actor(home.repo()))?;
    let text = format!("rig {} lands without gates", home.rig().name());
    Ok(Reply::new(
        json!({ "rig": home.rig().name(), "gate": "none" }),
        text,
    ))
}

/// Runs a gate by hand; the answer is no where it is red.
fn try_out(
    cx: &Context,
    home: &Home,
    (name, on): (&str, Option<&str>),
    is_recorded: bool,
) -> Result<Reply> {
    let repo = home.repo();
    let gate = gate_of(&home.view(), name)?;
    let revision = on.unwrap_or("HEAD");
    let commit = repo.commit_named(revision)?.ok_or_else(|| {
        Fault::not_found(format!("'{revision}' names no commit"))
            .hint("a branch, a tag, or the id of a commit that is here")
    })?;
    cx.world
        .catch_interrupts()
        .map_err(|error| Fault::fatal(format!("cannot watch for interrupts: {error}")))?;
    let attempt = run_gate(home, &cx.actor(repo), (&gate, commit), is_recorded)?;
    let passed = attempt.verdict == Verdict::Green;
    let value = json!({
        "gate": name,
        "commit": attempt.commit,
        "verdict": if passed { "green" } else { "red" },
        "ended": attempt.ended,
        "millis": attempt.millis,
        "tail": attempt.tail,
        "recorded": is_recorded,
    });
    let verdict = if passed { "passes" } else { "fails" };
    let mut text = format!(
        "gate {name} {verdict} on {}: {} after {}",
        &attempt.commit[..12],
        attempt.ended,
        took(Duration::from_millis(attempt.millis))
    );
    if !passed && !attempt.tail.is_empty() {
        text = format!("{}\n{text}", attempt.tail.trim_end());
    }
    let exit = if passed { Exit::Done } else { Exit::No };
    Ok(Reply::new(value, text).exit(exit))
}

pub(super) fn took(time: Duration) -> String {
    match time.as_secs() {
        0..60 => format!("{:.1} s", time.as_secs_f64()),
        60..3600 => format!("{} min {} s", time.as_secs() / 60, time.as_secs() % 60),
        seconds => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
    }
}

/// Returns the gates of the rig one stands in; in HQ, those of every rig that is here.
fn list(cx: &Context) -> Result<Reply> {
    let rigs = cx.rigs()?;
    if let [rig] = &rigs[..] {
        return listed(rig);
    }
    let (mut values, mut all) = (Vec::new(), Reply::new(json!([]), ""));
    for home in &rigs {
        let (rig, reply) = (home.rig().name(), listed(home)?);
        for mut gate in reply.value.as_array().into_iter().flatten().cloned() {
            gate["rig"] = rig.into();
            values.push(gate);
        }
        all.text.push_str(&of_rig(rig, &reply.text));
        all.notes.extend(reply.notes);
    }
    all.notes.dedup();
    all.value = json!(values);
    Ok(all)
}

/// Returns the gates, and what to do about those that do not run here.
fn listed(home: &Home) -> Result<Reply> {
    let view = home.view();
    let gates = view.gates()?;
    let known = histories(&view.results()?);
    let unknown = History::default();
    let history = |gate: &Gate| known.get(gate.name()).unwrap_or(&unknown);
    let row = |gate: &Gate| {
        let here = if home.accepts(gate) {
            ""
        } else {
            "(not accepted on this machine)"
        };
        let seen = seen(gate, history(gate));
        vec![gate.name().to_owned(), gate.what(), seen, here.to_owned()]
    };
    let mut text = columns(gates.iter().map(row));
    if gates.is_empty() {
        text = match home.rig().lands_without_gates() {
            true => "none: this rig lands without gates\n".to_owned(),
            false => "none yet, so nothing can land\n".to_owned(),
        };
    }
    let value = |gate: &Gate| with_history(shown(home, gate), gate, history(gate));
    let values: Vec<Value> = gates.iter().map(value).collect();
    let reply = Reply::new(json!(values), text);
    Ok(if gates.iter().all(|gate| home.accepts(gate)) {
        reply
    } else {
        reply.note("look at it; to let it count here: git gt config accept gate.<name>")
    })
}

/// Returns what runs of a gate have taught, in a few words.
fn seen(gate: &Gate, history: &History) -> String {
    let Some(duration) = history.duration() else {
        return String::new();
    };
    let runs = counted(history.runs.into(), "run");
    let flaky = match history.is_flaky(gate) {
        true => format!(
            ", flaky: {:.0} % by chance",
            100.0 * history.flake_rate(gate)
        ),
        false => String::new(),
    };
    format!("{runs}, {}{flaky}", took(duration))
}

fn with_history(mut value: Value, gate: &Gate, history: &History) -> Value {
    value["runs"] = history.runs.into();
    value["red"] = history.red.into();
    value["flake_rate"] = json!(history.flake_rate(gate));
    value["flaky"] = history.is_flaky(gate).into();
    let millis = history.duration().map(|it| it.as_millis());
    value["median_millis"] = json!(millis.and_then(|it| u64::try_from(it).ok()));
    value
}

fn show(home: &Home, name: &str) -> Result<Reply> {
    let view = home.view();
    let gate = gate_of(&view, name)?;
    let known = histories(&view.results()?);
    let history = known.get(name).cloned().unwrap_or_default();
    let value = with_history(shown(home, &gate), &gate, &history);
    let line = |key: &str| match &value[key] {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        Value::Array(all) => {
            let all: Vec<&str> = all.iter().filter_map(Value::as_str).collect();
            Some(all.join(" ")).filter(|it| !it.is_empty())
        }
        Value::Object(all) => {
            let one = |(name, it): (&String, &Value)| match it {
                Value::String(text) => format!("{name}={text}"),
                other => format!("{name}={other}"),
            };
            let all: Vec<String> = all.iter().map(one).collect();
            Some(all.join(" ")).filter(|it| !it.is_empty())
        }
        other => Some(other.to_string()),
    };
    let keys = value.as_object().into_iter().flat_map(|it| it.keys());
    let rows = keys.filter_map(|key| Some(vec![key.replace('_', " "), line(key)?]));
    let text = columns(rows.collect::<Vec<_>>());
    let reply = Reply::new(value.clone(), text);
    Ok(match home.accepts(&gate) {
        true => reply,
        false => reply.note(format!(
            "look at it; to let it count here: git gt config accept gate.{name}"
        )),
    })
}

/// Returns a gate as JSON; what it does not say is left out, but what every gate has.
fn shown(home: &Home, gate: &Gate) -> Value {
    let mut value = json!({
        "name": gate.name(),
        "definition": gate.definition(),
        "accepted": home.accepts(gate),
    });
    match gate.ci() {
        Some(check) => {
            value["ci"] = check.into();
            value["deadline_seconds"] = gate.deadline().as_secs().into();
        }
        None => {
            value["command"] = gate.command().into();
            value["timeout_seconds"] = gate.timeout().as_secs().into();
            value["keep"] = json!(gate.keep());
        }
    }
    let variable = |(name, variable): (String, Variable)| match variable {
        Variable::Passed => (name, json!({ "passed": true })),
        Variable::Secret => (name, json!({ "secret": true })),
        Variable::Set(text) => (name, json!({ "value": text })),
    };
    let env: Map<String, Value> = gate.environment().into_iter().map(variable).collect();
    let scope = match gate.scope() {
        Scope::Tree => Value::Null,
        Scope::Commit => "commit".into(),
    };
    let more = [
        ("by", scope),
        (
            "deterministic",
            gate.is_deterministic().then_some(true).into(),
        ),
        ("env", Some(env).filter(|it| !it.is_empty()).into()),
        ("file_size", gate.file_size().into()),
        ("inputs", json!(gate.inputs())),
        ("memory", gate.memory().into()),
        ("needs", json!(gate.needs())),
        ("nice", gate.nice().into()),
        (
            "setup",
            Some(gate.setup()).filter(|it| !it.is_empty()).into(),
        ),
        ("targets", json!(gate.targets())),
    ];
    for (key, it) in more {
        if !it.is_null() && it != json!([]) {
            value[key] = it;
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_with_their_unit() {
        let check = |text: &str, want: Option<u64>| assert_eq!(size(text).ok(), want, "{text}");
        check("512", Some(512));
        check("4k", Some(4096));
        check("500M", Some(500 << 20));
        check("2G", Some(2 << 30));
        for text in ["", "0", "M", "1.5G", "4T", "-1", "99999999999999G"] {
            check(text, None);
        }
    }
}
