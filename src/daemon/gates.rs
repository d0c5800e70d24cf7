//! Gates of beads, looked at on demand: what they wait for is looked for here, in other rigs, in mail, with
//! outside CIs and on GitHub; those for which it has come are opened.

use serde_json::Value;

use crate::bead::{self, Answer, Beads, GATE, Known, Wait, evaluate, wait};
use crate::fault::{Fault, Result};
use crate::ledger::{Decision, Name, Time};
use crate::record::{Bead, Mail, Outcome, Said};
use crate::refinery;
use crate::town::Home;
use crate::world::process::Run;

/// What is to be done about gates.
#[derive(Debug, Clone, Default)]
pub struct Look {
    /// Look at gates of these types only; `gh` stands for both of GitHub's.
    pub kinds: Vec<String>,
    /// Look at this many at most, zero for all.
    pub limit: usize,
    /// Ask for help where what a gate waits for will not come.
    pub escalate: bool,
    /// Change nothing.
    pub dry_run: bool,
}

impl Look {
    fn wants(&self, gate: &Bead) -> bool {
        let kind = match gate.record().text("await_type") {
            "" => "human",
            kind => kind,
        };
        let mut kinds = self.kinds.iter().map(String::as_str);
        self.kinds.is_empty()
            || kinds.any(|it| it == kind || it == "all" || it == "gh" && kind.starts_with("gh:"))
    }
}

/// What a look at a gate came to; a fault where nobody could be asked.
#[derive(Debug)]
pub struct Looked {
    /// The gate.
    pub gate: Bead,
    /// Whether it opens, and why.
    pub answer: Result<Answer>,
}

/// Returns the gates of a home in the order of lists, those that are closed too on demand.
pub fn gates(home: &Home, everything: bool) -> Result<Vec<Bead>> {
    let view = home.view();
    let beads = Beads::of(&view);
    let mut rows = Vec::new();
    for row in beads.rows(everything)? {
        let row = row?;
        if row.issue_type() == GATE {
            rows.push(row);
        }
    }
    beads.whole(&rows)
}

/// Looks at the open gates of a home and opens those for which it is time, each in a commit of its own.
///
/// After a crash some are opened; the next look opens the others.
pub fn look(home: &Home, actor: &str, asked: &Look) -> Result<Vec<Looked>> {
    let mut gates = gates(home, false)?;
    gates.retain(|gate| asked.wants(gate));
    if asked.limit > 0 {
        gates.truncate(asked.limit);
    }
    let mut all = Vec::new();
    for gate in gates {
        let now = home.world().now();
        let answer = known(home, &gate).map(|known| evaluate(&gate, &known, now));
        if let (Ok(answer), false) = (&answer, asked.dry_run) {
            act(home, actor, (&gate, answer), asked.escalate)?;
        }
        all.push(Looked { gate, answer });
    }
    Ok(all)
}

fn act(home: &Home, actor: &str, (gate, answer): (&Bead, &Answer), escalate: bool) -> Result<()> {
    let ask = match answer {
        Answer::Opens(_) => false,
        Answer::Fails(_) if escalate => true,
        Answer::Fails(_) | Answer::Waits(_) => return Ok(()),
    };
    let reason = answer.reason();
    home.write(Name::Beads, actor, |view, pen| {
        let there = view.bead(gate.id())?.filter(|it| is_as_it_was(it, gate));
        let Some(mut gate) = there else {
            return Ok(Decision::nothing(()));
        };
        let stamp = pen.stamp(gate.record());
        let id = gate.id().to_owned();
        if !ask {
            gate.close(reason, &stamp);
            let subject = format!("open gate {id}: {reason}");
            return Ok(Decision::write(subject, vec![gate.into_record()], ()));
        }
        let asked = gate.outcomes();
        if asked.iter().any(|(_, it)| it.reason == reason) {
            return Ok(Decision::nothing(()));
        }
        let outcome = Outcome {
            said: Said::Escalated,
            by: actor.to_owned(),
            branch: String::new(),
            head: String::new(),
            reason: reason.to_owned(),
        };
        gate.add_outcome(gate.epoch(), &outcome, &stamp);
        let subject = format!("escalate {id}: {reason}");
        Ok(Decision::write(subject, vec![gate.into_record()], ()))
    })?;
    Ok(())
}

