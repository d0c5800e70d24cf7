//! Convoys, and what people and agents are told of the end of their work, from the outside: each once,
//! and the same in every clone.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests start programs and write files, and fail where they cannot"
)]

#[expect(dead_code, reason = "the tests of sync use the rest")]
#[path = "sync/fleet.rs"]
mod fleet;
#[path = "support/hermetic.rs"]
mod hermetic;
#[expect(dead_code, reason = "the tests of the queue use the rest")]
#[path = "town/place.rs"]
mod place;
#[path = "support/watch.rs"]
mod watch;

use std::fs;
use std::path::Path;

use fleet::{Fleet, Member, agree, hold_the_same};
use place::Place;
use serde_json::{Value, json};

fn ids(list: &Value) -> Vec<&str> {
    let list = list.as_array().unwrap().iter();
    list.map(|it| it["id"].as_str().unwrap()).collect()
}

/// Returns the subjects of all mail to an address, sorted.
fn mail_to(place: &Place, address: &str) -> Vec<String> {
    let list = place.json(&["mail", "inbox", address, "--all"]);
    let list = list.as_array().unwrap().iter();
    let mut all: Vec<String> = list
        .map(|it| it["subject"].as_str().unwrap().to_owned())
        .collect();
    all.sort();
    all
}

/// Forgets what was settled, and lets the next writing command look at everything.
fn look_again(place: &Place) {
    fs::remove_dir_all(place.repo().join(".git/gt")).unwrap();
    place.create("something else");
}

#[test]
fn a_convoy_lives_from_create_to_its_end() {
    let place = Place::new();
    let [a, b, c] = ["a", "b", "c"].map(|title| place.create(title));
    place.gt(&["dep", "add", &b, &a]).done();
    let made = place.gt(&[
        "convoy", "create", "launch", &a, &b, "gt-zzzzz", "--notify", "mayor", "--human",
    ]);
    assert!(made.done().stderr.contains("not here yet: gt-zzzzz"));
    let list = place.json(&["convoy", "list"]);
    let id = ids(&list)[0].to_owned();
    assert!(id.starts_with("gt-cv-"), "{id}");
    let count = |key: &str| place.json(&["convoy", "status", &id])[0][key].clone();
    assert_eq!(count("notify"), json!(["mayor/"]));
    let counts = ["total", "completed", "ready", "blocked", "missing"].map(count);
    assert_eq!(counts, [3, 0, 1, 1, 1].map(|it| json!(it)));
    place.gt(&["convoy", "add", &id[6..], &c, &c]).done();
    assert_eq!(count("total"), 4);
    for bead in [&a, &b, &c] {
        place.gt(&["close", bead]).done();
    }
    assert_eq!(count("status"), "open", "one bead is not here yet");
    place
        .gt(&["convoy", "land", &id])
        .fails(4, &["has open work: gt-zzzzz"]);
    place.gt(&["create", "d", "--id", "gt-zzzzz"]).done();
    place.gt(&["close", "gt-zzzzz"]).done();
    assert_eq!(count("status"), "closed");
    assert_eq!(count("close_reason"), "all 4 beads are closed");
    let told = vec![format!("{id} is closed: launch")];
    assert_eq!(mail_to(&place, "mayor"), told);
    assert_eq!(mail_to(&place, "overseer"), told);
    // What becomes of its beads later is another matter.
    place.gt(&["reopen", &a]).done();
    place.gt(&["close", &a]).done();
    look_again(&place);
    assert_eq!(count("status"), "closed");
    assert_eq!(mail_to(&place, "mayor"), told);
    assert_eq!(place.json(&["convoy", "list"]), json!([]));
    assert_eq!(ids(&place.json(&["convoy", "list", "--all"])), [&id]);
    // Somebody who adds to it means it again.
    let late = place.create("late");
    place.gt(&["convoy", "add", &id, &late]).done();
    assert_eq!(count("status"), "open");
    place.gt(&["close", &late]).done();
    assert_eq!(mail_to(&place, "mayor").len(), 2);
}

