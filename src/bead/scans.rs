//! Queries over the index against scans of all records: after whatever was written, both answer the same.

use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::json;

use super::*;
use crate::ledger::scratch::Scratch;
use crate::ledger::{Decision, Name, Stamp, Time, transact};
use crate::record::{self, Bead, BeadRow};
use crate::town::View;

/// How many beads there may be.
const BEADS: u8 = 14;
const STATUSES: [&str; 4] = ["open", "blocked", "deferred", "pinned"];
const TYPES: [&str; 5] = ["task", "epic", "gate", "agent", "molecule"];
const EDGES: [&str; 4] = ["blocks", "conditional-blocks", "waits-for", "related"];
const LABELS: [&str; 3] = ["api", "ui", "docs"];
const PEOPLE: [&str; 3] = ["ada", "bob", "rig/polecats/nux"];
const TITLES: [&str; 4] = ["Parse dates", "parse numbers", "Éclair", "write it down"];
const DAYS: [&str; 3] = ["2020-01-01T00:00:00Z", "2030-01-01T00:00:00Z", "soon"];

/// What happens to a bead; numbers choose among words and beads.
#[derive(Debug, Clone)]
enum Turn {
    Title(usize),
    Describe(usize),
    Close,
    CloseAt(usize),
    Reopen,
    Delete,
    Status(usize),
    Type(usize),
    Priority(u8),
    Claim(usize),
    Release,
    Assign(usize),
    Label(usize, bool),
    Parent(Option<u8>),
    Edge(u8, Option<usize>, bool),
    Defer(Option<usize>),
    Due(Option<usize>),
    Flag(usize, bool),
}

fn edit() -> impl Strategy<Value = Turn> {
    use Turn::*;
    prop_oneof![
        4 => (0..TITLES.len()).prop_map(Title),
        1 => (0..TITLES.len()).prop_map(Describe),
        3 => Just(Close),
        1 => (0..DAYS.len()).prop_map(CloseAt),
        1 => Just(Reopen),
        1 => Just(Delete),
        1 => (0..STATUSES.len()).prop_map(Status),
        2 => (0..TYPES.len()).prop_map(Type),
        2 => (0_u8..5).prop_map(Priority),
        2 => (0..PEOPLE.len()).prop_map(Claim),
        1 => Just(Release),
        1 => (0..PEOPLE.len()).prop_map(Assign),
        2 => (0..LABELS.len(), any::<bool>()).prop_map(|(label, on)| Label(label, on)),
        4 => proptest::option::weighted(0.9, 0..BEADS).prop_map(Parent),
        6 => (0..BEADS, proptest::option::weighted(0.9, 0..EDGES.len()), any::<bool>())
            .prop_map(|(to, kind, any)| Edge(to, kind, any)),
        1 => proptest::option::weighted(0.8, 0..DAYS.len()).prop_map(Defer),
        1 => proptest::option::weighted(0.8, 0..DAYS.len()).prop_map(Due),
        1 => (0_usize..3, any::<bool>()).prop_map(|(flag, on)| Flag(flag, on)),
    ]
}

fn id(number: u8) -> String {
    format!("gt-{number}")
}

fn apply(bead: &mut Bead, edit: &Turn, stamp: &Stamp) {
    let mut set = |field: &str, value| bead.record_mut().set(field, value, stamp);
    match edit {
        Turn::Title(at) => set("title", Some(TITLES[*at].into())),
        Turn::Describe(at) => set("description", Some(TITLES[*at].into())),
        Turn::Type(at) => set("type", Some(TYPES[*at].into())),
        Turn::Priority(number) => set("priority", Some((*number).into())),
        Turn::Assign(at) => set("assignee", Some(PEOPLE[*at].into())),
        Turn::Parent(to) => set("parent", to.map(|to| id(to).into())),
        Turn::Defer(at) => set("defer_until", at.map(|at| DAYS[at].into())),
        Turn::Due(at) => set("due_at", at.map(|at| DAYS[at].into())),
        Turn::Flag(at, on) => {
            let name = ["pinned", "ephemeral", "is_template"][*at];
            set(name, on.then_some(true.into()));
        }
        Turn::CloseAt(at) => set(
            "state",
            Some(json!({ "closed_at": DAYS[*at], "life": 1, "status": "closed" })),
        ),
        Turn::Label(at, on) => {
            let value = on.then_some(true.into());
            bead.record_mut()
                .set_entry("labels", LABELS[*at], value, stamp);
        }
        Turn::Edge(to, kind, any) => {
            let value = kind.map(|at| match (EDGES[at], any) {
                ("waits-for", true) => {
                    json!({ "metadata": { "gate": "any-children" }, "type": "waits-for" })
                }
                (kind, _) => kind.into(),
            });
            bead.record_mut().set_entry("deps", &id(*to), value, stamp);
        }
        Turn::Close => bead.close("", stamp),
        Turn::Reopen => bead.reopen(stamp),
        Turn::Delete => delete(bead, "ada", stamp),
        Turn::Status(at) => bead.set_status(STATUSES[*at], stamp),
        Turn::Claim(at) => bead.set_claim(bead.epoch().max(1), PEOPLE[*at], stamp),
        Turn::Release => bead.release(stamp),
    }
}

