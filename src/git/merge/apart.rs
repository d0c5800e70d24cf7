//! Merges of changes that stay apart, made from trees alone: what most merges of a queue are.
//!
//! A path that one side alone has changed is merged as git does it, whoever does it: there is no content to
//! be merged, so no attribute, no driver and no setting has a say. A rename is such a change of two paths,
//! as long as the other side has touched neither. What is left is a folder that is gone on one side and has
//! got files on the other, which git may take to where the folder went. All else is left to git.

use std::cmp::Ordering;

use gix::objs::{Kind, TreeRefIter};

use crate::fault::Result;
use crate::git::{Oid, Repo};

/// How deep folders are followed; whoever nests deeper has git look.
const DEPTH_MAX: usize = 200;

/// The modes git writes.
const MODES: [u16; 5] = [FOLDER, 0o100_644, 0o100_755, 0o120_000, 0o160_000];
const FOLDER: u16 = 0o040_000;

/// One entry of a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Item<'t> {
    mode: u16,
    name: &'t [u8],
    id: &'t gix::oid,
}

impl Item<'_> {
    fn is_folder(&self) -> bool {
        self.mode == FOLDER
    }

    /// Compares names as git does: a folder's as if it ended in a slash.
    fn order(&self, other: &Self) -> Ordering {
        let bytes = |it: &Self| {
            let slash: &[u8] = if it.is_folder() { b"/" } else { b"" };
            it.name.iter().copied().chain(slash.iter().copied())
        };
        // Nearly all differ before it matters.
        let common = self.name.len().min(other.name.len());
        match self.name[..common].cmp(&other.name[..common]) {
            Ordering::Equal => bytes(self).cmp(bytes(other)),
            differ => differ,
        }
    }
}

/// What becomes of a name.
#[derive(Debug, PartialEq, Eq)]
enum Fate<'t> {
    /// It stands as one side has it, or is gone.
    As(Option<Item<'t>>),
    /// Both have changed something in this folder.
    Within,
    /// Git has to look.
    Open,
}

impl Repo {
    /// Returns the tree that the changes from `base` to `ours` and to `theirs` give together, nothing where
    /// they do not stay apart.
    pub(super) fn merge_apart(&self, base: &Oid, ours: &Oid, theirs: &Oid) -> Result<Option<Oid>> {
        let trees = [Some(*base), Some(*ours), Some(*theirs)];
        match self.merge_folders(trees, 0)? {
            Some(None) => self.empty_tree().map(Some),
            merged => Ok(merged.flatten()),
        }
    }

    /// Merges folders, base, ours and theirs: a tree, or none where nothing is left in it; nothing where git
    /// has to look.
    fn merge_folders(&self, trees: [Option<Oid>; 3], depth: usize) -> Result<Option<Option<Oid>>> {
        let mut bytes = [Vec::new(), Vec::new(), Vec::new()];
        for (bytes, tree) in bytes.iter_mut().zip(&trees) {
            if let Some(tree) = tree {
                *bytes = self.read(tree, Kind::Tree)?;
            }
        }
        let [base, ours, theirs] = bytes.each_ref().map(|it| self.items(it));
        let (Some(base), Some(ours), Some(theirs)) = (base, ours, theirs) else {
            return Ok(None);
        };
        // Ids of folders that were merged live as long as the list.
        let mut within: Vec<(usize, Oid)> = Vec::new();
        let mut merged: Vec<Item<'_>> = Vec::with_capacity(ours.len().max(theirs.len()));
        for row in Rows([&base, &ours, &theirs]) {
            let is_new = row[0].is_none();
            if is_new
                && row
                    .iter()
                    .flatten()
                    .any(|it| in_other_guise(it, [&base, &ours, &theirs]))
            {
                return Ok(None);
            }
            match fate(row) {
                Fate::As(item) => merged.extend(item),
                Fate::Within if depth < DEPTH_MAX => {
                    let trees = row.map(|it| it.map(|it| it.id.to_owned()));
                    match self.merge_folders(trees, depth + 1)? {
                        None => return Ok(None),
                        Some(None) => {}
                        Some(Some(tree)) => {
                            within.push((merged.len(), tree));
                            merged.extend(row[1]);
                        }
                    }
                }
                Fate::Within | Fate::Open => return Ok(None),
            }
        }
        for (at, tree) in &within {
            merged[*at].id = tree;
        }
        self.written(&merged, [(trees[1], &ours), (trees[2], &theirs)])
    }