#[test]
fn an_owned_convoy_and_one_of_nothing_wait_for_somebody() {
    let place = Place::new();
    let bead = place.create("a");
    let create = |args: &[&str]| {
        let all = [&["convoy", "create"], args].concat();
        place.json(&all)["id"].as_str().unwrap().to_owned()
    };
    let nothing = create(&["nothing"]);
    let owned = create(&["mine", &bead, "--owned"]);
    let mayors = place.json(&["convoy", "create", "theirs", &bead, "--actor", "mayor"]);
    let mayors = mayors["id"].as_str().unwrap();
    place.gt(&["close", &bead]).done();
    look_again(&place);
    let open = place.json(&["convoy", "list"]);
    assert_eq!(ids(&open).len(), 2, "{open}");
    assert_eq!(
        mail_to(&place, "mayor"),
        [format!("{mayors} is closed: theirs")]
    );
    place.gt(&["convoy", "land", &owned]).done();
    place.gt(&["convoy", "land", &owned]).done();
    place
        .gt(&["convoy", "close", &nothing, "--reason", "-"])
        .done();
    let all = place.json(&["convoy", "list", "--all"]);
    let reasons: Vec<&str> = all
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["close_reason"].as_str().unwrap())
        .collect();
    assert_eq!(reasons, ["its bead is closed", "landed", "-"]);
}

#[test]
fn convoys_that_make_no_sense_are_refused() {
    let place = Place::new();
    let bead = place.create("a");
    let gone = place.create("b");
    place.gt(&["delete", &gone, "--force"]).done();
    let check = |args: &[&str], code: i32, words: &str| {
        place
            .gt(&[&["convoy"], args].concat())
            .fails(code, &[words]);
    };
    check(&["create", " "], 1, "the name of the convoy is empty");
    check(&["create", &"x".repeat(501)], 1, "more than the 500");
    check(&["create", &bead], 1, "is a bead");
    check(&["create", "c", "nonsense"], 1, "no issue found matching");
    check(&["create", "c", "../gt-1"], 1, "no issue found matching");
    check(&["create", "c", "--", "-f"], 1, "no issue found matching");
    check(&["create", "c", "--frobnicate"], 129, "--frobnicate");
    check(&["create", "c", &gone], 4, "was deleted");
    check(
        &["create", "c", "--notify", "nobody"],
        1,
        "nobody has the address",
    );
    check(&["add", "zzzz", &bead], 1, "there is no convoy 'zzzz'");
    check(&["add", "zzzz"], 129, "required");
    check(&["show", "zzzz"], 1, "there is no convoy 'zzzz'");
    check(&["close", ""], 1, "there is no convoy ''");
    check(&["show", "7"], 1, "there is no convoy '7'");
    check(&["remove", "zzzz", &bead], 1, "there is no convoy");
    check(&["watch", "zzzz"], 1, "there is no convoy");
    check(&["check", "zzzz"], 1, "there is no convoy");
    check(&["check"], 0, "");
    check(&["stranded"], 0, "");
    check(&["land", &bead], 1, "there is no convoy");
    check(&["show"], 0, "");
    place
        .git(&["rev-parse", "--quiet", "--verify", "refs/gt/convoys"])
        .fails(1, &[]);
}

/// Claims a bead as slinging it to an agent does.
fn claim(member: &Member<'_>, bead: &str, name: &str) {
    let holder = format!("ada/polecats/{name}");
    member
        .gt(&["update", bead, "--claim", "--actor", &holder])
        .done();
}

/// Asks for a notice: a convoy that was made for a claim tells nobody by itself.
fn watch_the_only_convoy(member: &Member<'_>) {
    let watch = ["convoy", "watch", "gt-cv-", "--addr", "overseer"];
    member.gt(&watch).done();
}

