//! A day in small: two machines share the remotes of a town; ten polecats and one of the crew do forty beads
//! in four convoys. Agents, keepers and commands are killed, changes are red or conflict, claims are
//! contested. In the evening nothing is lost, nothing told twice, and nothing left over.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::yard::Yard;

/// The towns of the two machines.
const TOWNS: [&str; 2] = ["gt", "there"];

/// The homes of a town, each with its remote.
const HOMES: [(&str, &str); 3] = [("", "hq"), ("api/.repo", "api"), ("web/.repo", "web")];

/// What an agent does is the word in its bead's id: `api-red1` is red the first time it is tried. Commits
/// are noted. What is to be killed waits for a line from a pipe of its bead's name.
const AGENT: &str = r#"
cat >/dev/null
yard=${0%/*} town=${GT_ROOT##*/} kind=${GT_BEAD#*-}
kind=${kind%%[0-9]*}
mkdir "$yard/begun.$GT_BEAD" 2>/dev/null || kind=$kind-again
note() { git rev-parse HEAD >>"$yard/commits.$GT_RIG"; }
commit() { git add --all; git diff --cached --quiet || git commit --quiet --message="$1 of $GT_BEAD"; note; }
hold() { echo $$ >"$yard/pid.$GT_BEAD"; mv "$yard/pid.$GT_BEAD" "$yard/held.$GT_BEAD"; read -r line <"$yard/pipe.$GT_BEAD"; }
case $kind in
half) echo half >"half-$GT_BEAD"; commit half; echo rest >"rest-$GT_BEAD"; hold ;;
half-again) [ -e "rest-$GT_BEAD" ] || exit 9 ;;
keeper | cut) echo "$kind" >"$kind-$GT_BEAD"; commit "$kind"; hold ;;
late*) if [ "$town" = there ]; then echo late >"late-$GT_BEAD"; commit late; hold; fi ;;
red) echo red >"red-$GT_BEAD" ;;
clash) echo "$GT_BEAD" >shared ;;
handoff) echo begun >"begun-$GT_BEAD"; commit begun; git gt handoff -m 'Next: the end.'; exit ;;
handoff-again) git gt resume | grep -q 'Next: the end.' || exit 9 ;;
mail) git gt mail send api/crew/max -s "from $GT_BEAD" -m 'how is it?' && git gt mail send --human -s "from $GT_BEAD" || exit 9 ;;
stuck) echo stuck >"stuck-$GT_BEAD"; commit stuck; git gt done --status escalated -r 'which colour?'; exit ;;
put) echo put >"put-$GT_BEAD"; commit put; git gt done --status deferred -r 'not today'; exit ;;
esac
echo "$GT_ROLE of $town" >"$GT_BEAD"
commit work
exec git-gt done
"#;

