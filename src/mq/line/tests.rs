//! What a line looks like, for requests that are written as one line each.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::arrange::{Member, arrange};
use super::held::Held;
use super::line;
use crate::ledger::scratch::Scratch;
use crate::ledger::{Decision, Name, Pen, Record, Snapshot, Stamp, Time, transact};
use crate::record::{self, Class, Freeze, Request, RequestStatus, Submission};
use crate::town::View;

fn stamp(n: usize) -> Stamp {
    format!("{n:016x}-k").parse().expect("it is a stamp")
}

/// Returns a line of requests `id[@group][!][<priority>] [after...]`, queued one after the other: the ids of
/// its items in order, those of groups in brackets, and who is held, by kind of reason.
fn arranged(lines: &[&str], fails: &[&str]) -> (String, String) {
    let ids: Vec<&str> = lines
        .iter()
        .map(|line| line.split([' ', '@', '!', '/']).next().unwrap_or_default())
        .collect();
    let (mut requests, mut members) = (Vec::new(), Vec::new());
    for (at, line) in lines.iter().enumerate() {
        let mut words = line.split(' ');
        let first = words.next().unwrap_or_default();
        let what = Submission {
            branch: ids[at],
            priority: first
                .split_once('/')
                .map_or(2, |(_, it)| it.parse().unwrap_or(9)),
            ..Submission::SAMPLE
        };
        let mut request = Request::new(ids[at], &what, &stamp(at + 1));
        request.requeue(&stamp(at + 1));
        request.set_hotfix(first.contains('!'), &stamp(at + 1));
        let group = first.split_once('@').map_or("", |(_, it)| it);
        request.set_group(
            group.split(['!', '/']).next().unwrap_or_default(),
            &stamp(at + 1),
        );
        requests.push(request);
        let mut member = Member::default();
        for word in words {
            match ids.iter().position(|id| *id == word) {
                Some(place) => member.after.push(place),
                None => member.own = Some(Held::Said(word.to_owned())),
            }
        }
        members.push(member);
    }
    let fails: BTreeMap<String, Held> = fails
        .iter()
        .map(|group| ((*group).to_owned(), Held::Said(String::new())))
        .collect();
    let (items, held) = arrange(requests, &members, &fails);
    for (at, item) in items.iter().enumerate() {
        assert!(item.after.iter().all(|it| *it < at), "{items:?}");
    }
    let items = items.iter().map(|item| {
        let ids: Vec<&str> = item.requests.iter().map(Request::id).collect();
        match item.group() {
            Some(_) => format!("[{}]", ids.join(" ")),
            None => ids.join(" "),
        }
    });
    let held = held
        .iter()
        .map(|(it, why)| format!("{}:{}", it.id(), why.kind()));
    (
        items.collect::<Vec<_>>().join(" "),
        held.collect::<Vec<_>>().join(" "),
    )
}

fn check(lines: &[&str], items: &str, held: &str) {
    let want = (items.to_owned(), held.to_owned());
    assert_eq!(arranged(lines, &[]), want, "{lines:?}");
}

#[test]
fn hotfixes_go_first_then_priorities_then_who_waits_longest() {
    check(&["a", "b", "c"], "a b c", "");
    check(&["a/3", "b/1", "c!/4", "d/1", "e"], "c b d e a", "");
    // What makes no sense is the last, and not before everybody.
    check(&["a/4", "b/-7", "c/0"], "c a b", "");
}

#[test]
fn whoever_waits_for_others_comes_behind_them() {
    check(&["c b", "b a", "a"], "a b c", "");
    // A hotfix pulls forward what it needs, and nothing else.
    check(&["x/0", "a/4", "b!/0 a"], "a b x", "");
    // A stack and an unrelated change keep their places otherwise.
    check(&["a", "x", "b a"], "a x b", "");
    check(
        &["top left right", "right base", "left base", "base"],
        "base right left top",
        "",
    );
}

#[test]
fn who_is_held_holds_whoever_needs_it() {
    check(
        &["a stop", "b a", "c b", "d"],
        "d",
        "a:held b:after c:after",
    );
    check(&["a", "b a stop", "c a"], "a c", "b:held");
}

