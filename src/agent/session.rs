//! Sessions of the headless backend: one turn of an agent, with one detached process of ours beside it
//! that logs, records the end and ends with the turn.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};

use super::checkpoint::{self, Site};
use super::deliver::{self, Told};
use super::env;
use super::handoff::{self, Whose};
use super::hook::Hook;
use super::prime::cut;
use super::runtime::install;
use crate::fault::{Fault, Result};
use crate::git::LOCAL_ENV;
use crate::ledger::{Cell, CloneId};
use crate::record::Bead;
use crate::text::as_shown;
use crate::town::{Agent, Home};
use crate::world::fs::{self, Lock};
use crate::world::process::{self, Asked, Ended, Limits, Mark, Run};

const FOLDER: &str = "sessions";
/// How much of an agent's output its log keeps, in bytes.
const LOG_MAX: u64 = 256 * 1024 * 1024;
/// How often it is looked, 10 ms apart, whether what was stopped is gone.
const GOING_MAX: usize = 100;
/// How much of a log is looked at for its last lines, in bytes.
const TAIL_MAX: u64 = 1024 * 1024;
/// The first line of a session that runs.
const READY: &str = "ready";
/// The longest text of a bead that is put into a prompt, in bytes. Three of them, a title and what the
/// agent is told fit into one environment variable, which Linux takes up to 128 KiB of (execve(2)).
const TEXT_MAX: usize = 28 * 1024;

/// One turn of an agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Its id.
    pub id: String,
    /// The agent's name in the settings.
    pub runtime: String,
    /// The line that started it.
    pub command: String,
    /// When it started, RFC 3339.
    pub started: String,
    /// When it ended, empty while it runs or where nobody saw its end.
    pub ended: String,
    /// How it ended: `exit 0`, `signal 9`.
    pub outcome: String,
    /// What it wrote.
    pub log: PathBuf,
    /// The process beside it, nothing before it runs and where the system does not tell.
    keeper: Option<Mark>,
}

impl Session {
    /// Returns an agent's last session, nothing where there was none.
    pub fn find(home: &Home, agent: &str) -> Result<Option<Self>> {
        let value = Cell::find(home.repo(), FOLDER, agent)?;
        Ok(value.map(|value| Self::read(home, agent, &value)))
    }

