//! The story of the demo, from an empty folder to a second town that agrees. Each chapter checks what it
//! tells: where it does not come true, the demo fails.

use std::path::{Path, PathBuf};

use super::outcome::{self, Crash, Outcome, claim};
use super::project::{self, PROJECTS, Work};
use super::teller::Teller;
use super::tree;
use crate::agent::{self, Checkpoint, Hook, Order, Slung, checkpoint};
use crate::bead::{Draft, Edit, Link, make};
use crate::cli::sync;
use crate::convoy;
use crate::daemon::{self, Until};
use crate::fault::{Fault, Result};
use crate::ledger::{Decision, Name, Snapshot};
use crate::mail::{self, Inbox, OVERSEER};
use crate::record::{Bead, Convoy, Mail, Request, RequestStatus};
use crate::refinery::{Event, NewCheck, NewCommand, NewGate, Reach, add_gate};
use crate::refinery::{Options, Price};
use crate::settle;
use crate::town::{Agent, Home, Place, Wanted, add_rig, install};
use crate::world::{Time, World, fs};

const YOU: &str = "you";

/// The change that waits for another rig's, and that other one.
const WAITS_FOR: (u32, u32) = (12, 7);
/// The change whose agent is killed, and the file it leaves.
const KILLED: (u32, &str) = (8, "lib/moon.awk");
/// The changes that come back at first: red by itself, red with what landed before, in conflict.
const BREAKS: u32 = 4;
const CLASHES: u32 = 3;
const CONFLICTS: u32 = 6;

/// A piece of work, and its bead.
struct Job {
    work: Work,
    bead: String,
    /// The bead in which its conflict is resolved, once there is one.
    resolution: Option<String>,
}

impl Job {
    /// Returns whether a request is for it.
    fn is_of(&self, request: &Request) -> bool {
        let beads = [Some(&self.bead), self.resolution.as_ref()];
        beads.into_iter().flatten().any(|it| *it == request.bead())
    }
}

/// Tells the whole story in `dir`, which is empty.
pub(super) fn tell(world: &World, dir: &Path, silent: bool) -> Result<Outcome> {
    let teller = Teller::new(world, silent);
    let mut story = Story::found(world, dir, teller)?;
    story.plan_work()?;
    story.sling_the_first()?;
    story.carry_on()?;
    story.run_the_queues(
        "The Refinery tests batches, lands what is green, halves what is red",
        "A queue per rig. No branch is tested alone unless it is under suspicion.",
    )?;
    story.told_why()?;
    story.conflict_is_a_bead()?;
    story.sling_the_rest()?;
    story.run_the_queues(
        "The Refinery again",
        "What was mended passes together with all that landed before.",
    )?;
    story.convoy_ends()?;
    story.second_machine()?;
    story.ending()
}

struct Story {
    dir: PathBuf,
    teller: Teller,
    hq: Home,
    rigs: Vec<Home>,
    jobs: Vec<Job>,
    convoy: String,
    outcome: Outcome,
}