#[test]
fn a_circle_is_named_and_stops_nobody_else() {
    check(&["a a", "b"], "b", "a:circle");
    check(
        &["a b", "b c", "c a", "d", "e a"],
        "d",
        "a:circle b:circle c:circle e:after",
    );
    // Two circles that share a request; whoever is behind either waits.
    check(
        &["a b c", "b a", "c a", "d c", "e"],
        "e",
        "a:circle b:circle c:after d:after",
    );
    // Through groups only.
    check(
        &["a@g d", "b@g", "c@h b", "d@h", "e"],
        "e",
        "a:circle b:circle c:circle d:circle",
    );
}

#[test]
fn a_group_is_one_item() {
    check(&["a@g", "x", "b@g"], "[a b] x", "");
    // Inside of it, too, what is needed comes first; who queued first does not matter.
    check(&["a@g b", "b@g", "x"], "[b a] x", "");
    check(&["x", "a@g/3", "b@g!/2"], "[b a] x", "");
    check(&["a@g x", "b@g", "x"], "x [a b]", "");
    check(
        &["a@g", "b@g stop", "c b", "x"],
        "x",
        "a:group b:held c:after",
    );
    let (items, held) = arranged(&["a@g", "b@g", "x"], &["g"]);
    assert_eq!((items.as_str(), held.as_str()), ("x", "a:held b:held"));
}

#[test]
fn a_crowd_is_no_group() {
    let many: Vec<String> = (0..51).map(|at| format!("m{at:02}@g")).collect();
    let mut lines: Vec<&str> = many.iter().map(String::as_str).collect();
    lines.push("x");
    let (items, held) = arranged(&lines, &[]);
    assert_eq!(items, "x");
    assert_eq!(held.matches(":group").count(), 51);
}

#[test]
fn a_long_stack_does_not_need_a_deep_one_of_ours() {
    let lines: Vec<String> = (0..2000)
        .map(|at| match at {
            0 => "r0".to_owned(),
            at => format!("r{at} r{}", at - 1),
        })
        .rev()
        .collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let (items, held) = arranged(&lines, &[]);
    assert!(
        items.starts_with("r0 r1 r2 ") && items.ends_with(" r1999"),
        "{held}"
    );
}

/// A queue in a repository: requests, each changed after it was made.
struct Queue {
    scratch: Scratch,
    records: Vec<Record>,
}

impl Queue {
    fn new() -> Self {
        let (scratch, records) = (Scratch::new(), Vec::new());
        Self { scratch, records }
    }

    /// Adds a request whose id and branch are `id`, and returns it to be changed.
    fn add(&mut self, id: &str, branch: &str, change: impl FnOnce(&mut Request, &Stamp)) {
        let at = stamp(self.records.len() + 1);
        let what = Submission {
            branch,
            ..Submission::SAMPLE
        };
        let mut request = Request::new(id, &what, &at);
        change(&mut request, &at);
        self.records.push(request.into_record());
    }

    /// Returns what may land, and what is held with the reason.
    fn line(&self) -> (String, Vec<String>) {
        let repo = self.scratch.open(1);
        let indexed = (Name::Queue, record::shape(Name::Queue));
        let write =
            |_: &Snapshot<'_>, _: &Pen<'_>| Ok(Decision::write("queue", self.records.clone(), ()));
        transact(&repo, indexed, "ada", write).expect("it can be written");
        let view = View::new(&repo);
        let line = line(&view, "api", "main", Time(5)).expect("nothing stops it");
        let ids: Vec<&str> = line.requests().map(Request::id).collect();
        let held = line.held.iter();
        let held = held.map(|(it, why)| format!("{}: {why}", it.id()));
        (ids.join(" "), held.collect())
    }

    fn check(&self, items: &str, held: &[&str]) {
        let held = held.iter().map(|it| (*it).to_owned()).collect();
        assert_eq!(self.line(), (items.to_owned(), held));
    }
}

fn after(ids: &[&str]) -> impl FnOnce(&mut Request, &Stamp) {
    let ids: Vec<String> = ids.iter().map(|it| (*it).to_owned()).collect();
    move |request, at| request.set_after(&ids, at)
}

fn ended(status: RequestStatus) -> impl FnOnce(&mut Request, &Stamp) {
    move |request, at| request.finish(status, "", Map::new(), at)
}

