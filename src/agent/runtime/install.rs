//! Installing runtime hooks: our entries are put into a settings file beside whatever the user has there.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use crate::fault::{Fault, Result};
use crate::town::Home;
use crate::world::fs;

/// The settings of Claude Code that call us, as they are to stand where `git gt` is on PATH.
pub const CLAUDE: &str = include_str!("../../../hooks-templates/claude/settings.json");

/// The file below a worktree's top, which Claude Code reads and nobody commits.
const FILE: &str = ".claude/settings.local.json";
/// What a crash leaves beside it: what was about to become it.
const UNFINISHED: &str = ".claude/settings.local.json.1.new";
/// By this an entry is known as ours, whatever path stands before it.
const OURS: &str = " runtime-hook claude ";

/// What installing or removing changes.
#[derive(Debug)]
pub struct Change {
    /// The settings file.
    pub file: PathBuf,
    /// What it is to hold, nothing when it goes.
    pub content: Option<String>,
    /// Whether it differs from what is there.
    pub is_new: bool,
    /// Whether git has to be told to leave the file out of commits.
    exclude: bool,
}

/// Returns what installing the hooks in a worktree would change, or removing them. Writes nothing.
pub fn plan(home: &Home, dir: &Path, remove: bool) -> Result<Change> {
    let repo = home.repo();
    let file = dir.join(FILE);
    let file = file.canonicalize().unwrap_or(file);
    if !dir.is_dir() {
        return Err(Fault::not_found(format!(
            "there is no folder '{}'",
            dir.display()
        )));
    }
    let old = match std::fs::read_to_string(&file) {
        Ok(text) => Some(text),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => return Err(Fault::io("read", &file, &error)),
    };
    if !remove && repo.is_tracked(dir, FILE)? {
        return Err(
            Fault::refused(format!("'{}' is part of the repository", file.display()))
                .hint("it is meant for one machine: git rm --cached it, and ignore it"),
        );
    }
    let before = settings(&file, old.as_deref())?;
    let bare = without_ours(before.clone());
    let after = if remove {
        bare
    } else {
        merged(bare, &template(home)).ok_or_else(|| odd(&file))?
    };
    let goes = remove && after.as_object().is_some_and(Map::is_empty);
    let pretty = || format!("{after:#}\n");
    Ok(Change {
        is_new: after != before || goes && old.is_some(),
        content: (!goes).then(pretty).filter(|_| !remove || old.is_some()),
        exclude: !remove && !repo.are_ignored(dir, &[FILE, UNFINISHED])?,
        file,
    })
}

/// Carries a change out.
///
/// The file is excluded from commits before it is there, and written as a whole: after a crash it is as
/// before or as after, what was to become it may lie beside it and is excluded, too, and the same command
/// does the rest.
pub fn apply(home: &Home, change: &Change) -> Result<()> {
    if change.exclude {
        home.repo().exclude(&format!("/{FILE}*"))?;
    }
    let file = &change.file;
    if !change.is_new {
        return Ok(());
    }
    match &change.content {
        None => fs::remove_file(file).map_err(|error| Fault::io("remove", file, &error)),
        Some(content) => {
            let folder = file.parent().expect("it stands in .claude");
            fs::create_dir_all(folder)
                .and_then(|()| fs::replace(file, content.as_bytes()))
                .map_err(|error| Fault::io("write", file, &error))
        }
    }
}

/// Returns whether a line starts Claude Code.
pub fn is_claude(command: &str) -> bool {
    let mut words = command.split_whitespace();
    let program = words.find(|word| !word.contains('=') && *word != "exec" && *word != "env");
    program.is_some_and(|word| word.trim_matches(['"', '\'']).rsplit('/').next() == Some("claude"))
}

fn odd(file: &Path) -> Fault {
    Fault::invalid(format!(
        "the hooks in '{}' are not of the form that Claude Code documents",
        file.display()
    ))
    .hint("put them right first; nothing was changed")
}