/// Returns whether a gate still waits for what was looked for, which may have taken a while.
fn is_as_it_was(now: &Bead, then: &Bead) -> bool {
    !now.is_closed() && now.record().life() == then.record().life() && wait(now) == wait(then)
}

/// Looks for what a gate waits for.
fn known(home: &Home, gate: &Bead) -> Result<Known> {
    let mut known = Known::default();
    match wait(gate) {
        Wait::Human | Wait::Timer(_) | Wait::Check(None) | Wait::Other(_) => {}
        Wait::Bead(id) => known.bead = home.view().bead_anywhere(&id)?,
        Wait::Mail(what) => known.mails = mails(home, gate, &what)?,
        Wait::Check(Some((commit, check))) => {
            known.passed = refinery::verdict_of(home, &commit, &check)?;
        }
        Wait::Run(id) => known.run = run(home, gate, &id)?,
        Wait::Pull(id) => {
            // What was fetched may be anything, an option too.
            if is_number(&id) || id.starts_with("https://") {
                let said = gh(home, &["pr", "view", &id, "--json", "state"])?;
                known.pull = Some(text(&said, "state"));
            }
        }
    }
    Ok(known)
}

/// Returns the mail that may be what a gate waits for, of this home and of HQ.
fn mails(home: &Home, gate: &Bead, what: &str) -> Result<Vec<Mail>> {
    let mut found = Vec::new();
    let made_by = gate.record().text("created_by");
    let readers = gate.waiters().into_iter().chain([made_by]);
    let readers: Vec<String> = readers.map(str::to_owned).collect();
    let mut homes = vec![home.clone()];
    if !home.is_hq() {
        homes.push(home.hq()?);
    }
    for home in homes {
        let view = home.view();
        let named = view.mail(what)?;
        let thread = named.as_ref().map_or(what, Mail::thread).to_owned();
        found.extend(view.mails_in(&thread)?);
        found.extend(named);
        found.extend(view.mails_to(&readers, &|_| true)?);
    }
    found.sort_by(|a, b| a.id().cmp(b.id()));
    found.dedup_by(|a, b| a.id() == b.id());
    Ok(found)
}

/// Returns status and conclusion of the run a gate waits for; nothing where there is no such run yet.
fn run(home: &Home, gate: &Bead, id: &str) -> Result<Option<(String, String)>> {
    let state = |run: &Value| (text(run, "status"), text(run, "conclusion"));
    if is_number(id) {
        let said = gh(home, &["run", "view", id, "--json", "status,conclusion"])?;
        return Ok(Some(state(&said)));
    }
    if id.is_empty() {
        return Ok(None);
    }
    let runs = runs(home, &Search::default())?;
    Ok(newest(gate, &runs, &Search::default()).map(state))
}

fn is_number(id: &str) -> bool {
    !id.is_empty() && id.bytes().all(|it| it.is_ascii_digit())
}

/// Which runs of GitHub's Actions a gate may wait for.
#[derive(Debug, Clone)]
pub struct Search {
    /// Those of this branch; empty for the one that is checked out.
    pub branch: String,
    /// How many are looked at.
    pub limit: usize,
    /// How long before the gate was made they may have begun, in milliseconds.
    pub max_age: u64,
}

impl Default for Search {
    fn default() -> Self {
        Self {
            branch: String::new(),
            limit: 10,
            max_age: 30 * 60 * 1000,
        }
    }
}

/// Finds the runs that gates wait for which name none yet, and returns each gate with the run's number, nothing
/// where there is none.
///
/// After a crash some gates have their number; the next search finds the others.
pub fn discover(
    home: &Home,
    actor: &str,
    search: &Search,
    dry_run: bool,
) -> Result<Vec<(Bead, Option<String>)>> {
    let mut open = gates(home, false)?;
    open.retain(|gate| matches!(wait(gate), Wait::Run(id) if !is_number(&id)));
    if open.is_empty() {
        return Ok(Vec::new());
    }
    let runs = runs(home, search)?;
    let mut all = Vec::new();
    for gate in open {
        let number = newest(&gate, &runs, search).map(|run| run["databaseId"].to_string());
        if let (Some(number), false) = (&number, dry_run) {
            home.write(Name::Beads, actor, |view, pen| {
                let there = view.bead(gate.id())?.filter(|it| is_as_it_was(it, &gate));
                let Some(mut gate) = there else {
                    return Ok(Decision::nothing(()));
                };
                let stamp = pen.stamp(gate.record());
                let record = gate.record_mut();
                record.set("await_id", Some(number.as_str().into()), &stamp);
                let subject = format!("gate {} waits for run {number}", gate.id());
                Ok(Decision::write(subject, vec![gate.into_record()], ()))
            })?;
        }
        all.push((gate, number));
    }
    Ok(all)
}

