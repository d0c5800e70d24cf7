//! The embedded manual: shows it without man, finds a command's part, generates option lists.
//!
//! The page is hand-written in the macros of man(7); only the lists between the lines
//! `.\" options: PATH` and `.\" end` are generated, from the same definitions as the parser.

use std::mem;
use std::str::Chars;

use clap::{Arg, ArgAction, Command};

/// Columns that man(7) indents the body of a section by, and the default of `.TP` and `.RS`.
const INDENT: usize = 7;

/// Columns that the title of a `.SS` is indented by.
const SUBSECTION_INDENT: usize = 3;

/// Columns between tab stops: half an inch at ten characters to the inch.
const TAB: usize = 5;

/// Columns that one argument may ask for: as much as a page is wide.
const LENGTH_MAX: f32 = 80.0;

// Characters of the private use area stand for what has no character of its own between reading
// a line and writing it.

/// A space that no line is broken at.
const TIE: char = '\u{E000}';
/// A hyphen that no line is broken after, as in the name of an option.
const MINUS: char = '\u{E001}';
/// Nothing to be seen, but something: hides a full stop before it from the search for sentences.
const DUMMY: char = '\u{E002}';
/// A place within a word where a line may be broken.
const BREAK: char = '\u{E003}';
/// Ends a line whose successor continues the same word.
const JOIN: char = '\u{E004}';

/// Requests without text of their own, which change nothing in plain text set flush left.
const SILENT: &[&str] = &["ad", "ds", "ft", "hy", "na", "ne", "nh", "nr", "ta"];

/// Names of the special characters of groff_char(7), each followed by how it looks.
const GLYPHS: &str = "\
    != ≠  +- ±  -> →  <- ←  <= ≤  <> ↔  == ≡  => ⇒  >= ≥  Bq „  Do $  Eu €  Fc »  Fo «  OK ✓
    R ®  Tm ™  aa ´  aq '  at @  ba |  bq ‚  bu •  co ©  cq ’  da ↓  dd ‡  de °  dg †  di ÷
    dq \"  em —  en –  fc ›  fo ‹  ga `  ha ^  hy ‐  if ∞  lB [  lC {  la ⟨  lq “  mi −  mu ×
    oq ‘  or |  rB ]  rC }  ra ⟩  rg ®  rq ”  rs \\  sc §  sh #  sl /  sq □  ti ~  tm ™  ua ↑
    ul _  ~= ≈";

