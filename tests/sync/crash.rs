//! A process that ends before any of its writes: whoever comes next finishes what it began, and nothing is
//! damaged.

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::fleet::{Fleet, Member, Output};

/// More writes than any of these commands makes.
const WRITES_MAX: u64 = 200;

/// A copy of some folders of a fleet, in a fleet of its own.
pub(crate) fn copy(template: &Fleet, names: &[&str]) -> Fleet {
    let fleet = Fleet::bare();
    for name in names {
        fleet.copy(&template.path(name), name);
        keep_clone_id(&fleet.at(name));
    }
    fleet
}

/// Lets a copy of a clone go by the same id, so that it writes the same bytes.
fn keep_clone_id(member: &Member<'_>) {
    let dir = git_dir(member);
    let inode = std::fs::metadata(&dir).unwrap().ino();
    let config = std::fs::read_to_string(dir.join("config")).unwrap();
    let lines = config.lines().map(|line| match is_inode(line) {
        true => format!("\tcloneInode = {inode}\n"),
        false => format!("{line}\n"),
    });
    std::fs::write(dir.join("config"), lines.collect::<String>()).unwrap();
}

fn is_inode(line: &str) -> bool {
    line.trim().starts_with("cloneInode = ")
}

fn git_dir(member: &Member<'_>) -> PathBuf {
    let inner = member.path.join(".git");
    if inner.exists() {
        inner
    } else {
        member.path.clone()
    }
}

/// Returns a member whose clock stands still and whose chance is its own, so that all copies are alike.
pub(crate) fn still<'f>(fleet: &'f Fleet, name: &str) -> Member<'f> {
    let seed = name.len() + usize::from(name.as_bytes()[0]);
    let member = fleet.at(name).with("GT_TEST_SEED", &seed.to_string());
    member.with("GT_TEST_NOW", "2026-01-02T00:00:00Z")
}

/// Runs a command in copies of a template, ended before its first write, before its second, and so on until
/// it runs to its end; `after` looks at each copy.
#[track_caller]
pub(crate) fn crash_everywhere(
    template: &Fleet,
    names: &[&str],
    command: &[&str],
    after: impl Fn(&Fleet, u64, &Output),
) {
    for n in 1..WRITES_MAX {
        let fleet = copy(template, names);
        let at = still(&fleet, names[0]);
        let crashed = at.gt_with(("GT_TEST_CRASH_AT", &n.to_string()), command);
        assert!([-1, 0].contains(&crashed.code), "write {n}: {crashed:#?}");
        after(&fleet, n, &crashed);
        if crashed.code == 0 {
            assert!(n > 5, "{command:?} makes only {n} writes");
            return;
        }
    }
    panic!("{command:?} makes more than {WRITES_MAX} writes");
}

fn left_over(member: &Member<'_>) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![git_dir(member)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() {
                folders.push(path);
            } else if name.starts_with("tmp")
                || (name.ends_with(".lock") && !path.starts_with(member.path.join(".git/gt")))
            {
                found.push(path.display().to_string());
            }
        }
    }
    found
}

#[test]
fn init_is_done_as_a_whole_or_not_at_all() {
    let template = Fleet::new();
    template
        .clone_only("ada")
        .git(&["remote", "set-url", "origin", "../hub.git"]);
    let names = ["ada", "hub.git"];
    crash_everywhere(
        &template,
        &names,
        &["init", "--prefix", "gt"],
        |fleet, n, _| {
            let ada = fleet.at("ada");
            let made = ada.json(&["init", "--prefix", "gt"]);
            assert_eq!(made["prefix"], "gt", "write {n}");
            assert_eq!(ada.records("config").len(), 1, "write {n}");
            let id = ada.create("first");
            assert_eq!(ada.show(&id)["title"], "first");
            assert_eq!(left_over(&ada), [""; 0], "write {n}");
            ada.sync();
            assert!(ada.sync().is_empty(), "write {n}");
            ada.is_sound();
        },
    );
}

