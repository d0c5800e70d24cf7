//! The board: what the plan looks at, gathered from refs, with the names of what it numbers.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::candidate::{Built, Candidate, Chains};
use super::facts::{self, Evidence, Said};
use super::learn;
use super::plan::{self, Facts, Item, Outcome, Params, Standing, Trial};
use crate::fault::Result;
use crate::git::{Oid, Repo};
use crate::ledger::Stamp;
use crate::mq::Item as Entry;
use crate::record::{Gate, Request};
use crate::town::View;

/// Requests merged in order onto a base.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Composition {
    /// The base.
    pub(super) base: Oid,
    /// The requests, in order.
    pub(super) requests: Vec<String>,
}

/// A composition that is being tested here, elsewhere, or by an outside CI.
#[derive(Debug, Clone)]
pub(super) struct Underway {
    pub(super) what: Composition,
    /// Whether it is tested to acquit only.
    pub(super) screens: bool,
}

/// What the plan looks at.
#[derive(Debug)]
pub(super) struct Board {
    tip: Oid,
    /// What lands as one, by item.
    groups: Vec<Vec<Request>>,
    standing: Vec<Standing>,
    landed: Vec<Item>,
    needs: Vec<Vec<Item>>,
    /// Bases by their number.
    contexts: Vec<Oid>,
    trials: Vec<Trial>,
    /// What each trial is.
    compositions: Vec<Composition>,
    /// What is still being tested though it has passed.
    answered: Vec<Composition>,
    streak: u32,
    now: u32,
    params: Params,
}

/// Where a board is gathered from.
pub(super) struct Sources<'a, 'v> {
    pub(super) repo: &'a Repo,
    pub(super) view: &'a View<'v>,
    /// The gates that must pass on this target.
    pub(super) gates: &'a [Gate],
    pub(super) tip: Oid,
    /// What waits, in order.
    pub(super) line: &'a [Entry],
    /// What is being tested.
    pub(super) underway: &'a [Underway],
    /// What was found known when it was to be tested: the same tree under another name.
    pub(super) met: &'a BTreeMap<Composition, bool>,
    /// When requests of this target were ejected.
    pub(super) ejected: &'a [Stamp],
    pub(super) params: Params,
}

impl Sources<'_, '_> {
    fn requests(&self) -> impl Iterator<Item = &Request> {
        self.line.iter().flat_map(|it| &it.requests)
    }
}

/// What is known of a composition, with stamps in the place of numbers.
struct Tested {
    what: Composition,
    tree: Oid,
    screens: bool,
    outcome: Outcome,
    first: Option<Stamp>,
    last: Option<Stamp>,
}

impl Board {
    /// Gathers what the plan looks at.
    ///
    /// Compositions are taken from runs that count as evidence, and what is said of those that stand on the tip is
    /// looked up by the tree they have today: so a composition that somebody made up tells nothing.
    pub(super) fn gather(chains: &mut Chains, from: &Sources<'_, '_>) -> Result<Self> {
        let mut board = Self {
            tip: from.tip,
            groups: Vec::new(),
            standing: Vec::new(),
            landed: Vec::new(),
            needs: Vec::new(),
            contexts: vec![from.tip],
            trials: Vec::new(),
            compositions: Vec::new(),
            answered: Vec::new(),
            streak: 0,
            now: 0,
            params: from.params.clone(),
        };
        let mut names: HashMap<String, Item> = HashMap::new();
        for (place, entry) in (0..).zip(from.line) {
            board.add(&mut names, entry.requests.clone(), Standing::Waits(place));
            board
                .needs
                .push(entry.after.iter().map(|at| *at as Item).collect());
        }
        let landed = Landed::since(chains, from)?;
        for request in &landed.requests {
            let item = board.landed_item(&mut names, request);
            board.landed.push(item);
        }
        let tested = collect(chains, from, &landed)?;
        board.number(from, (&names, &landed.bases), &tested);
        Ok(board)
    }

    fn add(&mut self, names: &mut HashMap<String, Item>, group: Vec<Request>, standing: Standing) {
        let item = self.standing.len() as Item;
        names.extend(group.iter().map(|it| (it.id().to_owned(), item)));
        self.groups.push(group);
        self.standing.push(standing);
    }

    fn landed_item(&mut self, names: &mut HashMap<String, Item>, request: &str) -> Item {
        if let Some(item) = names.get(request) {
            return *item;
        }
        let item = self.standing.len() as Item;
        names.insert(request.to_owned(), item);
        self.groups.push(Vec::new());
        self.standing.push(Standing::Landed);
        item
    }

