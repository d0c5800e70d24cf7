//! What people see: lines of cells that stand below each other, trees, text. On a terminal they are coloured
//! and fit its width; elsewhere they are plain and whole, so that programs can cut them.

mod screen;
mod tree;

use anstyle::{AnsiColor, Style};
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use crate::ledger::Time;
use crate::text::printable;

pub(crate) use screen::{Look, Screen, page};
pub(crate) use tree::tree;

/// What stands out.
pub(crate) const STRONG: Style = Style::new().bold();
/// What matters less than what stands around it.
pub(crate) const FAINT: Style = Style::new().dimmed();

/// Returns a colour as a style.
pub(crate) const fn colour(colour: AnsiColor) -> Style {
    Style::new().fg_color(Some(anstyle::Color::Ansi(colour)))
}

/// The least that is left of a text that is cut, in columns.
const CUT_MIN: usize = 16;

/// A text on one line.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cell {
    text: String,
    style: Style,
    /// What a terminal shows in its place.
    on_terminal: Option<String>,
    /// Whether it is cut where its line is too long.
    gives_way: bool,
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self {
            text: text.into(),
            ..Self::default()
        }
    }
}

impl Cell {
    /// Returns a text in a style.
    pub(crate) fn new(text: impl Into<String>, style: Style) -> Self {
        Self {
            style,
            ..text.into().into()
        }
    }

    /// Returns a text that is cut where its line is too long for a terminal.
    pub(crate) fn cut(text: impl Into<String>, style: Style) -> Self {
        Self {
            gives_way: true,
            ..Self::new(text, style)
        }
    }

    /// Returns a time: for programs as it is written, on a terminal how long ago that was.
    pub(crate) fn time(text: impl Into<String>, now: Time) -> Self {
        let text = text.into();
        Self {
            on_terminal: Time::parse(&text).map(|time| ago(time, now)),
            ..text.into()
        }
    }

    /// Returns whether there is nothing to see.
    pub(crate) fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    fn shown(&self, screen: &Screen) -> String {
        let other = self.on_terminal.as_ref().filter(|_| screen.is_terminal());
        one_line(other.unwrap_or(&self.text))
    }
}

/// What a command shows to people.
#[derive(Debug, Default)]
pub(crate) struct Drawing(Vec<Block>);

#[derive(Debug)]
enum Block {
    /// Lines whose cells stand below each other.
    Table(Vec<Vec<Cell>>),
    /// A line whose cells follow each other, behind a branch of a tree.
    Line(String, Vec<Cell>),
    /// Text, which may have several lines.
    Text(String, Style),
}

impl Drawing {
    /// Returns lines whose cells stand below each other.
    pub(crate) fn table(rows: impl IntoIterator<Item = Vec<Cell>>) -> Self {
        Self(vec![Block::Table(rows.into_iter().collect())])
    }

    /// Adds lines whose cells stand below each other.
    pub(crate) fn add_table(&mut self, rows: impl IntoIterator<Item = Vec<Cell>>) {
        self.0.push(Block::Table(rows.into_iter().collect()));
    }

    /// Adds a line whose cells follow each other.
    pub(crate) fn add_line(&mut self, cells: impl IntoIterator<Item = Cell>) {
        self.add_branch(String::new(), cells.into_iter().collect());
    }

    fn add_branch(&mut self, front: String, cells: Vec<Cell>) {
        self.0.push(Block::Line(front, cells));
    }

    /// Adds text of any number of lines, which a terminal breaks between words.
    pub(crate) fn add_text(&mut self, text: impl Into<String>, style: Style) {
        self.0.push(Block::Text(text.into(), style));
    }

    /// Adds what another drawing shows.
    pub(crate) fn add(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// Returns whether there is nothing to see.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.iter().all(|block| match block {
            Block::Table(rows) => rows.is_empty(),
            Block::Line(..) | Block::Text(..) => false,
        })
    }

    /// Returns what a screen shows of it; nothing in it steers a terminal but our own colours.
    pub(crate) fn on(&self, screen: &Screen) -> String {
        let mut out = String::new();
        for block in &self.0 {
            match block {
                Block::Table(rows) => table(&mut out, rows, screen),
                Block::Line(front, cells) => {
                    painted(&mut out, front, FAINT, screen);
                    let columns = screen.width().saturating_sub(front.width());
                    line(&mut out, cells, &[], columns, screen);
                }
                Block::Text(text, style) => lines(&mut out, text, *style, screen),
            }
        }
        out
    }
}