#[test]
fn what_a_request_waits_for_is_found_in_the_records() {
    let mut queue = Queue::new();
    queue.add("landed", "l", ended(RequestStatus::Landed));
    queue.add("ejected", "e", ended(RequestStatus::Ejected));
    queue.add("a", "a", after(&["landed"]));
    queue.add("b", "b", after(&["ejected"]));
    queue.add("c", "c", after(&["nothing"]));
    queue.add("d", "d", after(&["c"]));
    queue.check(
        "a",
        &[
            "b: waits for ejected, which was ejected",
            "c: waits for nothing, which is not known here",
            "d: waits for c, which is held itself",
        ],
    );
    // Whoever has mended what was ejected is what was waited for.
    queue.add("mended", "e", |_, _| {});
    queue.check(
        "a mended b",
        &[
            "c: waits for nothing, which is not known here",
            "d: waits for c, which is held itself",
        ],
    );
}

#[test]
fn a_request_of_a_group_that_failed_holds_the_others() {
    let mut queue = Queue::new();
    let failed = |request: &mut Request, at: &Stamp| {
        request.set_group("g", at);
        ended(RequestStatus::Ejected)(request, at);
    };
    queue.add("a", "a", failed);
    queue.add("b", "b", |request, at| request.set_group("g", at));
    queue.add("c", "c", |_, _| {});
    queue.check("c", &["b: waits with group 'g' for a, which was ejected"]);
    queue.add("mended", "a", |request, at| request.set_group("g", at));
    queue.check("b mended c", &[]);
}

#[test]
fn what_was_fetched_stops_nobody_else() {
    let mut queue = Queue::new();
    let odd = |field: &'static str, value: Value| {
        move |request: &mut Request, at: &Stamp| {
            let mut record = request.record().clone();
            record.set(field, Some(value), at);
            *request = Request::of(record).expect("it is a request");
        }
    };
    queue.add("a", "a", odd("after", json!("b")));
    queue.add("b", "b", odd("group", json!(["x"])));
    queue.add("c", "c", odd("priority", json!("urgent")));
    queue.add(
        "d",
        "d",
        odd("approvals", json!({ "x": 1, "y": { "by": 2 } })),
    );
    queue.add("e", "e", odd("what", json!({ "is": "new" })));
    let many: Map<String, Value> = (0..5000)
        .map(|at| (format!("r{at}"), json!(true)))
        .collect();
    queue.add("f", "f", odd("after", Value::Object(many)));
    queue.add("h", "h", odd("after", json!({ "h": true })));
    queue.check(
        "c d e",
        &[
            "a: its 'after' cannot be understood by this version",
            "b: its 'group' cannot be understood by this version",
            "f: waits for 5000 requests, which are too many",
            "h: waits for itself: h",
        ],
    );
}

#[test]
fn only_what_is_urgent_lands_on_a_frozen_branch() {
    let mut queue = Queue::new();
    queue.add("a", "a", |_, _| {});
    queue.add("b", "b", |request, at| request.set_hotfix(true, at));
    let mut freeze = Freeze::new("main");
    freeze.freeze(("ada", "demo"), None, Some(Class::Hotfix), &stamp(9));
    queue.records.push(freeze.into_record());
    queue.check("b", &["a: waits for a thaw; only hotfix lands now: demo"]);
    let last = queue.records.pop();
    let mut freeze = last.and_then(Freeze::of).expect("it is one");
    freeze.freeze(("ada", "demo"), Some(Time(5)), None, &stamp(10));
    queue.records.push(freeze.into_record());
    queue.check("b a", &[]);
}

/// However many wait, each record is read once, and nothing else for each.
#[test]
fn a_line_reads_what_waits_and_nothing_else() {
    let mut queue = Queue::new();
    for at in 0..1000 {
        let id = format!("r{at:03}");
        let first = format!("r{:03}", (at / 10) * 10);
        let own = id.clone();
        let behind = move |request: &mut Request, at: &Stamp| {
            if own != first {
                request.set_after(&[first], at);
            }
        };
        queue.add(&id, &id, behind);
    }
    assert_eq!(queue.line().0.split(' ').count(), 1000);
    let repo = queue.scratch.open(2);
    let view = View::new(&repo);
    let before = repo.reads();
    let line = line(&view, "api", "main", Time(5)).expect("nothing stops it");
    assert_eq!(line.items.len(), 1000);
    let reads = repo.reads() - before;
    assert!(reads < 1010, "{reads}");
}
