//! One bead claimed in several clones: exactly one claim stands, the one that was pushed first, and whoever
//! lost is told, in words, in JSON, and by `hook` and `done`.

use serde_json::{Value, json};

use crate::fleet::{Fleet, Member, Told, agree, hold_the_same, told_of};

/// Returns who holds a bead according to its record: of the greatest epoch the only claim there is.
#[track_caller]
fn holder(member: &Member<'_>, id: &str) -> Option<String> {
    let record = &member.records("beads")[id];
    let claims = record["claims"].as_object().cloned().unwrap_or_default();
    let epoch = |key: &str| key.split('-').next().unwrap_or_default().to_owned();
    let last = claims.keys().map(|key| epoch(key)).max()?;
    let standing = claims.iter().filter(|(key, _)| epoch(key) == last);
    let by: Vec<&str> = standing
        .filter_map(|(_, claim)| claim["by"].as_str())
        .collect();
    assert!(by.len() < 2, "{id} in {}: {claims:?}", member.name);
    by.first().map(|by| (*by).to_owned())
}

#[track_caller]
fn held_by(members: &[&Member<'_>], id: &str, want: Option<&str>) {
    for member in members {
        assert_eq!(holder(member, id).as_deref(), want, "in {}", member.name);
        let shown = member.show(id);
        assert_eq!(shown["assignee"].as_str(), want, "{shown:#}");
        let status = if want.is_some() {
            "in_progress"
        } else {
            "open"
        };
        assert_eq!(shown["status"], status, "{shown:#}");
    }
}

/// Returns `who: ours > theirs` of each lost claim.
fn losses(told: &[Told]) -> Vec<String> {
    let lost = told.iter().filter(|it| it.event["event"] == "claim_lost");
    let text = |value: &Value| value.as_str().unwrap_or("?").to_owned();
    lost.map(|it| {
        format!(
            "{}: {} > {}",
            it.who,
            text(&it.event["ours"]),
            text(&it.event["theirs"])
        )
    })
    .collect()
}

#[test]
fn the_first_to_push_keeps_the_claim_and_the_other_is_told() {
    let fleet = Fleet::new();
    let (ada, bob, ids) = fleet.two(&["late clock", "early clock"]);
    // Who is first is decided by the push and not by the clocks.
    bob.gt(&["update", &ids[0], "--claim"]).done();
    ada.gt(&["update", &ids[0], "--claim"]).done();
    ada.gt(&["update", &ids[1], "--claim"]).done();
    bob.gt(&["update", &ids[1], "--claim"]).done();
    ada.sync();
    let said = bob.gt(&["sync"]).done();
    let line = format!("lost      the claim of bob on {}: ada was first", ids[0]);
    assert!(said.stdout.contains(&line), "{said:#?}");
    assert_eq!(said.stdout.matches("lost ").count(), 2, "{said:#?}");
    let told = agree(&[&ada, &bob]);
    assert_eq!(losses(&told), [""; 0], "told once");
    held_by(&[&ada, &bob], &ids[0], Some("ada"));
    held_by(&[&ada, &bob], &ids[1], Some("ada"));
    bob.gt(&["update", &ids[0], "--claim"])
        .fails(4, "already claimed by ada");
    ada.gt(&["update", &ids[0], "--unassign"]).done();
    agree(&[&ada, &bob]);
    bob.gt(&["update", &ids[0], "--claim"]).done();
    agree(&[&ada, &bob]);
    held_by(&[&ada, &bob], &ids[0], Some("bob"));
}

#[test]
fn the_same_actor_in_two_clones_is_two_claims() {
    let fleet = Fleet::new();
    let (ada, bob, ids) = fleet.two(&["bead"]);
    let bob = bob.with("BD_ACTOR", "ada");
    ada.gt(&["update", &ids[0], "--claim"]).done();
    bob.gt(&["update", &ids[0], "--claim"]).done();
    let told = agree(&[&ada, &bob]);
    assert_eq!(losses(&told), ["bob: ada > ada"]);
    held_by(&[&ada, &bob], &ids[0], Some("ada"));
}

/// Plays what ada and bob do apart, lets them sync in one order, and checks who holds the bead and who lost.
#[track_caller]
fn check(ada_does: &[&[&str]], first: &str, want: Option<&str>, lost: &[&str]) {
    let fleet = Fleet::new();
    let (ada, bob, ids) = fleet.two(&["bead"]);
    for command in ada_does {
        let args: Vec<&str> = command
            .iter()
            .map(|it| if *it == "ID" { &ids[0] } else { *it })
            .collect();
        ada.gt(&args).done();
    }
    bob.gt(&["update", &ids[0], "--claim"]).done();
    let members = if first == "ada" {
        [&ada, &bob]
    } else {
        [&bob, &ada]
    };
    let told = agree(&members);
    assert_eq!(losses(&told), lost);
    held_by(&members, &ids[0], want);
}

const CLAIM: &[&str] = &["update", "ID", "--claim"];
const RELEASE: &[&str] = &["update", "ID", "--unassign"];

#[test]
fn a_claim_made_again_after_a_release_loses_to_one_that_was_pushed() {
    check(
        &[CLAIM, RELEASE, CLAIM],
        "bob",
        Some("bob"),
        &["ada: ada > bob"],
    );
}

#[test]
fn a_claim_made_again_after_a_release_stands_when_it_is_pushed_first() {
    check(
        &[CLAIM, RELEASE, CLAIM],
        "ada",
        Some("ada"),
        &["bob: bob > ada"],
    );
}

#[test]
fn a_release_of_a_claim_that_never_counted_releases_nobody_else() {
    check(&[CLAIM, RELEASE], "bob", Some("bob"), &[]);
}

#[test]
fn a_claim_of_an_epoch_that_was_given_up_is_over() {
    check(&[CLAIM, RELEASE], "ada", None, &["bob: bob > ada"]);
}

#[test]
fn three_clones_end_with_one_holder() {
    let fleet = Fleet::new();
    let (ada, bob, ids) = fleet.two(&["bead"]);
    let cy = fleet.member("cy");
    for member in [&cy, &bob, &ada] {
        member.gt(&["update", &ids[0], "--claim"]).done();
    }
    let told = agree(&[&bob, &ada, &cy]);
    assert_eq!(losses(&told), ["ada: ada > bob", "cy: cy > bob"]);
    held_by(&[&ada, &bob, &cy], &ids[0], Some("bob"));
}

#[test]
fn a_lost_claim_that_came_through_a_third_clone_is_withdrawn_and_told_at_home() {
    let fleet = Fleet::new();
    let (ada, bob, ids) = fleet.two(&["bead"]);
    let cy = fleet.member("cy");
    bob.gt(&["update", &ids[0], "--claim"]).done();
    // Bob cannot reach the hub and hands his work to cy.
    bob.gt(&["sync", "../cy"]).done();
    assert_eq!(holder(&cy, &ids[0]).as_deref(), Some("bob"));
    ada.gt(&["update", &ids[0], "--claim"]).done();
    ada.sync();
    let told = agree(&[&cy, &ada]);
    assert_eq!(losses(&told), ["cy: bob > ada"]);
    held_by(&[&ada, &cy], &ids[0], Some("ada"));
    let told = agree(&[&bob, &cy, &ada]);
    assert_eq!(losses(&told), ["bob: bob > ada"]);
    held_by(&[&ada, &bob, &cy], &ids[0], Some("ada"));
    // And over the other way round: nothing brings the claim back.
    bob.gt(&["sync", "../cy"]).done();
    agree(&[&bob, &cy, &ada]);
    held_by(&[&ada, &bob, &cy], &ids[0], Some("ada"));
}

#[test]
fn a_claim_that_was_pushed_is_not_withdrawn_for_one_that_was_lost() {
    let fleet = Fleet::new();
    let (ada, bob, ids) = fleet.two(&["bead"]);
    let cy = fleet.member("cy");
    bob.gt(&["update", &ids[0], "--claim"]).done();
    bob.gt(&["sync", "../cy"]).done();
    ada.gt(&["update", &ids[0], "--claim"]).done();
    ada.sync();
    // Bob learns at the hub that he lost; then he meets cy, who still has his claim.
    let told = bob.sync();
    assert_eq!(losses(&told), ["bob: bob > ada"]);
    let said = bob.gt(&["sync", "../cy", "--json"]).done();
    assert_eq!(losses(&bob.told(&said)), [""; 0]);
    let told = agree(&[&cy, &bob, &ada]);
    assert_eq!(losses(&told), [""; 0]);
    held_by(&[&ada, &bob, &cy], &ids[0], Some("ada"));
}

#[test]
fn the_hook_of_a_lost_claim_says_so() {
    let fleet = Fleet::new();
    let (ada, bob, ids) = fleet.two(&["bead"]);
    for member in [&ada, &bob] {
        member.git(&["config", "gt.backend", "none"]);
        member.gt(&["sling", &ids[0]]).done();
    }
    let hook = fleet.at("bob.gt/polecats/furiosa");
    assert_eq!(hook.json(&["hook"])["claim"], "stands");
    std::fs::write(hook.path.join("work"), "work\n").unwrap();
    hook.git(&["add", "work"]);
    hook.git(&["commit", "-q", "-m", "work"]);
    let told = agree(&[&ada, &bob]);
    assert_eq!(losses(&told).len(), 1, "{told:?}");
    assert_eq!(told_of(&told, "claim_lost"), [format!("bob: {}", ids[0])]);
    // Both clones gave the same name to their polecat; it is another one all the same.
    let said = hook.gt(&["hook"]).done();
    assert!(said.stdout.contains("claim   over"), "{said:#?}");
    assert_eq!(hook.json(&["hook"])["claim"], "over");
    hook.gt(&["done"]).fails(3, "is over");
    assert_eq!(bob.json(&["mq", "list"]), json!([]));
    let branch = hook.git(&["branch", "--show-current"]);
    assert_eq!(
        hook.git(&["log", "-1", "--format=%s", &branch]),
        "work",
        "the branch stays"
    );
    let winner = fleet.at("ada.gt/polecats/furiosa");
    assert_eq!(winner.json(&["hook"])["claim"], "stands");
    hold_the_same(&[&ada, &bob]);
}

#[test]
fn a_claim_is_lost_also_where_its_bead_got_another_id() {
    let fleet = Fleet::new();
    let (ada, bob, _) = fleet.two(&[]);
    let cy = fleet.member("cy");
    for member in [&ada, &bob] {
        let create = ["create", "--id", "gt-same", &member.name];
        member.gt(&create).done();
    }
    ada.gt(&["update", "gt-same", "--claim"]).done();
    // Cy learns of bob's bead from bob and meets ada's at the hub: bob's has a new id there.
    bob.gt(&["sync", "../cy"]).done();
    ada.sync();
    let told = cy.sync();
    let renamed = told.iter().find(|it| it.event["event"] == "renamed");
    let id = renamed.unwrap().event["new_id"].as_str().unwrap();
    cy.gt(&["update", id, "--claim"]).done();
    cy.sync();
    // Bob still knows it by its old id, under which others know ada's bead.
    bob.gt(&["update", "gt-same", "--claim"]).done();
    let told = agree(&[&bob, &cy, &ada]);
    assert_eq!(losses(&told), ["bob: bob > cy"]);
    held_by(&[&ada, &bob, &cy], id, Some("cy"));
    held_by(&[&ada, &bob, &cy], "gt-same", Some("ada"));
}
