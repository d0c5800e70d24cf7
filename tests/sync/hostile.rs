//! Ledgers that came from a broken program or a bad neighbour: what makes no sense is left out and named,
//! ours is kept, nothing panics, and everybody ends with the same.

use serde_json::{Value, json};

use crate::fleet::{Fleet, Told, agree, hub, told_of};

/// Returns where the record of an id stands, without `.json`: `x/y/name`.
fn place(id: &str) -> String {
    let letters = b"abcdefghijklmnopqrstuvwxyz234567";
    let hash = blake3::hash(id.as_bytes());
    let bits = u16::from_be_bytes([hash.as_bytes()[0], hash.as_bytes()[1]]);
    let letter = |shift: u16| char::from(letters[usize::from(bits >> shift & 31)]);
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let mut name = String::new();
    for c in id.chars() {
        if plain(c) {
            name.push(c);
        } else {
            let mut bytes = [0; 4];
            c.encode_utf8(&mut bytes)
                .bytes()
                .for_each(|byte| name.push_str(&format!("%{byte:02X}")));
        }
    }
    format!("{}/{}/{name}", letter(11), letter(6))
}

fn path(id: &str) -> String {
    place(id) + ".json"
}

const CREATED: &str = "019b76da8c000000-evil0000";

/// Returns a record with a title and `more`.
fn record(id: &str, title: &str, more: &Value) -> String {
    let mut record = json!({ "created": CREATED, "id": id, "kind": "bead", "title": title });
    for (key, value) in more.as_object().into_iter().flatten() {
        record[key] = value.clone();
    }
    serde_json::to_string_pretty(&record).unwrap() + "\n"
}

/// Writes files on top of a ledger of the hub, or as a ref of their own: mode, path, content.
fn forge(fleet: &Fleet, name: &str, files: &[(&str, &str, &str)]) {
    let known = hub(fleet).try_git(&["rev-parse", "--verify", "-q", name]);
    let mut stream =
        format!("commit {name}\ncommitter E <e@x> 1767225600 +0000\ndata 0\n").into_bytes();
    if known.code == 0 {
        stream.extend(format!("from {name}^0\n").bytes());
    }
    for (mode, path, content) in files {
        let quoted = path
            .replace('\\', "\\\\")
            .replace('"', "\\\"")
            .replace('\n', "\\n");
        match *mode {
            "D" => stream.extend(format!("D \"{quoted}\"\n").bytes()),
            "160000" => {
                // As long as ids are here.
                let length = fleet.git("hub.git", &["rev-parse", "main"]).trim().len();
                let id: String = content.chars().cycle().take(length).collect();
                stream.extend(format!("M 160000 {id} \"{quoted}\"\n").bytes());
            }
            mode => {
                let head = format!("M {mode} inline \"{quoted}\"\ndata {}\n", content.len());
                stream.extend(head.bytes());
                stream.extend(content.bytes());
                stream.push(b'\n');
            }
        }
    }
    fleet.feed("hub.git", &["fast-import", "--quiet", "--force"], &stream);
}

#[track_caller]
fn is_printable(text: &str) {
    let bidi = |c: char| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let steers = |c: char| (c.is_control() || bidi(c)) && c != '\n' && c != '\t';
    assert!(!text.contains(steers), "{text:?}");
}

/// One entry that is not to be believed.
struct Bad {
    mode: &'static str,
    path: String,
    content: String,
    /// What it is called when it is left out.
    name: String,
    /// A part of the reason.
    why: &'static str,
}

fn bad(mode: &'static str, path: String, content: String, why: &'static str) -> Bad {
    let name = path.clone();
    Bad {
        mode,
        path,
        content,
        name,
        why,
    }
}

/// Returns an entry at the place of an id that is no record.
fn no_record(id: &str, content: String, why: &'static str) -> Bad {
    Bad {
        name: id.to_owned(),
        ..bad("100644", path(id), content, why)
    }
}

