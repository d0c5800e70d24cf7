//! Handoffs: what one session leaves, and how the next one gets it, once.

use std::fs;

use crate::place::Place;

#[test]
fn a_handoff_says_how_things_stand() {
    let place = Place::new();
    let bead = place.create("a piece of work");
    let other = place.create("another one");
    let hook = place.hang(&bead);
    fs::write(hook.join("half"), "half\n").unwrap();
    place
        .gt(&["mail", "send", "furiosa", "-s", "look at \u{1b}[31mthis"])
        .done();
    let said = place
        .gt_in(
            &hook,
            &["handoff", "-m", "Next: the other half.\nThen rest."],
        )
        .done();
    for words in [
        "Next: the other half.",
        "A half",
        "look at ?[31mthis",
        &other,
        "under way:",
        &bead,
    ] {
        assert!(said.stdout.contains(words), "no '{words}': {said:?}");
    }
    assert!(
        said.stderr.contains(&format!("git gt sling {bead}")),
        "{said:?}"
    );
    let resumed = place.json_in(&hook, &["resume"]);
    assert_eq!(resumed["subject"], "Next: the other half.");
    assert_eq!(resumed["bead"], bead.as_str());
    assert_eq!(resumed["taken"], false);
    let half = format!("{}:half", resumed["checkpoint"].as_str().unwrap());
    assert_eq!(place.git(&["show", &half]).done().stdout, "half\n");
    place
        .gt_in(&hook, &["handoff", &other])
        .fails(4, &[&bead, "on your hook"]);
}

#[test]
fn nothing_is_handed_over_from_nowhere() {
    let place = Place::new();
    place.gt(&["resume"]).fails(1, &["nothing was handed over"]);
    place
        .gt(&["resume", "gt-handoff-x"])
        .fails(1, &["no handoff 'gt-handoff-x'"]);
    place.gt(&["handoff", "gt-gone"]).fails(1, &["gt-gone"]);
    let long = "x".repeat(70_000);
    place.gt(&["handoff", "-m", &long]).fails(1, &["64 kB"]);
    assert!(place.records("handoffs").is_empty());
}

/// Hands over once, then finishes.
const TWO_TURNS: &str = "cat >\"$PLACE/prompt\"; cat \"$PLACE/prompt\" >>\"$PLACE/prompts\"
if [ -e half ]; then git gt resume >\"$PLACE/got\"; git add half; git commit -q -m done; git gt done
else echo half >half; git gt handoff -m 'Next: the end.'; fi";

#[test]
fn the_next_session_follows_a_handoff_by_itself() {
    let place = Place::with_agent(TWO_TURNS);
    let bead = place.create("a piece of work");
    place.gt(&["sling", &bead]).done();
    place.until("the work to be queued", || {
        let queue = place.json(&["mq", "list"]);
        (!queue.as_array().unwrap().is_empty()).then_some(())
    });
    place.is_quiet();
    assert!(place.read("got").contains("Next: the end."));
    let prompts = place.read("prompts");
    assert_eq!(
        prompts.matches("left you a handoff").count(),
        1,
        "{prompts}"
    );
}

#[test]
fn handing_over_without_progress_does_not_go_on_for_ever() {
    let place =
        Place::with_agent("cat >/dev/null; echo turn >>\"$PLACE/turns\"; git gt handoff -m again");
    let bead = place.create("a piece of work");
    place.gt(&["sling", &bead]).done();
    place.until("two turns", || {
        (place.read("turns").lines().count() == 2).then_some(())
    });
    place.is_quiet();
    assert_eq!(place.read("turns").lines().count(), 2);
}

#[test]
fn a_crew_member_hands_over_to_whoever_stands_there_next() {
    let place = Place::new();
    place.gt(&["crew", "add", "max"]).done();
    let max = place.path("repo.gt/crew/max");
    let bead = place.create("a piece of work");
    place.gt_in(&max, &["hook", &bead]).done();
    let said = place.gt_in(&max, &["handoff", "-m", "Next: more."]).done();
    assert!(!said.stderr.contains("git gt sling"), "{said:?}");
    let successor = place.gt_in(&max, &["prime"]).done();
    assert!(successor.stdout.contains("Next: more."), "{successor:?}");
}
