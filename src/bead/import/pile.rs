//! What files hold that are to be imported: beads in whatever form, all of them looked at before one is written.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Range;

use serde_json::{Map, Value};

use super::backup::{self, Tables};
use super::github::{self, Target};
use super::{Imported, Says, check, checklist, merge, read, read_again, scan};
use crate::bead::read_memory;
use crate::fault::{Fault, Result};
use crate::ledger::{RECORD_MAX, Record, Snapshot, Time, join};
use crate::record::Bead;

/// The longest line that is looked into; nothing in a longer one would fit into a record.
const LINE_MAX: usize = 16 * RECORD_MAX;

/// The longest text of a memory, which is a record with little else.
const MEMORY_MAX: usize = RECORD_MAX - 4096;

/// From how many lines on they are read on all cores.
const MANY: usize = 256;

/// A file as it was read.
#[derive(Debug, Default)]
pub struct Input {
    /// What it is called where something is said of it.
    pub name: String,
    /// What stands in it.
    pub text: Vec<u8>,
    /// The tables that lie beside it: names of files without their end, and what stands in them.
    pub tables: Vec<(String, Vec<u8>)>,
}

/// In what form a file holds beads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Issues of bd or br, one each line or as a list.
    Issues,
    /// Rows of a database, of which other tables say more.
    Rows,
    /// Issues of GitHub.
    GitHub,
    /// Markdown with boxes.
    Checklist,
}

impl Form {
    /// Returns the form of a text; refuses one that holds no beads in any.
    pub fn of(text: &[u8]) -> Result<Self> {
        if text.starts_with(b"SQLite format 3\0") {
            return Err(Fault::invalid("is a database, not a file of beads")
                .hint("let bd write one: bd export -o issues.jsonl"));
        }
        if text.starts_with(&[0xff, 0xfe]) || text.starts_with(&[0xfe, 0xff]) {
            return Err(Fault::invalid("is not UTF-8, but UTF-16")
                .hint("write it anew: iconv -f UTF-16 -t UTF-8"));
        }
        if text.contains(&0) {
            return Err(Fault::invalid("is no text: it holds bytes of zero"));
        }
        let text = without_mark(text);
        let is_object = |line: &[u8]| line.trim_ascii_start().starts_with(b"{");
        let begins = text.trim_ascii_start();
        let rest = begins.strip_prefix(b"[").map(<[u8]>::trim_ascii_start);
        let is_list = rest.is_some_and(|rest| rest.is_empty() || b"{[]".contains(&rest[0]));
        if is_list || begins.is_empty() || is_object(begins) {
            return Ok(Self::of_json(text));
        }
        match std::str::from_utf8(text) {
            Ok(text) if checklist::is_one(text) => Ok(Self::Checklist),
            _ if text.split(|byte| *byte == b'\n').any(is_object) => Ok(Self::of_json(text)),
            _ => Err(Fault::invalid("holds no beads").hint(
                "import reads JSONL files and tables of bd and br, JSON of gh issue list, and checklists (- [ ] item)",
            )),
        }
    }

    /// Returns the form of the first object that is one.
    fn of_json(text: &[u8]) -> Self {
        let object =
            |at: Range<usize>| serde_json::from_slice::<Map<String, Value>>(&text[at]).ok();
        let first = places(text)
            .into_iter()
            .take(MANY)
            .find_map(|it| object(it.at));
        match first {
            Some(fields) if github::is_issue(&fields) => Self::GitHub,
            Some(fields) if backup::is_row(&fields) => Self::Rows,
            _ => Self::Issues,
        }
    }

    /// Returns the word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Issues => "jsonl",
            Self::Rows => "backup",
            Self::GitHub => "github",
            Self::Checklist => "checklist",
        }
    }
}

/// Something that cannot be taken.
#[derive(Debug)]
pub struct Refused {
    /// Which file it is in.
    pub input: usize,
    /// The number of its line.
    pub line: usize,
    /// Why.
    pub fault: Fault,
}