impl Story {
    /// Makes the town: HQ, two rigs with a gate each, and an agent that does what a script says.
    fn found(world: &World, dir: &Path, teller: Teller) -> Result<Self> {
        teller.head(
            "A town of two rigs, each a clone of a remote of its own",
            "almanac is a small library, agenda a small tool with a copy of its dates. Beads, \
             mail and all the rest are in refs/gt/* of the repositories.",
        );
        project::make(world, dir)?;
        let installed = install(world, &dir.join(super::TOWN), Some(YOU), false)?;
        let root = installed.hq.repo().root().to_owned();
        let remote = project::remote(dir, "hq");
        project::git(world, &root, &["remote", "add", "origin", &remote])?;
        teller.say("install   town");
        // Written down, so that nothing in the user's own configuration can stand in for it.
        for (key, value) in [("gt.backend", "headless"), ("gt.defaultAgent", "scripted")] {
            installed.hq.repo().set_setting(key, value)?;
        }
        for project in &PROJECTS {
            let url = project::remote(dir, project.name);
            let wanted = Wanted {
                name: project.name,
                url: Some(&url),
                prefix: Some(project.prefix),
            };
            let added = add_rig(&installed.hq, YOU, &wanted)?;
            let gate = NewGate {
                name: "test",
                check: NewCheck::Command(NewCommand {
                    command: project::TEST,
                    ..NewCommand::default()
                }),
                reach: Reach::default(),
            };
            add_gate(&added.home, YOU, &gate)?;
            teller.say(&format!(
                "rig add   {:<8} beads {}-*, gate test: {}",
                project.name,
                project.prefix,
                project::TEST
            ));
        }
        let script = dir.join("polecat.sh");
        write(&script, project::POLECAT)?;
        let agent = Agent {
            name: "scripted".to_owned(),
            command: format!(
                "sh '{}' \"$(cat '{}'/\"$GT_BEAD\")\"",
                script.display(),
                dir.join("changes").display()
            ),
        };
        installed.hq.set_agent(YOU, &agent, Place::Local)?;
        let hq = Home::open(&world.at(&root))?;
        let rigs = PROJECTS.iter().map(|it| hq.at_rig(it.name));
        Ok(Self {
            dir: dir.to_owned(),
            teller,
            rigs: rigs.collect::<Result<_>>()?,
            hq,
            jobs: Vec::new(),
            convoy: String::new(),
            outcome: Outcome::default(),
        })
    }

    fn world(&self) -> &World {
        self.hq.world()
    }

    fn rig(&self, name: &str) -> Result<Home> {
        self.hq.at_rig(name)
    }

    fn job(&self, number: u32) -> &Job {
        let mut jobs = self.jobs.iter();
        jobs.find(|it| it.work.number == number)
            .expect("the backlog has every number")
    }

    /// Creates the beads and their convoy, and notes for the scripted agent which change does which.
    fn plan_work(&mut self) -> Result<()> {
        self.teller.head(
            "Twelve beads, and a convoy that follows them over both rigs",
            "You are told once when all have landed.",
        );
        for work in project::backlog() {
            let bead = self.create(&work)?;
            write(
                &self.dir.join("changes").join(bead.id()),
                &work.number.to_string(),
            )?;
            self.teller.learn(bead.id(), bead.title());
            let (id, priority) = (bead.id(), bead.priority());
            let text = format!("create    {id} P{priority} {}", bead.title());
            let waits = bead
                .edges()
                .map(|edge| format!(", waits for {}", edge.target));
            self.teller
                .say(&format!("{text}{}", waits.collect::<String>()));
            self.jobs.push(Job {
                bead: bead.id().to_owned(),
                resolution: None,
                work,
            });
        }
        let draft = convoy::Draft {
            title: "Dates people can rely on".to_owned(),
            beads: self.jobs.iter().map(|it| it.bead.clone()).collect(),
            human: true,
            ..convoy::Draft::default()
        };
        let (made, missing) = convoy::create(&self.hq, YOU, &draft)?;
        claim(missing.is_empty(), "a convoy finds its beads in both rigs")?;
        settle::after(&self.hq);
        self.convoy = made.id().to_owned();
        self.teller.say(&format!(
            "convoy    {} follows {}: {}",
            made.id(),
            made.beads().count(),
            made.title()
        ));
        Ok(())
    }

    fn create(&self, work: &Work) -> Result<Bead> {
        let waits = (work.number == WAITS_FOR.0).then(|| Link {
            kind: "blocks".to_owned(),
            target: self.job(WAITS_FOR.1).bead.clone(),
        });
        let draft = Draft {
            title: work.title.to_owned(),
            links: waits.into_iter().collect(),
            fields: Edit {
                issue_type: Some(work.issue_type.to_owned()),
                priority: Some(work.priority),
                texts: vec![("description", work.description.to_owned())],
                ..Edit::default()
            },
            ..Draft::default()
        };
        let home = self.rig(work.rig)?;
        let written = home.write(Name::Beads, YOU, |view, pen| {
            let (bead, _) = make(view, pen, (home.rig().prefix(), YOU), &draft)?;
            let subject = format!("create {}: {}", bead.id(), bead.title());
            Ok(Decision::write(subject, vec![bead.record().clone()], bead))
        })?;
        Ok(written.value)
    }