/// Returns runs, the newest first, as GitHub lists them.
fn runs(home: &Home, search: &Search) -> Result<Vec<Value>> {
    let branch = match search.branch.as_str() {
        "" => {
            let head = home.repo().symbolic_ref("HEAD").unwrap_or_default();
            head.trim_start_matches("refs/heads/").to_owned()
        }
        branch => branch.to_owned(),
    };
    let limit = search.limit.max(1).to_string();
    let fields = "databaseId,name,workflowName,status,conclusion,createdAt";
    let mut args = vec!["run", "list", "--limit", &limit, "--json", fields];
    if !branch.is_empty() {
        args.extend(["--branch", &branch]);
    }
    match gh(home, &args)? {
        Value::Array(runs) => Ok(runs),
        other => Err(Fault::unavailable(format!(
            "gh run list said {other}, which is no list"
        ))),
    }
}

/// Returns the newest run a gate may wait for: of the workflow it names, if any, and not begun long before it.
fn newest<'r>(gate: &Bead, runs: &'r [Value], search: &Search) -> Option<&'r Value> {
    let made = bead::Instant::parse(&gate.created_at())?.time();
    let workflow = gate.record().text("await_id");
    let begun = |run: &Value| Time::parse(&text(run, "createdAt"));
    let fits = |run: &&Value| {
        let names = ["name", "workflowName"].map(|key| text(run, key));
        let is_named = workflow.is_empty() || names.iter().any(|it| it == workflow);
        let is_late = begun(run).is_some_and(|it| it.0.saturating_add(search.max_age) >= made.0);
        is_named && is_late && run["databaseId"].is_number()
    };
    runs.iter().filter(fits).max_by_key(|run| begun(run))
}

fn text(value: &Value, key: &str) -> String {
    let text = value.get(key).and_then(Value::as_str);
    text.unwrap_or_default().to_owned()
}

/// Asks GitHub through its own program, which has the credentials.
fn gh(home: &Home, args: &[&str]) -> Result<Value> {
    let world = home.world();
    let run = Run::new("gh", world.cwd()).args(args.iter().copied());
    let output = run.output(world).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => Fault::unavailable("gh is not installed")
            .hint("gates of the types gh:run and gh:pr need it: https://cli.github.com"),
        _ => Fault::unavailable(format!("cannot start gh: {error}")),
    })?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let said = said.trim().lines().next().unwrap_or_default();
        return Err(Fault::unavailable(format!("{}: {said}", run.line()))
            .hint("gh auth status says whether it may ask"));
    }
    serde_json::from_slice(&output.stdout)
        .map_err(|error| Fault::unavailable(format!("{} said no JSON: {error}", run.line())))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::ledger::Stamp;

    #[test]
    fn the_newest_run_that_fits_is_the_one() {
        let at = |text: &str| Time::parse(text).expect("it is a time");
        let stamp = Stamp::imported(at("2026-01-01T12:00:00Z"), "k");
        let run = |id: u64, name: &str, at: &str| json!({ "databaseId": id, "name": name, "workflowName": name, "createdAt": at });
        let runs = [
            run(4, "docs", "2026-01-01T12:20:00Z"),
            run(3, "ci", "2026-01-01T12:10:00Z"),
            run(2, "ci", "2026-01-01T11:45:00Z"),
            json!({ "databaseId": "x", "createdAt": "2026-01-01T13:00:00Z" }),
        ];
        let check = |workflow: &str, runs: &[Value], want: Option<u64>| {
            let mut gate = Bead::new("gt-1", "g", &stamp);
            gate.record_mut()
                .set("await_id", Some(workflow.into()), &stamp);
            let found = newest(&gate, runs, &Search::default());
            assert_eq!(found.and_then(|it| it["databaseId"].as_u64()), want);
        };
        check("", &runs, Some(4));
        check("ci", &runs, Some(3));
        check("ci", &runs[2..], Some(2));
        check("nightly", &runs, None);
        check("ci", &[run(1, "ci", "2026-01-01T11:29:59Z")], None);
    }
}
