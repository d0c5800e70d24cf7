//! What commands that name no record show and accept, from HQ and from a rig.

use std::process::Command;

use crate::yard::Yard;

#[test]
fn hq_lists_the_whole_town_and_a_rig_itself() {
    let yard = Yard::with_town("");
    let (api, web) = (yard.create("gt/api", "a"), yard.create("gt/web", "b"));
    let part = yard
        .gt("gt", &["create", "--silent", "part", "--parent", &web])
        .done();
    let ids = |folder: &str, args: &[&str]| {
        let all = yard.json(folder, &[&["list"], args].concat());
        let ids = all.as_array().unwrap().iter();
        let mut ids: Vec<String> = ids.map(|it| it["id"].as_str().unwrap().into()).collect();
        ids.sort();
        ids
    };
    let part = part.trim();
    assert_eq!(ids("gt", &[]), [&api, &web, part]);
    assert_eq!(ids("gt/web", &[]), [&web, part]);
    assert_eq!(ids("gt", &["--rig", "api"]), [&*api]);
    for folder in ["gt", "gt/api"] {
        assert_eq!(ids(folder, &["--parent", &web]), [part], "{folder}");
    }
}

#[test]
fn hq_tells_what_happened_in_the_whole_town() {
    let yard = Yard::with_town("");
    let (api, web) = (yard.create("gt/api", "a"), yard.create("gt/web", "b"));
    yard.gt("gt", &["convoy", "create", "Both", &api, &web])
        .done();
    let log = yard.gt("gt", &["log"]).done();
    for part in [&*api, &*web, "create convoy"] {
        assert!(log.contains(part), "no {part}: {log}");
    }
    let newest = yard.json("gt", &["log", "-n", "1"]);
    assert_eq!(newest.as_array().unwrap().len(), 1);
    assert_eq!(newest[0]["ledger"], "convoys");
    let log = yard.gt("gt/web", &["log"]).done();
    assert!(log.contains(&web) && !log.contains(&api), "{log}");
}

#[test]
fn hq_accepts_what_waits_in_its_rigs() {
    let yard = Yard::with_town("");
    let key = "gt.gate.test.accepted";
    for rig in ["api", "web"] {
        let clone = format!("gt/{rig}/.repo");
        yard.git(&clone, &["config", "--unset", key]);
    }
    let refused = yard.gt("gt", &["refinery", "run"]);
    let hint = "git gt config accept gate.test --rig web";
    assert!(refused.stderr.contains(hint), "{refused:?}");
    let waits = yard.json("gt", &["config", "accept"]);
    let rigs: Vec<_> = waits
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["rig"])
        .collect();
    assert_eq!(rigs, ["api", "web"]);
    yard.gt("gt", &["config", "accept", "gate.test"])
        .fails(1, "in several rigs: api, web");
    yard.gt("gt", &["config", "accept", "gate.test", "--rig", "web"])
        .done();
    let said = yard.gt("gt", &["config", "accept", "--all"]).done();
    assert!(said.contains("api") && !said.contains("web"), "{said}");
    yard.gt("gt", &["refinery", "run"]).done();
}

#[test]
fn what_a_rig_needs_of_hq_is_accepted_there() {
    let yard = Yard::with_town("");
    let shared = ["config", "agent", "set", "shared", "true", "--shared"];
    yard.gt("gt", &shared).done();
    yard.git("gt", &["config", "--unset", "gt.agent.shared.accepted"]);
    yard.gt("gt/web", &["config", "accept", "agent.shared"])
        .done();
    let waits = yard.json("gt", &["config", "accept"]);
    assert!(waits.as_array().unwrap().is_empty(), "{waits}");
}

#[test]
fn the_proof_of_an_ejection_can_be_typed_in_hq() {
    let yard = Yard::with_town("");
    let bead = yard.create("gt/web", "breaks it");
    yard.gt("gt", &["crew", "add", "max", "--rig", "web"])
        .done();
    yard.git("gt/web/crew/max", &["rm", "--quiet", "file"]);
    yard.git("gt/web/crew/max", &["commit", "--quiet", "-m", "gone"]);
    yard.gt("gt/web/crew/max", &["mq", "submit", "--bead", &bead])
        .done();
    let run = yard.gt("gt", &["refinery", "run"]);
    assert!(run.stderr.contains("; see it: cd '"), "{run:?}");
    let status = yard.gt("gt", &["mq", "status", &bead]).done();
    let mut lines = status.lines();
    let proof = lines
        .find_map(|it| it.trim().strip_prefix("see it "))
        .unwrap();
    let mut shell = yard.hermetic(Command::new("sh"));
    let typed = shell.args(["-c", proof]).current_dir(yard.path("gt"));
    let output = typed.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{proof}: {said}");
    assert!(said.contains("Preparing worktree"), "{said}");
    let crew = yard.json("gt", &["crew", "list"]);
    assert_eq!(crew.as_array().unwrap().len(), 1, "{crew}");
}