fn settings(file: &Path, text: Option<&str>) -> Result<Value> {
    let Some(text) = text.filter(|it| !it.trim().is_empty()) else {
        return Ok(json!({}));
    };
    let read: Result<Value, _> = serde_json::from_str(text);
    match read {
        Ok(value) if value.is_object() => Ok(value),
        Ok(_) => Err(odd(file)),
        Err(error) => Err(
            Fault::invalid(format!("'{}' is not JSON: {error}", file.display()))
                .hint("put it right first; nothing was changed"),
        ),
    }
}

/// Returns our entries with the path of this very program: hooks may run with another PATH.
fn template(home: &Home) -> Value {
    let exe = home.world().exe().display().to_string();
    let quoted = format!("'{}'", exe.replace('\'', "'\\''"));
    let mut value: Value = serde_json::from_str(CLAUDE).expect("a test reads it");
    let events = value["hooks"].as_object_mut().expect("a test reads it");
    for (event, groups) in events {
        groups[0]["hooks"][0]["command"] = json!(format!("{quoted}{OURS}{event}"));
    }
    value
}

fn is_ours(hook: &Value) -> bool {
    let command = hook.get("command").and_then(Value::as_str);
    command.is_some_and(|it| it.contains(OURS))
}

/// Takes our entries out, and what was there only for them. What has another form stays as it is.
fn without_ours(mut settings: Value) -> Value {
    let Some(hooks) = settings.get_mut("hooks").and_then(Value::as_object_mut) else {
        return settings;
    };
    let mut touched = false;
    hooks.retain(|_, groups| {
        let Some(groups) = groups.as_array_mut() else {
            return true;
        };
        let before = groups.len();
        groups.retain_mut(|group| {
            let Some(list) = group.get_mut("hooks").and_then(Value::as_array_mut) else {
                return true;
            };
            let all = list.len();
            list.retain(|hook| !is_ours(hook));
            touched |= list.len() < all;
            !list.is_empty() || all == 0
        });
        !groups.is_empty() || before == 0
    });
    if touched && hooks.is_empty() {
        settings
            .as_object_mut()
            .expect("it has hooks")
            .remove("hooks");
    }
    settings
}

/// Adds our entries after the user's; nothing where the user's have a form that we do not know.
fn merged(mut settings: Value, ours: &Value) -> Option<Value> {
    let hooks = settings
        .as_object_mut()?
        .entry("hooks")
        .or_insert_with(|| json!({}));
    let hooks = hooks.as_object_mut()?;
    for (event, groups) in ours["hooks"].as_object()? {
        let list = hooks.entry(event.clone()).or_insert_with(|| json!([]));
        list.as_array_mut()?
            .extend(groups.as_array()?.iter().cloned());
    }
    Some(settings)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ours() -> Value {
        serde_json::from_str(&CLAUDE.replace("git gt", "'/bin/git-gt'")).unwrap()
    }

    #[test]
    fn what_the_user_has_stays_and_ours_is_there_once() {
        let user = json!({
            "hooks": { "Stop": [{ "hooks": [{ "type": "command", "command": "beep" }] }], "Odd": [] },
            "permissions": { "allow": ["Bash(ls)"] },
        });
        let once = merged(user.clone(), &ours()).unwrap();
        assert_eq!(once["permissions"], user["permissions"]);
        assert_eq!(once["hooks"]["Stop"].as_array().unwrap().len(), 2);
        assert_eq!(once["hooks"]["Stop"][0], user["hooks"]["Stop"][0]);
        assert_eq!(merged(without_ours(once.clone()), &ours()).unwrap(), once);
        assert_eq!(without_ours(once), user);
    }

    #[test]
    fn nothing_is_left_of_settings_that_were_only_ours() {
        let only = merged(json!({}), &ours()).unwrap();
        assert_eq!(without_ours(only), json!({}));
        assert_eq!(merged(json!({ "hooks": [] }), &ours()), None);
        assert_eq!(merged(json!({ "hooks": { "Stop": {} } }), &ours()), None);
    }

    #[test]
    fn claude_is_known_by_its_program() {
        let check = |line, want| assert_eq!(is_claude(line), want, "{line}");
        check("claude -p {prompt}", true);
        check("MODEL=x exec /opt/bin/claude", true);
        check("codex exec claude", false);
        check("claude-wrapper", false);
        check("", false);
    }
}
