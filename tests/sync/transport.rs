//! The same meeting over every transport, what each sync costs, and hosts that take nothing but branches.

use serde_json::json;

use crate::fleet::{Fleet, Member, agree, hold_the_same, hub, told_of};
use crate::server::Server;

/// Plays a claim that loses, edits of one bead on both sides, new beads and a ledger that vanishes, with the
/// remote at `url`.
#[track_caller]
fn meet(fleet: &Fleet, url: &str, env: Option<(&str, &str)>) {
    fleet.git("hub.git", &["config", "http.receivepack", "true"]);
    let (_, _, ids) = fleet.two(&["claimed", "changed"]);
    let [ada, bob] = ["ada", "bob"].map(|name| {
        let member = fleet.at(name);
        member.git(&["remote", "set-url", "origin", url]);
        match env {
            Some((key, value)) => member.with(key, value),
            None => member,
        }
    });
    assert!(ada.sync().is_empty());
    for member in [&ada, &bob] {
        member.gt(&["update", &ids[0], "--claim"]).done();
        member.gt(&["comment", &ids[1], &member.name]).done();
        member.create(&member.name);
    }
    let told = agree(&[&ada, &bob]);
    assert_eq!(told_of(&told, "claim_lost"), [format!("bob: {}", ids[0])]);
    assert_eq!(told_of(&told, "joined"), ["bob: beads"]);
    fleet.git("hub.git", &["update-ref", "-d", "refs/gt/beads"]);
    bob.create("more");
    let told = agree(&[&bob, &ada]);
    assert_eq!(told_of(&told, "put_back"), ["bob: beads"]);
    assert_eq!(ada.json(&["list"]).as_array().unwrap().len(), 5);
    fleet.git("hub.git", &["config", "receive.advertiseAtomic", "false"]);
    ada.create("last");
    ada.gate();
    let told = agree(&[&ada, &bob]);
    assert_eq!(told_of(&told, "took"), ["bob: beads", "bob: config"]);
    // What cannot be reached keeps everything.
    ada.git(&["remote", "set-url", "origin", &format!("{url}.gone")]);
    ada.create("kept");
    ada.gt(&["sync"]).fails(5, "what was done here is kept");
    ada.git(&["remote", "set-url", "origin", url]);
    agree(&[&ada, &bob]);
}

#[test]
fn clones_meet_over_file() {
    let fleet = Fleet::new();
    let url = fleet.url();
    meet(&fleet, &url, None);
}

#[test]
fn clones_meet_over_git_daemon() {
    let fleet = Fleet::new();
    if let Some(server) = Server::git(&fleet.path("")) {
        meet(&fleet, &server.url(), None);
    }
}

#[test]
fn clones_meet_over_http() {
    let fleet = Fleet::new();
    if let Some(server) = Server::http(&fleet.path("")) {
        meet(&fleet, &server.url(), None);
    }
}