/// Writes changes in one commit; the index is told of them or not.
fn write(view: &View<'_>, edits: &[(u8, Turn)], told: bool) {
    let shape = record::shape(Name::Beads).filter(|_| told);
    let written = transact(view.repo(), (Name::Beads, shape), "ada", |ledger, pen| {
        let mut beads: BTreeMap<String, Bead> = BTreeMap::new();
        for (number, edit) in edits {
            let id = id(*number);
            let bead = match beads.remove(&id) {
                Some(bead) => Some(bead),
                None => ledger.get(&id)?.and_then(Bead::of),
            };
            let mut bead = bead.unwrap_or_else(|| Bead::new(&id, "new", &pen.first_stamp()));
            let stamp = pen.stamp(bead.record());
            apply(&mut bead, edit, &stamp);
            beads.insert(id, bead);
        }
        let records = beads.into_values().map(Bead::into_record).collect();
        Ok(Decision::write("edit", records, ()))
    });
    written.unwrap();
}

/// All beads, and answers that are found by looking at each of them.
struct Scan {
    beads: Vec<Bead>,
    now: Time,
}

impl Scan {
    fn get(&self, id: &str) -> Option<&Bead> {
        self.beads.iter().find(|bead| bead.id() == id)
    }

    fn children(&self, id: &str) -> Vec<&Bead> {
        let edge = |bead: &Bead| {
            bead.edges()
                .any(|it| it.target == id && it.kind == "parent-child")
        };
        let is_child = |bead: &&Bead| bead.parent() == Some(id) || edge(bead);
        self.beads.iter().filter(is_child).collect()
    }

    /// Returns what a bead waits for, itself or because something above it does.
    fn blockers(&self, bead: &Bead, seen: &mut BTreeSet<String>) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        let is_over = bead.is_closed() || bead.is_pinned();
        if is_over || !seen.insert(bead.id().to_owned()) {
            return found;
        }
        for edge in bead.edges() {
            let Some(target) = self.get(edge.target) else {
                continue;
            };
            if ["blocks", "conditional-blocks"].contains(&edge.kind)
                && !target.is_closed()
                && !target.is_pinned()
            {
                found.insert(target.id().to_owned());
            }
            if edge.kind == "waits-for" {
                let children = self.children(edge.target);
                let (over, open): (Vec<&Bead>, Vec<&Bead>) =
                    children.into_iter().partition(|child| child.is_closed());
                if edge.more.is_none() || over.is_empty() {
                    found.extend(open.iter().map(|child| child.id().to_owned()));
                }
            }
        }
        if let Some(parent) = bead.parent().and_then(|id| self.get(id)) {
            found.extend(self.blockers(parent, seen));
        }
        found
    }

    fn waits_for(&self, bead: &Bead) -> Vec<String> {
        let found = self.blockers(bead, &mut BTreeSet::new());
        found.into_iter().collect()
    }

    fn is_put_off(&self, bead: &Bead) -> bool {
        let until = Time::parse(bead.record().text("defer_until"));
        until.is_some_and(|until| until > self.now)
    }

    fn is_ready(&self, bead: &Bead) -> bool {
        let record = bead.record();
        let parent = bead.parent().and_then(|id| self.get(id));
        let deferred = bead.status() == "deferred" && record.get("defer_until").is_some();
        (bead.status() == "open" || deferred)
            && !["pinned", "ephemeral", "is_template"]
                .iter()
                .any(|flag| record.flag(flag))
            && !["gate", "agent", "molecule"].contains(&bead.issue_type())
            && !self.is_put_off(bead)
            && !parent.is_some_and(|parent| self.is_put_off(parent))
            && self.waits_for(bead).is_empty()
    }

    fn is_listed(&self, bead: &Bead) -> bool {
        !bead.is_closed()
            && !bead.is_pinned()
            && !bead.record().flag("is_template")
            && !["gate", "agent"].contains(&bead.issue_type())
    }

    /// Returns those that fit, the most urgent first, then the newest.
    fn list(&self, fits: impl Fn(&Bead) -> bool) -> Vec<&str> {
        let mut found: Vec<&Bead> = self.beads.iter().filter(|bead| fits(bead)).collect();
        found.sort_by_key(|bead| {
            let age = std::cmp::Reverse(bead.record().created().time());
            (bead.priority(), age, bead.id().to_owned())
        });
        found.into_iter().map(Bead::id).collect()
    }

    fn groups(&self, of: impl Fn(&Bead) -> Vec<String>) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for group in self.beads.iter().flat_map(of) {
            *counts.entry(group).or_default() += 1;
        }
        counts
    }
}