    /// Gives a bead to a polecat, to a certain one where it is named.
    fn sling(&mut self, number: u32, polecat: Option<&str>) -> Result<Slung> {
        let (rig, bead) = {
            let job = self.job(number);
            let bead = job.resolution.as_ref().unwrap_or(&job.bead);
            (job.work.rig, bead.clone())
        };
        let home = self.rig(rig)?;
        let order = Order {
            args: String::new(),
            bead,
            polecat: polecat.map(str::to_owned),
            agent: Some(home.agent(None)?),
            backend: home.backend()?,
            force: false,
        };
        let slung = agent::sling(&home, YOU, &order)?;
        settle::after(&home);
        self.outcome.slings += 1;
        self.teller
            .say(&format!("sling     {} to {}", slung.bead, slung.hook.agent));
        self.teller.look(&self.rigs)?;
        Ok(slung)
    }

    fn sling_the_first(&mut self) -> Result<()> {
        self.teller.head(
            "Eight polecats at once, each in a worktree of its own",
            "sling: claim, branch, worktree, agent started. They are shell scripts here; yours \
             are agents.",
        );
        let first = self.jobs.iter().filter(|it| it.work.is_first);
        for number in first.map(|it| it.work.number).collect::<Vec<_>>() {
            self.sling(number, None)?;
        }
        self.follow()?;
        claim(
            self.polecats()?.len() == 8,
            "eight beads go to eight polecats",
        )
    }

    /// Tells what the agents do until none of them runs; all but the one that is killed do their work.
    fn follow(&mut self) -> Result<()> {
        let rigs = self.rigs.clone();
        self.teller.follow(&rigs)?;
        let killed = &self.job(KILLED.0).bead;
        for rig in &rigs {
            for it in agent::agents(rig)? {
                let outcome = it.session.map(|it| it.outcome).unwrap_or_default();
                let (agent, is_killed) = (&it.hook.agent, it.hook.bead == *killed);
                let what = format!("{agent} does its work: {outcome}");
                claim(outcome == "exit 0" || is_killed, &what)?;
            }
        }
        Ok(())
    }

    fn polecats(&self) -> Result<Vec<Hook>> {
        let mut all = Vec::new();
        for rig in &self.rigs {
            all.extend(agent::agents(rig)?.into_iter().map(|it| it.hook));
        }
        Ok(all)
    }

    /// One agent was killed; its worktree is lost, too, and its successor has the checkpoint.
    fn carry_on(&mut self) -> Result<()> {
        self.teller.head(
            "The one that was killed: another session carries on with its work",
            "Nothing of it is committed, and its worktree is deleted now, too. The checkpoint in \
             refs/gt/checkpoints is all there is.",
        );
        let (rig, bead) = {
            let job = self.job(KILLED.0);
            (self.rig(job.work.rig)?, job.bead.clone())
        };
        let mut standing = agent::agents(&rig)?.into_iter();
        let killed = standing.find(|it| it.hook.bead == bead);
        let killed = killed.ok_or_else(|| Fault::fatal("the killed agent left no hook"))?;
        let outcome = killed.session.map(|it| it.outcome).unwrap_or_default();
        claim(outcome == "signal 9", "an agent is killed with kill -9")?;
        let path = &killed.hook.path;
        fs::remove_dir_all(path).map_err(|error| Fault::io("remove", path, &error))?;
        self.teller.say(&format!(
            "lost      {}: {outcome}, worktree gone",
            killed.hook.agent
        ));
        let saved = checkpoint::find(&rig, &killed.hook.agent, &bead)?;
        let saved = saved.ok_or_else(|| Fault::fatal("the killed agent saved nothing"))?;
        self.teller.say(&format!(
            "saved     {} \"{}\"",
            saved.commit.to_hex_with_len(12),
            saved.message.trim()
        ));
        let slung = self.sling(KILLED.0, None)?;
        let carried = slung.carried_over?;
        claim(
            carried.map(|it| it.commit) == Some(saved.commit)
                && slung.hook.agent == killed.hook.agent,
            "slung again, the work goes on where it stopped",
        )?;
        self.follow()?;
        let live = self.requests(&rig, |it| it.is_live() && it.bead() == bead)?;
        let head = live.first().map(|it| it.head().to_owned());
        let head = head.ok_or_else(|| Fault::fatal("the successor queued nothing"))?;
        self.same_file(&rig, &saved, &head)?;
        let short = &head[..12];
        self.teller
            .say(&format!("same      {} in {short}: to the byte", KILLED.1));
        self.outcome.crash = Some(Crash {
            bead,
            checkpoint: saved.commit.to_string(),
            commit: head,
        });
        Ok(())
    }

