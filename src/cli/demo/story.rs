//! The story of the demo, from an empty folder to a second clone that agrees.

use std::path::Path;

use serde_json::{Value, json};

use super::project::{self, Work};
use super::teller::Teller;
use crate::agent::{self, Order};
use crate::bead::{Draft, Edit, make};
use crate::cli::reply::columns;
use crate::cli::sync;
use crate::daemon::{self, Until};
use crate::fault::{Fault, Result};
use crate::git::Repo;
use crate::ledger::{Decision, Name, Snapshot};
use crate::record::{Bead, Request, RequestStatus};
use crate::refinery::{Event, NewCheck, NewGate, add_gate};
use crate::settle;
use crate::town::{Agent, Home, NewRig, Place, adopt, found};
use crate::world::{World, fs};

/// How the demo ended.
pub(super) struct Story {
    pub(super) value: Value,
    pub(super) table: String,
}

const YOU: &str = "you";

/// Tells the whole story in `dir`, which is empty.
pub(super) fn tell(world: &World, dir: &Path, silent: bool) -> Result<Story> {
    let mut teller = Teller::new(world, silent);
    teller.head("A project, a remote, and beads in refs/gt/*");
    project::make(world, dir)?;
    let home = settle_in(&world.at(&dir.join(project::NAME)), dir)?;
    teller.say(&format!(
        "init      rig {}, gate test: {}",
        home.rig().name(),
        project::TEST
    ));
    let beads = plan_work(&home, dir)?;
    for bead in &beads {
        teller.say(&format!(
            "create    {} P{} {}",
            bead.id(),
            bead.priority(),
            bead.title()
        ));
    }
    teller.head("Slung to eight polecats, each in a worktree of its own, all at once");
    for bead in &beads {
        let hook = sling(&home, bead)?;
        teller.say(&format!("sling     {} to {hook}", bead.id()));
        teller.look(&home)?;
    }
    teller.follow(&home)?;
    teller.head("The queue, as it came in");
    teller.queue(&home)?;
    teller.head("The Refinery: batches, and bisection where one is red");
    let mut runs = 0;
    daemon::run(&home, Until::Idle, &mut |event| {
        runs += u64::from(matches!(event, Event::Run { .. }));
        teller.refinery(&event);
    })?;
    teller.head("A second clone, by push and fetch alone");
    let agreed = second_clone(&home, dir, &teller)?;
    summary(&home, (runs, agreed), &teller)
}

fn settle_in(world: &World, dir: &Path) -> Result<Home> {
    let repo = Repo::discover(world)?;
    let hooks = dir
        .join(format!("{}.gt", project::NAME))
        .display()
        .to_string();
    // Written down, so that nothing in the user's own configuration can stand in for it.
    let settings = [
        ("gt.backend", "headless"),
        ("gt.hooksDir", hooks.as_str()),
        ("gt.remote", "origin"),
        ("gt.defaultAgent", "scripted"),
    ];
    for (key, value) in settings {
        repo.set_setting(key, value)?;
    }
    found(
        &repo,
        YOU,
        &NewRig {
            name: None,
            prefix: Some("al"),
        },
    )?;
    let home = Home::open(world)?;
    let gate = NewGate {
        name: "test",
        check: NewCheck::Command {
            command: project::TEST,
            timeout: None,
            keep: &[],
        },
    };
    add_gate(&home, YOU, &gate)?;
    let script = dir.join("polecat.sh");
    fs::create_new(&script, project::POLECAT.as_bytes())
        .map_err(|error| Fault::io("write", &script, &error))?;
    let changes = dir.join("changes");
    let agent = Agent {
        name: "scripted".to_owned(),
        command: format!(
            "sh '{}' \"$(cat '{}'/\"$GT_BEAD\")\"",
            script.display(),
            changes.display()
        ),
    };
    home.set_agent(YOU, &agent, Place::Local)?;
    Home::open(world)
}

/// Creates the beads, and notes for the scripted agent which change does which.
fn plan_work(home: &Home, dir: &Path) -> Result<Vec<Bead>> {
    let mut beads = Vec::new();
    for work in project::backlog() {
        let bead = create(home, &work)?;
        let note = dir.join("changes").join(bead.id());
        fs::create_new(&note, work.number.as_bytes())
            .map_err(|error| Fault::io("write", &note, &error))?;
        beads.push(bead);
    }
    Ok(beads)
}

