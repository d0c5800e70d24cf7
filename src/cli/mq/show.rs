//! `git gt mq status`: one request, with every gate run it was in.

use serde_json::{Value, json};

use super::{Context, as_json, line_of, meant, title};
use crate::cli::reply::{Reply, printable};
use crate::fault::Result;
use crate::mq;
use crate::record::{Request, RequestStatus, RunResult, Verdict};
use crate::refinery::{Question, pulls, questions};
use crate::town::Home;

/// How many lines of a red gate's output are shown.
const OUTPUT_MAX: usize = 20;

/// Returns every gate run whose tree held the request, oldest first.
pub(super) fn attempts(results: &[RunResult], request: &Request) -> Vec<Value> {
    let mut found = Vec::new();
    for result in results {
        for (stamp, attempt) in result.attempts() {
            if attempt.requests.iter().any(|id| id == request.id()) {
                let verdict = if attempt.verdict == Verdict::Green {
                    "green"
                } else {
                    "red"
                };
                let mut run = json!({
                    "gate": result.gate(),
                    "verdict": verdict,
                    "ended": attempt.ended,
                    "host": attempt.host,
                    "millis": attempt.millis,
                    "commit": attempt.commit,
                    "requests": attempt.requests,
                    "at": stamp.time().to_string(),
                    "tail": attempt.tail,
                });
                if !attempt.url.is_empty() {
                    run["url"] = attempt.url.into();
                }
                found.push((stamp, run));
            }
        }
    }
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found.into_iter().map(|(_, value)| value).collect()
}

/// Returns a command of evidence so that it can be typed anywhere on this machine: in a town one mostly stands
/// in another repository than the rig's.
pub(crate) fn from_anywhere(home: &Home, command: &str) -> String {
    if home.stands_alone() {
        return command.to_owned();
    }
    let root = home.repo().root().display().to_string();
    format!("cd '{}' && {command}", root.replace('\'', r"'\''"))
}

pub(super) fn run(cx: &Context, home: &Home, typed: &str) -> Result<Reply> {
    let view = home.view();
    let request = mq::resolve(&view, &meant(home, typed)?)?;
    let runs = attempts(&view.results_of(request.id())?, &request);
    let line = line_of(&view, &request, cx.world.now())?;
    let held = line.as_ref().and_then(|line| line.held(request.id()));
    let mut value = as_json(&view, &request, held)?;
    let status = value["status"].as_str().unwrap_or_default();
    let mut text = format!("{} {status}: {}\n", request.id(), request.branch());
    if !request.bead().is_empty() {
        let title = title(&view, request.bead())?;
        text.push_str(&format!("  bead    {} {title}\n", request.bead()));
    }
    text.push_str(&format!(
        "  head    {}\n  target  {}\n  worker  {}\n",
        request.head(),
        request.target(),
        request.worker()
    ));
    text.push_str(&wishes(&request, &mq::approved(&view, &request)?));
    let why = held.map(ToString::to_string);
    let why = why.unwrap_or_else(|| request.reason().to_owned());
    if !why.is_empty() {
        text.push_str(&format!("  reason  {why}\n"));
    }
    if let Some(line) = request.evidence("reproduce").and_then(Value::as_str) {
        text.push_str(&format!("  see it  {}\n", from_anywhere(home, line)));
    }
    tell_outside(home, request.id(), (&mut text, &mut value))?;
    text.push_str(&told_runs(&runs, &request));
    value["runs"] = json!(runs);
    Ok(Reply::new(value, printable(&text)))
}

/// Adds what is waited for outside: answers of CIs, and a pull request.
fn tell_outside(
    home: &Home,
    request: &str,
    (text, value): (&mut String, &mut Value),
) -> Result<()> {
    let holds = |requests: &[String]| requests.iter().any(|id| id == request);
    let mut asks = questions(home)?;
    asks.retain(|it| holds(&it.requests));
    for it in &asks {
        let late = match it.is_overdue {
            true => "; it did not answer in time, and the next git gt refinery run asks again",
            false => "",
        };
        text.push_str(&format!(
            "  asked   CI check {} on {} since {}{late}\n",
            it.check, it.branch, it.since
        ));
    }
    if !asks.is_empty() {
        let ask = |it: &Question| {
            json!({
                "check": it.check,
                "branch": it.branch,
                "since": it.since.to_string(),
                "overdue": it.is_overdue,
            })
        };
        value["asked"] = asks.iter().map(ask).collect();
    }
    for it in pulls(home)?.iter().filter(|it| holds(&it.requests)) {
        let (target, since) = (&it.target, it.since.to_string());
        let shown = if it.url.is_empty() {
            &it.branch
        } else {
            &it.url
        };
        text.push_str(&format!("  pull    {shown} into {target} since {since}\n"));
        value["pull_request"] = json!({
            "branch": it.branch,
            "target": target,
            "url": it.url,
            "since": since,
        });
    }
    Ok(())
}

/// Returns how a request is to land, where that is not as usual.
pub(super) fn wishes(request: &Request, approved: &mq::Approved) -> String {
    let after: Vec<&str> = request.after().collect();
    let urgent = Some(request.class().to_string()).filter(|it| it != "P2");
    let given = match (approved.by.len(), approved.need) {
        (0, 0) => String::new(),
        (have, need) if have < need => format!("{have} of {need} {}", approved.by.join(", ")),
        _ => approved.by.join(", "),
    };
    let parts = [
        ("urgent", urgent.unwrap_or_default()),
        ("group", request.group().to_owned()),
        ("after", after.join(" ")),
        ("approved", given.trim_end().to_owned()),
    ];
    let said = parts.iter().filter(|(_, text)| !text.is_empty());
    said.map(|(name, text)| format!("  {name:<8}{text}\n").replace("approved", "approved "))
        .collect()
}

/// Returns whether what a red run wrote is about a request: nobody knows better yet, or it convicts it.
fn is_about(request: &Request, run: &Value) -> bool {
    let reds = request.evidence("reds").and_then(Value::as_array);
    let reds = reds.into_iter().flatten();
    match request.status() {
        _ if request.is_live() => true,
        RequestStatus::Ejected => {
            let mut reds = reds.chain(request.evidence("red"));
            reds.any(|it| *it == run["commit"])
        }
        _ => false,
    }
}

/// Returns a line for each run, then the end of what the last red one that is about the request wrote.
fn told_runs(runs: &[Value], request: &Request) -> String {
    let text_of = |run: &Value, key: &str| run[key].as_str().unwrap_or_default().to_owned();
    let mut text = String::new();
    for run in runs {
        text.push_str(&format!(
            "  run     {} {} ({}) with {} in the batch, {} ms\n",
            text_of(run, "gate"),
            text_of(run, "verdict"),
            text_of(run, "ended"),
            run["requests"].as_array().map_or(0, Vec::len),
            run["millis"]
        ));
    }
    let mut reds = runs.iter().rev().filter(|run| run["verdict"] == "red");
    if let Some(red) = reds.find(|run| is_about(request, run)) {
        if red["url"].is_string() {
            text.push_str(&format!("  log     {}\n", text_of(red, "url")));
        }
        let tail = text_of(red, "tail");
        let lines: Vec<&str> = tail.trim_end().lines().collect();
        for line in &lines[lines.len().saturating_sub(OUTPUT_MAX)..] {
            text.push_str(&format!("  output  {line}\n"));
        }
    }
    text
}
