//! Reading the language of queries; what cannot be read is said with its place.

use super::{Comparison, Field, METADATA, NAMES, Op, Operand, Query};
use crate::bead::moment::{Moment, Way};
use crate::bead::words;
use crate::fault::{Fault, Result};
use crate::ledger::Time;

/// The value of a field that has none.
pub(super) const NOTHING: &str = "none";

/// How deep parentheses and NOT may be nested.
const DEPTH_MAX: usize = 100;

/// How many characters of a query are shown around a place.
const SHOWN: usize = 40;

const MOL_TYPES: [&str; 3] = ["swarm", "patrol", "work"];
const WISP_TYPES: [&str; 7] = [
    "heartbeat",
    "ping",
    "patrol",
    "gc_report",
    "recovery",
    "error",
    "escalation",
];

/// A part of a query, and where it begins.
#[derive(Debug, Clone)]
struct Token<'t> {
    what: What<'t>,
    at: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum What<'t> {
    Open,
    Close,
    And,
    Or,
    Not,
    Op(Op),
    Word(&'t str),
    Quoted(String),
    End,
}

/// Returns the query that a text is; ages are counted from `now`, and `status` says which status a word is.
pub fn query(text: &str, now: Time, status: &dyn Fn(&str) -> Result<String>) -> Result<Query> {
    let mut parser = Parser {
        text,
        next: 0,
        now,
        status,
        depth: 0,
        token: Token {
            what: What::End,
            at: 0,
        },
    };
    parser.advance()?;
    if parser.token.what == What::End {
        return Err(
            Fault::invalid("the query is empty").hint("such as: status=open AND priority<2")
        );
    }
    let query = parser.any()?;
    match parser.token.what {
        What::End => Ok(query),
        _ => Err(parser.wrong("what stands here belongs to nothing; AND or OR is missing")),
    }
}

/// Returns whether a text is read as itself without quotes.
pub(super) fn is_bare(text: &str) -> bool {
    let keyword = ["and", "or", "not", NOTHING, "null"];
    !text.is_empty()
        && text.chars().all(is_word)
        && !keyword.iter().any(|it| text.eq_ignore_ascii_case(it))
}

fn is_word(c: char) -> bool {
    !c.is_whitespace() && !c.is_control() && !"()<>=!\"',".contains(c)
}

struct Parser<'t> {
    text: &'t str,
    status: &'t dyn Fn(&str) -> Result<String>,
    /// Where the next token begins, or the space before it.
    next: usize,
    now: Time,
    depth: usize,
    token: Token<'t>,
}

impl<'t> Parser<'t> {
    /// Returns a fault at the token that is looked at.
    fn wrong(&self, what: &str) -> Fault {
        self.wrong_at(self.token.at, what)
    }

    fn wrong_at(&self, at: usize, what: &str) -> Fault {
        let (before, after) = self.text.split_at(at);
        let number = before.chars().count() + 1;
        let begin = before.char_indices().rev().nth(SHOWN);
        let begin = begin.map_or(0, |(at, _)| at);
        let end = after.char_indices().nth(SHOWN);
        let end = end.map_or(after.len(), |(at, _)| at);
        Fault::invalid(format!(
            "{what}, at character {number} of the query (behind ^): {}^{}",
            &before[begin..],
            &after[..end]
        ))
    }

    /// Returns a fault of a value, with its place.
    fn misread(&self, at: usize, fault: &Fault) -> Fault {
        let text = fault.text();
        let placed = self.wrong_at(at, &text.message);
        text.hints
            .iter()
            .fold(placed, |fault, hint| fault.hint(hint))
    }

