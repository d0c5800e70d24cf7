//! Claude Code: what its hooks tell us, and what we answer (its documented contract: JSON on standard input,
//! JSON on standard output, exit code 0).

use serde_json::{Value, json};

use crate::agent::checkpoint::{self, Site};
use crate::agent::deliver::{self, Told};
use crate::agent::prime::{self, Asked, Role};
use crate::agent::pulse::Pulse;
use crate::agent::{Hook, mine};
use crate::fault::Result;
use crate::text::in_prompt;
use crate::town::Home;

/// The events we answer, sorted.
pub const EVENTS: [&str; 5] = [
    "PreCompact",
    "SessionEnd",
    "SessionStart",
    "Stop",
    "UserPromptSubmit",
];

/// What Claude Code says about an event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Event {
    /// Its name.
    pub name: String,
    /// Claude Code's session.
    pub session: String,
    /// The file that its words are written to.
    pub transcript: String,
    /// The folder it is in, empty where it did not say.
    pub cwd: String,
    /// Why a session begins: `startup`, `resume`, `clear`, `compact`, `fork`.
    pub source: String,
    /// Why a session ends, or what compaction was for.
    pub reason: String,
    /// Whether the turn goes on because a hook wanted it.
    pub stop_active: bool,
}

impl Event {
    /// Reads what came on standard input; what is no JSON says nothing.
    pub fn read(name: &str, input: &[u8]) -> Self {
        let value: Value = serde_json::from_slice(input).unwrap_or_default();
        let text = |key: &str| {
            let text = value.get(key).and_then(Value::as_str);
            text.unwrap_or_default().to_owned()
        };
        Self {
            name: name.to_owned(),
            session: text("session_id"),
            transcript: text("transcript_path"),
            cwd: text("cwd"),
            source: text("source"),
            reason: text("reason"),
            stop_active: value.get("stop_hook_active") == Some(&Value::Bool(true)),
        }
    }

    /// Returns whether the session has been primed before and lost some of it.
    pub fn is_again(&self) -> bool {
        ["compact", "resume"].contains(&self.source.as_str())
    }
}

/// What is answered, and what went wrong on the way without being a reason to stop an agent.
#[derive(Debug, Default)]
pub struct Answer {
    /// For standard output, nothing for silence.
    pub output: Option<Value>,
    /// For standard error.
    pub notes: Vec<String>,
}

/// Who is in a session.
struct Player<'a> {
    home: &'a Home,
    address: String,
    hook: Option<Hook>,
    event: &'a Event,
    answer: Answer,
}

/// Answers an event. Nothing is a reason to fail: what could not be done is a note.
///
/// After a crash Claude Code goes on without our answer; mail that was not delivered comes the next time.
pub fn answer(home: &Home, actor: &str, event: &Event) -> Answer {
    let hook = mine(home).ok();
    let mut player = Player {
        home,
        address: hook.as_ref().map_or(actor, |it| &it.agent).to_owned(),
        hook,
        event,
        answer: Answer::default(),
    };
    match event.name.as_str() {
        "SessionStart" => player.start(),
        "UserPromptSubmit" => player.prompt(),
        "Stop" => player.stop(),
        "PreCompact" => player.save("before compaction"),
        "SessionEnd" => player.pulse("ended"),
        other => {
            let known = EVENTS.join(", ");
            let note =
                format!("nothing is done for the event '{other}'; those answered are {known}");
            player.answer.notes.push(note);
        }
    }
    player.answer
}

