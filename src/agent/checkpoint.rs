//! Checkpoints: the uncommitted work of an agent, saved under `refs/gt/checkpoints` and put back.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::hook::Hook;
use crate::fault::{Fault, Result};
use crate::git::{Bounds, Cas, Difference, Merged, NewCommit, Oid, Signature, Snapshot};
use crate::ledger::{CloneId, Time};
use crate::record::Request;
use crate::town::Home;
use crate::world::fs;

const FOLDER: &str = "refs/gt/checkpoints/";
/// The file in a worktree's own folder of the git directory that names the last checkpoint it has seen.
const MARK: &str = "gt-checkpoint";

/// Whose work is saved, and where it stands.
#[derive(Debug, Clone)]
pub struct Site {
    /// The agent's address.
    pub agent: String,
    /// The bead on its hook, empty for none.
    pub bead: String,
    /// The epoch of the claim it is done under, 0 for none.
    pub epoch: u64,
    /// The worktree.
    pub path: PathBuf,
}

impl Site {
    /// Returns the site of a hook.
    pub fn of(hook: &Hook) -> Self {
        Self {
            agent: hook.agent.clone(),
            bead: hook.bead.clone(),
            epoch: hook.epoch,
            path: hook.path.clone(),
        }
    }

    /// Returns the site of whoever asks: the hook of this worktree, or else the worktree itself.
    pub fn here(home: &Home, actor: &str) -> Result<Self> {
        match super::mine(home) {
            Ok(hook) => Ok(Self::of(&hook)),
            Err(Fault::NotFound(_)) => {
                let path = home.repo().workdir().ok_or_else(|| {
                    Fault::refused("there is no worktree here")
                        .hint("run it in one: git worktree list shows them")
                })?;
                Ok(Self {
                    agent: actor.to_owned(),
                    bead: String::new(),
                    epoch: 0,
                    path: path.to_owned(),
                })
            }
            Err(fault) => Err(fault),
        }
    }
}

/// Saved work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The ref that keeps it.
    pub name: String,
    /// The commit that holds it.
    pub commit: Oid,
    /// What the worktree held.
    pub tree: Oid,
    /// The commit the worktree stood on.
    pub head: Oid,
    /// The branch it stood on, empty when detached.
    pub branch: String,
    /// Whose work it is.
    pub agent: String,
    /// The bead it was for, empty for none.
    pub bead: String,
    /// The epoch of the claim it was done under, 0 for none.
    pub epoch: u64,
    /// What its writer said about it.
    pub message: String,
    /// What was not saved, with the reason.
    pub left_out: Vec<String>,
    /// When it was saved.
    pub time: Time,
}

/// What saving came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Saved {
    /// There is a new checkpoint.
    New(Checkpoint),
    /// Nothing has changed since this one.
    Same(Checkpoint),
    /// There is nothing to save; what was left out stands here.
    Nothing(Vec<String>),
}

/// Saves the work in a worktree: staged or not, untracked files too, ignored ones not. Nothing new is
/// written where nothing changed since the last time.
///
/// Index, files and stash stay as they are. After a crash the work is saved as a whole or not at all.
pub fn write(home: &Home, site: &Site, message: &str) -> Result<Saved> {
    let repo = home.repo();
    let bytes = home.checkpoint_max()?;
    let bounds = Bounds {
        bytes,
        exclude: &placed,
    };
    let state = repo.snapshot(&site.path, &bounds)?;
    let name = ref_of(home, &site.agent, &site.bead);
    let known = newest(home, &name)?;
    let is_same = |it: &Checkpoint| it.tree == state.tree && it.head == state.head;
    match &known {
        Some(known) if is_same(known) => {
            mark(home, &site.path, &known.commit)?;
            return Ok(Saved::Same(known.clone()));
        }
        None if !has_work(home, &state)? => return Ok(Saved::Nothing(told(&state.left_out))),
        _ => {}
    }
    let commit = commit(home, site, &state, (known.map(|it| it.commit), message))?;
    let guard = repo.guard()?;
    let old = repo.find_ref(&name)?;
    match repo.swap_ref(&guard, &name, old, commit)? {
        Cas::Swapped => {}
        Cas::Moved(_) => return Err(Fault::stale(format!("'{name}' was moved meanwhile"))),
    }
    drop(guard);
    mark(home, &site.path, &commit)?;
    let saved = read(home, &name, commit)?;
    Ok(Saved::New(saved.expect("it was just written")))
}

