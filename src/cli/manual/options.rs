//! Synopses, lists of options and the list of commands for the manual, generated from the same
//! definitions as the parser; only tests need them, because what they make stands in the pages.

use clap::{Arg, ArgAction, Command};

use super::roff::Line;
use super::{Section, lookup, page, page_of, sections};

/// Returns roff that lists the options of `command`, then its positional arguments.
///
/// Leaves out what is hidden, `--help`, and global options, which the page describes once.
fn options(command: &Command) -> String {
    let (positional, named): (Vec<&Arg>, Vec<&Arg>) = command
        .get_arguments()
        .filter(|it| is_listed(it))
        .partition(|it| it.is_positional());
    named.into_iter().chain(positional).map(entry).collect()
}

/// What is generated between the line of a marker and its end.
#[derive(Debug, PartialEq, Eq)]
enum Region<'a> {
    /// `.\" options: PATH`: options and arguments of a command.
    Options(Vec<&'a str>),
    /// `.\" synopsis: PATH`: a line for the command and each one below it.
    Synopsis(Vec<&'a str>),
    /// `.\" commands: NAME ...`: those commands, with the pages to read.
    Commands(Vec<&'a str>),
}

/// Returns the page `roff` with what stands between each pair of markers generated afresh.
///
/// Where no command of `root` has the path that a marker names, the list becomes the line
/// `.\" unknown command`. Where a marker has no end before the next heading or marker, nothing is
/// replaced and each call adds a line `.\" missing end`, so that the page is never up to date.
pub(crate) fn refresh(roff: &str, root: &Command) -> String {
    let mut page = String::with_capacity(roff.len());
    let mut lines = roff.split_inclusive('\n');
    while let Some(line) = lines.next() {
        page.push_str(line);
        let Some(region) = region(line) else { continue };
        match lines
            .clone()
            .take_while(|it| !is_boundary(it))
            .position(is_end_marker)
        {
            None => page.push_str(".\\\" missing end\n"),
            Some(stale) => {
                page.push_str(&generated(&region, root));
                lines.by_ref().take(stale).for_each(drop);
            }
        }
    }
    page
}

/// Returns the paths of the visible commands of `root` that no page describes.
///
/// A command without subcommands is described by a page that is named after it, or by a section of
/// the page of its first word or of the one it shares (while it is new, of git-gt(1)), that holds the
/// marker of its options, even if it has none.
pub(crate) fn undocumented(pages: &[(&str, &str)], root: &Command) -> Vec<String> {
    let described = |leaf: &Vec<String>| {
        let own = page_of(&leaf[0]);
        let is_own = |roff: &str| leaf.len() == 1 && options_in(roff).any(|it| it == *leaf);
        let is_part = |roff: &str| {
            let mut parts = sections(roff).into_iter().filter(has_own_marker);
            parts.any(|it| it.path == *leaf)
        };
        pages.iter().any(|(name, roff)| {
            *name == own && (is_own(roff) || is_part(roff)) || *name == "git-gt.1" && is_part(roff)
        })
    };
    leaves(root, &[])
        .into_iter()
        .filter(|leaf| !described(leaf))
        .map(|it| it.join(" "))
        .collect()
}

/// Says whether a section holds the marker of its own options.
fn has_own_marker(section: &Section) -> bool {
    options_in(&section.text).any(|it| it == section.path)
}

/// Returns the paths of the markers of options in a page.
fn options_in(roff: &str) -> impl Iterator<Item = Vec<&str>> {
    roff.lines().filter_map(|line| match region(line) {
        Some(Region::Options(path)) => Some(path),
        _ => None,
    })
}

fn region(line: &str) -> Option<Region<'_>> {
    let said = line.strip_prefix(".\\\" ")?.trim_end();
    let words = |path: &'static str| {
        let rest = said.strip_prefix(path)?;
        Some(rest.split_whitespace().collect())
    };
    words("options:")
        .map(Region::Options)
        .or_else(|| words("synopsis:").map(Region::Synopsis))
        .or_else(|| words("commands:").map(Region::Commands))
}

fn is_end_marker(line: &str) -> bool {
    line.trim_end() == ".\\\" end"
}

