//! Disks that are full and disks that cannot be written: what went wrong is said, nothing is half done, and
//! the next command works.
//!
//! A small file system is mounted in a mount namespace of its own, which goes with the script that runs in
//! it (mount_namespaces(7)).

use crate::fleet::{Fleet, Output};

/// Returns whether file systems can be mounted here. Where they cannot, the test is skipped with a remark,
/// unless `GT_TEST_REQUIRE` names `unshare`, which makes it a failure.
fn can_mount() -> bool {
    let probe = "mount -t tmpfs -o size=64k none /mnt";
    let mut unshare = std::process::Command::new("unshare");
    let said = unshare.args(["-rm", "sh", "-c", probe]).output();
    if said.as_ref().is_ok_and(|it| it.status.success()) {
        return true;
    }
    let required = std::env::var("GT_TEST_REQUIRE").unwrap_or_default();
    let is_required = required.split(',').any(|it| it == "unshare");
    assert!(
        !is_required,
        "cannot mount: {said:?}, and GT_TEST_REQUIRE={required}"
    );
    eprintln!("skipped: no file system can be mounted here: {said:?}");
    false
}

/// Runs a script in a mount namespace, beside the hub; `tmpfs SIZE DIR` mounts a small file system, `fill N`
/// fills it until N blocks of 4 KiB are left, `check CODE WORDS COMMAND` runs a command that must end with
/// that code and say those words.
#[track_caller]
fn run(fleet: &Fleet, script: &str) -> Output {
    let library = r#"
        tmpfs() { mkdir -p "$2"; mount -t tmpfs -o "size=$1" none "$2"; }
        fill() {
            rm -f fill
            left=$(stat -f -c %a .)
            head -c $(( (left - $1) * 4096 )) /dev/zero >fill
        }
        check() {
            code=$1 words=$2; shift 2
            "$@" >"$TMP/out" 2>"$TMP/err" && got=0 || got=$?
            if ! echo "$got" | grep -qE "^($code)$" || ! grep -qE "$words" "$TMP/out" "$TMP/err" \
                || grep -q panicked "$TMP/err"
            then
                echo "'$*' gave $got, not $code with '$words':"; cat "$TMP/out" "$TMP/err"
                exit 1
            fi
        }
    "#;
    std::fs::create_dir_all(fleet.path("tmp")).unwrap();
    let mut command = fleet.command("unshare", &fleet.path("."));
    command.env("TMP", fleet.path("tmp")).env("BD_ACTOR", "ada");
    // Ids are random in each command of the script.
    command.env_remove("GT_TEST_SEED");
    Output::of(command.args(["-rm", "sh", "-euc", &format!("{library}\n{script}")])).done()
}

#[test]
fn a_full_disk_is_said_and_nothing_is_half_done() {
    if !can_mount() {
        return;
    }
    let fleet = Fleet::new();
    fleet.two(&["one"]);
    run(
        &fleet,
        r#"
        tmpfs 2m small
        git clone -q hub.git small/repo
        cd small/repo
        failed=0
        # Each room on the disk ends the command at another write.
        for room in 0 2 4 6 7 8; do
            fill $room
            check "0|128" "took|found|space left|failed to write" git gt init
            [ $got = 0 ] || failed=$((failed + 1))
            rm fill
            check 0 "found rig ada" git gt init
            git update-ref -d refs/gt/config
            git update-ref -d refs/gt/beads
        done
        [ $failed -gt 1 ]
        git gt init >/dev/null
        failed=0
        for room in 0 1 2 3 4 5 6 7; do
            fill $room
            check "0|128" "Created|cannot .* .*/repo/.git/.*No space left" git gt create --id gt-full$room full
            [ $got = 0 ] || failed=$((failed + 1))
            [ -z "$(find .git/refs .git/logs .git/objects -name '*.lock' -o -name '*tmp*')" ]
            rm fill
            git fsck --strict --no-dangling
            check "0|4" "Created|exists already" git gt create --id gt-full$room full
        done
        [ $failed -gt 2 ]
        fill 0
        check "5|128" "the push to 'origin' broke off|cannot reach 'origin'|space" git gt sync
        rm fill
        # The push may have been through before the room was needed.
        check 0 "pushed    beads|agree" git gt sync
        git fsck --strict --no-dangling
        check 0 agree git gt sync
        [ "$(git gt list --json | grep -c '"title": "full"')" = 8 ]
        "#,
    );
    fleet.at("hub.git").is_sound();
}

#[test]
fn a_remote_whose_disk_is_full_takes_it_later() {
    if !can_mount() {
        return;
    }
    let fleet = Fleet::new();
    let (ada, _, _) = fleet.two(&["one"]);
    ada.git(&["remote", "set-url", "origin", "../small/hub.git"]);
    run(
        &fleet,
        r#"
        tmpfs 2m small
        cp -r hub.git small/hub.git
        cd small
        fill 0
        cd ../ada
        git gt create --id gt-full0 full >/dev/null
        check 5 "the push to 'origin' broke off: .*No space left" git gt sync
        check 5 "hint: what was done here is kept" git gt sync
        rm ../small/fill
        check 0 "pushed    beads" git gt sync
        git -C ../small/hub.git fsck --strict --no-dangling
        "#,
    );
}

#[test]
fn a_repository_that_cannot_be_written_is_read() {
    if !can_mount() {
        return;
    }
    let fleet = Fleet::new();
    fleet.two(&["one"]);
    run(
        &fleet,
        r#"
        mount --bind ada ada
        mount -o remount,bind,ro ada
        cd ada
        check 0 "one" git gt list
        check 0 "create" git gt log
        check 128 "cannot lock '.*/ada/.git/gt-lock': Read-only file system" git gt create x
        check 128 "cannot lock '.*/ada/.git/gt/sync.lock': Read-only file system" git gt sync
        check 128 "Read-only file system" git gt init
        check 128 "/ada/.git/config: Read-only file system" git gt config set backend none
        cd ..
        umount ada
        cd ada
        check 0 "Created" git gt create x
        check 0 "pushed" git gt sync
        "#,
    );
}