/// Returns why a file is no work: it was put there for the agent, or keeps secrets.
fn placed(path: &Path) -> Option<&'static str> {
    let name = path.file_name()?.to_str()?;
    // Patterns of it, without the secrets, are work like any other.
    let is_pattern = [".example", ".sample", ".template", ".dist"];
    let is_env = name == ".env"
        || name.starts_with(".env.") && !is_pattern.iter().any(|it| name.ends_with(it));
    let is_ours = path.ends_with(".claude/settings.local.json");
    (is_env || is_ours).then_some("a file of this machine")
}

fn told(left_out: &[(String, String)]) -> Vec<String> {
    left_out
        .iter()
        .map(|(path, why)| format!("{path}: {why}").escape_debug().to_string())
        .collect()
}

/// Returns whether a worktree holds anything that is not kept elsewhere: changes, or commits that are
/// neither on the target nor queued.
fn has_work(home: &Home, state: &Snapshot) -> Result<bool> {
    let repo = home.repo();
    if repo.commit(&state.head)?.tree != state.tree {
        return Ok(true);
    }
    let head = state.head.to_string();
    let is_queued = |it: &Request| it.head() == head;
    let tip = home
        .target(None)
        .and_then(|target| home.known_tip(&target))
        .unwrap_or_default();
    let landed = match tip {
        Some(tip) => repo.is_ancestor(&state.head, &tip)?,
        None => true,
    };
    Ok(!landed && !home.view().requests_of(&head)?.iter().any(is_queued))
}

fn commit(
    home: &Home,
    site: &Site,
    state: &Snapshot,
    (previous, said): (Option<Oid>, &str),
) -> Result<Oid> {
    let clone = CloneId::of(home.repo())?;
    let parents: Vec<Oid> = [state.head].into_iter().chain(previous).collect();
    let mut message = format!("checkpoint of {}", site.agent);
    if !site.bead.is_empty() {
        message.push_str(&format!(" on {}", site.bead));
    }
    message.push_str("\n\n");
    if !said.trim().is_empty() {
        message.push_str(&format!("{}\n\n", said.trim()));
    }
    let mut trailers = vec![("Gt-Agent", site.agent.clone())];
    trailers.push(("Gt-Bead", site.bead.clone()));
    trailers.push(("Gt-Branch", state.branch.clone()));
    if site.epoch > 0 {
        trailers.push(("Gt-Epoch", site.epoch.to_string()));
    }
    let left = told(&state.left_out);
    trailers.extend(left.into_iter().map(|it| ("Gt-Left-Out", it)));
    for (key, value) in trailers.iter().filter(|(_, value)| !value.is_empty()) {
        message.push_str(&format!("{key}: {value}\n"));
    }
    home.repo().write_commit(&NewCommit {
        tree: state.tree,
        parents: &parents,
        author: &Signature::of(&site.agent),
        committer: &Signature::of(clone.as_str()),
        time: home.world().now(),
        message: &message,
    })
}

/// Returns the ref of an agent's checkpoints on a bead.
fn ref_of(home: &Home, agent: &str, bead: &str) -> String {
    let name = format!("{agent} {bead}");
    format!("{FOLDER}{}", home.repo().name_hash(name.trim_end()))
}

/// Returns where the checkpoints of the remote we sync with are kept, nothing where there is none.
fn tracking(home: &Home) -> Option<String> {
    let remote = home.default_remote()?;
    Some(tracking_of(home, &remote))
}

fn tracking_of(home: &Home, remote: &str) -> String {
    format!(
        "refs/gt-remote/{}/checkpoints/",
        home.repo().name_hash(remote)
    )
}

/// Returns the last checkpoint under a ref: ours, or the one of another clone that goes on from it.
fn newest(home: &Home, name: &str) -> Result<Option<Checkpoint>> {
    let repo = home.repo();
    let ours = repo.find_ref(name)?;
    let theirs = match tracking(home) {
        Some(folder) => repo.find_ref(&name.replacen(FOLDER, &folder, 1))?,
        None => None,
    };
    let tip = match (ours, theirs) {
        (Some(ours), Some(theirs)) if repo.is_ancestor(&ours, &theirs)? => Some(theirs),
        (ours, theirs) => ours.or(theirs),
    };
    match tip {
        Some(tip) => read(home, name, tip),
        None => Ok(None),
    }
}