/// Entries at places where nobody has anything.
fn entries() -> Vec<Bad> {
    let nested = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    let place_only = "not a regular file";
    vec![
        bad(
            "100644",
            format!("q/q/{}.json", "gt-aaaa1"),
            record("gt-aaaa1", "x", &json!({})),
            place_only,
        ),
        bad(
            "120000",
            path("gt-link0"),
            "../../../../etc/passwd".to_owned(),
            place_only,
        ),
        bad(
            "160000",
            path("gt-sub00"),
            "0123456789012345678901234567890123456789".to_owned(),
            place_only,
        ),
        bad(
            "100755",
            path("gt-exec0"),
            record("gt-exec0", "x", &json!({})),
            place_only,
        ),
        bad(
            "100644",
            "README".to_owned(),
            "stray\n".to_owned(),
            place_only,
        ),
        bad(
            "100644",
            "z/stray".to_owned(),
            "stray\n".to_owned(),
            place_only,
        ),
        Bad {
            name: path("gt-deep0"),
            ..bad(
                "100644",
                format!("{}/deeper.json", path("gt-deep0")),
                "stray\n".to_owned(),
                place_only,
            )
        },
        bad(
            "100644",
            "\u{1b}]0;owned\u{7}/x/y.json".to_owned(),
            "stray\n".to_owned(),
            place_only,
        ),
        bad(
            "100644",
            "%2e%2e/%2e%2e/x.json".to_owned(),
            "stray\n".to_owned(),
            place_only,
        ),
        no_record(
            "gt-big00",
            "x".repeat(20 << 20),
            "more than a record may have",
        ),
        no_record(
            "gt-noncn",
            record("gt-noncn", "x", &json!({})).replace(": ", ":"),
            "not in canonical form",
        ),
        no_record(
            "gt-other",
            record("gt-0ther", "x", &json!({})),
            "calls itself 'gt-0ther'",
        ),
        no_record("gt-nest0", nested, "recursion limit"),
        no_record(
            "gt-twice",
            record("gt-twice", "x", &json!({})).replace("\n}", ",\n  \"title\": \"y\"\n}"),
            "twice",
        ),
        no_record(
            "gt-esc\u{1b}[2J",
            record("gt-esc\u{1b}[2J", "x", &json!({})),
            "an id of no use",
        ),
        no_record(
            "gt-2100a",
            record(
                "gt-2100a",
                "x",
                &json!({"stamps": {"title": "ffff76da8c000000-evil0000"}}),
            ),
            "2100",
        ),
        no_record(
            "gt-2100b",
            record("gt-2100b", "x", &json!({})).replace(CREATED, "ffff76da8c000000-evil0000"),
            "2100",
        ),
        no_record(
            "gt-nul00",
            "{\n  \"id\": \"\u{0}\"\n}\n".to_owned(),
            "not JSON",
        ),
        no_record("gt-empty", String::new(), "not JSON"),
    ]
}

fn left_out(told: &[Told]) -> Vec<(String, String)> {
    let of = told.iter().filter(|it| it.event["event"] == "left_out");
    let text = |it: &Told, key: &str| it.event[key].as_str().unwrap().to_owned();
    of.map(|it| (text(it, "id"), text(it, "reason"))).collect()
}