    /// Writes a folder; one that a side has already is not written again.
    fn written(
        &self,
        merged: &[Item<'_>],
        sides: [(Option<Oid>, &Vec<Item<'_>>); 2],
    ) -> Result<Option<Option<Oid>>> {
        if merged.is_empty() {
            return Ok(Some(None));
        }
        if let Some((tree, _)) = sides.into_iter().find(|(_, items)| *items == merged) {
            return Ok(Some(tree));
        }
        // Git writes old modes such as 100664 anew.
        if !merged.iter().all(|it| MODES.contains(&it.mode)) {
            return Ok(None);
        }
        let mut bytes = Vec::with_capacity(merged.len() * 48);
        for item in merged {
            bytes.extend_from_slice(format!("{:o} ", item.mode).as_bytes());
            bytes.extend_from_slice(item.name);
            bytes.push(0);
            bytes.extend_from_slice(item.id.as_bytes());
        }
        self.write(Kind::Tree, &bytes).map(|tree| Some(Some(tree)))
    }

    /// Returns the entries of a tree, nothing where it is not one that git would write.
    fn items<'t>(&self, bytes: &'t [u8]) -> Option<Vec<Item<'t>>> {
        let entries = TreeRefIter::from_bytes(bytes, self.gix.object_hash());
        let item = |entry: gix::objs::tree::EntryRef<'t>| Item {
            mode: entry.mode.value(),
            name: entry.filename,
            id: entry.oid,
        };
        let items: Vec<Item<'t>> = entries
            .map(|entry| entry.ok().map(item))
            .collect::<Option<_>>()?;
        let named = items.iter().all(|it| !it.name.contains(&b'/'));
        let sorted = items.is_sorted_by(|a, b| a.order(b) == Ordering::Less);
        (named && sorted).then_some(items)
    }
}

/// Decides what becomes of a name that base, ours and theirs may have.
fn fate<'t>([base, ours, theirs]: [Option<Item<'t>>; 3]) -> Fate<'t> {
    if ours == base {
        return Fate::As(theirs);
    }
    if theirs == base {
        return Fate::As(ours);
    }
    match (base, ours, theirs) {
        (Some(_), Some(ours), Some(theirs)) if ours == theirs && !ours.is_folder() => {
            Fate::As(Some(ours))
        }
        (_, Some(ours), Some(theirs)) if ours.is_folder() && theirs.is_folder() => Fate::Within,
        _ => Fate::Open,
    }
}

/// Returns whether a name stands for a folder here and for none there.
fn in_other_guise(item: &Item<'_>, lists: [&Vec<Item<'_>>; 3]) -> bool {
    let mode = if item.is_folder() { 0 } else { FOLDER };
    let other = Item { mode, ..*item };
    let has = |list: &&Vec<Item<'_>>| list.binary_search_by(|it| it.order(&other)).is_ok();
    lists.iter().any(has)
}

/// Walks three lists side by side, name by name.
struct Rows<'l, 't>([&'l [Item<'t>]; 3]);

