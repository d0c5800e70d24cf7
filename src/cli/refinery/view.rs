//! `git gt refinery status`, `explain` and `stop`.

use std::time::Duration;

use serde_json::{Value, json};

use super::gate::took;
use super::{Context, batch, called, pull_json, reason};
use crate::cli::reply::{Reply, columns, of_rig};
use crate::fault::Result;
use crate::ledger::Time;
use crate::record::Gate;
use crate::refinery::{
    self, Bulletin, History, Lying, Next, Options, Outlook, Price, Probing, Purpose, Queue, Status,
    Stretch,
};
use crate::town::Home;

/// Answers for the rig one stands in; in HQ, for every rig that is here.
fn of_each(cx: &Context, of: impl Fn(&Home) -> Result<Reply>) -> Result<Reply> {
    let rigs = cx.rigs()?;
    if let [rig] = &rigs[..] {
        return of(rig);
    }
    let (mut values, mut all) = (Vec::new(), Reply::new(json!([]), ""));
    for home in &rigs {
        let (rig, reply) = (home.rig().name(), of(home)?);
        values.push(json!({ "rig": rig, "refinery": reply.value }));
        all.text.push_str(&of_rig(rig, &reply.text));
    }
    all.value = json!(values);
    Ok(all)
}

pub(super) fn status(cx: &Context) -> Result<Reply> {
    of_each(cx, |home| {
        let options = Options::of(home, (None, None), Price::Both)?;
        let status = refinery::status(home, options)?;
        let questions = refinery::questions(home)?;
        let pulls = refinery::pulls(home)?;
        let now = cx.world.now();
        let mut value = status_json(&status, now);
        let asked = questions.iter().map(|it| {
            json!({
                "check": it.check,
                "branch": it.branch,
                "requests": it.requests,
                "since": it.since.to_string(),
                "overdue": it.is_overdue,
            })
        });
        value["waiting"] = asked.collect();
        value["pull_requests"] = pulls.iter().map(pull_json).collect();
        let mut rows = status_rows(&status, now);
        rows.extend(questions.iter().map(|it| {
            let late = if it.is_overdue { ", overdue" } else { "" };
            let text = format!("{} about {}{late}", it.check, batch(&it.requests));
            row("ci", &it.branch, text)
        }));
        let waits = pulls.iter().map(|it| row("pull", &it.target, called(it)));
        rows.extend(waits);
        Ok(Reply::new(value, columns(rows)))
    })
}

fn row(kind: &str, name: &str, text: impl Into<String>) -> Vec<String> {
    vec![kind.to_owned(), name.to_owned(), text.into()]
}

fn since(now: Time, then: Time) -> Duration {
    Duration::from_millis(now.0.saturating_sub(then.0))
}

fn percent(rate: f64) -> String {
    format!("{:.1} %", rate * 100.0)
}

fn status_rows(status: &Status, now: Time) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    match (&status.bulletin, status.is_running) {
        (Some(it), _) => rows.extend(run_rows(it, &status.gates, now)),
        (None, true) => rows.push(row(
            "run",
            "-",
            "a refinery runs here and has not said more",
        )),
        (None, false) => rows.push(row("run", "-", "nobody runs the queue in this clone")),
    }
    for queue in &status.targets {
        rows.extend(queue_rows(queue));
    }
    rows.push(row(
        "rate",
        "culprits",
        format!("{} of the requests", percent(status.culprit_rate)),
    ));
    rows.push(row(
        "rate",
        "interactions",
        format!(
            "{} of what passed elsewhere",
            percent(status.interaction_rate)
        ),
    ));
    for (gate, history) in &status.gates {
        let flaky = if history.is_flaky(gate) {
            ", flaky"
        } else {
            ""
        };
        let time = history.duration().map_or("not yet run".to_owned(), took);
        let rate = percent(history.flake_rate(gate));
        let text = format!("{time}, red by chance with {rate}{flaky}");
        rows.push(row("gate", gate.name(), text));
    }
    rows
}

fn run_rows(it: &Bulletin, gates: &[(Gate, History)], now: Time) -> Vec<Vec<String>> {
    let text = format!(
        "process {} since {}, {} workers, on {}",
        it.run.pid,
        it.run.since(),
        it.workers,
        it.target
    );
    let mut rows = vec![row("run", "-", text)];
    for probe in &it.probes {
        let ran = took(since(now, probe.since()));
        let screens = if probe.screens { ", apart" } else { "" };
        let what = format!(
            "{}{screens}: {}, for {ran}",
            batch(&probe.requests),
            reason(&probe.purpose)
        );
        rows.push(row("probe", &it.target, what));
        for at_work in &probe.gates {
            let ran = took(since(now, at_work.since()));
            let of = expected(gates, &at_work.gate).map(|it| format!(" of about {}", took(it)));
            let text = format!("runs for {ran}{}", of.unwrap_or_default());
            rows.push(row("probe", &at_work.gate, text));
        }
    }
    rows
}

