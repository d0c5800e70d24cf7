//! Damage: whatever is broken in a repository is named, and mended from what is left; nothing that can be
//! read goes with it, and git packs the repository again.

use std::path::PathBuf;

use serde_json::Value;

use crate::crash::{copy, crash_everywhere};
use crate::fleet::{Fleet, Member, agree};

/// Two clones with four beads, the last of which only the first clone has.
fn template() -> Fleet {
    let fleet = Fleet::new();
    let (ada, bob, _) = fleet.two(&["one", "two", "three"]);
    for member in [&ada, &bob] {
        member.git(&["remote", "set-url", "origin", "../hub.git"]);
    }
    ada.gt(&["create", "--id", "gt-four0", "four"]).done();
    ada.gt(&["comment", "gt-four0", "said"]).done();
    fleet
}

fn object(member: &Member<'_>, name: &str) -> PathBuf {
    let id = member.git(&["rev-parse", "--verify", name]);
    member
        .path
        .join(".git/objects")
        .join(&id[..2])
        .join(&id[2..])
}

/// Returns the path of a record in its ledger.
fn place(member: &Member<'_>, id: &str) -> String {
    let all = member.git(&["ls-tree", "-r", "--name-only", "refs/gt/beads"]);
    let found = all.lines().find(|it| it.ends_with(&format!("/{id}.json")));
    found.unwrap().to_owned()
}

/// Puts a file at a path of the newest beads, as somebody with plain git would.
fn put(member: &Member<'_>, mode: &str, path: &str, content: &str) {
    let index = member.path.join("index");
    let index = ("GIT_INDEX_FILE", index.to_str().unwrap());
    let git = |args: &[&str]| {
        let member = member.fleet.at(&member.name).with(index.0, index.1);
        member.git(args)
    };
    git(&["read-tree", "refs/gt/beads"]);
    let blob = member.feed(&["hash-object", "-w", "--stdin"], content.as_bytes());
    let info = format!("{mode},{},{path}", blob.trim());
    git(&["update-index", "--add", "--cacheinfo", &info]);
    let tree = git(&["write-tree"]);
    let commit = git(&["commit-tree", "-m", "by hand", "-p", "refs/gt/beads", &tree]);
    git(&["update-ref", "refs/gt/beads", &commit]);
    std::fs::remove_file(member.path.join("index")).unwrap();
}

fn spoil(path: &PathBuf) {
    std::fs::remove_file(path).unwrap();
    std::fs::write(path, "garbage").unwrap();
}

