//! Gates as people define them: added, replaced, removed, or done without in so many words.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::candidate::Candidate;
use super::gate::{self, Bench, Ran};
use super::{ci, key, verdict};
use crate::fault::{Fault, Result};
use crate::git::{Oid, pattern_flaw};
use crate::ledger::{Decision, Name, Record, Stamp};
use crate::record::{Attempt, Gate, Rig, Scope, Variable};
use crate::town::{Home, View, refuse_worker};

/// A gate to be added.
#[derive(Debug)]
pub struct NewGate<'a> {
    /// What it is called: letters, digits, `-`, `_`.
    pub name: &'a str,
    /// What decides.
    pub check: NewCheck<'a>,
    /// What it is asked about, and when.
    pub reach: Reach<'a>,
}

/// What decides for a gate that is to be added.
#[derive(Debug)]
pub enum NewCheck<'a> {
    /// A command on this machine.
    Command(NewCommand<'a>),
    /// An outside CI, which answers through refs of the rig's remote.
    Ci {
        /// What the CI calls the check.
        check: &'a str,
        /// How long it may take to answer; nothing: an hour.
        deadline: Option<Duration>,
    },
}

/// A command of a gate, and how it runs.
#[derive(Debug, Default)]
pub struct NewCommand<'a> {
    /// The line that `sh -c` runs.
    pub command: &'a str,
    /// The line that runs before it; empty: none.
    pub setup: &'a str,
    /// How long both may run; nothing: an hour.
    pub timeout: Option<Duration>,
    /// Paths in the worktree that stay between two runs.
    pub keep: &'a [String],
    /// The variables it sees besides the basic ones; none: all.
    pub env: &'a [(String, Variable)],
    /// How much memory each of its processes may have, in bytes.
    pub memory: Option<u64>,
    /// How large a file it may write, in bytes.
    pub file_size: Option<u64>,
    /// By how much it lets others go first.
    pub nice: Option<i32>,
}

/// What a gate is asked about, and when; by default about everything, at once.
#[derive(Debug, Default)]
pub struct Reach<'a> {
    /// The paths its verdict depends on; none: all.
    pub inputs: &'a [String],
    /// Patterns of the branches it is required for; none: all.
    pub targets: &'a [String],
    /// The gates that are to pass first.
    pub needs: &'a [String],
    /// Whether it never fails by chance.
    pub is_deterministic: bool,
    /// What its results hold for.
    pub scope: Scope,
}

/// Adds a gate, or replaces the one of that name, and accepts it on this machine.
///
/// After a crash it is there or as it was, and counts here either way.
pub fn add_gate(home: &Home, actor: &str, new: &NewGate<'_>) -> Result<Gate> {
    refuse_worker(home.world(), "change gates")?;
    check(home, new)?;
    // Only what it is to be accepted as is wanted of this one, and that is in no stamp.
    let (planned, _) = defined(&home.view(), new, |_| Stamp::zero())?;
    home.write_gate(&planned, || {
        let written = home.write(Name::Config, actor, |view, pen| {
            let stamp = |old: Option<&Record>| match old {
                None => pen.first_stamp(),
                Some(old) => pen.stamp(old),
            };
            let (gate, record) = defined(view, new, stamp)?;
            let subject = format!("gate {}: {}", new.name, gate.what());
            let mut records = vec![record];
            // Who removes this gate again has not said that nothing must pass.
            let rig = view.rig(home.rig().name())?;
            if let Some(mut rig) = rig.filter(Rig::lands_without_gates) {
                let stamp = pen.stamp(rig.record());
                rig.record_mut().set("gate", None, &stamp);
                records.push(rig.into_record());
            }
            Ok(Decision::write(subject, records, gate))
        })?;
        Ok(written.value)
    })
}

/// Returns a gate as it is to be, and its record; refuses one that cannot stand with the others.
fn defined(
    view: &View<'_>,
    new: &NewGate<'_>,
    stamp: impl Fn(Option<&Record>) -> Stamp,
) -> Result<(Gate, Record)> {
    refuse_near(view, new.name)?;
    refuse_needs(view, new)?;
    let old = view.gate_record(new.name)?;
    let stamp = stamp(old.as_ref());
    let mut record = old.unwrap_or_else(|| Gate::new(new.name).record().clone());
    if record.life() % 2 != 0 {
        let state = json!({ "life": record.life() + 1 });
        record.set("state", Some(state), &stamp);
    }
    define(&mut record, new, &stamp);
    let gate = Gate::of(record.clone()).expect("a gate was just made of it");
    Ok((gate, record))
}