/// Says whether a list of options cannot go on across `line`.
fn is_boundary(line: &str) -> bool {
    region(line).is_some() || matches!(Line::parse(line), Line::Macro("SH" | "SS", _))
}

fn generated(region: &Region<'_>, root: &Command) -> String {
    let (path, make): (_, fn(&[&str], &Command) -> String) = match region {
        Region::Commands(names) => return commands(names, root),
        Region::Options(path) => (path, |_, command| options(command)),
        Region::Synopsis(path) => (path, |path, command| synopses(path, command).join(".br\n")),
    };
    match lookup(root, path) {
        Some(found)
            if found
                .iter()
                .map(|it| it.get_name())
                .eq(path.iter().copied()) =>
        {
            make(path, found.last().copied().unwrap_or(root))
        }
        _ => ".\\\" unknown command\n".to_owned(),
    }
}

/// Returns the names of the commands that a page lists, in its order.
pub(crate) fn listed(roff: &str) -> Vec<&str> {
    let named = |line| match region(line) {
        Some(Region::Commands(names)) => names,
        _ => Vec::new(),
    };
    roff.lines().flat_map(named).collect()
}

/// Returns commands of `root` with what they are for, as a list of pages to read; one that has no page
/// yet is named alone.
fn commands(names: &[&str], root: &Command) -> String {
    let entry = |name: &&str| {
        let Some(found) = root.find_subcommand(name) else {
            return ".\\\" unknown command\n".to_owned();
        };
        let about = found.get_about().map(ToString::to_string);
        let name = escape(found.get_name());
        let tag = match page(&page_of(found.get_name())) {
            Some(_) => format!(".BR git\\-gt\\-{name} (1)"),
            None => format!(".B {name}"),
        };
        format!(".TP\n{tag}\n{}", escape_line(&about.unwrap_or_default()))
    };
    names.iter().map(entry).collect()
}

/// Returns how a command and the visible ones below it are typed, each as lines of roff.
fn synopses(path: &[&str], command: &Command) -> Vec<String> {
    let mut found = Vec::new();
    if !command.is_subcommand_required_set() {
        let name = escape(&path.join(" "));
        let mut one = format!(".B git gt {name}\n");
        let (positional, named): (Vec<&Arg>, Vec<&Arg>) = command
            .get_arguments()
            .filter(|it| is_listed(it))
            .partition(|it| it.is_positional());
        for arg in named.into_iter().chain(positional) {
            let text = if arg.is_positional() {
                positional_tag(arg)
            } else {
                let long = arg.get_long().map(|it| format!("--{it}"));
                let short = || arg.get_short().map(|it| format!("-{it}"));
                bold(&long.or_else(short).unwrap_or_default()) + &option_value(arg)
            };
            one += &if arg.is_required_set() {
                format!("{text}\n")
            } else {
                format!("[{text}]\n")
            };
        }
        found.push(one);
    }
    let below = command.get_subcommands().filter(|it| !it.is_hide_set());
    for child in below.filter(|it| it.get_name() != "help") {
        found.extend(synopses(&[path, &[child.get_name()]].concat(), child));
    }
    found
}

fn leaves(command: &Command, path: &[String]) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for child in command.get_subcommands().filter(|it| !it.is_hide_set()) {
        // Once built, a noun has a `help` that clap made, and so has the root, with copies of all
        // commands below it. A `help` of our own is a leaf of the root.
        if child.get_name() == "help" && (child.has_subcommands() || !path.is_empty()) {
            continue;
        }
        let path = [path, &[child.get_name().to_owned()]].concat();
        match leaves(child, &path) {
            below if below.is_empty() => found.push(path),
            below => found.extend(below),
        }
    }
    found
}

fn is_listed(arg: &Arg) -> bool {
    use ArgAction::{Help, HelpLong, HelpShort};
    let is_help = arg.get_id() == "help" || matches!(arg.get_action(), Help | HelpShort | HelpLong);
    !(is_help || arg.is_hide_set() || arg.is_global_set())
}

fn entry(arg: &Arg) -> String {
    let tag = if arg.is_positional() {
        positional_tag(arg)
    } else {
        option_tag(arg)
    };
    format!(".TP\n{tag}\n{}", description(arg))
}

