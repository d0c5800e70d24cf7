//! What a result is found by, next to the definition of its gate: all that could change what the gate says.
//!
//! | the gate | the key |
//! |---|---|
//! | says no more | the tree, as ever |
//! | has inputs | `inputs-` and a hash of the ids of those paths: what changes none of them has a result already |
//! | looks at commits | `commit-` and the commit |
//! | is passed variables | one of these, `-env-`, and a hash of their names and values |

use super::candidate::Candidate;
use crate::fault::Result;
use crate::git::{Oid, Repo};
use crate::ledger::digest;
use crate::record::{Gate, RunResult, Scope, Variable};
use crate::town::Home;
use crate::world::World;

/// Returns the key of a gate's results on a candidate, run as it would be run here.
pub(super) fn of(repo: &Repo, gate: &Gate, candidate: &Candidate) -> Result<String> {
    let inputs = gate.inputs();
    let mut key = match gate.scope() {
        Scope::Commit => format!("commit-{}", candidate.commit),
        Scope::Tree if inputs.is_empty() => candidate.tree.to_string(),
        Scope::Tree => format!("inputs-{}", of_inputs(repo, &candidate.tree, &inputs)?),
    };
    if let Some(passed) = of_passed(repo.world(), gate) {
        key.push_str("-env-");
        key.push_str(&passed);
    }
    Ok(key)
}

/// Returns the ids of the results that today's gates have on a commit, where it can be read.
pub fn result_ids(home: &Home, commit: &str) -> Result<Vec<String>> {
    let repo = home.repo();
    let Some(commit) = repo.parse_id(commit).filter(|id| repo.has(id)) else {
        return Ok(Vec::new());
    };
    let candidate = Candidate::bare(repo, commit)?;
    let gates = home.view().gates()?.into_iter();
    let id = |gate: Gate| {
        let key = of(repo, &gate, &candidate)?;
        Ok(RunResult::id_of(&key, &gate.definition()))
    };
    gates.map(id).collect()
}

/// Returns a hash of what stands at paths of a tree; that nothing does is a state like any other.
fn of_inputs(repo: &Repo, tree: &Oid, paths: &[String]) -> Result<String> {
    let mut said = Vec::new();
    for path in paths {
        said.push(path.clone());
        said.push(match at(repo, tree, path)? {
            Some(entry) => entry,
            None => "nothing".to_owned(),
        });
    }
    let parts: Vec<&[u8]> = said.iter().map(String::as_bytes).collect();
    Ok(digest(&parts))
}

/// Returns whether something stands at a path of a tree.
pub(super) fn is_there(repo: &Repo, tree: &Oid, path: &str) -> Result<bool> {
    Ok(at(repo, tree, path)?.is_some())
}

fn at(repo: &Repo, tree: &Oid, path: &str) -> Result<Option<String>> {
    use crate::git::Mode;
    let (mut id, mut mode) = (*tree, Mode::Tree);
    for name in path.split('/').filter(|it| !it.is_empty() && *it != ".") {
        if mode != Mode::Tree {
            return Ok(None);
        }
        let Some(entry) = repo.entry(&id, name.as_bytes())? else {
            return Ok(None);
        };
        (id, mode) = (entry.id, entry.mode);
    }
    let mode = match mode {
        Mode::Tree => "tree",
        Mode::File => "file",
        Mode::Other => "other",
    };
    Ok(Some(format!("{mode} {id}")))
}

/// Returns a hash of the variables that are passed to a gate here, nothing where none is.
fn of_passed(world: &World, gate: &Gate) -> Option<String> {
    let mut said = Vec::new();
    for (name, variable) in gate.environment() {
        if variable == Variable::Passed {
            let value = world.vars().get(&name);
            let value = value.map_or_else(|| "unset".to_owned(), |value| format!("={value}"));
            said.extend([name, value]);
        }
    }
    let parts: Vec<&[u8]> = said.iter().map(String::as_bytes).collect();
    (!parts.is_empty()).then(|| digest(&parts))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::ledger::Stamp;
    use crate::ledger::scratch::{Scratch, git};

    #[test]
    fn a_key_holds_what_the_gate_looks_at() {
        let scratch = Scratch::new();
        let repo = scratch.open(1);
        let tree_of = |files: &[(&str, &str)]| {
            let listed = files.iter().map(|(path, text)| {
                let blob = git(&repo, &["hash-object", "-w", "--stdin"], text);
                let (kind, mode) = match text.starts_with("100") {
                    true => ("tree", "040000"),
                    false => ("blob", "100644"),
                };
                let id = match kind {
                    "tree" => git(&repo, &["mktree"], text),
                    _ => blob,
                };
                format!("{mode} {kind} {}\t{path}\n", id.trim())
            });
            let listed: String = listed.collect();
            repo.parse_id(git(&repo, &["mktree"], &listed).trim())
                .unwrap()
        };
        let gate = |fields: &[(&str, serde_json::Value)]| {
            let mut record = Gate::new("test").record().clone();
            for (field, value) in fields {
                record.set(field, Some(value.clone()), &Stamp::zero());
            }
            Gate::of(record).expect("it is a gate")
        };
        let of = |repo: &Repo, gate: &Gate, tree: Oid, commit: Oid| {
            let candidate = Candidate {
                commit,
                tree,
                tip: commit,
                requests: Vec::new(),
                since: None,
                screens: false,
            };
            super::of(repo, gate, &candidate).unwrap()
        };
        let blob = git(&repo, &["hash-object", "-w", "--stdin"], "code");
        let sub = format!("100644 blob {}\tmain.rs\n", blob.trim());
        let one = tree_of(&[("docs", "old"), ("src", &sub)]);
        let docs = tree_of(&[("docs", "new"), ("src", &sub)]);
        let code = tree_of(&[("docs", "old"), ("src", "no folder")]);
        let plain = gate(&[]);
        assert_eq!(of(&repo, &plain, one, one), one.to_string());
        let key =
            |inputs: serde_json::Value, tree| of(&repo, &gate(&[("inputs", inputs)]), tree, tree);
        for (inputs, same) in [
            (json!({ "src": true }), [true, false]),
            (json!({ "src/main.rs": true }), [true, false]),
            (json!({ "src/": true, "docs": true }), [false, false]),
            (json!({ "gone": true }), [true, true]),
            (json!({ "docs/in": true }), [true, true]),
            (json!({ ".": true }), [false, false]),
        ] {
            let keys = [docs, code].map(|it| key(inputs.clone(), it));
            let found = keys.map(|it| it == key(inputs.clone(), one));
            assert_eq!(found, same, "{inputs}");
        }
        assert_ne!(
            key(json!({ "a": true }), one),
            key(json!({ "b": true }), one)
        );
        let lint = gate(&[("by", "commit".into())]);
        assert_eq!(of(&repo, &lint, one, docs), format!("commit-{docs}"));
        // A secret, and what the definition sets, are in no key; what is passed is with its value.
        let env = json!({ "A": true, "S": "secret", "V": { "value": "1" } });
        let passed = gate(&[("env", env)]);
        let world = |set: &[(&str, &str)]| {
            let world = repo.world().with_env(set, &[]);
            let repo = Repo::open(&world, scratch.dir()).unwrap();
            of(&repo, &passed, one, one)
        };
        let unset = world(&[]);
        assert!(unset.starts_with(&format!("{one}-env-")), "{unset}");
        assert_eq!(unset, world(&[("S", "token"), ("V", "2"), ("B", "b")]));
        assert_ne!(unset, world(&[("A", "")]));
        assert_ne!(world(&[("A", "1")]), world(&[("A", "2")]));
    }
}