#[test]
fn create_is_done_as_a_whole_or_not_at_all() {
    let template = Fleet::new();
    let (ada, _, _) = template.two(&["there before"]);
    drop(ada);
    let create = ["create", "--id", "gt-new00", "--notes", "n", "new"];
    crash_everywhere(&template, &["ada"], &create, |fleet, n, crashed| {
        let ada = fleet.at("ada");
        let found = ada.gt(&["show", "gt-new00", "--json"]);
        match (crashed.code, found.code) {
            (0, code) => assert_eq!(code, 0, "write {n}"),
            (_, 0) => {
                ada.gt(&create).fails(4, "exists already");
            }
            (_, code) => {
                assert_eq!(code, 1, "write {n}: {found:#?}");
                ada.gt(&create).done();
            }
        }
        assert_eq!(ada.show("gt-new00")["notes"], "n", "write {n}");
        assert_eq!(
            ada.json(&["list"]).as_array().unwrap().len(),
            2,
            "write {n}"
        );
        assert_eq!(left_over(&ada), [""; 0], "write {n}");
        ada.is_sound();
    });
}

/// Two clones with everything that a sync does: a claim that loses, a bead changed on both sides, new beads,
/// gates, a ledger that only one has.
fn two_with_work() -> Fleet {
    let fleet = Fleet::new();
    let (ada, bob, ids) = fleet.two(&["claimed", "changed"]);
    for member in [&ada, &bob] {
        member.git(&["remote", "set-url", "origin", "../hub.git"]);
        member.gt(&["update", &ids[0], "--claim"]).done();
        member.gt(&["comment", &ids[1], &member.name]).done();
        member
            .gt(&["create", "--id", &format!("gt-{}", member.name), "new"])
            .done();
    }
    ada.gate();
    bob.sync();
    fleet
}

const ALL: [&str; 3] = ["ada", "bob", "hub.git"];

/// Syncs in one clone and returns the trees that it and the hub agree on.
#[track_caller]
fn settled(fleet: &Fleet, name: &str) -> Vec<(String, String)> {
    let member = still(fleet, name);
    member.sync();
    member.is_sound();
    let trees = |member: &Member<'_>| -> Vec<(String, String)> {
        let all = ["for-each-ref", "--format=%(refname) %(tree)", "refs/gt/*"];
        let listed = member.git(&all);
        let pairs = listed.lines().filter_map(|line| line.split_once(' '));
        pairs
            .map(|(name, tree)| (name.to_owned(), tree.to_owned()))
            .collect()
    };
    let agreed = trees(&member);
    assert_eq!(trees(&fleet.at("hub.git")), agreed);
    assert!(agreed.len() > 1, "{agreed:?}");
    agreed
}

#[test]
fn a_sync_that_joins_and_pushes_goes_on_where_it_ended() {
    let template = two_with_work();
    let undisturbed = settled(&copy(&template, &ALL), "ada");
    let check = |fleet: &Fleet, n: u64, _: &Output| {
        assert_eq!(settled(fleet, "ada"), undisturbed, "write {n}");
        let ada = fleet.at("ada");
        assert_eq!(left_over(&ada), [""; 0], "write {n}");
        let claims = &ada.records("beads");
        let holder = claims.values().filter_map(|it| it["claims"].as_object());
        let holders: Vec<_> = holder.flat_map(|it| it.values()).collect();
        assert_eq!(holders.len(), 1, "write {n}: {holders:?}");
        assert_eq!(holders[0]["by"], "bob", "write {n}");
    };
    crash_everywhere(&template, &ALL, &["sync"], check);
}

#[test]
fn a_sync_that_takes_over_goes_on_where_it_ended() {
    let template = two_with_work();
    template.at("ada").sync();
    let undisturbed = settled(&copy(&template, &ALL), "bob");
    let names = ["bob", "ada", "hub.git"];
    crash_everywhere(&template, &names, &["sync"], |fleet, n, _| {
        assert_eq!(settled(fleet, "bob"), undisturbed, "write {n}");
        assert_eq!(left_over(&fleet.at("bob")), [""; 0], "write {n}");
    });
}

