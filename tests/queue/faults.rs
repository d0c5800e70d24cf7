//! What lies in repositories and on machines and is nobody's fault: filters that are not installed, links,
//! submodules, names that differ in case alone, changes without any, branches that are gone.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use serde_json::{Value, json};

use super::after::{change, rig};
use crate::support::Place;

fn submit(place: &Place, branch: &str, more: &[&str]) -> String {
    let all = [&["mq", "submit", "--branch", branch], more].concat();
    let id = place.json(&all)["id"].as_str().map(str::to_owned);
    id.expect("it has an id")
}

/// Commits whatever there is on a new branch, queues it, and goes back to main.
fn queue(place: &Place, branch: &str, make: impl FnOnce()) -> String {
    place
        .git(&["switch", "--quiet", "--create", branch, "main"])
        .done();
    make();
    place.git(&["add", "--all"]).done();
    place.git(&["commit", "--quiet", "-m", branch]).done();
    place.git(&["switch", "--quiet", "main"]).done();
    submit(place, branch, &[])
}

fn files(place: &Place, at: &str) -> String {
    let listed = place.git(&["ls-tree", "-r", "--name-only", at]);
    listed.done().stdout.replace('\n', " ")
}

fn gate(place: &Place, command: &str) {
    let add = ["refinery", "gate", "add", "test", "-c", command];
    place.gt(&add).done();
}

fn landed(ids: &[&String]) -> Value {
    json!(ids)
}

const POINTER: &str = "version https://git-lfs.github.com/spec/v1\n\
    oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n";

#[test]
fn a_filter_that_is_not_installed_is_named_and_blames_nobody() {
    let place = rig("grep -q git-lfs big.bin");
    let add = |name: &str| {
        queue(&place, name, || {
            place.file(".gitattributes", "*.bin filter=lfs -text\n");
            place.file("big.bin", &format!("{POINTER}x-{name} 1\n"));
        })
    };
    // Nothing says what the filter runs: the pointer is what is tested.
    let one = add("one");
    assert_eq!(place.json(&["refinery", "run"])["landed"], landed(&[&one]));
    let two = queue(&place, "two", || {
        place.file("b", "b");
    });
    for (key, value) in [
        ("process", "no-such-git-lfs filter-process"),
        ("smudge", "no-such-git-lfs smudge -- %f"),
        ("required", "true"),
    ] {
        let key = format!("filter.lfs.{key}");
        place.git(&["config", &key, value]).done();
    }
    for command in [&["refinery", "run"][..], &["mq", "try", "two"]] {
        let said = place.gt(command).fails(5, "no-such-git-lfs").stderr;
        for words in [
            "says nothing about any change",
            "filter.lfs.process=no-such-git-lfs filter-process",
        ] {
            assert!(said.contains(words), "no '{words}' in {said}");
        }
        let status = place.json(&["mq", "status", "two"]);
        assert_eq!(
            (&status["status"], &status["runs"]),
            (&json!("queued"), &json!([]))
        );
    }
    // As the hint has it.
    for (key, value) in [("process", ""), ("smudge", ""), ("required", "false")] {
        let key = format!("filter.lfs.{key}");
        place.git(&["config", &key, value]).done();
    }
    assert_eq!(place.json(&["refinery", "run"])["landed"], landed(&[&two]));
}

#[test]
fn a_target_that_is_gone_keeps_no_other_waiting() {
    let place = rig("true");
    for branch in ["release", "stable"] {
        place.git(&["branch", branch, "main"]).done();
    }
    let mut ids = Vec::new();
    for (branch, target) in [("a", "release"), ("b", "stable"), ("c", "main")] {
        change(&place, branch, "main", branch, branch);
        ids.push(submit(&place, branch, &["--target", target]));
    }
    place.git(&["switch", "--quiet", "main"]).done();
    place.git(&["branch", "--quiet", "-D", "release"]).done();
    place
        .gt(&["mq", "submit", "--branch", "c", "--target", "release"])
        .fails(1, "'release' does not exist");
    let run = || place.gt(&["refinery", "run"]);
    let said = run().fails(1, "'release' does not exist").stderr;
    assert!(said.contains("git gt mq cancel"), "{said}");
    assert!(!said.contains("config set target"), "{said}");
    assert_eq!(files(&place, "main"), "base c ");
    assert_eq!(files(&place, "stable"), "b base ");
    let status = place.gt(&["refinery", "status"]).done().stdout;
    assert!(status.contains("'release' does not exist"), "{status}");
    place.git(&["branch", "release", "main~1"]).done();
    run().done();
    assert_eq!(files(&place, "release"), "a base ");
    for id in &ids {
        assert_eq!(place.json(&["mq", "status", id])["status"], "landed");
    }
}

#[test]
fn a_watch_goes_on_while_a_target_is_gone() {
    let place = rig("true");
    place.git(&["branch", "release", "main"]).done();
    change(&place, "work", "main", "work", "work");
    submit(&place, "work", &["--target", "release"]);
    place.git(&["branch", "--quiet", "-D", "release"]).done();
    let mut watch = place.command(&["refinery", "run", "--watch"]);
    let watch = watch.stdout(Stdio::null()).stderr(Stdio::piped());
    let mut program = watch.spawn().expect("it starts");
    let said = program.stderr.take().expect("it is a pipe");
    let mut lines = BufReader::new(said).lines();
    let mut until = |words: &str| {
        let has = |line: std::io::Result<String>| line.is_ok_and(|it| it.contains(words));
        assert!(lines.any(has), "it ended before it said '{words}'");
    };
    until("'release' does not exist");
    place.git(&["branch", "release", "main"]).done();
    until("land ");
    place.gt(&["refinery", "stop"]).done();
    // Whatever it still says has somebody to read it.
    lines.for_each(drop);
    assert!(program.wait().expect("it ends").success());
}

