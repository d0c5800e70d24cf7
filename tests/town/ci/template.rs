//! The files that make a CI answer: shells and forges read them, what these run by them answers, and the
//! reporter says what it was not told.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::asking;
use crate::place::{Output, Place};

/// Returns whether a program succeeds with a text on its input, nothing where it is not there.
fn accepts(program: &[&str], text: &Path) -> Option<Output> {
    let mut command = Command::new(program[0]);
    let file = std::fs::File::open(text).unwrap();
    let output = command.args(&program[1..]).stdin(file).output();
    output.ok().map(Output::from)
}

/// What a file makes a CI run.
struct Job {
    check: String,
    command: String,
    /// The lines that its shell is given.
    lines: String,
}

/// Reads a file as its CI does; nothing where the parser of its language is missing.
fn job(kind: &str, file: &Path, text: &str) -> Option<Job> {
    if kind == "jenkins" {
        return Some(job_of_groovy(text));
    }
    let read = yaml(file)?;
    let (env, lines) = match kind {
        "gitlab" => (&read["gt-mq"]["variables"], &read["gt-mq"]["script"]),
        "woodpecker" => (
            &read["steps"][0]["environment"],
            &read["steps"][0]["commands"],
        ),
        "buildkite" => (&read["steps"][0]["env"], &read["steps"][0]["command"]),
        _ => (
            &read["jobs"]["check"]["env"],
            &read["jobs"]["check"]["steps"][1]["run"],
        ),
    };
    // What these expand when they read the file.
    let expanded = |text: &str| match kind {
        "gitlab" | "buildkite" => text.replace("$$", "$"),
        "woodpecker" => text.replace("$${", "${"),
        _ => text.to_owned(),
    };
    let value = |name: &str| expanded(env[name].as_str().unwrap());
    let lines: Vec<&str> = match lines {
        Value::Array(all) => all.iter().map(|it| it.as_str().unwrap()).collect(),
        one => vec![one.as_str().unwrap()],
    };
    Some(Job {
        check: value("GT_CHECK"),
        command: value("GT_COMMAND"),
        lines: expanded(&lines.join("\n")),
    })
}

/// Reads YAML with python's parser, nothing where that is missing and `GT_TEST_REQUIRE` does not name
/// `python-yaml`.
#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
fn yaml(file: &Path) -> Option<Value> {
    let program = "import sys, json\ntry: import yaml\nexcept ImportError: sys.exit(77)\n\
                   print(json.dumps(yaml.load(sys.stdin, yaml.BaseLoader)))";
    match accepts(&["python3", "-c", program], file) {
        Some(read) if read.code != Some(77) => return Some(read.done().json()),
        _ => {}
    }
    let required = std::env::var("GT_TEST_REQUIRE").unwrap_or_default();
    assert!(
        !required.split(',').any(|it| it == "python-yaml"),
        "python has no yaml, and GT_TEST_REQUIRE={required}"
    );
    eprintln!("skipped: python has no yaml");
    None
}

/// Reads the text that a Jenkinsfile gives to the shell. No parser of Groovy is at hand; what stands around
/// that text must pair its brackets.
fn job_of_groovy(file: &str) -> Job {
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
    let mut lines = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        lines.push(if c == '\\' { chars.next().unwrap() } else { c });
    }
    let set: Vec<&str> = lines.lines().filter(|it| !it.contains("exec")).collect();
    let said = |name: &str| {
        let print = format!("{}\nprintf %s \"${name}\"", set.join("\n"));
        let printed = Command::new("sh").args(["-c", &print]).output();
        Output::from(printed.unwrap()).done().stdout
    };
    Job {
        check: said("GT_CHECK"),
        command: said("GT_COMMAND"),
        lines,
    }
}

/// The files for CIs of others.
const FORGES: &[(&str, &str)] = &[
    ("github", "branches: ['gt-mq/**']"),
    ("gitea", "branches: ['gt-mq/**']"),
    ("forgejo", "branches: ['gt-mq/**']"),
    ("gitlab", "$CI_COMMIT_BRANCH =~ /^gt-mq\\//"),
    ("woodpecker", "branch: 'gt-mq/*'"),
    ("buildkite", "branches: 'gt-mq/*'"),
    ("jenkins", "branch 'gt-mq/*'"),
];

#[test]
fn templates_are_what_shells_and_forges_read() {
    let place = Place::bare(false);
    std::fs::create_dir(place.repo()).unwrap();
    let command = "test ! -e it's && echo \"$HOME ${A}\" # \\ *";
    let filled = ["--check", "unit (1, a)", "--command", command];
    let printed = |kind: &str, options: &[&str]| {
        let text = place.gt(&[&["ci", "template", kind], options].concat());
        let text = text.done().stdout;
        assert!(text.contains("gt-ci-report"), "{kind}: {text}");
        let file = place.write("template", &text);
        (text, file)
    };
    for (kind, options) in [("report", &[][..]), ("none", &[]), ("none", &filled)] {
        let (text, file) = printed(kind, options);
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
        assert_eq!(text.contains(ours), !options.is_empty(), "{text}");
    }
    for (kind, trigger) in FORGES {
        let (plain, _) = printed(kind, &[]);
        assert!(plain.contains(trigger), "{kind}: {plain}");
        assert_eq!(place.json(&["ci", "template", kind])["text"], plain);
        assert!(plain.contains("'./test.sh'"), "{kind}: {plain}");
        let (text, file) = printed(kind, &filled);
        if let Some(job) = job(kind, &file, &text) {
            assert_eq!(
                (job.check, job.command),
                ("unit (1, a)".into(), command.into())
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

/// What a CI runs by its file answers, whatever the CI is.
#[test]
fn every_template_answers() {
    let place = asking();
    let id = place.queue("a");
    place.run();
    let (branch, commit) = place.question();
    let dir = place.checkout(&branch);
    std::fs::create_dir(dir.join(".ci")).unwrap();
    std::fs::copy(place.path("gt-ci-report"), dir.join(".ci/gt-ci-report")).unwrap();
    let answer = place.answer_ref(&commit);
    for (kind, _) in FORGES {
        let fill = ["--check", "unit", "--command", "echo $((6 * 7)); test -e a"];
        let text = place.gt(&[&["ci", "template", kind][..], &fill].concat());
        let text = text.done().stdout;
        let file = place.write("template", &text);
        let Some(job) = job(kind, &file, &text) else {
            continue;
        };
        // The remote is the one of the checkout here.
        let lines = job.lines.lines().filter(|it| !it.contains("GT_CI_REMOTE"));
        let lines: Vec<&str> = lines.collect();
        let mut sh = place.hermetic(Command::new("sh"));
        sh.env("GT_CHECK", &job.check)
            .env("GT_COMMAND", &job.command);
        let ran = Output::of(sh.args(["-ec", &lines.join("\n")]).current_dir(&dir));
        let ran = ran.done();
        assert_eq!(ran.stdout, "42\n", "{kind}: {ran:?}");
        let remote = place.path("remote.git");
        place.rev_in(&remote, &answer);
        if *kind != "jenkins" {
            place.git_in(&remote, &["update-ref", "-d", &answer]).done();
        }
    }
    assert_eq!(place.run()["landed"], serde_json::json!([id]));
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