    fn read(home: &Home, agent: &str, value: &Value) -> Self {
        let text = |key: &str| {
            value
                .get(key)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        Self {
            id: text("id"),
            runtime: text("runtime"),
            command: text("command"),
            started: text("started"),
            ended: text("ended"),
            outcome: text("outcome"),
            log: file(home, agent, "log"),
            keeper: value.get("keeper").and_then(read_mark),
        }
    }

    fn save(&self, home: &Home, agent: &str) -> Result<()> {
        let mut value = json!({
            "command": self.command,
            "ended": self.ended,
            "id": self.id,
            "outcome": self.outcome,
            "runtime": self.runtime,
            "started": self.started,
        });
        if let Some(mark) = &self.keeper {
            value["keeper"] = json!({
                "boot": mark.boot,
                "pid": mark.pid,
                "started": mark.started,
            });
        }
        Cell::set(home.repo(), FOLDER, agent, &value)
    }
}

fn read_mark(value: &Value) -> Option<Mark> {
    let text = |key: &str| value.get(key)?.as_str().map(str::to_owned);
    Some(Mark {
        pid: value.get("pid")?.as_u64()?.try_into().ok()?,
        started: text("started")?,
        boot: text("boot")?,
    })
}

fn file(home: &Home, agent: &str, ending: &str) -> PathBuf {
    let name = format!("{}.{ending}", home.repo().name_hash(agent));
    home.repo().scratch_dir().join(FOLDER).join(name)
}

/// Returns the locks that the process of a session holds for as long as it lives: one with our other
/// files, and one with the worktree, because either may be deleted meanwhile.
fn locks(home: &Home, hook: &Hook) -> Vec<PathBuf> {
    let private = home.repo().private_dir(&hook.path);
    let private = private.map(|dir| dir.join("gt-session.lock"));
    [file(home, &hook.agent, "lock")]
        .into_iter()
        .chain(private)
        .collect()
}

/// Returns whether a session of the agent runs.
pub(super) fn is_alive(home: &Home, hook: &Hook) -> bool {
    locks(home, hook).iter().any(|path| Lock::is_held(path))
}

/// Returns the lock that an agent's command and all that it starts hold, as long as any of them lives.
fn started_lock(home: &Home, hook: &Hook) -> Option<PathBuf> {
    let private = home.repo().private_dir(&hook.path)?;
    Some(private.join("gt-started.lock"))
}

/// Returns whether anybody may work in an agent's worktree: its session, or what a session started and
/// nobody watches any more.
pub(super) fn is_occupied(home: &Home, hook: &Hook) -> bool {
    let started = started_lock(home, hook);
    is_alive(home, hook) || started.is_some_and(|path| Lock::is_held(&path))
}

/// Refuses where something that a session started runs on by itself: it could only be guessed which.
pub(super) fn refuse_occupied(home: &Home, hook: &Hook) -> Result<()> {
    if !is_occupied(home, hook) {
        return Ok(());
    }
    Err(Fault::refused(format!(
        "something that a session of {} started still runs in '{}'",
        hook.agent,
        hook.path.display()
    ))
    .hint("git gt does not know what it is; end it by hand, or wait"))
}

/// Refuses where nobody saw the last session end and what it started runs on: that may be the agent, which
/// goes on when the process beside it was killed, and two would work in one worktree.
pub(super) fn refuse_unwatched(home: &Home, hook: &Hook) -> Result<()> {
    match Session::find(home, &hook.agent)? {
        Some(session) if session.ended.is_empty() => refuse_occupied(home, hook),
        _ => Ok(()),
    }
}

/// Waits until no session of the agent runs.
pub(super) fn wait(home: &Home, hook: &Hook) -> Result<()> {
    for path in locks(home, hook) {
        Lock::take(&path)
            .map(drop)
            .map_err(|error| Fault::io("lock", &path, &error))?;
    }
    Ok(())
}

/// Forgets an agent's last session; its log stays until the next one.
pub(super) fn forget(home: &Home, agent: &str) -> Result<()> {
    Cell::remove(home.repo(), FOLDER, agent)
}

/// Stops the session of an agent: the process beside it is asked to end, which ends what it started, and
/// records how. Returns whether one ran.
///
/// Only what git gt started is signalled: the process whose number, start and machine's start were noted
/// when it began.
pub(super) fn stop(home: &Home, hook: &Hook) -> Result<bool> {
    if !is_alive(home, hook) {
        return Ok(false);
    }
    let session = Session::find(home, &hook.agent)?;
    let asked = match session.and_then(|it| it.keeper) {
        Some(mark) => mark.ask_to_end(home.world()),
        None => Ok(Asked::Gone),
    };
    let asked = asked.map_err(|error| {
        Fault::unavailable(format!(
            "cannot stop the session of {}: {error}",
            hook.agent
        ))
    })?;
    match asked {
        Asked::Ended => {
            // What was killed with it takes a moment to go.
            for _ in 0..GOING_MAX {
                if !is_occupied(home, hook) {
                    break;
                }
                home.world().pause(Duration::from_millis(10));
            }
            Ok(true)
        }
        Asked::Gone if !is_alive(home, hook) => Ok(true),
        Asked::Gone => Err(Fault::refused(format!(
            "the session of {} is not one this machine's git gt can name",
            hook.agent
        ))
        .hint("nothing was signalled; end it where it was started")),
        Asked::Lingers => Err(Fault::unavailable(format!(
            "the session of {} was asked to end and still runs",
            hook.agent
        ))
        .hint("try again in a moment")),
    }
}

/// Returns the last lines of what an agent's last session wrote, made harmless.
pub(super) fn tail(log: &Path, lines: usize) -> Result<Vec<String>> {
    use std::io::{Read as _, Seek as _, SeekFrom};
    let failed = |error: &std::io::Error| Fault::io("read", log, error);
    let mut file = match std::fs::File::open(log) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        opened => opened.map_err(|error| failed(&error))?,
    };
    let length = file.metadata().map_err(|error| failed(&error))?.len();
    let from = length.saturating_sub(TAIL_MAX);
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(from))
        .and_then(|_| file.take(TAIL_MAX).read_to_end(&mut bytes))
        .map_err(|error| failed(&error))?;
    let text = String::from_utf8_lossy(&bytes);
    let mut all: Vec<&str> = text.lines().collect();
    if from > 0 && all.len() > 1 {
        // The first one is cut somewhere.
        all.remove(0);
    }
    let skip = all.len().saturating_sub(lines);
    Ok(all[skip..].iter().map(|line| as_shown(line)).collect())
}

/// Takes the locks of a session; refuses where one runs.
fn take_locks(home: &Home, hook: &Hook) -> Result<Vec<Lock>> {
    let take = |path: PathBuf| {
        let lock = Lock::try_take(&path).map_err(|error| Fault::io("lock", &path, &error))?;
        lock.ok_or_else(|| Fault::stale(format!("{} has a session that runs", hook.agent)))
    };
    locks(home, hook).into_iter().map(take).collect()
}