/// Returns `roff` as the plain text that man shows on a terminal `width` columns wide.
///
/// Lines are filled but neither justified nor hyphenated. Without a `.TH` there is no header and
/// no footer, so that a part of the page can be shown by itself. Macros outside the subset that
/// the manual uses keep their text and lose their meaning.
pub(crate) fn render(roff: &str, width: usize) -> String {
    let mut layout = Layout::new(text_width(width));
    for line in roff.lines() {
        match Line::parse(line) {
            Line::Comment => {}
            Line::Text(text) => layout.text_line(&text),
            Line::Macro(name, arguments) => layout.macro_line(name, &arguments),
        }
    }
    layout.finish()
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

/// Returns roff that lists the options of `command`, then its positional arguments.
///
/// Leaves out what is hidden, `--help`, and global options, which the page describes once.
pub(crate) fn options(command: &Command) -> String {
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
        .filter(Section::has_own_marker)
        .map(|it| it.path)
        .collect();
    leaves(root, &[])
        .into_iter()
        .filter(|leaf| !described.contains(leaf))
        .map(|it| it.join(" "))
        .collect()
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

    fn has_own_marker(&self) -> bool {
        self.text
            .lines()
            .filter_map(marker)
            .any(|it| it == self.path)
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

/// One line of roff, with its escapes replaced by characters.
enum Line<'a> {
    Comment,
    Text(String),
    Macro(&'a str, Vec<String>),
}

impl<'a> Line<'a> {
    fn parse(line: &'a str) -> Self {
        let Some(line) = line.strip_prefix(['.', '\'']) else {
            let text = decode(line);
            // A line that only changes the font is not a blank one.
            let is_silent = text.is_empty() && !line.is_empty();
            return if is_silent {
                Self::Comment
            } else {
                Self::Text(text)
            };
        };
        let line = line.trim();
        let end = line.find([' ', '\t', '\\']).unwrap_or(line.len());
        match line.split_at(end) {
            ("", _) => Self::Comment,
            (name, rest) => Self::Macro(name, arguments(rest)),
        }
    }
}

/// Splits what follows a macro's name; quotes keep spaces, and `""` within them is a quote.
fn arguments(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() && !rest.starts_with("\\\"") {
        let end;
        if let Some(inner) = rest.strip_prefix('"') {
            end = 1 + quoted_len(inner);
            found.push(decode(&rest[1..end].replace("\"\"", "\"")));
            rest = rest[end..].strip_prefix('"').unwrap_or_default();
        } else {
            end = plain_len(rest);
            found.push(decode(&rest[..end]));
            rest = &rest[end..];
        }
        rest = rest.trim_start();
    }
    found
}

fn quoted_len(text: &str) -> usize {
    let mut at = 0;
    while let Some(quote) = text[at..].find('"') {
        at += quote;
        if !text[at + 1..].starts_with('"') {
            return at;
        }
        at += 2;
    }
    text.len()
}

fn plain_len(text: &str) -> usize {
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            ' ' => return at,
            '\\' if text[at + 1..].starts_with('"') => return at,
            '\\' => drop(chars.next()),
            _ => {}
        }
    }
    text.len()
}

fn decode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        match c {
            '\\' => decode_escape(&mut rest, &mut out),
            c => out.push(c),
        }
    }
    out
}

fn decode_escape(rest: &mut Chars<'_>, out: &mut String) {
    let Some(c) = rest.next() else { return };
    match c {
        '"' => *rest = "".chars(),
        'f' | 'm' => drop(name(rest)),
        's' => skip_size(rest),
        'h' | 'v' | 'w' => skip_quoted(rest),
        '(' => out.push_str(&glyph(&rest.take(2).collect::<String>())),
        '[' => out.push_str(&glyph(
            &rest.take_while(|it| *it != ']').collect::<String>(),
        )),
        '*' => out.push_str(&glyph(&name(rest))),
        ' ' | '~' | '0' => out.push(TIE),
        '-' => out.push(MINUS),
        'e' => out.push('\\'),
        '\'' => out.push('´'),
        '&' | '|' | '^' => out.push(DUMMY),
        ':' => out.push(BREAK),
        'c' => out.push(JOIN),
        '%' | '/' | ',' | ')' | '{' | '}' => {}
        other => out.push(other),
    }
}

/// Takes a name in any of its three forms: `x`, `(xx` and `[x...]`.
fn name(rest: &mut Chars<'_>) -> String {
    match rest.next() {
        Some('(') => rest.take(2).collect(),
        Some('[') => rest.take_while(|it| *it != ']').collect(),
        other => other.into_iter().collect(),
    }
}

fn skip_size(rest: &mut Chars<'_>) {
    let size = rest.as_str().trim_start_matches(['+', '-']);
    *rest = size.chars();
    name(rest);
}

fn skip_quoted(rest: &mut Chars<'_>) {
    if let Some(quote) = rest.next() {
        rest.take_while(|it| *it != quote).for_each(drop);
    }
}

/// Returns how the special character `name` looks, or its name if it is not known.
fn glyph(name: &str) -> String {
    let mut words = GLYPHS.split_whitespace();
    let code = name
        .strip_prefix('u')
        .and_then(|it| u32::from_str_radix(it, 16).ok());
    match words.position(|it| it == name) {
        Some(at) if at % 2 == 0 => words.next().expect("each name has its looks").to_owned(),
        _ => code
            .and_then(char::from_u32)
            .map_or_else(|| name.to_owned(), String::from),
    }
}

