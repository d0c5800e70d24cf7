//! The manual from outside: the page is well formed, help prints it, and its examples and the README's
//! work as they stand there.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "tests start programs and write files of their own"
)]

mod shells;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Mutex;

const PROGRAM: &str = env!("CARGO_BIN_EXE_git-gt");

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Returns whether a program is there. Where it is not, the test is skipped with a remark, unless
/// `GT_TEST_REQUIRE` names it (a list with commas), which makes it a failure.
fn need(program: &str) -> bool {
    let look = format!("command -v {program}");
    let found = Command::new("sh").args(["-c", &look]).output();
    if found.is_ok_and(|it| it.status.success()) {
        return true;
    }
    let required = std::env::var("GT_TEST_REQUIRE").unwrap_or_default();
    assert!(
        !required.split(',').any(|it| it == program),
        "{program} is missing, and GT_TEST_REQUIRE={required}"
    );
    eprintln!("skipped: {program} is missing");
    false
}

fn pages() -> Vec<PathBuf> {
    let entries = fs::read_dir(root().join("man")).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let pages: Vec<PathBuf> = paths
        .filter(|it| it.extension().is_some_and(|end| end == "1" || end == "7"))
        .collect();
    assert!(pages.len() > 25, "{pages:?}");
    pages
}

/// Returns the name of a page without its section.
fn name(page: &Path) -> String {
    page.file_stem().unwrap().to_string_lossy().into_owned()
}

/// Returns everything an output holds.
fn said(output: &Output) -> String {
    let streams = [&output.stdout, &output.stderr];
    streams.map(|it| String::from_utf8_lossy(it)).concat()
}

#[test]
fn mandoc_finds_nothing_wrong() {
    if !need("mandoc") {
        return;
    }
    for page in pages() {
        let mut mandoc = Command::new("mandoc");
        let output = mandoc.args(["-T", "lint", "-W", "warning"]).arg(&page);
        let output = output.output().unwrap();
        assert_eq!(said(&output), "");
        assert!(output.status.success());
    }
}

#[test]
fn man_sets_the_page_without_a_warning() {
    // lexgrog comes with the man that takes these options, which is not everybody's.
    if !need("man") || !need("lexgrog") {
        return;
    }
    for page in pages() {
        let found = Command::new("lexgrog").arg(&page).output().unwrap();
        let wanted = format!("\"{} - ", name(&page));
        assert!(said(&found).contains(&wanted), "{}", said(&found));
        let mut man = Command::new("man");
        man.args(["--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z"]);
        man.arg(&page)
            .env("LC_ALL", "C.UTF-8")
            .env("MANROFFSEQ", "")
            .env("MANWIDTH", "80");
        let output = man.output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
        assert!(output.status.success());
    }
}

/// What a page about a command may have, in this order; those marked it must have.
const HEADINGS: &[(&str, bool)] = &[
    ("NAME", true),
    ("SYNOPSIS", true),
    ("DESCRIPTION", true),
    ("OPTIONS", false),
    ("COMMANDS", false),
    ("OUTPUT", false),
    ("EXIT STATUS", true),
    ("EXAMPLES", true),
    ("NOTES", false),
    ("SEE ALSO", true),
    ("GIT", true),
];

#[test]
fn pages_of_commands_have_the_same_parts() {
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        let name = name(&page);
        let section = page.extension().unwrap().to_str().unwrap();
        let title = name.to_uppercase().replace('-', "\\-");
        let version = env!("CARGO_PKG_VERSION");
        let mut lines = text.lines();
        let header = lines.find(|it| it.starts_with(".TH ")).unwrap();
        assert!(
            header.starts_with(&format!(".TH {title} {section} 20")),
            "{header}"
        );
        assert!(
            header.ends_with(&format!("\"git\\-gt {version}\" \"Git Gas Town Manual\"")),
            "{header}"
        );
        if !name.starts_with("git-gt-") {
            continue;
        }
        let found: Vec<&str> = lines.filter_map(|it| it.strip_prefix(".SH ")).collect();
        let wanted: Vec<&str> = HEADINGS
            .iter()
            .filter(|(heading, must)| *must || found.contains(heading))
            .map(|it| it.0)
            .collect();
        assert_eq!(found, wanted, "{name}");
    }
}

