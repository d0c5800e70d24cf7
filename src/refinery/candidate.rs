//! Candidates: the queue merged cumulatively onto the target's tip, in memory.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};

use crate::fault::{Fault, Result};
use crate::git::{Ahead, Oid, Repo};
use crate::mq::request_of;
use crate::record::Request;
use crate::town::Style;

use super::strategy::{Merge, Work};

/// How many landed requests are looked back at: what was tested before tells no more than a guess.
const LOOK_BACK: usize = 1000;

/// A commit that could be the target's next one.
#[derive(Debug, Clone)]
pub(super) struct Candidate {
    /// The commit; for the bare target the tip itself.
    pub(super) commit: Oid,
    /// Its tree: what is tested.
    pub(super) tree: Oid,
    /// The tip it was merged onto.
    pub(super) tip: Oid,
    /// The requests in it, in order.
    pub(super) requests: Vec<String>,
    /// The greatest stamp at which one of them was queued again: red runs before that do not count.
    pub(super) since: Option<crate::ledger::Stamp>,
    /// Whether it is tested apart from others that wait before it: it acquits, and never lands so.
    pub(super) screens: bool,
}

impl Candidate {
    /// Returns a bare commit, such as the target's.
    pub(super) fn bare(repo: &Repo, tip: Oid) -> Result<Self> {
        Ok(Self {
            commit: tip,
            tree: repo.commit(&tip)?.tree,
            tip,
            requests: Vec::new(),
            since: None,
            screens: false,
        })
    }

    /// Adds a request, which gave this commit.
    fn extend(&mut self, commit: Oid, tree: Oid, request: &Request) {
        (self.commit, self.tree) = (commit, tree);
        self.requests.push(request.id().to_owned());
        self.since = self.since.take().max(request.requeued());
    }

    /// Returns the first digits of its commit.
    pub(super) fn short(&self) -> String {
        self.commit.to_hex_with_len(12).to_string()
    }
}

/// What merging requests in order onto a commit gave.
#[derive(Debug, Clone)]
pub(super) enum Built {
    /// All of them are in it.
    Candidate(Candidate),
    /// The request at this place does not merge onto what is before it. Whether it merges onto the bare
    /// commit, another call tells.
    Conflict {
        /// The place, counted from 0.
        at: usize,
        /// The files that conflict.
        files: Vec<String>,
    },
}

/// Merges that were made before; making them again would give the same.
#[derive(Debug, Default)]
pub(super) struct Chains {
    /// How they are made now.
    style: Style,
    /// By how they are made, the commit merged onto, and the request's commit and id.
    merges: HashMap<Style, HashMap<(Oid, Oid, String), Merge>>,
    /// What heads have that bases have not.
    ahead: HashMap<(Oid, Oid), Ahead>,
    /// The base for which that was last found out of a head.
    last: HashMap<Oid, Oid>,
    /// What a base has that an older one has not, which is in it; nothing where it is not.
    since: HashMap<(Oid, Oid), Option<HashSet<Oid>>>,
    /// What landed before the last tip that was looked at.
    landed: Option<(Oid, Vec<(Oid, String)>)>,
}

/// What the first requests of a candidate have that its base has not.
#[derive(Debug, Default)]
struct Inside {
    /// How many requests.
    requests: usize,
    commits: HashSet<Oid>,
}

impl Chains {
    /// Makes candidates as the settings have it from now on.
    pub(super) fn follow(&mut self, style: Style) {
        self.style = style;
    }

    /// Returns whether what lands is signed.
    pub(super) fn signs(&self) -> bool {
        self.style.sign
    }

    /// Merges requests in order onto a commit, today's tip or an older one; of none: the commit itself.
    pub(super) fn candidate(
        &mut self,
        repo: &Repo,
        base: Oid,
        requests: &[&Request],
    ) -> Result<Built> {
        let mut candidate = Candidate::bare(repo, base)?;
        let mut inside = Inside::default();
        for (at, request) in requests.iter().enumerate() {
            let head = head_of(repo, request)?;
            let key = (candidate.commit, head, request.id().to_owned());
            let known = self.merges.get(&self.style).and_then(|it| it.get(&key));
            let merge = match known {
                Some(known) => known.clone(),
                None => {
                    self.count(repo, base, &requests[..at], &mut inside)?;
                    let made = self.merge(repo, (base, candidate.commit), request, &inside)?;
                    let merges = self.merges.entry(self.style.clone()).or_default();
                    merges.entry(key).or_insert(made).clone()
                }
            };
            match merge {
                Merge::Clean(commit, tree) => candidate.extend(commit, tree, request),
                Merge::Conflict(files) => return Ok(Built::Conflict { at, files }),
            }
        }
        Ok(Built::Candidate(candidate))
    }