#[test]
fn what_makes_no_sense_is_left_out_and_named() {
    let fleet = Fleet::new();
    let (ada, bob, ids) = fleet.two(&["ours"]);
    let bad = entries();
    let files = bad
        .iter()
        .map(|it| (it.mode, it.path.as_str(), it.content.as_str()));
    forge(&fleet, "refs/gt/beads", &files.collect::<Vec<_>>());
    bob.gt(&["update", &ids[0], "--title", "still ours"]).done();
    let told = ada.sync();
    let named = left_out(&told);
    for it in &bad {
        let found = named.iter().find(|(name, _)| *name == it.name);
        let (_, why) = found.unwrap_or_else(|| panic!("'{}' is not named: {named:#?}", it.name));
        assert!(why.contains(it.why), "{}: {why}", it.name);
    }
    assert_eq!(named.len(), bad.len(), "{named:#?}");
    let said = bob.gt(&["sync"]).done();
    is_printable(&said.stdout);
    is_printable(&said.stderr);
    agree(&[&ada, &bob]);
    for member in [&ada, &bob] {
        let titles: Vec<Value> = member.json(&["list"]).as_array().unwrap().clone();
        assert_eq!(titles.len(), 1, "{titles:#?}");
        assert_eq!(titles[0]["title"], "still ours");
        let listed = member.git(&["ls-tree", "-r", "refs/gt/beads"]);
        assert!(
            listed.lines().all(|line| line.starts_with("100644 ")),
            "{listed}"
        );
        member.gt(&["show", "gt-noncn"]).fails(1, "not a record");
        member.gt(&["close", "gt-2100a"]).fails(1, "2100");
    }
}

#[test]
fn ours_stands_where_theirs_makes_no_sense() {
    let fleet = Fleet::new();
    let titles = ["junk", "link", "exec", "other", "big", "gone", "folder"];
    let (ada, bob, ids) = fleet.two(&titles);
    let big = "x".repeat(17 << 20);
    let at: Vec<String> = ids.iter().map(|id| path(id)).collect();
    let inside = format!("{}/x", at[6]);
    let files = [
        ("100644", at[0].as_str(), "junk\n"),
        ("120000", &at[1], "/etc/passwd"),
        ("100755", &at[2], &record(&ids[2], "exec", &json!({}))),
        ("100644", &at[3], &record("gt-else0", "other", &json!({}))),
        ("100644", &at[4], &big),
        ("D", &at[5], ""),
        ("D", &at[6], ""),
        ("100644", &inside, "stray\n"),
    ];
    forge(&fleet, "refs/gt/beads", &files);
    let told = agree(&[&ada, &bob]);
    let named = left_out(&told);
    assert_eq!(named.len(), 6, "{named:#?}");
    let pairs = || ids.iter().zip(titles);
    for member in [&ada, &bob] {
        for (id, title) in pairs() {
            assert_eq!(member.show(id)["title"], title);
        }
    }
    // A fresh clone sees the repaired ledger and nothing else.
    let cy = fleet.member("cy");
    assert_eq!(left_out(&cy.sync()), []);
    pairs().for_each(|(id, title)| assert_eq!(cy.show(id)["title"], title));
}

#[test]
fn a_shard_that_is_a_file_is_a_shard_again() {
    let fleet = Fleet::new();
    let (ada, bob, ids) = fleet.two(&["one", "two"]);
    let [x, y] = [&ids[0], &ids[1]].map(|id| place(id));
    let outer = &x[..1];
    let inner = &y[..3];
    let files = [
        ("D", outer, ""),
        ("100644", outer, "x\n"),
        ("D", inner, ""),
        ("120000", inner, "x"),
    ];
    forge(&fleet, "refs/gt/beads", &files);
    bob.create("three");
    let told = agree(&[&ada, &bob]);
    assert_eq!(told_of(&told, "left_out").len(), 2, "{told:#?}");
    for member in [&ada, &bob] {
        assert_eq!(member.json(&["list"]).as_array().unwrap().len(), 3);
    }
}

#[test]
fn two_junk_files_at_one_place_end_as_one() {
    let fleet = Fleet::new();
    let (ada, bob, _) = fleet.two(&["ours"]);
    let at = path("gt-junk0");
    forge(&fleet, "refs/gt/beads", &[("100644", &at, "one\n")]);
    ada.sync();
    forge(&fleet, "refs/gt/beads", &[("100644", &at, "two\n")]);
    bob.sync();
    ada.create("more");
    agree(&[&ada, &bob]);
}