#[test]
fn pages_refer_to_pages_that_exist() {
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap().replace("\\-", "-");
        for line in text.lines().filter_map(|it| it.strip_prefix(".BR git")) {
            let mut words = line.split_whitespace();
            let (Some(end), Some(section)) = (words.next(), words.next()) else {
                continue;
            };
            let Some(section) = section.strip_prefix('(').and_then(|it| it.get(..1)) else {
                continue;
            };
            if end.starts_with("-gt") || end.starts_with("gt-") {
                let file = format!("man/git{end}.{section}");
                // Commands that share a page get a link to it where the pages are installed.
                let shared = end.strip_prefix("-gt-").filter(|_| section == "1");
                let is_shared = || {
                    let asked = Command::new(PROGRAM).arg("help").args(shared).output();
                    shared.is_some() && asked.is_ok_and(|it| it.status.success())
                };
                let is_there = root().join(&file).exists() || is_shared();
                assert!(is_there, "{}: {file}", page.display());
            }
        }
    }
}

/// Says that `git-gt ARGUMENTS`, run outside of any repository, exits with `code` and prints every one
/// of `wanted`.
#[track_caller]
fn check(arguments: &str, code: i32, wanted: &[&str]) {
    let mut program = Command::new(PROGRAM);
    program.args(arguments.split_whitespace()).current_dir("/");
    let output = program.output().unwrap();
    let text = said(&output);
    assert_eq!(output.status.code(), Some(code), "{arguments}: {text}");
    for part in wanted {
        assert!(text.contains(part), "{arguments}: no '{part}' in: {text}");
    }
    let stream = if code == 0 {
        output.stderr
    } else {
        output.stdout
    };
    assert!(stream.is_empty(), "{arguments}: said on the wrong stream");
}

#[test]
fn help_is_the_manual() {
    check("help", 0, &["GIT-GT(1)", "\nNAME\n", "\nEXIT STATUS\n"]);
    check("--help", 0, &["GIT-GT(1)", "\nNOTES\n"]);
    let sling = &[
        "GIT-GT-SLING(1)",
        "git gt sling [--agent NAME]",
        "-n, --dry-run",
    ];
    check("sling --help", 0, sling);
    check("-C / --actor ada sling --help", 0, sling);
    check(
        "comment gt-1 --help",
        0,
        &["comment", "Comment on a bead.", "-f, --file FILE"],
    );
    let gate = &["refinery gate add", "-c, --command CMD"];
    check("help refinery gate add", 0, gate);
    check("refinery gate add --help", 0, gate);
    check(
        "help refinery",
        0,
        &["refinery run", "refinery gate add", "refinery gate none"],
    );
    check("help --json version", 0, &["\"command\": \"version\""]);
    for guide in ["concepts", "gt-concepts", "gitgt-concepts"] {
        check(&format!("help {guide}"), 0, &["GITGT-CONCEPTS(7)"]);
    }
    check("help nonsense", 1, &["Error: there is no command"]);
    let typo = &["Error: there is no command 'refinery gat'"];
    check("help refinery gat", 1, typo);
}

#[test]
fn h_is_a_short_usage() {
    check("-h", 0, &["Usage: git gt [OPTIONS] <COMMAND>", "sling"]);
    check("sling -h", 0, &["Usage: git gt sling"]);
    check("refinery gate add -h", 0, &["--command <CMD>"]);
}

#[test]
fn a_command_line_without_sense_is_usage() {
    check(
        "nonsense",
        129,
        &["Error: unrecognized subcommand 'nonsense'", "try '-h'"],
    );
    check("slnig", 129, &["Error: ", "similar", "'sling'"]);
    check("mq list --bogus", 129, &["Error: ", "'--bogus'", "Usage:"]);
    check("", 129, &["Coordinate", "Usage: git gt"]);
    check("mq", 129, &["Usage: git gt mq"]);
}

#[test]
fn a_command_line_without_sense_has_json() {
    for (line, said) in [
        ("slnig --json", "unrecognized subcommand 'slnig'"),
        ("--json mq", "no command was given"),
    ] {
        let mut program = Command::new(PROGRAM);
        let output = program.args(line.split_whitespace()).output().unwrap();
        assert_eq!(output.status.code(), Some(129), "{line}");
        let fault: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(fault["error"], *said, "{line}");
        assert!(!output.stderr.is_empty(), "{line}");
    }
}

#[test]
fn the_version_is_asked_for_as_of_git() {
    let version = concat!("git-gt version ", env!("CARGO_PKG_VERSION"), "\n");
    check("version", 0, &[version]);
    check("--version", 0, &[version]);
}

