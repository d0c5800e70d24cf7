//! What goes across rigs: beads found by their prefix, convoys in HQ, mail in the reader's home, crew.

use std::process::Stdio;

use crate::yard::Yard;

#[test]
fn a_bead_is_found_by_its_prefix_from_anywhere() {
    let yard = Yard::with_town("");
    let (api, web) = (
        yard.create("gt/api", "in api"),
        yard.create("gt/web", "in web"),
    );
    let hq = yard.create("gt", "for all");
    assert!(api.starts_with("api-") && web.starts_with("web-") && hq.starts_with("hq-"));
    for folder in ["gt", "gt/api/.repo", "gt/web"] {
        for (id, title) in [(&api, "in api"), (&web, "in web"), (&hq, "for all")] {
            let shown = yard.json(folder, &["show", id]);
            assert_eq!(shown[0]["title"], title, "{folder} {id}");
        }
    }
    yard.gt("gt/web", &["update", &api, "-p", "0"]).done();
    yard.gt("gt", &["comment", &api, "seen"]).done();
    yard.gt("gt/web", &["label", "add", &api, "urgent"]).done();
    let both = yard.json("gt/web", &["show", &api, &web]);
    assert_eq!(both[0]["priority"], 0);
    assert_eq!(both[0]["labels"][0], "urgent");
    assert_eq!(both[1]["title"], "in web");
    assert!(!yard.gt("gt/web", &["list"]).done().contains("in api"));
    let child = yard
        .gt("gt/web", &["create", "--silent", "part", "--parent", &api])
        .done();
    assert_eq!(child.trim(), format!("{api}.1"));
    yard.gt("gt/web", &["close", &api, &web, "--force"]).done();
    for id in [&api, &web] {
        assert_eq!(yard.json("gt", &["show", id])[0]["status"], "closed");
    }
    yard.gt("gt/web", &["show", "api-nothing"])
        .fails(1, "api-nothing");
    yard.gt("gt", &["--rig", "nowhere", "list"])
        .fails(1, "rigs of this town: api, web");
}

#[test]
fn a_bead_is_never_written_into_the_ledger_of_another_rig() {
    let yard = Yard::with_town("");
    let (api, web) = (yard.create("gt/api", "a"), yard.create("gt/web", "w"));
    let exported = yard.gt("gt/api", &["export"]).done();
    yard.file("beads.jsonl", &exported);
    yard.git("gt/web/.repo", &["branch", "topic", "main"]);
    let ledgers = || {
        let tips = ["gt", "gt/web/.repo"].map(|folder| {
            yard.git(
                folder,
                &["for-each-ref", "refs/gt/beads", "refs/gt/handoffs"],
            )
        });
        tips.concat()
    };
    let before = ledgers();
    let check = |folder: &str, args: &[&str], code, words: &str| {
        yard.gt(folder, args).fails(code, words);
        assert_eq!(ledgers(), before, "{folder} {args:?}");
    };
    let file = yard.path("beads.jsonl");
    let file = file.to_str().unwrap();
    let there = format!("'{api}' would be a bead of api");
    check("gt/web", &["import", file], 4, &there);
    check("gt", &["import", file], 4, &there);
    let new = |id| ["create", "t", "--force", "--id", id];
    check("gt/web", &new("api-zzzzz"), 4, "would be a bead of api");
    check("gt/web", &new("hq-zzzzz"), 4, "would be a bead of hq");
    check("gt", &new("web-zzzzz"), 4, "would be a bead of web");
    let blocks = format!("blocks:{api}");
    for folder in ["gt", "gt/web"] {
        let args = ["create", "t", "--deps", &blocks];
        check(folder, &args, 4, "a bead of another rig");
    }
    let of_api = format!("'{api}' is a bead of api");
    let submit = ["mq", "submit", "--branch", "topic", "--bead", &api];
    check("gt/web", &submit, 1, &of_api);
    check("gt/web", &["done", "--issue", &api], 1, &of_api);
    check("gt/web", &["handoff", "-m", "x", &api], 1, &of_api);
    yard.gt("gt/web", &["crew", "add", "max"]).done();
    check("gt/web/crew/max", &["hook", &api], 4, "is of rig api");
    assert_eq!(yard.json("gt", &["show", &web])[0]["title"], "w");
    yard.gt("gt/api", &["create", "t", "--force", "--id", "old-zzzzz"])
        .done();
}