    /// Turns names and stamps into numbers.
    fn number(
        &mut self,
        from: &Sources<'_, '_>,
        (names, bases): (&HashMap<String, Item>, &HashMap<Oid, u32>),
        tested: &[Tested],
    ) {
        let stamps: BTreeSet<&Stamp> = tested
            .iter()
            .flat_map(|it| [&it.first, &it.last])
            .flatten()
            .collect();
        let ranks: BTreeMap<&Stamp, u32> = stamps.into_iter().zip(1..).collect();
        self.now = ranks.len() as u32;
        let rank = |stamp: &Option<Stamp>| stamp.as_ref().map_or(0, |it| ranks[it]);
        let gone = self.standing.len() as Item;
        self.standing.push(Standing::Gone);
        self.groups.push(Vec::new());
        let trees: BTreeSet<Oid> = tested.iter().map(|it| it.tree).collect();
        for it in tested {
            let context = match self
                .contexts
                .iter()
                .position(|known| *known == it.what.base)
            {
                Some(at) => at,
                None => {
                    self.contexts.push(it.what.base);
                    self.contexts.len() - 1
                }
            };
            let items = self.items_of(&it.what.requests, names, gone);
            self.trials.push(Trial {
                base: bases.get(&it.what.base).copied(),
                context: context as u32,
                tree: trees
                    .iter()
                    .position(|tree| *tree == it.tree)
                    .map_or(0, |at| at as u64),
                items,
                screens: it.screens,
                outcome: it.outcome,
                first: rank(&it.first),
                last: rank(&it.last),
            });
            let passed = it.outcome == Outcome::Green && !it.what.requests.is_empty();
            if passed && from.underway.iter().any(|run| run.what == it.what) {
                self.answered.push(it.what.clone());
            }
            self.compositions.push(it.what.clone());
        }
        let greens = tested.iter().filter(|it| it.outcome == Outcome::Green);
        let last_green = greens.filter_map(|it| it.last.as_ref()).max();
        self.streak = from
            .ejected
            .iter()
            .filter(|at| Some(*at) > last_green)
            .count() as u32;
    }

    /// Returns the items of requests; where a group is not together, it stands for something that is gone.
    fn items_of(
        &self,
        requests: &[String],
        names: &HashMap<String, Item>,
        gone: Item,
    ) -> Vec<Item> {
        let mut items: Vec<Item> = Vec::new();
        let mut at = 0;
        while at < requests.len() {
            let item = names.get(&requests[at]).copied().unwrap_or(gone);
            let group = &self.groups[item as usize];
            let length = group.len().max(1);
            let together = requests[at..]
                .iter()
                .zip(group)
                .filter(|(a, b)| *a == b.id())
                .count()
                == group.len();
            items.push(if together { item } else { gone });
            at += length;
        }
        items
    }

    /// Learns the culprit rate from how many requests landed and were ejected; suspects that wait for their verdict
    /// count as ejected, they are probable culprits already.
    pub(super) fn learn(&mut self, landed: u64, ejected: u64) {
        let suspects = plan::suspects(&self.facts()) as u64;
        self.params.culprit_rate = learn::culprit_rate(landed, ejected + suspects);
        self.params.weight = learn::weight(landed, ejected + suspects);
    }

