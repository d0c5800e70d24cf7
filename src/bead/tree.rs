//! What a bead depends on, and what that depends on, and so on; or what depends on it.

use std::collections::HashSet;

use super::beads::{Graph, targets};
use crate::fault::Result;
use crate::record::BeadRow;

/// Which tree is wanted.
#[derive(Debug, Clone, Copy)]
pub struct Reach {
    /// Whether it shows what depends on a bead instead of what that depends on.
    pub up: bool,
    /// How deep it is, at most.
    pub depth_max: usize,
    /// Whether what several paths lead to stands at the end of each of them.
    pub all_paths: bool,
}

/// A bead in a tree.
#[derive(Debug, Clone)]
pub struct Branch<'g> {
    /// The bead.
    pub bead: BeadRow<'g>,
    /// How many beads it is below.
    pub depth: usize,
    /// The place in the tree of the one it is below.
    pub below: Option<usize>,
    /// The type of the edge from there, empty for the first bead.
    pub kind: String,
    /// Whether more would stand below it.
    pub is_cut: bool,
    /// Whether it stands further up already, with what is below it, or is above itself.
    pub is_repeated: bool,
}

/// The greatest size of a tree in which beads stand at the end of every path: there may be more paths than
/// anybody can count.
const SIZE_MAX: usize = 100_000;

/// Returns a bead with what it depends on, depth first, without edges that lead both ways. What stands above
/// itself is cut.
pub fn tree<'g>(
    graph: &'g dyn Graph,
    root: BeadRow<'g>,
    wanted: &Reach,
) -> Result<Vec<Branch<'g>>> {
    let mut found: Vec<Branch<'g>> = Vec::new();
    let mut seen = HashSet::new();
    let mut next = vec![(root, None, String::new())];
    while let Some((bead, below, kind)) = next.pop() {
        let depth = below.map_or(0, |at: usize| found[at].depth + 1);
        let was_seen = !seen.insert(bead.id().to_owned());
        let is_repeated = if wanted.all_paths {
            is_above(&found, below, bead.id())
        } else {
            was_seen
        };
        let is_full = wanted.all_paths && found.len() >= SIZE_MAX;
        let leads_to = match is_repeated {
            true => Vec::new(),
            false => around(graph, &bead, wanted.up)?,
        };
        let is_cut = !leads_to.is_empty() && (depth >= wanted.depth_max || is_full);
        if !is_cut {
            let at = Some(found.len());
            let below = leads_to.into_iter().rev();
            next.extend(below.map(|(bead, kind)| (bead, at, kind)));
        }
        found.push(Branch {
            bead,
            depth,
            below,
            kind,
            is_cut,
            is_repeated,
        });
    }
    Ok(found)
}

/// Returns whether a bead is the one at a place in a tree, or above that.
fn is_above(found: &[Branch<'_>], mut place: Option<usize>, id: &str) -> bool {
    while let Some(at) = place {
        if found[at].bead.id() == id {
            return true;
        }
        place = found[at].below;
    }
    false
}

/// Returns what is next to a bead, in the order of lists.
fn around<'g>(
    graph: &'g dyn Graph,
    bead: &BeadRow<'_>,
    up: bool,
) -> Result<Vec<(BeadRow<'g>, String)>> {
    let mut found = Vec::new();
    if up {
        found = graph.dependents(bead.id())?;
    } else {
        for (target, kind) in targets(bead) {
            let target = graph.find(target)?;
            found.extend(target.map(|row| (row, kind.to_owned())));
        }
    }
    found.retain(|(_, kind)| kind != "relates-to");
    found.sort_by(|(a, _), (b, _)| a.place().cmp(&b.place()));
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bead::Given;
    use crate::ledger::Stamp;
    use crate::record::Bead;

    /// Beads are written `a>b,c`; a branch comes out as its depth and name, `+` where it is cut, `*` where it
    /// stands elsewhere.
    #[track_caller]
    fn check(beads: &str, wanted: &Reach, root: &str, want: &str) {
        let stamp = Stamp::zero();
        let bead = |word: &str| {
            let (id, to) = word.split_once('>').unwrap_or((word, ""));
            let mut bead = Bead::new(id, "t", &stamp);
            for target in to.split(',').filter(|it| !it.is_empty()) {
                bead.record_mut()
                    .set_entry("deps", target, Some("blocks".into()), &stamp);
            }
            bead
        };
        let given = Given(beads.split(' ').map(bead).collect());
        let root = given.find(root).unwrap().unwrap();
        let found = tree(&given, root, wanted).unwrap();
        let branch = |it: &Branch<'_>| {
            let (cut, repeated) = (
                if it.is_cut { "+" } else { "" },
                if it.is_repeated { "*" } else { "" },
            );
            format!("{}{}{cut}{repeated}", it.depth, it.bead.id())
        };
        let got: Vec<String> = found.iter().map(branch).collect();
        assert_eq!(got.join(" "), want);
    }

    const DOWN: Reach = Reach {
        up: false,
        depth_max: 50,
        all_paths: false,
    };

    #[test]
    fn diamonds_and_circles_are_cut() {
        let diamond = "a>b,c b>d c>d d>e e";
        check(diamond, &DOWN, "a", "0a 1b 2d 3e 1c 2d*");
        check(
            diamond,
            &Reach {
                all_paths: true,
                ..DOWN
            },
            "a",
            "0a 1b 2d 3e 1c 2d 3e",
        );
        check(diamond, &Reach { up: true, ..DOWN }, "d", "0d 1b 2a 1c 2a*");
        check(
            diamond,
            &Reach {
                depth_max: 1,
                ..DOWN
            },
            "a",
            "0a 1b+ 1c+",
        );
        check("a>b b>a", &DOWN, "a", "0a 1b 2a*");
        check(
            "a>b b>a",
            &Reach {
                all_paths: true,
                ..DOWN
            },
            "a",
            "0a 1b 2a*",
        );
        check("a>gone", &DOWN, "a", "0a");
    }
}