/// Returns the checkpoint a commit is, nothing where it is none.
fn read(home: &Home, name: &str, id: Oid) -> Result<Option<Checkpoint>> {
    let repo = home.repo();
    let Some(id) = repo.commit_at(&id)? else {
        return Ok(None);
    };
    let commit = repo.commit(&id)?;
    let (body, trailers) = commit
        .message
        .trim_end()
        .rsplit_once("\n\n")
        .unwrap_or((&commit.message, ""));
    let all = |key: &str| -> Vec<String> {
        let mark = format!("{key}: ");
        let values = trailers.lines().filter_map(|it| it.strip_prefix(&mark));
        values.map(str::to_owned).collect()
    };
    let first = |key: &str| all(key).into_iter().next().unwrap_or_default();
    let (agent, head) = (first("Gt-Agent"), commit.parents.first());
    let (false, Some(head)) = (agent.is_empty(), head) else {
        return Ok(None);
    };
    let message = body.split_once("\n\n").map_or("", |(_, said)| said);
    Ok(Some(Checkpoint {
        name: name.to_owned(),
        commit: id,
        tree: commit.tree,
        head: *head,
        branch: first("Gt-Branch"),
        agent,
        bead: first("Gt-Bead"),
        epoch: first("Gt-Epoch").parse().unwrap_or_default(),
        message: message.to_owned(),
        left_out: all("Gt-Left-Out"),
        time: Time(commit.seconds * 1000),
    }))
}

/// Returns the last checkpoint of an agent on a bead, here or fetched.
pub fn find(home: &Home, agent: &str, bead: &str) -> Result<Option<Checkpoint>> {
    newest(home, &ref_of(home, agent, bead))
}

/// Returns the last checkpoint of whoever worked on a bead, an agent's own before anybody else's.
pub fn find_for(home: &Home, agent: &str, bead: &str) -> Result<Option<Checkpoint>> {
    if let Some(own) = find(home, agent, bead)? {
        return Ok(Some(own));
    }
    let mut others = all(home)?;
    others.retain(|it| !bead.is_empty() && it.bead == bead);
    Ok(others.into_iter().next())
}

/// Returns all checkpoints, here or fetched, the newest first; what cannot be read is left out.
pub fn all(home: &Home) -> Result<Vec<Checkpoint>> {
    let mut names = BTreeSet::new();
    for folder in [Some(FOLDER.to_owned()), tracking(home)].iter().flatten() {
        let refs = home.repo().list_refs(folder)?;
        names.extend(
            refs.iter()
                .map(|(name, _)| name.replacen(folder, FOLDER, 1)),
        );
    }
    let mut found: Vec<Checkpoint> = names
        .iter()
        .filter_map(|name| newest(home, name).ok().flatten())
        .collect();
    found.sort_by(|a, b| b.time.cmp(&a.time).then_with(|| a.name.cmp(&b.name)));
    Ok(found)
}

/// Returns the checkpoint that was meant: by the agent's address or its last part, by a ref or a commit.
pub fn resolve(home: &Home, typed: &str) -> Result<Checkpoint> {
    let known = all(home)?;
    let ends = format!("/{typed}");
    let fits = |it: &&Checkpoint| {
        it.agent == typed || it.agent.ends_with(&ends) || it.bead == typed || it.name == typed
    };
    if let Some(found) = known.iter().find(fits) {
        return Ok(found.clone());
    }
    let commit = home
        .repo()
        .list_refs(FOLDER)?
        .into_iter()
        .find(|(name, _)| name.ends_with(&ends))
        .map(|(_, id)| id)
        .or_else(|| home.repo().parse_id(typed));
    let found = match commit.filter(|id| home.repo().has(id)) {
        Some(id) => read(home, typed, id)?,
        None => None,
    };
    found.ok_or_else(|| {
        let agents: Vec<&str> = known.iter().map(|it| it.agent.as_str()).collect();
        let hint = match agents[..] {
            [] => "git gt checkpoint write makes one".to_owned(),
            _ => format!("there are some of {}", agents.join(", ")),
        };
        Fault::not_found(format!("there is no checkpoint of '{typed}'")).hint(hint)
    })
}

/// Returns how the saved work differs from the commit it stood on.
pub fn changes(home: &Home, saved: &Checkpoint) -> Result<Vec<Difference>> {
    let head = home.repo().commit(&saved.head)?.tree;
    home.repo().differences(&head, &saved.tree)
}

