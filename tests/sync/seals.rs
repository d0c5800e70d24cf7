//! Seals: what a clone signs with its ssh key, and whose verdicts count elsewhere.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use crate::fleet::{Fleet, Member, Output, hub, told_of};

/// Makes a key of somebody's and returns the line of it in a file of allowed signers.
pub(crate) fn key(fleet: &Fleet, who: &str, options: &str) -> String {
    let file = fleet.path(&format!("{who}.key"));
    let path = file.display().to_string();
    if !file.exists() {
        let mut command = fleet.command("ssh-keygen", &fleet.path("."));
        let args = ["-q", "-t", "ed25519", "-N", "", "-C", who, "-f", &path];
        Output::of(command.args(args)).done();
    }
    let public = fs::read_to_string(fleet.path(&format!("{who}.key.pub"))).unwrap();
    format!("{who}@x {options} {public}")
}

/// Lets a clone sign with a key of its own.
pub(crate) fn signs(member: &Member<'_>) {
    key(member.fleet, &member.name, "");
    let file = member.fleet.path(&format!("{}.key", member.name));
    member.git(&["config", "user.signingKey", file.to_str().unwrap()]);
    member.gt(&["config", "set", "sign", "true"]).done();
}

/// Says whose seals are good in a clone.
pub(crate) fn allows(member: &Member<'_>, lines: &[String]) {
    let file = member.fleet.path(&format!("{}.allowed", member.name));
    fs::write(&file, lines.concat()).unwrap();
    let file = file.to_str().unwrap();
    member.gt(&["config", "set", "allowedSigners", file]).done();
}

fn unsealed(member: &Member<'_>) -> Vec<String> {
    told_of(&member.sync(), "unsealed")
}

fn seals(member: &Member<'_>) -> Vec<String> {
    let refs = member.git(&["for-each-ref", "--format=%(refname)", "refs/gt/seals"]);
    refs.lines().map(str::to_owned).collect()
}

#[test]
fn what_is_pushed_is_sealed_and_what_nobody_sealed_is_named() {
    let fleet = Fleet::new();
    let (ada, bob, ids) = fleet.two(&["one"]);
    signs(&ada);
    let trusted = [key(&fleet, "ada", "")];
    allows(&bob, &trusted);
    allows(&ada, &trusted);
    ada.gt(&["comment", &ids[0], "sealed"]).done();
    ada.sync();
    let [seal] = &seals(&hub(&fleet))[..] else {
        panic!("{:?}", seals(&hub(&fleet)))
    };
    let clone = ada.git(&["config", "gt.cloneId"]);
    assert_eq!(*seal, format!("refs/gt/seals/{clone}"));
    let text = hub(&fleet).git(&["show", &format!("{seal}:seal")]);
    let line = format!("ledger {} refs/gt/beads", hub(&fleet).tip("beads"));
    assert!(text.lines().any(|it| it == line), "{text}");
    let sealed = hub(&fleet).git(&["rev-parse", seal]);
    assert!(ada.sync().is_empty(), "nothing to push, nothing to seal");
    assert_eq!(hub(&fleet).git(&["rev-parse", seal]), sealed);
    assert_eq!(unsealed(&bob), [""; 0]);
    // What bob pushes nobody has sealed, until ada has taken it over and pushes herself.
    bob.gt(&["comment", &ids[0], "not sealed"]).done();
    bob.sync();
    assert_eq!(unsealed(&ada), ["ada: beads"]);
    assert_eq!(
        ada.show(&ids[0])["comment_count"],
        2,
        "it is joined all the same"
    );
    ada.gt(&["comment", &ids[0], "sealed"]).done();
    ada.sync();
    assert_eq!(unsealed(&bob), [""; 0]);
    ada.is_sound();
}

