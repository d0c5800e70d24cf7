//! `git gt ci`

use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};

use super::Context;
use super::done::counted;
use super::refinery::duration;
use super::reply::{Reply, progress};
use crate::daemon;
use crate::fault::{Fault, Result};
use crate::git::Repo;
use crate::refinery::{Answered, Checking, Job, check_name, report, run_checks};
use crate::town::Home;

/// Let an outside CI answer for a gate: its files, its reporter, and a CI where there is none
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Print the file that makes a CI answer, or the reporter it runs
    Template {
        /// Whose file
        #[arg(value_name = "KIND", value_enum)]
        kind: Kind,
        /// Let it answer for CHECK
        #[arg(long, value_name = "CHECK")]
        check: Option<String>,
        /// Let it run CMD
        #[arg(long, short, value_name = "CMD")]
        command: Option<String>,
    },
    /// Be the CI: test what the queue asks about on the remote, and answer
    Run {
        /// Go through what is asked now, which is the default
        #[arg(long, conflicts_with = "watch")]
        once: bool,
        /// Go on until interrupted
        #[arg(long)]
        watch: bool,
        /// Ask and answer on REMOTE instead of gt.remote, or origin
        #[arg(long, value_name = "REMOTE")]
        remote: Option<String>,
        /// Stop the command after T, such as 90s, 10m or 2h, and count it as failed
        #[arg(long, value_name = "T", default_value = "1h", value_parser = duration)]
        timeout: Duration,
        /// The check to answer for
        #[arg(value_name = "CHECK")]
        check: String,
        /// What to run at the top of a clean worktree; exit 0 passes
        #[arg(value_name = "COMMAND", last = true, required = true)]
        command: Vec<String>,
    },
    /// Answer for a check that ran in this worktree
    Report {
        /// The check to answer for
        #[arg(value_name = "CHECK")]
        check: String,
        /// What it said
        #[arg(value_name = "VERDICT", value_enum)]
        verdict: Said,
        /// Send the end of FILE as its log
        #[arg(long, value_name = "FILE")]
        log: Option<PathBuf>,
        /// Show URL with the result
        #[arg(long, value_name = "URL", default_value = "")]
        url: String,
        /// Answer on REMOTE instead of gt.remote, or origin
        #[arg(long, value_name = "REMOTE")]
        remote: Option<String>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Said {
    Pass,
    Fail,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Kind {
    Report,
    Github,
    Gitlab,
    Gitea,
    Forgejo,
    Woodpecker,
    Buildkite,
    Jenkins,
    None,
}

impl Kind {
    /// Returns where the file belongs, and what is in it.
    fn file(self) -> (&'static str, &'static str) {
        macro_rules! template {
            ($file:literal) => {
                include_str!(concat!("../../hooks-templates/ci/", $file))
            };
        }
        match self {
            Self::Report => (".ci/gt-ci-report", template!("gt-ci-report")),
            Self::Github => (".github/workflows/gt-mq.yml", template!("github.yml")),
            Self::Gitlab => (".gitlab-ci.yml", template!("gitlab.yml")),
            Self::Gitea => (".gitea/workflows/gt-mq.yml", template!("gitea.yml")),
            Self::Forgejo => (".forgejo/workflows/gt-mq.yml", template!("forgejo.yml")),
            Self::Woodpecker => (".woodpecker/gt-mq.yaml", template!("woodpecker.yml")),
            Self::Buildkite => (".buildkite/pipeline.yml", template!("buildkite.yml")),
            Self::Jenkins => ("Jenkinsfile", template!("jenkins.groovy")),
            Self::None => ("gt-ci.sh", template!("none.sh")),
        }
    }

    /// Returns a text as a scalar of the file's language.
    fn quoted(self, text: &str) -> String {
        let yaml = |text: &str| format!("'{}'", text.replace('\'', "''"));
        match self {
            Self::Report | Self::None => sh(text),
            Self::Github | Self::Gitea | Self::Forgejo => yaml(text),
            // These expand variables before the shell does.
            Self::Gitlab | Self::Buildkite => yaml(&text.replace('$', "$$")),
            Self::Woodpecker => yaml(&text.replace("${", "$${")),
            // A word of the shell in a text of Groovy.
            Self::Jenkins => sh(text).replace('\\', "\\\\").replace('\'', "\\'"),
        }
    }
}

/// Returns a text as a word of the shell.
fn sh(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

pub(crate) fn run(cx: &Context, args: &Args) -> Result<Reply> {
    match &args.verb {
        Verb::Template {
            kind,
            check,
            command,
        } => template(*kind, check.as_deref(), command.as_deref()),
        Verb::Run {
            watch,
            remote,
            timeout,
            check,
            command,
            ..
        } => {
            let home = cx.home()?;
            let words: Vec<String> = command.iter().map(|word| sh(word)).collect();
            let job = Job {
                remote: &remote_name(home.repo(), remote.as_deref()),
                check,
                command: &words.join(" "),
                timeout: *timeout,
            };
            answer(cx, &home, &job, *watch)
        }
        Verb::Report {
            check,
            verdict,
            log,
            url,
            remote,
        } => {
            let repo = cx.repo()?;
            let log = log.as_ref().map_or(Ok(Vec::new()), |path| {
                let path = cx.world.cwd().join(path);
                std::fs::read(&path).map_err(|error| Fault::io("read", &path, &error))
            })?;
            let remote = remote_name(&repo, remote.as_deref());
            let pass = *verdict == Said::Pass;
            let done = report(&repo, &remote, check, (pass, &log, url))?;
            let text = format!("{check} answers on {}: {}", done.branch, word(&done));
            Ok(Reply::new(as_json(&done), text))
        }
    }
}

fn remote_name(repo: &Repo, typed: Option<&str>) -> String {
    let typed = typed.map(str::to_owned);
    let name = typed.or_else(|| repo.setting("gt.remote"));
    name.unwrap_or_else(|| "origin".to_owned())
}

fn template(kind: Kind, check: Option<&str>, command: Option<&str>) -> Result<Reply> {
    if kind == Kind::Report && (check.is_some() || command.is_some()) {
        return Err(
            Fault::invalid("the reporter is told check and command when it runs")
                .hint("gt-ci-report <check> <command>"),
        );
    }
    if let Some(check) = check {
        check_name(check)?;
    }
    if let Some(command) = command
        && (command.trim().is_empty() || command.contains(char::is_control))
    {
        return Err(Fault::invalid("the command must be one line")
            .hint("put what is longer into a script of the project"));
    }
    let (path, text) = kind.file();
    let mut text = text.to_owned();
    for (name, value) in [("GT_CHECK", check), ("GT_COMMAND", command)] {
        let Some(value) = value else { continue };
        for mark in [": ", "="] {
            text = set(&text, &format!("{name}{mark}"), &kind.quoted(value));
        }
    }
    let value = json!({ "path": path, "text": text });
    Ok(Reply::new(value, text).exact())
}

/// Replaces the rest of the line that assigns `name`.
fn set(text: &str, name: &str, value: &str) -> String {
    let line = |line: &str| match line.trim_start().starts_with(name) {
        true => {
            let indent = &line[..line.len() - line.trim_start().len()];
            format!("{indent}{name}{value}\n")
        }
        false => format!("{line}\n"),
    };
    text.lines().map(line).collect()
}

/// Tests what is asked on the remote, and tells each answer.
fn answer(cx: &Context, home: &Home, job: &Job<'_>, watch: bool) -> Result<Reply> {
    home.world()
        .catch_interrupts()
        .map_err(|error| Fault::fatal(format!("cannot watch for interrupts: {error}")))?;
    let mut answers = Vec::new();
    let mut observe = |event: Checking| {
        let line = match &event {
            Checking::Begins(branch) => format!("run     {} on {branch}", job.check),
            Checking::Ended(it) => told(it),
        };
        if !cx.json {
            progress(&line);
        }
        if let Checking::Ended(it) = event {
            answers.push(it);
        }
    };
    if watch {
        let mut note = |fault: &Fault| progress(&format!("note    {fault}"));
        daemon::watch(home, job, &mut observe, &mut note)?;
    } else {
        run_checks(home, job, &mut observe)?;
    }
    let value: Vec<Value> = answers.iter().map(as_json).collect();
    let text = match answers.iter().filter(|it| it.counts).count() {
        0 => format!("nothing asks for {} on {}", job.check, job.remote),
        count => format!(
            "answered {} for {}",
            counted(count as u64, "question"),
            job.check
        ),
    };
    Ok(Reply::new(json!(value), text))
}

fn told(it: &Answered) -> String {
    let seconds = it.millis as f64 / 1000.0;
    let late = match it.counts {
        true => "",
        false => "; it does not count: somebody was faster, or nobody asks any more",
    };
    format!(
        "{:<7} {} in {seconds:.1} s, {}{late}",
        word(it),
        it.branch,
        it.ended
    )
}

fn word(answered: &Answered) -> &'static str {
    if answered.pass { "pass" } else { "fail" }
}

fn as_json(answered: &Answered) -> Value {
    json!({
        "branch": answered.branch,
        "commit": answered.commit,
        "result": word(answered),
        "ended": answered.ended,
        "millis": answered.millis,
        "counts": answered.counts,
    })
}