fn expected(gates: &[(Gate, History)], name: &str) -> Option<Duration> {
    let mut known = gates.iter();
    let (_, history) = known.find(|(gate, _)| gate.name() == name)?;
    history.duration()
}

fn queue_rows(queue: &Queue) -> Vec<Vec<String>> {
    let name = &queue.target;
    let tip = queue.tip.as_deref().map_or("nowhere yet", |it| &it[..12]);
    let waits = queue.line.requests().count();
    let text = format!("at {tip}, {waits} may land, {} held", queue.line.held.len());
    let mut rows = vec![row("target", name, text)];
    if let Some(freeze) = &queue.line.frozen {
        rows.push(row(
            "frozen",
            name,
            format!("by {}: {}", freeze.by(), freeze.reason()),
        ));
    }
    match &queue.lying {
        Ok(lying) => rows.extend(lying_rows(name, lying)),
        Err(fault) => rows.push(row("stuck", name, fault.to_string())),
    }
    for (request, why) in &queue.line.held {
        rows.push(row("held", request.id(), why.to_string()));
    }
    rows
}

fn lying_rows(name: &str, lying: &Lying) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    let mut lane = |kind: &str, it: &Stretch| {
        if !it.requests.is_empty() {
            let red = match it.red {
                0 => String::new(),
                red => format!(", the first {red} are red"),
            };
            rows.push(row(kind, name, format!("{}{red}", batch(&it.requests))));
        }
    };
    lane("landing", &lying.landing);
    lying.screening.iter().for_each(|it| lane("screening", it));
    if lying.tip == Some(false) {
        rows.push(row("red", name, "the target itself"));
    }
    if !lying.passed.is_empty() {
        rows.push(row(
            "passed",
            name,
            format!("{} elsewhere", batch(&lying.passed)),
        ));
    }
    for it in &lying.suspects {
        let text = format!("red by itself, {} of {} times", it.red, lying.convicts);
        rows.push(row("suspect", &it.requests.join(" "), text));
    }
    rows
}

fn stretch_json(it: &Stretch) -> Value {
    json!({ "requests": it.requests, "red": it.red, "count": it.count })
}

fn status_json(status: &Status, now: Time) -> Value {
    let run = status.bulletin.as_ref().map(|it| {
        json!({
            "pid": it.run.pid,
            "since": it.run.since().to_string(),
            "workers": it.workers,
            "jobs": it.jobs,
            "target": it.target,
        })
    });
    let probes = status.bulletin.iter().flat_map(|it| &it.probes);
    let probes = probes.map(|it| probe_json(it, &status.gates, now));
    let gate = |(gate, history): &(Gate, History)| {
        let millis = history.duration().map(|it| it.as_millis());
        json!({
            "name": gate.name(),
            "runs": history.runs,
            "flake_rate": history.flake_rate(gate),
            "flaky": history.is_flaky(gate),
            "median_millis": millis.and_then(|it| u64::try_from(it).ok()),
        })
    };
    json!({
        "running": status.is_running,
        "run": run,
        "probes": probes.collect::<Vec<_>>(),
        "targets": status.targets.iter().map(queue_json).collect::<Vec<_>>(),
        "culprit_rate": status.culprit_rate,
        "interaction_rate": status.interaction_rate,
        "gates": status.gates.iter().map(gate).collect::<Vec<_>>(),
    })
}

fn probe_json(it: &Probing, gates: &[(Gate, History)], now: Time) -> Value {
    let at_work = it.gates.iter().map(|at_work| {
        let millis = expected(gates, &at_work.gate).map(|it| it.as_millis());
        json!({
            "gate": at_work.gate,
            "since": at_work.since().to_string(),
            "millis": now.0.saturating_sub(at_work.since().0),
            "expected_millis": millis.and_then(|it| u64::try_from(it).ok()),
        })
    });
    let mut value = candidate_json(&it.base, &it.requests, it.screens, &it.purpose);
    value["since"] = it.since().to_string().into();
    value["gates"] = at_work.collect();
    value
}

/// Returns what is said of a candidate, whether it is being tested or would be.
fn candidate_json(base: &str, requests: &[String], screens: bool, purpose: &Purpose) -> Value {
    json!({
        "base": base,
        "requests": requests,
        "screens": screens,
        "reason": reason(purpose),
        "red": purpose.red,
        "bits": purpose.bits,
    })
}