fn create(home: &Home, work: &Work) -> Result<Bead> {
    let draft = Draft {
        title: work.title.to_owned(),
        fields: Edit {
            issue_type: Some(work.issue_type.to_owned()),
            priority: Some(work.priority),
            texts: vec![("description", work.description.to_owned())],
            ..Edit::default()
        },
        ..Draft::default()
    };
    let written = home.write(Name::Beads, YOU, |view, pen| {
        let (bead, _) = make(view, pen, (home.rig().prefix(), YOU), &draft)?;
        let subject = format!("create {}: {}", bead.id(), bead.title());
        Ok(Decision::write(subject, vec![bead.record().clone()], bead))
    })?;
    Ok(written.value)
}

fn sling(home: &Home, bead: &Bead) -> Result<String> {
    let order = Order {
        args: String::new(),
        bead: bead.id().to_owned(),
        polecat: None,
        agent: Some(home.agent(None)?),
        backend: home.backend()?,
        force: false,
    };
    Ok(agent::sling(home, YOU, &order)?.hook.agent)
}

/// Makes a second clone and returns whether all its ledgers have the same trees as the first one's.
fn second_clone(home: &Home, dir: &Path, teller: &Teller) -> Result<bool> {
    sync::once(home, "origin")?;
    settle::fully(home);
    sync::once(home, "origin")?;
    let (world, second) = (home.world(), dir.join("second"));
    let remote = dir.join("remote.git").display().to_string();
    let into = second.display().to_string();
    project::git(world, dir, &["clone", "--quiet", &remote, &into])?;
    adopt(&Repo::discover(&world.at(&second))?)?;
    let other = Home::open(&world.at(&second))?;
    sync::once(&other, "origin")?;
    let mut agreed = true;
    for ledger in Name::ALL {
        let tree = |home: &Home| {
            let tip = home.repo().find_ref(ledger.ref_name())?;
            Ok::<_, Fault>(Snapshot::at(home.repo(), tip)?.tree())
        };
        let (here, there) = (tree(home)?, tree(&other)?);
        agreed = agreed && here == there;
        let short = |tree: Option<crate::git::Oid>| {
            tree.map_or_else(
                || "none".to_owned(),
                |tree| tree.to_hex_with_len(12).to_string(),
            )
        };
        teller.say(&format!(
            "sync      {:<16} {} = {}",
            ledger.ref_name(),
            short(here),
            short(there)
        ));
    }
    if agreed {
        Ok(true)
    } else {
        Err(Fault::fatal("the second clone does not agree"))
    }
}

fn summary(home: &Home, (runs, agreed): (u64, bool), teller: &Teller) -> Result<Story> {
    let view = home.view();
    let requests = crate::mq::sorted(view.requests()?);
    let of = |status| {
        requests
            .iter()
            .filter(|it| it.status() == status)
            .collect::<Vec<_>>()
    };
    let (landed, ejected) = (of(RequestStatus::Landed), of(RequestStatus::Ejected));
    let bounced = of(RequestStatus::Conflict);
    let mut rows = Vec::new();
    for (word, group) in [
        ("landed", &landed),
        ("ejected", &ejected),
        ("bounced", &bounced),
    ] {
        for request in group {
            let bead = view.bead(request.bead())?;
            let (title, status) = bead
                .as_ref()
                .map_or(("", ""), |bead| (bead.title(), bead.status()));
            let why = request.reason().to_owned();
            let bead_now = format!("bead {status}");
            rows.push(vec![
                word.to_owned(),
                request.bead().to_owned(),
                bead_now,
                title.to_owned(),
                why,
            ]);
        }
    }
    let seconds = teller.seconds();
    let mut table = format!("\n{}", columns(rows.iter().map(|row| row[..4].to_vec())));
    for row in rows.iter().filter(|row| !row[4].is_empty()) {
        table.push_str(&format!("  {}: {}\n", row[1], row[4]));
    }
    table.push_str(&format!(
        "\n{} landed, {} ejected, {} bounced; {runs} gate runs instead of {} for one each; {seconds:.1} s\n",
        landed.len(),
        ejected.len(),
        bounced.len(),
        requests.len(),
    ));
    let ids = |group: &[&Request]| {
        group
            .iter()
            .map(|it| it.bead().to_owned())
            .collect::<Vec<_>>()
    };
    let value = json!({
        "landed": ids(&landed),
        "ejected": ids(&ejected),
        "bounced": ids(&bounced),
        "gate_runs": runs,
        "gate_runs_one_each": requests.len(),
        "seconds": seconds,
        "second_clone_agrees": agreed,
    });
    Ok(Story { value, table })
}
