//! Telling: lines as things happen, none longer than a terminal is wide.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use crate::agent;
use crate::cli::draw::wrapped;
use crate::cli::reply::print;
use crate::fault::{Fault, Result};
use crate::record::Verdict;
use crate::refinery::Event;
use crate::town::Home;
use crate::world::{Time, World};

/// How long to wait between two looks at the agents' logs.
const LOOK: Duration = Duration::from_millis(40);
/// How many columns a line may have.
const WIDTH: usize = 80;
/// What stands before a line of what was said: the time.
const MARGIN: usize = 9;

/// Prints what happens, with the seconds since the beginning; nothing when only JSON is wanted.
pub(super) struct Teller {
    world: World,
    start: Time,
    silent: bool,
    /// What to call a request: its bead.
    beads: BTreeMap<String, String>,
    /// The titles of beads.
    titles: BTreeMap<String, String>,
    read: BTreeMap<PathBuf, Read>,
}

/// What was read of a log.
#[derive(Default)]
struct Read {
    /// The session that wrote it.
    session: String,
    text: Vec<u8>,
    /// How much of it was told.
    told: usize,
}

impl Teller {
    pub(super) fn new(world: &World, silent: bool) -> Self {
        Self {
            world: world.clone(),
            start: world.now(),
            silent,
            beads: BTreeMap::new(),
            titles: BTreeMap::new(),
            read: BTreeMap::new(),
        }
    }

    /// Returns the seconds since the beginning.
    pub(super) fn seconds(&self) -> f64 {
        self.world.now().0.saturating_sub(self.start.0) as f64 / 1000.0
    }

    /// Tells something, with the time before it.
    pub(super) fn say(&self, text: &str) {
        let line = fit(&format!("{:>5.1} s  {text}", self.seconds()));
        self.print(&format!("{line}\n"));
    }

    /// Tells more about what was said last.
    pub(super) fn more(&self, text: &str) {
        let wrapped = wrapped(text, WIDTH - MARGIN);
        self.print(&indented(&wrapped, &" ".repeat(MARGIN)));
    }

    /// Begins a chapter: what happens, and why.
    pub(super) fn head(&self, title: &str, why: &str) {
        let why = indented(&wrapped(why, WIDTH), "");
        self.print(&format!("\n== {title}\n{why}"));
    }

    fn print(&self, text: &str) {
        if !self.silent {
            print(text);
        }
    }

    /// Remembers the title of a bead.
    pub(super) fn learn(&mut self, bead: &str, title: &str) {
        self.titles.insert(bead.to_owned(), title.to_owned());
    }

    /// Returns a bead with its title.
    pub(super) fn titled(&self, bead: &str) -> String {
        let title = self.titles.get(bead).map_or("", String::as_str);
        format!("{bead} {title}")
    }

    /// Tells what agents write into their logs until none of them runs any more.
    pub(super) fn follow(&mut self, homes: &[Home]) -> Result<()> {
        while self.look(homes)? {
            if self.world.interrupted() {
                wait_for_agents(homes)?;
                return Err(Fault::unavailable("interrupted"));
            }
            self.world.pause(LOOK);
        }
        Ok(())
    }

    /// Tells what agents have written since the last look; returns whether any of them runs.
    pub(super) fn look(&mut self, homes: &[Home]) -> Result<bool> {
        let mut runs = false;
        for home in homes {
            let standing = agent::agents(home)?;
            // Looked at before the logs are read: what is written before the end is read after it.
            runs |= standing.iter().any(|it| it.alive);
            for it in &standing {
                let Some(session) = &it.session else { continue };
                let text = std::fs::read(&session.log).unwrap_or_default();
                for told in self.fresh(session, &text) {
                    let mark = format!("polecat {}: ", it.hook.bead);
                    // What a shell says about the end of its children is not the agent's.
                    if let Some(told) = told.strip_prefix(&mark) {
                        let who = format!("{}/{}", home.rig().name(), it.hook.name());
                        self.say(&format!("{who:<17} {told}"));
                    }
                }
            }
        }
        Ok(runs)
    }