/// Returns decoded `text` as it is shown.
fn visible(text: &str) -> String {
    text.chars().filter_map(shown).collect()
}

fn shown(c: char) -> Option<char> {
    match c {
        TIE => Some(' '),
        MINUS => Some('-'),
        DUMMY | BREAK | JOIN => None,
        c => Some(c),
    }
}

fn columns(text: &str) -> usize {
    text.chars().filter_map(shown).count()
}

/// Returns how much of a terminal `width` columns wide man fills.
fn text_width(width: usize) -> usize {
    (width * 39 / 40).min(width.saturating_sub(2))
}

/// A page being set: what stands already, the line being filled, and where the next one goes.
#[derive(Default)]
struct Layout {
    width: usize,
    out: String,
    footer: Option<String>,
    /// The line being filled, with its indentation; empty if none was begun.
    line: String,
    /// Text whose next line continues the same word.
    joined: String,
    /// Spaces between the last word of `line` and the next one.
    gap: usize,
    /// Columns that new lines are indented by.
    indent: usize,
    /// Left margin, which `.RS` moves.
    margin: usize,
    /// Columns that the text after a tag is indented by, from the margin.
    hang: usize,
    /// Margins and hangs of the enclosing `.RS`.
    outer: Vec<(usize, usize)>,
    is_verbatim: bool,
    /// The next line of text is a tag.
    wants_tag: bool,
    /// A blank line is due before the next line.
    wants_blank: bool,
    /// Blank lines are not due until the next line: it is the first after a heading.
    refuses_blank: bool,
    /// Paragraphs are not set apart by blank lines.
    is_dense: bool,
}

impl Layout {
    fn new(width: usize) -> Self {
        Self {
            width,
            indent: INDENT,
            margin: INDENT,
            hang: INDENT,
            ..Self::default()
        }
    }

    fn macro_line(&mut self, name: &str, arguments: &[String]) {
        let first = arguments.first().map(|it| it.as_str());
        match name {
            "TH" => self.title(arguments),
            "SH" => self.heading(0, arguments),
            "SS" => self.heading(SUBSECTION_INDENT, arguments),
            "PP" | "P" | "LP" | "HP" => self.paragraph(),
            "TP" => self.begin_tag(first),
            "TQ" => {
                self.break_line();
                self.refuses_blank = true;
                self.begin_tag(first);
            }
            "IP" => self.indented_paragraph(arguments),
            "RS" => self.move_margin(first),
            "RE" => self.restore_margin(),
            "nf" | "EX" => self.set_verbatim(true),
            "fi" | "EE" => self.set_verbatim(false),
            "br" => self.break_line(),
            "sp" => self.blank_line(),
            "PD" => self.is_dense = first.and_then(length) == Some(0),
            "BI" | "BR" | "IB" | "IR" | "RB" | "RI" => self.font_line(&arguments.concat()),
            _ if SILENT.contains(&name) => {}
            // `.B`, `.I`, `.SM`, and whatever is not known here.
            _ => self.font_line(&arguments.join(" ")),
        }
    }

    fn text_line(&mut self, text: &str) {
        if text.is_empty() {
            self.blank_line();
        } else {
            self.text(text);
        }
    }

    fn font_line(&mut self, text: &str) {
        if !text.is_empty() {
            // As in man's own macros: spaces at the start do not break the line.
            self.text(&format!("{DUMMY}{text}"));
        }
    }

    fn text(&mut self, text: &str) {
        let text = mem::take(&mut self.joined) + text;
        if let Some(half) = text.strip_suffix(JOIN) {
            self.joined = half.to_owned();
        } else if self.is_verbatim && !self.wants_tag {
            self.verbatim(&text);
        } else {
            self.fill(&text);
        }
        if self.wants_tag && self.joined.is_empty() {
            self.end_tag();
        }
    }