fn table(out: &mut String, rows: &[Vec<Cell>], screen: &Screen) {
    let mut widths: Vec<usize> = Vec::new();
    for row in rows {
        widths.resize(widths.len().max(row.len()), 0);
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.shown(screen).width());
        }
    }
    rows.iter()
        .for_each(|row| line(out, row, &widths, screen.width(), screen));
}

/// Writes cells, each at least as wide as it has to be, so that all fit in `columns`.
fn line(out: &mut String, cells: &[Cell], widths: &[usize], columns: usize, screen: &Screen) {
    // What stands in a table is set apart more than words of a line.
    let gap = if widths.is_empty() { 1 } else { 2 };
    let texts: Vec<String> = cells.iter().map(|cell| cell.shown(screen)).collect();
    let least = |at: usize, text: &str| widths.get(at).map_or(0, |it| *it).max(text.width());
    let whole: usize = texts.iter().enumerate().map(|(at, it)| least(at, it)).sum();
    let whole = whole + gap * cells.len().saturating_sub(1);
    let surplus = whole.saturating_sub(columns);
    let mut missing = 0;
    for (at, (cell, text)) in cells.iter().zip(&texts).enumerate() {
        let mut width = least(at, text);
        let mut text = text.clone();
        if cell.gives_way && surplus > 0 {
            width = width.saturating_sub(surplus).max(CUT_MIN);
            text = cut(&text, width);
        }
        if at > 0 {
            missing += gap;
        }
        if !text.is_empty() {
            out.push_str(&" ".repeat(missing));
            missing = 0;
            painted(out, &text, cell.style, screen);
        }
        missing += width.saturating_sub(text.width());
    }
    out.push('\n');
}

/// Writes text line by line; what is longer than a terminal is wide goes on below its beginning.
fn lines(out: &mut String, text: &str, style: Style, screen: &Screen) {
    for line in wrapped(&printable(text), screen.width()) {
        painted(out, &line, style, screen);
        out.push('\n');
    }
}

fn painted(out: &mut String, text: &str, style: Style, screen: &Screen) {
    if screen.has_colours() && !text.is_empty() && style != Style::new() {
        out.push_str(&format!("{style}{text}{style:#}"));
    } else {
        out.push_str(text);
    }
}

/// Returns a text on one line that cannot steer a terminal.
fn one_line(text: &str) -> String {
    printable(text).replace(['\n', '\t'], " ")
}

/// Returns a text that is at most `width` columns wide, with a mark where it was cut.
fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut left = width.saturating_sub(1);
    let mut kept = String::new();
    for c in text.chars() {
        let needed = c.width().unwrap_or_default();
        if needed > left {
            break;
        }
        left -= needed;
        kept.push(c);
    }
    format!("{}…", kept.trim_end())
}

/// Returns a text as lines of at most `width` columns, broken between words. What is broken off stands below
/// the beginning of its line, or below the second column of one that has two. Longer words are not broken.
pub(crate) fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for line in text.lines() {
        if line.width() <= width {
            lines.push(line.trim_end().to_owned());
            continue;
        }
        let blank = |text: &str| text.chars().take_while(|c| *c == ' ').count();
        let column = line.trim_start().find("  ").map(|at| {
            let at = at + blank(line);
            at + blank(&line[at..])
        });
        let margin = " ".repeat(column.unwrap_or_else(|| blank(line)));
        let (mut begun, mut wide) = (String::new(), 0);
        for (at, word) in line.split(' ').enumerate() {
            let needed = word.width();
            if at > 0 && wide + 1 + needed > width {
                lines.push(begun.trim_end().to_owned());
                begun = format!("{margin}{word}");
                wide = margin.len() + needed;
                continue;
            }
            if at > 0 {
                begun.push(' ');
                wide += 1;
            }
            begun.push_str(word);
            wide += needed;
        }
        lines.push(begun.trim_end().to_owned());
    }
    lines
}

