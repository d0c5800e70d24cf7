//! Replies: one typed result printed for people or as JSON, faults with their exit codes.
#![expect(clippy::print_stderr, reason = "this is where text leaves the program")]

use std::io::{BufWriter, Write};

use serde::Serialize;
use serde_json::{Value, json};

use super::bd;
use super::draw::{Cell, Drawing, Look, Screen, page};
use crate::fault::{Fault, Result};
use crate::ledger::canonical;
pub(crate) use crate::text::printable;
use crate::world::World;

/// How a command ends; `EXIT STATUS` of git-gt(1) lists the numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// It was done.
    Done = 0,
    /// The answer is no, or the operation failed.
    No = 1,
    /// Somebody else changed it first.
    Stale = 3,
    /// A policy or a gate says no.
    Refused = 4,
    /// A remote, a runtime or git cannot be used.
    Unavailable = 5,
    /// The machine failed us.
    Fatal = 128,
    /// The command line makes no sense.
    Usage = 129,
}

/// As what the program was called, which decides about exit codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// `git gt`: a code for each class of failure.
    Gt,
    /// `bd`: 1 for whatever went wrong, and 0 where some of several records were found.
    Bd,
}

/// What a command has to say.
#[derive(Debug)]
pub(crate) struct Reply {
    /// For `--json`.
    pub(crate) value: Value,
    /// For `--json` too, instead of the value: a list.
    list: Option<Vec<Element>>,
    /// For people; ends in a newline unless it is empty.
    pub(crate) text: String,
    /// For people too, instead of the text: what fits itself to their terminal.
    drawing: Option<Drawing>,
    /// How people want to see it.
    look: Look,
    /// Whether it is printed as JSON whatever was asked for.
    is_json: bool,
    /// Whether the text is data that is printed to the byte; else nothing in it can steer a terminal.
    pub(crate) exact: bool,
    /// Faults of single records of a command over several; each is said and the rest done.
    pub(crate) faults: Vec<Fault>,
    /// Remarks for people, on standard error.
    pub(crate) notes: Vec<String>,
    /// The exit code where there are no faults.
    pub(crate) exit: Exit,
}

impl Reply {
    /// Returns a reply that says the same thing twice: as JSON and as text.
    pub(crate) fn new(value: Value, text: impl Into<String>) -> Self {
        let mut text = text.into();
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        Self {
            value,
            list: None,
            text,
            drawing: None,
            look: Look::default(),
            is_json: false,
            exact: false,
            faults: Vec::new(),
            notes: Vec::new(),
            exit: Exit::Done,
        }
    }

    /// Returns a reply that is a list of JSON, which may be long.
    pub(crate) fn list(elements: Vec<Element>) -> Self {
        Self {
            list: Some(elements),
            ..Self::new(Value::Null, "")
        }
    }

    /// Returns the same reply with what people see of it.
    #[must_use]
    pub(crate) fn drawn(self, drawing: Drawing, look: Look) -> Self {
        Self {
            drawing: Some(drawing),
            look,
            ..self
        }
    }

    /// Returns the same reply, printed as JSON whatever was asked for.
    #[must_use]
    pub(crate) fn in_json(self) -> Self {
        Self {
            is_json: true,
            ..self
        }
    }

    /// Returns the text that people see.
    pub(crate) fn shown(&self, world: &World) -> String {
        match &self.drawing {
            Some(drawing) => drawing.on(&Screen::of(world, self.look)),
            None if self.exact => self.text.clone(),
            // What was fetched may hold anything.
            None => printable(&self.text),
        }
    }

    /// Returns the same reply with its text printed to the byte.
    #[must_use]
    pub(crate) fn exact(mut self) -> Self {
        self.exact = true;
        self
    }

    /// Returns the same reply with a remark for people.
    #[must_use]
    pub(crate) fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    /// Returns the same reply with faults of single records.
    #[must_use]
    pub(crate) fn with_faults(mut self, faults: Vec<Fault>) -> Self {
        self.faults.extend(faults);
        self
    }

    /// Returns whether some of several records failed and others did not.
    fn is_partly_done(&self) -> bool {
        let is_something = match &self.value {
            Value::Null => {
                !self.text.is_empty()
                    || self.list.as_ref().is_some_and(|it| !it.is_empty())
                    || self.drawing.as_ref().is_some_and(|it| !it.is_empty())
            }
            Value::Array(all) => !all.is_empty(),
            Value::Object(fields) => ["closed", "deleted"].iter().any(|key| {
                let list = fields.get(*key).and_then(Value::as_array);
                list.is_some_and(|list| !list.is_empty())
            }),
            _ => false,
        };
        !self.faults.is_empty() && is_something
    }