    /// Checks that what was committed is what was saved.
    fn same_file(&self, rig: &Home, saved: &Checkpoint, head: &str) -> Result<()> {
        let blob = |commit: &str| {
            let name = format!("{commit}:{}", KILLED.1);
            project::git(rig.world(), rig.repo().root(), &["rev-parse", &name])
        };
        claim(
            blob(&saved.commit.to_string())? == blob(head)?,
            "the successor commits what its predecessor wrote",
        )
    }

    fn requests(&self, rig: &Home, wanted: impl Fn(&Request) -> bool) -> Result<Vec<Request>> {
        let mut all = crate::mq::sorted(rig.view().requests()?);
        all.retain(wanted);
        Ok(all)
    }

    /// Runs the queue of each rig, and draws the search where there was one.
    fn run_the_queues(&mut self, title: &str, why: &str) -> Result<()> {
        self.teller.head(title, why);
        let mut search = Vec::new();
        for rig in self.rigs.clone() {
            self.teller.queue(&rig)?;
            let mut events = Vec::new();
            let teller = &self.teller;
            let options = Options::of(&rig, (Some(1), None), Price::Both)?;
            daemon::run(&rig, (Until::Idle, options), &mut |event| {
                teller.refinery(&event);
                events.push(event);
            })?;
            self.outcome.count(&events, &|id| teller.bead(id));
            if events.iter().any(|it| matches!(it, Event::Ejected { .. })) {
                search = events;
            }
        }
        if !search.is_empty() {
            self.draw(&search);
        }
        Ok(())
    }

    fn draw(&mut self, events: &[Event]) {
        let teller = &self.teller;
        let lines = tree::drawn(events, &|id| teller.bead(id));
        teller.head(
            "How the culprits were found",
            "Each line is a batch as it was tested; red* was not, being the same tree as the red \
             batch above it once the green half had landed.",
        );
        lines.iter().for_each(|line| teller.more(line));
        self.outcome.search = lines;
    }

    /// Shows the mail that the workers of what came back have got.
    fn told_why(&mut self) -> Result<()> {
        self.teller.head(
            "Mail for those whose work came back",
            "The bead is open again; its last worker is told why, with all it takes to see it.",
        );
        let expected = [
            (CLASHES, RequestStatus::Ejected),
            (BREAKS, RequestStatus::Ejected),
            (CONFLICTS, RequestStatus::Conflict),
        ];
        for (number, status) in expected {
            let job = self.job(number);
            let rig = self.rig(job.work.rig)?;
            let ended = self.requests(&rig, |it| it.bead() == job.bead)?;
            let request = ended.first().filter(|it| it.status() == status);
            let request = request
                .ok_or_else(|| Fault::fatal(format!("{} did not end as {status}", job.bead)))?;
            let sent = inbox(&rig, request.worker())?;
            let about = sent
                .into_iter()
                .filter(|it| it.subject().contains(&job.bead));
            let [letter] = &about.collect::<Vec<_>>()[..] else {
                return Err(Fault::fatal(format!("{} got no mail", request.worker())));
            };
            self.show(letter, number == CLASHES);
            if number == CLASHES {
                self.teller.more(&format!(
                    "{} passed all tests where it was made; {} landed before it, and the two do \
                     not go together.",
                    job.bead,
                    self.job(WAITS_FOR.1).bead
                ));
            }
            let bead = rig.view().bead(&job.bead)?;
            claim(
                bead.is_some_and(|it| it.status() == "open"),
                "what came back is open again",
            )?;
            self.outcome.mail.push(letter.clone());
        }
        let came_back = (self.outcome.ejected.len(), self.outcome.bounced.len());
        claim(came_back == (2, 1), "nothing else came back")?;
        Ok(())
    }

