//! `git gt mq why`: the proof of a decision, or what a request waits for.

use serde_json::{Value, json};

use super::{Context, as_json, from_anywhere, line_of, meant, show};
use crate::cli::reply::{Reply, printable};
use crate::fault::Result;
use crate::mq::{self, Line, Proof, Role, Tested};
use crate::record::{Request, Verdict};
use crate::refinery::{questions, result_ids};
use crate::town::{Home, View};

pub(super) fn run(cx: &Context, home: &Home, typed: &str) -> Result<Reply> {
    let view = home.view();
    let request = mq::resolve(&view, &meant(home, typed)?)?;
    let line = line_of(&view, &request, cx.world.now())?;
    let held = line.as_ref().and_then(|line| line.held(request.id()));
    let mut value = as_json(&view, &request, held)?;
    let status = value["status"].as_str().unwrap_or_default().to_owned();
    let mut text = format!("{} {status}: {}\n", request.id(), request.branch());
    text.push_str(&show::wishes(&request, &mq::approved(&view, &request)?));
    let decided = request.record().stamp_of("state").time().to_string();
    let by = request.evidence("by").and_then(Value::as_str);
    if !request.is_live() {
        let by = by.map(|by| format!(" by {by}")).unwrap_or_default();
        text.push_str(&format!("  decided {decided}{by}\n"));
    }
    if let Some(reason) = value["reason"].as_str().filter(|it| !it.is_empty()) {
        text.push_str(&format!("  reason  {reason}\n"));
    }
    value["decided_at"] = json!(decided);
    if let Some(line) = line.filter(|_| held_by_none(&value)) {
        text.push_str(&place(home, &request, &line, &mut value)?);
    }
    let proof = mq::proof(&view, &request, &|commit| result_ids(home, commit))?;
    text.push_str(&told(home, &proof));
    value["proof"] = proof.trees.iter().map(tree_json).collect();
    value["reproduce"] = match proof.reproduce.as_slice() {
        [] => Value::Null,
        lines => json!(lines.join("\n")),
    };
    text.push_str(&settled(&view, &request)?);
    Ok(Reply::new(value, printable(&text)))
}

fn held_by_none(value: &Value) -> bool {
    value.get("held").is_none()
}

/// Returns what a request that may land waits for: whoever is ahead, and what outside CIs were asked.
fn place(home: &Home, request: &Request, line: &Line, value: &mut Value) -> Result<String> {
    let is_own = |it: &mq::Item| it.requests.iter().any(|it| it.id() == request.id());
    let Some(at) = line.items.iter().position(is_own) else {
        return Ok(String::new());
    };
    let ahead: Vec<&str> = line.items[..at]
        .iter()
        .flat_map(|item| item.requests.iter().map(Request::id))
        .collect();
    value["ahead"] = json!(ahead);
    let count = line.items.len();
    let mut text = format!(
        "  place   {} of {count} in the line of {}\n",
        at + 1,
        request.target()
    );
    if !ahead.is_empty() {
        let first = &ahead[ahead.len().saturating_sub(5)..];
        let more = if first.len() < ahead.len() {
            "... "
        } else {
            ""
        };
        text.push_str(&format!("  behind  {more}{}\n", first.join(" ")));
    }
    for it in questions(home)? {
        if it.requests.iter().any(|id| id == request.id()) {
            text.push_str(&format!(
                "  asked   CI check {} since {}\n",
                it.check, it.since
            ));
        }
    }
    Ok(text)
}

fn tree_json(tested: &Tested) -> Value {
    let runs = tested.runs.iter().map(|run| {
        let verdict = match run.attempt.verdict {
            Verdict::Green => "green",
            Verdict::Red => "red",
        };
        json!({
            "gate": run.gate,
            "verdict": verdict,
            "ended": run.attempt.ended,
            "millis": run.attempt.millis,
            "host": run.attempt.host,
            "clone": run.stamp.clone_part(),
            "at": run.stamp.time().to_string(),
            "commit": run.attempt.commit,
            "counts": run.counts,
        })
    });
    json!({
        "role": tested.role.word(),
        "commit": tested.commit,
        "tree": tested.tree,
        "tip": tested.tip,
        "requests": tested.requests,
        "green": tested.is_green(),
        "runs": runs.collect::<Vec<_>>(),
    })
}

fn told(home: &Home, proof: &Proof) -> String {
    let mut text = String::new();
    for tested in &proof.trees {
        let what = match tested.role {
            Role::Landed => "landed as",
            Role::Tip => "the target was",
            Role::With => "with it",
        };
        let tree = match tested.tree.as_str() {
            "" => "which is not here".to_owned(),
            tree => format!("tree {}", short(tree)),
        };
        text.push_str(&format!(
            "  proof   {what} {}, {tree}\n",
            short(&tested.commit)
        ));
        if tested.requests.len() > 1 {
            text.push_str(&format!("  batch   {}\n", tested.requests.join(" ")));
        }
        for run in &tested.runs {
            let (color, ended) = match run.attempt.verdict {
                Verdict::Green => ("green", String::new()),
                Verdict::Red => ("red", format!(" ({})", run.attempt.ended)),
            };
            let counts = if run.counts {
                ""
            } else {
                ", which does not count here"
            };
            text.push_str(&format!(
                "  {color:<8}{}{ended} in {} ms on {} of clone {}, {}{counts}\n",
                run.gate,
                run.attempt.millis,
                run.attempt.host,
                run.stamp.clone_part(),
                run.stamp.time()
            ));
        }
        if tested.runs.is_empty() && tested.role == Role::Landed {
            text.push_str("  runs    none is known: it was landed by hand, or without gates\n");
        }
    }
    for line in &proof.reproduce {
        text.push_str(&format!("  see it  {}\n", from_anywhere(home, line)));
    }
    text
}

/// Returns whether what landed is on the target still, as far as is known here.
fn settled(view: &View<'_>, request: &Request) -> Result<String> {
    let commit = request.evidence("commit").and_then(Value::as_str);
    let Some(commit) = commit.and_then(|hex| view.repo().parse_id(hex)) else {
        return Ok(String::new());
    };
    let tip = view.known_tip(request.target())?;
    let is_there = match tip {
        Some(tip) => view.repo().is_ancestor(&commit, &tip)?,
        None => false,
    };
    Ok(match is_there {
        true => format!("  there   {} has it\n", request.target()),
        false => format!("  gone    {} does not have it any more\n", request.target()),
    })
}

fn short(id: &str) -> &str {
    id.get(..12).unwrap_or(id)
}