/// Red where a file says so. It waits for a line where somebody asked it to, once.
const GATE: &str = r#"
yard=${0%/*}
if mv "$yard/hold.gate" "$yard/held.gate" 2>/dev/null; then read -r line <"$yard/pipe.gate"; fi
for file in red-*; do [ ! -e "$file" ] || exit 1; done
"#;

struct Day {
    yard: Yard,
    /// Pipes by name, held open so that neither side waits for the other to open it.
    pipes: BTreeMap<&'static str, fs::File>,
}

impl Day {
    /// Founds the towns of both machines.
    fn dawn() -> Self {
        let yard = Yard::with_town(AGENT);
        yard.git(".", &["init", "--quiet", "--bare", "-b", "main", "hq.git"]);
        yard.git("gt", &["remote", "add", "origin", "../hq.git"]);
        yard.file("gate.sh", GATE);
        let gate = format!("sh '{}'", yard.path("gate.sh").display());
        for rig in ["api", "web"] {
            let add = ["--rig", rig, "refinery", "gate", "add", "test", "--command"];
            yard.gt("gt", &[&add[..], &[&gate]].concat()).done();
        }
        yard.gt("gt", &["--rig", "api", "crew", "add", "max"])
            .done();
        yard.gt("gt", &["sync"]).done();
        yard.git(".", &["clone", "--quiet", "hq.git", "there"]);
        yard.gt(".", &["install", "there"]).done();
        for rig in ["api", "web"] {
            yard.gt("there", &["rig", "add", rig]).done();
            let accept = ["--rig", rig, "config", "accept", "--all"];
            yard.gt("there", &accept).done();
        }
        let agent = format!("sh '{}'", yard.path("agent.sh").display());
        yard.gt("there", &["config", "agent", "set", "scripted", &agent])
            .done();
        let mut pipes = BTreeMap::new();
        for name in ["api-half1", "web-keeper1", "api-cut1", "web-late1", "gate"] {
            pipes.insert(name, pipe(&yard.path(&format!("pipe.{name}"))));
        }
        Self { yard, pipes }
    }

    fn sync(&self) {
        for town in ["there", "gt", "there"] {
            self.yard.gt(town, &["sync"]).done();
        }
    }

    fn make(&self, (town, beads): (&str, &str)) {
        for bead in beads.split(' ') {
            let rig = bead.split('-').next().unwrap();
            let create = ["--rig", rig, "create", "--id", bead, "the work of"];
            self.yard.gt(town, &create).done();
        }
    }

    #[track_caller]
    fn convoy(&self, town: &str, name: &str, beads: &[&str], told: &[&str]) -> String {
        let create = ["convoy", "create", name];
        let made = self.yard.json(town, &[&create[..], beads, told].concat());
        made["id"].as_str().unwrap().to_owned()
    }

    fn sling(&self, town: &str, beads: &str) {
        let beads: Vec<&str> = beads.split(' ').collect();
        self.yard
            .gt(town, &[&["sling"], &beads[..]].concat())
            .done();
    }

    /// Returns the process of an agent that waits; it says so itself.
    fn held(&self, name: &str) -> u32 {
        let file = self.yard.path(&format!("held.{name}"));
        let pid = self.yard.until(name, || fs::read_to_string(&file).ok());
        pid.trim().parse().unwrap()
    }

    fn let_go(&self, name: &str) {
        use std::io::Write as _;
        let mut pipe = &self.pipes[name];
        pipe.write_all(b"go\n").unwrap();
    }

    fn is_gone(&self, pid: u32) {
        self.yard.until("its end", || {
            let all = self.yard.processes();
            all.iter().all(|it| it.0 != pid).then_some(())
        });
    }

    /// Waits until nothing runs but `held` and what keeps them.
    fn quiet_but(&self, held: &[u32]) {
        let kept: BTreeSet<u32> = held.iter().flat_map(|pid| ancestors(*pid)).collect();
        self.yard.until("all but those that are held", || {
            let all = self.yard.processes();
            all.iter().all(|(pid, _)| kept.contains(pid)).then_some(())
        });
    }

    /// Slings beads on both machines, waits for their agents, and runs the queues on one of them.
    fn wave(&self, gt: &str, there: &str, refinery: &str) {
        std::thread::scope(|at_once| {
            at_once.spawn(|| self.sling("gt", gt));
            at_once.spawn(|| self.sling("there", there));
        });
        self.quiet_but(&[]);
        let other = if refinery == "gt" { "there" } else { "gt" };
        for town in [other, refinery] {
            self.yard.gt(town, &["sync"]).done();
        }
        self.yard.gt(refinery, &["refinery", "run"]).done();
        for town in [refinery, other] {
            self.yard.gt(town, &["sync"]).done();
        }
    }

    fn bead(&self, town: &str, id: &str) -> Value {
        self.yard.json(town, &["show", id])[0].take()
    }
}

fn pipe(path: &Path) -> fs::File {
    let made = Command::new("mkfifo").arg(path).status();
    assert!(made.unwrap().success());
    let mut options = fs::OpenOptions::new();
    options.read(true).write(true).open(path).unwrap()
}

fn kill(pid: u32) {
    let kill = Command::new("kill").args(["-9", &pid.to_string()]).status();
    assert!(kill.unwrap().success());
}

fn text(value: &Value, key: &str) -> String {
    value[key].as_str().unwrap_or_default().to_owned()
}

/// Returns the files below a folder that have a name like that.
fn files(folder: &Path, is_wanted: &dyn Fn(&str) -> bool) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.is_symlink() {
            found.extend(files(&path, is_wanted));
        } else if is_wanted(&path.file_name().unwrap().to_string_lossy()) {
            found.push(path);
        }
    }
    found
}

/// Returns a process and those above it.
fn ancestors(pid: u32) -> Vec<u32> {
    let parent = |pid: &u32| -> Option<u32> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()
    };
    std::iter::successors(Some(pid), parent).collect()
}

/// The beads, by the machine that makes them.
const ALL: [(&str, &str); 2] = [
    (
        "gt",
        "api-plain1 api-plain2 api-plain3 api-plain4 api-red1 api-clash1 api-clash2 \
         api-half1 api-handoff1 api-mail1 api-stuck1 api-twice1 web-plain1 web-plain2 \
         web-plain3 web-plain4 web-red1 web-keeper1 web-put1 web-late1",
    ),
    (
        "there",
        "api-plain5 api-plain6 api-plain7 api-plain8 api-plain9 api-red2 api-cut1 api-crew1 \
         web-plain5 web-plain6 web-plain7 web-plain8 web-plain9 web-plain10 web-plain11 \
         web-plain12 web-clash1 web-clash2 web-red2 web-mail2",
    ),
];

/// Who is told of which convoy's end; the last one never ends.
struct Convoys {
    north: String,
    south: String,
    both: String,
    rest: String,
}

impl Day {
    /// Makes the beads, and convoys that track beads which only the other machine has.
    fn seed(&self) -> Convoys {
        std::thread::scope(|at_once| {
            for all in ALL {
                at_once.spawn(move || self.make(all));
            }
        });
        let [gt, there] = ALL.map(|(_, beads)| beads.split(' ').collect::<Vec<_>>());
        let is_web = |it: &&&str| it.starts_with("web-");
        let web: Vec<&str> = there.iter().filter(is_web).copied().collect();
        let mixed: Vec<&str> = there
            .iter()
            .filter(|it| !is_web(it))
            .chain(&gt[12..18])
            .copied()
            .collect();
        let rest = ["api-stuck1", "api-twice1", "web-put1", "web-late1"];
        let convoys = Convoys {
            north: self.convoy(
                "gt",
                "North",
                &gt[..10],
                &["--human", "--notify", "api/crew/max"],
            ),
            both: self.convoy("gt", "Both", &mixed, &["--human"]),
            south: self.convoy("there", "South", &web, &["--notify", "mayor/"]),
            rest: self.convoy("there", "Rest", &rest, &["--human"]),
        };
        self.sync();
        convoys
    }

    /// Both machines sling two of the same beads without knowing; an agent, a keeper and `git gt done` are
    /// killed. Of one contested bead both hand their work in; of the other one the loser learns it first.
    fn morning(&self) {
        self.sling(
            "gt",
            "api-half1 api-twice1 api-red1 web-keeper1 web-late1 web-plain1",
        );
        self.sling("there", "api-twice1 api-cut1 web-late1 web-plain5");
        for (town, count) in [("gt", 6), ("there", 4)] {
            let agents = self.yard.json(town, &["agents"]);
            assert_eq!(agents.as_array().unwrap().len(), count, "{agents:#}");
        }
        let late = self.held("web-late1");
        let (half, keeper, cut) = (
            self.held("api-half1"),
            self.held("web-keeper1"),
            self.held("api-cut1"),
        );
        kill(half);
        self.kill_keeper(keeper);
        self.kill_done(cut);
        self.quiet_but(&[late]);
        self.yard.gt("gt", &["sync"]).done();
        let synced = self.yard.json("there", &["sync"]);
        let text = synced.to_string();
        assert_eq!(text.matches("claim_lost").count(), 2, "{synced:#}");
        self.let_go("web-late1");
        self.quiet_but(&[]);
        self.sync();
    }

    /// Kills the process beside an agent, which goes on by itself.
    fn kill_keeper(&self, agent: u32) {
        let all = self.yard.processes();
        let above = ancestors(agent);
        let is_keeper = |it: &&(u32, String)| above.contains(&it.0) && it.1.contains("session run");
        let keeper = all.iter().find(is_keeper).expect("an agent has a keeper").0;
        kill(keeper);
        self.is_gone(keeper);
        self.yard
            .gt("gt", &["sling", "web-keeper1"])
            .fails(4, "still runs in");
        self.let_go("web-keeper1");
    }

    /// Kills `git gt done` while it waits for the lock under which it writes.
    fn kill_done(&self, agent: u32) {
        let lock = self.yard.path("there/api/.repo/.git/gt-lock");
        let lock = fs::File::options().write(true).open(lock).unwrap();
        lock.lock().unwrap();
        self.let_go("api-cut1");
        self.yard.until("done to wait for the lock", || {
            let all = fs::read_to_string("/proc/locks").unwrap();
            let waits = |line: &str| {
                line.contains("-> FLOCK")
                    && line.split_whitespace().any(|it| it == agent.to_string())
            };
            all.lines().any(waits).then_some(())
        });
        kill(agent);
        self.is_gone(agent);
        lock.unlock().unwrap();
    }

    /// Kills a run of the Refinery while a gate is under way, which goes on by itself.
    fn kill_refinery(&self) {
        self.yard.file("hold.gate", "");
        let mut run = self.yard.command("gt", &["refinery", "run"]);
        let mut run = run
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let gate = self.yard.path("held.gate");
        self.yard.until("a gate", || gate.exists().then_some(()));
        run.kill().unwrap();
        run.wait().unwrap();
        self.let_go("gate");
        self.quiet_but(&[]);
    }
}

impl Day {
    /// Returns what can be worked on, but for what was put off.
    fn ready(&self, town: &str) -> Vec<String> {
        let all = self.yard.json(town, &["ready"]);
        let ids = all.as_array().unwrap().iter();
        let ids = ids.map(|it| it["id"].as_str().unwrap().to_owned());
        ids.filter(|it| it != "web-put1").collect()
    }

    /// One of the crew does a bead by hand, hands over to herself, is nudged, and gets mail.
    fn noon(&self) {
        let max = "gt/api/crew/max";
        self.yard
            .gt("gt", &["sling", "api-crew1", "api/crew/max"])
            .done();
        self.yard
            .gt("gt", &["nudge", "api/crew/max", "look at api-crew1"])
            .done();
        let told = |args: &[&str]| self.yard.gt(max, args).done();
        let check = ["mail", "check", "--inject"];
        assert!(told(&check).contains("look at api-crew1"));
        assert!(!told(&check).contains("look at api-crew1"));
        self.yard.file("gt/api/crew/max/api-crew1", "by hand\n");
        self.yard.git(max, &["add", "--all"]);
        self.yard
            .git(max, &["commit", "--quiet", "--message=by hand"]);
        let commit = self.yard.git(max, &["rev-parse", "HEAD"]);
        let all = self.noted("api") + &commit;
        self.yard.file("commits.api", &all);
        told(&["handoff", "-m", "Next: hand it in."]);
        assert!(told(&["prime"]).contains("Next: hand it in."));
        assert!(!told(&["prime"]).contains("Next: hand it in."));
        told(&["done"]);
    }

    /// One of the crew answers an agent.
    fn answer(&self) {
        let max = "gt/api/crew/max";
        let inbox = self.yard.json(max, &["mail", "inbox"]);
        let mails = inbox.as_array().unwrap();
        let asked = mails.iter().find(|it| it["subject"] == "from api-mail1");
        let asked = text(asked.expect("it came"), "id");
        self.yard
            .gt(max, &["mail", "reply", &asked, "-m", "well"])
            .done();
    }

    /// Slings what came back, half of it on each machine, and runs the queues on both until they are idle.
    fn afternoon(&self) {
        let ready = self.ready("gt");
        assert_eq!(ready, self.ready("there"));
        assert_eq!(ready.len(), 10, "{ready:?}");
        let (here, there) = ready.split_at(ready.len() / 2);
        self.wave(&here.join(" "), &there.join(" "), "gt");
        self.yard.gt("there", &["refinery", "run"]).done();
    }

    /// Puts everything away. Until then work that its agent never handed in is on the branch of its hook.
    fn evening(&self) {
        for town in TOWNS {
            for rig in ["api", "web"] {
                self.yard.gt(town, &["--rig", rig, "polecat", "gc"]).done();
            }
        }
        self.sync();
        let said = self.yard.gt("gt", &["sync"]).done();
        assert_eq!(said.matches("and this clone agree").count(), 3, "{said}");
    }

    /// Returns the commits that were noted in a rig.
    fn noted(&self, rig: &str) -> String {
        fs::read_to_string(self.yard.path(&format!("commits.{rig}"))).unwrap()
    }

    /// Every commit that was made is on the target, a merge request's or in the attic, or where else it may be.
    #[track_caller]
    fn commits_are_kept(&self, or: &[&str]) {
        for rig in ["api", "web"] {
            let mut kept = BTreeSet::new();
            for town in TOWNS {
                let list = [
                    "for-each-ref",
                    "--format=%(refname)",
                    "refs/heads/main",
                    "refs/gt/mr",
                    "refs/gt/attic",
                ];
                let folder = format!("{town}/{rig}/.repo");
                let names = self.yard.git(&folder, &[&list[..], or].concat());
                let names: Vec<&str> = names.lines().collect();
                let all = self
                    .yard
                    .git(&folder, &[&["rev-list"], &names[..]].concat());
                kept.extend(all.lines().map(str::to_owned));
            }
            let noted = self.noted(rig);
            let lost: Vec<&str> = noted.lines().filter(|it| !kept.contains(*it)).collect();
            assert!(
                noted.lines().count() > 20 && lost.is_empty(),
                "{rig}: {lost:?}"
            );
        }
    }

    fn beads_are_explained(&self) {
        for (_, beads) in ALL {
            for id in beads.split(' ') {
                let [here, there] = TOWNS.map(|town| self.bead(town, id));
                assert_eq!(here, there);
                let want = match id {
                    "api-stuck1" => "blocked",
                    "web-put1" => "open",
                    _ => "closed",
                };
                assert_eq!(here["status"], want, "{here:#}");
                // What was in conflict was done on the bead that resolved it.
                let others = here["dependencies"].as_array().into_iter().flatten();
                let done_elsewhere = others.into_iter().any(|it| it["resolves"].is_string());
                let nobodys = want != "closed" || done_elsewhere;
                assert_eq!(here["assignee"].is_null(), nobodys, "{here:#}");
            }
        }
        for (id, words) in [("api-stuck1", "which colour?"), ("web-put1", "not today")] {
            assert!(self.yard.gt("there", &["show", id]).done().contains(words));
        }
    }
    /// Nobody gets the same mail twice; each end of a request and each end of a convoy is told.
    fn everybody_is_told_once(&self, convoys: &Convoys) {
        let mut mails: Vec<[String; 3]> = Vec::new();
        let mut ends: BTreeMap<String, usize> = BTreeMap::new();
        for (home, _) in HOMES {
            let folder = format!("there/{home}");
            for mail in self.yard.records(&folder, "mail") {
                mails.push(["thread", "to", "subject"].map(|it| text(&mail, it)));
            }
        }
        let told: BTreeSet<&[String; 3]> = mails.iter().collect();
        assert_eq!(told.len(), mails.len(), "{mails:#?}");
        let told_in = |id: &str| -> Vec<&str> {
            let thread = format!("thread-{id}");
            let of_thread = told.iter().filter(|it| it[0] == thread);
            of_thread.map(|it| it[1].as_str()).collect()
        };
        for rig in ["api", "web"] {
            for request in self.yard.records(&format!("gt/{rig}/.repo"), "queue") {
                let status = text(&request["state"], "status");
                // Who lost a claim is told by sync.
                let to = (status != "cancelled").then(|| text(&request, "worker"));
                let told: Vec<&str> = told_in(&text(&request, "id"));
                assert_eq!(told, Vec::from_iter(to), "{request:#}");
                *ends.entry(status).or_default() += 1;
            }
        }
        let want = [
            ("cancelled", 1),
            ("conflict", 2),
            ("ejected", 4),
            ("landed", 38),
        ];
        assert_eq!(ends, want.map(|(it, count)| (it.to_owned(), count)).into());
        for (convoy, to) in [
            (&convoys.north, &["api/crew/max", "overseer"][..]),
            (&convoys.south, &["mayor/"]),
            (&convoys.both, &["overseer"]),
            (&convoys.rest, &[]),
        ] {
            assert_eq!(told_in(convoy), to, "{mails:#?}");
        }
        assert_eq!(told_in("api-stuck1"), ["mayor/", "overseer"]);
        assert!(mails.iter().any(|it| it[2] == "Re: from api-mail1"));
        for bead in ["api-mail1", "web-mail2"] {
            let subject = format!("from {bead}");
            let count = mails.iter().filter(|it| it[2] == subject).count();
            assert_eq!(count, 2, "{mails:#?}");
        }
    }

    /// Both machines and the remote hold the same ledgers, and nothing that only work under way needs.
    fn machines_agree(&self) {
        let last = |name: &str| {
            name.rsplit_once(' ')
                .unwrap()
                .0
                .starts_with("refs/gt/checkpoints/")
        };
        for (home, remote) in HOMES {
            let list = [
                "for-each-ref",
                "--format=%(refname) %(objectname)",
                "refs/gt",
                "refs/heads/gt-mq",
            ];
            let refs = |folder: &str| self.yard.git(folder, &list);
            let clones = TOWNS.map(|town| refs(&format!("{town}/{home}")));
            let is_ledger = |it: &&str| it.matches('/').count() == 2;
            let there = refs(&format!("{remote}.git"));
            let want: Vec<&str> = there.lines().filter(is_ledger).collect();
            assert!(want.len() >= 3, "{there}");
            for clone in &clones {
                let got: Vec<&str> = clone.lines().filter(is_ledger).collect();
                assert_eq!(got, want, "{remote}");
                // Each clone has an attic of its own.
                assert!(
                    clone.lines().all(|it| there.lines().any(|line| line == it)),
                    "{clone}{there}"
                );
            }
            let others = there
                .lines()
                .filter(|it| !is_ledger(it) && !it.starts_with("refs/gt/attic/"));
            let others: Vec<&str> = others.collect();
            // Of each rig one bead is open, whose saved work stays.
            assert!(
                others.len() <= 1 && others.iter().all(|it| last(it)),
                "{others:?}"
            );
        }
    }

    fn nothing_is_left_over(&self) {
        self.quiet_but(&[]);
        for (home, remote) in HOMES {
            let folders = TOWNS.map(|town| format!("{town}/{home}"));
            for folder in folders.iter().chain([&format!("{remote}.git")]) {
                let said = self
                    .yard
                    .git(folder, &["fsck", "--strict", "--no-dangling"]);
                assert_eq!(said, "", "{folder}");
            }
            for folder in folders.iter().filter(|_| remote != "hq") {
                let branches = self.yard.git(folder, &["branch", "--list", "gt/*"]);
                assert_eq!(branches, "", "{folder}");
                let orphans = self.yard.json(folder, &["orphans", "--all"]);
                for what in ["branches", "commits", "claims"] {
                    assert_eq!(
                        orphans[what],
                        serde_json::json!([]),
                        "{folder}: {orphans:#}"
                    );
                }
            }
        }
        let locks = files(&self.yard.path(""), &|name| name.ends_with("lock"));
        assert!(locks.len() > 10, "{locks:?}");
        for path in locks {
            // Those of git say by being there that they are held.
            let text = path.display().to_string();
            let is_ours = text.contains("/.git/gt/") || text.contains("/gt-");
            let lock = fs::File::open(&path).unwrap();
            assert!(is_ours && lock.try_lock().is_ok(), "{text}");
        }
        let unfinished = files(&self.yard.path(""), &|name| name.ends_with(".new"));
        assert!(unfinished.is_empty(), "{unfinished:?}");
    }

    /// The rules find nothing to do in what they have never seen.
    fn settling_anew_changes_nothing(&self) {
        let homes = TOWNS
            .iter()
            .flat_map(|town| HOMES.iter().map(move |home| format!("{town}/{}", home.0)));
        let homes: Vec<String> = homes.collect();
        let refs = || -> Vec<String> {
            homes
                .iter()
                .map(|it| self.yard.git(it, &["for-each-ref"]))
                .collect()
        };
        let before = refs();
        for home in &homes {
            fs::remove_dir_all(self.yard.path(home).join(".git/gt")).unwrap();
        }
        for home in &homes {
            self.yard.gt(home, &["convoy", "check"]).done();
        }
        assert_eq!(refs(), before);
        for town in TOWNS {
            let synced = self.yard.gt(town, &["sync"]).done();
            assert_eq!(
                synced.matches("and this clone agree").count(),
                3,
                "{synced}"
            );
            self.yard.gt(town, &["refinery", "run"]).done();
        }
        assert_eq!(refs(), before);
    }
}

#[test]
fn a_day_ends_with_nothing_lost_and_nothing_left_over() {
    let day = Day::dawn();
    let convoys = day.seed();
    day.morning();
    day.kill_refinery();
    day.wave(
        "api-half1 api-plain1 api-plain2 api-clash1 api-clash2 web-red1 web-put1 web-plain2",
        "api-cut1 api-plain5 api-red2 web-clash1 web-clash2 web-plain6 web-plain7",
        "there",
    );
    day.noon();
    day.wave(
        "api-plain3 api-handoff1 api-mail1 api-stuck1 web-plain3 web-plain4 web-plain8",
        "api-plain6 api-plain7 api-plain8 web-red2 web-plain9 web-plain10 web-plain12",
        "gt",
    );
    day.answer();
    day.afternoon();
    day.commits_are_kept(&["refs/heads/gt"]);
    day.evening();
    day.commits_are_kept(&[]);
    day.beads_are_explained();
    day.everybody_is_told_once(&convoys);
    day.machines_agree();
    day.nothing_is_left_over();
    day.settling_anew_changes_nothing();
}