#[test]
fn what_is_slung_travels_in_one_convoy() {
    let place = Place::new();
    place.gt(&["config", "set", "backend", "none"]).done();
    let [bead, other] = ["a", "b"].map(|title| place.create(title));
    place.gt(&["convoy", "create", "launch", &other]).done();
    place.gt(&["sling", &bead, &other]).done();
    look_again(&place);
    let list = place.json(&["convoy", "show"]);
    let mut titles: Vec<&str> = list
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["title"].as_str().unwrap())
        .collect();
    titles.sort_unstable();
    assert_eq!(titles, ["Work: a", "launch"]);
    // People claim without a convoy.
    let third = place.create("c");
    place
        .gt(&["update", &third, "--claim", "--actor", "ada"])
        .done();
    assert_eq!(place.json(&["convoy", "list"]).as_array().unwrap().len(), 2);
    // A convoy that somebody closed is not made again.
    let work = list
        .as_array()
        .unwrap()
        .iter()
        .find(|it| it["title"] == "Work: a")
        .unwrap();
    place
        .gt(&["convoy", "close", work["id"].as_str().unwrap(), "--force"])
        .done();
    assert_eq!(mail_to(&place, "overseer"), [""; 0]);
    place.gt(&["update", &bead, "-p", "1"]).done();
    look_again(&place);
    assert_eq!(place.json(&["convoy", "list"]).as_array().unwrap().len(), 1);
}

#[test]
fn clones_that_derive_apart_tell_once() {
    let fleet = Fleet::new();
    let (ada, bob, beads) = fleet.two(&["a", "b"]);
    for member in [&ada, &bob] {
        claim(
            member,
            &beads[0],
            if member.path.ends_with("ada") {
                "nux"
            } else {
                "toast"
            },
        );
    }
    agree(&[&ada, &bob]);
    assert_eq!(ada.records("convoys").len(), 1);
    watch_the_only_convoy(&ada);
    agree(&[&ada, &bob]);
    for member in [&ada, &bob] {
        member.gt(&["close", &beads[0], "--force"]).done();
        assert_eq!(member.records("mail").len(), 1);
    }
    agree(&[&ada, &bob]);
    hold_the_same(&[&ada, &bob]);
    assert_eq!(
        (ada.records("convoys").len(), ada.records("mail").len()),
        (1, 1)
    );
    for member in [&ada, &bob] {
        fs::remove_dir_all(member.path.join(".git/gt")).unwrap();
        member.gt(&["update", &beads[1], "-p", "3"]).done();
    }
    agree(&[&ada, &bob]);
    assert_eq!(
        (bob.records("convoys").len(), bob.records("mail").len()),
        (1, 1)
    );
}

#[test]
fn clones_derive_the_same_bytes() {
    let fleet = Fleet::new();
    let (ada, bob, beads) = fleet.two(&["a", "b"]);
    claim(&ada, &beads[0], "nux");
    agree(&[&ada, &bob]);
    // The other clone loses what was derived and draws it once more.
    bob.git(&["update-ref", "-d", "refs/gt/convoys"]);
    fs::remove_dir_all(bob.path.join(".git/gt")).unwrap();
    bob.gt(&["update", &beads[1], "-p", "3"]).done();
    assert_eq!(bob.tree("convoys"), ada.tree("convoys"));
    watch_the_only_convoy(&ada);
    agree(&[&ada, &bob]);
    ada.gt(&["close", &beads[0], "--force"]).done();
    let end = ada.records("mail");
    // Only the bead's end gets through.
    ada.git(&["push", "--quiet", "origin", "refs/gt/beads"]);
    bob.git(&["fetch", "--quiet", "origin", "refs/gt/beads:refs/gt/beads"]);
    bob.gt(&["create", "c"]).done();
    assert_eq!(bob.records("mail"), end);
    assert_eq!(bob.tree("convoys"), ada.tree("convoys"));
    assert_eq!(bob.tree("mail"), ada.tree("mail"));
    agree(&[&ada, &bob]);
    hold_the_same(&[&ada, &bob]);
}

/// Slings a bead, commits a file of that name with that content on its hook, and queues it.
fn work(place: &Place, title: &str, (file, content): (&str, &str)) -> String {
    let bead = place.create(title);
    let slung = place.json(&["sling", &bead]);
    let hook = Path::new(slung[0]["path"].as_str().unwrap()).to_owned();
    fs::write(hook.join(file), content).unwrap();
    place.git_in(&hook, &["add", "--all"]).done();
    let commit = ["commit", "--quiet", "--message=work"];
    place.git_in(&hook, &commit).done();
    place.gt_in(&hook, &["done"]).done();
    bead
}