    /// Merges a request onto a commit that holds those before it.
    fn merge(
        &mut self,
        repo: &Repo,
        (base, onto): (Oid, Oid),
        request: &Request,
        inside: &Inside,
    ) -> Result<Merge> {
        let head = head_of(repo, request)?;
        let style = self.style.clone();
        let own = self.ahead(repo, head, base)?;
        // As long as it shares nothing with the requests before it that the base has not, it forks off where
        // it forks off from the base.
        let fork = match own.commits.iter().any(|it| inside.commits.contains(it)) {
            true => repo.ahead(&head, &onto)?.base,
            false => own.base,
        };
        let work = Work {
            repo,
            style: &style,
            request,
            onto,
            head,
            own,
            fork,
        };
        work.apply()
    }

    /// Adds what requests have that the base has not, as far as it was not counted before.
    fn count(
        &mut self,
        repo: &Repo,
        base: Oid,
        requests: &[&Request],
        inside: &mut Inside,
    ) -> Result<()> {
        for request in &requests[inside.requests..] {
            let ahead = self.ahead(repo, head_of(repo, request)?, base)?;
            inside.commits.extend(&ahead.commits);
        }
        inside.requests = requests.len();
        Ok(())
    }

    /// Returns what [`landed_since`] does, as far as it is looked back.
    pub(super) fn landed(&mut self, repo: &Repo, tip: Oid) -> Result<&[(Oid, String)]> {
        let known = self.landed.take().filter(|(of, _)| *of == tip);
        let known = match known {
            Some(known) => known,
            None => (tip, landed_since(repo, &tip, LOOK_BACK)?),
        };
        Ok(&self.landed.insert(known).1)
    }

    /// Looks what requests have that a base has not, as soon as they wait: then they are near each other, and what
    /// is known of later bases follows from it.
    pub(super) fn meet<'a>(
        &mut self,
        repo: &Repo,
        base: Oid,
        requests: impl Iterator<Item = &'a Request>,
    ) -> Result<()> {
        for request in requests {
            let head = head_of(repo, request)?;
            if !self.last.contains_key(&head) {
                self.ahead(repo, head, base)?;
            }
        }
        Ok(())
    }

    fn ahead(&mut self, repo: &Repo, head: Oid, base: Oid) -> Result<&Ahead> {
        if !self.ahead.contains_key(&(head, base)) {
            let ahead = match self.still_ahead(repo, head, base)? {
                Some(known) => known,
                None => repo.ahead(&head, &base)?,
            };
            self.ahead.insert((head, base), ahead);
            self.last.insert(head, base);
        }
        Ok(&self.ahead[&(head, base)])
    }

    /// Returns what a head has that a base has not as it was known of an older base, where nothing of it came into
    /// the base since: then both have the same ancestors in common with the head.
    fn still_ahead(&mut self, repo: &Repo, head: Oid, base: Oid) -> Result<Option<Ahead>> {
        let Some(older) = self.last.get(&head).copied() else {
            return Ok(None);
        };
        let since = match self.since.entry((older, base)) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => {
                let since = repo.ahead(&base, &older)?;
                let is_in = since.base == Some(older);
                new.insert(is_in.then(|| since.commits.into_iter().collect()))
            }
        };
        let known = &self.ahead[&(head, older)];
        let is_same = |since: &&HashSet<Oid>| !known.commits.iter().any(|it| since.contains(it));
        Ok(since.as_ref().filter(is_same).map(|_| known.clone()))
    }
}

fn head_of(repo: &Repo, request: &Request) -> Result<Oid> {
    let head = repo.parse_id(request.head());
    head.ok_or_else(|| Fault::invalid(format!("{} names no commit", request.id())))
}

