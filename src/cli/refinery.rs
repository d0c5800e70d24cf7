//! `git gt refinery`

mod gate;
mod simulate;
mod view;

use std::time::Duration;

use serde_json::{Value, json};

use super::Context;
use super::done::counted;
use super::reply::{Reply, of_rig, progress};
use crate::agent;
use crate::daemon::{self, Ended, Until};
use crate::fault::{Fault, Result};
use crate::mq;
use crate::record::Verdict;
use crate::refinery::{Asked, Event, Options, Price, Pull, Purpose, Why, pulls, questions};
use crate::town::Home;

/// Run the merge queue, and say what must pass before anything lands
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Test and land what is queued
    Run {
        /// Do one step: one candidate tested, landed, ejected or bounced
        #[arg(long, conflicts_with = "until_idle")]
        once: bool,
        /// Go on until nothing is left to do, which is the default
        #[arg(long)]
        until_idle: bool,
        /// Wait for what outside CIs were asked, until they answer or their time is over
        #[arg(long, conflicts_with = "once")]
        wait: bool,
        /// Go on for ever, until interrupted or stopped: look again for something to do
        #[arg(long, conflicts_with_all = ["once", "until_idle", "wait"])]
        watch: bool,
        /// Test up to N candidates at the same time; the default is the setting refinery.workers, else 1
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=64))]
        workers: Option<u8>,
        /// Run at most N gates at the same time, of all candidates together; the default is one for each worker
        #[arg(long, short = 'j', value_name = "N", value_parser = clap::value_parser!(u8).range(1..=64))]
        jobs: Option<u8>,
        /// Spend few runs, and more time: runs are expensive
        #[arg(long, conflicts_with = "fast")]
        thrift: bool,
        /// Spend every worker there is to be done early
        #[arg(long)]
        fast: bool,
    },
    /// Show how the queue stands and what is being tested
    Status,
    /// Say what comes next and what it would tell, without doing it
    Explain {
        /// As if up to N candidates were tested at the same time; the default is the setting refinery.workers, else 1
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=64))]
        workers: Option<u8>,
    },
    /// Ask the Refinery that runs in this clone to stop, and wait until it has
    Stop {
        /// Wait no longer than T, such as 90s or 10m
        #[arg(long, value_name = "T", value_parser = duration, default_value = "30s")]
        wait: Duration,
    },
    /// Say what must pass before anything lands
    Gate {
        #[command(subcommand)]
        verb: gate::Verb,
    },
    /// Try the queue on changes that are made up: what it would cost
    Simulate(simulate::Args),
}

pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let number: u64 = digits
        .parse()
        .map_err(|_| "use a number with s, m or h: 90s, 10m, 2h")?;
    let seconds = match &text[digits.len()..] {
        "" | "s" => Some(number),
        "m" => number.checked_mul(60),
        "h" => number.checked_mul(3600),
        _ => None,
    };
    let limit = 7 * 24 * 3600;
    match seconds {
        Some(seconds @ 1..) if seconds <= limit => Ok(Duration::from_secs(seconds)),
        _ => Err("use a time from 1s to 168h: 90s, 10m, 2h".to_owned()),
    }
}

pub(crate) fn run(cx: &Context, args: &Args) -> Result<Reply> {
    match &args.verb {
        Verb::Run {
            once,
            until_idle: _,
            wait,
            watch,
            workers,
            jobs,
            thrift,
            fast,
        } => {
            let until = match (once, wait, watch) {
                (true, ..) => Until::Once,
                (_, true, _) => Until::Answered,
                (_, _, true) => Until::Stopped,
                _ => Until::Idle,
            };
            let price = match (thrift, fast) {
                (true, _) => Price::Runs,
                (false, true) => Price::Time,
                (false, false) => Price::Both,
            };
            let most = (workers.map(usize::from), jobs.map(usize::from));
            queues(cx, until, (most, price))
        }
        Verb::Status => view::status(cx),
        Verb::Explain { workers } => view::explain(cx, workers.map(usize::from)),
        Verb::Stop { wait } => view::stop(cx, *wait),
        Verb::Simulate(args) => simulate::run(args),
        Verb::Gate { verb } => gate::run(cx, verb),
    }
}