/// Returns the ids of rows that fit, in their order.
fn ids(beads: &Beads<'_, '_>, closed: bool, fits: impl Fn(&BeadRow<'_>) -> bool) -> Vec<String> {
    let rows = beads.rows(closed).unwrap().map(Result::unwrap);
    let rows = rows.filter(|row| fits(row));
    rows.map(|row| row.id().to_owned()).collect()
}

/// Whether a bead is meant, found out by looking at it.
type Meant<'a> = Box<dyn Fn(&Bead) -> bool + 'a>;

/// Returns filters, each with what it means.
fn filters<'a>(scan: &'a Scan) -> Vec<(Filter, Meant<'a>)> {
    let when = |field: &'static str| {
        move |bead: &Bead| {
            Time::parse(match field {
                "updated" => return Time::parse(&bead.updated_at()),
                field => bead.record().text(field),
            })
        }
    };
    let (due, updated) = (when("due_at"), when("updated"));
    let all = |filter: Filter| Filter {
        shown: Shown::ALL,
        ..filter
    };
    let asked = |text: &str| {
        all(Filter {
            queries: vec![query(text, scan.now, &|word| Ok(word.to_owned())).unwrap()],
            ..Filter::default()
        })
    };
    let labels = |labels: Labels| {
        all(Filter {
            labels,
            ..Filter::default()
        })
    };
    let words = |words: &[&str]| words.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
    let has = |bead: &Bead, label: &str| bead.labels().any(|it| it == label);
    let is_parent = |bead: &Bead, id: &str| scan.children(id).iter().any(|it| it.id() == bead.id());
    let now = scan.now;
    vec![
        (all(Filter::default()), Box::new(|_| true)),
        (Filter::default(), Box::new(|it| scan.is_listed(it))),
        (
            Filter {
                pinned: Some(true),
                ..Filter::default()
            },
            Box::new(|it| {
                it.is_pinned() && !it.is_closed() && {
                    !it.record().flag("is_template")
                        && !["gate", "agent"].contains(&it.issue_type())
                }
            }),
        ),
        (
            Filter {
                issue_type: Some("gate".to_owned()),
                shown: Shown::LIVE,
                ..Filter::default()
            },
            Box::new(|it| it.issue_type() == "gate" && !it.is_closed()),
        ),
        (
            all(Filter {
                other_types: words(&["epic", "task"]),
                ..Filter::default()
            }),
            Box::new(|it| !["epic", "task"].contains(&it.issue_type())),
        ),
        (
            all(Filter {
                priorities: (Some(1), Some(3)),
                no_parent: true,
                ..Filter::default()
            }),
            Box::new(|it| (1..=3).contains(&it.priority()) && it.parent().is_none()),
        ),
        (
            all(Filter {
                parent: Some(id(3)),
                ..Filter::default()
            }),
            Box::new(move |it| is_parent(it, "gt-3")),
        ),
        (
            all(Filter {
                ids: vec![id(1), id(5)],
                ..Filter::default()
            }),
            Box::new(|it| ["gt-1", "gt-5"].contains(&it.id())),
        ),
        (
            labels(Labels {
                any: words(&["api", "docs"]),
                none_of: words(&["ui"]),
                ..Labels::default()
            }),
            Box::new(move |it| (has(it, "api") || has(it, "docs")) && !has(it, "ui")),
        ),
        (
            labels(Labels {
                glob: Some("?i*".to_owned()),
                ..Labels::default()
            }),
            Box::new(move |it| has(it, "ui")),
        ),
        (
            labels(Labels {
                pattern: Some(Pattern::parse("^(api|d.+)$").unwrap()),
                ..Labels::default()
            }),
            Box::new(move |it| has(it, "api") || has(it, "docs")),
        ),
        (
            labels(Labels {
                none: true,
                ..Labels::default()
            }),
            Box::new(|it| it.labels().count() == 0),
        ),
        (
            asked("description=DOWN OR title=parse AND NOT status=closed"),
            Box::new(|it| {
                let holds = |text: &str, part| text.to_lowercase().contains(part);
                holds(it.record().text("description"), "down")
                    || holds(it.title(), "parse") && it.status() != "closed"
            }),
        ),
        (
            asked("due<0h"),
            Box::new(move |it| due(it).is_some_and(|due| due < now)),
        ),
        (asked("due!=none"), Box::new(move |it| due(it).is_some())),
        (
            asked("updated>=1h"),
            Box::new(move |it| updated(it).unwrap() >= Time(now.0 - 3_600_000)),
        ),
        (
            asked("started=none AND priority<2"),
            Box::new(|it| {
                it.priority() < 2
                    && !it
                        .record()
                        .entries("claims")
                        .any(|(_, it)| it["by"].is_string())
            }),
        ),
    ]
}