    fn show(&self, letter: &Mail, whole: bool) {
        self.teller
            .say(&format!("mail      {} to {}", letter.id(), letter.to()));
        self.teller.more(letter.subject());
        if whole {
            let quoted = letter.body().lines().map(|line| format!("  {line}\n"));
            self.teller.more(&quoted.collect::<String>());
        }
    }

    /// Finds the bead that the Refinery's conflict has become, for which the scripted agent does the same.
    fn conflict_is_a_bead(&mut self) -> Result<()> {
        let job = self.job(CONFLICTS);
        let rig = self.rig(job.work.rig)?;
        let ended = self.requests(&rig, |it| it.bead() == job.bead)?;
        let view = rig.view();
        let id = settle::resolution(&view, &ended[0]);
        let bead = id.map(|id| view.bead(&id)).transpose()?.flatten();
        let bead = bead.ok_or_else(|| Fault::fatal("the conflict has become no bead"))?;
        let note = self.dir.join("changes").join(bead.id());
        write(&note, &CONFLICTS.to_string())?;
        self.teller.learn(bead.id(), bead.title());
        self.teller.say(&format!("made      {}", bead.id()));
        self.teller.more(bead.title());
        let mut jobs = self.jobs.iter_mut();
        let job = jobs.find(|it| it.work.number == CONFLICTS);
        job.expect("it was just there").resolution = Some(bead.id().to_owned());
        Ok(())
    }

    /// Slings what came back to those who got the mail, and what is left to whoever is free.
    fn sling_the_rest(&mut self) -> Result<()> {
        self.teller.head(
            "What came back, and the other four beads, to the same eight polecats",
            "A polecat whose work has ended gets the next bead in its old worktree.",
        );
        for number in [CLASHES, BREAKS, CONFLICTS] {
            let job = self.job(number);
            let rig = self.rig(job.work.rig)?;
            let worker = self.requests(&rig, |it| it.bead() == job.bead)?;
            let name = worker[0].worker().rsplit('/').next().map(str::to_owned);
            self.sling(number, name.as_deref())?;
        }
        let rest = self.jobs.iter().filter(|it| !it.work.is_first);
        for number in rest.map(|it| it.work.number).collect::<Vec<_>>() {
            self.sling(number, None)?;
        }
        self.follow()?;
        self.outcome.polecats = self.polecats()?.len();
        claim(self.outcome.polecats == 8, "no ninth polecat is needed")
    }

    /// All is landed: the convoy is closed, and its notice was sent once.
    fn convoy_ends(&mut self) -> Result<()> {
        self.teller.head(
            "The convoy is complete",
            "Nobody closed it: that its beads are closed is enough, and tells you once.",
        );
        for job in &self.jobs {
            let home = self.rig(job.work.rig)?;
            let bead = home.view().bead(&job.bead)?;
            claim(bead.is_some_and(|it| it.is_closed()), "every bead lands")?;
        }
        let convoy = self.hq.view().convoy(&self.convoy)?;
        let is_closed = |it: &Convoy| !it.is_live();
        let convoy = convoy.filter(is_closed);
        let convoy = convoy.ok_or_else(|| Fault::fatal("the convoy is not closed"))?;
        self.teller
            .say(&format!("convoy    {}: {}", convoy.id(), convoy.reason()));
        let sent = inbox(&self.hq, OVERSEER)?;
        let [notice] = &sent[..] else {
            return Err(Fault::fatal("the overseer is not told once"));
        };
        self.show(notice, false);
        self.outcome.convoy = convoy.id().to_owned();
        self.outcome.notice = notice.id().to_owned();
        Ok(())
    }