/// Each way in which a seal is there and says nothing.
#[test]
fn only_good_seals_count() {
    let fleet = Fleet::new();
    let (ada, bob, ids) = fleet.two(&["one"]);
    signs(&ada);
    let check = |lines: &[String], prepare: &dyn Fn(), want: &[&str]| {
        allows(&bob, lines);
        ada.gt(&["comment", &ids[0], "more"]).done();
        ada.sync();
        prepare();
        assert_eq!(unsealed(&bob), want, "{lines:?}");
    };
    let nothing = || {};
    let valid = |options: &str| [key(&fleet, "ada", options)];
    check(&valid(""), &nothing, &[]);
    check(&[key(&fleet, "eve", "")], &nothing, &["bob: beads"]);
    check(&valid("namespaces=\"git\""), &nothing, &["bob: beads"]);
    let period = "valid-after=\"20251231\",valid-before=\"20270101\"";
    check(&valid(period), &nothing, &[]);
    check(
        &valid("valid-before=\"20251231\""),
        &nothing,
        &["bob: beads"],
    );
    let revoked = fleet.path("revoked");
    fs::write(&revoked, fs::read(fleet.path("ada.key.pub")).unwrap()).unwrap();
    let revoked = revoked.to_str().unwrap();
    let revoke = || drop(bob.git(&["config", "gpg.ssh.revocationFile", revoked]));
    check(&valid(""), &revoke, &["bob: beads"]);
    bob.git(&["config", "--unset", "gpg.ssh.revocationFile"]);
    check(&valid(""), &nothing, &[]);
    let hub = hub(&fleet);
    let [seal] = &seals(&hub)[..] else { panic!() };
    let elsewhere = || {
        hub.git(&["update-ref", "refs/gt/seals/somebody", seal]);
        hub.git(&["update-ref", "-d", seal]);
    };
    check(&valid(""), &elsewhere, &["bob: beads"]);
    let other_text = || {
        let blob = hub.feed(
            &["hash-object", "-w", "--stdin"],
            b"git-gt seal 1\nclone x\n",
        );
        let signature = hub.git(&["rev-parse", &format!("{seal}:seal.sig")]);
        let listed = format!(
            "100644 blob {}\tseal\n100644 blob {signature}\tseal.sig\n",
            blob.trim()
        );
        let tree = hub.feed(&["mktree"], listed.as_bytes());
        let commit = hub.git(&["commit-tree", "-m", "seal", tree.trim()]);
        hub.git(&["update-ref", seal, &commit]);
    };
    check(&valid(""), &other_text, &["bob: beads"]);
    bob.gt(&["config", "set", "allowedSigners", "nowhere"])
        .done();
    ada.gt(&["comment", &ids[0], "more"]).done();
    ada.gt(&["sync"]).done();
    bob.gt(&["sync"]).fails(4, "there is no file");
    assert_eq!(
        bob.show(&ids[0]),
        ada.show(&ids[0]),
        "it travels all the same"
    );
}

#[test]
fn a_key_that_cannot_sign_keeps_nothing_from_travelling() {
    let fleet = Fleet::new();
    let (ada, bob, ids) = fleet.two(&["one"]);
    ada.gt(&["config", "set", "sign", "true"]).done();
    ada.gt(&["comment", &ids[0], "one"]).done();
    ada.gt(&["sync"]).fails(4, "user.signingKey");
    ada.git(&["config", "user.signingKey", "nowhere"]);
    ada.gt(&["comment", &ids[0], "two"]).done();
    ada.gt(&["sync"]).fails(5, "cannot sign with 'nowhere'");
    bob.sync();
    assert_eq!(bob.show(&ids[0])["comment_count"], 2);
}

/// A request that ada's Refinery found green and could not land, and how often its gate has run.
struct Waiting {
    fleet: Fleet,
    runs: PathBuf,
}

