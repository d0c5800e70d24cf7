//! The files that make a CI answer: shells and forges read them, and the reporter says what it was not told.

use std::path::Path;
use std::process::Command;

use serde_json::json;

use super::asking;
use crate::place::{Output, Place};

/// Returns whether a program succeeds with a text on its input, nothing where it is not there.
fn accepts(program: &[&str], text: &Path) -> Option<Output> {
    let mut command = Command::new(program[0]);
    let file = std::fs::File::open(text).unwrap();
    let output = command.args(&program[1..]).stdin(file).output();
    output.ok().map(Output::from)
}

impl Place {
    /// Returns check and command as the shell reads them in the text that a Jenkinsfile gives it. No parser of
    /// Groovy is at hand; what stands around that text must pair its brackets.
    fn groovy_text(&self, file: &str) -> String {
        let (before, rest) = file.split_once("sh '''").expect("a text for sh");
        let (text, after) = rest.split_once("'''").expect("its end");
        let around = format!("{before}{after}");
        let code = around.lines().filter(|line| !line.starts_with("//"));
        let mut open = Vec::new();
        for c in code.flat_map(str::chars) {
            match c {
                '{' => open.push('}'),
                '(' => open.push(')'),
                '[' => open.push(']'),
                '}' | ')' | ']' => assert_eq!(open.pop(), Some(c), "{around}"),
                _ => {}
            }
        }
        assert_eq!(open, [], "{around}");
        let mut plain = String::new();
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            plain.push(if c == '\\' { chars.next().unwrap() } else { c });
        }
        let lines = plain.lines().filter(|line| line.trim().starts_with("GT_C"));
        let set: Vec<&str> = lines.filter(|line| !line.contains("GT_CI_URL")).collect();
        let print = format!(
            "{}\nprintf '%s\\n' \"$GT_CHECK\" \"$GT_COMMAND\"",
            set.join("\n")
        );
        let mut sh = self.hermetic(Command::new("sh"));
        Output::of(sh.args(["-c", &print])).done().stdout
    }
}

#[test]
fn templates_are_what_shells_and_forges_read() {
    let place = Place::bare(false);
    std::fs::create_dir(place.repo()).unwrap();
    let yaml = "import sys, json\ntry: import yaml\nexcept ImportError: print('null')\n\
                else: print(json.dumps(yaml.load(sys.stdin, yaml.BaseLoader)))";
    let command = "test ! -e it's && echo \"$HOME ${A}\" # \\ *";
    for (kind, trigger) in [
        ("report", "refs/heads/gt-mq/"),
        ("none", "gt-mq/**"),
        ("github", "branches: ['gt-mq/**']"),
        ("gitea", "branches: ['gt-mq/**']"),
        ("forgejo", "branches: ['gt-mq/**']"),
        ("gitlab", "$CI_COMMIT_BRANCH =~ /^gt-mq\\//"),
        ("woodpecker", "branch: 'gt-mq/*'"),
        ("buildkite", "branches: 'gt-mq/*'"),
        ("jenkins", "branch 'gt-mq/*'"),
    ] {
        let plain = place.gt(&["ci", "template", kind]).done().stdout;
        let json = place.json(&["ci", "template", kind]);
        assert_eq!(json["text"], plain);
        let mut texts = vec![plain];
        if kind != "report" {
            let own = [
                "ci",
                "template",
                kind,
                "--check",
                "unit (1, a)",
                "--command",
                command,
            ];
            texts.push(place.gt(&own).done().stdout);
        }
        for (at, text) in texts.iter().enumerate() {
            assert!(text.contains(trigger), "{kind}: {text}");
            assert!(text.contains("gt-ci-report"), "{kind}: {text}");
            let file = place.write("template", text);
            if ["report", "none"].contains(&kind) {
                for shell in [
                    &["sh", "-n"][..],
                    &["dash", "-n"],
                    &["bash", "--posix", "-n"],
                ] {
                    if let Some(read) = accepts(shell, &file) {
                        assert_eq!((read.code, read.stderr.as_str()), (Some(0), ""), "{kind}");
                    }
                }
                let ours = "GT_COMMAND='test ! -e it'\\''s && echo \"$HOME ${A}\" # \\ *'\n";
                let ours = text.contains(ours);
                assert_eq!(ours, at == 1, "{text}");
                continue;
            }
            if kind == "jenkins" {
                let said = place.groovy_text(text);
                let want = match at {
                    0 => "test\n./test.sh\n".to_owned(),
                    _ => format!("unit (1, a)\n{command}\n"),
                };
                assert_eq!(said, want);
                continue;
            }
            let Some(read) = accepts(&["python3", "-c", yaml], &file) else {
                continue;
            };
            let read = read.done().json();
            if read.is_null() {
                continue;
            }
            let env = match kind {
                "gitlab" => &read["gt-mq"]["variables"],
                "woodpecker" => &read["steps"][0]["environment"],
                "buildkite" => &read["steps"][0]["env"],
                _ => &read["jobs"]["check"]["env"],
            };
            // What GitLab and others expand is told to leave dollars alone.
            let ours = match kind {
                "gitlab" | "buildkite" => command.replace('$', "$$"),
                "woodpecker" => command.replace("${", "$${"),
                _ => command.to_owned(),
            };
            let want = match at {
                0 => ("test".to_owned(), "./test.sh".to_owned()),
                _ => ("unit (1, a)".to_owned(), ours),
            };
            assert_eq!(
                (&env["GT_CHECK"], &env["GT_COMMAND"]),
                (&json!(want.0), &json!(want.1))
            );
        }
    }
    place
        .gt(&["ci", "template", "cruise"])
        .fails(129, &["possible values", "github"]);
    for bad in [
        &["--check", "a'b"][..],
        &["--command", ""],
        &["--command", "a\nb"],
    ] {
        let said = place.gt(&[&["ci", "template", "github"], bad].concat());
        assert_eq!((said.code, said.stdout.as_str()), (Some(1), ""), "{said:?}");
    }
    let said = place.gt(&["ci", "template", "report", "--check", "unit"]);
    said.fails(1, &["is told check and command when it runs"]);
}