/// Returns older tips, the newest first, with the request that landed on each: as far back as every commit
/// names one, and at most `max`. Since the tip of one entry its request has landed, then those of the
/// entries before it. It reads what the commits say, which proves nothing.
fn landed_since(repo: &Repo, tip: &Oid, max: usize) -> Result<Vec<(Oid, String)>> {
    let mut landed: Vec<(Oid, String)> = Vec::new();
    let mut at = repo.commit(tip)?;
    while let Some(request) = request_of(&at.message)
        && let Some(onto) = at.parents.first().filter(|it| repo.has(it))
    {
        let full = landed.len() == max;
        match landed.last_mut() {
            // A request may have landed as several commits.
            Some((known, of)) if *of == request => *known = *onto,
            _ if full => break,
            _ => landed.push((*onto, request.to_owned())),
        }
        at = repo.commit(onto)?;
    }
    Ok(landed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::scratch::{Scratch, git};
    use crate::ledger::{CloneId, Stamp};
    use crate::record::Submission;
    use crate::world::Time;

    /// Writes a commit with these files, each in the root.
    fn commit_of(repo: &Repo, parents: &[&str], files: &[(&str, &str)]) -> String {
        let mut listing = String::new();
        for (name, text) in files {
            let blob = git(repo, &["hash-object", "-w", "--stdin"], text);
            listing.push_str(&format!("100644 blob {}\t{name}\n", blob.trim()));
        }
        let tree = git(repo, &["mktree"], &listing);
        let who = ["-c", "user.name=ada", "-c", "user.email=ada@example.org"];
        let parents = parents.iter().flat_map(|it| ["-p", it]);
        let args = ["commit-tree", "-m", "work", tree.trim()];
        let args: Vec<&str> = who.into_iter().chain(args).chain(parents).collect();
        git(repo, &args, "").trim().to_owned()
    }

    fn request(id: &str, head: &str) -> Request {
        let what = Submission {
            branch: id,
            head,
            ..Submission::SAMPLE
        };
        let stamp = Stamp::next(Time(1000), &CloneId::parse("k7f2m3qa").unwrap(), None);
        Request::new(id, &what, &stamp)
    }

    fn built(built: Built) -> Candidate {
        match built {
            Built::Candidate(candidate) => candidate,
            Built::Conflict { at, files } => panic!("conflict at {at}: {files:?}"),
        }
    }

    #[test]
    fn requests_are_merged_onto_any_commit() {
        let scratch = Scratch::new();
        let repo = scratch.open(1);
        let base = commit_of(&repo, &[], &[("base", "")]);
        let tip = repo.parse_id(&base).unwrap();
        let heads = ["one", "two"].map(|it| commit_of(&repo, &[&base], &[("base", ""), (it, it)]));
        let [one, two] =
            [("gt-mr-1", &heads[0]), ("gt-mr-2", &heads[1])].map(|(id, head)| request(id, head));
        let other = request(
            "gt-mr-3",
            &commit_of(&repo, &[&base], &[("base", ""), ("one", "1")]),
        );
        let mut chains = Chains::default();
        let both = built(chains.candidate(&repo, tip, &[&one, &two]).unwrap());
        assert_eq!(both.requests, ["gt-mr-1", "gt-mr-2"]);
        let files = git(
            &repo,
            &["ls-tree", "--name-only", &both.tree.to_string()],
            "",
        );
        assert_eq!(files, "base\none\ntwo\n");
        // Whoever makes it, and whatever has landed meanwhile, it is the same commit.
        let first = built(Chains::default().candidate(&repo, tip, &[&one]).unwrap());
        let later = Chains::default().candidate(&repo, first.commit, &[&two]);
        assert_eq!(built(later.unwrap()).commit, both.commit);
        let bare = built(chains.candidate(&repo, tip, &[]).unwrap());
        assert_eq!((bare.commit, bare.tip), (tip, tip));
        let conflict = chains.candidate(&repo, tip, &[&two, &one, &other]).unwrap();
        assert!(
            matches!(&conflict, Built::Conflict { at: 2, files } if files == &["one"]),
            "{conflict:?}"
        );
        built(chains.candidate(&repo, tip, &[&other]).unwrap());
        let landed = |max| landed_since(&repo, &both.commit, max).unwrap();
        let want = [
            (first.commit, "gt-mr-2".to_owned()),
            (tip, "gt-mr-1".to_owned()),
        ];
        assert_eq!(landed(9), want);
        assert_eq!(landed(1), want[..1]);
    }

    /// What is known of an older tip and taken over is what would be found out anew.
    #[test]
    fn what_was_known_of_an_older_tip_is_no_other_of_a_later_one() {
        let scratch = Scratch::new();
        let repo = scratch.open(1);
        let mut seed = 7_u64;
        let mut below = |limit: usize| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            usize::try_from(seed >> 33).unwrap() % limit
        };
        let mut stream = String::new();
        for mark in 1..=120_usize {
            let recent = |back: usize| mark.saturating_sub(1 + back).max(1);
            let (first, second) = (recent(below(4)), recent(below(20)));
            stream.push_str(&format!(
                "commit refs/heads/b{mark:03}\nmark :{mark}\ncommitter a <a@b> {mark} +0000\ndata 0\n"
            ));
            if mark > 1 {
                stream.push_str(&format!("from :{first}\n"));
                if first != second && below(3) == 0 {
                    stream.push_str(&format!("merge :{second}\n"));
                }
            }
            stream.push('\n');
        }
        git(&repo, &["fast-import", "--quiet", "--force"], &stream);
        let all: Vec<Oid> = repo
            .list_refs("refs/heads/")
            .unwrap()
            .into_iter()
            .map(|it| it.1)
            .collect();
        assert_eq!(all.len(), 120);
        let heads: Vec<Oid> = (0..12).map(|_| all[20 + below(80)]).collect();
        let (mut chains, mut inherited) = (Chains::default(), 0);
        for at in (10..120).step_by(3) {
            let tip = all[at - below(3)];
            repo.learn_ancestry(&heads, &tip).unwrap();
            let anew = scratch.open(2);
            for head in &heads {
                let known = chains.still_ahead(&repo, *head, tip).unwrap();
                inherited += usize::from(known.is_some());
                let mut known = chains.ahead(&repo, *head, tip).unwrap().clone();
                let mut want = anew.ahead(head, &tip).unwrap();
                known.commits.sort();
                want.commits.sort();
                assert_eq!(known, want, "{head} on {tip}");
                let is_in = repo.is_ancestor(head, &tip).unwrap();
                assert_eq!(
                    is_in,
                    anew.is_ancestor(head, &tip).unwrap(),
                    "{head} in {tip}"
                );
            }
        }
        assert!(inherited > 50, "{inherited} were taken over");
    }
}
