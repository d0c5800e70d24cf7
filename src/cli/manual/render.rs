//! Setting roff as plain text, as man does on a terminal.

use std::mem;

use super::roff::{BREAK, DUMMY, JOIN, Line, shown, visible};

/// Columns that man(7) indents the body of a section by, and the default of `.TP` and `.RS`.
const INDENT: usize = 7;

/// Columns that the title of a `.SS` is indented by.
const SUBSECTION_INDENT: usize = 3;

/// Columns between tab stops: half an inch at ten characters to the inch.
const TAB: usize = 5;

/// Columns that one argument may ask for: as much as a page is wide.
const LENGTH_MAX: f32 = 80.0;

/// Requests without text of their own, which change nothing in plain text set flush left.
const SILENT: &[&str] = &["ad", "ds", "ft", "hy", "na", "ne", "nh", "nr", "ta"];

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
    use super::super::tests::PAGE;
    use super::*;

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
}