/// What else a file holds.
#[derive(Debug, Default)]
pub struct Rest {
    /// Lines that are no beads: headers, pull requests, rows of the database's own tables.
    pub skipped: usize,
    /// Lines of beads that an earlier line is of, too.
    pub repeated: usize,
}

/// Beads of files.
#[derive(Debug)]
pub struct Pile {
    sources: Vec<Source>,
    target: Target,
    now: Time,
    beads: Vec<Found>,
    /// What is to be remembered: texts by their keys.
    pub memories: BTreeMap<String, String>,
    /// What cannot be taken.
    pub refused: Vec<Refused>,
    /// What else there is, for each file.
    pub rest: Vec<Rest>,
}

#[derive(Debug)]
struct Source {
    form: Form,
    held: Held,
    tables: Tables,
}

#[derive(Debug)]
enum Held {
    Text(Vec<u8>, Vec<Place>),
    Objects(Vec<(usize, Map<String, Value>)>),
}

/// Where an object stands in a text.
#[derive(Debug, Clone)]
struct Place {
    /// The number of its line, from 1.
    line: usize,
    at: Range<usize>,
}

/// A bead: its id, and which objects of which files are of it.
#[derive(Debug)]
struct Found {
    id: String,
    first: (usize, usize),
    more: Vec<(usize, usize)>,
}

/// What an object is.
enum Line {
    Bead(String),
    Memory(String, String),
    Other,
}

/// What importing a bead would do.
#[derive(Debug)]
pub enum What {
    /// It is new.
    Created,
    /// What is here would say what the file says.
    Updated,
    /// What is here would say some of it.
    Merged,
    /// Nothing.
    Unchanged,
    /// Nothing: an open bead that is here has its title.
    Known,
    /// It cannot be taken.
    Refused(Fault),
}

/// What importing a pile would do, bead by bead.
pub type Plan = Vec<What>;

impl Pile {
    /// Returns what files hold. What cannot be taken is in [`Pile::refused`]; a file of which nothing can is
    /// an error.
    pub fn read(inputs: Vec<Input>, target: Target, now: Time) -> Result<Self> {
        let mut pile = Self {
            sources: Vec::new(),
            target,
            now,
            beads: Vec::new(),
            memories: BTreeMap::new(),
            refused: Vec::new(),
            rest: Vec::new(),
        };
        let mut known = HashMap::new();
        for input in inputs {
            let name = input.name.clone();
            pile.add(input, &mut known)
                .map_err(|fault| fault.within(&format!("'{name}'")))?;
        }
        pile.join_all();
        Ok(pile)
    }

    fn add(&mut self, input: Input, known: &mut HashMap<String, usize>) -> Result<()> {
        let at = self.sources.len();
        let mut rest = Rest::default();
        let source = Source::of(input, &self.target, &mut rest)?;
        let lines = spread(source.len(), |nth| source.line(nth, &self.target, self.now));
        for (nth, line) in lines.into_iter().enumerate() {
            match line {
                Ok(Line::Other) => rest.skipped += 1,
                Ok(Line::Memory(key, text)) => drop(self.memories.insert(key, text)),
                Ok(Line::Bead(id)) => match known.get(&id) {
                    Some(&bead) => {
                        self.beads[bead].more.push((at, nth));
                        rest.repeated += 1;
                    }
                    None => {
                        known.insert(id.clone(), self.beads.len());
                        self.beads.push(Found {
                            id,
                            first: (at, nth),
                            more: Vec::new(),
                        });
                    }
                },
                Err(fault) => self.refused.push(Refused {
                    input: at,
                    line: source.line_number(nth),
                    fault,
                }),
            }
        }
        for id in source.tables.ids().filter(|id| !known.contains_key(*id)) {
            let fault = Fault::invalid(format!(
                "{id}: other tables have rows of it, and this one does not"
            ));
            self.refused.push(Refused {
                input: at,
                line: source.line_number(source.len()),
                fault,
            });
        }
        self.sources.push(source);
        self.rest.push(rest);
        Ok(())
    }