impl<'t> Iterator for Rows<'_, 't> {
    type Item = [Option<Item<'t>>; 3];

    fn next(&mut self) -> Option<Self::Item> {
        let firsts = self.0.map(|list| list.first().copied());
        let least = firsts.into_iter().flatten().min_by(Item::order)?;
        let mut row = [None; 3];
        for (list, place) in self.0.iter_mut().zip(&mut row) {
            if let Some((first, rest)) = list.split_first()
                && first.order(&least) == Ordering::Equal
            {
                (*place, *list) = (Some(*first), rest);
            }
        }
        Some(row)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use crate::git::scratch::{Scratch, git};
    use crate::git::{Oid, Repo};

    /// Files by path: the mode, and the text or the commit.
    type Files = BTreeMap<String, (&'static str, String)>;

    /// Chance that repeats.
    struct Dice(u64);

    impl Dice {
        fn below(&mut self, limit: usize) -> usize {
            let next = self.0.wrapping_mul(6_364_136_223_846_793_005);
            self.0 = next.wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(self.0 >> 33).expect("31 bits") % limit
        }

        fn path(&mut self) -> String {
            let folders = ["", "a/", "a/s/", "b/", "c/"];
            format!(
                "{}{}",
                folders[self.below(5)],
                ["f", "g", "h", "new", "s"][self.below(5)]
            )
        }

        fn one_of(&mut self, files: &Files) -> Option<String> {
            let at = self.below(files.len().max(1));
            files.keys().nth(at).cloned()
        }
    }

    fn text(seed: usize) -> String {
        (0..12).map(|line| format!("{seed} {line}\n")).collect()
    }

    /// Changes one thing as people do.
    fn change(files: &mut Files, dice: &mut Dice, fresh: usize) {
        let Some(path) = dice.one_of(files) else {
            return;
        };
        // Over a file that turns into a link while the other side renames it, git stops with a failed assertion.
        let put = |files: &mut Files, path: String, file: (&'static str, String)| {
            let within = format!("{path}/");
            let kind = |file: &(&str, String)| file.0[..2].to_owned();
            if files.get(&path).is_none_or(|it| kind(it) == kind(&file)) {
                files.retain(|it, _| {
                    !it.starts_with(&within) && !path.starts_with(&format!("{it}/"))
                });
                files.insert(path, file);
            }
        };
        match dice.below(8) {
            0 | 1 => put(files, dice.path(), ("100644", text(fresh))),
            2 => drop(files.remove(&path)),
            3 => {
                let file = files.remove(&path).expect("it is one of them");
                put(files, dice.path(), file);
            }
            4 => {
                let (from, to) = (
                    ["a/", "a/s/", "b/", "c/"][dice.below(4)],
                    ["b/", "d/", "a/d/"][dice.below(3)],
                );
                let moved: Vec<String> = files
                    .keys()
                    .filter(|it| it.starts_with(from))
                    .cloned()
                    .collect();
                for path in moved {
                    let file = files.remove(&path).expect("it is one of them");
                    put(files, path.replacen(from, to, 1), file);
                }
            }
            5 => {
                let kinds = [
                    ("100755", text(fresh)),
                    ("120000", "f".to_owned()),
                    ("160000", "1".repeat(40)),
                ];
                let file = kinds[dice.below(3)].clone();
                put(files, [path, dice.path()][dice.below(2)].clone(), file);
            }
            _ => {
                let file = files.get_mut(&path).expect("it is one of them");
                if file.0 != "160000" {
                    file.1 = file.1.replacen('1', &format!("{fresh}"), 1);
                }
            }
        }
    }

    /// Says a commit in the words of git-fast-import(1).
    fn said(mark: usize, from: Option<usize>, files: &Files) -> String {
        let mut said = format!(
            "commit refs/heads/b{mark}\nmark :{mark}\ncommitter a <a@b> {mark} +0000\ndata 0\n"
        );
        if let Some(from) = from {
            said.push_str(&format!("from :{from}\ndeleteall\n"));
        }
        for (path, (mode, text)) in files {
            match *mode {
                "160000" => said.push_str(&format!("M 160000 {text} {path}\n")),
                mode => said.push_str(&format!(
                    "M {mode} inline {path}\ndata {}\n{text}\n",
                    text.len()
                )),
            }
        }
        said
    }

    /// Returns what git makes of pairs: whether they merge, and the tree; as far as it comes.
    fn by_git(repo: &Repo, triples: &[[Oid; 3]]) -> Vec<(bool, String)> {
        let args = [
            "merge-tree",
            "--write-tree",
            "--stdin",
            "-z",
            "--name-only",
            "--no-messages",
        ];
        let pairs = triples
            .iter()
            .map(|[_, ours, theirs]| format!("{ours} {theirs}\n"));
        let run = repo
            .git([super::super::PINNED, &args].concat())
            .stdin(pairs.collect::<String>());
        let said = repo.start(&run).expect("git runs").stdout;
        let said = String::from_utf8(said).expect("names are plain");
        let mut fields = said.split('\0');
        let mut answers = Vec::new();
        while let (Some(clean), Some(tree)) = (fields.next(), fields.next()) {
            answers.push((clean == "1", tree.to_owned()));
            fields
                .by_ref()
                .take_while(|it| !it.is_empty())
                .for_each(drop);
        }
        answers
    }

    #[test]
    fn what_stays_apart_is_merged_as_git_does() {
        const CASES: usize = 300;
        let scratch = Scratch::of_format("sha1");
        let repo = scratch.open(1);
        let mut dice = Dice(7);
        let mut stream = String::new();
        for case in 0..CASES {
            let mark = case * 3 + 1;
            let mut base = Files::new();
            for seed in 0..3 + dice.below(5) {
                change(&mut base, &mut dice, 100 + seed);
                base.entry(dice.path()).or_insert(("100644", text(seed)));
                base.retain(|path, _| path.matches("s").count() < 2);
            }
            let clash: Vec<String> = base.keys().map(|it| format!("{it}/")).collect();
            base.retain(|path, _| !clash.iter().any(|it| path.starts_with(it)));
            stream.push_str(&said(mark, None, &base));
            for side in [1, 2] {
                let mut files = base.clone();
                for fresh in 0..1 + dice.below(3) {
                    change(&mut files, &mut dice, 1000 * side + fresh);
                }
                stream.push_str(&said(mark + side, Some(mark), &files));
            }
        }
        git(&repo, &["fast-import", "--quiet", "--force"], &stream);
        let commits = repo.list_refs("refs/heads/").expect("they can be read");
        let commits: BTreeMap<String, Oid> = commits.into_iter().collect();
        let commit = |mark: usize| commits[&format!("refs/heads/b{mark}")];
        let triples: Vec<[Oid; 3]> = (0..CASES)
            .map(|case| [1, 2, 3].map(|it| commit(case * 3 + it)))
            .collect();
        let answers = by_git(&repo, &triples);
        assert_eq!(answers.len(), CASES);
        let mut apart = 0;
        for (triple, answer) in triples.iter().zip(answers) {
            let [base, ours, theirs] = triple.map(|it| repo.commit(&it).expect("it is whole").tree);
            let merged = repo.merge_apart(&base, &ours, &theirs);
            if let Some(merged) = merged.expect("it is whole") {
                apart += 1;
                assert_eq!(answer, (true, merged.to_string()), "{triple:?}");
            }
        }
        assert!((CASES / 4..CASES).contains(&apart), "{apart} of {CASES}");
    }
}