    /// Returns the whole lines of a session's log that were not told yet.
    fn fresh(&mut self, session: &agent::Session, text: &[u8]) -> Vec<String> {
        let read = self.read.entry(session.log.clone()).or_default();
        if read.session != session.id {
            if !read.text.is_empty() && read.text == text {
                // The session that has just begun has not opened its log yet.
                return Vec::new();
            }
            read.session.clone_from(&session.id);
            read.told = 0;
        }
        read.text = text.to_owned();
        let fresh = &text[read.told.min(text.len())..];
        let end = fresh.iter().rposition(|byte| *byte == b'\n');
        let whole = end.map_or(0, |at| at + 1);
        read.told += whole;
        let lines = String::from_utf8_lossy(&fresh[..whole]).into_owned();
        lines.lines().map(str::to_owned).collect()
    }

    /// Tells the queue of a rig, and remembers what each request is called.
    pub(super) fn queue(&mut self, home: &Home) -> Result<()> {
        let view = home.view();
        let branch = home.target(None)?.branch;
        let line = crate::mq::line(&view, home.rig().name(), &branch, home.world().now())?;
        for (at, request) in line.requests().enumerate() {
            let who = request.worker().rsplit('/').next().unwrap_or_default();
            self.say(&format!(
                "{:<8} {}. P{} {} ({who})",
                home.rig().name(),
                at + 1,
                request.priority(),
                self.titled(request.bead())
            ));
            let (id, bead) = (request.id().to_owned(), request.bead().to_owned());
            self.beads.insert(id, bead);
        }
        Ok(())
    }

    /// Tells what the Refinery does.
    pub(super) fn refinery(&self, event: &Event) {
        match event {
            Event::Run { requests, .. } if requests.is_empty() => {
                self.say("test    the target alone: is it green?");
            }
            Event::Run { requests, .. } => {
                let beads: Vec<String> = requests.iter().map(|id| self.bead(id)).collect();
                self.say(&format!("test    {}", beads.join(" ")));
            }
            Event::Ran {
                verdict,
                millis,
                tail,
                ..
            } => {
                let seconds = *millis as f64 / 1000.0;
                let failed = |line: &str| {
                    let (_, why) = line.strip_prefix("not ok ")?.split_once(": ")?;
                    Some(why.to_owned())
                };
                self.say(&match verdict {
                    Verdict::Green => format!("green   {seconds:.1} s"),
                    Verdict::Red => {
                        let line = tail.lines().find_map(failed).unwrap_or_default();
                        format!("red     {seconds:.1} s  {line}")
                    }
                });
            }
            Event::Landed { requests, commit } => {
                self.say(&format!("land    {} as {}", requests.len(), &commit[..12]));
                for id in requests {
                    self.more(&format!("        {}", self.titled(&self.bead(id))));
                }
            }
            Event::Ejected { request, .. } => {
                self.say(&format!("eject   {}", self.titled(&self.bead(request))));
            }
            Event::Bounced { request, files } => {
                self.say(&format!("bounce  {}", self.titled(&self.bead(request))));
                self.more(&format!("        it conflicts in {}", files.join(", ")));
            }
            Event::Note(text) => self.say(&format!("note    {text}")),
            Event::Asked { .. } | Event::Waits(_) | Event::Pull(_) => {}
        }
    }

    /// Returns the bead of a request.
    pub(super) fn bead(&self, request: &str) -> String {
        let bead = self.beads.get(request).map(String::as_str);
        bead.unwrap_or(request).to_owned()
    }
}

/// Waits until no agent of these homes runs.
pub(super) fn wait_for_agents(homes: &[Home]) -> Result<()> {
    for home in homes {
        for it in agent::agents(home)? {
            agent::wait(home, &it.hook)?;
        }
    }
    Ok(())
}

fn indented(lines: &[String], margin: &str) -> String {
    let line = |line: &String| format!("{}\n", format!("{margin}{line}").trim_end());
    lines.iter().map(line).collect()
}

/// Returns a line cut to the width of a terminal.
fn fit(line: &str) -> String {
    if line.chars().count() <= WIDTH {
        return line.to_owned();
    }
    line.chars().take(WIDTH - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_cut_where_a_terminal_ends() {
        assert_eq!(fit("short"), "short");
        assert_eq!(fit(&"ä".repeat(81)), format!("{}…", "ä".repeat(79)));
    }
}