    fn advance(&mut self) -> Result<()> {
        let rest = &self.text[self.next..];
        let at = self.next + (rest.len() - rest.trim_start().len());
        let rest = &self.text[at..];
        let of = |length, what| (length, what);
        let mut chars = rest.chars();
        let (length, what) = match (chars.next(), chars.next()) {
            (None, _) => of(0, What::End),
            (Some('('), _) => of(1, What::Open),
            (Some(')'), _) => of(1, What::Close),
            (Some('!'), Some('=')) => of(2, What::Op(Op::IsNot)),
            (Some('<'), Some('=')) => of(2, What::Op(Op::AtMost)),
            (Some('>'), Some('=')) => of(2, What::Op(Op::AtLeast)),
            (Some('='), _) => of(1, What::Op(Op::Is)),
            (Some('<'), _) => of(1, What::Op(Op::Less)),
            (Some('>'), _) => of(1, What::Op(Op::More)),
            (Some(quote @ ('"' | '\'')), _) => self.quoted(at, quote)?,
            (Some(c), _) if is_word(c) => {
                let word = rest.split(|c| !is_word(c)).next().unwrap_or_default();
                let what = match word.to_ascii_uppercase().as_str() {
                    "AND" => What::And,
                    "OR" => What::Or,
                    "NOT" => What::Not,
                    _ => What::Word(word),
                };
                of(word.len(), what)
            }
            (Some('!'), _) => {
                return Err(self
                    .wrong_at(at, "'!' stands alone")
                    .hint("write != or NOT"));
            }
            (Some(c), _) => {
                let what = format!("{c:?} means nothing here");
                let hint = "put values with such characters between quotes";
                return Err(self.wrong_at(at, &what).hint(hint));
            }
        };
        self.token = Token { what, at };
        self.next = at + length;
        Ok(())
    }

    /// Returns how long a text between quotes is, and the text.
    fn quoted(&self, at: usize, quote: char) -> Result<(usize, What<'t>)> {
        let mut text = String::new();
        let mut chars = self.text[at + 1..].char_indices();
        while let Some((place, c)) = chars.next() {
            match c {
                c if c == quote => return Ok((place + 2, What::Quoted(text))),
                '\\' => match chars.next() {
                    Some((_, 'n')) => text.push('\n'),
                    Some((_, 't')) => text.push('\t'),
                    Some((_, c)) => text.push(c),
                    None => break,
                },
                c => text.push(c),
            }
        }
        Err(self.wrong_at(at, "the quotes that begin here have no end"))
    }

    fn any(&mut self) -> Result<Query> {
        self.list(&What::Or, Self::all, Query::Any)
    }

    fn all(&mut self) -> Result<Query> {
        self.list(&What::And, Self::not, Query::All)
    }

    /// Returns one part, or several with a word between them.
    fn list(
        &mut self,
        word: &What<'_>,
        part: fn(&mut Self) -> Result<Query>,
        of: fn(Vec<Query>) -> Query,
    ) -> Result<Query> {
        let first = part(self)?;
        if self.token.what != *word {
            return Ok(first);
        }
        let mut parts = vec![first];
        while self.token.what == *word {
            self.advance()?;
            parts.push(part(self)?);
        }
        Ok(of(parts))
    }

    fn not(&mut self) -> Result<Query> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(self.wrong(&format!("it is nested deeper than {DEPTH_MAX}")));
        }
        let query = match self.token.what {
            What::Not => {
                self.advance()?;
                Query::Not(Box::new(self.not()?))
            }
            What::Open => {
                let open = self.token.at;
                self.advance()?;
                let query = self.any()?;
                if self.token.what != What::Close {
                    let number = self.text[..open].chars().count() + 1;
                    return Err(self.wrong(&format!(
                        "the parenthesis of character {number} is not closed"
                    )));
                }
                self.advance()?;
                query
            }
            _ => Query::Is(self.comparison()?),
        };
        self.depth -= 1;
        Ok(query)
    }

    fn comparison(&mut self) -> Result<Comparison> {
        let What::Word(name) = self.token.what else {
            return Err(self
                .wrong("a field is missing")
                .hint("such as: status=open"));
        };
        let field = self.field(name)?;
        self.advance()?;
        let What::Op(op) = self.token.what else {
            let what = format!("'{name}' is compared with nothing");
            return Err(self.wrong(&what).hint("one of: = != < <= > >="));
        };
        let ordered = is_time(&field) || field == Field::Priority;
        if !ordered && !matches!(op, Op::Is | Op::IsNot) {
            let what = format!("'{name}' is not more or less than anything");
            return Err(self.wrong(&what).hint("use = or !="));
        }
        self.advance()?;
        let at = self.token.at;
        let (value, is_quoted) = match &self.token.what {
            What::Word(word) => ((*word).to_owned(), false),
            What::Quoted(text) => (text.clone(), true),
            What::And | What::Or | What::Not => {
                let hint = "put AND, OR and NOT between quotes where they are values";
                return Err(self.wrong("a value is missing").hint(hint));
            }
            _ => return Err(self.wrong("a value is missing")),
        };
        let nothing = [NOTHING, "null"];
        let is_nothing = value.is_empty()
            || !is_quoted && nothing.iter().any(|it| value.eq_ignore_ascii_case(it));
        let operand = if is_nothing {
            may_be_nothing(&field, op)
                .then_some(Operand::Nothing)
                .ok_or_else(|| self.wrong(&format!("'{name}' is never nothing")))?
        } else {
            let read = match field {
                Field::Status => (self.status)(&value).map(|it| Operand::text(&it)),
                _ => operand(&field, &value, self.now),
            };
            read.map_err(|fault| self.misread(at, &fault))?
        };
        self.advance()?;
        Ok(Comparison { field, op, operand })
    }

    fn field(&self, name: &str) -> Result<Field> {
        if let Some((front, key)) = name.split_at_checked(METADATA.len())
            && front.eq_ignore_ascii_case(METADATA)
        {
            let key = metadata_key(key).map_err(|fault| self.misread(self.token.at, &fault))?;
            return Ok(Field::Metadata(key.to_owned()));
        }
        let lower = name.to_ascii_lowercase();
        let known = NAMES.iter().find(|(it, _)| *it == lower);
        known.map(|(_, field)| field.clone()).ok_or_else(|| {
            let names: Vec<&str> = NAMES.iter().map(|(name, _)| *name).collect();
            let names = names.join(", ");
            self.wrong(&format!("'{name}' is no field"))
                .hint(format!("one of: {names}, metadata.KEY"))
        })
    }
}