/// Starts a session on a hook and returns once it runs.
pub(super) fn start(home: &Home, hook: &Hook, agent: &Agent) -> Result<Session> {
    let session = Session {
        id: home.world().random_base36(12),
        runtime: agent.name.clone(),
        command: agent.command.clone(),
        started: home.world().now().to_string(),
        ended: String::new(),
        outcome: String::new(),
        log: file(home, &hook.agent, "log"),
        keeper: None,
    };
    session.save(home, &hook.agent)?;
    let failed =
        |why: &str| Fault::unavailable(format!("cannot start a session for {}: {why}", hook.agent));
    let line = Run::new(home.world().exe(), home.repo().root())
        .args(["session", "run", &hook.agent])
        .without(LOCAL_ENV)
        .detach(home.world())
        .map_err(|error| failed(&error.to_string()))?;
    match line.as_str() {
        READY => Ok(session),
        "" => Err(failed("it ended at once")),
        why => Err(failed(why)),
    }
}

/// Runs an agent's session to its end, in a session of the operating system of its own; `ready` is called
/// once it is certain that it runs.
///
/// When this process is killed the agent goes on without it and its end is not recorded; nothing else is
/// lost.
pub fn run(home: &Home, agent: &str, ready: &mut dyn FnMut(&str)) -> Result<()> {
    process::leave_session();
    let missing = || Fault::not_found(format!("{agent} has nothing to run"));
    let hook = Hook::find(home, agent)?.ok_or_else(missing)?;
    let locks = take_locks(home, &hook)?;
    let mut session = Session::find(home, agent)?.ok_or_else(missing)?;
    let bead = home.view().bead(&hook.bead)?.ok_or_else(missing)?;
    let mut told = Told::find(home, agent, &session.id)?;
    // What cannot be read keeps nobody from work.
    let mail = deliver::reminder(home, agent, &mut told).unwrap_or_default();
    let mut prompt = prompt(home, &hook, &bead);
    if !mail.is_empty() {
        prompt.push_str(&format!("\n{mail}"));
    }
    let command = command(home, &hook, &session, &prompt);
    let hooked = call_us(home, &hook, &session);
    let started = started_lock(home, &hook).and_then(|path| Lock::try_take(&path).ok().flatten());
    if let Some(lock) = &started {
        lock.let_children_hold()
            .map_err(|error| Fault::fatal(format!("cannot share a lock: {error}")))?;
    }
    // From here on a wish to stop reaches the agent.
    home.world()
        .catch_interrupts()
        .map_err(|error| Fault::fatal(format!("cannot listen to signals: {error}")))?;
    session.keeper = Mark::own(home.world());
    session.save(home, agent)?;
    let log = session.log.clone();
    let folder = log.parent().expect("a log stands in a folder");
    fs::create_dir_all(folder).map_err(|error| Fault::io("make folder", folder, &error))?;
    ready(READY);
    let limits = Limits::of_log(&log, LOG_MAX);
    let ended = command.supervise(home.world(), &limits);
    let ended = ended.map(|left| left.ended);
    session.ended = home.world().now().to_string();
    session.outcome = match ended {
        Ok(Ended::Exit(code)) => format!("exit {code}"),
        Ok(Ended::Signal(signal)) => format!("signal {signal}"),
        Ok(Ended::Timeout | Ended::Interrupted | Ended::Cancelled) => "stopped".to_owned(),
        Err(error) => format!("could not start: {error}"),
    };
    if let Err(fault) = hooked {
        note(
            &session,
            &format!("the hooks of the runtime were not installed: {fault}"),
        );
    }
    save_work(home, &hook, &session);
    session.save(home, agent)?;
    drop(locks);
    go_on(home, &hook, &session)
}

/// Starts the next session where the one that ended handed over; a handoff that shows no progress since the
/// one before waits for somebody who slings the bead again.
///
/// After a crash the handoff waits, and slinging the bead again starts the session.
fn go_on(home: &Home, hook: &Hook, ended: &Session) -> Result<()> {
    let bead = home.view().bead(&hook.bead)?;
    let claim = bead.filter(|it| !it.is_closed()).and_then(|it| it.claim());
    let here = CloneId::known(home.repo());
    let stands = claim.is_some_and(|it| hook.is_under(&it, here.as_ref()));
    if !stands || ended.outcome != "exit 0" || !handoff::goes_on(home, hook, &ended.id)? {
        return Ok(());
    }
    let agent = Agent {
        name: ended.runtime.clone(),
        command: ended.command.clone(),
    };
    start(home, hook, &agent).map(drop)
}