/// Brings saved work back into a worktree, as uncommitted changes; returns the files that were changed.
/// A branch that has lost the commits below the work moves forward to them first, where it is an agent's or
/// the work was done on it; never the one that work lands on.
///
/// Refuses, and changes nothing, over changes that are not the checkpoint's own, and where the work does
/// not fit onto what the worktree stands on. After a crash the same call does the rest.
pub fn restore(home: &Home, saved: &Checkpoint, path: &Path) -> Result<Vec<PathBuf>> {
    let repo = home.repo();
    let everything = Bounds {
        bytes: u64::MAX,
        exclude: &|_| None,
    };
    let now = repo.snapshot(path, &everything)?;
    let behind = now.head != saved.head && repo.is_ancestor(&now.head, &saved.head)?;
    let forward = behind && may_move(home, &now.branch, saved);
    let wanted = if forward || now.head == saved.head {
        saved.tree
    } else {
        match repo.merge_trees(None, (&now.head, &saved.commit))? {
            Merged::Clean(tree) => tree,
            Merged::Conflict(files) => return Err(does_not_fit(saved, &files)),
        }
    };
    let base = repo.commit(&now.head)?.tree;
    let local = repo.differences(&base, &now.tree)?;
    let todo = repo.differences(&now.tree, &wanted)?;
    let clash = |it: &&Difference| forward || todo.iter().any(|other| other.path == it.path);
    let clashing = local.iter().filter(clash).map(|it| it.path.clone());
    let in_the_way: Vec<String> = clashing
        .chain(hidden(path, &todo))
        .take(10)
        .map(|path| path.display().to_string())
        .collect();
    if !in_the_way.is_empty() {
        return Err(Fault::refused(format!(
            "there are changes here that restoring would overwrite: {}",
            in_the_way.join(", ")
        ))
        .hint("commit them or put them aside first: git stash --include-untracked"));
    }
    if forward {
        repo.fast_forward(path, &saved.head)?;
    }
    if !todo.is_empty() {
        repo.put_tree(path, &wanted)?;
    }
    mark(home, path, &saved.commit)?;
    Ok(todo.into_iter().map(|it| it.path).collect())
}

/// Returns whether restoring may move a branch forward.
fn may_move(home: &Home, branch: &str, saved: &Checkpoint) -> bool {
    let is_own = branch.starts_with("gt/") || branch == saved.branch;
    let lands = home.target(None).is_ok_and(|it| it.branch == branch);
    is_own && !branch.is_empty() && !lands
}

/// Returns what stands in a worktree, unknown to git, where files are to be added.
fn hidden(worktree: &Path, todo: &[Difference]) -> Vec<PathBuf> {
    let with = |how| todo.iter().filter(move |it: &&Difference| it.how == how);
    let gone: BTreeSet<&Path> = with('D').map(|it| it.path.as_path()).collect();
    let mut found = Vec::new();
    for added in with('A') {
        // A folder is to stand where a file stands, or the other way round.
        let above = added.path.ancestors().skip(1);
        let file = above.filter(|it| !it.as_os_str().is_empty()).find(|it| {
            let there = worktree.join(it).symlink_metadata();
            there.is_ok_and(|it| !it.is_dir())
        });
        match file {
            Some(file) => found.push(file.to_owned()),
            None => files_at(worktree, &added.path, &mut found),
        }
    }
    found.retain(|path| !gone.contains(path.as_path()));
    found.dedup();
    found
}

/// Adds the file at a path, or every file in the folder at it.
fn files_at(worktree: &Path, path: &Path, found: &mut Vec<PathBuf>) {
    let whole = worktree.join(path);
    match whole.symlink_metadata() {
        Ok(there) if there.is_dir() => {
            let entries = std::fs::read_dir(&whole).into_iter().flatten().flatten();
            entries.for_each(|it| files_at(worktree, &path.join(it.file_name()), found));
        }
        Ok(_) => found.push(path.to_owned()),
        Err(_) => {}
    }
}

fn does_not_fit(saved: &Checkpoint, files: &[String]) -> Fault {
    let short = |id: &Oid| id.to_hex_with_len(12).to_string();
    Fault::refused(format!(
        "the saved work does not fit here: {} conflict{}",
        files.join(", "),
        if files.len() == 1 { "s" } else { "" }
    ))
    .hint(format!(
        "restore it where it was made: git switch --detach {}",
        short(&saved.head)
    ))
    .hint(format!(
        "or take what you need: git diff {} {}",
        short(&saved.head),
        short(&saved.commit)
    ))
}

/// Brings the last checkpoint of a hook back into its worktree that was made anew; a worktree that has
/// seen a checkpoint is left as its agent left it. Work of an earlier claim may be what was rejected, so
/// only who asks for it gets that. Returns what was restored.
///
/// After a crash the next call does the rest.
pub fn carry_over(home: &Home, hook: &Hook) -> Result<Option<Checkpoint>> {
    if mark_file(home, &hook.path).is_none_or(|file| file.exists()) {
        return Ok(None);
    }
    // What was fetched is brought back by whoever asks for it and by nobody else.
    let name = ref_of(home, &hook.agent, &hook.bead);
    let own = match home.repo().find_ref(&name)? {
        Some(tip) => read(home, &name, tip)?,
        None => None,
    };
    let Some(saved) = own.filter(|it| it.epoch == hook.epoch) else {
        return Ok(None);
    };
    restore(home, &saved, &hook.path)?;
    Ok(Some(saved))
}