/// What a case's command is given: a bead in a convoy, one that is claimed, one that is closed, one for the
/// rest; a branch, one that waits to land, one that was taken back; a gate from elsewhere, a file of beads.
fn with_everything() -> Fleet {
    let fleet = Fleet::new();
    let (ada, bob, _) = fleet.two(&[]);
    let gate = ["refinery", "gate", "add", "lint", "--command", "true"];
    bob.gt(&gate).done();
    bob.sync();
    ada.sync();
    for id in [
        "gt-open", "gt-held", "gt-over", "gt-rest", "gt-wait", "gt-back",
    ] {
        ada.gt(&["create", "--id", id, id]).done();
    }
    let convoy = ada.json(&["convoy", "create", "both", "gt-open", "gt-over"]);
    let convoy = convoy["id"].as_str().unwrap().to_owned();
    ada.gt(&["convoy", "watch", &convoy, "--actor", "bob"])
        .done();
    std::fs::write(fleet.path("convoy"), convoy).unwrap();
    ada.gt(&["update", "gt-held", "--claim"]).done();
    ada.gt(&["close", "gt-over"]).done();
    for (branch, bead) in [("work", ""), ("wait", "gt-wait"), ("back", "gt-back")] {
        ada.commit(branch);
        if !bead.is_empty() {
            ada.gt(&["update", bead, "--claim"]).done();
            ada.gt(&["mq", "submit", "--bead", bead]).done();
        }
    }
    ada.gt(&["mq", "reject", "back", "--reason", "not now"])
        .done();
    ada.git(&["switch", "-q", "work"]);
    let line = |id: &str, title: &str| {
        let times = r#""created_at":"2025-01-01T00:00:00Z","updated_at":"2026-01-01T12:00:00Z""#;
        format!(r#"{{"id":"{id}","title":"{title}","priority":1,{times}}}"#) + "\n"
    };
    let lines = line("gt-new", "new") + &line("gt-rest", "changed");
    std::fs::write(fleet.path("ada/beads.jsonl"), lines).unwrap();
    fleet
}

/// Commands that write to ledgers or settings; `CONVOY` stands for the convoy's id.
const COMMANDS: &[&[&str]] = &[
    // One decision on one ledger.
    &[
        "update",
        "gt-open",
        "--title",
        "new",
        "--add-label",
        "x",
        "--claim",
    ],
    &["reopen", "gt-over"],
    &["dep", "add", "gt-open", "gt-held"],
    &["comment", "gt-open", "text"],
    &["release", "gt-held"],
    &["convoy", "create", "two", "gt-held", "gt-rest"],
    &["convoy", "add", "CONVOY", "gt-rest", "gt-held"],
    &["refinery", "gate", "add", "test", "--command", "true"],
    &["config", "set", "--shared", "backend", "none"],
    // A decision and what follows from it, several records, a ref besides, settings.
    &["close", "gt-open", "--reason", "done"],
    &["convoy", "close", "CONVOY", "--force", "--reason", "enough"],
    &["delete", "gt-open", "--force"],
    &["import", "beads.jsonl"],
    &["mail", "send", "overseer", "-s", "hello", "-m", "text"],
    &["mq", "submit", "--branch", "work", "--bead", "gt-held"],
    &["mq", "reject", "wait", "--reason", "no", "--actor", "bob"],
    &["mq", "retry", "back"],
    &["config", "accept", "gate.lint"],
];

/// Returns what a clone has decided: its refs with their trees, and its settings.
fn decided(member: &Member<'_>) -> (String, String) {
    let format = "--format=%(refname) %(tree)";
    let refs = member.git(&["for-each-ref", format, "refs/gt/"]);
    let config = std::fs::read_to_string(git_dir(member).join("config")).unwrap();
    let mut settings: Vec<&str> = config.lines().filter(|it| !is_inode(it)).collect();
    settings.sort_unstable();
    (refs, settings.join("\n"))
}

/// Draws what follows from whatever was decided before, as each command does that writes, and returns what is
/// decided then.
#[track_caller]
fn draw(member: &Member<'_>) -> (String, String) {
    member.gt(&["label", "add", "gt-rest", "drawn"]).done();
    decided(member)
}

/// Returns all that a repository holds but objects and what is derived: fsck has the same to say of the same.
fn state(member: &Member<'_>) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    let mut folders = vec![git_dir(member)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(&member.path).unwrap().to_owned();
            if path.is_dir() {
                let is_seen = ["objects", "gt", "hooks"]
                    .iter()
                    .all(|it| !path.ends_with(it));
                folders.extend((is_seen || path.ends_with("refs/gt")).then_some(path));
            } else if !path.ends_with("config") {
                found.push((name, std::fs::read(path).unwrap()));
            }
        }
    }
    found.sort_unstable();
    found
}

