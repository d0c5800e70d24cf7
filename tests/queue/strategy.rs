//! How merge requests become commits: strategies, messages, authors, and what had landed before.

use serde_json::{Value, json};

use crate::support::Place;
use crate::{commit, project};

/// Returns a rig whose queue has a gate that the file `culprit` makes red, and a strategy.
pub(crate) fn place(strategy: &str) -> Place {
    let place = project("test ! -e culprit");
    place.git(&["checkout", "--quiet", "main"]).done();
    place.gt(&["config", "set", "strategy", strategy]).done();
    place
}

/// Commits a file on a branch, which begins at `main` where it is new.
pub(crate) fn write(
    place: &Place,
    branch: &str,
    (file, text): (&str, &str),
    (who, message): (&str, &str),
) {
    let there = place.git(&[
        "rev-parse",
        "--verify",
        "--quiet",
        &format!("refs/heads/{branch}"),
    ]);
    match there.code {
        0 => place.git(&["checkout", "--quiet", branch]).done(),
        _ => place
            .git(&["checkout", "--quiet", "-b", branch, "main"])
            .done(),
    };
    place.file(file, text);
    place.git(&["add", "--all", file]).done();
    let (name, mail) = (
        format!("user.name={who}"),
        format!("user.email={who}@example.org"),
    );
    place
        .git(&["-c", &name, "-c", &mail, "commit", "--quiet", "-m", message])
        .done();
    place.git(&["checkout", "--quiet", "main"]).done();
}

pub(crate) fn submit(place: &Place, branch: &str) -> String {
    let submitted = place.json(&["mq", "submit", "--branch", branch]);
    submitted["id"].as_str().expect("it has an id").to_owned()
}

pub(crate) fn log(place: &Place, format: &str, range: &str) -> Vec<String> {
    let format = format!("--format={format}%x00");
    let log = place.git(&["log", "--reverse", &format, range]).done();
    let commits = log.stdout.split('\0').map(|it| it.trim().to_owned());
    commits.filter(|it| !it.is_empty()).collect()
}

fn status(place: &Place, request: &str) -> Value {
    place.json(&["mq", "status", request])["status"].clone()
}

#[test]
fn a_squashed_request_is_one_commit_of_its_author() {
    let place = place("squash");
    write(&place, "one", ("a", "1"), ("bob", "begin a"));
    write(
        &place,
        "one",
        ("b", "2"),
        ("ada", "add a and b\n\nwith reasons\n\nGt-Mr: gt-mr-forged"),
    );
    write(&place, "two", ("c", "3"), ("eve", "add c"));
    let (one, two) = (submit(&place, "one"), submit(&place, "two"));
    let ran = place.json(&["refinery", "run"]);
    assert_eq!(ran["landed"], json!([one, two]), "{ran}");
    let said = log(&place, "%an <%ae>|%cn|%p|%B", "main~2..main");
    let base = place.git(&["rev-parse", "--short", "main~2"]).done().stdout;
    let want = format!(
        "ada <ada@example.org>|{}|{}|add a and b\n\nwith reasons\n\n\
         Co-authored-by: bob <bob@example.org>\nGt-Mr: {one}\nGt-Worker: ada",
        committer(&place),
        base.trim(),
    );
    assert_eq!(said[0], want);
    assert!(said[1].starts_with("eve <eve@example.org>|"), "{said:?}");
    assert_eq!(said.len(), 2);
    for id in [&one, &two] {
        assert_eq!(status(&place, id), "landed");
    }
    // It is over: another run does nothing, and nobody lands twice.
    let again = place.json(&["refinery", "run"]);
    assert_eq!(
        (&again["landed"], &again["gate_runs"]),
        (&json!([]), &json!(0))
    );
}

fn committer(place: &Place) -> String {
    let said = place
        .git(&["log", "-1", "--format=%cn", "main"])
        .done()
        .stdout;
    assert!(said.ends_with("/refinery\n"), "{said}");
    said.trim().to_owned()
}