#[test]
fn a_full_disk_is_told_and_a_closed_pipe_is_not() {
    let run = |script: &str| {
        let script = format!("'{PROGRAM}' {script}");
        Command::new("sh").args(["-c", &script]).output().unwrap()
    };
    let gone = run("help | :");
    assert_eq!(said(&gone), "");
    if Path::new("/dev/full").exists() {
        let full = run("help >/dev/full");
        assert_eq!(full.status.code(), Some(128));
        assert!(said(&full).starts_with("Error: cannot write to standard output"));
    }
}

/// A project with a remote, a runner of tests and an agent on `PATH`, in a folder of its own.
struct Project {
    dir: tempfile::TempDir,
}

/// Does every bead with a file of its own.
const AGENT: &str = "#!/bin/sh
set -e
test \"$1\" = -p
echo \"$2\" >\"work-$GT_BEAD\"
git add .
git commit -q -m \"do $GT_BEAD\"
git gt done
";

const MAKE: &str = "set -e
git init -q --bare -b main remote.git
git init -q -b main project
cd project
echo 'A project.' >README.md
printf '#!/bin/sh\\ntest -s README.md\\n' >test.sh
chmod +x test.sh
git add .
git commit -q -m 'first'
git remote add origin ../remote.git
git push -q -u origin main
mkdir .beads
echo .beads >.git/info/exclude
echo '{\"id\":\"old-1\",\"title\":\"From bd\",\"status\":\"open\",\"priority\":2,\"issue_type\":\"task\",\"created_at\":\"2026-01-02T03:04:05Z\",\"updated_at\":\"2026-01-02T03:04:05Z\"}' >.beads/issues.jsonl
";

/// Waits until no agent runs, which a person does by looking.
const WAIT: &str = "wait_for_agents() {
  for _ in $(seq 600); do
    git gt agents --json >../agents.json
    grep -q '\"running\": true' ../agents.json || return 0
    sleep 0.05
  done
  return 1
}
";

impl Project {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let bin = dir.path().join("bin");
        fs::create_dir(&bin).unwrap();
        fs::write(bin.join("claude"), AGENT).unwrap();
        std::os::unix::fs::symlink(PROGRAM, bin.join("git-gt")).unwrap();
        let project = Self { dir };
        project.run(".", "chmod +x bin/claude");
        project.run(".", MAKE);
        project
    }

    /// Runs a script in one of the folders and returns its output.
    #[track_caller]
    fn run(&self, folder: &str, script: &str) -> String {
        let home = self.dir.path();
        let path = std::env::var("PATH").unwrap();
        let output = Command::new("sh")
            .args(["-e", "-c", script])
            .current_dir(home.join(folder))
            .env_clear()
            .env("PATH", format!("{}:{path}", home.join("bin").display()))
            .env("HOME", home)
            .env("LC_ALL", "C")
            .env("TZ", "UTC")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_AUTHOR_NAME", "Ada")
            .env("GIT_AUTHOR_EMAIL", "ada@example.org")
            .env("GIT_COMMITTER_NAME", "Ada")
            .env("GIT_COMMITTER_EMAIL", "ada@example.org")
            .output()
            .unwrap();
        let text = said(&output);
        assert!(output.status.success(), "{script}\nsaid: {text}");
        text
    }

    /// Runs lines as somebody types them who waits for agents where one has to.
    #[track_caller]
    fn type_lines(&self, lines: &[String]) -> String {
        let mut script = WAIT.to_owned();
        for line in lines {
            script.push_str(&format!("{line}\n"));
            if line.starts_with("git gt sling") {
                script.push_str("wait_for_agents\n");
            }
        }
        self.run("project", &script)
    }

    /// Returns how many requests landed, after saying that none went another way.
    #[track_caller]
    fn landed(&self) -> usize {
        let all = self.run("project", "git gt mq list --all");
        let landed = all
            .lines()
            .filter(|line| line.contains("  landed  "))
            .count();
        assert_eq!(landed, all.lines().count(), "{all}");
        landed
    }
}

/// Returns the lines that begin with a prompt in a part of a text.
fn prompts(part: &str) -> Vec<String> {
    let lines = part.lines();
    let lines = lines.filter_map(|line| line.trim().strip_prefix("$ "));
    lines.map(str::to_owned).collect()
}

/// Returns the lines that begin with a prompt in a page as it is shown.
fn examples(page: &str) -> Vec<String> {
    let mut program = Command::new(PROGRAM);
    let output = program
        .args(["help"])
        .args(page.split_whitespace())
        .output()
        .unwrap();
    prompts(&said(&output))
}

