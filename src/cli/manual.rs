//! The embedded manual: shows it without man, finds a command's part, generates option lists.
//!
//! The pages are hand-written in the macros of man(7); only what stands between the lines
//! `.\" options: PATH` (or `synopsis: PATH`, or `commands: NAME ...`) and `.\" end` is generated, from the same
//! definitions as the parser.

#[cfg(test)]
mod options;
mod pages;
mod render;
mod roff;

use clap::Command;

#[cfg(test)]
pub(crate) use options::{listed, refresh, undocumented};
pub(crate) use pages::{PAGES, SHARED, guides, page, page_of};
pub(crate) use render::render;
use roff::{Line, visible};

/// Returns the roff of what the manual says about a command: its page, or its part of the page of
/// its first word, or of the page that it shares. While it is new it may be described in git-gt(1).
pub(crate) fn about(command: &[&str]) -> Option<String> {
    let (first, rest) = command.split_first()?;
    let Some(own) = page(&page_of(first)) else {
        return section(page("git-gt.1")?, command);
    };
    let is_shared = SHARED.iter().any(|it| it.0 == *first);
    if rest.is_empty() && !is_shared {
        return Some(own.to_owned());
    }
    section(own, command).or_else(|| Some(own.to_owned()))
}

/// Returns the roff of the sections about `command` and about its subcommands, in page order.
///
/// A section is a `.SS` of `.SH COMMANDS` whose title is the command's path. None if there is no
/// such section.
pub(crate) fn section(roff: &str, command: &[&str]) -> Option<String> {
    let found: String = sections(roff)
        .into_iter()
        .filter(|it| it.is_below(command))
        .map(|it| it.text)
        .collect();
    (!found.is_empty()).then_some(found)
}

/// Returns the commands that `words` lead through, outermost first and without `root` itself.
///
/// Words may be aliases; the names that `section` wants are those of the commands returned. None
/// if some word is not a command of its predecessor.
pub(crate) fn lookup<'a>(root: &'a Command, words: &[impl AsRef<str>]) -> Option<Vec<&'a Command>> {
    let mut at = root;
    words
        .iter()
        .map(|word| {
            at = at.find_subcommand(word.as_ref())?;
            Some(at)
        })
        .collect()
}

/// One command's part of the page.
struct Section {
    path: Vec<String>,
    text: String,
}

impl Section {
    fn is_below(&self, command: &[&str]) -> bool {
        let path = self.path.iter().map(|it| it.as_str());
        path.take(command.len()).eq(command.iter().copied())
    }
}

fn sections(roff: &str) -> Vec<Section> {
    let mut found: Vec<Section> = Vec::new();
    let (mut in_commands, mut in_section) = (false, false);
    for line in roff.split_inclusive('\n') {
        match Line::parse(line.trim_end()) {
            Line::Macro("SH", title) => {
                in_commands = title.last().is_some_and(|it| it.ends_with("COMMANDS"));
                in_section = false;
            }
            Line::Macro("SS", title) if in_commands => {
                let title = visible(&title.join(" "));
                let path = title.split_whitespace().map(str::to_owned).collect();
                found.push(Section {
                    path,
                    text: String::new(),
                });
                in_section = true;
            }
            _ => {}
        }
        if let Some(section) = found.last_mut().filter(|_| in_section) {
            section.text.push_str(line);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use clap::{Arg, ArgAction};

    use super::*;

    pub(super) const PAGE: &str = r#".\" A page as man(7) wants it.
.TH GIT\-GT 1 2026-01-02 "git-gt 0.1" "Git Gas Town Manual"
.SH NAME
git\-gt \- coordinate many agents
.SH SYNOPSIS
.B git gt
[\fB\-\-json\fR]
.RI [ COMMAND ]
.SH COMMANDS
Each command has options of its own.
.SS sling
Hang a bead on a hook. The hook is a worktree, and
nothing else is
.IR needed .
.\" options: sling
.TP
stale
.\" end
.RS
.PP
.EX
$ git gt sling  gt\-1
.EE
.RE
.SS refinery run
Run \(em once.
.\" options: refinery run
.\" end
.SS "refinery gate add"
Add a gate.
.TP 4
.B \-v
Short tags share the line.
.TQ
.B \-\-verbose
Long ones do not.
.IP \(bu 2
A point.
.SH "SEE ALSO"
.BR git (1),
.BR gitgt\-workflow (7)
"#;

    pub(super) fn tree() -> Command {
        let priority = Arg::new("priority")
            .short('p')
            .long("priority")
            .value_name("N");
        let add = Command::new("add")
            .arg(Arg::new("name").required(true).help("Name of the gate"))
            .arg(
                Arg::new("command")
                    .long("command")
                    .value_name("CMD")
                    .help("Run CMD with sh"),
            );
        let refinery = Command::new("refinery")
            .visible_alias("rf")
            .subcommand(Command::new("run"))
            .subcommand(Command::new("secret").hide(true))
            .subcommand(Command::new("gate").subcommand(add));
        Command::new("git-gt")
            .disable_help_subcommand(true)
            .arg(
                Arg::new("json")
                    .long("json")
                    .action(ArgAction::SetTrue)
                    .global(true),
            )
            .subcommand(Command::new("sling").arg(priority.help("Urgency").default_value("2")))
            .subcommand(refinery)
            .subcommand(Command::new("help").arg(Arg::new("command")))
    }

    #[track_caller]
    fn check_section(command: &str, want_titles: &[&str]) {
        let command: Vec<&str> = command.split_whitespace().collect();
        let got = section(PAGE, &command).unwrap_or_default();
        let titles: Vec<&str> = got
            .lines()
            .filter_map(|it| it.strip_prefix(".SS "))
            .collect();
        assert_eq!(titles, want_titles, "{command:?}");
        assert!(!got.contains(".SH"), "{command:?}");
    }

    #[test]
    fn finds_the_sections_of_verbs_and_nouns() {
        check_section("sling", &["sling"]);
        check_section("refinery", &["refinery run", "\"refinery gate add\""]);
        check_section("refinery gate", &["\"refinery gate add\""]);
        check_section("refine", &[]);
        check_section("sling far", &[]);
        let want = ".SS refinery run\nRun \\(em once.\n.\\\" options: refinery run\n.\\\" end\n";
        assert_eq!(section(PAGE, &["refinery", "run"]).as_deref(), Some(want));
        assert_eq!(section(PAGE, &["fly"]), None);
    }
}
