//! Telling: lines as things happen, with the words of the demo in place of ids.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use crate::cli::refinery::line;
use crate::cli::reply::print;
use crate::fault::{Fault, Result};
use crate::refinery::Event;
use crate::town::Home;
use crate::world::{Time, World};
use crate::{agent, mq};

/// How long to wait between two looks at the agents' logs.
const LOOK: Duration = Duration::from_millis(40);

/// Prints what happens, with the seconds since the beginning; nothing when only JSON is wanted.
pub(super) struct Teller {
    world: World,
    start: Time,
    silent: bool,
    /// What to call a request: its bead's id and title.
    names: BTreeMap<String, String>,
    /// How far each log has been told.
    read: BTreeMap<PathBuf, usize>,
}

impl Teller {
    pub(super) fn new(world: &World, silent: bool) -> Self {
        let (names, read) = (BTreeMap::new(), BTreeMap::new());
        Self {
            world: world.clone(),
            start: world.now(),
            silent,
            names,
            read,
        }
    }

    /// Returns the seconds since the beginning.
    pub(super) fn seconds(&self) -> f64 {
        self.world.now().0.saturating_sub(self.start.0) as f64 / 1000.0
    }

    pub(super) fn say(&self, text: &str) {
        if !self.silent {
            print(&format!("{:>5.1} s  {text}\n", self.seconds()));
        }
    }

    pub(super) fn head(&self, text: &str) {
        if !self.silent {
            print(&format!("\n{text}\n"));
        }
    }

    /// Tells what agents write into their logs until none of them runs any more.
    pub(super) fn follow(&mut self, home: &Home) -> Result<()> {
        while self.look(home)? {
            if self.world.interrupted() {
                for it in agent::agents(home)? {
                    agent::wait(home, &it.hook)?;
                }
                return Err(Fault::unavailable("interrupted"));
            }
            self.world.pause(LOOK);
        }
        Ok(())
    }

    /// Tells what agents have written since the last look; returns whether any of them runs.
    pub(super) fn look(&mut self, home: &Home) -> Result<bool> {
        let standing = agent::agents(home)?;
        // Looked at before the logs are read: what is written before the end is read after it.
        let alive = standing.iter().any(|it| it.alive);
        for it in &standing {
            let Some(session) = &it.session else { continue };
            let text = std::fs::read(&session.log).unwrap_or_default();
            let seen = self.read.entry(session.log.clone()).or_default();
            let fresh = &text[(*seen).min(text.len())..];
            let whole = fresh
                .iter()
                .rposition(|byte| *byte == b'\n')
                .map_or(0, |at| at + 1);
            *seen += whole;
            let lines = String::from_utf8_lossy(&fresh[..whole]).into_owned();
            // That nobody runs the queue yet is known here: it comes next.
            for told in lines
                .lines()
                .filter(|line| !line.starts_with("nobody runs the queue"))
            {
                let told = told
                    .strip_prefix(&format!("polecat {}: ", it.hook.bead))
                    .unwrap_or(told);
                self.say(&format!("{:<9} {told}", it.hook.name()));
            }
        }
        Ok(alive)
    }

    /// Tells the queue, and remembers what each request is called.
    pub(super) fn queue(&mut self, home: &Home) -> Result<()> {
        let view = home.view();
        for (at, request) in mq::sorted(view.requests()?).iter().enumerate() {
            let title = view
                .bead(request.bead())?
                .map(|bead| bead.title().to_owned());
            let name = format!("{} ({})", request.bead(), title.unwrap_or_default());
            self.say(&format!(
                "{}. {:<9} {name}",
                at + 1,
                request.worker().rsplit('/').next().unwrap_or("")
            ));
            self.names.insert(request.id().to_owned(), name);
        }
        Ok(())
    }

    /// Tells what the Refinery does.
    pub(super) fn refinery(&self, event: &Event) {
        let text = match event {
            Event::Landed { requests, commit } => {
                let names: String = requests
                    .iter()
                    .map(|id| format!("\n{:17}{}", "", self.name(id)))
                    .collect();
                format!("land    {} as {}{names}", requests.len(), &commit[..12])
            }
            Event::Ejected {
                request,
                gate,
                reproduce,
            } => format!(
                "eject   {}: it makes {gate} red\n{:17}proof: {reproduce}",
                self.name(request),
                ""
            ),
            other => self
                .names
                .iter()
                .fold(line(other), |text, (id, name)| text.replace(id, name)),
        };
        self.say(&text);
    }

    fn name<'a>(&'a self, request: &'a str) -> &'a str {
        self.names.get(request).map_or(request, String::as_str)
    }
}