    fn fill(&mut self, text: &str) {
        let text = text.trim_end_matches(' ');
        let words = text.trim_start_matches(' ');
        if words.len() < text.len() {
            self.break_line();
            self.line = " ".repeat(self.indent + text.len() - words.len());
        }
        let mut gap = self.gap;
        for word in words.split(' ') {
            if word.is_empty() {
                gap += 1;
            } else {
                self.word(word, gap);
                gap = 1;
            }
        }
        self.gap = gap_after(words);
    }

    fn word(&mut self, word: &str, gap: usize) {
        let mut gap = Some(gap);
        for part in word_parts(word) {
            match gap.take() {
                // A tag stays on the line of its text, also if that is too long.
                Some(0) if !self.line.is_empty() => self.push(&part),
                gap => self.push_or_wrap(&part, gap.unwrap_or(0)),
            }
        }
    }

    fn push_or_wrap(&mut self, part: &str, gap: usize) {
        if columns(&self.line) + gap + columns(part) > self.width {
            self.break_line();
        }
        if !self.line.is_empty() {
            self.line.push_str(&" ".repeat(gap));
        }
        self.push(part);
    }

    fn push(&mut self, part: &str) {
        if self.line.is_empty() {
            self.pad();
        }
        self.line.push_str(part);
    }

    /// Fills up the line with spaces, so that what comes next starts at the indentation.
    fn pad(&mut self) {
        let missing = self.indent.saturating_sub(columns(&self.line));
        self.line.push_str(&" ".repeat(missing));
        self.gap = 0;
    }

    fn verbatim(&mut self, text: &str) {
        self.push(&expand_tabs(text));
        self.break_line();
    }

    fn break_line(&mut self) {
        let joined = mem::take(&mut self.joined);
        if !joined.is_empty() {
            self.fill(&joined);
        }
        let line = mem::take(&mut self.line);
        self.gap = 0;
        if !line.is_empty() {
            self.emit(&visible(&line));
        }
    }

    fn emit(&mut self, line: &str) {
        let line = line.trim_end();
        if line.is_empty() {
            self.wants_blank = true;
            return;
        }
        if mem::take(&mut self.wants_blank) && !self.out.is_empty() {
            self.out.push('\n');
        }
        self.out.push_str(line);
        self.out.push('\n');
        self.refuses_blank = false;
    }

    fn blank_line(&mut self) {
        self.break_line();
        self.wants_blank |= !self.refuses_blank;
    }

    fn begin_paragraph(&mut self) {
        self.break_line();
        self.wants_blank |= !self.is_dense && !self.refuses_blank;
        self.indent = self.margin;
    }

    fn paragraph(&mut self) {
        self.begin_paragraph();
        self.hang = INDENT;
    }

    fn indented_paragraph(&mut self, arguments: &[String]) {
        if let Some(tag) = arguments.first() {
            self.begin_tag(arguments.get(1).map(|it| it.as_str()));
            self.text(tag);
        } else {
            self.begin_paragraph();
            self.indent = self.margin + self.hang;
        }
    }

    fn begin_tag(&mut self, hang: Option<&str>) {
        self.begin_paragraph();
        self.hang = hang.and_then(length).unwrap_or(self.hang);
        self.wants_tag = true;
    }

    fn end_tag(&mut self) {
        self.indent = self.margin + self.hang;
        self.wants_tag = false;
        if columns(&self.line) < self.indent {
            self.pad();
        } else {
            self.break_line();
        }
    }

    fn move_margin(&mut self, by: Option<&str>) {
        self.break_line();
        self.outer.push((self.margin, self.hang));
        self.margin += by.and_then(length).unwrap_or(self.hang);
        (self.indent, self.hang) = (self.margin, INDENT);
    }

    fn restore_margin(&mut self) {
        self.break_line();
        (self.margin, self.hang) = self.outer.pop().unwrap_or((INDENT, INDENT));
        self.indent = self.margin;
    }

