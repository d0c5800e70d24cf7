//! `git gt mq`

use serde_json::{Value, json};

use super::Context;
use super::integration;
use super::reply::{Reply, columns, printable};
use crate::fault::{Fault, Result};
use crate::mq::{self, Submit};
use crate::record::{Request, RequestStatus, RunResult, Verdict};
use crate::refinery::{self, Question, pulls, questions};
use crate::town::{Home, View};

/// How many lines of a red gate's output are shown.
const OUTPUT_MAX: usize = 20;

/// See and change the merge queue
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Queue a branch
    Submit {
        /// The branch; the one checked out here by default
        #[arg(long, value_name = "BRANCH")]
        branch: Option<String>,
        /// The bead that the branch does, which closes when it lands
        #[arg(long, visible_alias = "issue", value_name = "ID")]
        bead: Option<String>,
        /// Land it on BRANCH instead of where the bead's work lands
        #[arg(long, value_name = "BRANCH")]
        target: Option<String>,
    },
    /// List what waits to land, in order
    List {
        /// List what is finished, too
        #[arg(long)]
        all: bool,
        /// List only what is STATUS: queued, held, landed, ejected, conflict, rejected, cancelled
        #[arg(long, short, value_name = "STATUS")]
        status: Option<String>,
    },
    /// Show one merge request with its gate runs
    Status {
        /// Its id, its branch or its bead
        #[arg(value_name = "REQUEST")]
        request: String,
    },
    /// Queue a finished merge request again as it is
    Retry {
        /// Its id, its branch or its bead
        #[arg(value_name = "REQUEST")]
        request: String,
    },
    /// Make, see and land the integration branches of epics
    Integration {
        #[command(subcommand)]
        verb: integration::Verb,
    },
    /// Take a merge request out of the queue
    Reject {
        /// Its id, its branch or its bead
        #[arg(value_name = "REQUEST")]
        request: String,
        /// Why
        #[arg(long, short, value_name = "TEXT", required = true)]
        reason: String,
    },
}

pub(crate) fn run(cx: &Context, args: &Args) -> Result<Reply> {
    let home = match &args.verb {
        Verb::Status { request } | Verb::Retry { request } | Verb::Reject { request, .. } => {
            cx.home_of(request)?
        }
        Verb::Submit { .. } | Verb::List { .. } | Verb::Integration { .. } => cx.home()?,
    };
    match &args.verb {
        Verb::Submit {
            branch,
            bead,
            target,
        } => submit(
            cx,
            &home,
            branch.as_deref(),
            (bead.as_deref(), target.as_deref()),
        ),
        Verb::Integration { verb } => integration::run(cx, verb),
        Verb::List { all, status } => list(cx, *all, status.as_deref()),
        Verb::Status { request } => status(&home, request),
        Verb::Retry { request } => {
            cx.settle(&home);
            let request = &meant(&home, request)?;
            let request = mq::retry(&home, &cx.actor(home.repo()), request)?;
            cx.settle(&home);
            told(&home, &request, "waits in the queue again")
        }
        Verb::Reject { request, reason } => {
            // What has landed meanwhile is not to be rejected.
            cx.settle(&home);
            let request = &meant(&home, request)?;
            let request = mq::reject(&home, &cx.actor(home.repo()), request, reason)?;
            cx.settle(&home);
            told(&home, &request, "is out of the queue; its commits stay")
        }
    }
}

fn submit(
    cx: &Context,
    home: &Home,
    branch: Option<&str>,
    (bead, target): (Option<&str>, Option<&str>),
) -> Result<Reply> {
    let repo = home.repo();
    let here = repo.symbolic_ref("HEAD");
    let here = here
        .as_deref()
        .and_then(|name| name.strip_prefix("refs/heads/"));
    let branch = branch.or(here).ok_or_else(|| {
        Fault::refused("no branch is checked out here").hint("name one: --branch <branch>")
    })?;
    let name = Some(format!("refs/heads/{branch}")).filter(|name| repo.is_ref_name(name));
    let head = name.map(|name| repo.find_ref(&name)).transpose()?.flatten();
    let head = head.ok_or_else(|| {
        Fault::not_found(format!("there is no branch '{branch}'")).hint("git branch lists them")
    })?;
    let bead = bead
        .map(|typed| crate::bead::resolve(&home.view(), home.rig().prefix(), typed))
        .transpose()?
        .map(|bead| bead.id().to_owned());
    let target = crate::bead::target_of(home, bead.as_deref(), target)?;
    if target.branch == branch {
        return Err(Fault::refused(format!(
            "'{branch}' is the branch that work lands on"
        )));
    }
    let tip = home.base(&target)?;
    let actor = cx.actor(repo);
    let (branch, target) = (branch.to_owned(), target.branch);
    let what = Submit {
        bead,
        epoch: None,
        branch,
        head,
        target,
        tip,
        worker: actor.clone(),
    };
    let submitted = mq::submit(home, &actor, &what)?;
    cx.settle(home);
    let said = if submitted.new {
        "is queued"
    } else {
        "was queued before"
    };
    let mut reply = told(home, &submitted.request, said)?;
    if submitted.request.bead().is_empty()
        && let Ok(hook) = crate::agent::mine(home)
        && hook.branch == submitted.request.branch()
    {
        reply = reply.note(format!(
            "{} stays open when this lands; to close it then: git gt mq submit --bead {}",
            hook.bead, hook.bead
        ));
    }
    if refinery::is_running(home) {
        return Ok(reply);
    }
    Ok(reply.note("nobody runs the queue now: git gt refinery run"))
}