/// Returns the key of metadata that a word names.
pub fn metadata_key(key: &str) -> Result<&str> {
    let mut chars = key.chars();
    let begins = chars
        .next()
        .is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
    if begins && chars.all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c)) {
        return Ok(key);
    }
    Err(Fault::invalid(format!("'{key}' is no key of metadata"))
        .hint("a letter or _, then letters, digits, and any of _.-"))
}

fn is_time(field: &Field) -> bool {
    use Field::{Closed, Created, Defer, Due, Started, Updated};
    matches!(field, Created | Updated | Closed | Started | Due | Defer)
}

/// Returns whether a field can be compared with that there is nothing.
fn may_be_nothing(field: &Field, op: Op) -> bool {
    use Field::{
        Created, Ephemeral, HasMetadataKey, Id, Pinned, Priority, Status, Template, Title, Type,
        Updated,
    };
    let never = matches!(
        field,
        Id | Title
            | Status
            | Priority
            | Type
            | Created
            | Updated
            | Pinned
            | Ephemeral
            | Template
            | HasMetadataKey
    );
    !never && matches!(op, Op::Is | Op::IsNot)
}

/// Returns what a field is compared with.
fn operand(field: &Field, value: &str, now: Time) -> Result<Operand> {
    let one_of = |known: &[&str]| {
        let word = value.to_lowercase();
        match known.contains(&word.as_str()) {
            true => Ok(Operand::text(&word)),
            false => Err(Fault::invalid(format!("'{value}' is none of them"))
                .hint(format!("one of: {}", known.join(", ")))),
        }
    };
    match field {
        Field::Type => Ok(Operand::text(
            &words::issue_type(value).unwrap_or_else(|_| value.to_owned()),
        )),
        Field::Priority => Ok(Operand::Number(words::priority(value)?)),
        Field::MolType => one_of(&MOL_TYPES),
        Field::WispType => one_of(&WISP_TYPES),
        Field::HasMetadataKey => Ok(Operand::text(metadata_key(value)?)),
        Field::Pinned | Field::Ephemeral | Field::Template => {
            match value.to_ascii_lowercase().as_str() {
                "true" | "yes" | "1" => Ok(Operand::Flag(true)),
                "false" | "no" | "0" => Ok(Operand::Flag(false)),
                _ => Err(Fault::invalid(format!(
                    "'{value}' is neither true nor false"
                ))),
            }
        }
        Field::Due | Field::Defer => Ok(Operand::Time(Moment::parse(value, Way::Ahead, now)?)),
        field if is_time(field) => Ok(Operand::Time(Moment::parse(value, Way::Back, now)?)),
        _ => Ok(Operand::text(value)),
    }
}
