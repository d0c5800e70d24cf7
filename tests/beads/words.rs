//! Types and statuses of a project's own, and the other settings of beads.

use serde_json::json;

use crate::ids;
use crate::support::Place;

/// What Gas Town registers before it makes beads.
const TOWN: &str = "agent,role,rig,convoy,slot,queue,event,message,molecule,gate,merge-request";

#[test]
fn a_project_has_words_of_its_own() {
    let place = Place::new();
    place
        .gt(&["create", "x", "-t", "runbook"])
        .fails(1, "'runbook' is no type of bead");
    place
        .gt(&["list", "-s", "triage"])
        .fails(1, "'triage' is no status");
    let config = |args: &[&str]| place.json(&[&["bead", "config"], args].concat());
    let set = config(&["set", "types.custom", TOWN]);
    assert_eq!(
        set,
        json!({ "key": "types.custom", "value": TOWN, "schema_version": 1 })
    );
    config(&[
        "set-many",
        "types.custom=agent,runbook",
        "status.custom=triage:active,qa:wip,verified:done",
    ]);
    let [waits, book] = ["waits", "book"].map(|title| place.create(&[title, "-t", "runbook"]));
    place.gt(&["dep", "add", &waits, &book]).done();
    let ready = || place.json(&["ready"]);
    for (status, wanted) in [("qa", vec![]), ("triage", vec![book.as_str()])] {
        let updated = place.json(&["update", &book, "-s", status]);
        assert_eq!(updated[0]["status"], status);
        assert_eq!(ids(&ready()), wanted);
    }
    assert_eq!(
        ids(&place.json(&["list", "-s", "triage", "-t", "runbook"])),
        [book.as_str()]
    );
    let done = &place.json(&["update", &book, "-s", "verified"])[0];
    assert!(done["closed_at"].is_string(), "{done}");
    assert_eq!(ids(&ready()), [waits.as_str()]);
    assert_eq!(ids(&place.json(&["list"])), [waits.as_str()]);
    assert_eq!(
        ids(&place.json(&["list", "-s", "verified"])),
        [book.as_str()]
    );
    let file = place.file("all.jsonl", &place.gt(&["export", "--all"]).done().stdout);
    let elsewhere = Place::new();
    elsewhere.gt(&["import", &file]).done();
    assert_eq!(
        elsewhere.json(&["show", &book])[0]["closed_at"],
        done["closed_at"]
    );
    assert_eq!(elsewhere.json(&["show", &book])[0]["status"], "verified");
    place.gt(&["reopen", &book]).done();
    assert_eq!(place.json(&["show", &book])[0]["status"], "open");
}

#[test]
fn settings_are_listed_and_checked() {
    let place = Place::new();
    let config = |args: &[&str]| place.gt(&[&["bead", "config"], args].concat());
    let json = |args: &[&str]| place.json(&[&["bead", "config"], args].concat());
    assert_eq!(json(&["get", "issue-prefix"])["value"], "gt");
    assert_eq!(json(&["get", "jira.url"])["value"], "");
    config(&["set", "issue_prefix", "gt"]).done();
    config(&["set", "issue_prefix", "other"]).fails(4, "the prefix is gt");
    config(&["set", "issue_id_mode", "counter"]).fails(4, "ids are not counted");
    config(&["set-many", "a=1", "status.custom=closed:done"]).fails(1, "every project has");
    config(&["set", "jira.url", "https://example.org"]).done();
    config(&["set", "beads.role", "maintainer"]).done();
    let want = json!({
        "beads.role": "maintainer", "issue_prefix": "gt", "jira.url": "https://example.org",
        "schema_version": 1,
    });
    assert_eq!(json(&["list"]), want);
    assert_eq!(json(&["show"])[0]["source"], "git config");
    assert_eq!(json(&["validate"])["valid"], true);
    config(&["unset", "jira.url"]).done();
    config(&["unset", "jira.url"]).done();
    assert_eq!(
        config(&["get", "jira.url"]).done().stdout,
        "jira.url (not set)\n"
    );
}
