//! Claude Code, played by a script that speaks its documented hook contract: primed at its start, mail at
//! the end of a turn, checkpoint, handoff, successor.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::{Value, json};

use crate::crash::crashes;
use crate::place::{Output, Place};

/// Fires the hooks of the settings as Claude Code does: JSON on standard input, what they say is read from
/// standard output when they exit with 0; a turn that is blocked goes on once more.
const CLAUDE: &str = r#"#!/bin/sh
session=session-$$
fire() {
  line=$(sed -n "s/.*\"command\": \"\(.* runtime-hook claude $1\)\".*/\1/p" .claude/settings.local.json)
  printf '{"session_id":"%s","transcript_path":"/t/%s.jsonl","cwd":"%s","hook_event_name":"%s"%s}' \
    "$session" "$session" "$PWD" "$1" "$2" | CLAUDE_PROJECT_DIR=$PWD sh -c "$line" >"$PLACE/out"
  code=$?
  printf '%s\t%s\t%s\t%s\n' "$session" "$1" "$code" "$(cat "$PLACE/out")" >>"$PLACE/events"
}
fire SessionStart ',"source":"startup"'
fire UserPromptSubmit ',"prompt":"go"'
. "$PLACE/turn"
fire Stop ',"stop_hook_active":false'
while grep -q '"decision":"block"' "$PLACE/out"; do
  . "$PLACE/reaction"
  fire Stop ',"stop_hook_active":true'
done
fire SessionEnd ',"reason":"other"'
exit "${code_at_end:-0}"
"#;

fn with_claude() -> Place {
    let place = Place::new();
    let claude = place.write("bin/claude", CLAUDE);
    fs::set_permissions(claude, fs::Permissions::from_mode(0o755)).unwrap();
    place.write("reaction", "");
    let line = "\"$PLACE/bin/claude\" -p {prompt}";
    place.gt(&["config", "agent", "set", "claude", line]).done();
    place
}