/// Returns the lines of refs that are ledgers'.
fn ledgers(refs: &str) -> Vec<&str> {
    let is_ledger = |line: &&str| line.matches('/').count() == 2;
    refs.lines().filter(is_ledger).collect()
}

/// A command, and what it comes to where nothing disturbs it.
struct Case<'a> {
    template: &'a Fleet,
    command: Vec<&'a str>,
    before: (String, String),
    after: (String, String),
    drawn: (String, String),
}

impl<'a> Case<'a> {
    fn of(template: &'a Fleet, command: Vec<&'a str>) -> Self {
        let undisturbed = copy(template, &["ada"]);
        let ada = still(&undisturbed, "ada");
        let before = decided(&ada);
        ada.gt(&command).done();
        let after = decided(&ada);
        assert_ne!(after, before, "{command:?} does nothing");
        let drawn = draw(&ada);
        Self {
            template,
            command,
            before,
            after,
            drawn,
        }
    }

    /// Returns a copy in which the command ended before its n-th write, and whether it did.
    #[track_caller]
    fn crashed(&self, n: u64) -> (Fleet, bool) {
        let fleet = copy(self.template, &["ada"]);
        let ada = still(&fleet, "ada");
        let said = ada.gt_with(("GT_TEST_CRASH_AT", &n.to_string()), &self.command);
        assert!([-1, 0].contains(&said.code), "write {n}: {said:#?}");
        (fleet, said.code != 0)
    }

    /// Checks that whoever goes on comes to the same: what was not decided is decided by the same command.
    #[track_caller]
    fn goes_on(&self, ada: &Member<'_>, n: u64) {
        let (refs, settings) = decided(ada);
        if ledgers(&refs) == ledgers(&self.before.0) || settings != self.after.1 {
            ada.gt(&self.command).done();
        }
        assert_eq!(draw(ada), self.drawn, "{:?}, write {n}", self.command);
        assert_eq!(left_over(ada), [""; 0], "{:?}, write {n}", self.command);
    }
}

/// Ends a command before each of its writes: fsck has nothing to say then, or mends it, and whoever goes on
/// with or without that comes to the same.
#[track_caller]
fn check(template: &Fleet, command: &[&str]) {
    let convoy = std::fs::read_to_string(template.path("convoy")).unwrap();
    let named = command.iter().map(|it| match *it {
        "CONVOY" => convoy.as_str(),
        word => word,
    });
    let case = Case::of(template, named.collect());
    let mut known = BTreeSet::new();
    for n in 1..WRITES_MAX {
        let (fleet, is_crash) = case.crashed(n);
        let ada = still(&fleet, "ada");
        if known.insert(state(&ada)) && ada.gt(&["fsck"]).code != 0 {
            let (fleet, _) = case.crashed(n);
            let mended = still(&fleet, "ada");
            mended.gt(&["fsck", "--repair"]).done();
            case.goes_on(&mended, n);
        }
        if is_crash {
            case.goes_on(&ada, n);
        }
        if known.insert(state(&ada)) {
            ada.is_sound();
            ada.gt(&["fsck"]).done();
        }
        if !is_crash {
            assert_eq!(draw(&ada), case.drawn, "{command:?}");
            assert!(n > 1, "{command:?} makes no writes");
            return;
        }
    }
    panic!("{command:?} makes more than {WRITES_MAX} writes");
}