    fn set_verbatim(&mut self, is_verbatim: bool) {
        self.break_line();
        self.is_verbatim = is_verbatim;
    }

    fn heading(&mut self, indent: usize, title: &[String]) {
        self.begin_paragraph();
        self.outer.clear();
        (self.indent, self.margin, self.hang) = (INDENT, INDENT, INDENT);
        self.is_verbatim = false;
        self.emit(&format!(
            "{}{}",
            " ".repeat(indent),
            visible(&title.join(" "))
        ));
        self.refuses_blank = true;
    }

    fn title(&mut self, arguments: &[String]) {
        let argument = |at: usize| arguments.get(at).map(|it| visible(it)).unwrap_or_default();
        let name = format!("{}({})", argument(0), argument(1));
        self.emit(&three_parts([&name, &argument(4), &name], self.width));
        (self.wants_blank, self.refuses_blank) = (true, true);
        self.footer = Some(three_parts([&argument(3), &argument(2), &name], self.width));
    }

    fn finish(mut self) -> String {
        self.break_line();
        if let Some(footer) = self.footer.take() {
            self.wants_blank = true;
            self.emit(&footer);
        }
        self.out
    }
}

/// Returns the spaces due between `text`, which ends a line, and the next: two after a sentence.
fn gap_after(text: &str) -> usize {
    let sentence = text.trim_end_matches(['"', '\'', ')', ']', '*', '†', '”', '’']);
    match text.chars().next_back() {
        None => 0,
        Some(_) if sentence.ends_with(['.', '?', '!']) => 2,
        Some(_) => 1,
    }
}

/// Splits `word` where a line may be broken: after hyphens between letters and at `BREAK`.
fn word_parts(word: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut before = [DUMMY; 2];
    for c in word.chars() {
        let [letter, hyphen] = before;
        let is_hyphenated = matches!(hyphen, '-' | '‐' | '—') && letter.is_alphabetic();
        if hyphen == BREAK || (is_hyphenated && c.is_alphabetic()) {
            parts.push(String::new());
        }
        parts.last_mut().expect("there is a first part").push(c);
        before = [hyphen, c];
    }
    parts
}

fn expand_tabs(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\t' => out.push_str(&" ".repeat(TAB - columns(&out) % TAB)),
            c => out.push(c),
        }
    }
    out
}

/// Returns the columns that an argument such as `4`, `4n` or `.5i` stands for.
fn length(text: &str) -> Option<usize> {
    let (number, columns_per_unit) = match text.strip_suffix('i') {
        Some(inches) => (inches, 10.0),
        None => (text.trim_end_matches(['m', 'n', 'v']), 1.0),
    };
    let columns = number.parse::<f32>().ok()? * columns_per_unit;
    Some(columns.clamp(0.0, LENGTH_MAX) as usize)
}

/// Returns a line with its parts at the left, in the middle and at the right.
fn three_parts([left, middle, right]: [&str; 3], width: usize) -> String {
    let middle_at = (width + 1).saturating_sub(columns(middle)) / 2;
    let right_at = width.saturating_sub(columns(right));
    let mut line = left.to_owned();
    for (at, part) in [(middle_at, middle), (right_at, right)] {
        let gap = at.saturating_sub(columns(&line)).max(1);
        line.push_str(&" ".repeat(gap));
        line.push_str(part);
    }
    line
}

#[cfg(test)]
mod tests {
    use clap::builder::PossibleValue;

    use super::*;

    const PAGE: &str = r#".\" A page as man(7) wants it.
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

    /// What `man --nj --nh` makes of `PAGE` with `MANWIDTH=60`.
    const PAGE_AS_TEXT: &str = "\
GIT-GT(1)           Git Gas Town Manual          GIT-GT(1)

NAME
       git-gt - coordinate many agents

SYNOPSIS
       git gt [--json] [COMMAND]

COMMANDS
       Each command has options of its own.