fn queue_json(queue: &Queue) -> Value {
    let held = queue.line.held.iter();
    let held = held.map(|(it, why)| json!({ "id": it.id(), "reason": why.to_string() }));
    let mut value = json!({
        "target": queue.target,
        "tip": queue.tip,
        "queued": queue.line.requests().map(|it| it.id()).collect::<Vec<_>>(),
        "held": held.collect::<Vec<_>>(),
        "frozen": queue.line.frozen.as_ref().map(|it| it.reason()),
    });
    match &queue.lying {
        Err(fault) => value["stuck"] = fault.to_string().into(),
        Ok(lying) => {
            let screening = lying.screening.iter().map(stretch_json);
            let suspects = lying.suspects.iter();
            let suspects = suspects.map(|it| json!({ "requests": it.requests, "red": it.red }));
            value["green"] = lying.tip.into();
            value["landing"] = stretch_json(&lying.landing);
            value["screening"] = screening.collect();
            value["passed"] = json!(lying.passed);
            value["suspects"] = suspects.collect();
            value["convicts"] = lying.convicts.into();
        }
    }
    value
}

pub(super) fn explain(cx: &Context, workers: Option<usize>) -> Result<Reply> {
    of_each(cx, |home| {
        let options = Options::of(home, (workers, None), Price::Both)?;
        let all = refinery::explain(home, options)?;
        let text = match all.is_empty() {
            true => "nothing waits to land\n".to_owned(),
            false => all.iter().map(explained).collect(),
        };
        let values: Vec<Value> = all.iter().map(outlook_json).collect();
        Ok(Reply::new(json!(values), text))
    })
}

fn explained(it: &Outlook) -> String {
    let head = format!("{} at {}, {} may land", it.target, &it.tip[..12], it.queued);
    let next = match &it.next {
        Next::Idle => "  nothing to do\n".to_owned(),
        Next::Land(requests) => format!("  land {}: it is green on the tip\n", batch(requests)),
        Next::Eject(requests) => format!(
            "  eject {}: red by itself, often enough to be sure\n",
            requests.join(" ")
        ),
        Next::Bounce(request, files) => {
            format!("  bounce {request}: conflicts in {}\n", files.join(", "))
        }
        Next::Freeze => "  freeze: the target itself is red, nothing lands\n".to_owned(),
        Next::Probe(all) if all.is_empty() => {
            format!("  wait for {} under test\n", it.busy)
        }
        Next::Probe(all) => all
            .iter()
            .map(|it| {
                let apart = if it.screens { ", apart" } else { "" };
                format!(
                    "  test {} on {}{apart}: {}; red with {}, tells {:.2} bits\n",
                    batch(&it.requests),
                    &it.base[..12],
                    reason(&it.purpose),
                    percent(it.purpose.red),
                    it.purpose.bits
                )
            })
            .collect(),
    };
    format!("{head}\n{next}")
}

fn outlook_json(it: &Outlook) -> Value {
    let mut value = json!({
        "target": it.target,
        "tip": it.tip,
        "queued": it.queued,
        "busy": it.busy,
    });
    let next = match &it.next {
        Next::Idle => "idle",
        Next::Land(requests) => {
            value["requests"] = json!(requests);
            "land"
        }
        Next::Eject(requests) => {
            value["requests"] = json!(requests);
            "eject"
        }
        Next::Bounce(request, files) => {
            value["requests"] = json!([request]);
            value["files"] = json!(files);
            "bounce"
        }
        Next::Freeze => "freeze",
        Next::Probe(all) => {
            let probes = all.iter();
            let probes =
                probes.map(|it| candidate_json(&it.base, &it.requests, it.screens, &it.purpose));
            value["probes"] = probes.collect();
            "probe"
        }
    };
    value["next"] = next.into();
    value
}

pub(super) fn stop(cx: &Context, wait: Duration) -> Result<Reply> {
    cx.world.catch_interrupts().map_err(|error| {
        crate::fault::Fault::fatal(format!("cannot watch for interrupts: {error}"))
    })?;
    let home = cx.home()?.one_rig()?;
    let stopped = refinery::stop(&home, wait)?;
    let pid = stopped.map(|it| it.pid);
    let text = match pid {
        Some(pid) => format!("the refinery has stopped (process {pid})"),
        None => "nobody runs the queue in this clone".to_owned(),
    };
    Ok(Reply::new(
        json!({ "stopped": pid.is_some(), "pid": pid }),
        text,
    ))
}