impl Player<'_> {
    /// Does something, or notes why it could not be done.
    fn tried<T>(&mut self, what: &str, done: Result<T>) -> Option<T> {
        match done {
            Ok(done) => Some(done),
            Err(fault) => {
                self.answer.notes.push(format!("{what}: {fault}"));
                None
            }
        }
    }

    fn pulse(&mut self, state: &str) {
        let pulse = Pulse {
            state: state.to_owned(),
            message: if state == "ended" {
                self.event.reason.clone()
            } else {
                String::new()
            },
            session: self.event.session.clone(),
            transcript: self.event.transcript.clone(),
            at: String::new(),
        };
        let noted = pulse.note(self.home, &self.address);
        self.tried("no heartbeat", noted);
    }

    fn save(&mut self, why: &str) {
        let saved = Site::here(self.home, &self.address)
            .and_then(|site| checkpoint::write(self.home, &site, why));
        self.tried("no checkpoint", saved);
    }

    /// Answers with text that the agent reads as context.
    fn add_context(&mut self, text: &str) {
        if !text.is_empty() {
            self.answer.output = Some(json!({
                "hookSpecificOutput": {
                    "additionalContext": text,
                    "hookEventName": self.event.name,
                }
            }));
        }
    }

    fn start(&mut self) {
        let asked = Asked {
            actor: self.address.clone(),
            session: self.event.session.clone(),
            short: self.event.is_again(),
        };
        let primed = prime::prime(self.home, asked);
        if let Some(primed) = self.tried("not primed", primed) {
            self.add_context(&primed.text());
        }
        self.pulse("working");
    }

    fn prompt(&mut self) {
        let text = self.new_mail().unwrap_or_default();
        self.add_context(&text);
        self.pulse("working");
    }

    fn new_mail(&mut self) -> Option<String> {
        let told = Told::find(self.home, &self.address, &self.event.session);
        let reminded =
            told.and_then(|mut told| deliver::reminder(self.home, &self.address, &mut told));
        self.tried("no mail", reminded)
    }

    /// Saves the work, then keeps the turn going for what is new: mail, and work that hangs on the hook.
    /// For the same reason a turn is kept going once in a session, and never when a hook keeps it going
    /// already.
    fn stop(&mut self) {
        self.save("at the end of a turn");
        let mut reasons = Vec::new();
        if !self.event.stop_active {
            reasons.extend(self.new_mail().filter(|text| !text.is_empty()));
            let left = self.work_left();
            reasons.extend(
                self.tried("cannot see what hangs on the hook", left)
                    .flatten(),
            );
        }
        if reasons.is_empty() {
            self.pulse("idle");
        } else {
            self.answer.output = Some(json!({ "decision": "block", "reason": reasons.join("\n") }));
            self.pulse("working");
        }
    }

    /// Returns what a polecat whose work is not done is told, once in a session.
    fn work_left(&mut self) -> Result<Option<String>> {
        let Some(hook) = self
            .hook
            .clone()
            .filter(|it| Role::of(&it.agent) == Role::Polecat)
        else {
            return Ok(None);
        };
        let Some(bead) = prime::unfinished(self.home, &hook)? else {
            return Ok(None);
        };
        let mut told = Told::find(self.home, &hook.agent, &self.event.session)?;
        let key = format!("hook {}.{}", hook.bead, hook.epoch);
        if !told.is_new(&key) || self.event.session.is_empty() {
            return Ok(None);
        }
        told.add(&key);
        told.save(self.home, &hook.agent)?;
        let id = bead.id();
        Ok(Some(format!(
            "{id} still hangs on your hook: {}\n\
             - Finished? Commit it and run: git gt done\n\
             - More to do? Go on, or leave it to the next session: git gt handoff -m \"what comes next\"\n\
             - Stuck? Say why: git gt comment {id} \"...\"\n",
            in_prompt(bead.title()),
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_read_and_garbage_says_nothing() {
        let text =
            br#"{"session_id":"s","transcript_path":"/t","cwd":"/w","hook_event_name":"Stop",
            "stop_hook_active":true,"source":"compact","new":{"field":1}}"#;
        let event = Event::read("Stop", text);
        assert_eq!((event.session.as_str(), event.cwd.as_str()), ("s", "/w"));
        assert!(event.stop_active && event.is_again());
        for garbage in [&b""[..], b"[1]", b"{\"session_id\":7}", b"\xff"] {
            let nothing = Event {
                name: "Stop".to_owned(),
                ..Event::default()
            };
            assert_eq!(Event::read("Stop", garbage), nothing);
        }
    }

    #[test]
    fn the_template_has_every_event() {
        let template: Value = serde_json::from_str(super::super::install::CLAUDE).unwrap();
        let events: Vec<&String> = template["hooks"].as_object().unwrap().keys().collect();
        assert_eq!(events, EVENTS);
    }
}