/// Refuses a name that differs from that of another gate in case only.
fn refuse_near(view: &View<'_>, name: &str) -> Result<()> {
    let gates = view.gates()?;
    if gates.iter().any(|it| it.name() == name) {
        return Ok(());
    }
    let mut near = gates.iter().map(Gate::name);
    match near.find(|known| known.eq_ignore_ascii_case(name)) {
        None => Ok(()),
        Some(known) => Err(Fault::refused(format!(
            "gate '{known}' is there already, and '{name}' differs in case only"
        ))
        .hint(format!(
            "to replace it: git gt refinery gate add {known} ..."
        ))),
    }
}

fn check(home: &Home, new: &NewGate<'_>) -> Result<()> {
    let formed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if new.name.is_empty()
        || new.name.len() > 40
        || new.name.starts_with('-')
        || !new.name.chars().all(formed)
    {
        return Err(
            Fault::invalid(format!("'{}' cannot be the name of a gate", new.name)).hint(
                "use letters, digits, dash and underscore: git gt refinery gate add unit-tests …",
            ),
        );
    }
    check_reach(home, &new.reach)?;
    match &new.check {
        NewCheck::Command(new) => check_command(new),
        NewCheck::Ci { check, .. } => {
            ci::check_name(check)?;
            ci::remote_of(home, new.name).map(drop)
        }
    }
}

fn check_command(new: &NewCommand<'_>) -> Result<()> {
    if new.command.trim().is_empty() {
        return Err(Fault::invalid("a gate needs a command").hint("--command 'cargo test'"));
    }
    let is_all = |path: &str| path.split('/').all(|it| it.is_empty() || it == ".");
    if new.keep.iter().any(|path| is_all(path) || leads_out(path)) {
        return Err(Fault::invalid("--keep takes a path inside the worktree")
            .hint("not the whole of it: target, node_modules"));
    }
    if let Some((path, why)) = new.keep.iter().find_map(|it| Some((it, pattern_flaw(it)?))) {
        return Err(Fault::invalid(format!("--keep '{path}' {why}"))
            .hint("paths in the worktree, as in gitignore(5): target, node_modules"));
    }
    let formed = |name: &str| {
        let rest = |c: char| c.is_ascii_alphanumeric() || c == '_';
        name.chars().all(rest) && name.starts_with(|c: char| !c.is_ascii_digit())
    };
    for (name, variable) in new.env {
        if !formed(name) {
            return Err(
                Fault::invalid(format!("'{name}' cannot be the name of a variable"))
                    .hint("--env RUSTFLAGS, --env CI=true, --secret NPM_TOKEN"),
            );
        }
        if gate::is_hidden(name) {
            return Err(Fault::invalid(format!("no gate is given {name}"))
                .hint("it would tie the gate to one worktree or worker"));
        }
        if matches!(variable, Variable::Set(text) if text.contains('\0')) {
            return Err(Fault::invalid(format!("{name} cannot hold a byte 0")));
        }
    }
    Ok(())
}

fn check_reach(home: &Home, new: &Reach<'_>) -> Result<()> {
    if new
        .inputs
        .iter()
        .any(|path| path.is_empty() || leads_out(path))
    {
        return Err(Fault::invalid("--input takes a path inside the repository"));
    }
    if new.scope == Scope::Commit && !new.inputs.is_empty() {
        return Err(Fault::invalid("a gate that looks at commits has no inputs"));
    }
    for path in new.inputs.iter().filter(|it| it.contains(['*', '?', '['])) {
        if !is_there(home, path)? {
            return Err(Fault::invalid(format!(
                "--input takes paths, not patterns, and there is no '{path}'"
            ))
            .hint("a folder stands for all that is in it: --input src"));
        }
    }
    let mut targets = new.targets.iter();
    targets.try_for_each(|target| home.check_branches(target))
}

/// Returns whether there is a path on the rig's target, as far as that is known here.
fn is_there(home: &Home, path: &str) -> Result<bool> {
    let target = home.target(None)?;
    match home.known_tip(&target)? {
        Some(tip) => key::is_there(home.repo(), &home.repo().commit(&tip)?.tree, path),
        None => Ok(false),
    }
}

/// Refuses needs that nobody could meet.
fn refuse_needs(view: &View<'_>, new: &NewGate<'_>) -> Result<()> {
    let gates = view.gates()?;
    let (mut seen, mut open) = (Vec::new(), new.reach.needs.to_vec());
    while let Some(need) = open.pop() {
        if need == new.name {
            return Err(Fault::refused(format!("gate '{need}' would need itself")));
        }
        let known = gates.iter().find(|it| it.name() == need);
        match known {
            None if new.reach.needs.contains(&need) => {
                return Err(
                    Fault::not_found(format!("there is no gate '{need}' to need"))
                        .hint("git gt refinery gate list shows them"),
                );
            }
            Some(gate) if !seen.contains(&need) => open.extend(gate.needs()),
            _ => {}
        }
        seen.push(need);
    }
    Ok(())
}

