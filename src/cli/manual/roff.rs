//! Reading roff: a line, its macro and arguments, its escapes as characters.

use std::str::Chars;

// Characters of the private use area stand for what has no character of its own between reading
// a line and writing it.

/// A space that no line is broken at.
pub(super) const TIE: char = '\u{E000}';
/// A hyphen that no line is broken after, as in the name of an option.
pub(super) const MINUS: char = '\u{E001}';
/// Nothing to be seen, but something: hides a full stop before it from the search for sentences.
pub(super) const DUMMY: char = '\u{E002}';
/// A place within a word where a line may be broken.
pub(super) const BREAK: char = '\u{E003}';
/// Ends a line whose successor continues the same word.
pub(super) const JOIN: char = '\u{E004}';

/// Names of the special characters of groff_char(7), each followed by how it looks.
const GLYPHS: &str = "\
    != ≠  +- ±  -> →  <- ←  <= ≤  <> ↔  == ≡  => ⇒  >= ≥  Bq „  Do $  Eu €  Fc »  Fo «  OK ✓
    R ®  Tm ™  aa ´  aq '  at @  ba |  bq ‚  bu •  co ©  cq ’  da ↓  dd ‡  de °  dg †  di ÷
    dq \"  em —  en –  fc ›  fo ‹  ga `  ha ^  hy ‐  if ∞  lB [  lC {  la ⟨  lq “  mi −  mu ×
    oq ‘  or |  rB ]  rC }  ra ⟩  rg ®  rq ”  rs \\  sc §  sh #  sl /  sq □  ti ~  tm ™  ua ↑
    ul _  ~= ≈";

/// One line of roff, with its escapes replaced by characters.
pub(super) enum Line<'a> {
    Comment,
    Text(String),
    Macro(&'a str, Vec<String>),
}

impl<'a> Line<'a> {
    pub(super) fn parse(line: &'a str) -> Self {
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
pub(super) fn visible(text: &str) -> String {
    text.chars().filter_map(shown).collect()
}

pub(super) fn shown(c: char) -> Option<char> {
    match c {
        TIE => Some(' '),
        MINUS => Some('-'),
        DUMMY | BREAK | JOIN => None,
        c => Some(c),
    }
}