#[test]
fn a_decision_and_what_goes_with_it_survive_a_crash_before_any_write() {
    let template = with_everything();
    for command in COMMANDS {
        check(&template, command);
    }
}

/// How many writers there are, and how often one of them is killed.
const WRITERS: u64 = 10;
const KILLS: u64 = 300;

/// One writer: says something about a bead of its own again and again, and is killed at random moments until
/// the kills are used up. Returns what it was told is written.
fn write_until_killed(fleet: &Fleet, writer: u64, kills: &AtomicU64) -> Vec<String> {
    let ada = fleet.at("ada");
    let mut seed = writer + 1;
    let (mut written, mut whole) = (Vec::new(), Duration::from_millis(100));
    for n in 0..10 * KILLS {
        if kills.load(Ordering::Relaxed) >= KILLS {
            return written;
        }
        // A linear congruential generator (Knuth) is chance enough.
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let limit = whole.mul_f64(1.5 * (seed >> 40) as f64 / (1_u64 << 24) as f64);
        let text = format!("{writer}.{n}");
        let began = Instant::now();
        let said = Output::of(
            ada.command("timeout")
                .args(["--signal=KILL", &format!("{:.6}", limit.as_secs_f64())])
                .arg(env!("CARGO_BIN_EXE_git-gt"))
                .args(["comment", &format!("gt-w{writer}"), &text]),
        );
        match said.code {
            0 => {
                whole = (whole + began.elapsed()) / 2;
                written.push(text);
            }
            // timeout(1) ends as what it killed, or with what a shell would say.
            -1 | 137 => {
                kills.fetch_add(1, Ordering::Relaxed);
                // Where hardly anybody comes to an end, the machine is slower than was thought.
                whole = whole.mul_f64(1.1);
            }
            _ => panic!("{said:#?}"),
        }
    }
    panic!("hardly anything was killed in time");
}

#[test]
#[cfg(target_os = "linux")]
fn ten_writers_that_are_killed_lose_nothing_they_were_told_is_written() {
    let fleet = Fleet::new();
    let (ada, _, _) = fleet.two(&[]);
    for writer in 0..WRITERS {
        let id = format!("gt-w{writer}");
        ada.gt(&["create", "--id", &id, "bead"]).done();
    }
    let kills = AtomicU64::new(0);
    let written: Vec<Vec<String>> = std::thread::scope(|scope| {
        let start = |writer| {
            let (fleet, kills) = (&fleet, &kills);
            scope.spawn(move || write_until_killed(fleet, writer, kills))
        };
        let writers: Vec<_> = (0..WRITERS).map(start).collect();
        writers.into_iter().map(|it| it.join().unwrap()).collect()
    });
    let records = ada.records("beads");
    for (writer, written) in written.iter().enumerate() {
        let comments = records[&format!("gt-w{writer}")]["comments"].clone();
        let comments = comments.as_object().cloned().unwrap_or_default();
        let there: Vec<&str> = comments
            .values()
            .filter_map(|it| it["text"].as_str())
            .collect();
        for text in written {
            let times = there.iter().filter(|it| **it == text).count();
            assert_eq!(times, 1, "{text} of {there:?}");
        }
    }
    assert!(
        written.iter().map(Vec::len).sum::<usize>() > 30,
        "hardly anything was written"
    );
    // No lock that was left is in anybody's way.
    ada.gt(&["comment", "gt-w0", "after all"]).done();
    let locks = left_over(&ada)
        .into_iter()
        .filter(|it| it.ends_with(".lock"));
    assert_eq!(locks.collect::<Vec<_>>(), [""; 0]);
    ada.is_sound();
    ada.gt(&["fsck"]).done();
}