#[test]
fn clones_meet_over_ssh() {
    let fleet = Fleet::new();
    // The last argument is what a shell on the other side is to run.
    let stub = fleet.script("ssh", r#"for last; do :; done; exec sh -c "$last""#);
    let url = format!("ssh://somewhere{}", fleet.path("hub.git").display());
    meet(&fleet, &url, Some(("GIT_SSH_COMMAND", &stub)));
}

/// Returns what git was started for by a command, sorted.
#[track_caller]
fn started(member: &Member<'_>, args: &[&str]) -> Vec<String> {
    let trace = member.fleet.path("trace");
    let said = member.gt_with(("GIT_TRACE2_EVENT", &trace.display().to_string()), args);
    said.done();
    let text = std::fs::read_to_string(&trace).unwrap_or_default();
    drop(std::fs::remove_file(trace));
    let events = text
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    // What git itself starts has an id below that of its parent.
    let ours = events.filter(|it| {
        let is_child = it["sid"].as_str().is_some_and(|sid| sid.contains('/'));
        it["event"] == "cmd_name" && !is_child
    });
    let mut names: Vec<String> = ours
        .filter_map(|it| Some(it["name"].as_str()?.to_owned()))
        .collect();
    names.sort();
    names
}

#[test]
fn a_sync_starts_git_no_more_often_than_it_has_to() {
    let fleet = Fleet::new();
    let (ada, bob, _) = fleet.two(&["one"]);
    assert_eq!(started(&ada, &["sync"]), ["fetch"], "nothing has changed");
    ada.create("two");
    let both = ["fetch", "push"];
    assert_eq!(started(&ada, &["sync"]), both, "something has changed here");
    let there = "something has changed there";
    assert_eq!(started(&bob, &["sync"]), ["fetch"], "{there}");
    ada.create("three");
    ada.sync();
    bob.create("four");
    let twice = ["fetch", "push", "push"];
    assert_eq!(
        started(&bob, &["sync"]),
        twice,
        "something has changed on both sides"
    );
}

#[test]
fn a_host_that_takes_only_branches_keeps_the_ledgers_as_branches() {
    let fleet = Fleet::new();
    let only = r#"case $1 in refs/heads/*) ;; *) echo "branches only"; exit 1;; esac"#;
    fleet.hook("update", only);
    let ada = fleet.clone_only("ada");
    ada.gt(&["init", "--prefix", "gt"]).done();
    let id = ada.create("one");
    let said = ada.gt(&["sync"]).fails(4, "branches only");
    let hint = "git gt config set remotePrefix gt-ledgers";
    assert!(said.stderr.contains(hint), "{said:#?}");
    for bad in ["gt", "gt/x", "gt-mq", "a..b", "/"] {
        ada.git(&["config", "gt.remotePrefix", bad]);
        ada.gt(&["sync"]).fails(1, "cannot hold the ledgers");
    }
    ada.gt(&["config", "set", "remotePrefix", "gt-ledgers"])
        .done();
    ada.sync();
    let bob = fleet.clone_only("bob");
    bob.git(&["config", "gt.remotePrefix", "gt-ledgers"]);
    bob.gt(&["init"]).done();
    assert_eq!(bob.show(&id)["title"], "one");
    for member in [&ada, &bob] {
        member.gt(&["update", &id, "--claim"]).done();
        member.gate();
    }
    bob.queue("work");
    bob.sync();
    let waiting = fleet.git("hub.git", &["for-each-ref", "refs/heads/gt-ledgers/mr"]);
    assert!(!waiting.is_empty(), "the commit of the request travels too");
    let members = [&ada, &bob];
    let until_quiet = || {
        let rounds = (0..5).map(|_| members.map(|it| it.sync().len()));
        assert!(rounds.into_iter().any(|told| told == [0, 0]));
    };
    until_quiet();
    ada.gt(&["refinery", "run"]).done();
    until_quiet();
    assert_eq!(
        bob.json(&["mq", "list", "--all"])[0]["status"],
        json!("landed")
    );
    for ledger in ["beads", "config", "queue", "results"] {
        let there = format!("refs/heads/gt-ledgers/{ledger}^{{tree}}");
        let there = hub(&fleet).git(&["rev-parse", &there]);
        assert_eq!(there, ada.tree(ledger), "{ledger}");
        assert_eq!(there, bob.tree(ledger), "{ledger}");
    }
    let others = fleet.git("hub.git", &["for-each-ref", "--format=%(refname)"]);
    let others = others.lines().filter(|it| !it.starts_with("refs/heads/"));
    assert_eq!(others.collect::<Vec<_>>(), [""; 0]);
}

#[test]
fn what_one_ref_is_refused_keeps_no_other_one() {
    let fleet = Fleet::new();
    let (ada, bob, ids) = fleet.two(&["one"]);
    fleet.hook("update", "[ $1 != refs/gt/mail ]");
    ada.gt(&["mail", "send", "overseer", "-s", "hello", "-m", "x"])
        .done();
    ada.gt(&["close", &ids[0]]).done();
    let said = ada
        .gt(&["sync"])
        .fails(4, "'origin' does not take refs/gt/mail");
    assert!(said.stdout.contains("pushed    beads"), "{said:#?}");
    assert_eq!(told_of(&bob.sync(), "took"), ["bob: beads"]);
    std::fs::remove_file(fleet.path("hub.git/hooks/update")).unwrap();
    assert_eq!(told_of(&ada.sync(), "pushed"), ["ada: mail"]);
    agree(&[&ada, &bob]);
    hold_the_same(&[&ada, &bob]);
}

#[test]
fn what_the_remote_has_is_not_sent_again_when_all_its_tips_are_news() {
    let fleet = Fleet::new();
    let (ada, bob, _) = fleet.two(&["one"]);
    let commit = |at: &Member<'_>| {
        at.git(&["commit", "--quiet", "--allow-empty", "-m", &at.name]);
        at.git(&["rev-parse", "HEAD"])
    };
    (0..20).for_each(|_| drop(commit(&ada)));
    ada.git(&["push", "--quiet", "origin", "HEAD:main"]);
    let kept = commit(&ada);
    bob.git(&["fetch", "--quiet", "origin", "main"]);
    bob.git(&["reset", "--quiet", "--hard", "FETCH_HEAD"]);
    commit(&bob);
    bob.git(&["push", "--quiet", "origin", "HEAD:main"]);
    fleet.git("hub.git", &["config", "receive.maxInputSize", "1000"]);
    ada.git(&["update-ref", "refs/gt/attic/kept", &kept]);
    assert_eq!(told_of(&ada.sync(), "pushed"), ["ada: attic/kept"]);
}
