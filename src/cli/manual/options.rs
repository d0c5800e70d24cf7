//! Lists of options for the manual, generated from the same definitions as the parser; only tests
//! need them, because what they make stands in the page.

use clap::{Arg, ArgAction, Command};

use super::roff::Line;
use super::{Section, lookup, sections};

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

/// Returns the page `roff` with the list between each pair of markers generated afresh.
///
/// Where no command of `root` has the path that a marker names, the list becomes the line
/// `.\" unknown command`. Where a marker has no end before the next heading or marker, nothing is
/// replaced and each call adds a line `.\" missing end`, so that the page is never up to date.
pub(crate) fn refresh(roff: &str, root: &Command) -> String {
    let mut page = String::with_capacity(roff.len());
    let mut lines = roff.split_inclusive('\n');
    while let Some(line) = lines.next() {
        page.push_str(line);
        let Some(path) = marker(line) else { continue };
        match lines
            .clone()
            .take_while(|it| !is_boundary(it))
            .position(is_end_marker)
        {
            None => page.push_str(".\\\" missing end\n"),
            Some(stale) => {
                page.push_str(&generated(&path, root));
                lines.by_ref().take(stale).for_each(drop);
            }
        }
    }
    page
}

/// Returns the paths of the visible commands of `root` that the page `roff` does not describe.
///
/// A command without subcommands is described by a section of its own that holds the marker of
/// its options, even if it has none.
pub(crate) fn undocumented(roff: &str, root: &Command) -> Vec<String> {
    let described: Vec<Vec<String>> = sections(roff)
        .into_iter()
        .filter(has_own_marker)
        .map(|it| it.path)
        .collect();
    leaves(root, &[])
        .into_iter()
        .filter(|leaf| !described.contains(leaf))
        .map(|it| it.join(" "))
        .collect()
}

/// Says whether a section holds the marker of its own options.
fn has_own_marker(section: &Section) -> bool {
    section
        .text
        .lines()
        .filter_map(marker)
        .any(|it| it == section.path)
}

fn marker(line: &str) -> Option<Vec<&str>> {
    Some(
        line.strip_prefix(".\\\" options:")?
            .split_whitespace()
            .collect(),
    )
}

fn is_end_marker(line: &str) -> bool {
    line.trim_end() == ".\\\" end"
}

/// Says whether a list of options cannot go on across `line`.
fn is_boundary(line: &str) -> bool {
    marker(line).is_some() || matches!(Line::parse(line), Line::Macro("SH" | "SS", _))
}

fn generated(path: &[&str], root: &Command) -> String {
    match lookup(root, path) {
        Some(found)
            if found
                .iter()
                .map(|it| it.get_name())
                .eq(path.iter().copied()) =>
        {
            options(found.last().copied().unwrap_or(root))
        }
        _ => ".\\\" unknown command\n".to_owned(),
    }
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
    fn names_what_the_page_does_not_describe() {
        let mut root = tree();
        assert_eq!(undocumented(PAGE, &root), ["refinery gate add", "help"]);
        let other = PAGE.replace("options: sling", "options: refinery run");
        assert_eq!(
            undocumented(&other, &root),
            ["sling", "refinery gate add", "help"]
        );
        root.build();
        assert_eq!(undocumented(PAGE, &root), ["refinery gate add", "help"]);
    }
}
