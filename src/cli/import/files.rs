//! What `git gt import` reads: files, folders of bd, standard input.

use std::io::IsTerminal as _;
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};

use crate::bead::{Form, Input};
use crate::cli::{Context, bd, input};
use crate::fault::{Fault, Result};
use crate::town::Home;

/// The files in which bd and br keep issues, the newest way first.
const FILES: [&str; 3] = ["issues.jsonl", "beads.jsonl", "backup/issues.jsonl"];

/// Returns what was typed, else standard input where something is to be read there, else the file of issues
/// of this repository.
pub(super) fn typed_or_usual(cx: &Context, home: &Home, typed: &[String]) -> Result<Vec<Input>> {
    if !typed.is_empty() {
        return typed.iter().map(|name| named(cx, name)).collect();
    }
    if is_fed() {
        let said = standard_input()?;
        if !said.text.trim_ascii().is_empty() {
            return Ok(vec![said]);
        }
    }
    let folder = home.repo().root().join(bd::FOLDER);
    let Some(file) = of_folder(&folder) else {
        return Err(Fault::not_found("there is nothing to import")
            .hint("git gt import FILE, or - for standard input"));
    };
    Ok(vec![read(&file.display().to_string(), &file)?])
}

/// Returns whether something is fed to standard input: a pipe or a file.
fn is_fed() -> bool {
    let is_fed = |kind: std::fs::FileType| kind.is_fifo() || kind.is_file();
    !std::io::stdin().is_terminal()
        && std::fs::metadata("/dev/stdin").is_ok_and(|it| is_fed(it.file_type()))
}

/// Returns the file of issues of a folder, nothing where it has none.
fn of_folder(folder: &Path) -> Option<PathBuf> {
    let mut files = FILES.iter().map(|name| folder.join(name));
    files.find(|file| file.is_file())
}

fn named(cx: &Context, name: &str) -> Result<Input> {
    if name == "-" {
        return standard_input();
    }
    let path = cx.world.cwd().join(name);
    if !path.is_dir() {
        return read(name, &path);
    }
    let file = of_folder(&path).ok_or_else(|| {
        Fault::not_found(format!("the folder '{name}' has no issues.jsonl"))
            .hint("name a file: git gt import FILE")
    })?;
    let below = file.strip_prefix(&path).unwrap_or(&file);
    read(&Path::new(name).join(below).display().to_string(), &file)
}

/// How many bytes of a file are read: ten times what the largest project known has.
const FILE_MAX: u64 = 1 << 30;

/// Returns all of a file, or of standard input where there is no path.
fn all_of(name: &str, path: Option<&Path>) -> Result<Vec<u8>> {
    input::bytes(name, path, FILE_MAX).map_err(|fault| match fault {
        Fault::Invalid(_) => fault.hint("split it: each line stands for itself"),
        _ => fault,
    })
}

fn standard_input() -> Result<Input> {
    Ok(Input {
        name: "-".to_owned(),
        text: all_of("-", None)?,
        tables: Vec::new(),
    })
}

/// Returns what a file holds; where that is a table, with the other tables of its folder.
fn read(name: &str, path: &Path) -> Result<Input> {
    let bytes = |path: &Path| all_of(name, Some(path));
    let text = bytes(path)?;
    let mut tables = Vec::new();
    if matches!(Form::of(&text), Ok(Form::Rows)) {
        let folder = path.parent().unwrap_or(path);
        let entries =
            std::fs::read_dir(folder).map_err(|error| Fault::io("read", folder, &error))?;
        let mut others: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        others.retain(|it| it != path && it.extension().is_some_and(|it| it == "jsonl"));
        others.sort();
        for other in others {
            let table = other
                .file_stem()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            tables.push((table, bytes(&other)?));
        }
    }
    Ok(Input {
        name: name.to_owned(),
        text,
        tables,
    })
}
