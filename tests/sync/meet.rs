//! Two clones change the same and different beads apart; after a few syncs in any order both hold the same
//! and nothing either wrote is missing.

use serde_json::{Value, json};

use crate::fleet::{Fleet, Member, Told, agree};

/// What two people do to one bead apart, and what both hold afterwards. `ID` stands for the bead.
struct Case {
    what: &'static str,
    before: &'static [&'static [&'static str]],
    ada: &'static [&'static [&'static str]],
    bob: &'static [&'static [&'static str]],
    /// By JSON pointer into the record.
    after: fn() -> Vec<(&'static str, Value)>,
    /// Each change that did not prevail: whose, field and value. Whoever joins is told.
    overtaken: &'static [(&'static str, &'static str, &'static str)],
}

const CASES: &[Case] = &[
    Case {
        what: "title against priority",
        before: &[],
        ada: &[&["update", "ID", "--title", "better"]],
        bob: &[&["update", "ID", "--priority", "0"]],
        after: || vec![("/title", json!("better")), ("/priority", json!(0))],
        overtaken: &[],
    },
    Case {
        what: "two comments",
        before: &[],
        ada: &[&["comment", "ID", "one"]],
        bob: &[&["comment", "ID", "two"]],
        after: || {
            vec![(
                "/comments",
                json!([{"author": "ada", "text": "one"}, {"author": "bob", "text": "two"}]),
            )]
        },
        overtaken: &[],
    },
    Case {
        what: "two labels",
        before: &[&["label", "add", "ID", "old"]],
        ada: &[&["label", "add", "ID", "a"]],
        bob: &[&["label", "add", "ID", "b"]],
        after: || vec![("/labels", json!({"a": true, "b": true, "old": true}))],
        overtaken: &[],
    },
    Case {
        what: "a label added while another is removed",
        before: &[&["label", "add", "ID", "old"]],
        ada: &[&["label", "add", "ID", "new"]],
        bob: &[&["label", "remove", "ID", "old"]],
        after: || vec![("/labels", json!({"new": true}))],
        overtaken: &[],
    },
    Case {
        what: "close against edit",
        before: &[],
        ada: &[&["close", "ID", "--reason", "done"]],
        bob: &[
            &["update", "ID", "--title", "still going"],
            &["update", "ID", "--status", "blocked"],
        ],
        after: || {
            vec![
                (
                    "/state",
                    json!({"life": 1, "reason": "done", "status": "closed"}),
                ),
                ("/title", json!("still going")),
            ]
        },
        overtaken: &[("bob", "state", r#"{"life":0,"status":"blocked"}"#)],
    },
    Case {
        what: "reopen against close",
        before: &[&["close", "ID", "--reason", "early"]],
        ada: &[&["reopen", "ID"]],
        bob: &[&["reopen", "ID"], &["close", "ID", "--reason", "for good"]],
        after: || {
            vec![
                ("/state/life", json!(3)),
                ("/state/reason", json!("for good")),
            ]
        },
        overtaken: &[("ada", "state", r#"{"life":2,"status":"open"}"#)],
    },
    Case {
        what: "reopen against a close that was seen",
        before: &[&["close", "ID", "--reason", "early"]],
        ada: &[&["reopen", "ID"]],
        bob: &[&["update", "ID", "--title", "closed all the same"]],
        after: || {
            vec![
                ("/state/life", json!(2)),
                ("/title", json!("closed all the same")),
            ]
        },
        overtaken: &[],
    },
    Case {
        what: "delete against a later edit",
        before: &[],
        ada: &[&["delete", "ID", "--force"]],
        bob: &[&["update", "ID", "--notes", "wait"]],
        after: || {
            vec![
                ("/state/status", json!("deleted")),
                ("/notes", json!("wait")),
            ]
        },
        overtaken: &[],
    },
    Case {
        what: "delete against an earlier edit",
        before: &[&["update", "ID", "--design", "agreed"]],
        ada: &[
            &["update", "ID", "--title", "swallowed"],
            &["label", "add", "ID", "swallowed"],
        ],
        bob: &[&["delete", "ID", "--force"]],
        after: || vec![("/state/status", json!("deleted")), ("/title", Value::Null)],
        overtaken: &[
            ("ada", "labels/swallowed", "true"),
            ("ada", "title", r#""swallowed""#),
        ],
    },
    Case {
        what: "notes against design",
        before: &[],
        ada: &[&["update", "ID", "--notes", "n"]],
        bob: &[&["update", "ID", "--design", "d"]],
        after: || vec![("/notes", json!("n")), ("/design", json!("d"))],
        overtaken: &[],
    },
    Case {
        what: "entries of the metadata",
        before: &[&[
            "update",
            "ID",
            "--metadata",
            r#"{"x": 1, "y": {"deep": 1}}"#,
        ]],
        ada: &[&[
            "update",
            "ID",
            "--metadata",
            r#"{"x": 2}"#,
            "--set-metadata",
            "a=1",
        ]],
        bob: &[
            &[
                "update",
                "ID",
                "--unset-metadata",
                "y",
                "--set-metadata",
                "b=1",
            ],
            &["update", "ID", "--set-metadata", "x=3"],
        ],
        after: || vec![("/metadata", json!({"a": 1, "b": 1, "x": 3}))],
        overtaken: &[("ada", "metadata/x", "2")],
    },
    Case {
        what: "an edit in knowledge of the last one",
        before: &[&["update", "ID", "--title", "known"]],
        ada: &[&["update", "ID", "--title", "informed"]],
        bob: &[&["update", "ID", "--estimate", "30"]],
        after: || {
            vec![
                ("/title", json!("informed")),
                ("/estimated_minutes", json!(30)),
            ]
        },
        overtaken: &[],
    },
    Case {
        what: "one title against the other",
        before: &[],
        ada: &[&["update", "ID", "--title", "of ada"]],
        bob: &[&["update", "ID", "--title", "of bob"]],
        after: || vec![("/title", json!("of bob"))],
        overtaken: &[("ada", "title", r#""of ada""#)],
    },
];

/// Returns the values of a map in the order of its keys.
fn values(map: &Value) -> Value {
    map.as_object()
        .into_iter()
        .flatten()
        .map(|(_, value)| value.clone())
        .collect()
}

fn play(member: &Member<'_>, id: &str, commands: &[&[&str]]) {
    for command in commands {
        let args: Vec<&str> = command
            .iter()
            .map(|arg| if *arg == "ID" { id } else { arg })
            .collect();
        member.gt(&args).done();
    }
}

fn check(order: fn(&mut [&Member<'_>])) {
    let fleet = Fleet::new();
    let titles: Vec<&str> = CASES.iter().map(|case| case.what).collect();
    let (ada, bob, ids) = fleet.two(&titles);
    let pairs = || CASES.iter().zip(&ids);
    pairs().for_each(|(case, id)| play(&ada, id, case.before));
    agree(&[&ada, &bob]);
    for (case, id) in pairs() {
        play(&ada, id, case.ada);
        play(&bob, id, case.bob);
    }
    let (new_a, new_b) = (ada.create("of ada"), bob.create("of bob"));
    let mut members = [&ada, &bob];
    order(&mut members);
    let told = agree(&members);
    for member in members {
        let records = member.records("beads");
        for (case, id) in pairs() {
            for (pointer, want) in (case.after)() {
                let got = records[id].pointer(pointer).cloned().unwrap_or(Value::Null);
                let got = if pointer == "/comments" {
                    values(&got)
                } else {
                    got
                };
                assert_eq!(got, want, "{} in {}", case.what, member.name);
            }
        }
        assert_eq!(member.show(&new_a)["title"], "of ada");
        assert_eq!(member.show(&new_b)["title"], "of bob");
    }
    let joiner = &members[1].name;
    for (case, id) in pairs() {
        let told_to = |name: &str| {
            let of = told.iter().filter(|it| {
                it.event["event"] == "overtaken" && it.event["id"] == **id && it.who == name
            });
            let one = |it: &Told| {
                let lost: Value = serde_json::from_str(it.event["lost"].as_str().unwrap()).unwrap();
                let field = it.event["field"].as_str().unwrap();
                let ours = it.event["ours"].as_bool().unwrap();
                (ours, field.to_owned(), lost.to_string())
            };
            of.map(one).collect::<Vec<_>>()
        };
        let of_whom = |(who, field, lost): &(&str, &str, &str)| {
            (who == joiner, (*field).to_owned(), (*lost).to_owned())
        };
        let want: Vec<_> = case.overtaken.iter().map(of_whom).collect();
        assert_eq!(told_to(joiner), want, "{}, told to {joiner}", case.what);
        // Who pushed first learns at the next sync what of theirs did not prevail.
        let first = &members[0].name;
        let lost = case.overtaken.iter().filter(|(who, _, _)| who == first);
        let want: Vec<_> = lost
            .map(|(_, field, lost)| (true, (*field).to_owned(), (*lost).to_owned()))
            .collect();
        assert_eq!(told_to(first), want, "{}, told to {first}", case.what);
    }
}

#[test]
fn what_two_wrote_apart_is_joined_when_ada_syncs_first() {
    check(|_| {});
}

#[test]
fn what_two_wrote_apart_is_joined_when_bob_syncs_first() {
    check(|members| members.reverse());
}

#[test]
fn one_id_made_in_three_clones_is_three_beads() {
    let fleet = Fleet::new();
    let (ada, bob, _) = fleet.two(&[]);
    let cy = fleet.member("cy");
    for member in [&ada, &bob, &cy] {
        member
            .gt(&["create", "--id", "gt-same", &member.name])
            .done();
        member
            .gt(&["comment", "gt-same", &format!("by {}", member.name)])
            .done();
    }
    ada.sync();
    let told = bob.sync();
    let renamed = told
        .iter()
        .find(|it| it.event["event"] == "renamed")
        .unwrap();
    assert_eq!(renamed.event["id"], "gt-same");
    let of_bob = renamed.event["new_id"].as_str().unwrap().to_owned();
    // What is written under the new id survives when another clone renames the same bead once more.
    bob.gt(&["update", &of_bob, "--notes", "kept"]).done();
    bob.sync();
    agree(&[&cy, &ada, &bob]);
    for member in [&ada, &bob, &cy] {
        let records = member.records("beads");
        let titles: Vec<(&str, &str)> = records
            .values()
            .map(|it| {
                (
                    it["title"].as_str().unwrap(),
                    it["notes"].as_str().unwrap_or_default(),
                )
            })
            .collect();
        assert_eq!(records.len(), 3, "{titles:?}");
        assert_eq!(records["gt-same"]["title"], "ada");
        assert!(
            titles.contains(&("bob", "kept")) && titles.contains(&("cy", "")),
            "{titles:?}"
        );
    }
}

#[test]
fn two_that_rename_one_bead_apart_lose_nothing_of_it() {
    let fleet = Fleet::new();
    let (ada, bob, _) = fleet.two(&[]);
    let cy = fleet.member("cy");
    for member in [&ada, &bob] {
        member
            .gt(&["create", "--id", "gt-same", &member.name])
            .done();
    }
    // Cy learns of bob's bead from bob, and the two meet ada's apart.
    bob.gt(&["sync", "../cy"]).done();
    ada.sync();
    let told = cy.sync();
    let renamed = told
        .iter()
        .find(|it| it.event["event"] == "renamed")
        .unwrap();
    let id = renamed.event["new_id"].as_str().unwrap().to_owned();
    cy.gt(&["update", &id, "--notes", "by cy"]).done();
    cy.sync();
    // Bob edits his bead under its old id, which he still has alone.
    bob.gt(&["update", "gt-same", "--design", "by bob"]).done();
    agree(&[&bob, &cy, &ada]);
    let record = &ada.records("beads")[&id];
    let got = (&record["title"], &record["notes"], &record["design"]);
    assert_eq!(
        got,
        (&json!("bob"), &json!("by cy"), &json!("by bob")),
        "{record:#}"
    );
}

#[test]
fn what_was_about_a_bead_that_gets_another_id_goes_on_being_about_it() {
    let fleet = Fleet::new();
    let (ada, bob, ids) = fleet.two(&["epic"]);
    bob.git(&["config", "gt.backend", "none"]);
    // Both plan the same epic offline: each makes its first and second child.
    for member in [&ada, &bob] {
        for title in ["first", "second"] {
            let title = format!("{title} of {}", member.name);
            let create = ["create", "--parent", &ids[0], &title];
            member.gt(&create).done();
        }
    }
    let [first, second] = [1, 2].map(|n| format!("{}.{n}", ids[0]));
    bob.gt(&["dep", "add", &second, &first]).done();
    bob.gt(&["create", "--parent", &first, "a part of it"])
        .done();
    bob.gt(&["sling", &first]).done();
    let hook = fleet.at("bob.gt/polecats/furiosa");
    std::fs::write(hook.path.join("work"), "work\n").unwrap();
    hook.git(&["add", "work"]);
    hook.git(&["commit", "-q", "-m", "work"]);
    ada.sync();
    let told = agree(&[&bob, &ada]);
    let new = |old: &str| {
        let of = |it: &&Told| it.event["event"] == "renamed" && it.event["id"] == old;
        let event = told.iter().find(of).unwrap();
        assert_eq!(event.who, "bob");
        event.event["new_id"].as_str().unwrap()
    };
    let (new_first, new_second) = (new(&first), new(&second));
    for member in [&ada, &bob] {
        let records = member.records("beads");
        assert_eq!(records[&first]["title"], "first of ada");
        assert_eq!(records[&second]["deps"], Value::Null);
        assert_eq!(records[new_first]["title"], "first of bob");
        assert_eq!(records[new_second]["deps"], json!({ new_first: "blocks" }));
        let part = records.values().find(|it| it["title"] == "a part of it");
        assert_eq!(part.unwrap()["parent"], new_first);
        let convoys = member.records("convoys");
        let beads: Vec<&Value> = convoys.values().map(|it| &it["beads"]).collect();
        assert_eq!(beads, [&json!({ new_first: true })]);
    }
    // Whoever works on it goes on, and what lands closes the bead it is about.
    assert_eq!(hook.json(&["hook"])["claim"], "stands");
    hook.gt(&["done"]).done();
    bob.gt(&["refinery", "gate", "none"]).done();
    bob.gt(&["refinery", "run"]).done();
    assert_eq!(bob.show(new_first)["status"], "closed");
    assert_eq!(bob.show(&first)["status"], "open");
    agree(&[&bob, &ada]);
}