    /// Makes another town from the remotes and checks that it knows the same.
    fn second_machine(&mut self) -> Result<()> {
        self.teller.head(
            "A second machine, by clone, push and fetch alone",
            "Trees of the same name hold the same records, byte for byte.",
        );
        for home in self.homes(&self.hq)? {
            let faults = sync::settled(&home, "origin", false)?.faults;
            faults.into_iter().next().map_or(Ok(()), Err)?;
        }
        let root = self.dir.join("second");
        let (remote, into) = (project::remote(&self.dir, "hq"), root.display().to_string());
        project::git(
            self.world(),
            &self.dir,
            &["clone", "--quiet", &remote, &into],
        )?;
        let second = install(&self.world().at(&self.dir), &root, Some(YOU), false)?.hq;
        for project in &PROJECTS {
            let wanted = Wanted {
                name: project.name,
                url: None,
                prefix: None,
            };
            add_rig(&second, YOU, &wanted)?;
        }
        let second = Home::open(&self.world().at(&root))?;
        for home in self.homes(&second)? {
            let faults = sync::settled(&home, "origin", false)?.faults;
            faults.into_iter().next().map_or(Ok(()), Err)?;
        }
        for (ours, theirs) in self.homes(&self.hq)?.iter().zip(self.homes(&second)?) {
            self.compare(ours, &theirs)?;
        }
        self.outcome.agrees = true;
        Ok(())
    }

    /// Returns the rigs of a town and then HQ, to which their news goes.
    fn homes(&self, hq: &Home) -> Result<Vec<Home>> {
        let rigs = PROJECTS.iter().map(|it| hq.at_rig(it.name));
        let mut all = rigs.collect::<Result<Vec<_>>>()?;
        all.push(hq.clone());
        Ok(all)
    }

    /// Checks that two clones hold the same records, and the same code.
    fn compare(&self, ours: &Home, theirs: &Home) -> Result<()> {
        let name = ours.rig().name();
        for ledger in Name::ALL {
            let tree = |home: &Home| {
                let tip = home.repo().find_ref(ledger.ref_name())?;
                Ok::<_, Fault>(Snapshot::at(home.repo(), tip)?.tree())
            };
            let (here, there) = (tree(ours)?, tree(theirs)?);
            claim(here == there, "the second town agrees")?;
            if let Some(tree) = here {
                let tree = tree.to_hex_with_len(12);
                self.teller.say(&format!(
                    "agree     {name:<8} {:<16} {tree}",
                    ledger.ref_name()
                ));
            }
        }
        if !ours.is_hq() {
            let tip = |home: &Home| home.fresh_tip(&home.target(None)?);
            let (here, there) = (tip(ours)?, tip(theirs)?);
            claim(here == there, "the second town has the same code")?;
            let here = here.to_hex_with_len(12);
            self.teller
                .say(&format!("agree     {name:<8} {:<16} {here}", "main"));
        }
        Ok(())
    }

    fn ending(mut self) -> Result<Outcome> {
        for job in &self.jobs {
            let rig = self.rig(job.work.rig)?;
            let tries = self.requests(&rig, |it| job.is_of(it))?;
            self.outcome.requests += tries.len();
            let row = outcome::row(&job.bead, job.work.title, &tries);
            self.outcome.rows.push(row);
        }
        for rig in &self.rigs {
            let left = agent::orphans(rig, Time(0))?;
            let is_kept = left.branches.is_empty() && left.commits.is_empty();
            claim(
                is_kept && left.claims.is_empty(),
                "every commit is on the target, on a branch in use or in the attic",
            )?;
        }
        self.outcome.seconds = self.teller.seconds();
        Ok(self.outcome)
    }
}

/// Returns the mail of an address.
fn inbox(home: &Home, address: &str) -> Result<Vec<Mail>> {
    let machine = crate::town::machine(home.repo());
    mail::inbox(&home.view(), &Inbox::of(address, &machine))
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::create_new(path, text.as_bytes()).map_err(|error| Fault::io("write", path, &error))
}
