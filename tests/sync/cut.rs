//! Transfers that are cut off in the middle, and what other git commands do beside us: the next sync goes on.

use crate::fleet::{Fleet, Member, agree, hold_the_same, hub, told_of};

/// Returns the member with a git that runs `script` first, once, when it is to do `command`.
fn with_cut<'f>(member: Member<'f>, command: &str, script: &str) -> Member<'f> {
    let fleet = member.fleet;
    let git = format!(
        "case \" $* \" in *' {command} '*) if [ -e ../cut ]; then rm ../cut; {script}; fi;; esac
        PATH=${{PATH#*:}} exec git \"$@\""
    );
    let script = fleet.script("git", &git);
    let folder = std::path::Path::new(&script).parent().unwrap().display();
    let path = member.programs();
    member.with("PATH", &format!("{folder}:{path}"))
}

#[test]
fn a_fetch_that_was_killed_leaves_nothing_in_the_way() {
    let fleet = Fleet::new();
    let (ada, bob, _) = fleet.two(&["one"]);
    // What git leaves when it is killed while it writes tracking refs and a pack.
    let leave = "for it in refs/gt-remote/*; do echo 1 >$it/beads.lock; echo 1 >$it/new.lock; done
        mkdir -p objects/pack; echo PACK >objects/pack/tmp_pack_XyZ123; kill -9 $$";
    let bob = with_cut(bob, "fetch", leave);
    ada.create("two");
    ada.sync();
    std::fs::write(bob.path.join("cut"), "").unwrap();
    let said = bob.gt(&["sync"]);
    assert_eq!(said.code, 5, "{said:#?}");
    assert_eq!(told_of(&bob.sync(), "took"), ["bob: beads"]);
    assert!(bob.sync().is_empty());
    hold_the_same(&[&ada, &bob]);
}

#[test]
fn a_push_that_was_killed_is_done_again() {
    for (on_the_way, hook) in [(true, "pre-receive"), (false, "post-receive")] {
        let fleet = Fleet::new();
        let (ada, bob, _) = fleet.two(&["one"]);
        fleet.hook(hook, "rm \"$0\"; kill -9 $PPID");
        ada.create("two");
        let said = ada.gt(&["sync"]);
        assert!([0, 5].contains(&said.code), "{said:#?}");
        let told = agree(&[&ada, &bob]);
        let pushed = told_of(&told, "pushed").len();
        assert!(!on_the_way || pushed == 1, "{told:#?}");
        assert_eq!(bob.json(&["list"]).as_array().unwrap().len(), 2);
    }
    let fleet = Fleet::new();
    let (ada, bob, _) = fleet.two(&["one"]);
    let ada = with_cut(ada, "push", "kill -9 $$");
    std::fs::write(ada.path.join("cut"), "").unwrap();
    ada.create("two");
    ada.gt(&["sync"]).fails(5, "what was done here is kept");
    agree(&[&ada, &bob]);
}

#[test]
fn a_lock_that_stays_on_the_remote_keeps_only_its_ref() {
    let fleet = Fleet::new();
    let (ada, bob, _) = fleet.two(&["one"]);
    let lock = fleet.path("hub.git/refs/gt/beads.lock");
    std::fs::write(&lock, "").unwrap();
    let id = ada.create("two");
    // It looks as if others were always first; what was done gets there all the same.
    assert_eq!(told_of(&ada.sync(), "handed_over"), ["ada: beads"]);
    assert_eq!(told_of(&bob.sync(), "took"), ["bob: beads"]);
    assert_eq!(bob.show(&id)["title"], "two");
    std::fs::remove_file(lock).unwrap();
    agree(&[&ada, &bob]);
}

#[test]
fn other_git_commands_beside_us_do_no_lasting_harm() {
    let fleet = Fleet::new();
    let (ada, bob, ids) = fleet.two(&["one"]);
    let whole = || (hub(&fleet).tree("beads"), hub(&fleet).tree("config"));
    let before = whole();
    // A mirror of a clone without ledgers deletes them there.
    let plain = fleet.clone_only("plain");
    plain.git(&["push", "-q", "--mirror", "origin"]);
    assert_ne!(whole(), before);
    assert_eq!(told_of(&ada.sync(), "put_back").len(), 2);
    assert_eq!(whole(), before);
    // A fetch that mirrors deletes ours; what was pushed comes back.
    let mirror = "+refs/gt/*:refs/gt/*";
    ada.git(&["fetch", "-q", "--prune", "origin", mirror]);
    ada.sync();
    let none = "+refs/heads/none/*:refs/gt/*";
    ada.git(&["fetch", "-q", "--prune", "origin", none]);
    assert_eq!(ada.ledgers(), [""; 0]);
    ada.gt(&["sync"]).fails(4, "git gt init");
    ada.gt(&["init"]).done();
    assert_eq!(ada.show(&ids[0])["title"], "one");
    ada.git(&["fetch", "-q", "--prune", "--all"]);
    // Packed refs and packed objects read the same.
    for member in [&ada, &bob] {
        member.create("more");
        member.git(&["gc", "-q"]);
        member.git(&["pack-refs", "--all", "--prune"]);
    }
    fleet.git("hub.git", &["gc", "-q"]);
    agree(&[&ada, &bob]);
    hold_the_same(&[&ada, &bob]);
}

#[test]
fn a_mirror_is_a_clone_like_any_other() {
    let fleet = Fleet::new();
    let (ada, _, ids) = fleet.two(&["one"]);
    fleet.git("hub.git", &["config", "uploadpack.allowFilter", "true"]);
    let filters: [&[&str]; 2] = [&[], &["--filter=blob:none"]];
    for (n, filter) in filters.into_iter().enumerate() {
        let (url, name) = (fleet.url(), format!("mirror{n}.git"));
        let clone = [&["clone", "-q", "--mirror"], filter, &[&url, &name]].concat();
        fleet.git(".", &clone);
        let mirror = fleet.at(&name);
        mirror.gt(&["init"]).done();
        assert_eq!(mirror.show(&ids[0])["title"], "one");
        let id = mirror.create("made in a mirror");
        mirror.sync();
        ada.create("made meanwhile");
        agree(&[&ada, &mirror]);
        assert_eq!(ada.show(&id)["title"], "made in a mirror");
        let listed = mirror.json(&["list"]);
        assert_eq!(listed.as_array().unwrap().len(), 3 + 2 * n);
    }
}
