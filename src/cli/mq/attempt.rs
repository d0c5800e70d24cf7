//! `git gt mq try`: the gates on the target with one request, and nothing lands.

use serde_json::{Value, json};

use super::{Context, from_anywhere, meant};
use crate::cli::reply::{Exit, Reply, printable, progress};
use crate::fault::{Fault, Result};
use crate::mq;
use crate::record::Verdict;
use crate::refinery::{Tried, TriedGate, TriedSaid, try_one};

/// How many lines of a red gate's output are shown.
const OUTPUT_MAX: usize = 20;

pub(super) fn run(cx: &Context, typed: &str) -> Result<Reply> {
    let home = cx.home_of(typed)?;
    cx.settle(&home);
    let request = mq::resolve(&home.view(), &meant(&home, typed)?)?;
    if !request.is_live() {
        let what = format!("{} is finished: {}", request.id(), request.status());
        return Err(Fault::refused(what).hint(format!(
            "git gt mq why {} shows what decided it",
            request.id()
        )));
    }
    let actor = cx.actor(home.repo());
    let mut observe = |gate: &str| progress(&format!("gate {gate} runs"));
    let id = request.id();
    let (commit, requests, gates) = match try_one(&home, &actor, &request, &mut observe)? {
        Tried::Conflict { request, files } => {
            let value = json!({ "id": id, "passes": false, "conflict": request, "files": files });
            let text = format!("{request} does not merge: {}", files.join(", "));
            return Ok(Reply::new(value, printable(&text)).exit(Exit::No));
        }
        Tried::Ran {
            commit,
            requests,
            gates,
        } => (commit, requests, gates),
    };
    let said: Vec<Said> = gates.iter().map(said).collect();
    let passes = said.iter().all(|it| it.word == "green");
    let is_red = said.iter().any(|it| it.word == "red");
    let values: Vec<Value> = said.iter().map(|it| it.value.clone()).collect();
    let text: String = said.into_iter().map(|it| it.line).collect();
    let short = commit.get(..12).unwrap_or(&commit);
    let folder = format!("git worktree add --detach ../gt-{short} {commit}");
    let head = format!("{id} on {}, as {short}\n", request.target());
    let see = match is_red {
        true => format!("  see it  {}\n", from_anywhere(&home, &folder)),
        false => String::new(),
    };
    let value = json!({
        "id": id, "passes": passes, "commit": commit, "requests": requests, "gates": values,
    });
    let reply = Reply::new(value, printable(&format!("{head}{text}{see}")));
    Ok(reply.exit(if is_red { Exit::No } else { Exit::Done }))
}

/// What is printed of a gate.
struct Said {
    word: &'static str,
    line: String,
    value: Value,
}

fn said(gate: &TriedGate) -> Said {
    let (word, more) = match &gate.said {
        TriedSaid::Known => ("green", " before, on the same tree".to_owned()),
        TriedSaid::Ran(it) if it.verdict == Verdict::Green => {
            ("green", format!(" in {} ms", it.millis))
        }
        TriedSaid::Ran(it) => {
            let tail: Vec<&str> = it.tail.trim_end().lines().collect();
            let tail = &tail[tail.len().saturating_sub(OUTPUT_MAX)..];
            let lines = tail.iter().map(|line| format!("\n  output  {line}"));
            (
                "red",
                format!(" ({}){}", it.ended, lines.collect::<String>()),
            )
        }
        TriedSaid::Outside => (
            "unknown",
            ": an outside CI answers it in its turn".to_owned(),
        ),
        TriedSaid::Disturbed => ("unknown", ": its worktree was taken; try again".to_owned()),
    };
    let run = match &gate.said {
        TriedSaid::Ran(it) => json!({ "ended": it.ended, "millis": it.millis, "tail": it.tail }),
        _ => Value::Null,
    };
    Said {
        word,
        line: format!("  {:<8}{word}{more}\n", gate.name),
        value: json!({ "gate": gate.name, "verdict": word, "run": run }),
    }
}