fn leads_out(path: &str) -> bool {
    path.starts_with('/') || path.split('/').any(|it| it == "..")
}

/// Sets only what differs, so that defining a gate again as it is writes nothing.
fn define(record: &mut Record, new: &NewGate<'_>, stamp: &Stamp) {
    let seconds = |time: Option<Duration>, default: Duration| {
        let time = time.filter(|it| *it != default);
        time.map(|it| Value::from(it.as_secs()))
    };
    let text = |text: &str| Some(text).filter(|it| !it.is_empty()).map(Value::from);
    let none = NewCommand::default();
    let (run, check, deadline) = match &new.check {
        NewCheck::Command(run) => (run, None, None),
        NewCheck::Ci { check, deadline } => (&none, Some(*check), *deadline),
    };
    let by = match new.reach.scope {
        Scope::Tree => "",
        Scope::Commit => "commit",
    };
    let deterministic = new.reach.is_deterministic;
    let fields = [
        ("by", text(by)),
        ("ci", check.map(Value::from)),
        ("command", text(run.command)),
        ("deadline", seconds(deadline, Gate::DEADLINE)),
        ("deterministic", deterministic.then(|| Value::from(true))),
        ("nice", run.nice.map(Value::from)),
        ("setup", text(run.setup.trim())),
        ("timeout", seconds(run.timeout, Gate::TIMEOUT)),
    ];
    for (field, value) in fields {
        if record.get(field) != value.as_ref() {
            record.set(field, value, stamp);
        }
    }
    let limits = [("file_size", run.file_size), ("memory", run.memory)];
    let limits = limits.into_iter();
    let limits = limits.filter_map(|(name, most)| Some((name.to_owned(), most?.into())));
    let variable = |(name, variable): &(String, Variable)| {
        let value = match variable {
            Variable::Passed => true.into(),
            Variable::Secret => "secret".into(),
            Variable::Set(text) => json!({ "value": text }),
        };
        (name.clone(), value)
    };
    let flags = |names: &[String]| names.iter().map(|it| (it.clone(), true.into())).collect();
    let inputs: Vec<String> = new.reach.inputs.iter().map(|it| plain(it)).collect();
    let maps: [(&str, BTreeMap<String, Value>); 6] = [
        ("env", run.env.iter().map(variable).collect()),
        ("inputs", flags(&inputs)),
        ("keep", flags(run.keep)),
        ("limits", limits.collect()),
        ("needs", flags(new.reach.needs)),
        ("targets", flags(new.reach.targets)),
    ];
    for (field, wanted) in &maps {
        set_map(record, (field, wanted), stamp);
    }
}

/// Sets only what differs of a map.
fn set_map(record: &mut Record, (field, wanted): (&str, &BTreeMap<String, Value>), stamp: &Stamp) {
    let known: Map<String, Value> = record
        .entries(field)
        .map(|(name, value)| (name.to_owned(), value.clone()))
        .collect();
    for name in known.keys().filter(|name| !wanted.contains_key(*name)) {
        record.set_entry(field, name, None, stamp);
    }
    for (name, value) in wanted {
        if known.get(name) != Some(value) {
            record.set_entry(field, name, Some(value.clone()), stamp);
        }
    }
}

/// Returns a path as trees spell it.
fn plain(path: &str) -> String {
    let names = path.split('/').filter(|it| !it.is_empty() && *it != ".");
    let path = names.collect::<Vec<_>>().join("/");
    if path.is_empty() {
        ".".to_owned()
    } else {
        path
    }
}

/// Returns the gates that must pass before anything lands on a branch, each of which may run on this machine;
/// refuses to land over none.
///
/// A gate that was changed elsewhere counts for nothing until it is accepted here, so it cannot be made to be
/// for other branches from there.
pub(super) fn required(home: &Home, branch: &str) -> Result<Vec<Gate>> {
    let mut gates = home.view().gates()?;
    let (rig, has_none) = (home.rig_option(), gates.is_empty());
    refuse_foreign(home, &gates)?;
    gates.retain(|gate| gate.applies_to(branch));
    if gates.is_empty() && !does_without(home)? {
        let none = match has_none {
            true => "no gate is configured, so nothing can land".to_owned(),
            false => format!("no gate is for branch '{branch}', so nothing can land there"),
        };
        return Err(Fault::refused(none)
            .hint(format!(
                "say what must pass: git gt refinery gate add test --command '<command>'{rig}"
            ))
            .hint(format!(
                "or that nothing must, in so many words: git gt refinery gate none{rig}"
            )));
    }
    for gate in gates.iter().filter(|gate| gate.ci().is_some()) {
        ci::remote_of(home, gate.name())?;
    }
    Ok(gates)
}

