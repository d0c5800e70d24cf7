//! What people ask of a queue without moving it: how it stands, what has been learned, and what comes next. Reads,
//! and builds candidates in memory; no ref moves and nobody is locked out.

use std::collections::BTreeMap;

use super::board::{Board, Composition, Underway};
use super::bulletin::{Bulletin, bulletin};
use super::candidate::Chains;
use super::event::Purpose;
use super::learn::{History, Learned};
use super::look::{Composed, Look, compose, ejections, is_known};
use super::plan::{self, Item, Lane, Lanes, Move, Probe, Tables};
use super::{Options, ci, gates, is_running, line};
use crate::fault::Result;
use crate::git::Oid;
use crate::mq::{self, Line};
use crate::record::Gate;
use crate::town::Home;

/// How a queue stands.
#[derive(Debug)]
pub struct Status {
    /// Whether somebody runs it in this clone.
    pub is_running: bool,
    /// What that one says it does.
    pub bulletin: Option<Bulletin>,
    /// The branches that requests wait for.
    pub targets: Vec<Queue>,
    /// How likely a request of the rig is a culprit.
    pub culprit_rate: f64,
    /// How likely a request that passed elsewhere is to break the tip.
    pub interaction_rate: f64,
    /// The gates, with what their runs have taught.
    pub gates: Vec<(Gate, History)>,
}

/// How the queue of one branch stands.
#[derive(Debug)]
pub struct Queue {
    /// The branch.
    pub target: String,
    /// Its commit as it is known here.
    pub tip: Option<String>,
    /// What waits.
    pub line: Line,
    /// How it lies; a fault where nothing can land now.
    pub lying: Result<Lying>,
}

/// How what waits lies, as it was tested.
#[derive(Debug, Default)]
pub struct Lying {
    /// Whether the tip is known to be green, or red.
    pub tip: Option<bool>,
    /// What stands on the tip, the only lane that lands; nothing of it was tested where it is empty.
    pub landing: Stretch,
    /// Lanes that are tested apart.
    pub screening: Vec<Stretch>,
    /// What passed elsewhere and is not on the tip yet.
    pub passed: Vec<String>,
    /// What was red by itself.
    pub suspects: Vec<Suspicion>,
    /// How many red attempts convict.
    pub convicts: u32,
}

/// A lane.
#[derive(Debug, Default)]
pub struct Stretch {
    /// Its requests, in order.
    pub requests: Vec<String>,
    /// How many of the first of them are red together; 0: none is known to be.
    pub red: usize,
    /// How often that was red.
    pub count: u32,
}

/// What was red by itself, and how often.
#[derive(Debug)]
pub struct Suspicion {
    /// The request, or those of its group.
    pub requests: Vec<String>,
    /// How often it was red.
    pub red: u32,
}

/// What comes next for a branch.
#[derive(Debug)]
pub struct Outlook {
    /// The branch.
    pub target: String,
    /// Its commit as it is known here.
    pub tip: String,
    /// How many requests may land.
    pub queued: usize,
    /// How many candidates are being tested.
    pub busy: usize,
    /// What would be done.
    pub next: Next,
}

/// The next thing to do.
#[derive(Debug)]
pub enum Next {
    /// Nothing.
    Idle,
    /// The target moves to what is green.
    Land(Vec<String>),
    /// A culprit goes.
    Eject(Vec<String>),
    /// It does not merge onto the tip.
    Bounce(String, Vec<String>),
    /// The tip itself is red.
    Freeze,
    /// These are tested; none: what is being tested is waited for.
    Probe(Vec<Planned>),
}

/// A candidate that would be tested.
#[derive(Debug)]
pub struct Planned {
    /// The commit it stands on.
    pub base: String,
    /// What is in it, in order; nothing: the bare target.
    pub requests: Vec<String>,
    /// Whether it is tested to acquit only.
    pub screens: bool,
    /// What for.
    pub purpose: Purpose,
}