fn mark_file(home: &Home, worktree: &Path) -> Option<PathBuf> {
    let repo = home.repo();
    match repo.private_dir(worktree) {
        Some(dir) => Some(dir.join(MARK)),
        None => Some(repo.scratch_dir().join(MARK)).filter(|_| worktree.join(".git").is_dir()),
    }
}

/// Returns whether a checkpoint was made or restored in the worktree we are in.
pub fn is_seen(home: &Home, saved: &Checkpoint) -> bool {
    let file = home.repo().workdir().and_then(|it| mark_file(home, it));
    let seen = file.and_then(|file| std::fs::read_to_string(file).ok());
    let seen = seen.and_then(|seen| home.repo().parse_id(seen.trim()));
    seen == Some(saved.commit)
}

/// Notes in a worktree's own folder which checkpoint it has seen, so that it is restored there only once.
fn mark(home: &Home, worktree: &Path, commit: &Oid) -> Result<()> {
    let Some(file) = mark_file(home, worktree) else {
        return Ok(());
    };
    fs::replace(&file, format!("{commit}\n").as_bytes())
        .map_err(|error| Fault::io("write", &file, &error))
}

/// Puts the checkpoints of closed beads into the attic and removes their refs.
///
/// After a crash some are there and some still here; the next call does the rest.
pub fn tidy(home: &Home) -> Result<()> {
    let repo = home.repo();
    for (name, tip) in repo.list_refs(FOLDER)? {
        let Some(saved) = read(home, &name, tip)? else {
            continue;
        };
        if is_over(home, &saved)? {
            let clone = CloneId::of(repo)?;
            let why = format!("checkpoint of {} on {}", saved.agent, saved.bead);
            repo.retire_ref(&repo.guard()?, clone.as_str(), &name, &why)?;
        }
    }
    Ok(())
}

fn is_over(home: &Home, saved: &Checkpoint) -> Result<bool> {
    if saved.bead.is_empty() {
        return Ok(false);
    }
    let bead = home.view().readable_bead(&saved.bead)?;
    Ok(bead.is_some_and(|bead| bead.is_closed() || bead.is_deleted()))
}

/// Returns the refs of checkpoints that are not pushed to a remote: those of closed beads, or all, where
/// the settings or the remote have no place for them.
pub fn kept_here(home: &Home, pushed: bool) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for (name, tip) in home.repo().list_refs(FOLDER)? {
        let over = match read(home, &name, tip)? {
            Some(saved) => is_over(home, &saved)?,
            None => true,
        };
        if !pushed || over {
            names.push(name);
        }
    }
    Ok(names)
}

/// Returns whether checkpoints are pushed to a remote: as `gt.checkpoint.push` says, by default to one
/// that has our ledgers already.
pub fn is_pushed(home: &Home, remote: &str) -> Result<bool> {
    let repo = home.repo();
    match home.checkpoint_push()? {
        Some(said) => Ok(said),
        None => {
            let folder = format!("refs/gt-remote/{}/", repo.name_hash(remote));
            Ok(repo.find_ref(&format!("{folder}beads"))?.is_some())
        }
    }
}

/// Returns the refs of checkpoints on a remote that may go there: their beads are closed, and this clone's
/// attic keeps them.
pub fn obsolete(home: &Home, remote: &str) -> Result<Vec<String>> {
    let repo = home.repo();
    let folder = tracking_of(home, remote);
    let there = repo.list_refs(&folder)?;
    if there.is_empty() {
        return Ok(Vec::new());
    }
    let Some(clone) = CloneId::known(repo) else {
        return Ok(Vec::new());
    };
    let attic = repo.list_refs(&format!("refs/gt/attic/{clone}/"))?;
    let mut names = Vec::new();
    for (name, tip) in there {
        let over = match read(home, &name, tip)? {
            Some(saved) => is_over(home, &saved)?,
            None => false,
        };
        if !over {
            continue;
        }
        for (_, keeper) in &attic {
            if repo.is_ancestor(&tip, keeper)? {
                names.push(name.replacen(&folder, FOLDER, 1));
                break;
            }
        }
    }
    Ok(names)
}