/// Saves what the agent left uncommitted; that it could not be saved stands at the end of the log.
fn save_work(home: &Home, hook: &Hook, session: &Session) {
    let said = format!("at the end of session {}: {}", session.id, session.outcome);
    if let Err(fault) = checkpoint::write(home, &Site::of(hook), &said) {
        note(
            session,
            &format!("what is not committed could not be saved: {fault}"),
        );
    }
}

/// Adds a line of ours to a session's log.
fn note(session: &Session, text: &str) {
    // A full disk takes neither the log nor what it is about.
    drop(fs::append(
        &session.log,
        format!("git gt: {text}\n").as_bytes(),
    ));
}

/// Makes the agent's runtime call us at the boundaries of its turns, where it is one that can.
fn call_us(home: &Home, hook: &Hook, session: &Session) -> Result<()> {
    if !install::is_claude(&session.command) {
        return Ok(());
    }
    install::apply(home, &install::plan(home, &hook.path, false)?)
}

/// Returns the agent's command: the prompt in place of `{prompt}`, else on standard input.
fn command(home: &Home, hook: &Hook, session: &Session, prompt: &str) -> Run {
    let (line, in_line) = with_prompt(&session.command);
    let run = Run::new("sh", &hook.path).args(["-c", &line]);
    let run = env::identify(run, home, hook, &session.id).env("GT_AGENT", &session.runtime);
    if in_line {
        // No variable can hold it, and whoever wrote the bead may be far away.
        run.env("GT_PROMPT", prompt.replace('\0', ""))
    } else {
        run.stdin(prompt.as_bytes())
    }
}

/// Puts a quoted variable in the place of `{prompt}`: what a bead says never becomes part of a command.
fn with_prompt(command: &str) -> (String, bool) {
    let line = ["\"{prompt}\"", "'{prompt}'", "{prompt}"]
        .iter()
        .fold(command.to_owned(), |line, form| {
            line.replace(form, "\"$GT_PROMPT\"")
        });
    let found = line != command;
    (line, found)
}

/// Returns what the agent is told.
pub(super) fn prompt(home: &Home, hook: &Hook, bead: &Bead) -> String {
    let target = home.target(None).map(|it| it.branch).unwrap_or_default();
    let mut text = format!(
        "You are {}, an agent of rig {}. What hangs on your hook, you run without being asked.\n\n\
         On your hook: {} ({}, P{}): {}\n",
        hook.agent,
        home.rig().name(),
        bead.id(),
        bead.issue_type(),
        bead.priority(),
        bead.title(),
    );
    for (head, field) in [
        ("", "description"),
        ("Design:\n", "design"),
        ("Acceptance:\n", "acceptance_criteria"),
    ] {
        let body = bead.record().text(field).trim_end();
        if !body.is_empty() {
            text.push_str(&format!("\n{head}{}\n", cut(body, TEXT_MAX, bead.id())));
        }
    }
    let whose = Whose {
        agent: hook.agent.clone(),
        bead: hook.bead.clone(),
    };
    if handoff::waiting(home, &whose).is_ok_and(|it| !it.is_empty()) {
        text.push_str(
            "\nYour predecessor left you a handoff: git gt prime shows it, once; after that \
             git gt resume does.\n",
        );
    }
    if !bead.args().is_empty() {
        let args = cut(bead.args(), TEXT_MAX, bead.id());
        text.push_str(&format!("\nFor this piece of work you are told:\n{args}\n"));
    }
    text.push_str(&format!(
        "\nYou stand in a git worktree of your own, on branch {}; work lands on {target}.\n\
         - git gt show {} shows the bead with its comments.\n\
         - Commit what you do on this branch. Push nothing; the Refinery lands it.\n\
         - When it is finished and committed, run: git gt done\n\
         - When you cannot finish, say why: git gt comment {} \"...\"\n",
        hook.branch,
        bead.id(),
        bead.id(),
    ));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prompt_never_becomes_part_of_the_command() {
        let check = |command: &str, line: &str, found| {
            assert_eq!(with_prompt(command), (line.to_owned(), found));
        };
        check("claude -p {prompt}", "claude -p \"$GT_PROMPT\"", true);
        check("claude -p \"{prompt}\"", "claude -p \"$GT_PROMPT\"", true);
        check("claude -p '{prompt}'", "claude -p \"$GT_PROMPT\"", true);
        check("cat", "cat", false);
    }
}