fn check_lists(scan: &Scan, beads: &Beads<'_, '_>) {
    let list = |filter: &Filter, enough| {
        let found = beads.fitting(filter, enough, &|_| Ok(true)).unwrap();
        found
            .iter()
            .map(|row| row.id().to_owned())
            .collect::<Vec<_>>()
    };
    for (filter, meant) in filters(scan) {
        let want = scan.list(&meant);
        assert_eq!(list(&filter, usize::MAX), want, "{filter:?}");
        assert_eq!(list(&filter, 2), want[..want.len().min(2)], "{filter:?}");
    }
    for status in ["open", "in_progress", "blocked", "closed"] {
        let filter = Filter {
            statuses: vec![status.to_owned()],
            shown: Shown::ALL,
            ..Filter::default()
        };
        let want = scan.list(|bead| bead.status() == status);
        assert_eq!(list(&filter, usize::MAX), want);
    }
    for (who, label) in PEOPLE.into_iter().zip(LABELS) {
        let labels = Labels {
            all: vec![label.to_owned()],
            ..Labels::default()
        };
        let filter = Filter {
            assignee: Some(who.to_owned()),
            labels,
            ..Filter::default()
        };
        let want = scan.list(|bead| {
            scan.is_listed(bead)
                && bead.assignee().as_deref() == Some(who)
                && bead.labels().any(|it| it == label)
        });
        assert_eq!(list(&filter, usize::MAX), want);
    }
}

fn check_edges(scan: &Scan, beads: &Beads<'_, '_>) {
    let row_of = |id: &str| beads.find(id).unwrap().unwrap();
    let ready = ids(beads, false, |row| is_ready(beads, row, scan.now).unwrap());
    assert_eq!(ready, scan.list(|bead| scan.is_ready(bead)));
    let blocked = ids(beads, false, |row| Blockers::new(beads).block(row).unwrap());
    let want = scan.list(|bead| !scan.waits_for(bead).is_empty());
    assert_eq!(blocked, want);
    for bead in &scan.beads {
        let row = row_of(bead.id());
        assert_eq!(row, BeadRow::of_bead(bead));
        assert_eq!(Blockers::new(beads).of(&row).unwrap(), scan.waits_for(bead));
        let children = beads.children(bead.id()).unwrap();
        let children: BTreeSet<&str> = children.iter().map(BeadRow::id).collect();
        let want = scan.children(bead.id()).into_iter().map(Bead::id);
        assert_eq!(children, want.collect());
        let leading = beads.dependents(bead.id()).unwrap();
        let leading: BTreeSet<(&str, &str)> = leading
            .iter()
            .map(|(row, kind)| (row.id(), kind.as_str()))
            .collect();
        let of = |from| {
            let bead: &Bead = from;
            let parent = bead.parent().map(|id| (id, "parent-child"));
            let edges = bead.edges().map(|edge| (edge.target, edge.kind));
            parent.into_iter().chain(edges).map(|it| (bead.id(), it))
        };
        let want = scan.beads.iter().flat_map(of);
        let want = want.filter(|(_, (to, _))| *to == bead.id());
        assert_eq!(
            leading,
            want.map(|(from, (_, kind))| (from, kind)).collect()
        );
    }
}

