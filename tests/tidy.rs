//! What the compiler does not see: who imports whom (the table of ARCHITECTURE.md), how long files and
//! functions are, what is not written here.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot read its files fails"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Lines of a file, with its tests.
const FILE_MAX: usize = 1000;
/// Lines of a file without its tests.
const CODE_MAX: usize = 800;
/// Lines of a function.
const FUNCTION_MAX: usize = 70;
/// Bytes of any file.
const SIZE_MAX: u64 = 256 * 1024;

/// Functions that may be longer: file, name, reason. An entry that is not needed any more fails.
const LONG_FUNCTIONS: &[(&str, &str, &str)] = &[];

/// Crates that no room uses.
const OUTSIDE_ROOMS: &[(&str, &str)] = &[("anyhow", "it starts the program, in main.rs")];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A source file.
struct Source {
    /// Its path below the top, with slashes.
    name: String,
    text: String,
    /// Whether only tests are compiled with it.
    is_test: bool,
}

impl Source {
    fn read(path: &Path, is_test: bool) -> Self {
        let below = path.strip_prefix(root()).unwrap();
        Self {
            name: below.display().to_string(),
            text: fs::read_to_string(path).unwrap(),
            is_test,
        }
    }

    /// Returns the room it is in, nothing for lib.rs and main.rs.
    fn room(&self) -> Option<&str> {
        let rest = self.name.strip_prefix("src/")?;
        let (room, _) = rest.split_once('/').or(rest.split_once('.'))?;
        (!["lib", "main"].contains(&room)).then_some(room)
    }

    /// Returns the lines that are compiled without tests, without comments; tests stand at the end.
    fn code(&self) -> Vec<&str> {
        if self.is_test {
            return Vec::new();
        }
        let lines: Vec<&str> = self.text.lines().collect();
        let begins = |at: &usize| {
            lines[*at] == "#[cfg(test)]"
                && lines
                    .get(at + 1)
                    .map(|it| it.trim_start_matches("pub(super) "))
                    .is_some_and(|it| it.starts_with("mod ") && it.ends_with('{'))
        };
        let end = (0..lines.len()).find(begins).unwrap_or(lines.len());
        lines[..end]
            .iter()
            .map(|line| line.split("//").next().unwrap_or_default())
            .collect()
    }

    /// Returns how many modules it is below the crate: `src/mq/order.rs` is two.
    fn depth(&self) -> usize {
        let name = self.name.trim_end_matches(".rs").trim_end_matches("/mod");
        name.matches('/').count()
    }
}