#[test]
fn the_examples_of_the_page_work() {
    let project = Project::new();
    let lines = examples("");
    assert!(lines.len() > 15, "{lines:?}");
    project.type_lines(&lines);
    assert_eq!(project.landed(), 4);
    let beads = project.run("elsewhere", "git gt list --all");
    assert_eq!(beads.matches(" closed ").count(), 3, "{beads}");
    let bead = project.run("project", "git gt show old-1");
    assert!(bead.contains("From bd"), "{bead}");
}

/// What the examples of pages about single commands find: two beads, an agent, a gate, a branch.
const BEGIN: &str = "git gt init --prefix gt
git gt create --id gt-7k2q9 'Parser accepts empty input'
git gt create --id gt-m4x8d 'Document --quiet'
git gt config agent set claude 'claude -p {prompt}'
git gt refinery gate add test --command ./test.sh
git switch -q -c typo
echo 'See the manual.' >>README.md
git commit -q -a -m 'point at the manual'
git switch -q main
";

#[test]
fn the_examples_of_every_command_work() {
    let pages = Mutex::new(pages().into_iter());
    let next = || pages.lock().expect("no page has failed yet").next();
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                while let Some(page) = next() {
                    the_examples_work(&page);
                }
            });
        }
    });
}

fn the_examples_work(page: &Path) {
    let name = name(page);
    let Some(command) = name.strip_prefix("git-gt-") else {
        return;
    };
    let lines = examples(command);
    assert!(!lines.is_empty(), "{name} has no example");
    let begin = if command == "init" { "" } else { BEGIN };
    let all: Vec<String> = begin.lines().map(str::to_owned).chain(lines).collect();
    Project::new().type_lines(&all);
}

/// A line that is typed, and what a page shows of the answer.
struct Step {
    line: String,
    shown: Vec<String>,
}

/// Returns what is typed in a page as it is shown, with the lines of the answer, which end with a blank one.
fn steps(page: &str) -> Vec<Step> {
    let mut program = Command::new(PROGRAM);
    let text = said(&program.args(["help", page]).output().unwrap());
    let mut steps: Vec<Step> = Vec::new();
    let mut is_answer = false;
    for line in text.lines().map(str::trim) {
        if let Some(typed) = line.strip_prefix("$ ") {
            steps.push(Step {
                line: typed.to_owned(),
                shown: Vec::new(),
            });
            is_answer = true;
        } else if line.is_empty() {
            is_answer = false;
        } else if is_answer && let Some(step) = steps.last_mut() {
            step.shown.push(line.to_owned());
        }
    }
    steps
}

/// Returns whether a line is what was shown of it, where `...` stands for anything and any white space
/// for any other.
fn fits(shown: &str, line: &str) -> bool {
    let plain = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let (shown, line) = (plain(shown), plain(line));
    let parts: Vec<&str> = shown.split("...").map(str::trim).collect();
    let Some((first, others)) = parts.split_first() else {
        return false;
    };
    let Some(mut rest) = line.strip_prefix(first) else {
        return false;
    };
    let Some((last, middle)) = others.split_last() else {
        return rest.is_empty();
    };
    for part in middle {
        let Some((_, behind)) = rest.split_once(part) else {
            return false;
        };
        rest = behind;
    }
    rest.ends_with(last)
}

#[test]
fn dots_in_an_answer_stand_for_anything() {
    for (shown, line, wanted) in [
        ("a b", "a   b", true),
        ("a", "a b", false),
        ("a ... c", "a b c", true),
        ("a...", "a b c", true),
        ("... c", "a b c", true),
        ("... b ... c", "a b x c", true),
        ("... x ... b ... c", "a b x c", false),
        ("web-... is", "web-1 is", true),
        ("web-... is", "api-1 is", false),
        ("... 1 queued", "2 queued", false),
    ] {
        assert_eq!(fits(shown, line), wanted, "{shown} in {line}");
    }
}

/// Says that in what a step said stand the lines that its page shows of it, in that order.
#[track_caller]
fn check_answer(page: &str, step: &Step, said: &str) {
    let mut lines = said.lines();
    for shown in &step.shown {
        assert!(
            lines.any(|line| fits(shown, line)),
            "{page}: $ {}\nshows: {shown}\nwhich is not, or not in that order, in:\n{said}",
            step.line
        );
    }
}