#[test]
fn beads_wait_for_beads_of_other_rigs() {
    let yard = Yard::with_town("");
    let (api, web) = (
        yard.create("gt/api", "first"),
        yard.create("gt/web", "then"),
    );
    yard.gt("gt", &["dep", "add", &web, &api]).done();
    let ready = |folder: &str| {
        let all = yard.json(folder, &["ready"]);
        let ids = all.as_array().unwrap().iter().map(|it| it["id"].clone());
        ids.collect::<Vec<_>>()
    };
    assert_eq!(ready("gt"), [api.as_str()]);
    assert_eq!(ready("gt/web"), [api.as_str()]);
    for folder in ["gt", "gt/api", "gt/web"] {
        let up = ["dep", "list", &api, "--direction", "up"];
        assert_eq!(yard.json(folder, &up)[0]["id"], web.as_str(), "{folder}");
        let down = yard.json(folder, &["dep", "list", &web]);
        assert_eq!(down[0]["id"], api.as_str(), "{folder}");
    }
    yard.gt("gt/web", &["sling", &web, "-n"])
        .fails(4, "waits for");
    yard.gt("gt", &["close", &api]).done();
    assert_eq!(ready("gt"), [web.as_str()]);
}

#[test]
fn a_convoy_over_two_rigs_ends_once_and_says_so_once() {
    let yard = Yard::with_town("");
    let (api, web) = (yard.create("gt/api", "a"), yard.create("gt/web", "b"));
    let made = yard.json(
        "gt/api",
        &["convoy", "create", "Both", &api, &web, "--human"],
    );
    let id = made["id"].as_str().unwrap();
    assert!(id.starts_with("hq-cv-"), "{id}");
    yard.gt("gt", &["close", &api]).done();
    let shown = yard.json("gt/web", &["convoy", "show", id]);
    assert_eq!(
        (&shown[0]["completed"], &shown[0]["status"]),
        (&1.into(), &"open".into())
    );
    yard.gt("gt/api", &["close", &web]).done();
    let shown = yard.json("gt", &["convoy", "show", id]);
    assert_eq!(shown[0]["status"], "closed");
    let told = |folder: &str| {
        let all = yard.json(folder, &["mail", "inbox", "overseer"]);
        let all = all.as_array().unwrap().iter();
        let about = all.filter(|it| it["subject"].as_str().unwrap().contains(id));
        about.count()
    };
    for folder in ["gt", "gt/api", "gt/web"] {
        assert_eq!(told(folder), 1, "{folder}");
    }
    for folder in ["gt/.git/gt", "gt/api/.repo/.git/gt", "gt/web/.repo/.git/gt"] {
        std::fs::remove_dir_all(yard.path(folder)).unwrap();
    }
    for folder in ["gt/api", "gt/web", "gt"] {
        yard.create(folder, "later");
    }
    assert_eq!(told("gt"), 1);
}