/// What a queue is looked at with.
struct Looker<'a> {
    home: &'a Home,
    learned: Learned,
    options: Options,
    bulletin: Option<Bulletin>,
}

/// A branch as it is looked at.
struct Seen {
    board: Board,
    chains: Chains,
    gates: Vec<Gate>,
    tip: Oid,
    met: BTreeMap<Composition, bool>,
    queued: usize,
}

impl<'a> Looker<'a> {
    fn of(home: &'a Home, options: Options) -> Result<Self> {
        Ok(Self {
            home,
            learned: Learned::of(home)?,
            options,
            bulletin: bulletin(home),
        })
    }

    /// Returns what is tested here, by the Refinery that runs and by outside CIs.
    fn underway(&self, target: &str) -> Result<Vec<Underway>> {
        let repo = self.home.repo();
        let mut all = ci::underway(repo, target)?;
        let here = self.bulletin.iter().filter(|it| it.target == target);
        for it in here.flat_map(|it| &it.probes) {
            let what = repo.parse_id(&it.base).map(|base| Composition {
                base,
                requests: it.requests.clone(),
            });
            all.extend(what.map(|what| Underway {
                what,
                screens: it.screens,
            }));
        }
        Ok(all)
    }

    /// Looks at a branch; what was found known under another name is `met`.
    fn see(
        &self,
        (target, line): (&str, &Line),
        mut chains: Chains,
        met: BTreeMap<Composition, bool>,
    ) -> Result<Seen> {
        let home = self.home;
        let view = home.view();
        let gates = gates::required(home, target)?;
        let tip = home.base(&home.target(Some(target))?)?;
        chains.follow(view.style(home.rig().name(), target)?);
        let line = line::present(home.repo(), &tip, line.items.clone(), &mut |_| {})?;
        let look = Look {
            view: &view,
            gates: &gates,
            tip,
            line: &line,
            underway: &self.underway(target)?,
            met: &met,
            ejected: &ejections(&view, home.rig().name(), target)?,
            learned: &self.learned,
            options: self.options,
        };
        let board = look.board(&mut chains)?;
        Ok(Seen {
            board,
            chains,
            gates,
            tip,
            met,
            queued: line.iter().map(|it| it.requests.len()).sum(),
        })
    }

    fn outlook(&self, target: &str) -> Result<Outlook> {
        let (view, rig) = (self.home.view(), self.home.rig().name());
        let line = mq::line(&view, rig, target, self.home.world().now())?;
        let (mut chains, mut met) = (Chains::default(), BTreeMap::new());
        loop {
            let mut seen = self.see((target, &line), chains, met)?;
            let (next, busy) = {
                let facts = seen.board.facts();
                let busy = facts.trials.iter();
                let runs = |it: &&plan::Trial| matches!(it.outcome, plan::Outcome::Running(_));
                (
                    plan::plan(&facts, &Tables::default()),
                    busy.filter(runs).count(),
                )
            };
            let next = match next {
                Move::Idle => Next::Idle,
                Move::Freeze if seen.queued == 0 => Next::Idle,
                Move::Freeze => Next::Freeze,
                Move::Land(items) => Next::Land(seen.board.ids(&items)),
                Move::Eject(item) => Next::Eject(seen.board.ids(&[item])),
                Move::Probe(probes) => match self.planned(&mut seen, &probes)? {
                    Some(next) => next,
                    None => {
                        (chains, met) = (seen.chains, seen.met);
                        continue;
                    }
                },
            };
            return Ok(Outlook {
                target: target.to_owned(),
                tip: seen.tip.to_string(),
                queued: seen.queued,
                busy,
                next,
            });
        }
    }