    /// Looks at beads that several lines are of: together they may be too much.
    fn join_all(&mut self) {
        let mut refused = BTreeMap::new();
        for found in self.beads.iter().filter(|it| !it.more.is_empty()) {
            if let Err(fault) = self.bead(found) {
                let (input, nth) = *found.more.last().unwrap_or(&found.first);
                let line = self.sources[input].line_number(nth);
                refused.insert(found.id.clone(), Refused { input, line, fault });
            }
        }
        self.beads.retain(|it| !refused.contains_key(&it.id));
        self.refused.extend(refused.into_values());
    }

    /// Returns the form of a file.
    pub fn form(&self, input: usize) -> Form {
        self.sources[input].form
    }

    /// Returns how many beads there are.
    pub fn len(&self) -> usize {
        self.beads.len()
    }

    /// Returns whether there are none.
    pub fn is_empty(&self) -> bool {
        self.beads.is_empty()
    }

    /// Returns the id of a bead and which file it is in first.
    pub fn place(&self, bead: usize) -> (&str, usize) {
        let found = &self.beads[bead];
        (&found.id, found.first.0)
    }

    /// Returns what cannot be taken of a bead.
    pub fn refuse(&self, bead: usize, fault: Fault) -> Refused {
        let (input, nth) = self.beads[bead].first;
        Refused {
            input,
            line: self.sources[input].line_number(nth),
            fault,
        }
    }

    /// Returns a bead as its lines say it together, and what they are to one that is here.
    fn bead(&self, found: &Found) -> Result<(Bead, Says)> {
        let one = |(input, nth): (usize, usize)| {
            let fields = self.sources[input].object(nth, &self.target)?;
            read_again(
                fields.unwrap_or_default(),
                self.sources[input].now(nth, self.now),
            )
        };
        let says = self.sources[found.first.0].says();
        let mut bead = one(found.first)?;
        for more in &found.more {
            let (ours, theirs) = (bead.into_record(), one(*more)?.into_record());
            if says == Says::Part {
                github::check_origin(&ours, &theirs)?;
            }
            let joined = join(&ours, &theirs);
            check(&joined)?;
            bead = Bead::of(joined).ok_or_else(|| Fault::invalid("not a bead"))?;
        }
        Ok((bead, says))
    }

    /// Returns what a bead changes about the record that is here.
    pub fn merged(&self, bead: usize, here: Option<Record>) -> Result<Imported> {
        let (told, says) = self.bead(&self.beads[bead])?;
        merge(here, &told, says)
    }

    /// Returns what importing everything into a ledger would do. `titles` are those of open beads that are
    /// not to be made twice.
    pub fn plan(&self, ledger: &Snapshot<'_>, titles: Option<&HashSet<String>>) -> Result<Plan> {
        let stored: HashSet<String> = ledger.ids()?.into_iter().collect();
        let here: HashMap<&str, usize> = self
            .beads
            .iter()
            .enumerate()
            .filter(|(_, found)| stored.contains(&found.id))
            .map(|(at, found)| (found.id.as_str(), at))
            .collect();
        let mut plan: Plan = Vec::with_capacity(self.beads.len());
        for (bead, found) in self.beads.iter().enumerate() {
            plan.push(match titles {
                Some(titles)
                    if !here.contains_key(found.id.as_str()) && self.has_title(bead, titles)? =>
                {
                    What::Known
                }
                _ => What::Created,
            });
        }
        let of = |at: usize, record: Record| match self.merged(at, Some(record)) {
            Ok(Imported::Created(_)) => What::Created,
            Ok(Imported::Updated(_)) => What::Updated,
            Ok(Imported::Merged(_)) => What::Merged,
            Ok(Imported::Unchanged) => What::Unchanged,
            Err(fault) => What::Refused(fault),
        };
        if here.len() < MANY {
            for (id, at) in here {
                if let Some(record) = ledger.get(id)? {
                    plan[at] = of(at, record);
                }
            }
            return Ok(plan);
        }
        let planned = ledger.map_changed(None, |record| {
            let at = here.get(record.id()).copied()?;
            Some((at, of(at, record)))
        })?;
        for (at, what) in planned.into_iter().filter_map(|(_, it)| it.flatten()) {
            plan[at] = what;
        }
        Ok(plan)
    }