#[test]
fn a_worker_is_told_once_what_became_of_the_work() {
    let place = Place::new();
    place.gate("test ! -e culprit");
    place.gt(&["config", "set", "backend", "none"]).done();
    let good = work(&place, "good", ("a", "one\n"));
    let clash = work(&place, "clash", ("a", "two\n"));
    let culprit = work(&place, "culprit", ("culprit", "x\n"));
    let convoys = place.json(&["convoy", "list"]);
    let mut convoys = convoys.as_array().unwrap().iter();
    let convoy = convoys.find(|it| it["title"] == "Work: good").unwrap();
    let convoy = convoy["id"].as_str().unwrap();
    let watch = ["convoy", "watch", convoy, "--addr", "overseer"];
    place.gt(&watch).done();
    place.run();
    let mail = place.json(&["mail", "inbox", "repo/furiosa"]);
    assert_eq!(mail[0]["subject"], format!("{good} has landed on main"));
    assert_eq!(mail[0]["from"], "repo/refinery");
    let mail = place.json(&["mail", "inbox", "repo/nux"]);
    assert_eq!(mail[0]["subject"], format!("{clash} conflicts with main"));
    let body = mail[0]["body"].as_str().unwrap();
    assert!(body.contains("\nfile     a\n"), "{body}");
    let mail = place.json(&["mail", "inbox", "repo/slit"]);
    let subject = mail[0]["subject"].as_str().unwrap();
    assert!(
        subject.starts_with(&format!("{culprit} was ejected: ")),
        "{subject}"
    );
    let body = mail[0]["body"].as_str().unwrap();
    for line in ["\ngate     test\n", "\nred      ", "\nsee it   "] {
        assert!(body.contains(line), "{line}: {body}");
    }
    assert_eq!(mail[0]["type"], "task");
    // The convoy of the one that landed is at its end, and whoever asked hears of it.
    let human = mail_to(&place, "overseer");
    assert_eq!(human.len(), 1, "{human:?}");
    assert!(human[0].ends_with(" is closed: Work: good"), "{human:?}");
    look_again(&place);
    place.gt(&["reopen", &good]).done();
    look_again(&place);
    for name in ["furiosa", "nux", "slit", "overseer"] {
        assert_eq!(mail_to(&place, name).len(), 1, "{name}");
    }
}

#[test]
fn convoys_are_changed_and_asked_for() {
    let place = Place::new();
    let [a, b, c] = ["a", "b", "c"].map(|title| place.create(title));
    let create = |args: &[&str]| {
        let all = [&["convoy", "create"], args].concat();
        place.json(&all)["id"].as_str().unwrap().to_owned()
    };
    let first = create(&["first", &a, &b, "gt-zzzzz"]);
    let second = create(&["second", &c, "--owned"]);
    let nothing = create(&["nothing"]);
    // Numbers are those of the list, the newest first.
    let list = place.gt(&["convoy", "list"]).done().stdout;
    let line = list.lines().nth(2).unwrap();
    assert!(line.starts_with("3  ") && line.contains(&first), "{list}");
    assert_eq!(ids(&place.json(&["convoy", "show", "3"])), [&*first]);
    let stranded = place.json(&["convoy", "stranded"]);
    assert_eq!(ids(&stranded), [&*nothing, &*second, &*first]);
    place
        .gt(&["convoy", "remove", &first, &c])
        .fails(1, &["travels in"]);
    place
        .gt(&["convoy", "close", &first])
        .fails(4, &["has open work", "--force"]);
    place.gt(&["close", &a]).done();
    place.gt(&["delete", &b, "--force"]).done();
    assert_eq!(place.json(&["convoy", "check"]), json!([]));
    // What never arrives is taken out, and then nothing is left to do.
    place
        .gt(&["convoy", "watch", &first, "--addr", "mayor"])
        .done();
    place
        .gt(&["convoy", "watch", &first, "--addr", "overseer"])
        .done();
    place
        .gt(&["convoy", "unwatch", &first, "--addr", "overseer"])
        .done();
    let ada = place.json(&["convoy", "show", &first])[0]["owner"].clone();
    let ada = ada.as_str().unwrap();
    let told = place.json(&["convoy", "show", &first])[0]["notify"].clone();
    assert_eq!(told.as_array().unwrap().len(), 2);
    let told = told.as_array().unwrap().iter().any(|it| it == ada);
    assert!(told, "the owner is told as before");
    place
        .gt(&["convoy", "unwatch", &second])
        .fails(4, &["as its owner"]);
    place.gt(&["convoy", "unwatch", &first]).done();
    let left = place.json(&["convoy", "remove", &first, "zzzzz"]);
    assert_eq!(
        (&left["status"], &left["total"]),
        (&json!("closed"), &json!(2))
    );
    assert_eq!(
        mail_to(&place, "mayor"),
        [format!("{first} is closed: first")]
    );
    assert_eq!(mail_to(&place, "overseer"), [""; 0]);
    place.gt(&["close", &c]).done();
    let said = place.gt(&["convoy", "check", "-n"]).done().stdout;
    assert!(said.contains("waits to be landed"), "{said}");
    place.gt(&["convoy", "land", &second]).done();
    // Not even a deleted bead keeps a convoy from being emptied; empty, it never ends.
    let last = create(&["last", &place.create("d"), "gt-zzzzy"]);
    let d = place.json(&["convoy", "show", &last])[0]["tracked"][0]["id"].clone();
    place
        .gt(&["convoy", "remove", &last, d.as_str().unwrap(), "gt-zzzzy"])
        .done();
    assert_eq!(place.json(&["convoy", "show", &last])[0]["status"], "open");
}