#[test]
fn text_that_steers_terminals_is_shown_as_text() {
    let fleet = Fleet::new();
    let (ada, _bob, _) = fleet.two(&[]);
    let evil = "\u{1b}]0;owned\u{7}\u{9b}2J\u{7f}\u{202e}\u{2066}x\r\u{1b}]8;;http://x\u{7}";
    let stamp = "019b76da8c000001-evil0000";
    let more = json!({
        "comments": { stamp: { "author": evil, "text": evil } },
        "labels": { evil: true },
        "notes": evil,
    });
    let odd = [
        "../../x",
        "-rf",
        "--help",
        "gt-evil0",
        "a b",
        "x\u{202e}y",
        "..",
        "HEAD",
    ];
    let claim = json!({ format!("000001-{stamp}"): { "by": evil } });
    let bead = |id: &&str| {
        let mut more = more.clone();
        if *id == "gt-evil0" {
            more["claims"] = claim.clone();
        }
        (path(id), record(id, evil, &more))
    };
    let records: Vec<(String, String)> = odd.iter().map(bead).collect();
    let files: Vec<(&str, &str, &str)> = records
        .iter()
        .map(|(path, text)| ("100644", path.as_str(), text.as_str()))
        .collect();
    forge(&fleet, "refs/gt/beads", &files);
    let mail = json!({ "kind": "mail", "from": evil, "to": "ada", "subject": evil, "body": evil });
    let convoy =
        json!({ "kind": "convoy", "title": evil, "owner": evil, "beads": { "gt-evil0": true } });
    let others = [
        (
            "mail",
            "gt-mail-evil0",
            mail,
            vec!["mail", "read", "gt-mail-evil0"],
        ),
        (
            "convoys",
            "gt-cv-evil0",
            convoy,
            vec!["convoy", "status", "gt-cv-evil0"],
        ),
    ];
    for (ledger, id, more, _) in &others {
        let meta = "{\n  \"fanout\": 2,\n  \"schema\": 1\n}\n";
        let (path, text) = (path(id), record(id, evil, more));
        let files = [
            ("100644", "meta.json", meta),
            ("100644", path.as_str(), text.as_str()),
        ];
        forge(&fleet, &format!("refs/gt/{ledger}"), &files);
    }
    ada.git(&["config", "gt.backend", "none"]);
    let mut commands: Vec<Vec<&str>> = vec![
        vec!["sync"],
        vec!["list"],
        vec!["ready"],
        vec!["log"],
        vec!["agents"],
        vec!["mq", "list"],
        vec!["status"],
        vec!["mail", "inbox", "ada"],
        vec!["convoy", "list"],
        vec!["prime"],
    ];
    commands.extend(others.iter().map(|it| it.3.clone()));
    for id in odd {
        commands.push(vec!["show", "--", id]);
        commands.push(vec!["comments", "--", id]);
        commands.push(vec!["sling", "--", id]);
        commands.push(vec!["close", "--", id]);
    }
    for command in commands {
        let said = ada.gt(&command);
        assert!([0, 1, 4].contains(&said.code), "{command:?}: {said:#?}");
        is_printable(&said.stdout);
        is_printable(&said.stderr);
    }
    ada.is_sound();
    let worktrees = ada.git(&["worktree", "list", "--porcelain"]);
    let inside = format!("worktree {}.gt/polecats/", ada.path.display());
    let stray = |line: &&str| line.starts_with("worktree ") && !line.starts_with(&inside);
    assert_eq!(worktrees.lines().filter(stray).count(), 1, "{worktrees}");
    // Only ids that can be typed are beads; those were slung, one after another on one hook.
    assert_eq!(worktrees.matches(&inside).count(), 1, "{worktrees}");
}

