//! What a run proves, and what it does not.

use super::after::{change, rig};

#[test]
fn a_machine_that_breaks_convicts_nobody_and_is_found_out() {
    let place = rig("true");
    let gate = format!("test ! -e {}", place.path("broken"));
    let add = ["refinery", "gate", "add", "test", "-c", &gate];
    place.gt(&add).done();
    let submit = |names: &[&str]| {
        for name in names {
            change(&place, name, "main", name, name);
            place.gt(&["mq", "submit"]).done();
        }
    };
    submit(&["good"]);
    place.gt(&["refinery", "run"]).done();
    submit(&["one", "two", "three", "four", "five"]);
    place.file("broken", "");
    place.gt(&["refinery", "run"]).fails(4, "itself is red");
    place.git(&["clean", "--quiet", "--force", "broken"]).done();
    place.gt(&["refinery", "run"]).done();
    let queue = place.json(&["mq", "list"]);
    assert_eq!(queue, serde_json::json!([]));
}

#[test]
fn an_ejection_says_the_last_words_of_a_gate_with_inputs() {
    let place = rig("true");
    let gate = "if test -e src/bad; then echo it is bad; exit 1; fi";
    let add = [
        "refinery", "gate", "add", "test", "--input", "src", "-c", gate,
    ];
    place.gt(&add).done();
    place.folder("src");
    change(&place, "bad", "main", "src/bad", "bad");
    place.gt(&["mq", "submit"]).done();
    place.gt(&["refinery", "run"]).done();
    let words = ["grep", "--quiet", "it is bad\"", "refs/gt/queue"];
    place.git(&words).done();
}

#[test]
fn what_was_red_on_a_tip_that_nobody_has_seen_green_is_tested_on_this_one() {
    let place = rig("true");
    let add = ["refinery", "gate", "add", "test", "--deterministic", "-c"];
    place.gt(&[&add[..], &["test ! -e bad"]].concat()).done();
    for name in ["bad", "good"] {
        change(&place, name, "main", name, name);
        place.gt(&["mq", "submit"]).done();
        let red = i32::from(name == "bad");
        assert_eq!(place.gt(&["mq", "try", name]).code, red, "{name}");
    }
    place.gt(&["refinery", "run"]).done();
    let ended = place.json(&["mq", "list", "--all"]);
    let states: Vec<_> = ended
        .as_array()
        .into_iter()
        .flatten()
        .map(|it| (it["branch"].as_str(), it["status"].as_str()))
        .collect();
    assert!(states.contains(&(Some("bad"), Some("ejected"))), "{ended}");
    assert!(states.contains(&(Some("good"), Some("landed"))), "{ended}");
}

#[test]
fn a_try_says_nothing_of_a_change_where_the_machine_lacks_the_command() {
    let place = rig("./gone-from-here");
    change(&place, "work", "main", "work", "work");
    place.gt(&["mq", "submit"]).done();
    place
        .gt(&["mq", "try", "work"])
        .fails(5, "gate 'test' cannot be run here");
    let shown = place.json(&["mq", "show", "work"]);
    assert_eq!(shown["runs"], serde_json::json!([]), "{shown}");
}

#[test]
fn what_was_ejected_from_one_branch_casts_no_doubt_on_another() {
    let place = rig("true");
    let log = place.path(".git/ran");
    let gate = format!("echo $(ls) >> {log}; ! ls | grep -q bad");
    let add = ["refinery", "gate", "add", "test", "-c", &gate];
    place.gt(&add).done();
    for target in ["one", "two"] {
        change(&place, target, "main", target, target);
    }
    let submit = |target: &str, name: &str| {
        let branch = format!("{name}-{target}");
        change(&place, &branch, target, name, name);
        place.gt(&["mq", "submit", "--target", target]).done();
    };
    submit("one", "good");
    submit("two", "good");
    place.gt(&["refinery", "run"]).done();
    for (target, name) in [("one", "bad1"), ("one", "bad2"), ("two", "bad3")] {
        submit(target, name);
    }
    let before = std::fs::read_to_string(&log).expect("gates have run");
    let ran = place.json(&["refinery", "run"]);
    assert_eq!(ran["ejected"].as_array().map(Vec::len), Some(3), "{ran}");
    let ran = std::fs::read_to_string(&log).expect("gates have run");
    let ran = &ran[before.len()..];
    let on_two = ran.lines().filter(|it| it.ends_with("two"));
    // Red twice, which convicts, and nothing of the bare target.
    let want = ["bad3 base good two"; 2];
    assert_eq!(on_two.collect::<Vec<_>>(), want, "{ran}");
}
