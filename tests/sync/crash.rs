//! A process that ends before any of its writes: whoever comes next finishes what it began, and nothing is
//! damaged.

use crate::fleet::{Fleet, Member, Output};

/// More writes than any of these commands makes.
const WRITES_MAX: u64 = 200;

/// A copy of some folders of a fleet, in a fleet of its own.
pub(crate) fn copy(template: &Fleet, names: &[&str]) -> Fleet {
    let fleet = Fleet::bare();
    for name in names {
        let mut copying = std::process::Command::new("cp");
        copying
            .arg("-r")
            .arg(template.path(name))
            .arg(fleet.path(name));
        assert!(copying.status().unwrap().success());
    }
    fleet
}

/// Returns a member whose clock stands still and whose chance is its own, so that all copies are alike.
fn still<'f>(fleet: &'f Fleet, name: &str) -> Member<'f> {
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
    let git_dir = if member.path.join(".git").exists() {
        ".git"
    } else {
        "."
    };
    let mut found = Vec::new();
    let mut folders = vec![member.path.join(git_dir)];
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
    ada.gt(&["refinery", "gate", "add", "test", "--command", "true"])
        .done();
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