fn option_tag(arg: &Arg) -> String {
    let short = arg.get_short_and_visible_aliases().unwrap_or_default();
    let long = arg.get_long_and_visible_aliases().unwrap_or_default();
    let short = short.iter().map(|it| format!("-{it}"));
    let long = long.iter().map(|it| format!("--{it}"));
    let names: Vec<String> = short.chain(long).map(|it| bold(&it)).collect();
    names.join(", ") + &option_value(arg)
}

fn option_value(arg: &Arg) -> String {
    if !arg.get_action().takes_values() {
        return String::new();
    }
    let value = value(arg);
    let is_optional = arg.get_num_args().is_some_and(|it| it.min_values() == 0);
    match (arg.is_require_equals_set(), is_optional) {
        (true, true) => format!("[={value}]"),
        (true, false) => format!("={value}"),
        (false, true) => format!(" [{value}]"),
        (false, false) => format!(" {value}"),
    }
}

fn positional_tag(arg: &Arg) -> String {
    let separator = if arg.is_last_set() {
        bold("--") + " "
    } else {
        String::new()
    };
    separator + &value(arg)
}

/// Returns the names of the values of `arg`, with dots if there may be more values than names.
fn value(arg: &Arg) -> String {
    let names: Vec<String> = match arg.get_value_names() {
        Some(names) => names.iter().map(|it| italic(it)).collect(),
        None => vec![italic(&arg.get_id().as_str().to_uppercase())],
    };
    // A positional argument that appends may be given again and again, one value at a time.
    let is_repeated = arg.is_positional() && matches!(arg.get_action(), ArgAction::Append);
    let has_more = arg
        .get_num_args()
        .is_some_and(|it| it.max_values() > names.len());
    let dots = if is_repeated || has_more { " ..." } else { "" };
    names.join(" ") + dots
}

fn description(arg: &Arg) -> String {
    let help = arg
        .get_long_help()
        .or(arg.get_help())
        .map(ToString::to_string)
        .unwrap_or_default();
    let mut paragraphs = paragraphs(&help);
    let notes: String = [choices(arg), defaults(arg)]
        .into_iter()
        .flatten()
        .collect();
    match paragraphs.last_mut() {
        Some(last) => last.push_str(&notes),
        None => paragraphs.push(notes),
    }
    paragraphs.join(".IP\n")
}

fn choices(arg: &Arg) -> Option<String> {
    let values = arg.get_possible_values();
    let names = values
        .iter()
        .filter(|it| !it.is_hide_set())
        .map(|it| quoted(it.get_name()));
    let names: Vec<String> = names.collect();
    // A flag may have a parser, and that has possible values, but the flag takes none.
    let is_shown = arg.get_action().takes_values() && !arg.is_hide_possible_values_set();
    (is_shown && !names.is_empty()).then(|| escape_line(&format!("(one of: {})", names.join(", "))))
}

fn defaults(arg: &Arg) -> Option<String> {
    let values = arg
        .get_default_values()
        .iter()
        .map(|it| quoted(&it.to_string_lossy()));
    let values: Vec<String> = values.collect();
    // Once built, a flag has the default "false", of which nobody needs to be told.
    let is_shown = arg.get_action().takes_values() && !arg.is_hide_default_value_set();
    (is_shown && !values.is_empty())
        .then(|| escape_line(&format!("(default: {})", values.join(", "))))
}

fn quoted(value: &str) -> String {
    if value.is_empty() || value.contains(char::is_whitespace) {
        format!("\"{value}\"")
    } else {
        value.to_owned()
    }
}

/// Returns the paragraphs of `text` as roff, each of whole lines.
fn paragraphs(text: &str) -> Vec<String> {
    let mut found = vec![String::new()];
    for line in text.lines().map(str::trim) {
        match found.last_mut() {
            Some(last) if !line.is_empty() => last.push_str(&escape_line(line)),
            _ => found.push(String::new()),
        }
    }
    found.retain(|it| !it.is_empty());
    found
}

fn bold(text: &str) -> String {
    format!("\\fB{}\\fR", escape(text))
}

fn italic(text: &str) -> String {
    format!("\\fI{}\\fR", escape(text))
}