impl Waiting {
    fn new(prepare: impl Fn(&Member<'_>)) -> Self {
        let fleet = Fleet::new();
        let runs = fleet.path("runs");
        let (ada, bob, _) = fleet.two(&[]);
        let command = format!("echo run >> '{}'", runs.display());
        ada.gt(&["refinery", "gate", "add", "test", "--command", &command])
            .done();
        ada.git(&["checkout", "-q", "-b", "work"]);
        fs::write(ada.path.join("new"), "new").unwrap();
        ada.git(&["add", "new"]);
        ada.git(&["commit", "-q", "-m", "work"]);
        ada.gt(&["mq", "submit"]).done();
        ada.git(&["checkout", "-q", "main"]);
        prepare(&ada);
        let hook = fleet.path("hub.git/hooks/update");
        fs::create_dir_all(hook.parent().unwrap()).unwrap();
        fs::write(&hook, "#!/bin/sh\ntest \"$1\" != refs/heads/main\n").unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(&hook, mode).unwrap();
        let said = ada.gt(&["refinery", "run"]);
        assert_ne!(said.code, 0, "{said:#?}");
        fs::remove_file(&hook).unwrap();
        ada.sync();
        bob.sync();
        bob.gt(&["config", "accept", "gate.test"]).done();
        drop((ada, bob));
        let waiting = Self { fleet, runs };
        assert_eq!(waiting.runs(), 1);
        waiting
    }

    fn runs(&self) -> usize {
        fs::read_to_string(&self.runs).unwrap().lines().count()
    }

    /// Lets bob's Refinery land it, and checks how often the gate has run by then.
    #[track_caller]
    fn lands_after(&self, runs: usize) {
        let bob = self.fleet.at("bob");
        bob.gt(&["refinery", "run"]).done();
        assert_eq!(self.runs(), runs);
        let landed = bob.json(&["mq", "list", "--status", "landed"]);
        assert_eq!(landed.as_array().map(Vec::len), Some(1), "{landed}");
        hub(&self.fleet).git(&["rev-parse", "--verify", "main:new"]);
    }
}

#[test]
fn verdicts_of_strangers_are_looked_at_and_not_believed() {
    let waiting = Waiting::new(signs);
    let bob = waiting.fleet.at("bob");
    allows(&bob, &[key(&waiting.fleet, "eve", "")]);
    let clone = waiting.fleet.at("ada").git(&["config", "gt.cloneId"]);
    let shown = bob.json(&["config", "accept"]);
    let named = |it: &&Value| it["id"] == format!("machine.{clone}").as_str();
    let found = shown.as_array().unwrap().iter().find(named);
    assert_eq!(found.unwrap()["accepted"], false, "{shown}");
    bob.gt(&["config", "accept", "--all"]).done();
    waiting.lands_after(2);
}

#[test]
fn a_sealed_verdict_counts_and_no_gate_runs_twice() {
    let waiting = Waiting::new(signs);
    allows(&waiting.fleet.at("bob"), &[key(&waiting.fleet, "ada", "")]);
    waiting.lands_after(1);
}

#[test]
fn a_machine_that_was_accepted_is_believed() {
    let waiting = Waiting::new(|_| ());
    let bob = waiting.fleet.at("bob");
    let clone = waiting.fleet.at("ada").git(&["config", "gt.cloneId"]);
    let machine = format!("machine.{clone}");
    bob.gt(&["config", "accept", "machine.nobody00"])
        .fails(1, "no 'machine.nobody00' waits");
    let polecat = ("GT_ROLE", "bob/polecats/nux");
    for args in [
        &["config", "accept", &machine][..],
        &["config", "set", "allowedSigners", "mine"],
        &["config", "agent", "set", "mine", "sh"],
        &["refinery", "gate", "remove", "test"],
    ] {
        bob.gt_with(polecat, args).fails(4, "is a polecat");
    }
    bob.gt(&["config", "accept", &machine]).done();
    waiting.lands_after(1);
}

#[test]
fn who_sealed_a_new_epoch_has_sealed_what_came_before() {
    let fleet = Fleet::new();
    let (ada, bob, ids) = fleet.two(&["one"]);
    signs(&ada);
    allows(&bob, &[key(&fleet, "ada", "")]);
    ada.gt(&["comment", &ids[0], "text"]).done();
    ada.sync();
    let old = ada.tip("beads");
    ada.gt(&["maintain", "--archive", "0"]).done();
    ada.sync();
    assert_ne!(hub(&fleet).tip("beads"), old);
    assert_eq!(unsealed(&bob), [""; 0]);
    // The remote goes back to where it was before.
    hub(&fleet).git(&["update-ref", "refs/gt/beads", &old]);
    assert_eq!(unsealed(&bob), [""; 0]);
    hub(&fleet).git(&["update-ref", "refs/gt/beads", &old]);
    let eve = fleet.member("eve");
    eve.gt(&["comment", &ids[0], "of eve"]).done();
    eve.sync();
    assert_eq!(unsealed(&bob), ["bob: beads"]);
}