fn told(home: &Home, request: &Request, said: &str) -> Result<Reply> {
    let value = mq::as_json(
        request,
        attempts(&home.view().results_of(request.id())?, request).len(),
    );
    Ok(Reply::new(
        value,
        format!("{} ({}) {said}", request.id(), request.branch()),
    ))
}

fn list(cx: &Context, all: bool, status: Option<&str>) -> Result<Reply> {
    let wanted = match status {
        None => None,
        Some(word) => Some(RequestStatus::parse(word).ok_or_else(|| {
            Fault::invalid(format!("'{word}' is no status of a merge request"))
                .hint("queued, held, landed, ejected, conflict, rejected, cancelled")
        })?),
    };
    let shown = |it: &Request| match wanted {
        Some(status) => it.status() == status,
        None => all || it.is_live(),
    };
    let (mut values, mut rows) = (Vec::new(), Vec::new());
    for home in cx.homes()? {
        let view = home.view();
        let finished = all || wanted.is_some();
        let requests = if finished {
            view.requests()
        } else {
            view.live_requests()
        };
        for request in mq::sorted(requests?.into_iter().filter(shown).collect()) {
            let results = view.results_of(request.id())?;
            values.push(mq::as_json(&request, attempts(&results, &request).len()));
            let title = match request.bead() {
                "" => request.branch().to_owned(),
                bead => title(&view, bead)?,
            };
            let (id, status) = (request.id().to_owned(), request.status().to_string());
            rows.push(vec![
                id,
                status,
                request.bead().to_owned(),
                request.worker().to_owned(),
                title,
            ]);
        }
    }
    let mut text = columns(rows);
    if text.is_empty() {
        text = if all {
            "nothing was ever queued\n"
        } else {
            "nothing waits to land\n"
        }
        .to_owned();
    }
    Ok(Reply::new(json!(values), text))
}

/// Returns the id of the request that was typed: as `mq` reads it, else by a part of its bead's id.
fn meant(home: &Home, typed: &str) -> Result<String> {
    let view = home.view();
    let found = mq::resolve(&view, typed).or_else(|fault| {
        let bead = crate::bead::resolve(&view, home.rig().prefix(), typed);
        bead.map_or(Err(fault), |bead| mq::resolve(&view, bead.id()))
    });
    Ok(found?.id().to_owned())
}

fn title(view: &View<'_>, bead: &str) -> Result<String> {
    Ok(view
        .readable_bead(bead)?
        .map(|bead| bead.title().to_owned())
        .unwrap_or_default())
}

/// Returns every gate run whose tree held the request, oldest first.
fn attempts(results: &[RunResult], request: &Request) -> Vec<Value> {
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

fn status(home: &Home, typed: &str) -> Result<Reply> {
    let view = home.view();
    let request = mq::resolve(&view, &meant(home, typed)?)?;
    let runs = attempts(&view.results_of(request.id())?, &request);
    let mut value = mq::as_json(&request, runs.len());
    let mut text = format!(
        "{} {}: {}\n",
        request.id(),
        request.status(),
        request.branch()
    );
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
    if !request.reason().is_empty() {
        text.push_str(&format!("  reason  {}\n", request.reason()));
    }
    if let Some(line) = request.evidence("reproduce").and_then(Value::as_str) {
        text.push_str(&format!("  see it  {}\n", from_anywhere(home, line)));
    }
    tell_outside(home, request.id(), (&mut text, &mut value))?;
    text.push_str(&told_runs(&runs));
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

/// Returns a line for each run, then the end of what the last red one wrote.
fn told_runs(runs: &[Value]) -> String {
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
    if let Some(red) = runs.iter().rfind(|run| run["verdict"] == "red") {
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
