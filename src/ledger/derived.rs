//! Commits that are made alike wherever they are made.

use super::Stamp;
use crate::fault::Result;
use crate::git::{NewCommit, Oid, Repo, Signature};
use crate::world::Time;

/// Writes a commit that depends on nothing but what it is given: whoever makes it from the same tips makes the
/// same one. Its time is the latest of `tips`.
pub(super) fn derived(
    repo: &Repo,
    tree: Oid,
    (parents, tips): (&[Oid], &[Oid]),
    message: &str,
) -> Result<Oid> {
    let times = tips.iter().map(|tip| Ok(repo.commit(tip)?.seconds));
    let latest = times
        .collect::<Result<Vec<u64>>>()?
        .into_iter()
        .max()
        .unwrap_or_default()
        .min(Stamp::LAST.seconds());
    let who = Signature::with_email("git-gt", "git-gt@gt.invalid");
    repo.write_commit(&NewCommit {
        tree,
        parents,
        author: &who,
        committer: &who,
        time: Time(latest * 1000),
        message,
    })
}