/// Returns all files below a folder.
fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap();
        if path.is_dir() && name != "target" && name != ".git" {
            found.extend(files(&path));
        } else if path.is_file() {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Returns the files that `mod` reaches from a file, and whether only tests reach them.
fn reached(path: &Path, is_test: bool, found: &mut BTreeMap<PathBuf, bool>) {
    found.insert(path.to_owned(), is_test);
    let stem = path.file_stem().unwrap();
    let dir = path.parent().unwrap();
    let dir = if ["lib", "main", "mod"].iter().any(|it| stem == *it) {
        dir.to_owned()
    } else {
        dir.join(stem)
    };
    let text = fs::read_to_string(path).unwrap();
    let mut before = "";
    for line in text.lines() {
        let declared = line.strip_suffix(';').and_then(|it| it.split_once("mod "));
        if let Some((visibility, name)) = declared
            && (visibility.is_empty() || visibility.starts_with("pub"))
        {
            let of_tests = ["#[cfg(test)]", "#[cfg(any(test, fuzzing))]"];
            let is_test = is_test || of_tests.contains(&before);
            let places = [
                dir.join(format!("{name}.rs")),
                dir.join(name).join("mod.rs"),
            ];
            let place = places.iter().find(|it| it.is_file());
            reached(place.expect("the compiler found it"), is_test, found);
        }
        before = line;
    }
}

fn sources() -> Vec<Source> {
    let mut found = BTreeMap::new();
    for start in ["src/lib.rs", "src/main.rs"] {
        reached(&root().join(start), false, &mut found);
    }
    let source = |(path, is_test): (PathBuf, bool)| Source::read(&path, is_test);
    found.into_iter().map(source).collect()
}

fn tests() -> Vec<Source> {
    let below = files(&root().join("tests"));
    let rust = below
        .iter()
        .filter(|it| it.extension().is_some_and(|end| end == "rs"));
    rust.map(|it| Source::read(it, true)).collect()
}

/// A row of the table of rooms.
struct Room {
    imports: BTreeSet<String>,
    crates: Vec<String>,
}

/// Returns the table in ARCHITECTURE.md: room, what lives there, may import, crates that appear only here.
fn rooms() -> BTreeMap<String, Room> {
    let page = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let rows = page
        .lines()
        .skip_while(|line| !line.starts_with("| room |"))
        .skip(2)
        .take_while(|line| line.starts_with('|'));
    let mut rooms = BTreeMap::new();
    for row in rows {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [room, _, imports, crates] = cells[..] else {
            panic!("four cells, please: {row}");
        };
        let list = |cell: &str| -> Vec<String> {
            cell.split(',')
                .map(|it| it.trim().trim_matches('`').to_owned())
                .filter(|it| !it.is_empty() && it != "nothing")
                .collect()
        };
        let room = room.trim_matches('`').to_owned();
        let mut imports: BTreeSet<String> = list(imports).into_iter().collect();
        imports.extend([room.clone(), "fault".to_owned(), "text".to_owned()]);
        let crates = list(crates);
        rooms.insert(room, Room { imports, crates });
    }
    assert!(
        rooms.len() > 10,
        "the table of ARCHITECTURE.md was not found"
    );
    rooms
}

/// Returns the names that follow `crate::`, also in braces.
fn imported(code: &str) -> BTreeSet<String> {
    let word = |text: &str| -> String {
        text.trim_start()
            .chars()
            .take_while(|c| c.is_alphanumeric() || *c == '_')
            .collect()
    };
    let mut found = BTreeSet::new();
    for (_, rest) in code
        .match_indices("crate::")
        .map(|(at, it)| code.split_at(at + it.len()))
    {
        let Some(group) = rest.strip_prefix('{') else {
            found.insert(word(rest));
            continue;
        };
        let (mut depth, mut start) = (0, 0);
        for (at, c) in group.char_indices() {
            match c {
                '{' => depth += 1,
                ',' | '}' if depth == 0 => {
                    found.insert(word(&group[start..at]));
                    start = at + 1;
                    if c == '}' {
                        break;
                    }
                }
                '}' => depth -= 1,
                _ => {}
            }
        }
    }
    found.remove("");
    found
}

/// Returns the text of a file without comments, tests included.
fn without_comments(text: &str) -> String {
    let lines = text
        .lines()
        .map(|line| line.split("//").next().unwrap_or_default());
    lines.map(|line| format!("{line}\n")).collect()
}

#[test]
fn rooms_import_what_the_table_allows() {
    let rooms = rooms();
    let mut wrong = Vec::new();
    for source in sources() {
        let Some(room) = source.room() else { continue };
        let Some(row) = rooms.get(room) else {
            wrong.push(format!("{}: no row for room {room}", source.name));
            continue;
        };
        for other in imported(&without_comments(&source.text)) {
            if !rooms.contains_key(&other) || row.imports.contains(&other) {
                continue;
            }
            wrong.push(format!("{}: {room} imports {other}", source.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_room_exists() {
    for room in rooms().keys() {
        let places = [format!("src/{room}.rs"), format!("src/{room}/mod.rs")];
        let exists = places.iter().any(|it| root().join(it).is_file());
        assert!(exists, "ARCHITECTURE.md names the room {room}");
    }
}

/// A path that climbs out of its room would hide an import.
#[test]
fn super_stays_in_its_room() {
    let mut wrong = Vec::new();
    for source in sources() {
        let code = source.code().len();
        let text = without_comments(&source.text);
        for (number, line) in text.lines().enumerate() {
            // Tests are one module further down.
            let depth = source.depth() + usize::from(number >= code && !source.is_test);
            let climbs = (1..6)
                .rev()
                .find(|it| line.contains(&"super::".repeat(*it)));
            if source.room().is_some() && climbs.is_some_and(|it| it >= depth) {
                wrong.push(format!("{}:{}: {line}", source.name, number + 1));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn crates_stay_in_their_rooms() {
    let rooms = rooms();
    let mut wrong = Vec::new();
    let mut check = |source: &Source, name: &str, allowed: &str| {
        let code = without_comments(&source.text);
        let is_used = code.match_indices(name).any(|(at, _)| {
            let before = code[..at].chars().next_back();
            let is_word = before.is_none_or(|c| !c.is_alphanumeric() && c != '_' && c != ':');
            is_word && code[at + name.len()..].starts_with("::")
        });
        if is_used {
            wrong.push(format!("{}: {name} belongs to {allowed}", source.name));
        }
    };
    for source in sources() {
        let Some(here) = source.room() else { continue };
        for (room, row) in rooms.iter().filter(|(room, _)| *room != here) {
            row.crates
                .iter()
                .for_each(|name| check(&source, name, room));
        }
        for (name, why) in OUTSIDE_ROOMS {
            check(&source, name, why);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_file_is_reached() {
    let known: BTreeSet<String> = sources().into_iter().map(|it| it.name).collect();
    let all = files(&root().join("src"));
    let dead: Vec<String> = all
        .iter()
        .filter(|it| it.extension().is_some_and(|end| end == "rs"))
        .map(|it| it.strip_prefix(root()).unwrap().display().to_string())
        .filter(|it| !known.contains(it))
        .collect();
    assert!(dead.is_empty(), "no mod leads to {}", dead.join(", "));
}

#[test]
fn files_say_what_they_are_and_stay_short() {
    let mut wrong = Vec::new();
    for source in sources().iter().chain(&tests()) {
        if !source.text.starts_with("//!") {
            wrong.push(format!("{}: begin with //! and what it is", source.name));
        }
        let (lines, code) = (source.text.lines().count(), source.code().len());
        if lines > FILE_MAX || code > CODE_MAX {
            wrong.push(format!("{}: {lines} lines, {code} of code", source.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Returns the name of the function that a line begins.
fn function(line: &str) -> Option<&str> {
    let mut words = line
        .trim_start()
        .split(' ')
        .skip_while(|word| word.starts_with("pub") || ["const", "async", "unsafe"].contains(word));
    if words.next() != Some("fn") {
        return None;
    }
    words.next()?.split(['(', '<']).next()
}

#[test]
fn functions_stay_short() {
    let (mut wrong, mut used) = (Vec::new(), BTreeSet::new());
    for source in sources() {
        let lines = source.code();
        for (start, line) in lines.iter().enumerate() {
            let Some(name) = function(line) else { continue };
            let indent = line.len() - line.trim_start().len();
            let close = format!("{}}}", " ".repeat(indent));
            let rest = lines[start..].iter();
            let is_end = |it: &&str| {
                let here = it.len() - it.trim_start().len() == indent;
                it.trim_end() == close || here && it.trim_end().ends_with([';', '}'])
            };
            let length = 1 + rest.clone().position(is_end).unwrap_or_default();
            if length <= FUNCTION_MAX {
                continue;
            }
            match LONG_FUNCTIONS
                .iter()
                .find(|(file, long, _)| *file == source.name && *long == name)
            {
                Some(long) => drop(used.insert(*long)),
                None => wrong.push(format!("{}: {name} has {length} lines", source.name)),
            }
        }
    }
    let idle = LONG_FUNCTIONS.iter().filter(|it| !used.contains(*it));
    wrong.extend(idle.map(|(file, name, _)| format!("{file}: {name} is short now")));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn some_things_are_not_written() {
    // In two parts, so that this file does not hold them.
    let nowhere = [["to", "do!("], ["db", "g!("], ["FIX", "ME"]].map(|it| it.concat());
    let mut wrong = Vec::new();
    for source in sources().iter().chain(&tests()) {
        for word in nowhere.iter().filter(|it| source.text.contains(*it)) {
            wrong.push(format!("{}: {word}", source.name));
        }
        let prints = !matches!(source.room(), None | Some("cli"));
        for (number, line) in source.code().iter().enumerate() {
            let place = format!("{}:{}", source.name, number + 1);
            if line.contains(".unwrap()") {
                wrong.push(format!(
                    "{place}: .unwrap(), use .expect(\"why it holds\") or a fault"
                ));
            }
            if prints && (line.contains("print!(") || line.contains("println!(")) {
                wrong.push(format!("{place}: only cli prints"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_file_is_large() {
    let large: Vec<String> = files(root())
        .iter()
        .filter(|it| fs::metadata(it).unwrap().len() > SIZE_MAX)
        .map(|it| it.display().to_string())
        .collect();
    assert!(large.is_empty(), "{}", large.join("\n"));
}