#[test]
fn stamps_from_the_future_are_named_and_poison_nobody() {
    let fleet = Fleet::new();
    let (ada, bob, ids) = fleet.two(&["ours"]);
    // A week after the clock of the test.
    let week = format!(
        "{:016x}-evil0000",
        (1_767_225_600_000_u64 + 7 * 86_400_000) << 16
    );
    let text = record(
        "gt-futur",
        "from next week",
        &json!({ "stamps": { "title": week } }),
    );
    forge(
        &fleet,
        "refs/gt/beads",
        &[("100644", &path("gt-futur"), &text)],
    );
    let told = agree(&[&ada, &bob]);
    assert_eq!(
        told_of(&told, "from_the_future"),
        ["ada: gt-futur", "bob: gt-futur"]
    );
    // A change made in knowledge of it wins all the same, and other beads keep our time.
    ada.gt(&["update", "gt-futur", "--title", "from today"])
        .done();
    ada.gt(&["update", &ids[0], "--title", "mine"]).done();
    agree(&[&ada, &bob]);
    assert_eq!(bob.show("gt-futur")["title"], "from today");
    let updated = bob.show(&ids[0])["updated_at"].as_str().unwrap().to_owned();
    assert!(updated.starts_with("2026-01-01T"), "{updated}");
}

#[test]
fn a_ledger_of_a_newer_version_is_left_alone() {
    let fleet = Fleet::new();
    let (ada, bob, ids) = fleet.two(&["ours"]);
    let meta = "{\n  \"fanout\": 3,\n  \"schema\": 2\n}\n";
    forge(&fleet, "refs/gt/beads", &[("100644", "meta.json", meta)]);
    let before = hub(&fleet).tip("beads");
    ada.gt(&["update", &ids[0], "--title", "written meanwhile"])
        .done();
    ada.gate();
    let said = ada
        .gt(&["sync"])
        .fails(4, "a newer git gt has written 'refs/gt/beads'");
    assert!(
        said.stdout.contains("pushed    config"),
        "other ledgers travel: {said:#?}"
    );
    let said = bob.gt(&["sync", "--json"]).fails(4, "update git gt");
    assert_eq!(told_of(&bob.told(&said), "took"), ["bob: config"]);
    assert_eq!(said.json()["errors"].as_array().unwrap().len(), 1);
    assert_eq!(
        hub(&fleet).tip("beads"),
        before,
        "nothing is pushed over it"
    );
    assert_eq!(ada.show(&ids[0])["title"], "written meanwhile");
    // A fresh clone must not found a rig of its own beside it.
    let meta = [("100644", "meta.json", meta)];
    forge(&fleet, "refs/gt/config", &meta);
    fleet
        .clone_only("cy")
        .gt(&["init"])
        .fails(4, "a newer git gt");
}

#[test]
fn what_meta_json_says_beyond_this_version_is_kept() {
    let fleet = Fleet::new();
    let (ada, bob, ids) = fleet.two(&["ours"]);
    let meta = "{\n  \"fanout\": 2,\n  \"purge_floor\": \"019b76da8c000000-evil0000\",\n  \"schema\": 1\n}\n";
    forge(&fleet, "refs/gt/beads", &[("100644", "meta.json", meta)]);
    for member in [&ada, &bob] {
        member.gt(&["comment", &ids[0], "hello"]).done();
    }
    agree(&[&ada, &bob]);
    assert_eq!(bob.git(&["show", "refs/gt/beads:meta.json"]) + "\n", meta);
    // One that makes no sense is written anew.
    for junk in [
        ("100644", "meta.json", "junk"),
        ("120000", "meta.json", "/etc/passwd"),
    ] {
        forge(&fleet, "refs/gt/beads", &[junk]);
        ada.gt(&["comment", &ids[0], "again"]).done();
        agree(&[&ada, &bob]);
        assert!(
            bob.git(&["show", "refs/gt/beads:meta.json"])
                .contains("\"schema\": 1")
        );
    }
}

