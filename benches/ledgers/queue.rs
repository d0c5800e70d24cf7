//! The merge queue: asking and growing one in which many wait, and landing, against git doing the same by hand.

use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use crate::commands::CAT_FILE;
use crate::fixture::{gt, init, run};
use crate::table::Table;

/// How many requests wait where nothing lands, and how often it is asked what comes next.
const WAITING: usize = 1_000;
const ROUNDS: usize = 20;

/// How many requests land, and how often.
const LANDING: usize = 64;
const LANDINGS: usize = 5;

/// How many files the target has.
const FILES: usize = 500;

/// What git takes to read as many records as wait.
const CAT_ALL: &str = "git cat-file --batch of as many records as wait";

const HASH: &str = "git hash-object -w --stdin";

/// What git takes for what a candidate needs at least.
const BY_HAND: &str = "merge-tree, commit-tree, checkout, sh -c true, update-ref; per candidate";

/// Measures a long queue, and then landings.
pub(crate) fn run_all() -> Result<()> {
    println!("\n# A merge queue\n");
    let root = tempfile::tempdir()?;
    waiting(&root.path().join("waiting"))?;
    let mut table = Table::default();
    for round in 0..LANDINGS {
        let at = root.path().join(format!("landing-{round}"));
        land(&at, &mut table)?;
    }
    let title = format!("Landing {LANDING} requests");
    table.print(&title, &[(BY_HAND, "by hand")]);
    Ok(())
}

/// Makes a repository with a gate that passes and so many branches, each with a file of its own.
fn branches(at: &Path, count: usize) -> Result<()> {
    init(at)?;
    let mut stream = String::new();
    let head = |branch: &str, mark: usize| {
        format!(
            "commit refs/heads/{branch}\nmark :{mark}\ncommitter ada <ada@example.com> 1767225600 +0000\ndata 4\nwork\n"
        )
    };
    let file = |name: &str| format!("M 100644 inline {name}\ndata 5\ntext\n\n");
    stream.push_str(&head("main", 1));
    for number in 0..FILES {
        stream.push_str(&file(&format!("src/{}/{number}", number % 20)));
    }
    for number in 0..count {
        let head = head(&branch(number), number + 2);
        let file = file(&format!("src/{}/new{number}", number % 20));
        write!(stream, "\n{head}from :1\n{file}")?;
    }
    run(at, "git", &["fast-import", "--quiet"], &stream)?;
    // The target moves; nobody has it checked out.
    run(at, "git", &["checkout", "--quiet", "--detach", "main"], "")?;
    let gate = ["refinery", "gate", "add", "test", "--command", "true"];
    gt(at, &gate).map(drop)
}

fn branch(number: usize) -> String {
    format!("work-{number}")
}

fn submit(at: &Path, number: usize) -> Result<Duration> {
    Ok(gt(at, &["mq", "submit", "--branch", &branch(number)])?.took)
}

/// Measures what a queue is asked while many wait.
fn waiting(at: &Path) -> Result<()> {
    branches(at, WAITING + ROUNDS)?;
    for number in 0..WAITING {
        submit(at, number)?;
    }
    let listing = ["ls-tree", "-r", "refs/gt/queue"];
    let listing = run(at, "git", &listing, "")?.text;
    let records = listing.lines().filter_map(|line| {
        let (what, path) = line.split_once('\t')?;
        path.contains('/')
            .then_some((what.split(' ').nth(2)?, path))
    });
    let (ids, paths): (Vec<&str>, Vec<&str>) = records.unzip();
    ensure!(ids.len() == WAITING, "{} requests are kept", ids.len());
    let ids = ids.join("\n");
    let object = format!("refs/gt/queue:{}", paths[0]);
    let mut table = Table::default();
    for round in 0..ROUNDS {
        let one = run(at, "git", &["cat-file", "blob", &object], "")?;
        table.add(CAT_FILE, one.took);
        let hash = run(at, "git", &["hash-object", "-w", "--stdin"], &object)?;
        table.add(HASH, hash.took);
        let all = run(at, "git", &["cat-file", "--batch"], &ids)?;
        table.add(CAT_ALL, all.took);
        table.add("git gt mq list", gt(at, &["mq", "list"])?.took);
        let next = gt(at, &["refinery", "explain"])?;
        ensure!(next.text.contains(" may land"), "{}", next.text);
        table.add("git gt refinery explain", next.took);
        table.add("git gt mq submit", submit(at, WAITING + round)?);
    }
    let to = [
        (CAT_ALL, "cat-file --batch"),
        (CAT_FILE, "cat-file"),
        (HASH, "hash-object"),
    ];
    table.print(&format!("{WAITING} requests wait"), &to);
    Ok(())
}