#[test]
fn a_rebased_request_keeps_its_commits() {
    let place = place("rebase");
    write(&place, "one", ("a", "1"), ("bob", "add a"));
    write(&place, "main", ("m", "1"), ("eve", "meanwhile"));
    place.git(&["checkout", "--quiet", "one"]).done();
    let merge = [
        "-c",
        "user.name=bob",
        "-c",
        "user.email=b@e.org",
        "merge",
        "--quiet",
        "--no-edit",
        "main",
    ];
    place.git(&merge).done();
    write(
        &place,
        "one",
        ("b", "2"),
        ("ada", "add b\n\nSigned-off-by: ada <a@e.org>"),
    );
    let one = submit(&place, "one");
    write(&place, "red", ("culprit", ""), ("eve", "break it"));
    let red = submit(&place, "red");
    let base = place.git(&["rev-parse", "main"]).done().stdout;
    let ran = place.json(&["refinery", "run"]);
    assert_eq!(ran["landed"], json!([one]), "{ran}");
    assert_eq!(ran["ejected"][0]["id"], json!(red), "{ran}");
    let said = log(&place, "%an|%B", &format!("{}..main", base.trim()));
    let trailers = format!("Gt-Mr: {one}\nGt-Worker: ada");
    let want = [
        format!("bob|add a\n\n{trailers}"),
        format!("ada|add b\n\nSigned-off-by: ada <a@e.org>\n{trailers}"),
    ];
    assert_eq!(said, want);
    assert_eq!(status(&place, &one), "landed");
    let dates = |name: &str| {
        place
            .git(&["log", "-1", "--format=%ad", name])
            .done()
            .stdout
    };
    assert_eq!(dates("main"), dates("one"));
}

#[test]
fn a_change_that_is_there_already_lands_as_an_empty_commit() {
    for strategy in ["squash", "rebase"] {
        let place = place(strategy);
        write(&place, "one", ("a", "1"), ("ada", "add a"));
        let one = submit(&place, "one");
        write(&place, "main", ("a", "1"), ("eve", "add a by hand"));
        let ran = place.json(&["refinery", "run"]);
        assert_eq!(ran["landed"], json!([one]), "{strategy}: {ran}");
        let named = log(&place, "%(trailers:key=Gt-Mr,valueonly)", "main~1..main");
        assert_eq!(named, std::slice::from_ref(&one), "{strategy}");
        assert_eq!(status(&place, &one), "landed", "{strategy}");
        assert_eq!(place.git(&["diff", "main~1", "main"]).done().stdout, "");
    }
}

#[test]
fn the_message_is_a_setting() {
    let place = place("main=squash");
    let set = |text: &str| place.gt(&["config", "set", "message", text]);
    let said = set("{titel}").fails(1, "has '{titel}'").stderr;
    assert!(said.contains("title, body, branch"), "{said}");
    place
        .gt(&["config", "set", "strategy", "octopus"])
        .fails(1, "merge, squash or rebase");
    set("{target}: {title} ({mr})\\n\\n{body}\\n\\nReviewed-by: {worker}").done();
    write(
        &place,
        "one",
        ("a", "1"),
        ("ada", "add a\n\nGt-Bead: gt-other\nbecause"),
    );
    let one = submit(&place, "one");
    place.gt(&["refinery", "run"]).done();
    let said = log(&place, "%B", "main~1..main");
    let want =
        format!("main: add a ({one})\n\nbecause\n\nReviewed-by: ada\nGt-Mr: {one}\nGt-Worker: ada");
    assert_eq!(said, [want]);
}

#[test]
fn requests_keep_their_commits_while_their_branches_move() {
    let place = place("squash");
    for branch in ["gone", "back", "forth"] {
        write(&place, branch, (branch, "1"), ("ada", branch));
    }
    let ids = ["gone", "back", "forth"].map(|it| submit(&place, it));
    place.git(&["branch", "--quiet", "-D", "gone"]).done();
    place
        .git(&["branch", "--quiet", "--force", "back", "main"])
        .done();
    write(&place, "forth", ("culprit", ""), ("eve", "later"));
    let ran = place.json(&["refinery", "run"]);
    assert_eq!(ran["landed"], json!(ids), "{ran}");
    let files = place.git(&["ls-tree", "--name-only", "main"]).done().stdout;
    assert_eq!(files, "back\nforth\ngone\n");
    commit(&place, "main", "the target is as good as before");
}
