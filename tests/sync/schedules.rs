//! Random schedules of real clones, and the commits that joins leave.

use crate::crash::copy;
use crate::fleet::{Fleet, Member, agree, hub};

/// A linear congruential generator (Knuth).
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from((self.0 >> 33) % limit as u64).unwrap()
    }

    fn pick<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len())]
    }
}

const NAMES: [&str; 3] = ["ada", "bob", "cy"];

/// Does one thing by chance in one clone; what is refused there is refused.
fn act(dice: &mut Dice, member: &Member<'_>, said: &mut Vec<String>) {
    let id = dice.pick(&["gt-one", "gt-two", "gt-same"]);
    let text = format!("{} {}", member.name, said.len());
    let done = match dice.below(10) {
        0 => member.gt(&["update", id, "--title", &text]),
        1 => member.gt(&["label", "add", id, dice.pick(&["a", "b"])]),
        2 => member.gt(&["label", "remove", id, dice.pick(&["a", "b"])]),
        3 | 4 => {
            let done = member.gt(&["comment", id, &text]);
            said.extend((done.code == 0).then_some(text));
            done
        }
        5 => member.gt(&["close", id, "--force"]),
        6 => member.gt(&["reopen", id]),
        7 => member.gt(&["update", id, "--claim"]),
        8 => member.gt(&["release", id]),
        _ => member.gt(&["create", "--id", "gt-same", &text]),
    };
    assert!([0, 1, 4].contains(&done.code), "{done:#?}");
}

fn play(seed: u64) {
    let fleet = Fleet::new();
    let (ada, bob, _) = fleet.two(&[]);
    for id in ["gt-one", "gt-two"] {
        ada.gt(&["create", "--id", id, id]).done();
    }
    agree(&[&ada, &bob]);
    let (mut dice, mut said, cy) = (Dice(seed), Vec::new(), fleet.member("cy"));
    // Cy's clock is a day ahead.
    let cy = cy.with("GT_TEST_NOW", "2026-01-02T00:00:00Z");
    let members = [&ada, &bob, &cy];
    for _ in 0..24 {
        let member = members[dice.below(3)];
        match dice.below(13) {
            0..=6 => act(&mut dice, member, &mut said),
            7 | 8 => drop(member.sync()),
            9 => {
                let other = dice.pick(&NAMES);
                if other != member.name {
                    member.gt(&["sync", &format!("../{other}")]).done();
                }
            }
            10 => drop(hub(&fleet).try_git(&["update-ref", "-d", "refs/gt/beads"])),
            11 => drop(member.gt(&["maintain", "--archive", "0"]).done()),
            // Killed on the way.
            _ => {
                let at = (1 + dice.below(20)).to_string();
                let crashed = member.gt_with(("GT_TEST_CRASH_AT", &at), &["sync"]);
                assert!([-1, 0].contains(&crashed.code), "{crashed:#?}");
            }
        }
    }
    agree(&members);
    let records = ada.records("beads");
    let comments = records.values().filter_map(|it| it["comments"].as_object());
    let texts: Vec<&str> = comments
        .flat_map(|it| it.values())
        .filter_map(|it| it["text"].as_str())
        .collect();
    for text in &said {
        let times = texts.iter().filter(|it| *it == text).count();
        assert_eq!(times, 1, "'{text}' in {texts:?}");
    }
}

#[test]
fn clones_end_alike_after_a_few_random_schedules() {
    for seed in 1..=2 {
        play(seed);
    }
}

#[test]
fn a_join_is_one_commit_whoever_makes_it_and_however_git_is_set_up() {
    let fleet = Fleet::new();
    let (ada, bob, ids) = fleet.two(&["one", "two"]);
    ada.gt(&["update", &ids[0], "--title", "of ada"]).done();
    bob.gt(&["update", &ids[1], "--title", "of bob"]).done();
    for member in [&ada, &bob] {
        member.git(&["remote", "set-url", "origin", "../hub.git"]);
    }
    // In one copy bob joins ada's tip, in another ada joins bob's, with everything else different too.
    let joined = |first: &str, second: &str, settings: &[(&str, &str)], env: &[(&str, &str)]| {
        let fleet = copy(&fleet, &["ada", "bob", "hub.git"]);
        fleet.at(first).sync();
        let mut joiner = fleet.at(second);
        for (key, value) in settings {
            joiner.git(&["config", key, value]);
        }
        for (key, value) in env {
            joiner = joiner.with(key, value);
        }
        joiner.gt(&["sync"]).done();
        let tip = hub(&fleet).tip("beads");
        let parents = hub(&fleet).git(&["rev-list", "--parents", "--max-count=1", &tip]);
        assert_eq!(parents.split(' ').count(), 3, "{parents}");
        tip
    };
    let plain = joined("ada", "bob", &[], &[]);
    let settings = [
        ("commit.gpgSign", "true"),
        ("gpg.program", "false"),
        ("i18n.commitEncoding", "ISO-8859-1"),
        ("user.name", "Somebody"),
        ("user.email", "some@body"),
        ("core.commentChar", "j"),
        ("core.logAllRefUpdates", "always"),
    ];
    let env = [
        ("TZ", "Asia/Kathmandu"),
        ("LC_ALL", "de_DE.UTF-8"),
        ("GIT_AUTHOR_NAME", "Else"),
        ("GIT_COMMITTER_NAME", "Else"),
        ("GIT_AUTHOR_DATE", "1000000001 +0200"),
        ("GIT_COMMITTER_DATE", "1000000002 +0200"),
        ("BD_ACTOR", "somebody"),
        ("GT_SESSION", "here"),
        ("GT_TEST_NOW", "2030-01-01T00:00:00Z"),
    ];
    assert_eq!(joined("bob", "ada", &settings, &env), plain);
    assert_eq!(joined("ada", "bob", &settings, &env), plain);
}