/// Lands the same requests in the same batches, by the queue and by hand.
fn land(at: &Path, table: &mut Table) -> Result<()> {
    branches(at, LANDING)?;
    for number in 0..LANDING {
        submit(at, number)?;
    }
    let before = rev(at, "main")?;
    let took = gt(at, &["refinery", "run", "--workers", "1"])?.took;
    let tips = run(at, "git", &["reflog", "--format=%H", "main"], "")?.text;
    let mut tips: Vec<&str> = tips.lines().collect();
    tips.pop();
    tips.reverse();
    let (after, candidates) = (rev(at, "main")?, tips.len() as u32);
    ensure!(tips.last() == Some(&&*after), "{tips:?}");
    table.add("git gt refinery run, per candidate", took / candidates);
    run(at, "git", &["update-ref", "refs/heads/main", &before], "")?;
    let mut batches = Vec::new();
    let mut base = before.as_str();
    for tip in tips {
        let range = format!("{base}..{tip}");
        let log = ["log", "--first-parent", "--reverse", "--format=%P", &range];
        let parents = run(at, "git", &log, "")?.text;
        let heads = parents.lines().filter_map(|it| it.split(' ').nth(1));
        batches.push(heads.map(str::to_owned).collect::<Vec<_>>());
        base = tip;
    }
    let merged: usize = batches.iter().map(Vec::len).sum();
    ensure!(merged == LANDING, "{merged} requests are in {batches:?}");
    let start = Instant::now();
    by_hand(at, &before, &batches)?;
    table.add(BY_HAND, start.elapsed() / candidates);
    let trees = [format!("{after}^{{tree}}"), "main^{tree}".to_owned()];
    let [theirs, ours] = trees.map(|it| rev(at, &it));
    ensure!(theirs? == ours?, "by hand it comes to something else");
    Ok(())
}

/// Merges, tests and lands batches of commits with one program of git for each step.
fn by_hand(at: &Path, before: &str, batches: &[Vec<String>]) -> Result<()> {
    let git = |args: &[&str]| anyhow::Ok(run(at, "git", args, "")?.text.trim().to_owned());
    let dir = at.join("by-hand");
    let dir = dir.to_str().context("a temporary folder is text")?;
    git(&["worktree", "add", "--quiet", "--detach", dir, before])?;
    let mut tip = before.to_owned();
    for heads in batches {
        let old = tip.clone();
        for head in heads {
            let tree = git(&["merge-tree", "--write-tree", &tip, head])?;
            tip = git(&["commit-tree", "-p", &tip, "-p", head, "-m", "land", &tree])?;
        }
        git(&["-C", dir, "checkout", "--quiet", "--detach", &tip])?;
        run(Path::new(dir), "sh", &["-c", "true"], "")?;
        git(&["update-ref", "refs/heads/main", &tip, &old])?;
    }
    Ok(())
}

fn rev(at: &Path, name: &str) -> Result<String> {
    let said = run(at, "git", &["rev-parse", "--verify", name], "")?;
    Ok(said.text.trim().to_owned())
}