#[test]
fn what_settling_has_missed_a_check_finds() {
    let place = Place::new();
    let bead = place.create("a");
    place.gt(&["convoy", "create", "c", &bead]).done();
    place.gt(&["close", &bead]).done();
    let first = place.json(&["convoy", "list", "--all"]);
    // The end gets lost, as by hand; nothing has changed since as far as the cursor knows.
    place
        .git(&["update-ref", "refs/gt/convoys", "refs/gt/convoys~1"])
        .done();
    let dry = place.json(&["convoy", "check", "--dry-run"]);
    assert_eq!(dry[0]["status"], "open");
    let closed = place.json(&["convoy", "check"]);
    assert_eq!(closed[0]["status"], "closed");
    assert_eq!(closed[0]["closed_at"], first[0]["closed_at"]);
}

#[test]
fn what_ended_long_ago_is_told_to_nobody() {
    let place = Place::new();
    place.gate("true");
    place.gt(&["config", "set", "backend", "none"]).done();
    work(&place, "good", ("a", "one\n"));
    place.run();
    let stuck = place.create("stuck");
    let hook = place.json(&["sling", &stuck])[0]["path"].clone();
    let hook = Path::new(hook.as_str().unwrap());
    place.gt_in(hook, &["done", "--status", "escalated"]).done();
    let bead = place.create("followed");
    place
        .gt(&["convoy", "create", "c", &bead, "--human"])
        .done();
    place.gt(&["close", &bead]).done();
    let told = ["repo/furiosa", "overseer"].map(|it| mail_to(&place, it));
    assert_eq!([told[0].len(), told[1].len()], [1, 2]);
    // A clone that has the queue and not the mail, in which somebody writes something.
    let forget = || {
        place.git(&["update-ref", "-d", "refs/gt/mail"]).done();
        fs::remove_dir_all(place.repo().join(".git/gt")).unwrap();
    };
    let now = std::time::SystemTime::now();
    let now = now
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_millis();
    let day = 24 * 60 * 60 * 1000;
    let later = |days: u128| {
        let mut command = place.command(&["create", "later"]);
        command.env("GT_TEST_NOW", (now + days * day).to_string());
        assert!(command.output().unwrap().status.success());
    };
    forget();
    later(29);
    let again = ["repo/furiosa", "overseer"].map(|it| mail_to(&place, it));
    assert_eq!(again, told);
    forget();
    later(31);
    place
        .git(&["rev-parse", "--quiet", "--verify", "refs/gt/mail"])
        .fails(1, &[]);
}
