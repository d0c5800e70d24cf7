//! Telling a remote of another project from one where a clone of ours was founded apart.

use super::rig::formed_rigs;
use super::{Home, Target};
use crate::fault::{Fault, Result};
use crate::git::Remote;
use crate::ledger::{Oid, Snapshot};
use crate::record::Rig;

/// Returns why the settings of a remote, which have no history in common with ours, are those of another
/// project: no rig is in both, and no branch there has a commit of ours in its history. Where either side
/// has no code there is nothing to tell by.
pub fn stranger(
    home: &Home,
    (remote, target): (&Remote, Option<&Target>),
    (ours, theirs): (&Snapshot<'_>, &Snapshot<'_>),
) -> Result<Option<Fault>> {
    let (here, there) = (formed_rigs(ours)?, formed_rigs(theirs)?);
    let same = |rig: &Rig| {
        let mut others = there.iter();
        others.any(|it| it.name() == rig.name() && it.prefix() == rig.prefix())
    };
    let Some(theirs) = there.first().filter(|_| !here.iter().any(same)) else {
        return Ok(None);
    };
    let repo = home.repo();
    let Some(head) = repo.find_ref("HEAD")? else {
        return Ok(None);
    };
    let tip = match target {
        Some(target) => repo.find_ref(&home.tracking_ref(target, &remote.name))?,
        None => None,
    };
    if let Some(tip) = tip
        && repo.merge_base(&tip, &head)?.is_some()
    {
        return Ok(None);
    }
    let branches = repo.refs_of(remote, &["refs/heads/*"])?;
    let known = |it: &Oid| Some(*it) != tip && repo.has(it);
    if branches.is_empty() || branches.iter().any(|(_, it)| known(it)) {
        return Ok(None);
    }
    Ok(Some(
        Fault::refused(format!(
            "'{}' keeps the ledgers of another project, rig '{}' with ids that begin with {}-; this is \
             rig '{}', and nothing was pushed",
            remote.name,
            theirs.name(),
            theirs.prefix(),
            home.rig().name()
        ))
        .hint(format!(
            "is it the right repository? git remote get-url {}",
            remote.name
        ))
        .hint("to make one of the two for good: git gt sync --allow-unrelated"),
    ))
}