/// Refuses gates that came from elsewhere and were not accepted on this machine.
pub(super) fn refuse_foreign(home: &Home, gates: &[Gate]) -> Result<()> {
    match gates.iter().find(|gate| !home.accepts(gate)) {
        Some(gate) => Err(not_accepted(home, gate)),
        None => Ok(()),
    }
}

/// Returns whether somebody has said that work lands here without a gate, as it is now: a run may last for days.
fn does_without(home: &Home) -> Result<bool> {
    let rig = home.view().rig(home.rig().name())?;
    Ok(rig.is_some_and(|rig| rig.lands_without_gates()))
}

fn not_accepted(home: &Home, gate: &Gate) -> Fault {
    let (name, rig) = (gate.name(), home.rig_option());
    let what = gate.what();
    Fault::refused(format!(
        "gate '{name}' came from elsewhere and does not count here until you accept it: {what}"
    ))
    .hint(format!(
        "look at it; to let it count here: git gt config accept gate.{name}{rig}"
    ))
}

/// Returns the gate of a name.
pub fn gate_of(view: &View<'_>, name: &str) -> Result<Gate> {
    let gates = view.gates()?;
    gates
        .into_iter()
        .find(|it| it.name() == name)
        .ok_or_else(|| no_gate(name))
}

fn no_gate(name: &str) -> Fault {
    Fault::not_found(format!("there is no gate '{name}'"))
        .hint("git gt refinery gate list shows them")
}

/// Runs a gate of this machine on a commit, in a clean worktree as the Refinery would, and records the attempt
/// where that is wanted: a later run of the queue whose candidate has that tree need not run the gate again.
///
/// After a crash nothing is recorded, or the attempt is.
pub fn run_gate(
    home: &Home,
    actor: &str,
    (gate, commit): (&Gate, Oid),
    is_recorded: bool,
) -> Result<Attempt> {
    if let Some(check) = gate.ci() {
        return Err(Fault::refused(format!(
            "gate '{}' is answered by CI check '{check}' and does not run here",
            gate.name()
        ))
        .hint("git gt refinery run asks it"));
    }
    if !home.accepts(gate) {
        return Err(not_accepted(home, gate));
    }
    let candidate = Candidate::bare(home.repo(), commit)?;
    let ran = Bench::of(home).run(gate, &candidate, &AtomicBool::new(false))?;
    let Ran::Said(attempt) = ran else {
        return Err(Fault::stale(format!(
            "somebody deleted the lock of the worktree while gate '{}' ran",
            gate.name()
        ))
        .hint("run it again"));
    };
    if is_recorded {
        verdict::record(home, actor, (gate, &candidate), &attempt)?;
    }
    Ok(*attempt)
}

/// Removes a gate; its results stay.
pub fn remove_gate(home: &Home, actor: &str, name: &str) -> Result<()> {
    refuse_worker(home.world(), "change gates")?;
    home.write(Name::Config, actor, |view, pen| {
        let record = view
            .gate_record(name)?
            .filter(|record| record.life() % 2 == 0);
        let mut record = record.ok_or_else(|| no_gate(name))?;
        let needs = |gate: &&Gate| gate.needs().iter().any(|it| it == name);
        if let Some(gate) = view.gates()?.iter().find(needs) {
            return Err(
                Fault::refused(format!("gate '{}' needs gate '{name}'", gate.name()))
                    .hint(format!("git gt refinery gate show {}", gate.name())),
            );
        }
        let state = json!({ "life": record.life() + 1, "status": "removed" });
        record.set("state", Some(state), &pen.stamp(&record));
        Ok(Decision::write(
            format!("remove gate {name}"),
            vec![record],
            (),
        ))
    })
    .map(|written| written.value)
}

/// Says in so many words that work lands in this rig without a gate; only gates that exist count then.
pub fn land_without_gates(home: &Home, actor: &str) -> Result<()> {
    refuse_worker(home.world(), "change gates")?;
    let name = home.rig().name().to_owned();
    home.write(Name::Config, actor, |view, pen| {
        let mut rig = view.rig(&name)?.unwrap_or_else(|| Rig::new(&name));
        let stamp = pen.stamp(rig.record());
        rig.record_mut().set("gate", Some("none".into()), &stamp);
        let subject = format!("rig {name} lands without gates");
        Ok(Decision::write(subject, vec![rig.into_record()], ()))
    })
    .map(|written| written.value)
}