#[test]
fn a_ref_that_names_no_commit_is_named_and_ours_is_put_back() {
    let fleet = Fleet::new();
    let (ada, bob, ids) = fleet.two(&["ours"]);
    let blob = fleet.feed("hub.git", &["hash-object", "-w", "--stdin"], b"junk");
    fleet.git("hub.git", &["update-ref", "refs/gt/beads", blob.trim()]);
    fleet.git("hub.git", &["update-ref", "refs/gt/other", blob.trim()]);
    let told = ada.sync();
    let named = left_out(&told);
    assert_eq!(
        named
            .iter()
            .map(|(name, _)| name.as_str())
            .collect::<Vec<_>>(),
        ["refs/gt/beads", "refs/gt/other"]
    );
    assert_eq!(
        told_of(&told, "put_back"),
        ["ada: refs/gt/beads"].map(|it| it.replace("refs/gt/", ""))
    );
    assert_eq!(left_out(&bob.sync()).len(), 1);
    fleet.git("hub.git", &["update-ref", "-d", "refs/gt/other"]);
    agree(&[&ada, &bob]);
    assert_eq!(bob.show(&ids[0])["title"], "ours");
    // A tag leads to its commit.
    ada.create("later");
    ada.git(&["tag", "-a", "-m", "x", "t", "refs/gt/beads"]);
    ada.git(&["push", "-q", "origin", "+refs/tags/t:refs/gt/beads"]);
    agree(&[&bob, &ada]);
    assert_eq!(bob.json(&["list"]).as_array().unwrap().len(), 2);
}

#[test]
fn ledgers_this_version_has_never_heard_of_are_carried_and_joined() {
    let fleet = Fleet::new();
    let (ada, bob, _) = fleet.two(&[]);
    let meta = (
        "100644",
        "meta.json",
        "{\n  \"fanout\": 2,\n  \"schema\": 1\n}\n",
    );
    let mail = |title: &str, at: u64, field: &str| {
        let mut text = json!({ "created": CREATED, "id": "ml-1", "kind": "mail", "stamps": {} });
        text[field] = title.into();
        text["stamps"][field] = format!("019b76da8c00000{at}-evil0000").into();
        serde_json::to_string_pretty(&text).unwrap() + "\n"
    };
    forge(
        &fleet,
        "refs/gt/whatever",
        &[meta, ("100644", &path("ml-1"), &mail("a", 1, "subject"))],
    );
    agree(&[&ada, &bob]);
    // Each changes it as a newer version would.
    for (member, field) in [(&ada, "read"), (&bob, "starred")] {
        let text = mail(field, 2, field);
        let blob = member.feed(&["hash-object", "-w", "--stdin"], text.as_bytes());
        let index = ["-c", "core.splitIndex=false"];
        let member = fleet
            .at(&member.name)
            .with("GIT_INDEX_FILE", "scratch-index");
        member.git(&[index[0], index[1], "read-tree", "refs/gt/whatever"]);
        let info = format!("100644,{},{}", blob.trim(), path("ml-1"));
        member.git(&["update-index", "--add", "--cacheinfo", &info]);
        let tree = member.git(&["write-tree"]);
        let commit = member.git(&["commit-tree", "-p", "refs/gt/whatever", "-m", field, &tree]);
        member.git(&["update-ref", "refs/gt/whatever", &commit]);
    }
    let told = agree(&[&ada, &bob]);
    assert_eq!(told_of(&told, "joined"), ["bob: whatever"]);
    let record = &ada.records("whatever")["ml-1"];
    assert_eq!(
        (&record["read"], &record["starred"]),
        (&json!("read"), &json!("starred"))
    );
}