    fn has_title(&self, bead: usize, titles: &HashSet<String>) -> Result<bool> {
        let (told, _) = self.bead(&self.beads[bead])?;
        Ok(titles.contains(told.title()))
    }
}

impl Source {
    fn of(input: Input, target: &Target, rest: &mut Rest) -> Result<Self> {
        let form = Form::of(&input.text)?;
        let mut tables = Tables::default();
        if form == Form::Rows {
            for (table, text) in &input.tables {
                rest.skipped += tables.add(table, text)?;
            }
        }
        let held = if form == Form::Checklist {
            let text = std::str::from_utf8(without_mark(&input.text))
                .map_err(|_| Fault::invalid("is not UTF-8"))?;
            let name = input.name.rsplit('/').next().unwrap_or_default();
            Held::Objects(checklist::beads(text, name, &target.prefix))
        } else {
            let places = places(&input.text);
            Held::Text(input.text, places)
        };
        Ok(Self { form, held, tables })
    }

    fn len(&self) -> usize {
        match &self.held {
            Held::Text(_, places) => places.len(),
            Held::Objects(objects) => objects.len(),
        }
    }

    fn line_number(&self, nth: usize) -> usize {
        match &self.held {
            Held::Text(_, places) => places.get(nth).or(places.last()).map_or(1, |it| it.line),
            Held::Objects(objects) => objects.get(nth).map_or(1, |it| it.0),
        }
    }

    fn says(&self) -> Says {
        match self.form {
            Form::Issues | Form::Rows => Says::All,
            Form::GitHub => Says::Part,
            Form::Checklist => Says::Done,
        }
    }

    /// Returns when an object was made that does not say so: those of a checklist one after the other, the
    /// first the newest, as lists show them.
    fn now(&self, nth: usize, now: Time) -> Option<Time> {
        match self.form {
            Form::Issues | Form::Rows => None,
            Form::GitHub => Some(now),
            Form::Checklist => Some(Time(now.0.saturating_sub(nth as u64))),
        }
    }

    /// Returns what the object of a number is; what was read of it is not kept.
    fn line(&self, nth: usize, target: &Target, now: Time) -> Result<Line> {
        let Some(fields) = self.object(nth, target)? else {
            return Ok(Line::Other);
        };
        if let Some((key, text)) = read_memory(&fields)? {
            let size = Value::from(text.as_str()).to_string().len();
            if size > MEMORY_MAX {
                return Err(Fault::invalid(format!(
                    "'value' has {size} bytes, more than the {MEMORY_MAX} a memory may have"
                )));
            }
            return Ok(Line::Memory(key, text));
        }
        let kind = fields.get("_type").and_then(Value::as_str);
        if kind.is_some_and(|kind| kind != "issue") || fields.contains_key("_schema") {
            return Ok(Line::Other);
        }
        let bead = read(fields, self.now(nth, now))?;
        Ok(Line::Bead(bead.id().to_owned()))
    }

    /// Returns the fields of the bead that an object is, nothing where it is none by its nature.
    fn object(&self, nth: usize, target: &Target) -> Result<Option<Map<String, Value>>> {
        let (text, place) = match &self.held {
            Held::Objects(objects) => return Ok(Some(objects[nth].1.clone())),
            Held::Text(text, places) => (text, &places[nth]),
        };
        let fields = parse(&text[place.at.clone()])?;
        Ok(match self.form {
            Form::GitHub => github::bead(fields, target),
            Form::Rows => Some(self.tables.issue(fields)),
            Form::Issues | Form::Checklist => Some(fields),
        })
    }
}