    /// Returns what probes come to when they are built; nothing where one is known under another name, so that the
    /// plan has to be asked again.
    fn planned(&self, seen: &mut Seen, probes: &[Probe]) -> Result<Option<Next>> {
        let view = self.home.view();
        let mut all = Vec::new();
        for probe in probes {
            let composed = compose(self.home, seen.tip, &mut seen.chains, &seen.board, probe)?;
            let (candidate, items) = match composed {
                Composed::Candidate(candidate, items) => (candidate, items),
                Composed::Bounces(request, files) => {
                    return Ok(Some(Next::Bounce(request.id().to_owned(), files)));
                }
            };
            if items.is_empty() && !probe.items.is_empty() {
                continue;
            }
            let what = Composition {
                base: seen.board.base(probe.context),
                requests: candidate.requests.clone(),
            };
            let known = (&seen.board, &seen.met);
            if is_known(&view, &seen.gates, known, (&candidate, &what))? {
                seen.met.insert(what, probe.screens);
                return Ok(None);
            }
            all.push(Planned {
                base: what.base.to_string(),
                requests: what.requests,
                screens: probe.screens,
                purpose: Purpose {
                    why: probe.why,
                    queued: seen.queued,
                    red: probe.red,
                    bits: probe.bits,
                },
            });
        }
        Ok(Some(Next::Probe(all)))
    }
}

impl Seen {
    fn lying(&self) -> Lying {
        let facts = self.board.facts();
        let lanes = Lanes::of(&facts);
        let suspicion = |it: &plan::Suspect| Suspicion {
            requests: self.board.ids(&[it.item]),
            red: it.red,
        };
        Lying {
            tip: match (lanes.tip.red, lanes.tip.green) {
                (1.., _) => Some(false),
                (0, true) => Some(true),
                (0, false) => None,
            },
            landing: self.stretch(&lanes.landing),
            screening: lanes.screening.iter().map(|it| self.stretch(it)).collect(),
            passed: self.board.ids(&lanes.passed),
            suspects: lanes.suspects.iter().map(suspicion).collect(),
            convicts: plan::confirmations(facts.params),
        }
    }

    fn stretch(&self, lane: &Lane) -> Stretch {
        let ids = |items: &[Item]| self.board.ids(items);
        Stretch {
            requests: ids(&lane.items),
            red: ids(&lane.items[..lane.red]).len(),
            count: lane.count,
        }
    }
}

/// Returns how the queue of a rig stands.
pub fn status(home: &Home, options: Options) -> Result<Status> {
    let (view, rig, now) = (home.view(), home.rig().name(), home.world().now());
    let looker = Looker::of(home, options)?;
    let mut targets = Vec::new();
    // What nobody has tested yet tells as much of the rate as the history does.
    let mut culprit_rate = looker.learned.culprit_rate(home)?;
    for target in mq::targets(&view, rig)? {
        let line = mq::line(&view, rig, &target, now)?;
        let tip = home.known_tip(&home.target(Some(&target))?)?;
        let seen = looker.see((&target, &line), Chains::default(), BTreeMap::new());
        if let Ok(seen) = &seen {
            culprit_rate = seen.board.facts().params.culprit_rate.max(culprit_rate);
        }
        targets.push(Queue {
            target,
            tip: tip.map(|it| it.to_string()),
            line,
            lying: seen.map(|it| it.lying()),
        });
    }
    let gates = view.gates()?.into_iter();
    let gates = gates.map(|gate| {
        let history = looker.learned.history(&gate);
        (gate, history)
    });
    Ok(Status {
        is_running: is_running(home),
        gates: gates.collect(),
        culprit_rate,
        interaction_rate: looker.learned.interaction_rate(),
        bulletin: looker.bulletin,
        targets,
    })
}

/// Returns what the Refinery would do next, for each branch that requests wait for. With a Refinery that runs, what
/// it tests just now counts.
pub fn explain(home: &Home, options: Options) -> Result<Vec<Outlook>> {
    let looker = Looker::of(home, options)?;
    let targets = mq::targets(&home.view(), home.rig().name())?;
    targets.iter().map(|it| looker.outlook(it)).collect()
}