#[test]
fn mail_waits_where_its_reader_is() {
    let yard = Yard::with_town("");
    yard.gt("gt/api", &["crew", "add", "max"]).done();
    yard.gt("gt/web", &["crew", "add", "ada"]).done();
    yard.gt(
        "gt/api/crew/max",
        &["mail", "send", "web/crew/ada", "-s", "hello"],
    )
    .done();
    let inbox = yard.json("gt/web/crew/ada", &["mail", "inbox"]);
    let id = inbox[0]["id"].as_str().unwrap();
    assert!(id.starts_with("web-mail-"), "{id}");
    assert_eq!(inbox[0]["from"], "api/crew/max");
    yard.gt(
        "gt/web/crew/ada",
        &["mail", "reply", id, "-m", "hello yourself"],
    )
    .done();
    let back = yard.json("gt/api/crew/max", &["mail", "inbox"]);
    assert_eq!(back[0]["subject"], "Re: hello");
    let thread = yard.json(
        "gt/api/crew/max",
        &["mail", "thread", back[0]["id"].as_str().unwrap()],
    );
    assert_eq!(thread.as_array().unwrap().len(), 2);
    yard.gt("gt", &["mail", "send", "@crew/api", "-s", "to all"])
        .done();
    assert_eq!(
        yard.json("gt/api/crew/max", &["mail", "inbox"])
            .as_array()
            .unwrap()
            .len(),
        2
    );
    yard.gt("gt", &["mail", "send", "web/crew/nobody", "-s", "x"])
        .fails(1, "web/crew/ada");
    yard.gt("gt/web", &["mail", "send", "mayor/", "-s", "for the mayor"])
        .done();
    let mayor = yard.json("gt/api", &["--actor", "mayor", "mail", "inbox"]);
    assert_eq!(mayor[0]["subject"], "for the mayor");
}

#[test]
fn mail_to_a_rig_that_has_no_clone_here_is_read_where_it_has_one() {
    let yard = Yard::with_town("");
    yard.git(".", &["init", "--quiet", "--bare", "-b", "main", "hq.git"]);
    yard.git("gt", &["remote", "add", "origin", "../hq.git"]);
    yard.gt("gt", &["sync"]).done();
    yard.git(".", &["clone", "--quiet", "hq.git", "there"]);
    yard.gt(".", &["install", "there"]).done();
    for to in ["web", "web/refinery"] {
        yard.gt("there", &["mail", "send", to, "-s", "from afar", "-m", "x"])
            .done();
    }
    yard.gt("there", &["sync"]).done();
    yard.gt("gt", &["sync"]).done();
    let inbox = |address: &str| {
        let all = yard.json("gt/web", &["mail", "inbox", address, "--unread"]);
        all.as_array().unwrap().clone()
    };
    assert_eq!(inbox("web").len(), 1);
    let as_refinery = ["--actor", "web/refinery", "mail"];
    let act = |words: &[&str]| yard.gt("gt/web", &[&as_refinery[..], words].concat());
    let reminder = act(&["check", "--inject"]).done();
    assert!(reminder.contains("from afar"), "{reminder}");
    let id = inbox("web/refinery")[0]["id"].as_str().unwrap().to_owned();
    assert!(id.starts_with("hq-mail-"), "{id}");
    let shown = act(&["read", &id["hq-mail-".len()..]]).done();
    assert!(shown.contains("from afar"), "{shown}");
    assert_eq!(inbox("web/refinery").len(), 0);
    act(&["archive", &id]).done();
    assert!(!act(&["inbox"]).done().contains("from afar"));
}

