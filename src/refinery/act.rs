//! What the plan's moves do: landing, ejecting, bouncing.

use serde_json::{Map, Value, json};

use super::board::{Board, Composition};
use super::candidate::{Built, Candidate};
use super::decided::{self, Stand};
use super::plan::{Item, Probe, Why};
use super::pull::{self, Pull};
use super::{Event, Refinery, Stepped, facts, gates, land};
use crate::fault::{Fault, Result};
use crate::git::Oid;
use crate::ledger::{CloneId, Decision, Name};
use crate::mq;
use crate::record::{Gate, Request, RequestStatus};

/// What convicts: a commit that passed, and the same with the culprit, which failed.
struct Conviction {
    green: Candidate,
    red: Candidate,
}

impl Refinery<'_> {
    /// Returns the gates of the target; where nothing can land with them, no pull request stays open.
    pub(super) fn required(&self, observe: &mut dyn FnMut(Event)) -> Result<Vec<Gate>> {
        gates::required(self.home, &self.target.branch).inspect_err(|fault| {
            match pull::take_back(self.home, &self.target) {
                Ok(Some(pull)) => observe(taken_back(&pull, &fault.to_string())),
                Ok(None) => {}
                Err(other) => observe(Event::Note(other.to_string())),
            }
        })
    }

    /// Moves the target to a candidate of the tip that is green, unless what decides was changed since the step
    /// began.
    pub(super) fn land(
        &mut self,
        gates: &[Gate],
        board: &Board,
        items: &[Item],
        observe: &mut dyn FnMut(Event),
    ) -> Result<Stepped> {
        let requests = board.requests(items);
        let Built::Candidate(candidate) =
            self.chains
                .candidate(self.home.repo(), self.tip, &requests)?
        else {
            return Err(Fault::fatal("the plan wanted to land what does not merge"));
        };
        // Merging may take a while, and somebody may have said no meanwhile.
        let before = (&self.seen, gates);
        let green = match decided::stand(self.home, &self.target, before, &candidate)? {
            Stand::Lands(green) => green,
            Stand::Not(why) => {
                let ids = candidate.requests.join(" ");
                observe(Event::Note(format!("{ids}: not landed after all: {why}")));
                return Ok(Stepped::Worked);
            }
        };
        match land::land(self.home, &self.target, &green, self.chains.signs())? {
            land::Landing::Landed(commit, notes) => {
                self.tip = commit;
                notes
                    .into_iter()
                    .for_each(|note| observe(Event::Note(note)));
                observe(Event::Landed {
                    requests: candidate.requests.clone(),
                    commit: commit.to_string(),
                });
            }
            land::Landing::Waits(pull) => {
                self.say_pull(pull, observe);
                return Ok(Stepped::Waiting);
            }
            land::Landing::Moved => {
                observe(Event::Note(format!(
                    "'{}' was moved meanwhile",
                    self.target.branch
                )));
                self.tip = self.home.fresh_tip(&self.target)?;
            }
        }
        Ok(Stepped::Worked)
    }

    /// Looks what became of the pull request for the target, where one is open; returns whether something
    /// did. Requests whose commits the target holds have landed by that; where the forge made other commits of
    /// them, with the tree that was green, that is written down here.
    pub(super) fn look_at_pull(&mut self, observe: &mut dyn FnMut(Event)) -> Result<bool> {
        let (pull, commit) = match pull::look(self.home, &self.target)? {
            None => return Ok(false),
            Some(pull::Seen::Waits(pull)) => {
                self.say_pull(pull, observe);
                return Ok(false);
            }
            Some(pull::Seen::Removed(pull)) => {
                return Err(Fault::refused(format!(
                    "the branch '{}' of a pull request was removed, or moved, and '{}' does not hold it",
                    pull.branch, self.target.branch
                ))
                .hint(format!("to say no to it: git gt mq reject {}", pull.requests.join(" ")))
                .hint("git gt refinery run opens another one"));
            }
            Some(pull::Seen::Withdrawn(pull, why)) => {
                observe(taken_back(&pull, &why));
                self.tip = self.home.fresh_tip(&self.target)?;
                return Ok(true);
            }
            Some(pull::Seen::Landed {
                pull,
                commit,
                is_rewritten,
                is_untested,
            }) => {
                if is_untested {
                    observe(Event::Note(format!(
                        "{} was merged into '{}' onto something else: nobody has tested the tree of {}",
                        pull.branch,
                        self.target.branch,
                        &commit.to_string()[..12]
                    )));
                }
                if is_rewritten {
                    let evidence = Map::from_iter([
                        ("by".to_owned(), json!(self.actor())),
                        ("commit".to_owned(), json!(commit.to_string())),
                        ("green".to_owned(), json!(pull.commit)),
                    ]);
                    self.finish(&pull.requests, RequestStatus::Landed, "", &evidence)?;
                }
                (pull, commit)
            }
        };
        pull::done(self.home, &self.target)?;
        self.tip = self.home.fresh_tip(&self.target)?;
        if let Some(note) = land::follow(self.home, &self.target, self.tip)? {
            observe(Event::Note(note));
        }
        observe(Event::Landed {
            requests: pull.requests,
            commit: commit.to_string(),
        });
        Ok(true)
    }

    fn say_pull(&mut self, pull: Pull, observe: &mut dyn FnMut(Event)) {
        let key = ("pull request".to_owned(), pull.commit.clone());
        if self.waits.insert(key) {
            observe(Event::Pull(pull));
        }
    }

    /// Ejects what was convicted: the requests of one item. Where it was red only on tips that nobody has seen
    /// green, it is tested on this one instead.
    pub(super) fn eject(
        &mut self,
        gates: &[Gate],
        board: &Board,
        (item, queued): (Item, usize),
        observe: &mut dyn FnMut(Event),
    ) -> Result<Option<Stepped>> {
        let ids = board.ids(&[item]);
        let Some(convicts) = self.conviction(gates, board, item)? else {
            let again = Probe {
                context: None,
                items: vec![item],
                screens: false,
                why: Why::Confirm { red: 0, of: 1 },
                // It is demanded, whatever it tells.
                red: 1.0,
                bits: 0.0,
            };
            return self.probe(board, gates, (vec![again], queued), observe);
        };
        let view = self.home.view();
        let gate = facts::reddest(&view, gates, &convicts.red)?;
        let gate =
            gate.ok_or_else(|| Fault::fatal("the plan ejects a request without a red gate"))?;
        let reproduce = mq::reproduce(gate, &convicts.red.commit.to_string());
        let why = format!(
            "gate '{}' passes on {} and fails with this change",
            gate.name(),
            convicts.green.short()
        );
        let mut reds = Vec::new();
        for what in board.reds_of(item) {
            reds.extend(self.build(board, what)?.map(|it| it.commit));
        }
        let mut evidence = Map::from_iter([
            ("by".to_owned(), json!(self.actor())),
            ("gate".to_owned(), json!(gate.name())),
            ("green".to_owned(), json!(convicts.green.commit.to_string())),
            ("red".to_owned(), json!(convicts.red.commit.to_string())),
            (
                "reds".to_owned(),
                reds.iter().map(ToString::to_string).collect::<Value>(),
            ),
            ("reproduce".to_owned(), json!(reproduce)),
        ]);
        let tail = facts::last_words(&view, gate, &convicts.red)?;
        if !tail.is_empty() {
            evidence.insert("tail".to_owned(), json!(tail));
        }
        let commits = [convicts.green.commit, convicts.red.commit].into_iter();
        self.keep_proof(&commits.chain(reds).collect::<Vec<_>>(), &ids.join(" "))?;
        self.finish(&ids, RequestStatus::Ejected, &why, &evidence)?;
        for id in ids {
            observe(Event::Ejected {
                request: id,
                gate: gate.name().to_owned(),
                reproduce: reproduce.clone(),
            });
        }
        Ok(Some(Stepped::Worked))
    }

    /// Returns what convicts an item: a red run of it on a commit that was the tip and is green, and nothing else
    /// in between (I2).
    fn conviction(
        &mut self,
        gates: &[Gate],
        board: &Board,
        item: Item,
    ) -> Result<Option<Conviction>> {
        let culprits = board.ids(&[item]);
        for what in board.reds_on_tips(item) {
            let Some(before) = what.requests.strip_suffix(&culprits[..]) else {
                continue;
            };
            let green = Composition {
                base: what.base,
                requests: before.to_vec(),
            };
            let (green, red) = (self.build(board, &green)?, self.build(board, what)?);
            let (Some(green), Some(red)) = (green, red) else {
                continue;
            };
            let view = self.home.view();
            let is_green = facts::evidence_of(&view, gates, &green)?.green;
            let is_red = facts::evidence_of(&view, gates, &red)?;
            if is_green && !is_red.green && is_red.red > 0 {
                return Ok(Some(Conviction { green, red }));
            }
        }
        Ok(None)
    }

    /// Builds a composition, nothing where it does not merge today.
    fn build(&mut self, board: &Board, what: &Composition) -> Result<Option<Candidate>> {
        board.build(&mut self.chains, &self.home.view(), what)
    }

    /// Takes a request out of the queue that does not merge onto the tip.
    pub(super) fn bounce(
        &self,
        request: &Request,
        files: &[String],
        observe: &mut dyn FnMut(Event),
    ) -> Result<()> {
        let why = format!(
            "does not merge onto {}: {}",
            self.target.branch,
            files.join(", ")
        );
        let evidence = Map::from_iter([
            ("by".to_owned(), json!(self.actor())),
            ("files".to_owned(), json!(files)),
            ("green".to_owned(), json!(self.tip.to_string())),
        ]);
        self.keep_proof(&[self.tip], request.id())?;
        let id = request.id().to_owned();
        self.finish(
            std::slice::from_ref(&id),
            RequestStatus::Conflict,
            &why,
            &evidence,
        )?;
        observe(Event::Bounced {
            request: id,
            files: files.to_vec(),
        });
        Ok(())
    }

    /// Saves the commits a verdict rests on in the attic, before the verdict is written.
    fn keep_proof(&self, commits: &[Oid], request: &str) -> Result<()> {
        let repo = self.home.repo();
        let clone = CloneId::of(repo)?;
        let guard = repo.guard()?;
        for commit in commits.iter().filter(|commit| **commit != self.tip) {
            repo.save_in_attic(
                &guard,
                clone.as_str(),
                commit,
                &format!("proof of {request}"),
            )?;
        }
        Ok(())
    }

    /// Writes the Refinery's verdict on requests, at once; one that is finished meanwhile stays as it is. After a
    /// crash all of them have it, or none and the next run comes to it again.
    fn finish(
        &self,
        ids: &[String],
        status: RequestStatus,
        why: &str,
        evidence: &Map<String, Value>,
    ) -> Result<()> {
        let written = self.home.write(Name::Queue, &self.actor(), |view, pen| {
            let mut finished = Vec::new();
            for id in ids {
                if let Some(mut request) = view.request(id)?.filter(Request::is_live) {
                    let stamp = pen.stamp(request.record());
                    request.finish(status, why, evidence.clone(), &stamp);
                    finished.push(request.into_record());
                }
            }
            if finished.is_empty() {
                return Ok(Decision::nothing(()));
            }
            let subject = format!("{status} {}: {why}", ids.join(" "));
            Ok(Decision::write(subject, finished, ()))
        })?;
        let () = written.value;
        Ok(())
    }

    pub(super) fn frozen(&self) -> Fault {
        Fault::refused(format!(
            "'{}' itself is red at {}: nothing lands and nobody is blamed",
            self.target.branch,
            &self.tip.to_string()[..12]
        ))
        .hint("mend the target, then run it again; git gt mq list shows who waits")
        .hint(format!(
            "or a gate is wrong: git gt refinery gate list{}",
            self.home.rig_option()
        ))
    }
}

fn taken_back(pull: &Pull, why: &str) -> Event {
    let branch = &pull.branch;
    Event::Note(format!("the pull request of {branch} is taken back: {why}"))
}
