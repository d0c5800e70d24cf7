//! The program called as `bd`, as its clients call it.

use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use crate::support::{Output, Place};

/// A place with a link `bd` to the program.
pub(crate) struct Bd {
    place: Place,
    program: PathBuf,
}

impl Bd {
    pub(crate) fn new() -> Self {
        let place = Place::new();
        place.folder("bin");
        place.gt(&["shim", "install", "--dir", "bin", "bd"]).done();
        let program = PathBuf::from(place.path("bin/bd"));
        Self { place, program }
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = self.place.command_of(&self.program);
        command.args(args);
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Output {
        Output::of(&self.command(args).output().expect("it starts"))
    }

    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    pub(crate) fn create(&self, args: &[&str]) -> String {
        let all = [&["create", "--silent"], args].concat();
        self.run(&all).done().stdout.trim().to_owned()
    }

    pub(crate) fn json(&self, args: &[&str]) -> Value {
        let said = self.run(&[args, &["--json"]].concat()).done();
        serde_json::from_str(&said.stdout).expect("it is JSON")
    }
}

#[test]
fn options_stand_anywhere_and_those_that_are_gone_are_taken() {
    let bd = Bd::new();
    let made = bd.json(&[
        "--no-daemon",
        "create",
        "One",
        "--allow-stale",
        "--actor",
        "eve",
    ]);
    assert_eq!(made["created_by"], "eve");
    assert_eq!(made["schema_version"], 1);
    let all = bd.json(&["--sandbox", "list", "--no-auto-flush", "--no-db", "-v"]);
    assert_eq!(all[0]["id"], made["id"]);
    bd.run(&["--readonly", "create", "Two"])
        .fails(1, "nothing is written");
    assert_eq!(bd.json(&["list"]).as_array().map(Vec::len), Some(1));
}

#[test]
fn it_ends_with_the_exit_codes_of_bd_and_says_what_clients_look_for() {
    let bd = Bd::new();
    let id = bd.json(&["create", "One"])["id"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    let said = bd
        .run(&["show", "none", "--json"])
        .fails(1, "no issue found matching");
    let error: Value = serde_json::from_str(&said.stdout).expect("it is JSON");
    assert!(error["error"].is_string() && error["schema_version"] == 1);
    bd.run(&["list", "--frob"])
        .fails(1, "Error: unknown flag: --frob");
    bd.run(&["frob"])
        .fails(1, "Error: unknown command \"frob\" for \"bd\"");
    // Some of several: what was found is printed, what was not is said, and it is no failure.
    let some = bd.run(&["show", &id, "none", "--json"]);
    assert_eq!(some.code, 0, "{some:?}");
    assert!(some.stderr.contains("no issue found matching \"none\""));
    let shown: Value = serde_json::from_str(&some.stdout).expect("it is JSON");
    assert_eq!(shown.as_array().map(Vec::len), Some(1));
    let file = bd
        .place
        .file("cut.jsonl", "{\"id\":\"gt-a\",\"title\":\"t\"");
    bd.run(&["import", &file]).fails(1, "");
    bd.run(&["sql", "SELECT 1"])
        .fails(1, "there is no database");
}

#[test]
fn replies_come_in_an_envelope_where_that_is_asked_for() {
    let bd = Bd::new();
    let output = bd
        .command(&["list", "--json"])
        .env("BD_JSON_ENVELOPE", "1")
        .output();
    let said = Output::of(&output.expect("it starts")).done();
    let value: Value = serde_json::from_str(&said.stdout).expect("it is JSON");
    assert_eq!(
        value,
        serde_json::json!({ "schema_version": 1, "data": [] })
    );
}

#[test]
fn init_makes_what_clients_look_for_and_is_done_once() {
    let bd = Bd::new();
    bd.place.git(&["init", "-q", "new"]).done();
    let init = [
        "-C",
        "new",
        "init",
        "--prefix",
        "web-",
        "--skip-hooks",
        "--server",
        "--json",
    ];
    let said = bd.run(&init).done().stdout;
    assert!(said.contains("bd initialized successfully!"), "{said}");
    assert!(said.contains("Issue prefix: web\n"), "{said}");
    let config = std::fs::read_to_string(bd.place.path("new/.beads/config.yaml"));
    assert!(
        config
            .expect("it was written")
            .contains("issue-prefix: \"web\"")
    );
    bd.run(&init).fails(1, "initialized already");
    bd.run(&["-C", "new", "init", "--force"]).done();
    let help = bd.run(&["init", "--help"]).done().stdout;
    for flag in ["--non-interactive", "--skip-agents", "--skip-hooks"] {
        assert!(help.contains(flag), "{help}");
    }
    assert!(
        !PathBuf::from(bd.place.path(".beads")).exists(),
        "git gt writes none"
    );
}

#[test]
fn a_folder_of_bd_leads_to_the_repository_around_it() {
    let bd = Bd::new();
    bd.place.git(&["init", "-q", "new"]).done();
    bd.place.folder("far/deep");
    bd.run(&["-C", "new", "init", "-p", "web"]).done();
    bd.run(&["-C", "new", "create", "Of the web"]).done();
    let titles = |args: &[&str], env: &[(&str, &str)]| {
        let mut command = bd.command(&[args, &["list", "--json"]].concat());
        let output = command.envs(env.iter().copied()).output();
        let said = Output::of(&output.expect("it starts")).done().stdout;
        let list: Value = serde_json::from_str(&said).expect("it is JSON");
        list[0]["title"].as_str().unwrap_or_default().to_owned()
    };
    assert_eq!(titles(&[], &[]), "");
    let folder = bd.place.path("new/.beads");
    assert_eq!(titles(&[], &[("BEADS_DIR", &folder)]), "Of the web");
    let file = format!("{folder}/beads.db");
    assert_eq!(titles(&["--db", &file], &[]), "Of the web");
    assert_eq!(titles(&[], &[("BEADS_DB", &file)]), "Of the web");
    bd.place.folder("far/.beads");
    bd.place.file("far/.beads/redirect", "../new/.beads\n");
    assert_eq!(titles(&["-C", "far/deep"], &[]), "Of the web");
    let found = bd.json(&["-C", "far/deep", "where"]);
    assert_eq!(found["path"], *folder);
    bd.place.file("far/.beads/redirect", "nowhere\n");
    bd.run(&["-C", "far", "list"])
        .fails(1, "which is no folder");
}

#[test]
fn what_is_no_shim_stays() {
    let bd = Bd::new();
    let file = bd.place.file("bin/gt", "#!/bin/sh\n");
    let install = ["shim", "install", "--dir", "bin", "bd", "gt"];
    bd.place.gt(&install).fails(4, "is another program");
    bd.place
        .gt(&["shim", "remove", "--dir", "bin", "gt"])
        .fails(4, "stays as it is");
    assert!(PathBuf::from(file).exists());
    bd.place
        .gt(&["shim", "remove", "--dir", "bin", "bd"])
        .done();
    assert!(!bd.program.exists());
}

#[test]
fn an_agent_gets_through_its_day() {
    let bd = Bd::new();
    let bin = bd.place.path("bin");
    bd.place.git(&["init", "-q", "day"]).done();
    let path = std::env::var("PATH").expect("there is a PATH");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/beads/agent.sh");
    let mut shell = bd.place.command_of("sh".as_ref());
    shell
        .args(["-eu", script])
        .current_dir(bd.place.path("day"));
    shell.env("PATH", format!("{bin}:{path}"));
    let said = Output::of(&shell.output().expect("it starts"))
        .done()
        .stdout;
    let steps: usize = said.trim().parse().expect("it counts");
    assert!(steps >= 40, "{steps}");
}