#[test]
fn names_that_differ_in_case_alone_are_different_names() {
    let place = rig("test \"$(cat Name)\" != base");
    change(&place, "main", "main", "Name", "name\n");
    let renamed = queue(&place, "renamed", || {
        place.git(&["mv", "Name", "name"]).done();
    });
    gate(&place, "test \"$(cat name NAME 2>/dev/null)\"");
    let added = queue(&place, "added", || {
        place.file("NAME", "another\n");
    });
    let ran = place.json(&["refinery", "run"]);
    assert_eq!(ran["landed"], landed(&[&renamed, &added]), "{ran}");
    assert_eq!(files(&place, "main"), "NAME base name ");
    assert_eq!(place.git(&["status", "--short"]).done().stdout, "");
}

#[test]
fn links_are_tested_and_landed_as_they_are() {
    use std::os::unix::fs::symlink;
    let place = rig("test ! -L out || test \"$(readlink out)\" = /nowhere/at/all");
    let link = |to: &str, name: &str| symlink(to, place.path(name)).expect("it can be made");
    let links = queue(&place, "links", || {
        link("/nowhere/at/all", "out");
        link("../..", "up");
        place.git(&["rm", "--quiet", "base"]).done();
        link("up", "base");
    });
    // A folder where the other one has a link.
    let folder = queue(&place, "folder", || {
        place.folder("up");
        place.file("up/file", "x");
    });
    let ran = place.json(&["refinery", "run"]);
    assert_eq!(ran["landed"], landed(&[&links]), "{ran}");
    assert_eq!(
        ran["bounced"],
        json!([{"id": folder, "files": ["up"]}]),
        "{ran}"
    );
    let modes = place.git(&["ls-tree", "--format=%(objectmode) %(path)", "main"]);
    let modes = modes.done().stdout;
    assert_eq!(modes, "120000 base\n120000 out\n120000 up\n");
    assert_eq!(place.git(&["status", "--short"]).done().stdout, "");
}

#[test]
fn a_submodule_is_what_the_request_says() {
    let place = rig("true");
    let other = Place::new();
    let mut ids = Vec::new();
    for name in ["first", "second", "third"] {
        let who = ["-c", "user.name=ada", "-c", "user.email=a@e.org"];
        let commit = ["commit", "--quiet", "--allow-empty", "-m", name];
        other.git(&[&who[..], &commit].concat()).done();
        let id = other.git(&["rev-parse", "HEAD"]).done().stdout;
        ids.push(id.trim().to_owned());
    }
    let modules = format!(
        "[submodule \"sub\"]\n\tpath = sub\n\turl = {}\n",
        other.path("")
    );
    let point = |id: &str| {
        let entry = format!("160000,{id},sub");
        place
            .git(&["update-index", "--add", "--cacheinfo", &entry])
            .done();
        place.git(&["commit", "--quiet", "-m", "point"]).done();
    };
    place.file(".gitmodules", &modules);
    place.git(&["add", ".gitmodules"]).done();
    point(&ids[0]);
    let bump = |branch: &str, id: &str| {
        place
            .git(&["switch", "--quiet", "--create", branch, "main"])
            .done();
        point(id);
        place.git(&["switch", "--quiet", "main"]).done();
        submit(&place, branch, &[])
    };
    // A gate that needs what is in it fetches it; else it is an empty folder.
    let update = "git -c protocol.file.allow=always submodule update --init --quiet";
    let command = format!("test -z \"$(ls -A sub)\" && {update} && git -C sub log -1 --format=%s");
    gate(&place, &command);
    for (branch, at, subject) in [("two", 1, "second"), ("three", 2, "third")] {
        let id = bump(branch, &ids[at]);
        let ran = place.json(&["refinery", "run"]);
        assert_eq!(ran["landed"], landed(&[&id]), "{ran}");
        let runs = &place.json(&["mq", "status", &id])["runs"];
        assert_eq!(runs[0]["tail"], format!("{subject}\n"));
        let entry = place.git(&["rev-parse", "main:sub"]).done().stdout;
        assert_eq!(entry.trim(), ids[at]);
    }
}

#[test]
fn a_request_that_changes_nothing_lands_once() {
    for strategy in ["merge", "squash", "rebase"] {
        let place = rig("true");
        place.gt(&["config", "set", "strategy", strategy]).done();
        place.git(&["switch", "--quiet", "--create", "work"]).done();
        let commit = ["commit", "--quiet", "--allow-empty", "-m", "nothing"];
        place.git(&commit).done();
        let id = submit(&place, "work", &[]);
        place.git(&["switch", "--quiet", "main"]).done();
        let ran = place.json(&["refinery", "run"]);
        assert_eq!(ran["landed"], landed(&[&id]), "{strategy}: {ran}");
        let log = place.git(&[
            "log",
            "--first-parent",
            "--format=%(trailers:key=Gt-Mr,valueonly)",
        ]);
        let log = log.done().stdout;
        assert_eq!(
            log.split_whitespace().collect::<Vec<_>>(),
            [&id],
            "{strategy}"
        );
        let again = place.json(&["refinery", "run"]);
        assert_eq!(again["gate_runs"], 0, "{strategy}: {again}");
        assert_eq!(place.json(&["mq", "status", &id])["status"], "landed");
    }
}