#[test]
fn crew_works_in_other_rigs_under_one_name() {
    let yard = Yard::with_town("");
    yard.gt("gt", &["crew", "add", "max"]).fails(4, "--rig api");
    yard.gt("gt", &["--rig", "api", "crew", "add", "max"])
        .done();
    let said = yard.gt("gt", &["--rig", "web", "crew", "add", "max"]);
    assert!(said.stderr.contains("max is crew of api, too"), "{said:?}");
    yard.gt("gt/api/crew/max", &["worktree", "web"]).done();
    let who = yard.json("gt/web/crew/api-max", &["whoami"]);
    assert_eq!(who["actor"], "api/crew/max");
    let listed = yard.json("gt/api/crew/max", &["worktree", "list"]);
    assert_eq!(listed.as_array().unwrap().len(), 1);
    for name in ["../x", "-f", "Max", "mayor", "a/b", ""] {
        let said = yard.gt("gt/api", &["crew", "add", "--", name]);
        assert_eq!(said.code, Some(1), "{name} {said:?}");
    }
    let again = yard.json("gt/api/crew/max", &["worktree", "web"]);
    assert_eq!(again["address"], "api/crew/max");
    assert_eq!(again["created"], false);
    yard.gt("gt/web", &["crew", "add", "api-max"])
        .fails(4, "is the worktree of api/crew/max");
    yard.gt("gt", &["--rig", "api", "crew", "add", "joe"])
        .done();
    yard.gt("gt/web", &["crew", "add", "api-joe"]).done();
    yard.gt("gt/api/crew/joe", &["worktree", "web"])
        .fails(4, "is the worktree of web/crew/api-joe");
    yard.gt("gt/api/crew/joe", &["worktree", "remove", "web"])
        .fails(1, "no crew member 'api-joe'");
    let removed = yard.json("gt/api/crew/max", &["worktree", "remove", "web"]);
    assert_eq!(removed["removed"]["address"], "api/crew/max");
    yard.gt("gt/web/crew/max", &["worktree", "web"])
        .fails(4, "your own rig");
    yard.gt("gt", &["worktree", "web"])
        .fails(4, "nobody's crew");
}