/// Returns the kinds of problems that are no remarks.
#[track_caller]
fn problems(member: &Member<'_>) -> Vec<String> {
    let said = member.gt(&["fsck", "--full", "--json"]).json();
    let found = said["repositories"][0]["problems"]
        .as_array()
        .unwrap()
        .clone();
    let found = found.iter().filter(|it| it["remark"] == false);
    let mut kinds: Vec<String> = found
        .map(|it| it["problem"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(said["ok"], kinds.is_empty(), "{said}");
    kinds.dedup();
    kinds
}

/// Damages a copy of the template, and checks that it is found, that it is mended, that the beads with
/// `titles` are there then, and that after a sync both clones agree.
#[track_caller]
fn check(template: &Fleet, damage: impl Fn(&Member<'_>), found: &[&str], titles: &[&str]) -> Fleet {
    let fleet = copy(template, &["ada", "bob", "hub.git"]);
    let ada = fleet.at("ada");
    assert_eq!(problems(&ada), [""; 0]);
    damage(&ada);
    assert_eq!(problems(&ada), found);
    let tip = ada.tip("beads");
    ada.gt(&["fsck", "--full"])
        .fails(1, "hint: to mend it: git gt fsck --repair");
    assert_eq!(ada.tip("beads"), tip, "a look writes nothing");
    ada.gt(&["fsck", "--repair", "--full"]).done();
    let mut all: Vec<String> = ada
        .json(&["list"])
        .as_array()
        .unwrap()
        .iter()
        .map(title)
        .collect();
    all.sort();
    assert_eq!(all, titles);
    ada.git(&["repack", "-a", "-d", "-q"]);
    agree(&[&ada, &fleet.at("bob")]);
    fleet
}

fn title(bead: &Value) -> String {
    bead["title"].as_str().unwrap().to_owned()
}

const ALL: [&str; 4] = ["four", "one", "three", "two"];

#[test]
fn what_is_damaged_is_mended_from_what_is_left() {
    let template = template();
    let check = |damage: &dyn Fn(&Member<'_>), found: &[&str], titles: &[&str]| {
        check(&template, damage, found, titles);
    };
    // The comment goes, the bead stays.
    let blob = |ada: &Member<'_>| format!("refs/gt/beads:{}", place(ada, "gt-four0"));
    check(
        &|ada| spoil(&object(ada, &blob(ada))),
        &["object", "history"],
        &ALL,
    );
    let created = |ada: &Member<'_>| format!("refs/gt/beads~1:{}", place(ada, "gt-four0"));
    let gone = |path: PathBuf| std::fs::remove_file(path).unwrap();
    // What cannot be read in the history keeps nothing that is newer from being kept.
    check(&|ada| gone(object(ada, &created(ada))), &["history"], &ALL);
    check(
        &|ada| spoil(&object(ada, &created(ada))),
        &["history"],
        &ALL,
    );
    check(
        &|ada| gone(object(ada, "refs/gt/beads")),
        &["object", "history"],
        &ALL,
    );
    check(
        &|ada| gone(object(ada, "refs/gt/beads^{tree}")),
        &["object", "history"],
        &ALL,
    );
    // All that ever knew of the fourth bead.
    let forget = |ada: &Member<'_>| {
        gone(object(ada, &blob(ada)));
        gone(object(ada, "refs/gt/beads~1^{tree}"));
    };
    check(&forget, &["object", "history"], &ALL[1..]);
    let of_ref = |ada: &Member<'_>, name: &str| ada.path.join(".git").join(name);
    check(
        &|ada| std::fs::write(of_ref(ada, "refs/gt/beads"), "").unwrap(),
        &["ref"],
        &ALL,
    );
    check(&|ada| gone(of_ref(ada, "refs/gt/beads")), &["gone"], &ALL);
    // Nothing is left here: what was fetched is.
    let all = |ada: &Member<'_>| {
        gone(of_ref(ada, "logs/refs/gt/beads"));
        std::fs::write(of_ref(ada, "refs/gt/beads"), "").unwrap();
    };
    check(&all, &["ref"], &ALL[1..]);
}

#[test]
fn what_does_not_belong_leaves_the_ledger_and_stays_in_its_history() {
    let template = template();
    let check =
        |damage: &dyn Fn(&Member<'_>), found: &[&str]| check(&template, damage, found, &ALL);
    let fleet = check(&|ada| put(ada, "100644", "README", "hello"), &["entry"]);
    let ada = fleet.at("ada");
    let mended = ada.git(&[
        "log",
        "--format=%H",
        "--grep=mend the ledger",
        "refs/gt/beads",
    ]);
    assert_eq!(ada.git(&["show", &format!("{mended}~1:README")]), "hello");
    check(
        &|ada| put(ada, "120000", "a/b/gt-four0.json", "/etc/passwd"),
        &["entry"],
    );
    check(
        &|ada| put(ada, "100644", "a/b/gt-four0.json", "{}"),
        &["entry"],
    );
    check(&|ada| put(ada, "100644", "meta.json", "?"), &["meta"]);
    let there = |ada: &Member<'_>| place(ada, "gt-four0");
    let fleet = check(
        &|ada| put(ada, "100644", &there(ada), "scribbled over"),
        &["record"],
    );
    let four = fleet.at("bob").records("beads")["gt-four0"].clone();
    let said: Vec<&Value> = four["comments"].as_object().unwrap().values().collect();
    assert_eq!(said[0]["text"], "said", "{four}");
    // A record but for its form.
    let reformat = |ada: &Member<'_>| {
        let path = there(ada);
        let text = ada.git(&["show", &format!("refs/gt/beads:{path}")]);
        put(
            ada,
            "100644",
            &path,
            &text.replace("\"four\"", "\"by hand\"").replace("  ", " "),
        );
        assert_eq!(ada.gt(&["show", "gt-four0"]).code, 1);
    };
    let titles = ["by hand", "one", "three", "two"];
    super::damage::check(&template, reformat, &["record"], &titles);
}

#[test]
fn refs_that_name_nothing_go_back_or_go() {
    let template = template();
    // Of as many digits as ids have, which tests are run with either kind of.
    let is_long = super::fleet::format() == "sha256";
    let absent = &"1234567890".repeat(7)[..if is_long { 64 } else { 40 }];
    let write = |ada: &Member<'_>, name: &str, value: &str| {
        let path = ada.path.join(".git").join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, format!("{value}\n")).unwrap();
    };
    let copies =
        |ada: &Member<'_>| ada.git(&["for-each-ref", "--format=%(refname)", "refs/gt-remote"]);
    check(
        &template,
        |ada| write(ada, "refs/gt-local/hooks/ab", absent),
        &["ref"],
        &ALL,
    );
    check(
        &template,
        |ada| write(ada, "refs/gt/mr/ab", "nonsense"),
        &["ref"],
        &ALL,
    );
    let copy = |ada: &Member<'_>| {
        let all = copies(ada);
        write(
            ada,
            all.lines().find(|it| it.ends_with("/beads")).unwrap(),
            absent,
        );
    };
    check(&template, copy, &["object", "history"], &ALL);
    let fleet = check(
        &template,
        |ada| write(ada, "refs/gt-local/backup/beads", absent),
        &["object", "history"],
        &ALL,
    );
    assert_eq!(
        fleet
            .at("ada")
            .git(&["for-each-ref", "refs/gt-local/backup"]),
        ""
    );
}

#[test]
fn mending_may_crash_before_any_write() {
    let template = template();
    let ada = template.at("ada");
    spoil(&object(
        &ada,
        &format!("refs/gt/beads:{}", place(&ada, "gt-four0")),
    ));
    put(&ada, "100644", "README", "hello");
    crash_everywhere(&template, &["ada"], &["fsck", "--repair"], |fleet, n, _| {
        let ada = fleet.at("ada");
        ada.gt(&["fsck", "--repair"]).done();
        assert_eq!(problems(&ada), [""; 0], "write {n}");
        assert_eq!(
            ada.json(&["list"]).as_array().unwrap().len(),
            4,
            "write {n}"
        );
        ada.git(&["gc", "--quiet"]);
        ada.is_sound();
    });
}