/// Returns how long ago something was, or how soon it will be, as people say it.
pub(crate) fn ago(time: Time, now: Time) -> String {
    const UNITS: [(u64, &str); 6] = [
        (365 * 86_400, "year"),
        (30 * 86_400, "month"),
        (7 * 86_400, "week"),
        (86_400, "day"),
        (3600, "hour"),
        (60, "minute"),
    ];
    let seconds = now.seconds().abs_diff(time.seconds());
    let unit = UNITS.iter().find(|(length, _)| seconds >= *length);
    let Some((length, name)) = unit else {
        return "just now".to_owned();
    };
    let count = seconds / length;
    let plural = if count == 1 { "" } else { "s" };
    match time > now {
        true => format!("in {count} {name}{plural}"),
        false => format!("{count} {name}{plural} ago"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WIDE: Screen = Screen::new(Some(200), false);

    #[test]
    fn cells_stand_below_each_other() {
        let row = |cells: [&str; 3]| cells.map(Cell::from).to_vec();
        let drawing =
            Drawing::table([row(["größe", "", "x"]), row(["日本", "b", "y\n\u{1b}[2Jz"])]);
        assert_eq!(drawing.on(&WIDE), "größe     x\n日本   b  y ?[2Jz\n");
    }

    #[test]
    fn what_gives_way_is_cut_at_the_width_of_a_terminal() {
        let check = |width, text: &str, want: &str| {
            let cells = vec!["gt-1".into(), Cell::cut(text, STRONG), "end".into()];
            let screen = Screen::new(width, false);
            assert_eq!(
                Drawing::table([cells]).on(&screen),
                format!("gt-1  {want}  end\n")
            );
        };
        check(Some(40), "a title", "a title");
        let long = "a title that is longer than a line";
        check(Some(39), long, "a title that is longer than…");
        check(Some(10), long, "a title that is…");
        check(None, long, long);
        check(Some(30), "日本語日本語日本語日本語", "日本語日本語日本語…");
    }

    #[test]
    fn colours_are_for_terminals() {
        let cells = || vec![Cell::new("a", STRONG), "b".into()];
        let check = |screen: &Screen, want| assert_eq!(Drawing::table([cells()]).on(screen), want);
        check(&Screen::new(Some(80), true), "\u{1b}[1ma\u{1b}[0m  b\n");
        check(&Screen::new(Some(80), false), "a  b\n");
        check(&Screen::PLAIN, "a  b\n");
    }

    #[test]
    fn times_are_relative_on_a_terminal() {
        let now = Time::parse("2026-01-10T00:00:00Z").unwrap();
        let check = |text: &str, want: &str| {
            let drawing = Drawing::table([vec![Cell::time(text, now)]]);
            assert_eq!(drawing.on(&Screen::PLAIN), format!("{text}\n"));
            assert_eq!(drawing.on(&WIDE), format!("{want}\n"));
        };
        check("2026-01-09T23:59:30Z", "just now");
        check("2026-01-09T23:58:59Z", "1 minute ago");
        check("2026-01-09T12:00:00Z", "12 hours ago");
        check("2026-01-02T00:00:00Z", "1 week ago");
        check("2025-11-01T00:00:00Z", "2 months ago");
        check("2020-01-10T00:00:00Z", "6 years ago");
        check("2026-01-12T01:00:00Z", "in 2 days");
        check("soon", "soon");
    }

    #[test]
    fn lines_are_broken_between_words() {
        let check = |text: &str, want: &[&str]| assert_eq!(wrapped(text, 10), want, "{text}");
        check("short", &["short"]);
        check("one two three four", &["one two", "three four"]);
        check("a   table b c", &["a   table", "    b c"]);
        check("  in by two and on", &["  in by", "  two and", "  on"]);
        check("first\n\nlast", &["first", "", "last"]);
        check("averyveryverylongword x", &["averyveryverylongword", "x"]);
        check("", &[]);
    }
}