/// Fires one event in a folder and returns what was answered.
fn fire(place: &Place, dir: &Path, event: &str, what: &Value) -> Output {
    let mut command = place.command(&["runtime-hook", "claude", event]);
    command
        .current_dir(dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let text = what.to_string();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
    Output::from(child.wait_with_output().unwrap())
}

/// Returns the answers to an event in the n-th session.
fn answers(place: &Place, number: usize, event: &str) -> Vec<Value> {
    let log = place.read("events");
    let rows: Vec<Vec<&str>> = log
        .lines()
        .map(|line| line.splitn(4, '\t').collect())
        .collect();
    let mut sessions: Vec<&str> = rows.iter().map(|row| row[0]).collect();
    sessions.dedup();
    let wanted = rows
        .iter()
        .filter(|row| row[0] == sessions[number] && row[1] == event);
    wanted
        .map(|row| {
            assert_eq!(row[2], "0", "{row:?}");
            serde_json::from_str(row[3]).unwrap_or(Value::Null)
        })
        .collect()
}

fn context(answer: &Value) -> &str {
    answer["hookSpecificOutput"]["additionalContext"]
        .as_str()
        .unwrap_or_default()
}

#[track_caller]
fn ended(place: &Place, state: &str) {
    place.until(state, || {
        (place.json(&["agents"])[0]["state"] == state).then_some(())
    });
    place.is_quiet();
}

#[test]
fn a_session_is_primed_reminded_saved_and_followed() {
    let place = with_claude();
    let bead = place.create("the whole of it");
    place.write(
        "turn",
        "echo half >half; : >\"$PLACE/begun\"; read -r go <\"$PLACE/go\"",
    );
    place.write(
        "reaction",
        "git gt handoff -m 'Next: the other half.'; code_at_end=7",
    );
    let mut go = place.pipe("go");
    let slung = place.json(&["sling", &bead]);
    let hook = PathBuf::from(slung[0]["path"].as_str().unwrap());
    place.until_file("begun");
    place
        .gt(&["mail", "send", "furiosa", "-s", "mind the gap"])
        .done();
    place.gt(&["nudge", "furiosa", "hurry"]).done();
    go.write_all(b"go\n").unwrap();
    ended(&place, "exit 7");

    let start = answers(&place, 0, "SessionStart").remove(0);
    let told = context(&start);
    for words in [
        "role: polecat",
        "run without being asked",
        &bead,
        "the whole of it",
    ] {
        assert!(told.contains(words), "no '{words}': {told}");
    }
    assert_eq!(answers(&place, 0, "UserPromptSubmit"), [Value::Null]);
    let stops = answers(&place, 0, "Stop");
    assert_eq!(stops.len(), 2, "{stops:?}");
    let reason = stops[0]["reason"].as_str().unwrap();
    for words in ["mind the gap", "hurry", "still hangs on your hook"] {
        assert_eq!(reason.matches(words).count(), 1, "{words}: {reason}");
    }
    assert_eq!(stops[1], Value::Null, "a turn is kept going once");
    let agents = place.json(&["agents"]);
    assert_eq!(agents[0]["heartbeat"]["state"], "ended");
    let status = place
        .git_in(&hook, &["status", "--porcelain"])
        .done()
        .stdout;
    assert_eq!(status, "?? half\n", "our settings are no change");
    let saved = place.json(&["checkpoint", "read", "furiosa"]);
    assert_eq!(saved["files"], json!([{ "how": "A", "path": "half" }]));

    fs::remove_dir_all(&hook).unwrap();
    place.write("turn", "git add half; git commit -q -m half; git gt done");
    place.gt(&["sling", &bead]).done();
    ended(&place, "exit 0");
    let start = answers(&place, 1, "SessionStart").remove(0);
    let told = context(&start);
    assert_eq!(
        told.matches("Next: the other half.").count(),
        2,
        "subject and body: {told}"
    );
    assert!(
        told.contains("mind the gap") && !told.contains("hurry"),
        "{told}"
    );
    assert_eq!(
        answers(&place, 1, "Stop"),
        [Value::Null],
        "all is done and told"
    );
    let queued = place.json(&["mq", "list"]);
    let tree = queued[0]["head"].as_str().unwrap().to_owned();
    assert_eq!(place.files(&tree), ["base", "half"]);

    // It was given out once, and can be looked at.
    let primed = place.json_in(&hook, &["prime"]);
    assert_eq!(primed["handoffs"], json!([]));
    assert!(
        place
            .gt_in(&hook, &["resume"])
            .done()
            .stdout
            .contains("the other half")
    );
}

#[test]
fn of_two_who_prime_at_once_one_gets_the_handoff() {
    let place = Place::new();
    let bead = place.create("a piece of work");
    let hook = place.hang(&bead);
    place
        .gt_in(&hook, &["handoff", "-m", "here you are"])
        .done();
    let all: Vec<_> = (0..4)
        .map(|_| {
            let mut command = place.command(&["prime"]);
            command.current_dir(&hook);
            Place::running(command)
        })
        .collect();
    let told: String = all.into_iter().map(|it| it.end().done().stdout).collect();
    assert_eq!(told.matches("## Handed over to you").count(), 1, "{told}");
}

#[test]
fn the_same_reason_never_keeps_a_turn_going_twice() {
    let place = Place::new();
    let bead = place.create("a piece of work");
    let hook = place.hang(&bead);
    let stop = |session: &str, active: bool| {
        let what = json!({ "session_id": session, "stop_hook_active": active });
        fire(&place, &hook, "Stop", &what).done().stdout
    };
    assert_eq!(stop("a", true), "");
    assert!(stop("a", false).contains("still hangs on your hook"));
    assert_eq!(stop("a", false), "");
    place.gt(&["mail", "send", "furiosa", "-s", "one"]).done();
    assert!(stop("a", false).contains("one"));
    assert_eq!(stop("a", false), "");
    let prompt = fire(
        &place,
        &hook,
        "UserPromptSubmit",
        &json!({ "session_id": "a" }),
    );
    assert_eq!(prompt.done().stdout, "");
    // A new session knows of nothing.
    assert!(stop("b", false).contains("one"));
}

#[test]
fn a_hook_never_fails_the_session() {
    let place = Place::new();
    let outside = place.path("tmp");
    let garbage = json!([1]);
    for event in [
        "SessionStart",
        "Stop",
        "UserPromptSubmit",
        "PreCompact",
        "SessionEnd",
    ] {
        assert_eq!(fire(&place, &outside, event, &garbage).done().stdout, "");
        fire(&place, &place.repo(), event, &garbage).done();
    }
    let unknown = fire(&place, &place.repo(), "Dance", &garbage).done();
    assert!(unknown.stderr.contains("'Dance'"), "{unknown:?}");
    // A ledger that is damaged is a remark.
    place
        .git(&["update-ref", "refs/gt/mail", "HEAD^{tree}"])
        .done();
    let damaged = fire(&place, &place.repo(), "UserPromptSubmit", &garbage).done();
    assert!(damaged.stderr.contains("no mail"), "{damaged:?}");
    let primed = place.gt_in(&outside, &["prime"]).done();
    assert_eq!((primed.stdout.as_str(), primed.stderr.as_str()), ("", ""));
}

#[test]
fn after_compaction_the_short_form_is_enough() {
    let place = Place::new();
    let bead = place.create("a piece of work");
    let hook = place.hang(&bead);
    place.gt_in(&hook, &["handoff", "-m", "the rest"]).done();
    let start = |source: &str| {
        let what = json!({ "session_id": "s", "source": source, "cwd": hook });
        let said = fire(&place, &place.repo(), "SessionStart", &what).done();
        context(&said.json()).to_owned()
    };
    let short = start("compact");
    assert!(
        short.contains(&bead) && short.contains("git gt prime"),
        "{short}"
    );
    assert!(!short.contains("the rest") && short.len() < 1000, "{short}");
    assert!(start("startup").contains("the rest"));
}

#[test]
fn hooks_are_installed_beside_what_the_user_has() {
    let place = Place::new();
    let file = place.path("repo/.claude/settings.local.json");
    let install = |args: &[&str]| place.gt(&[&["hooks", "install", "claude"], args].concat());
    install(&["--dry-run"]).done();
    assert!(!file.exists());
    let user = r#"{"permissions":{"allow":["Bash(ls)"]},"hooks":{"Stop":[{"hooks":[{"type":"command","command":"beep"}]}]}}"#;
    place.write("repo/.claude/settings.local.json", user);
    install(&[]).done();
    let once = fs::read_to_string(&file).unwrap();
    let settings: Value = serde_json::from_str(&once).unwrap();
    assert_eq!(settings["permissions"]["allow"][0], "Bash(ls)");
    assert_eq!(settings["hooks"]["Stop"].as_array().unwrap().len(), 2);
    assert!(once.contains("beep") && once.contains("runtime-hook claude SessionEnd"));
    let again = install(&[]).done();
    assert!(again.stdout.contains("there already"), "{again:?}");
    assert_eq!(fs::read_to_string(&file).unwrap(), once);
    assert_eq!(place.git(&["status", "--porcelain"]).done().stdout, "");
    install(&["--remove"]).done();
    let left: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    assert_eq!(left, serde_json::from_str::<Value>(user).unwrap());
    fs::remove_file(&file).unwrap();
    install(&[]).done();
    install(&["--remove"]).done();
    assert!(!file.exists());
    for broken in ["{ // mine\n}", "[]", r#"{"hooks":{"Stop":{}}}"#] {
        place.write("repo/.claude/settings.local.json", broken);
        install(&[]).fails(1, &["settings.local.json", "nothing was changed"]);
        assert_eq!(fs::read_to_string(&file).unwrap(), broken);
    }
    place.git(&["add", "--force", ".claude"]).done();
    install(&[]).fails(4, &["part of the repository"]);
}

#[test]
fn installing_hooks_may_crash_before_any_write() {
    let place = Place::new();
    let file = "repo/.claude/settings.local.json";
    let user = "{\n  \"model\": \"mine\"\n}\n";
    let read = || fs::read_to_string(place.path(file)).unwrap();
    let check = |args: &[&str], before: &str, wanted: &[&str]| {
        for at in 1.. {
            place.write(file, before);
            if before == user {
                fs::write(place.path("repo/.git/info/exclude"), "").unwrap();
            }
            let args = [&["hooks", "install", "claude"], args].concat();
            let crashed = crashes(place.command(&args), at);
            let left = read();
            assert!(left == before || !crashed, "before write {at}: {left}");
            place.gt(&args).done();
            for word in wanted {
                assert!(read().contains(word), "before write {at}: {}", read());
            }
            let entries = fs::read_dir(place.path("repo/.claude")).unwrap();
            let status = place.git(&["status", "--porcelain"]).done().stdout;
            assert_eq!(status, "", "before write {at}: {entries:?}");
            if !crashed {
                assert!(at > 1, "no crash was played");
                return;
            }
        }
    };
    check(&[], user, &["mine", "runtime-hook claude SessionEnd"]);
    let installed = read();
    check(&["--remove"], &installed, &["mine"]);
}

#[test]
fn agents_show_what_they_said_of_themselves() {
    let place = Place::new();
    let bead = place.create("a piece of work");
    let hook = place.hang(&bead);
    place
        .gt_in(&hook, &["heartbeat", "stuck", "-m", "no network"])
        .done();
    let agents = place.json(&["agents"]);
    assert_eq!(agents[0]["heartbeat"]["state"], "stuck");
    assert!(place.gt(&["agents"]).done().stdout.contains("no network"));
    let tip = || {
        place
            .git(&["for-each-ref", "refs/gt-local/heartbeats"])
            .done()
            .stdout
    };
    let before = tip();
    place
        .gt_in(&hook, &["heartbeat", "stuck", "-m", "no network"])
        .done();
    assert_eq!(tip(), before, "twice at once is noted once");
    place.gt_in(&hook, &["heartbeat"]).done();
    assert_ne!(tip(), before);
    place
        .gt_in(&hook, &["heartbeat", "dancing"])
        .fails(129, &["dancing"]);
}