fn check_search(scan: &Scan, beads: &Beads<'_, '_>) {
    for text in ["PARSE", "é", "t-1", "down", "nowhere"] {
        let words = Words::new(text);
        let has = |it: &str| it.to_lowercase().contains(&text.to_lowercase());
        let found = ids(beads, true, |row| {
            words.are_in(row.title()) || words.are_in(row.id())
        });
        let want = scan.list(|bead| has(bead.title()) || has(bead.id()));
        assert_eq!(found, want);
    }
}

fn check_counts(scan: &Scan, beads: &Beads<'_, '_>) {
    let check = |by, of: &dyn Fn(&Bead) -> Vec<String>| {
        let mut groups = Groups::by(Some(by));
        beads
            .rows(true)
            .unwrap()
            .for_each(|row| groups.add(&row.unwrap()));
        assert_eq!(groups.total(), scan.beads.len());
        assert_eq!(groups.counts(), Some(&scan.groups(of)), "{by:?}");
    };
    check(Trait::Status, &|bead| vec![bead.status().to_owned()]);
    check(Trait::Type, &|bead| vec![bead.issue_type().to_owned()]);
    check(Trait::Priority, &|bead| {
        vec![format!("P{}", bead.priority())]
    });
    check(Trait::Assignee, &|bead| {
        vec![bead.assignee().unwrap_or("(unassigned)".to_owned())]
    });
    check(Trait::Label, &|bead| {
        let labels: Vec<String> = bead.labels().map(str::to_owned).collect();
        match labels.is_empty() {
            true => vec!["(no labels)".to_owned()],
            false => labels,
        }
    });
    let mut stats = Stats::default();
    for row in beads.rows(true).unwrap() {
        stats.add(beads, &row.unwrap(), scan.now).unwrap();
    }
    let count = |fits: &dyn Fn(&Bead) -> bool| scan.list(fits).len();
    let live = |status: &str| count(&|bead| bead.status() == status);
    let got = [
        (stats.total, scan.beads.len()),
        (stats.open, live("open")),
        (stats.in_progress, live("in_progress")),
        (stats.deferred, live("deferred")),
        (stats.closed, live("closed")),
        (stats.ready, count(&|it| scan.is_ready(it))),
        (stats.pinned, count(&|it| it.is_pinned() && !it.is_closed())),
        (
            stats.blocked,
            count(&|it| scan.is_listed(it) && !scan.waits_for(it).is_empty()),
        ),
        (
            stats.epics,
            count(&|it| {
                let children = scan.children(it.id());
                let over = !children.is_empty() && children.iter().all(|it| it.is_closed());
                it.issue_type() == "epic" && !it.is_closed() && over
            }),
        ),
    ];
    assert!(got.iter().all(|(got, want)| got == want), "{got:?}");
    let lead = |bead: &Bead| {
        let closed = Time::parse(&bead.closed_at()?);
        // What names no time was closed when that was said.
        let closed = closed.unwrap_or_else(|| bead.record().stamp_of("state").time());
        Some(closed.0.saturating_sub(bead.record().created().time().0))
    };
    let leads: Vec<u64> = scan.beads.iter().filter_map(lead).collect();
    let hours = leads.iter().sum::<u64>() as f64 / leads.len().max(1) as f64 / 3_600_000.0;
    assert!((stats.lead_time_hours() - hours).abs() <= 0.0051, "{hours}");
}

fn check(view: &View<'_>) {
    let beads = Beads::of(view);
    let now = view.repo().world().now();
    let scan = Scan {
        beads: view.beads().unwrap(),
        now,
    };
    check_lists(&scan, &beads);
    check_edges(&scan, &beads);
    check_search(&scan, &beads);
    check_counts(&scan, &beads);
}

#[test]
fn queries_answer_what_a_scan_does() {
    let config = Config {
        cases: 24,
        source_file: Some(file!()),
        ..Config::default()
    };
    let history = vec((vec((0..BEADS, edit()), 1..12), any::<bool>()), 1..10);
    let ran = TestRunner::new(config).run(&history, |steps| {
        let scratch = Scratch::new();
        let repo = scratch.open(1);
        for (edits, told) in &steps {
            write(&View::new(&repo), edits, *told);
            check(&View::new(&repo));
        }
        Ok(())
    });
    ran.unwrap_or_else(|error| panic!("{error}"));
}
