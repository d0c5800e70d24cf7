//! The table of the pages of the manual, which are embedded in the program.

macro_rules! page {
    ($file:literal) => {
        ($file, include_str!(concat!("../../../man/", $file)))
    };
}

/// Every file of `man/` with its text, sorted by name. A new page is a new line.
pub(crate) const PAGES: &[(&str, &str)] = &[
    page!("git-gt-agents.1"),
    page!("git-gt-assign.1"),
    page!("git-gt-attic.1"),
    page!("git-gt-bead.1"),
    page!("git-gt-blocked.1"),
    page!("git-gt-cat.1"),
    page!("git-gt-changelog.1"),
    page!("git-gt-checkpoint.1"),
    page!("git-gt-children.1"),
    page!("git-gt-ci.1"),
    page!("git-gt-close.1"),
    page!("git-gt-comment.1"),
    page!("git-gt-comments.1"),
    page!("git-gt-completion.1"),
    page!("git-gt-config.1"),
    page!("git-gt-convoy.1"),
    page!("git-gt-count.1"),
    page!("git-gt-create.1"),
    page!("git-gt-crew.1"),
    page!("git-gt-delete.1"),
    page!("git-gt-demo.1"),
    page!("git-gt-dep.1"),
    page!("git-gt-done.1"),
    page!("git-gt-duplicates.1"),
    page!("git-gt-epic.1"),
    page!("git-gt-export.1"),
    page!("git-gt-fsck.1"),
    page!("git-gt-graph.1"),
    page!("git-gt-handoff.1"),
    page!("git-gt-heartbeat.1"),
    page!("git-gt-help.1"),
    page!("git-gt-history.1"),
    page!("git-gt-hook.1"),
    page!("git-gt-hooks.1"),
    page!("git-gt-import.1"),
    page!("git-gt-init.1"),
    page!("git-gt-install-docs.1"),
    page!("git-gt-install.1"),
    page!("git-gt-kv.1"),
    page!("git-gt-label.1"),
    page!("git-gt-list.1"),
    page!("git-gt-log.1"),
    page!("git-gt-mail.1"),
    page!("git-gt-maintain.1"),
    page!("git-gt-merge-slot.1"),
    page!("git-gt-mq.1"),
    page!("git-gt-nudge.1"),
    page!("git-gt-orphans.1"),
    page!("git-gt-peek.1"),
    page!("git-gt-polecat.1"),
    page!("git-gt-prime.1"),
    page!("git-gt-query.1"),
    page!("git-gt-ready.1"),
    page!("git-gt-refinery.1"),
    page!("git-gt-release.1"),
    page!("git-gt-remember.1"),
    page!("git-gt-reopen.1"),
    page!("git-gt-resume.1"),
    page!("git-gt-rig.1"),
    page!("git-gt-role.1"),
    page!("git-gt-runtime-hook.1"),
    page!("git-gt-search.1"),
    page!("git-gt-shim.1"),
    page!("git-gt-show.1"),
    page!("git-gt-sling.1"),
    page!("git-gt-state.1"),
    page!("git-gt-stats.1"),
    page!("git-gt-status.1"),
    page!("git-gt-swarm.1"),
    page!("git-gt-sync.1"),
    page!("git-gt-town.1"),
    page!("git-gt-types.1"),
    page!("git-gt-unsling.1"),
    page!("git-gt-update.1"),
    page!("git-gt-version.1"),
    page!("git-gt-whoami.1"),
    page!("git-gt-worktree.1"),
    page!("git-gt.1"),
    page!("gitgt-bd.7"),
    page!("gitgt-concepts.7"),
    page!("gitgt-gastown.7"),
    page!("gitgt-refinery.7"),
    page!("gitgt-trust.7"),
    page!("gitgt-tutorial.7"),
];

/// Commands that are described on the page of another one, each with that one, sorted. Their sections stand
/// below its `.SH COMMANDS`.
pub(crate) const SHARED: &[(&str, &str)] = &[
    ("batch", "update"),
    ("defer", "update"),
    ("diff", "history"),
    ("duplicate", "duplicates"),
    ("edit", "update"),
    ("find-duplicates", "duplicates"),
    ("forget", "remember"),
    ("link", "dep"),
    ("lint", "create"),
    ("memories", "remember"),
    ("note", "comment"),
    ("priority", "update"),
    ("q", "create"),
    ("recall", "remember"),
    ("set-state", "state"),
    ("statuses", "types"),
    ("supersede", "duplicates"),
    ("tag", "label"),
    ("todo", "create"),
    ("undefer", "update"),
];

/// Returns the name of the page that describes a command, whether there is such a page or not.
pub(crate) fn page_of(command: &str) -> String {
    let shared = SHARED.iter().find(|it| it.0 == command);
    format!("git-gt-{}.1", shared.map_or(command, |it| it.1))
}

/// Returns the text of a page.
pub(crate) fn page(file: &str) -> Option<&'static str> {
    let mut pages = PAGES.iter();
    pages.find(|(name, _)| *name == file).map(|(_, roff)| *roff)
}

/// Returns the names of the guides.
pub(crate) fn guides() -> impl Iterator<Item = &'static str> {
    PAGES
        .iter()
        .filter_map(|(name, _)| name.strip_prefix("gitgt-")?.strip_suffix(".7"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shared_pages_are_there() {
        assert!(SHARED.is_sorted(), "it is looked through by people");
        for (command, other) in SHARED {
            assert!(
                page(&format!("git-gt-{command}.1")).is_none(),
                "{command} has a page"
            );
            assert!(
                page(&page_of(command)).is_some(),
                "{command}: {other} has none"
            );
        }
    }

    #[test]
    fn every_page_is_in_the_table() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("man");
        let files = std::fs::read_dir(folder).expect("it can be read");
        let mut files: Vec<String> = files
            .map(|it| it.expect("it can be read").file_name())
            .map(|it| it.to_string_lossy().into_owned())
            .collect();
        files.sort();
        let table: Vec<&str> = PAGES.iter().map(|it| it.0).collect();
        assert_eq!(table, files);
    }
}