    /// Returns the same reply with another exit code.
    #[must_use]
    pub(crate) fn exit(mut self, exit: Exit) -> Self {
        self.exit = exit;
        self
    }
}

/// An element of a list, as text: a list of it alone.
#[derive(Debug)]
pub(crate) struct Element(Box<[u8]>);

impl Element {
    /// How long most of them are, at most.
    const LENGTH: usize = 4096;

    /// Returns a value as an element.
    pub(crate) fn new(value: &impl Serialize) -> Self {
        let mut text = Vec::with_capacity(Self::LENGTH);
        serde_json::to_writer_pretty(&mut text, &[value])
            .expect("a JSON value can always be written");
        Self(text.into_boxed_slice())
    }

    /// Returns the value it is.
    pub(crate) fn value(&self) -> Value {
        let values: [Value; 1] = serde_json::from_slice(&self.0).expect("it was written as JSON");
        let [value] = values;
        value
    }

    /// Returns what stands between the brackets of a list, up to its last newline.
    fn inner(&self) -> &[u8] {
        self.0
            .strip_prefix(b"[")
            .unwrap_or_default()
            .strip_suffix(b"\n]")
            .unwrap_or_default()
    }
}

/// Returns the exit code of a class of failure.
fn exit_of(fault: &Fault) -> Exit {
    match fault {
        Fault::NotFound(_) | Fault::Invalid(_) => Exit::No,
        Fault::Stale(_) => Exit::Stale,
        Fault::Refused(_) => Exit::Refused,
        Fault::Unavailable(_) => Exit::Unavailable,
        Fault::Fatal(_) => Exit::Fatal,
    }
}

/// Prints a reply or a fault and returns the exit code. Nothing more is printed once the reader of
/// standard output is gone.
pub(crate) fn finish(world: &World, json: bool, dialect: Dialect, reply: &Result<Reply>) -> u8 {
    let json = json || reply.as_ref().is_ok_and(|it| it.is_json);
    let text = match reply {
        Ok(reply) if json && reply.list.is_some() => String::new(),
        // `null` is no answer: there are only the faults to show, or there is only text.
        Ok(reply) if json && reply.value.is_null() => match reply.faults.first() {
            Some(fault) => rendered(world, &as_json(fault)),
            None => printable(&reply.text),
        },
        Ok(reply) if json => rendered(world, &reply.value),
        Ok(reply) => reply.shown(world),
        Err(fault) if json => rendered(world, &as_json(fault)),
        Err(_) => String::new(),
    };
    let printed = match reply {
        Ok(Reply {
            list: Some(list), ..
        }) if json => list_written(world, list),
        Ok(reply) if !json && page(world, &text, reply.look) => Ok(()),
        _ => written(text.as_bytes()),
    };
    let code = match reply {
        Ok(reply) => {
            reply.notes.iter().for_each(|note| progress(note));
            reply.faults.iter().for_each(complain);
            reply.faults.first().map_or(reply.exit, exit_of)
        }
        Err(fault) => {
            complain(fault);
            exit_of(fault)
        }
    };
    let code = match printed {
        Ok(()) => code,
        Err(fault) => {
            complain(&fault);
            exit_of(&fault)
        }
    };
    match (dialect, reply) {
        (Dialect::Gt, _) => code as u8,
        (Dialect::Bd, Ok(reply)) if reply.is_partly_done() => 0,
        (Dialect::Bd, _) => u8::from(code != Exit::Done),
    }
}

/// Returns the text of a JSON reply; clients that ask for it get bd's envelope.
fn rendered(world: &World, value: &Value) -> String {
    if in_envelope(world) {
        return canonical(&json!({ "data": value, "schema_version": 1 }));
    }
    canonical(value)
}

fn in_envelope(world: &World) -> bool {
    world.env("BD_JSON_ENVELOPE") == Some("1")
}

fn as_json(fault: &Fault) -> Value {
    let text = fault.text();
    let mut object = json!({ "error": text.message, "schema_version": 1 });
    if !text.hints.is_empty() {
        object["hint"] = text.hints.join("\n").into();
    }
    object
}

fn complain(fault: &Fault) {
    eprintln!("Error: {}", printable(&fault.text().message));
    for hint in &fault.text().hints {
        eprintln!("  hint: {}", printable(hint));
    }
}