#[test]
fn crew_that_is_added_by_several_at_once_is_made_once() {
    let yard = Yard::with_town("");
    let add = || {
        let mut command = yard.command("gt/api", &["crew", "add", "max"]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap()
    };
    let all: Vec<_> = (0..4).map(|_| add()).collect();
    let mut made = 0;
    for child in all {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{output:?}");
        made += usize::from(output.stdout.starts_with(b"made"));
    }
    assert_eq!(made, 1);
}

#[test]
fn a_name_that_differs_in_case_only_is_refused() {
    let yard = Yard::with_town("");
    let check = |folder: &str, args: &[&str]| {
        yard.gt(folder, args).fails(4, "differs in case only");
    };
    check(
        "gt/api",
        &["refinery", "gate", "add", "Test", "--command", "true"],
    );
    for place in ["--local", "--shared"] {
        check(
            "gt/api",
            &["config", "agent", "set", "SCRIPTED", "true", place],
        );
    }
    let again = ["refinery", "gate", "add", "test", "--command", "true"];
    yard.gt("gt/api", &again).done();
    yard.gt("gt", &["config", "agent", "set", "scripted", "true"])
        .done();
}

#[test]
fn what_hq_says_holds_for_its_rigs() {
    let yard = Yard::with_town("");
    yard.gt("gt", &["config", "set", "backend", "none"]).done();
    assert_eq!(
        yard.gt("gt/api", &["config", "get", "backend"]).done(),
        "none\n"
    );
    yard.gt("gt/api", &["config", "set", "backend", "headless"])
        .done();
    assert_eq!(
        yard.gt("gt/api", &["config", "get", "backend"]).done(),
        "headless\n"
    );
    assert_eq!(
        yard.gt("gt/web", &["config", "get", "backend"]).done(),
        "none\n"
    );
    yard.gt(
        "gt/web",
        &["config", "set", "backend", "headless", "--shared"],
    )
    .done();
    assert_eq!(
        yard.gt("gt/web", &["config", "get", "backend"]).done(),
        "none\n"
    );
    yard.gt("gt/api", &["config", "set", "remote", "x", "--shared"])
        .fails(4, "is about this machine");
    yard.gt(
        "gt",
        &["config", "agent", "set", "shared", "true", "--shared"],
    )
    .done();
    let agents = yard.gt("gt/web", &["config", "agent", "list"]).done();
    assert!(
        agents.contains("shared") && agents.contains("scripted"),
        "{agents}"
    );
    yard.git("gt", &["config", "--unset", "gt.agent.shared.accepted"]);
    let agents = yard.gt("gt/web", &["config", "agent", "list"]).done();
    assert!(!agents.contains("shared"), "{agents}");
    yard.gt("gt", &["config", "set", "backend", ""]).done();
    let bead = yard.create("gt/web", "t");
    yard.gt("gt/web", &["sling", &bead, "--agent", "shared"])
        .fails(4, "is not accepted on this machine");
    yard.gt("gt", &["config", "accept", "agent.shared"]).done();
    yard.gt("gt/web", &["sling", &bead, "--agent", "shared"])
        .done();
}

#[test]
fn work_of_two_rigs_is_slung_from_hq_and_lands_in_both() {
    let yard = Yard::with_town(
        "echo \"$GT_BEAD\" >\"$GT_BEAD\"; git add . && git commit -qm work && git gt done",
    );
    let (api, web) = (yard.create("gt/api", "a"), yard.create("gt/web", "b"));
    let hq = yard.create("gt", "c");
    yard.gt("gt", &["sling", &hq])
        .fails(4, "which holds no code");
    yard.gt("gt", &["sling", &api, "web"])
        .fails(4, "is a bead of rig api");
    yard.gt("gt", &["sling", &api, "nowhere/nux"])
        .fails(1, "rigs of this town: api, web");
    yard.gt("gt/web", &["sling", &api, "."])
        .fails(4, "you stand in web");
    let slung = yard.json("gt", &["sling", &api, &web]);
    assert_eq!(slung[0]["agent"], "api/polecats/furiosa");
    assert_eq!(slung[1]["agent"], "web/polecats/furiosa");
    yard.ended("gt");
    yard.gt("gt", &["peek", "furiosa"])
        .fails(1, "is in several rigs");
    yard.gt("gt", &["peek", "web/furiosa"]).done();
    assert_eq!(
        yard.json("gt", &["mq", "list"]).as_array().unwrap().len(),
        2
    );
    let ran = yard.json("gt", &["refinery", "run"]);
    for rig in ran.as_array().unwrap() {
        assert_eq!(rig["landed"].as_array().unwrap().len(), 1, "{ran}");
    }
    for (rig, bead) in [("api", &api), ("web", &web)] {
        let files = yard.git(&format!("{rig}.git"), &["ls-tree", "--name-only", "main"]);
        assert!(files.contains(bead.as_str()), "{files}");
        assert_eq!(yard.json("gt", &["show", bead])[0]["status"], "closed");
    }
    // Each was slung in a convoy of its own, which HQ keeps, and which has ended with it.
    let convoys = yard.json("gt", &["convoy", "list", "--all"]);
    let closed = convoys
        .as_array()
        .unwrap()
        .iter()
        .filter(|it| it["status"] == "closed");
    assert_eq!(closed.count(), 2, "{convoys}");
    let status = yard.json("gt", &["status"]);
    assert_eq!(status["rigs"].as_array().unwrap().len(), 2);
    assert_eq!(status["rigs"][0]["queued"], 0);
    let agents = yard.json("gt", &["agents"]);
    assert_eq!(agents.as_array().unwrap().len(), 2);
}

#[test]
fn shells_are_offered_rigs_and_the_beads_of_each() {
    let yard = Yard::with_town("");
    let (api, web) = (yard.create("gt/api", "a"), yard.create("gt/web", "b"));
    let offered = |folder: &str, words: &[&str]| -> Vec<String> {
        let said = yard
            .gt(folder, &[&["complete", "--"], words].concat())
            .done();
        let values = said
            .lines()
            .map(|line| line.split('\t').next().unwrap().to_owned());
        values.collect()
    };
    assert_eq!(offered("gt/web", &["--rig", ""]), ["api", "web"]);
    assert_eq!(offered("gt", &["worktree", "a"]), ["api"]);
    assert_eq!(offered("gt", &["show", ""]), [api.as_str(), &web]);
    assert_eq!(offered("gt/web", &["show", ""]), [web.as_str()]);
    assert_eq!(offered("gt/web", &["show", "api-"]), [api.as_str()]);
    assert_eq!(
        offered("gt/web", &["--rig", "api", "show", ""]),
        [api.as_str()]
    );
}

#[test]
fn of_two_machines_that_did_one_bead_the_first_to_push_lands_it() {
    let yard = Yard::new();
    for clone in ["one", "two"] {
        yard.git(".", &["clone", "--quiet", "api.git", clone]);
        yard.gt(clone, &["init", "--prefix", "api"]).done();
        let agent = "echo x >\"$(basename \"$(dirname \"$(dirname \"$PWD\")\")\")\"; \
                     git add . && git commit -qm work && git gt done";
        yard.gt(clone, &["config", "agent", "set", "mine", agent])
            .done();
        let gate = ["refinery", "gate", "add", "test", "--command", "true"];
        yard.gt(clone, &gate).done();
        yard.gt(clone, &["sync"]).done();
    }
    let bead = yard.create("one", "contested");
    yard.gt("one", &["sync"]).done();
    yard.gt("two", &["sync"]).done();
    for clone in ["one", "two"] {
        yard.gt(clone, &["sling", &bead]).done();
        yard.ended(clone);
    }
    yard.gt("one", &["sync"]).done();
    let told = yard.gt("two", &["sync"]).done();
    assert!(told.contains("lost      the claim of"), "{told}");
    let queue = yard.json("two", &["mq", "list", "--all"]);
    let statuses = |queue: &serde_json::Value| -> Vec<String> {
        let all = queue.as_array().unwrap().iter();
        let mut all: Vec<String> = all
            .map(|it| it["status"].as_str().unwrap().to_owned())
            .collect();
        all.sort();
        all
    };
    assert_eq!(statuses(&queue), ["cancelled", "queued"], "{queue}");
    let ran = yard.json("two", &["refinery", "run"]);
    assert_eq!(ran["landed"].as_array().unwrap().len(), 1, "{ran}");
    yard.gt("two", &["sync"]).done();
    yard.gt("one", &["sync"]).done();
    let files = yard.git("api.git", &["ls-tree", "--name-only", "main"]);
    assert!(
        files.contains("one.gt") && !files.contains("two.gt"),
        "{files}"
    );
    for clone in ["one", "two"] {
        let queue = yard.json(clone, &["mq", "list", "--all"]);
        assert_eq!(statuses(&queue), ["cancelled", "landed"], "{clone}");
        assert_eq!(yard.json(clone, &["show", &bead])[0]["status"], "closed");
    }
    // What lost is kept: by its branch where it was done.
    let branches = yard.git("two", &["branch", "--list", "gt/*", "--no-merged", "main"]);
    assert!(branches.contains(&bead), "{branches}");
}

#[test]
fn an_agent_is_told_of_its_mail_when_it_starts() {
    let yard = Yard::with_town("cat >prompt; git add . && git commit -qm work && git gt done");
    let first = yard.create("gt/api", "first");
    yard.gt("gt", &["sling", &first]).done();
    yard.ended("gt");
    yard.gt("gt", &["refinery", "run"]).done();
    let send = ["mail", "send", "api/furiosa", "-s", "be careful"];
    yard.gt("gt", &send).done();
    yard.gt("gt", &["nudge", "api/furiosa", "with the tests"])
        .done();
    let then = yard.create("gt/api", "then");
    yard.gt("gt", &["sling", &then, "api/furiosa"]).done();
    yard.ended("gt");
    let prompt = std::fs::read_to_string(yard.path("gt/api/polecats/furiosa/prompt")).unwrap();
    assert!(prompt.contains("be careful"), "{prompt}");
    assert!(prompt.contains("with the tests"), "{prompt}");
}