   sling
       Hang a bead on a hook. The hook is a worktree, and
       nothing else is needed.

       stale

              $ git gt sling  gt-1

   refinery run
       Run — once.

   refinery gate add
       Add a gate.

       -v  Short tags share the line.
       --verbose
           Long ones do not.

       • A point.

SEE ALSO
       git(1), gitgt-workflow(7)

git-gt 0.1              2026-01-02               GIT-GT(1)
";

    fn tree() -> Command {
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

    #[test]
    fn renders_a_page_as_man_does() {
        assert_eq!(render(PAGE, 60), PAGE_AS_TEXT);
    }

    #[track_caller]
    fn check_render(roff: &str, want: &str) {
        let got = render(roff, 32);
        let got: Vec<&str> = got
            .lines()
            .map(|it| it.strip_prefix("       ").unwrap_or(it))
            .collect();
        assert_eq!(got.join("\n"), want, "{roff}");
    }

    #[test]
    fn replaces_escapes() {
        check_render(r"\fBa\fR\-\f[I]b\fP \e \&.c \(aqd\(aq", "a-b \\ .c 'd'");
        check_render(r"\(lqa\(rq \(em \(en \[bu] \(dq \[u2713]", "“a” — – • \" ✓");
        check_render(r"a\~b\ c\|d\s-1E\s0\%f\[nonsense]", "a b cdEfnonsense");
        check_render(r#"seen \" unseen"#, "seen");
    }

    #[test]
    fn fills_lines() {
        check_render(
            "one two three four five six seven",
            "one two three four five\nsix seven",
        );
        check_render(
            "aaaaaaaaaaaaaaaaaaaa bb\\~cc",
            "aaaaaaaaaaaaaaaaaaaa\nbb cc",
        );
        check_render("A sentence.\nAnother.", "A sentence.  Another.");
        check_render("e.g.\\&\nthis", "e.g. this");
        check_render(
            "aaaaaaaaaaaaaaaaa well-known",
            "aaaaaaaaaaaaaaaaa well-\nknown",
        );
        check_render(
            "aaaaaaaaaaaaaaaaaaa \\-\\-known",
            "aaaaaaaaaaaaaaaaaaa\n--known",
        );
        check_render(
            "aaaaaaaaaaaaaaaaaaa b\\c\n.B cccc",
            "aaaaaaaaaaaaaaaaaaa\nbcccc",
        );
        check_render("a\n  b\n.br\nc", "a\n  b\nc");
        check_render("a\n.sp 2\nb\n\nc", "a\n\nb\n\nc");
    }

    #[test]
    fn knows_fonts_and_keeps_the_text_of_what_it_does_not_know() {
        check_render(".BR git (1),\n.RI [ \"a b\" ]", "git(1), [a b]");
        check_render(".B a \"b \"\"c\"\"\" d\\ e\n.B\nf", "a b \"c\" d e f");
        check_render(".UR https://x\nlink\n.UE", "https://x link");
        check_render(".nh\n.\\\" comment\n.\ntext", "text");
    }

    #[test]
    fn indents_tags_and_blocks() {
        check_render(".TP\n.B \\-v\nbe loud", "-v     be loud");
        check_render(
            ".TP\n.B \\-\\-verbose\nbe loud",
            "--verbose\n       be loud",
        );
        check_render(
            ".IP 1. 4\na b c d e f g h i j k l m",
            "1.  a b c d e f g h i j\n    k l m",
        );
        check_render(
            ".TP 4\na\nb\n.RS\n.PP\nc\n.RE\n.PP\nd",
            "a   b\n\n    c\n\nd",
        );
        check_render(".PD 0\n.TP 4\na\nb\n.TP\nc\nd", "a   b\nc   d");
        check_render(".nf\na  b\n\n\tc\n.fi\nd\ne", "a  b\n\n     c\nd e");
        check_render(".RS inf\na\n.RE\n.RE\nb", &format!("{:80}a\nb", ""));
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