/// Returns the fields of an object; says of a text that is none what is wrong with it and where.
fn parse(text: &[u8]) -> Result<Map<String, Value>> {
    if text.len() > LINE_MAX {
        let (field, size) = scan::longest(text);
        return Err(Fault::invalid(format!(
            "{} bytes, more than the {RECORD_MAX} a record may have; '{field}' alone has {size}",
            text.len()
        )));
    }
    let within = |at: usize| match scan::field_at(text, at) {
        "" => String::new(),
        field => format!("'{field}' is "),
    };
    let valid = match std::str::from_utf8(text) {
        Ok(valid) => valid,
        Err(error) => {
            let at = error.valid_up_to();
            return Err(Fault::invalid(format!(
                "{}not UTF-8 (byte {})",
                within(at),
                at + 1
            )));
        }
    };
    match serde_json::from_str(valid) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(_) => Err(Fault::invalid("not an object")),
        Err(error) => {
            let is_mark = ["<<<<<<<", "|||||||", "=======", ">>>>>>>"]
                .iter()
                .any(|mark| valid.starts_with(mark));
            if is_mark {
                return Err(Fault::invalid("a mark of a conflict that git left").hint(
                    "import both sides, one after the other: git show :2:FILE | git gt import -, then :3:FILE",
                ));
            }
            let why = error.to_string();
            let why = why.split(" at line ").next().unwrap_or_default();
            let at = error.column().saturating_sub(1);
            let cut = if error.is_eof() {
                ": it ends too early"
            } else {
                ""
            };
            Err(Fault::invalid(format!(
                "{}not JSON: {why} (byte {}){cut}",
                within(at),
                at + 1
            )))
        }
    }
}

/// Returns a text without the mark of its order of bytes.
fn without_mark(text: &[u8]) -> &[u8] {
    text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(text)
}

/// Returns where the objects of a text stand: one on each line, or wherever they are where the text is a list
/// or an object over several lines.
fn places(whole: &[u8]) -> Vec<Place> {
    let skipped = whole.len() - without_mark(whole).len();
    let text = &whole[skipped..];
    let lines = text.split(|byte| *byte == b'\n');
    let first = lines
        .clone()
        .map(<[u8]>::trim_ascii)
        .find(|line| !line.is_empty());
    let is_over_lines = first.is_some_and(|line| line.starts_with(b"[") || line == b"{");
    if is_over_lines {
        let (mut line, mut seen) = (1, 0);
        let place = |at: Range<usize>| {
            line += text[seen..at.start]
                .iter()
                .filter(|byte| **byte == b'\n')
                .count();
            seen = at.start;
            Place {
                line,
                at: at.start + skipped..at.end + skipped,
            }
        };
        return scan::values(text).into_iter().map(place).collect();
    }
    let mut begin = skipped;
    let place = |(number, line): (usize, &[u8])| {
        let end = begin + line.len();
        let at = begin..end;
        begin = end + 1;
        (!line.trim_ascii().is_empty()).then_some(Place {
            line: number + 1,
            at,
        })
    };
    lines.enumerate().filter_map(place).collect()
}

/// Returns what `of` makes of numbers from 0 on, in their order; of many, on all cores.
fn spread<T: Send>(count: usize, of: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    if count < MANY || cores == 1 {
        return (0..count).map(of).collect();
    }
    let share = count.div_ceil(cores);
    let of = &of;
    let some = |core: usize| {
        (core * share..count.min((core + 1) * share))
            .map(of)
            .collect::<Vec<T>>()
    };
    std::thread::scope(|scope| {
        let some = &some;
        let running: Vec<_> = (0..cores)
            .map(|core| scope.spawn(move || some(core)))
            .collect();
        let done = running
            .into_iter()
            .map(|it| it.join().expect("it does not panic"));
        done.flatten().collect()
    })
}

/// Returns the ids of beads by what they are called elsewhere.
pub fn by_reference(ledger: &Snapshot<'_>) -> Result<BTreeMap<String, String>> {
    let of = |record: Record| {
        let reference = record.text("external_ref").to_owned();
        let is_live = record.kind() == Bead::KIND && record.status() != "deleted";
        (is_live && !reference.is_empty()).then(|| (reference, record.id().to_owned()))
    };
    let mut found: Vec<(String, String)> = ledger
        .map_changed(None, of)?
        .into_iter()
        .filter_map(|(_, it)| it.flatten())
        .collect();
    // Of several the first by id, whatever the order they were read in.
    found.sort_by(|a, b| b.cmp(a));
    Ok(found.into_iter().collect())
}
