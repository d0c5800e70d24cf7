//! Sync over a file, git and http, against `git push` of one commit over the same transport.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::fixture::{Fixture, gt, lines, program, run};
use crate::server::Server;
use crate::table::{Table, ms, part};

const BEADS: &str = "refs/gt/beads";

/// How often every transfer is made.
const ROUNDS: usize = 8;

/// How many clones sync back to back, and how often each does.
const CLONES: usize = 10;
const SYNCS: usize = 10;

/// What `git push` of one empty commit takes: what going there costs at least.
const PUSH: &str = "git push of an empty commit";

/// What `git push` of one commit of the ledger takes: what a sync of as much is compared with.
const PUSH_TEN: &str = "git push of a commit of 10 records";

/// Measures transfers over every transport, joins, and a crowd of clones.
pub(crate) fn run_all(fixture: &Fixture) -> Result<()> {
    let root = fixture.path("");
    run(&root, "git", &["init", "--quiet", "--bare", "hub.git"], "")?;
    let hub = root.join("hub.git");
    run(&hub, "git", &["config", "http.receivepack", "true"], "")?;
    let file = hub
        .to_str()
        .context("a temporary folder is text")?
        .to_owned();
    let servers = [Server::git(&root), Server::http(&root)];
    let mut urls = vec![("file", file.clone())];
    let names = ["git", "http"].into_iter().zip(&servers);
    urls.extend(names.filter_map(|(name, server)| Some((name, server.as_ref()?.url()))));
    let here = fixture.repo();
    run(&here, "git", &["remote", "add", "origin", &file], "")?;
    run(
        &here,
        "git",
        &["commit", "--quiet", "--allow-empty", "-m", "one"],
        "",
    )?;
    // Where the target is missing it is asked for once more without it.
    run(
        &here,
        "git",
        &["push", "--quiet", "origin", "HEAD:refs/heads/main"],
        "",
    )?;
    gt(&here, &["sync"])?;
    for (name, url) in &urls {
        run(&here, "git", &["remote", "set-url", "origin", url], "")?;
        transfers(&here, name)?;
    }
    run(&here, "git", &["remote", "set-url", "origin", &file], "")?;
    joins(&here, &root, &file)?;
    crowd(&root, &file)
}

fn change(at: &Path, numbers: std::ops::Range<usize>) -> Result<()> {
    run(at, program(), &["import", "-"], &lines(numbers)).map(drop)
}

fn transfers(here: &Path, name: &str) -> Result<()> {
    let mut table = Table::default();
    for round in 0..ROUNDS {
        run(
            here,
            "git",
            &["commit", "--quiet", "--allow-empty", "-m", "more"],
            "",
        )?;
        let branch = format!("HEAD:refs/heads/{name}-{round}");
        table.add(
            PUSH,
            run(here, "git", &["push", "--quiet", "origin", &branch], "")?.took,
        );
        table.add("sync, nothing changed", gt(here, &["sync"])?.took);
        change(here, 0..10)?;
        let pushed = run(here, "git", &["push", "--quiet", "origin", BEADS], "")?;
        table.add(PUSH_TEN, pushed.took);
        gt(here, &["sync"])?;
        for changed in [10, 1_000] {
            if changed > 10 && round % 4 != 0 {
                continue;
            }
            change(here, 0..changed)?;
            let what = format!("sync, {changed} changed");
            table.add(&what, gt(here, &["sync"])?.took);
        }
    }
    table.print(
        &format!("Sync over {name}"),
        &[(PUSH, "push"), (PUSH_TEN, "push of 10")],
    );
    Ok(())
}

fn joins(here: &Path, root: &Path, hub: &str) -> Result<()> {
    let there = clone(root, hub, "other")?;
    let mut table = Table::default();
    for _ in 0..4 {
        for changed in [10, 1_000] {
            change(&there, 0..changed)?;
            gt(&there, &["sync"])?;
            change(here, changed..2 * changed)?;
            let what = format!("sync, {changed} changed on each side");
            table.add(&what, gt(here, &["sync"])?.took);
            gt(&there, &["sync"])?;
        }
    }
    table.print("Sync that joins, over a file", &[]);
    Ok(())
}

fn clone(root: &Path, hub: &str, name: &str) -> Result<PathBuf> {
    run(root, "git", &["clone", "--quiet", "--bare", hub, name], "")?;
    let at = root.join(name);
    run(&at, "git", &["config", "gt.maintain", "off"], "")?;
    gt(&at, &["init"])?;
    Ok(at)
}

/// Lets many clones write and sync back to back; all of them hold the same in the end.
fn crowd(root: &Path, hub: &str) -> Result<()> {
    let names: Vec<String> = (0..CLONES).map(|it| format!("clone-{it}")).collect();
    let clones: Vec<PathBuf> = names
        .iter()
        .map(|name| clone(root, hub, name))
        .collect::<Result<_>>()?;
    let mut all = std::thread::scope(|scope| -> Result<Vec<Duration>> {
        let threads: Vec<_> = clones
            .iter()
            .map(|at| scope.spawn(move || back_to_back(at)))
            .collect();
        let mut all = Vec::new();
        for thread in threads {
            all.extend(thread.join().expect("a clone does not panic")?);
        }
        Ok(all)
    })?;
    all.sort();
    for _ in 0..2 {
        for at in &clones {
            gt(at, &["sync"])?;
        }
    }
    let tree = |at: &PathBuf| run(at, "git", &["rev-parse", "refs/gt/beads^{tree}"], "");
    let mut trees: Vec<String> = Vec::new();
    for at in &clones {
        trees.push(tree(at)?.text);
    }
    trees.dedup();
    println!(
        "{CLONES} clones, {SYNCS} syncs each, back to back: p50 {} ms, p99 {} ms, none gave up; {} at the end.\n",
        ms(part(&all, 50)),
        ms(part(&all, 99)),
        match trees.len() {
            1 => "one tree".to_owned(),
            count => format!("{count} TREES"),
        }
    );
    Ok(())
}

fn back_to_back(at: &Path) -> Result<Vec<Duration>> {
    let mut all = Vec::new();
    for round in 0..SYNCS {
        gt(at, &["create", &format!("round {round}"), "--silent"])?;
        all.push(gt(at, &["sync"])?.took);
    }
    Ok(all)
}