/// How many requests are named that landed before a run was broken off.
const LANDED_MAX: usize = 20;

/// What a run came to, counted.
#[derive(Debug, Default)]
struct Tally {
    landed: Vec<String>,
    ejected: Vec<Value>,
    bounced: Vec<Value>,
    runs: u64,
    /// What outside CIs were asked and have not answered.
    waiting: Vec<Asked>,
    /// Pull requests that were not merged when they were looked at.
    pulls: Vec<Pull>,
}

impl Tally {
    fn count(&mut self, event: &Event) {
        match event {
            Event::Run { .. } | Event::Asked { .. } => self.runs += 1,
            Event::Waits(asked) => self.waiting.push(asked.clone()),
            Event::Pull(pull) => self.pulls.push(pull.clone()),
            Event::Landed { requests, .. } => self.landed.extend(requests.iter().cloned()),
            Event::Ejected {
                request,
                gate,
                reproduce,
            } => self
                .ejected
                .push(json!({ "id": request, "gate": gate, "reproduce": reproduce })),
            Event::Bounced { request, files } => {
                self.bounced.push(json!({ "id": request, "files": files }));
            }
            Event::Ran { .. } | Event::Note(_) => {}
        }
    }

    /// Returns what ended the run with what it has landed before, which stays.
    fn beside(&self, fault: Fault) -> Fault {
        let (some, more) = self.landed.split_at(self.landed.len().min(LANDED_MAX));
        let more = match more.len() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        match some {
            [] => fault,
            some => fault.hint(format!("landed before that: {}{more}", some.join(" "))),
        }
    }

    /// Keeps only what still waits: `--wait` goes on after it was said.
    fn waiting(&self, home: &Home) -> Result<Vec<&Asked>> {
        let open = questions(home)?;
        let stands = |it: &&Asked| {
            let mut open = open.iter();
            open.any(|question| question.branch == it.branch && question.check == it.check)
        };
        Ok(self.waiting.iter().filter(stands).collect())
    }

    /// Keeps only what is open still.
    fn pulls(&self, home: &Home) -> Result<Vec<&Pull>> {
        let open = pulls(home)?;
        let stands = |it: &&Pull| open.iter().any(|known| known.branch == it.branch);
        Ok(self.pulls.iter().filter(stands).collect())
    }
}

/// How many workers and gates at most, where that was said.
type Most = (Option<usize>, Option<usize>);

/// Runs the queue of the rig one stands in; from HQ, that of every rig that is here, one after another.
fn queues(cx: &Context, until: Until, how: (Most, Price)) -> Result<Reply> {
    cx.world
        .catch_interrupts()
        .map_err(|error| Fault::fatal(format!("cannot watch for interrupts: {error}")))?;
    let mut rigs = cx.homes()?;
    rigs.retain(|home| !home.is_hq());
    if let [rig] = &rigs[..] {
        return queue(cx, rig, until, how);
    }
    if until == Until::Stopped {
        // The first one would never let the others have their turn.
        cx.home()?.one_rig()?;
    }
    let mut all = Reply::new(json!([]), "");
    let mut values = Vec::new();
    for home in &rigs {
        let rig = home.rig().name();
        if !cx.json {
            progress(&format!("rig     {rig}"));
        }
        if is_asleep(home)? {
            values.push(json!({ "rig": rig, "queued": 0 }));
            all.text.push_str(&format!(
                "{rig:<10} nothing waits, and no gate is configured\n"
            ));
            continue;
        }
        match queue(cx, home, until, how) {
            Ok(reply) => {
                let mut value = reply.value;
                value["rig"] = rig.into();
                values.push(value);
                all.text.push_str(&of_rig(rig, &reply.text));
                all.notes.extend(reply.notes);
            }
            // What keeps one rig from landing keeps no other.
            Err(fault) => all.faults.push(fault.within(rig)),
        }
    }
    all.notes.dedup();
    all.value = json!(values);
    Ok(all)
}