/// Returns rows as lines with aligned columns; text that could steer a terminal is made harmless.
pub(crate) fn columns(rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let cells = |row: Vec<String>| row.into_iter().map(Cell::from).collect();
    Drawing::table(rows.into_iter().map(cells)).on(&Screen::PLAIN)
}

/// Returns the lines of a text, each behind the rig that it is of.
pub(crate) fn of_rig(rig: &str, text: &str) -> String {
    let lines = text.lines();
    lines.map(|line| format!("{rig:<10} {line}\n")).collect()
}

/// Prints to standard output; what comes of it is no business of who prints on the way.
pub(crate) fn print(text: &str) {
    drop(written(text.as_bytes()));
}

/// What hands over lines, one by one.
pub(crate) type Lines<'l> = dyn FnMut(&mut dyn FnMut(String) -> Result<()>) -> Result<()> + 'l;

/// Prints the lines that `lines` hands over as they come, each to the byte; stops where nobody reads them any
/// more.
pub(crate) fn print_lines(lines: &mut Lines<'_>) -> Result<()> {
    let mut out = BufWriter::with_capacity(1 << 16, std::io::stdout().lock());
    let mut is_over = false;
    let printed = lines(&mut |line| {
        let Err(error) = writeln!(out, "{line}") else {
            return Ok(());
        };
        is_over = error.kind() == std::io::ErrorKind::BrokenPipe;
        said(Err(error)).and(Err(Fault::fatal("nobody reads any more")))
    });
    match printed {
        Err(_) if is_over => Ok(()),
        Err(fault) => Err(fault),
        Ok(()) => said(out.flush()),
    }
}

/// Prints a list of JSON as [`canonical`] text.
fn list_written(world: &World, list: &[Element]) -> Result<()> {
    if list.is_empty() || in_envelope(world) {
        let value = Value::Array(list.iter().map(Element::value).collect());
        return written(rendered(world, &value).as_bytes());
    }
    let mut out = BufWriter::with_capacity(1 << 16, std::io::stdout().lock());
    said(write_list(&mut out, list).and_then(|()| out.flush()))
}

fn write_list(out: &mut impl Write, list: &[Element]) -> std::io::Result<()> {
    for (at, element) in list.iter().enumerate() {
        out.write_all(if at == 0 { b"[" } else { b"," })?;
        out.write_all(element.inner())?;
    }
    out.write_all(b"\n]\n")
}

/// Prints to standard output.
fn written(text: &[u8]) -> Result<()> {
    let mut out = std::io::stdout().lock();
    said(out.write_all(text).and_then(|()| out.flush()))
}

/// Returns what came of printing; a reader that went away is no error.
fn said(printed: std::io::Result<()>) -> Result<()> {
    match printed {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(Fault::fatal(format!(
            "cannot write to standard output: {error}"
        ))),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Prints progress to standard error.
pub(crate) fn progress(text: &str) {
    eprintln!("{}", printable(text));
}

/// Prints what clap has to say and returns the exit code git's own commands use for usage.
pub(crate) fn usage(world: &World, json: bool, dialect: Dialect, error: &clap::Error) -> u8 {
    let text = error.render().to_string();
    if !error.use_stderr() {
        return finish(world, false, dialect, &Ok(Reply::new(Value::Null, text)));
    }
    let (of_bd, code) = match dialect {
        Dialect::Gt => (None, Exit::Usage as u8),
        Dialect::Bd => bd::usage(error),
    };
    // Where a command is missing, clap shows the usage and calls nothing an error.
    let said = text.strip_prefix("error: ");
    let said = of_bd.as_deref().or(said);
    if json {
        let message = said.map_or("no command was given", |it| {
            it.split("\n\n").next().unwrap_or(it).trim_end()
        });
        let help = match dialect {
            Dialect::Gt => "git gt help shows every command",
            Dialect::Bd => "bd -h shows every command",
        };
        let fault = Fault::invalid(message).hint(help);
        print(&rendered(world, &as_json(&fault)));
    }
    match said {
        Some(said) => eprintln!("Error: {}", printable(said.trim_end())),
        None => eprint!("{}", printable(&text)),
    }
    code
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_written_as_canonical_json() {
        let check = |list: Value| {
            let elements: Vec<Element> =
                list.as_array().unwrap().iter().map(Element::new).collect();
            let mut text = Vec::new();
            write_list(&mut text, &elements).unwrap();
            assert_eq!(String::from_utf8(text).unwrap(), canonical(&list));
        };
        check(json!([{ "a": [], "b": { "c": [1.50, "]\n"] } }, {}, []]));
        check(json!(["one"]));
    }
}