/// Returns `text` as a line of roff that is not taken for a macro.
fn escape_line(text: &str) -> String {
    let guard = if text.starts_with(['.', '\'']) {
        "\\&"
    } else {
        ""
    };
    format!("{guard}{}\n", escape(text))
}

/// Returns `text` in roff, so that it can be copied from the page as it was.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\e"),
            '-' => out.push_str("\\-"),
            '^' => out.push_str("\\(ha"),
            '`' => out.push_str("\\(ga"),
            '~' => out.push_str("\\(ti"),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use clap::builder::PossibleValue;

    use super::super::render::render;
    use super::super::tests::{PAGE, tree};
    use super::*;

    #[track_caller]
    fn check_options(arg: Arg, want: &str) {
        let mut command = Command::new("x").arg(arg);
        assert_eq!(options(&command), want);
        command.build();
        assert_eq!(options(&command), want, "once built");
    }

    #[test]
    fn tags_options_with_their_names_and_values() {
        let flag = || Arg::new("go").long("go-on").action(ArgAction::SetTrue);
        let value = || Arg::new("n").long("n");
        check_options(flag().help("Go"), ".TP\n\\fB\\-\\-go\\-on\\fR\nGo\n");
        check_options(
            flag().short('g'),
            ".TP\n\\fB\\-g\\fR, \\fB\\-\\-go\\-on\\fR\n",
        );
        check_options(
            flag().visible_alias("a"),
            ".TP\n\\fB\\-\\-go\\-on\\fR, \\fB\\-\\-a\\fR\n",
        );
        check_options(value(), ".TP\n\\fB\\-\\-n\\fR \\fIN\\fR\n");
        check_options(
            value().num_args(0..=1),
            ".TP\n\\fB\\-\\-n\\fR [\\fIN\\fR]\n",
        );
        check_options(
            value().require_equals(true),
            ".TP\n\\fB\\-\\-n\\fR=\\fIN\\fR\n",
        );
        check_options(
            value().value_names(["A", "B"]),
            ".TP\n\\fB\\-\\-n\\fR \\fIA\\fR \\fIB\\fR\n",
        );
        check_options(Arg::new("t").value_name("TITLE"), ".TP\n\\fITITLE\\fR\n");
        check_options(Arg::new("t").num_args(1..), ".TP\n\\fIT\\fR ...\n");
        check_options(
            Arg::new("t").action(ArgAction::Append),
            ".TP\n\\fIT\\fR ...\n",
        );
        check_options(Arg::new("t").last(true), ".TP\n\\fB\\-\\-\\fR \\fIT\\fR\n");
        check_options(flag().value_parser(["a"]), ".TP\n\\fB\\-\\-go\\-on\\fR\n");
        check_options(flag().hide(true), "");
        check_options(flag().global(true), "");
    }

    #[test]
    fn describes_options() {
        let arg = || Arg::new("t");
        let want = |text: &str| format!(".TP\n\\fIT\\fR\n{text}");
        let values = || {
            arg().value_parser([
                PossibleValue::new("a-b"),
                PossibleValue::new("c").hide(true),
            ])
        };
        check_options(
            arg().help("Short").long_help("Long.\n\nMore."),
            &want("Long.\n.IP\nMore.\n"),
        );
        check_options(arg().help("On\n  two lines"), &want("On\ntwo lines\n"));
        check_options(values().help("X"), &want("X\n(one of: a\\-b)\n"));
        check_options(values().hide_possible_values(true), &want(""));
        check_options(
            arg().default_values(["", "1"]),
            &want("(default: \"\", 1)\n"),
        );
        check_options(arg().default_value("1").hide_default_value(true), &want(""));
        check_options(arg().help(".a 'b' \\c"), &want("\\&.a 'b' \\ec\n"));
        check_options(
            arg().help("'a' `x^~1`"),
            &want("\\&'a' \\(gax\\(ha\\(ti1\\(ga\n"),
        );
    }

    #[test]
    fn shows_what_was_escaped_as_it_was() {
        for text in [
            ".a",
            "'b'",
            "-x --y",
            r"C:\new\(em\fB\-\&",
            "HEAD~1^ `x`",
            "\"q\" é ’",
            "...",
        ] {
            assert_eq!(render(&escape_line(text), 80).trim(), text);
            assert_eq!(render(&format!(".TP\n{}", bold(text)), 80).trim(), text);
        }
    }

    #[test]
    fn lists_options_before_arguments() {
        let root = tree();
        let found = lookup(&root, &["rf", "gate", "add"]).expect("the tree has it");
        let names: Vec<&str> = found.iter().map(|it| it.get_name()).collect();
        assert_eq!(names, ["refinery", "gate", "add"]);
        let want = ".TP\n\\fB\\-\\-command\\fR \\fICMD\\fR\nRun CMD with sh\n\
                    .TP\n\\fINAME\\fR\nName of the gate\n";
        assert_eq!(options(found[2]), want);
        assert!(lookup(&root, &["refinery", "fly"]).is_none());
    }

    #[track_caller]
    fn check_refresh(page: &str, want: &str) {
        let page = page.replace('#', ".\\\"");
        assert_eq!(refresh(&page, &tree()).replace(".\\\"", "#"), want);
    }

    #[test]
    fn refreshes_what_stands_between_markers() {
        let urgency =
            ".TP\n\\fB\\-p\\fR, \\fB\\-\\-priority\\fR \\fIN\\fR\nUrgency\n(default: 2)\n";
        let fresh = format!("a\n# options: sling\n{urgency}# end\nb\n");
        check_refresh("a\n# options: sling\nstale\n# end\nb\n", &fresh);
        check_refresh(&fresh, &fresh);
        check_refresh(
            "# options: refinery run\n.TP\n# end",
            "# options: refinery run\n# end",
        );
        for path in ["fly", "sling fly", "rf run"] {
            let want = format!("# options: {path}\n# unknown command\n# end\n");
            check_refresh(&format!("# options: {path}\nstale\n# end\n"), &want);
        }
        let want = "# options: sling\n# missing end\nkept\n.SS x\n# end\n";
        check_refresh("# options: sling\nkept\n.SS x\n# end\n", want);
    }

    #[test]
    fn generates_synopses_and_the_list_of_commands() {
        let sling =
            "# synopsis: sling\n.B git gt sling\n[\\fB\\-\\-priority\\fR \\fIN\\fR]\n# end\n";
        check_refresh("# synopsis: sling\n# end\n", sling);
        let refinery = "# synopsis: refinery\n.B git gt refinery\n.br\n.B git gt refinery run\n.br\n\
                        .B git gt refinery gate\n.br\n.B git gt refinery gate add\n\
                        [\\fB\\-\\-command\\fR \\fICMD\\fR]\n\\fINAME\\fR\n# end\n";
        check_refresh("# synopsis: refinery\nstale\n# end\n", refinery);
        let commands = "# commands: sling fly\n.TP\n.BR git\\-gt\\-sling (1)\nSling it\n\
                        .TP\n.B fly\nFly\n# end\n";
        let root = Command::new("git-gt")
            .subcommand(Command::new("sling").about("Sling it"))
            .subcommand(Command::new("fly").about("Fly"));
        let page = "# commands: sling fly\n# end\n".replace('#', ".\\\"");
        let page = refresh(&page, &root);
        assert_eq!(page.replace(".\\\"", "#"), commands);
        assert_eq!(listed(&page), ["sling", "fly"]);
    }

    #[test]
    fn names_what_the_pages_do_not_describe() {
        let mut root = tree();
        let all = |page: &str| [("git-gt.1", page.to_owned())];
        let check = |pages: &[(&str, String)], root: &Command, want: &[&str]| {
            let pages: Vec<(&str, &str)> = pages.iter().map(|it| (it.0, it.1.as_str())).collect();
            assert_eq!(undocumented(&pages, root), want);
        };
        check(&all(PAGE), &root, &["refinery gate add", "help"]);
        let other = PAGE.replace("options: sling", "options: refinery run");
        check(&all(&other), &root, &["sling", "refinery gate add", "help"]);
        let own = ".\\\" options: help\n.\\\" end\n".to_owned();
        let pages = [("git-gt.1", PAGE.to_owned()), ("git-gt-help.1", own)];
        check(&pages, &root, &["refinery gate add"]);
        root.build();
        check(&all(PAGE), &root, &["refinery gate add", "help"]);
    }
}