/// Returns whether nothing waits in a rig that could land nothing either.
fn is_asleep(home: &Home) -> Result<bool> {
    let none = home.view().gates()?.is_empty() && !home.rig().lands_without_gates();
    Ok(none && waiting(home)? == 0)
}

fn queue(cx: &Context, home: &Home, until: Until, (most, price): (Most, Price)) -> Result<Reply> {
    let mut tally = Tally::default();
    let options = Options::of(home, most, price)?;
    let ended = daemon::run(home, (until, options), &mut |event| {
        tally.count(&event);
        if !cx.json {
            progress(&line(&from_here(home, event)));
        }
    });
    let ended = ended.map_err(|fault| tally.beside(fault))?;
    let (left, held) = (waiting(home)?, held(home)?);
    let (asked, open) = (tally.waiting(home)?, tally.pulls(home)?);
    let value = json!({
        "landed": tally.landed,
        "ejected": tally.ejected,
        "bounced": tally.bounced,
        "gate_runs": tally.runs,
        "queued": left,
        "stopped": ended == Ended::Stopped,
        "held": held,
        "waiting": asked.iter().map(|it| as_json(it)).collect::<Vec<_>>(),
        "pull_requests": open.iter().map(|it| pull_json(it)).collect::<Vec<_>>(),
    });
    let mut text = format!(
        "{} landed, {} ejected, {} bounced, {} left, {}",
        tally.landed.len(),
        tally.ejected.len(),
        tally.bounced.len(),
        left,
        counted(tally.runs, "gate run")
    );
    if ended == Ended::Stopped {
        text.push_str("\nit was asked to stop");
    }
    for it in &asked {
        text.push_str(&format!(
            "\nwaiting for CI check {} on {}",
            it.check, it.branch
        ));
    }
    for it in &open {
        text.push_str(&format!("\nwaiting for {} to be merged", called(it)));
    }
    let mut reply = Reply::new(value, text);
    if held > 0 {
        reply = reply.note(format!("{held} held: git gt mq list says for what"));
    }
    let working = agent::agents(home)?.iter().filter(|it| it.alive).count();
    if left == 0 && tally.landed.is_empty() && working > 0 {
        reply = reply.note(format!(
            "{} of {} at work: git gt agents",
            counted(working as u64, "agent"),
            home.rig().name()
        ));
    }
    Ok(match asked.is_empty() && open.is_empty() {
        true => reply,
        false => {
            reply.note("git gt refinery run carries on when that is done; with --wait it waits")
        }
    })
}

/// Returns what a pull request is called where its forge has not said.
fn called(pull: &Pull) -> String {
    let link = match pull.url.as_str() {
        "" => String::new(),
        url => format!(" ({url})"),
    };
    format!("the pull request of {}{link}", pull.branch)
}

fn pull_json(pull: &Pull) -> Value {
    json!({
        "branch": pull.branch,
        "commit": pull.commit,
        "target": pull.target,
        "requests": pull.requests,
        "url": pull.url,
        "since": pull.since.to_string(),
    })
}

fn as_json(asked: &Asked) -> Value {
    json!({
        "gate": asked.gate,
        "check": asked.check,
        "branch": asked.branch,
        "commit": asked.commit,
        "requests": asked.requests,
        "since": asked.since.to_string(),
        "until": asked.until.to_string(),
    })
}

/// Returns how many requests of the rig still wait, whatever branch they are to land on.
fn waiting(home: &Home) -> Result<usize> {
    let (view, rig, now) = (home.view(), home.rig().name(), home.world().now());
    let mut left = 0;
    for branch in mq::targets(&view, rig)? {
        left += mq::line(&view, rig, &branch, now)?.requests().count();
    }
    Ok(left)
}