    /// Returns what the plan looks at.
    pub(super) fn facts(&self) -> Facts<'_> {
        Facts {
            items: &self.standing,
            landed: &self.landed,
            needs: &self.needs,
            risk: None,
            trials: &self.trials,
            streak: self.streak,
            now: self.now,
            params: &self.params,
        }
    }

    /// Returns the base of a probe.
    pub(super) fn base(&self, context: Option<u32>) -> Oid {
        context.map_or(self.tip, |at| self.contexts[at as usize])
    }

    /// Returns the requests of items, in order.
    pub(super) fn requests(&self, items: &[Item]) -> Vec<&Request> {
        items
            .iter()
            .flat_map(|it| &self.groups[*it as usize])
            .collect()
    }

    /// Returns the ids of the requests of an item.
    pub(super) fn ids(&self, items: &[Item]) -> Vec<String> {
        self.requests(items)
            .iter()
            .map(|it| it.id().to_owned())
            .collect()
    }

    /// Returns where in a sequence of items the request at that place is.
    pub(super) fn place_of(&self, items: &[Item], at: usize) -> usize {
        let lengths = items.iter().map(|it| self.groups[*it as usize].len());
        let ends = lengths.scan(0, |end, length| {
            *end += length;
            Some(*end)
        });
        ends.take_while(|end| *end <= at).count()
    }

    /// Builds a composition, nothing where it does not merge today.
    pub(super) fn build(
        &self,
        chains: &mut Chains,
        view: &View<'_>,
        what: &Composition,
    ) -> Result<Option<Candidate>> {
        built(chains, (view, &self.waiting()), what)
    }

    fn waiting(&self) -> HashMap<&str, &Request> {
        self.groups
            .iter()
            .flatten()
            .map(|it| (it.id(), it))
            .collect()
    }

    /// Makes room for what others test, so that it keeps no worker of ours from working.
    pub(super) fn make_room(&mut self, elsewhere: &[Underway]) {
        let moot: Vec<Composition> = self.moot().into_iter().cloned().collect();
        let runs = |(trial, what): &(&Trial, &Composition)| {
            matches!(trial.outcome, Outcome::Running(_))
                && !moot.contains(what)
                && elsewhere.iter().any(|it| it.what == **what)
        };
        let trials = self.trials.iter().zip(&self.compositions);
        self.params.workers += trials.filter(runs).count();
    }

    /// Returns the compositions that run for nothing: nobody wants to know, or their tree has passed under another
    /// name.
    pub(super) fn moot(&self) -> Vec<&Composition> {
        let moot = plan::moot(&self.facts()).into_iter();
        let moot = moot.map(|at| &self.compositions[at]);
        moot.chain(&self.answered).collect()
    }

    /// Returns whether a composition is among what the plan has seen.
    pub(super) fn knows(&self, what: &Composition) -> bool {
        self.compositions.contains(what)
    }

    /// Returns the compositions that are red and hold an item, those with the fewest requests first.
    pub(super) fn reds_of(&self, item: Item) -> Vec<&Composition> {
        self.reds(|it| it.items.contains(&item))
    }

    /// Returns those of them that are a commit which was the tip and the item, and nothing else.
    pub(super) fn reds_on_tips(&self, item: Item) -> Vec<&Composition> {
        self.reds(|it| {
            let before = it.items.strip_suffix(&[item]);
            let since = it.base.and_then(|base| self.landed.get(base as usize..));
            before.is_some_and(|before| since.is_some_and(|since| since.starts_with(before)))
        })
    }

    fn reds(&self, is_wanted: impl Fn(&Trial) -> bool) -> Vec<&Composition> {
        let is_red = |it: &Trial| matches!(it.outcome, Outcome::Red(_) | Outcome::Running(1..));
        let found = self.trials.iter().zip(&self.compositions);
        let found = found.filter(|(it, _)| is_red(it) && is_wanted(it));
        let mut found: Vec<&Composition> = found.map(|(_, what)| what).collect();
        found.sort_by_key(|it| it.requests.len());
        found
    }
}

/// What landed, as far as it is looked back at.
struct Landed {
    /// The requests, oldest first.
    requests: Vec<String>,
    /// How many of them had landed when a commit was the tip.
    bases: HashMap<Oid, u32>,
}

impl Landed {
    fn since(chains: &mut Chains, from: &Sources<'_, '_>) -> Result<Self> {
        let mut landed = Self {
            requests: Vec::new(),
            bases: HashMap::new(),
        };
        let known = chains.landed(from.repo, from.tip)?.iter().rev();
        for (count, (base, request)) in (0..).zip(known) {
            landed.bases.insert(*base, count);
            landed.requests.push(request.clone());
        }
        landed.bases.insert(from.tip, landed.requests.len() as u32);
        Ok(landed)
    }
}

/// Returns what is known of every composition that somebody may want to know of.
fn collect(chains: &mut Chains, from: &Sources<'_, '_>, landed: &Landed) -> Result<Vec<Tested>> {
    let mut found: BTreeMap<Composition, (bool, Option<Oid>)> = BTreeMap::new();
    for (what, screens, commit) in compositions(from)? {
        let known = found.entry(what).or_insert((screens, commit));
        known.0 &= screens;
    }
    for (what, screens) in from.met {
        found.entry(what.clone()).or_insert((*screens, None)).0 &= screens;
    }
    for it in from.underway {
        found.entry(it.what.clone()).or_insert((it.screens, None));
    }
    let bare = Composition {
        base: from.tip,
        requests: Vec::new(),
    };
    found.entry(bare.clone()).or_insert((false, None));
    let waiting: HashMap<&str, &Request> = from.requests().map(|it| (it.id(), it)).collect();
    let mut all = Vec::new();
    for (what, (screens, commit)) in found {
        let is_known = landed.bases.contains_key(&what.base);
        let candidate = match commit.filter(|_| !is_known) {
            Some(commit) if from.repo.has(&commit) => {
                Some(of_commit((from, &waiting), &what, commit)?)
            }
            _ => built(chains, (from.view, &waiting), &what)?,
        };
        let Some(candidate) = candidate else { continue };
        let mut known = evidence(from, &candidate)?;
        let is_bare = what == bare;
        if is_bare && known.red_since > 0 {
            // That the tip was green says nothing of the machine as it is now.
            known.all = Evidence {
                green: false,
                red: known.red_since,
            };
        }
        let is_underway = from.underway.iter().any(|it| it.what == what);
        let mut add = |outcome| {
            all.push(Tested {
                what: what.clone(),
                tree: candidate.tree,
                screens,
                outcome,
                first: known.first.clone(),
                last: known.last.clone(),
            });
        };
        match (known.all.green, known.all.red) {
            (true, _) => add(Outcome::Green),
            (false, red) if is_underway => add(Outcome::Running(red)),
            (false, 0) => {}
            (false, red) => add(Outcome::Red(red)),
        }
        if is_bare && is_underway && known.all.green {
            add(Outcome::Running(0));
        }
    }
    Ok(all)
}

