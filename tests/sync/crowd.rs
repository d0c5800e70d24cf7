//! Many who sync at once: in one clone they share a sync, and a clone that loses every race hands its ledger
//! over.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Stdio};

use serde_json::Value;

use crate::fleet::{Fleet, Member, agree, hub, told_of};

fn start(member: &Member<'_>) -> Child {
    let mut command = member.command(env!("CARGO_BIN_EXE_git-gt"));
    command
        .args(["sync", "--json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Waits until a sync says that it waits for another one.
fn until_it_waits(child: &mut Child) {
    let mut line = String::new();
    let stderr = child.stderr.as_mut().unwrap();
    BufReader::new(stderr).read_line(&mut line).unwrap();
    assert!(line.contains("waiting for another git gt sync"), "{line}");
}

#[track_caller]
fn ended(mut child: Child) -> Value {
    let mut text = String::new();
    let stdout = child.stdout.as_mut().unwrap();
    stdout.read_to_string(&mut text).unwrap();
    assert!(child.wait().unwrap().success(), "{text}");
    serde_json::from_str(&text).unwrap()
}

#[test]
fn those_who_wait_share_one_sync() {
    let fleet = Fleet::new();
    let (ada, bob, _) = fleet.two(&["one"]);
    let id = ada.create("two");
    let busy = File::open(ada.path.join(".git/gt/sync.lock")).unwrap();
    busy.lock().unwrap();
    let mut all: Vec<Child> = (0..4).map(|_| start(&ada)).collect();
    all.iter_mut().for_each(until_it_waits);
    drop(busy);
    let said: Vec<Value> = all.into_iter().map(ended).collect();
    let shared = said.iter().filter(|it| it["shared"] == true).count();
    assert_eq!(shared, 3, "{said:#?}");
    for it in &said {
        assert_eq!(it["events"][0]["event"], "pushed", "{it:#}");
    }
    bob.sync();
    assert_eq!(bob.show(&id)["title"], "two");
}

#[test]
fn a_sync_that_began_before_i_wrote_is_not_mine() {
    let fleet = Fleet::new();
    let (ada, bob, _) = fleet.two(&["one"]);
    ada.create("two");
    fleet.git(".", &["init", "-q", "pipes"]);
    for name in ["began", "go"] {
        let made = fleet
            .command("mkfifo", &fleet.path("pipes"))
            .arg(name)
            .status();
        assert!(made.unwrap().success());
    }
    let pipes = fleet.path("pipes");
    let script = "cd PIPES && [ ! -e done ] || exit 0; : >done; echo x >began; read x <go";
    fleet.hook(
        "pre-receive",
        &script.replace("PIPES", &pipes.display().to_string()),
    );
    let first = start(&ada);
    std::fs::read(pipes.join("began")).unwrap();
    let id = ada.create("three");
    let mut second = start(&ada);
    until_it_waits(&mut second);
    std::fs::write(pipes.join("go"), "x\n").unwrap();
    ended(first);
    let said = ended(second);
    assert_eq!(said["shared"], Value::Null, "{said:#}");
    bob.sync();
    assert_eq!(bob.show(&id)["title"], "three");
}

/// Lets somebody move the hub's beads before every push of them comes through, until the hook is removed.
fn always_first(fleet: &Fleet) {
    fleet.hook(
        "pre-receive",
        "unset GIT_QUARANTINE_PATH GIT_OBJECT_DIRECTORY GIT_ALTERNATE_OBJECT_DIRECTORIES
        grep -q ' refs/gt/beads$' || exit 0
        old=$(git rev-parse refs/gt/beads)
        new=$(echo again | git commit-tree -p $old $old^{tree})
        git update-ref refs/gt/beads $new $old",
    );
}

fn machines(fleet: &Fleet) -> Vec<String> {
    let listed = hub(fleet).git(&["for-each-ref", "--format=%(refname)", "refs/gt/machines"]);
    listed.lines().map(str::to_owned).collect()
}

#[test]
fn a_clone_that_loses_every_race_hands_its_ledger_over() {
    let fleet = Fleet::new();
    let (ada, bob, ids) = fleet.two(&["one", "claimed"]);
    let cy = fleet.member("cy");
    bob.gt(&["update", &ids[1], "--claim"]).done();
    ada.gt(&["update", &ids[1], "--claim"]).done();
    ada.gt(&["comment", &ids[0], "by ada"]).done();
    let id = ada.create("two");
    always_first(&fleet);
    let told = ada.sync();
    assert_eq!(told_of(&told, "handed_over"), ["ada: beads"]);
    let clone = ada.git(&["config", "gt.cloneId"]);
    assert_eq!(
        machines(&fleet),
        [format!("refs/gt/machines/{clone}/beads")]
    );
    let said = ada.gt(&["sync"]).done();
    assert!(said.stdout.contains("whoever syncs next"), "{said:#?}");
    std::fs::remove_file(fleet.path("hub.git/hooks/pre-receive")).unwrap();
    // What was handed over is not pushed: bob's claim is first though it was made and pushed later.
    bob.sync();
    let told = cy.sync();
    assert_eq!(told_of(&told, "claim_lost"), [""; 0], "cy claimed nothing");
    assert_eq!(cy.show(&id)["title"], "two");
    let told = agree(&[&cy, &ada, &bob]);
    assert_eq!(told_of(&told, "claim_lost"), [format!("ada: {}", ids[1])]);
    assert_eq!(machines(&fleet), [""; 0]);
    for member in [&ada, &bob, &cy] {
        assert_eq!(member.show(&ids[1])["assignee"], "bob", "{}", member.name);
        assert_eq!(member.json(&["comments", &ids[0]])[0]["text"], "by ada");
    }
}

#[test]
fn a_dozen_clones_that_sync_all_the_time_end_alike() {
    let fleet = Fleet::new();
    let (ada, bob, ids) = fleet.two(&["shared"]);
    let others: Vec<String> = (0..4).map(|n| format!("cy{n}")).collect();
    let others: Vec<Member<'_>> = others.iter().map(|name| fleet.member(name)).collect();
    let all: Vec<&Member<'_>> = [&ada, &bob].into_iter().chain(&others).collect();
    std::thread::scope(|scope| {
        for member in &all {
            let id = &ids[0];
            scope.spawn(move || {
                for round in 0..4 {
                    let text = format!("{} {round}", member.name);
                    member.gt(&["comment", id, &text]).done();
                    member.sync();
                }
            });
        }
    });
    agree(&all);
    let comments = ada.json(&["comments", &ids[0]]);
    assert_eq!(comments.as_array().unwrap().len(), 4 * all.len());
    assert_eq!(machines(&fleet), [""; 0]);
}