/// Returns how many requests of the rig are held, whatever branch they are to land on.
fn held(home: &Home) -> Result<usize> {
    let (view, rig) = (home.view(), home.rig().name());
    let now = view.repo().world().now();
    let mut held = 0;
    for branch in mq::targets(&view, rig)? {
        held += mq::line(&view, rig, &branch, now)?.held.len();
    }
    Ok(held)
}

/// Returns an event with commands that can be typed where the queue is run.
fn from_here(home: &Home, event: Event) -> Event {
    match event {
        Event::Ejected {
            request,
            gate,
            reproduce,
        } => Event::Ejected {
            reproduce: super::mq::from_anywhere(home, &reproduce),
            request,
            gate,
        },
        other => other,
    }
}

/// Returns an event as a line for people.
pub(crate) fn line(event: &Event) -> String {
    match event {
        Event::Run {
            gate,
            requests,
            purpose,
        } => {
            format!("run     {gate} on {}: {}", batch(requests), reason(purpose))
        }
        Event::Asked { asked, purpose } => format!(
            "ask     {} on {}: CI check {} about {}: {}",
            asked.gate,
            asked.branch,
            asked.check,
            batch(&asked.requests),
            reason(purpose)
        ),
        Event::Waits(asked) => format!(
            "wait    CI check {} has until {} to answer on {}",
            asked.check, asked.until, asked.branch
        ),
        Event::Pull(pull) => format!(
            "pull    {} into {}: {}",
            batch(&pull.requests),
            pull.target,
            called(pull)
        ),
        Event::Ran {
            gate,
            verdict,
            ended,
            millis,
            tail,
        } => {
            let seconds = *millis as f64 / 1000.0;
            match verdict {
                Verdict::Green => format!("green   {gate} in {seconds:.1} s"),
                Verdict::Red => {
                    let last = tail.lines().rev().find(|line| !line.trim().is_empty());
                    format!(
                        "red     {gate} in {seconds:.1} s, {ended}: {}",
                        last.unwrap_or("no output")
                    )
                }
            }
        }
        Event::Landed { requests, commit } => {
            format!("land    {} as {}", requests.join(" "), &commit[..12])
        }
        Event::Ejected {
            request,
            gate,
            reproduce,
        } => {
            format!("eject   {request}: it makes {gate} red; see it: {reproduce}")
        }
        Event::Bounced { request, files } => {
            format!("bounce  {request}: conflicts in {}", files.join(", "))
        }
        Event::Note(text) => format!("note    {text}"),
    }
}

fn batch(requests: &[String]) -> String {
    match requests {
        [] => "the bare target".to_owned(),
        [one] => one.clone(),
        many => format!(
            "{} requests ({} … {})",
            many.len(),
            many[0],
            many[many.len() - 1]
        ),
    }
}

fn reason(purpose: &Purpose) -> String {
    match purpose.why {
        Why::Batch if purpose.queued == 1 => "the only one that waits".to_owned(),
        Why::Batch => format!(
            "the best size with {} waiting, red with {:.0} %",
            purpose.queued,
            purpose.red * 100.0
        ),
        Why::Bisect { red } => format!("the first {red} of it fail: which one is it?"),
        Why::Cut => "a second cut through the same batch".to_owned(),
        Why::Screen => "a worker is free: a look at those behind".to_owned(),
        Why::Confirm { red, of } => format!("to be sure, attempt {} of {of}", red + 1),
        Why::Control => "is the target itself green?".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_with_their_unit() {
        let check = |text, want: Option<u64>| {
            assert_eq!(duration(text).ok(), want.map(Duration::from_secs), "{text}");
        };
        check("90", Some(90));
        check("10m", Some(600));
        check("2h", Some(7200));
        check("0s", None);
        check("-1s", None);
        check("1y", None);
        check("99999999999999999999h", None);
        check("18446744073709551615h", None);
    }
}
