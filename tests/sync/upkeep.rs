//! Upkeep: the repository gets smaller and nothing in it is lost, whatever runs beside it and whenever it
//! ends.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::{Duration, SystemTime};

use crate::crash::crash_everywhere;
use crate::fleet::{Fleet, Member, agree};

fn object_files(member: &Member<'_>) -> usize {
    let said = member.git(&["count-objects", "-v"]);
    let count = said.lines().find_map(|it| it.strip_prefix("count: "));
    count.unwrap().parse().unwrap()
}

#[test]
fn what_was_written_is_packed_and_backed_up() {
    let fleet = Fleet::new();
    let (ada, bob, ids) = fleet.two(&["one", "two"]);
    let git_dir = ada.path.join(".git");
    let lock = git_dir.join("refs/gt/beads.lock");
    let files = [
        git_dir.join("objects/.tmpAbCdEf"),
        git_dir.join("objects/17/tmp_obj_AbCdEf"),
        git_dir.join("objects/pack/tmp_pack_AbCdEf"),
        git_dir.join("gt/rig.123.new"),
        git_dir.join("gt/index/beads.1-1.123.new"),
        git_dir.join("gt/ssh-AbCdEf/signature"),
    ];
    let junk = |path: &Path| {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "x").unwrap();
    };
    files.iter().for_each(|path| junk(path));
    // A writer that died: its lock can only be read.
    junk(&lock);
    std::fs::set_permissions(&lock, std::fs::Permissions::from_mode(0o444)).unwrap();
    assert!(object_files(&ada) > 10);
    let before = ada.json(&["maintain", "--dry-run"]);
    assert!(object_files(&ada) > 10);
    let done = ada.json(&["maintain"])["repositories"][0].take();
    assert_eq!(done["before"], before["repositories"][0]["before"]);
    assert_eq!(done["after"]["loose"], 1, "the one that is none");
    assert_eq!(done["backed_up"][0], "refs/gt/beads");
    assert_eq!(done["swept"], 1, "the test's clock is behind the files'");
    assert!(!lock.exists());
    assert!(files.iter().all(|path| path.exists()));
    let tomorrow = SystemTime::now() + Duration::from_secs(25 * 60 * 60);
    let tomorrow = tomorrow
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap()
        .as_millis();
    let later = fleet.at("ada").with("GT_TEST_NOW", &tomorrow.to_string());
    assert_eq!(later.json(&["maintain"])["repositories"][0]["swept"], 6);
    assert!(files.iter().all(|path| !path.exists()));
    assert_eq!(
        ada.git(&["rev-parse", "refs/gt-local/backup/beads"]),
        ada.tip("beads")
    );
    ada.gt(&["comment", &ids[0], "after"]).done();
    ada.gt(&["fsck", "--full"]).done();
    agree(&[&ada, &bob]);
}

#[test]
fn one_is_enough_and_a_damaged_ledger_keeps_its_backup() {
    let fleet = Fleet::new();
    let (ada, _, _) = fleet.two(&["one"]);
    let git_dir = ada.path.join(".git");
    let held = std::fs::File::create(git_dir.join("gt/maintain.lock")).unwrap();
    held.lock().unwrap();
    let said = ada.gt(&["maintain"]).done();
    assert!(said.stdout.contains("another one is at it"), "{said:?}");
    assert!(object_files(&ada) > 10);
    drop(held);
    ada.gt(&["maintain"]).done();
    let whole = ada.tip("beads");
    ada.create("two");
    let tree = ada.git(&["rev-parse", "refs/gt/beads^{tree}"]);
    std::fs::remove_file(git_dir.join("objects").join(&tree[..2]).join(&tree[2..])).unwrap();
    ada.gt(&["maintain"])
        .fails(128, "'refs/gt/beads' is not whole");
    assert_eq!(ada.git(&["rev-parse", "refs/gt-local/backup/beads"]), whole);
    // Without a log the backup is what is left.
    std::fs::remove_file(git_dir.join("logs/refs/gt/beads")).unwrap();
    ada.gt(&["fsck", "--repair"]).done();
    assert_eq!(ada.git(&["rev-parse", "refs/gt/beads~1"]), whole);
    ada.gt(&["maintain"]).done();
}

#[test]
fn it_goes_on_by_itself_in_the_background() {
    let fleet = Fleet::new();
    let (ada, _, _) = fleet.two(&["one"]);
    let said = ada.gt(&["maintain", "--auto"]).done();
    assert_eq!(said.stdout, "ready\n");
    assert_eq!(
        ada.git(&["rev-parse", "refs/gt-local/backup/beads"]),
        ada.tip("beads")
    );
}

#[test]
fn it_may_crash_before_any_write() {
    let template = Fleet::new();
    let (ada, _, _) = template.two(&["one"]);
    let early = template
        .at("ada")
        .with("GT_TEST_NOW", "2025-09-01T00:00:00Z");
    let gone = early.create("gone");
    early.gt(&["delete", &gone, "--force"]).done();
    let send = ["mail", "send", "ada", "-s", "gone", "-m", "text"];
    let mail = early.json(&send)["id"].as_str().unwrap().to_owned();
    early.gt(&["mail", "delete", &mail]).done();
    drop(ada);
    let purge = ["maintain", "--purge", "30"];
    crash_everywhere(&template, &["ada"], &purge, |fleet, n, _| {
        let ada = fleet.at("ada");
        ada.gt(&["fsck"]).done();
        ada.gt(&purge).done();
        let loose = ada.git(&["rev-list", "--objects", "--unpacked", "--all"]);
        assert_eq!(loose, "", "write {n}");
        let backup = ada.git(&["rev-parse", "refs/gt-local/backup/beads"]);
        assert_eq!(backup, ada.tip("beads"), "write {n}");
        let left = ["beads", "mail"].map(|it| ada.records(it).len());
        assert_eq!(left, [1, 0], "write {n}");
        let purges = ada.git(&["log", "--format=%s", "--grep=^purge ", "refs/gt/beads"]);
        assert_eq!(purges.lines().count(), 1, "write {n}");
    });
}