#[test]
fn refs_of_others_below_refs_gt_are_left_alone() {
    let fleet = Fleet::new();
    let (ada, bob, _) = fleet.two(&["ours"]);
    let mine = ada.git(&["rev-parse", "HEAD"]);
    ada.git(&["update-ref", "refs/gt/mine", &mine]);
    ada.git(&["update-ref", "refs/gt/private/thing", &mine]);
    forge(
        &fleet,
        "refs/gt/plain",
        &[("100644", "README", "a branch of somebody's\n")],
    );
    forge(&fleet, "refs/gt/some/thing", &[("100644", "README", "x\n")]);
    let all = ["for-each-ref", "--format=%(refname) %(objectname)"];
    let before = fleet.git("hub.git", &all);
    let told = ada.sync();
    assert_eq!(
        left_out(&told),
        [("refs/gt/plain".to_owned(), "not a ledger".to_owned())]
    );
    assert!(ada.sync().is_empty(), "it is said once");
    ada.create("more");
    ada.sync();
    bob.sync();
    let after = fleet.git("hub.git", &all);
    let but_beads = |text: &str| {
        text.lines()
            .filter(|it| !it.contains("beads"))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(but_beads(&before), but_beads(&after));
    for name in ["refs/gt/plain", "refs/gt/some/thing"] {
        assert_eq!(
            bob.try_git(&["rev-parse", "-q", "--verify", name]).code,
            1,
            "{name} came along"
        );
    }
    assert_eq!(ada.git(&["rev-parse", "refs/gt/mine"]), mine);
}

#[test]
fn a_folder_of_refs_in_the_place_of_a_ledger_is_named() {
    let fleet = Fleet::new();
    let (ada, bob, _) = fleet.two(&["ours"]);
    let tip = hub(&fleet).tip("beads");
    fleet.git("hub.git", &["update-ref", "-d", "refs/gt/beads"]);
    fleet.git("hub.git", &["update-ref", "refs/gt/beads/evil", &tip]);
    for member in [&ada, &bob] {
        let said = member.gt(&["sync"]).fails(4, "holds 'refs/gt/beads/evil'");
        assert!(
            said.stderr
                .contains("git push origin --delete refs/gt/beads/evil"),
            "{said:#?}"
        );
    }
    ada.git(&["push", "-q", "origin", "--delete", "refs/gt/beads/evil"]);
    agree(&[&ada, &bob]);
}

#[test]
fn commits_that_no_program_of_ours_wrote_are_read() {
    let fleet = Fleet::new();
    let (ada, bob, ids) = fleet.two(&["ours"]);
    for (who, date, said) in [
        ("E <e@x>", "99999999999999999999 +0000", "\u{1b}[2Jx\n"),
        ("E", "x", ""),
        ("<>", "-1 +9999", "x\n\nGt-Stamp: a\n b\n\tc\nGt-Stamp:\n"),
        (
            "E <e@x>",
            "18446744073709551615 +0000",
            "\0\n\u{202e}\rx\n\n\n",
        ),
    ] {
        let tree = hub(&fleet).tree("beads");
        let parent = hub(&fleet).tip("beads");
        let text = format!(
            "tree {tree}\nparent {parent}\nauthor {who} {date}\ncommitter {who} {date}\n\n{said}"
        );
        let args = [
            "hash-object",
            "-t",
            "commit",
            "-w",
            "--literally",
            "--stdin",
        ];
        let commit = fleet.feed("hub.git", &args, text.as_bytes());
        fleet.git("hub.git", &["update-ref", "refs/gt/beads", commit.trim()]);
        ada.gt(&["comment", &ids[0], who]).done();
        bob.gt(&["comment", &ids[0], date]).done();
        for member in [&ada, &bob, &ada, &bob] {
            member.sync();
        }
        assert!(ada.sync().is_empty() && bob.sync().is_empty());
        assert_eq!(ada.tree("beads"), bob.tree("beads"));
        let said = ada.gt(&["log"]).done();
        is_printable(&said.stdout);
    }
}

#[test]
fn a_commit_longer_than_any_of_ours_is_not_read() {
    let fleet = Fleet::new();
    let (ada, bob, ids) = fleet.two(&["ours"]);
    let hub = hub(&fleet);
    let tree = hub.tree("beads");
    let words = "x".repeat(2 << 20);
    let args = ["commit-tree", "-p", "refs/gt/beads", "-F", "-", &tree];
    let commit = hub.feed(&args, words.as_bytes());
    hub.git(&["update-ref", "refs/gt/beads", commit.trim()]);
    let named = left_out(&ada.sync());
    let why = "its ref names no commit".to_owned();
    assert_eq!(named, [("refs/gt/beads".to_owned(), why)]);
    bob.sync();
    agree(&[&ada, &bob]);
    assert_eq!(bob.show(&ids[0])["title"], "ours");
}

/// Returns a record of any kind.
fn of_kind(kind: &str, id: &str, fields: &Value) -> String {
    record(id, "", fields)
        .replace("\"bead\"", &format!("\"{kind}\""))
        .replace(",\n  \"title\": \"\"", "")
}

#[test]
fn settings_and_requests_that_make_no_sense_stop_nobody() {
    let evil = "\u{1b}]0;owned\u{7}";
    let odd = [
        "-rf",
        "../../x",
        "a b..c",
        "x\ny",
        "HEAD",
        "",
        evil,
        "@{-1}",
        "a\0b",
        "x\u{202e}y",
        "--upload-pack=touch x",
    ];
    let fleet = Fleet::new();
    let (ada, bob, ids) = fleet.two(&["ours"]);
    let (mut config, mut queue) = (Vec::new(), Vec::new());
    for (n, text) in odd.iter().enumerate() {
        let zero = "0000000000000000-0";
        let stamps = json!({ "prefix": zero, "target": CREATED, "gate": CREATED });
        let rig = json!({
            "created": zero, "prefix": format!("{text}!"), "target": text, "gate": text, "stamps": stamps,
        });
        let keep = json!({ *text: true, "../..": true });
        let gate = json!({ "created": zero, "command": text, "timeout": -5, "keep": keep });
        let request = json!({
            "bead": ids[0], "branch": text, "head": text, "rig": "ada", "target": text,
            "tip": text, "worker": text, "priority": 99_999_999_999_u64, "epoch": -1,
        });
        let id = format!("rig.evil{n}");
        config.push((path(&id), of_kind("rig", &id, &rig)));
        let id = format!("gate.{}", text.replace(char::is_control, "_"));
        config.push((path(&id), of_kind("gate", &id, &gate)));
        let id = format!("gt-mr-{n}");
        queue.push((path(&id), of_kind("merge-request", &id, &request)));
    }
    queue.push((
        "meta.json".to_owned(),
        "{\n  \"fanout\": 2,\n  \"schema\": 1\n}\n".to_owned(),
    ));
    for (name, files) in [("refs/gt/config", &config), ("refs/gt/queue", &queue)] {
        let files = files
            .iter()
            .map(|(path, text)| ("100644", path.as_str(), text.as_str()));
        forge(&fleet, name, &files.collect::<Vec<_>>());
    }
    let commands: &[&[&str]] = &[
        &["sync"],
        &["list"],
        &["mq", "list", "--all"],
        &["mq", "status", "gt-mr-1"],
        &["mq", "reject", "gt-mr-2", "--reason", "no"],
        &["refinery", "gate", "list"],
        &["refinery", "run"],
        &["refinery", "gate", "none"],
        &["config", "show"],
        &["log"],
        &["close", &ids[0]],
        &["init"],
        &["sync"],
    ];
    for command in commands {
        let said = ada.gt(command);
        assert!([0, 1, 4].contains(&said.code), "{command:?}: {said:#?}");
        is_printable(&said.stdout);
        is_printable(&said.stderr);
    }
    assert_eq!(
        ada.json(&["init"])["rig"],
        "ada",
        "a rig without a usable prefix is none"
    );
    let id = ada.create("mine");
    assert!(id.starts_with("gt-"), "{id}");
    agree(&[&ada, &bob]);
    assert!(!fleet.path("x").exists() && !ada.path.join("x").exists());
}