/// Returns what runs that count here were made of, for each waiting request.
fn compositions(from: &Sources<'_, '_>) -> Result<Vec<(Composition, bool, Option<Oid>)>> {
    let mut keys: BTreeSet<(String, String)> = BTreeSet::new();
    for request in from.requests() {
        for result in from.view.results_of(request.id())? {
            if let Some((tree, definition)) = result.record().id().rsplit_once('.') {
                keys.insert((tree.to_owned(), definition.to_owned()));
            }
        }
    }
    let current: BTreeSet<String> = from.gates.iter().map(Gate::definition).collect();
    let mut found = Vec::new();
    for (tree, definition) in keys
        .iter()
        .filter(|(_, definition)| current.contains(definition))
    {
        for attempt in from.view.evidence(tree, definition)?.into_values() {
            if let Some(base) = from
                .repo
                .parse_id(&attempt.tip)
                .filter(|it| from.repo.has(it))
            {
                let what = Composition {
                    base,
                    requests: attempt.requests,
                };
                found.push((what, attempt.screens, from.repo.parse_id(&attempt.commit)));
            }
        }
    }
    Ok(found)
}

/// Returns a composition as it was built when it was tested.
fn of_commit(
    (from, waiting): (&Sources<'_, '_>, &HashMap<&str, &Request>),
    what: &Composition,
    commit: Oid,
) -> Result<Candidate> {
    let members = what
        .requests
        .iter()
        .filter_map(|id| waiting.get(id.as_str()));
    let since = members.filter_map(|it| it.requeued()).max();
    Ok(Candidate {
        commit,
        tree: from.repo.commit(&commit)?.tree,
        tip: what.base,
        requests: what.requests.clone(),
        since,
        screens: false,
    })
}

/// Builds the candidate of what is being tested, nothing where it does not merge today.
pub(super) fn candidate(
    chains: &mut Chains,
    view: &View<'_>,
    it: &Underway,
) -> Result<Option<Candidate>> {
    let candidate = built(chains, (view, &HashMap::new()), &it.what)?;
    Ok(candidate.map(|candidate| Candidate {
        screens: it.screens,
        ..candidate
    }))
}

/// Returns a composition as it is built today, nothing where it does not merge or a part of it is not here.
fn built(
    chains: &mut Chains,
    (view, waiting): (&View<'_>, &HashMap<&str, &Request>),
    what: &Composition,
) -> Result<Option<Candidate>> {
    let repo = view.repo();
    let mut requests = Vec::new();
    for id in &what.requests {
        let request = match waiting.get(id.as_str()) {
            Some(request) => Some((*request).clone()),
            None => view.request(id)?,
        };
        let head = request.as_ref().and_then(|it| repo.parse_id(it.head()));
        match request {
            Some(request) if head.is_some_and(|head| repo.has(&head)) => requests.push(request),
            _ => return Ok(None),
        }
    }
    let requests: Vec<&Request> = requests.iter().collect();
    Ok(match chains.candidate(repo, what.base, &requests)? {
        Built::Candidate(candidate) => Some(candidate),
        Built::Conflict { .. } => None,
    })
}

/// What is known of a candidate.
struct Known {
    all: Evidence,
    /// When that was first and last said.
    first: Option<Stamp>,
    last: Option<Stamp>,
    /// How often the reddest gate was red since it was last green.
    red_since: u32,
}

fn evidence(from: &Sources<'_, '_>, candidate: &Candidate) -> Result<Known> {
    let said = |gate| facts::said(from.view, gate, candidate);
    let said: Vec<Said> = from.gates.iter().map(said).collect::<Result<_>>()?;
    let all = Evidence::of(&said);
    let stamps = said.iter().flat_map(|it| match all.green {
        true => &it.greens,
        false => &it.reds,
    });
    Ok(Known {
        all,
        first: stamps.clone().min().cloned(),
        last: stamps.max().cloned(),
        red_since: said.iter().map(Said::red_since).max().unwrap_or(0),
    })
}