#[test]
fn the_examples_of_the_guides_work() {
    const MARK: &str = "-- answered --";
    for page in pages() {
        let name = name(&page);
        if !name.starts_with("gitgt-") {
            continue;
        }
        // By its whole name: there may be a command of the same.
        let steps = steps(&name);
        assert!(steps.len() > 10, "{name}: {}", steps.len());
        let mut lines = vec!["exec 2>&1".to_owned()];
        for step in &steps {
            lines.extend([step.line.clone(), format!("echo '{MARK}'")]);
        }
        let said = Project::new().type_lines(&lines);
        let answers: Vec<&str> = said.split(&format!("{MARK}\n")).collect();
        assert_eq!(answers.len(), steps.len() + 1, "{said}");
        for (step, answer) in steps.iter().zip(answers) {
            check_answer(&name, step, answer);
        }
    }
}

/// Returns the lines of the block of README.md that begins with that line.
fn block(first: &str) -> Vec<String> {
    let page = fs::read_to_string(root().join("README.md")).unwrap();
    let mut blocks = page.split("```sh\n");
    let begins = |it: &&str| it.starts_with(first);
    let block = blocks.find(begins).unwrap();
    let (block, _) = block.split_once("```").unwrap();
    block.lines().map(str::to_owned).collect()
}

/// Returns lines of README.md with remotes that are here.
fn at_home(lines: &[String]) -> Vec<String> {
    let here = |line: &String| line.replace("https://example.com/", "$HOME/");
    lines.iter().map(here).collect()
}

#[test]
fn the_town_of_the_readme_works() {
    let project = Project::new();
    project.run(".", "git clone -q --bare remote.git api.git");
    project.run(".", "git clone -q --bare remote.git web.git");
    let lines = at_home(&block("git gt install"));
    let said = project.type_lines(&lines);
    assert!(said.contains("is closed: Ping, on both sides"), "{said}");
    for (rig, title) in [("api", "Answer a ping"), ("web", "Show the ping")] {
        let landed = project.run(&format!("{rig}.git"), "git log -p main");
        assert!(landed.contains(title), "{rig}: {landed}");
    }
    assert!(
        project
            .dir
            .path()
            .join("gt/web/crew/ada/README.md")
            .exists()
    );
}

#[test]
fn the_ci_of_the_readme_works() {
    let project = Project::new();
    project.type_lines(&["git gt init".to_owned()]);
    project.type_lines(&block("git gt refinery gate add"));
    let asked = "git switch -q -c typo
echo 'See the manual.' >>README.md
git commit -q -a -m 'point at the manual'
git gt mq submit
git gt refinery run
git gt ci run unit -- ./test.sh
git gt refinery run";
    project.run("project", asked);
    assert_eq!(project.landed(), 1);
}

#[test]
fn the_runtime_hooks_of_the_readme_work() {
    let project = Project::new();
    project.type_lines(&["git gt init".to_owned()]);
    project.type_lines(&block("git gt hooks install"));
    let file = project
        .dir
        .path()
        .join("project/.claude/settings.local.json");
    let settings = fs::read_to_string(file).unwrap();
    assert!(settings.contains("runtime-hook claude"), "{settings}");
    assert_eq!(project.run("project", "git status --short"), "");
}

#[test]
fn the_move_from_bd_of_the_readme_works() {
    let project = Project::new();
    project.run(".", "mkdir -p .local/bin");
    project.type_lines(&block("git gt init --prefix old"));
    let ready = project.run("project", "~/.local/bin/bd ready --plain");
    assert!(ready.contains("From bd"), "{ready}");
    project.run("project", "~/.local/bin/bd close old-1");
    let file = project.run("project", "cat .beads/issues.jsonl");
    assert!(file.contains("\"status\":\"closed\""), "{file}");
    assert_eq!(project.run("project", "git status --short"), "");
}

#[test]
fn the_usage_of_the_readme_works() {
    let project = Project::new();
    let lines = block("git gt init\n");
    assert_eq!(lines.len(), 10, "{lines:?}");
    project.type_lines(&lines);
    assert_eq!(project.landed(), 1);
    let landed = project.run("remote.git", "git log -p main");
    assert!(landed.contains("It panics now."), "{landed}");
    let beads = project.run("project", "git gt list --all");
    assert_eq!(beads.matches(" closed ").count(), 1, "{beads}");
    let log = project.run("project", "git log -p refs/gt/beads");
    let title = "+  \"title\": \"Parser accepts empty input\"";
    assert!(log.contains(title), "{log}");
    assert_eq!(project.run("project", "git status --short"), "");
}