#[test]
fn the_reporter_says_what_it_was_not_told() {
    let place = asking();
    place.queue("a");
    place.run();
    let dir = place.checkout(&place.question().0);
    for args in [
        &[][..],
        &["unit"],
        &["-r"],
        &["-r", "origin", "unit"],
        &["unit", "--pass", "x"],
    ] {
        assert_eq!(place.reporter(&dir, args).code, Some(129), "{args:?}");
    }
    for name in ["", "-x", "a\"b", "a'b", "a\\b", "a\nb", "unit ", "\u{e4}"] {
        place
            .reporter(&dir, &[name, "true"])
            .fails(129, &["cannot be the name"]);
    }
    let away = place.path("nowhere.git").display().to_string();
    let said = place.reporter(&dir, &["-r", &away, "unit", "true"]);
    said.fails(5, &["cannot push the answer"]);
    let empty = place.path("empty");
    place
        .git(&["init", "--quiet", &empty.display().to_string()])
        .done();
    place
        .reporter(&empty, &["unit", "true"])
        .fails(128, &["no commit checked out"]);
    place
        .reporter(&place.repo(), &["unit", "exit", "7"])
        .fails(7, &["nobody asks"]);
    assert_eq!(place.board().len(), 1, "nobody has answered");
    // The end of a long log, from the start of a line, whatever is in it; and a code of its own.
    let long = "seq 5000; printf 'caf\\351 \\033[31m\\n'; exit 7";
    place
        .reporter(&dir, &["unit", "sh", "-c", long])
        .fails(7, &["fail: unit"]);
    place.run();
    let results = place.records("results");
    let run = results[0]["attempts"]
        .as_object()
        .unwrap()
        .values()
        .next()
        .unwrap();
    assert_eq!(run["ended"], "exit 7");
    let tail = run["tail"].as_str().unwrap();
    assert!(tail.ends_with("5000\ncaf\u{fffd} \u{1b}[31m\n"), "{tail}");
    assert!((4000..4200).contains(&tail.len()), "{}", tail.len());
}
