//! What bd's clients still ask about a database, a daemon and migrations, none of which are here; the answer
//! says so, in the form they read.

use serde_json::{Value, json};

use super::setup::VERSION;
use crate::bead::Beads;
use crate::cli::reply::Reply;
use crate::cli::{Context, sync};
use crate::fault::{Fault, Result};
use crate::ledger::fsck;

/// What is said to a word of bd's that nothing here needs
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Words {
    #[arg(
        hide = true,
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "WORD"
    )]
    pub(super) words: Vec<String>,
}

/// Look after a database, of which there is none
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Dolt {
    #[command(subcommand)]
    verb: DoltVerb,
}

#[derive(Debug, clap::Subcommand)]
enum DoltVerb {
    /// Say that there is no server
    #[command(aliases = ["status", "test"])]
    Show,
    /// Do nothing: there is no server to start
    Start,
    /// Do nothing: there is no server to stop
    Stop,
    /// Sync with the remote
    #[command(alias = "pull")]
    Push(sync::Args),
    /// Do nothing: every change is committed when it is made
    Commit {
        #[arg(short, long, value_name = "TEXT", hide = true)]
        message: Option<String>,
    },
    /// Show the remotes of the repository
    Remote {
        #[arg(value_name = "VERB", hide = true)]
        verb: Option<String>,
    },
}

pub(in crate::cli) fn dolt(cx: &Context, args: &Dolt) -> Result<Reply> {
    match &args.verb {
        DoltVerb::Push(args) => sync::run(cx, args),
        DoltVerb::Remote { verb: None } => remotes(cx),
        DoltVerb::Remote { verb: Some(verb) } if verb == "list" => remotes(cx),
        DoltVerb::Remote { verb: Some(verb) } => Err(Fault::refused(format!(
            "remotes are git's here, and not changed by 'dolt remote {verb}'"
        ))
        .hint(format!("git remote {verb} ..."))),
        DoltVerb::Show => {
            let home = cx.home()?;
            let path = home.repo().common_dir().display().to_string();
            let value = json!({
                "backend": "git", "mode": "embedded", "running": false, "server_required": false,
                "data_dir": path, "prefix": home.rig().prefix(), "schema_version": 1,
            });
            Ok(Reply::new(
                value,
                format!("no server is needed: beads are in {path}"),
            ))
        }
        DoltVerb::Start | DoltVerb::Stop | DoltVerb::Commit { message: _ } => {
            let value = json!({ "status": "ok", "running": false, "schema_version": 1 });
            Ok(Reply::new(
                value,
                "nothing to do: there is no server, and every change is committed at once",
            ))
        }
    }
}

fn remotes(cx: &Context) -> Result<Reply> {
    let remote = cx.home()?.default_remote();
    let named: Vec<Value> = remote.iter().map(|it| json!({ "name": it })).collect();
    let value = json!({ "remotes": named, "schema_version": 1 });
    Ok(Reply::new(value, remote.unwrap_or_default()))
}

pub(in crate::cli) fn daemon(_: &Context, args: &Words) -> Result<Reply> {
    let is_list = args.words.first().is_some_and(|it| it == "list");
    let value = match is_list {
        true => json!({ "daemons": [], "count": 0, "schema_version": 1 }),
        false => json!({ "status": "not_needed", "running": false, "schema_version": 1 }),
    };
    Ok(Reply::new(value, "no daemon is needed, and none runs"))
}

/// See what there is to migrate, which is nothing: records of every version are read as they are
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Migrate {
    /// What to migrate
    #[arg(value_name = "WHAT")]
    what: Option<String>,
    /// Show how things stand
    #[arg(long)]
    inspect: bool,
    #[arg(long, hide = true)]
    dry_run: bool,
    #[arg(short, long, hide = true)]
    yes: bool,
}

pub(in crate::cli) fn migrate(cx: &Context, args: &Migrate) -> Result<Reply> {
    let home = cx.home()?;
    let view = home.view();
    let count = Beads::of(&view).ids()?.len();
    let text = "nothing to migrate: records of every version are read as they are";
    if !args.inspect {
        let what = args.what.as_deref().unwrap_or("all");
        let value =
            json!({ "status": "current", "migrated": 0, "what": what, "schema_version": 1 });
        return Ok(Reply::new(value, text));
    }
    let value = json!({
        "registered_migrations": [],
        "current_state": {
            "schema_version": VERSION, "issue_count": count, "db_exists": true, "missing_config": [],
            "config": { "issue_prefix": home.rig().prefix() },
        },
        "warnings": [],
        "invariants_to_check": [],
        "schema_version": 1,
    });
    Ok(Reply::new(value, format!("{text}; {count} issues")))
}

/// Check that the ledgers are whole
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Doctor {
    /// The repository
    #[arg(value_name = "PATH")]
    path: Option<std::path::PathBuf>,
    /// Run one check: validate, or pollution, which finds nothing
    #[arg(long, value_name = "CHECK")]
    check: Option<String>,
    /// Read every object of the history, too
    #[arg(long)]
    deep: bool,
    /// Mend what is damaged
    #[arg(long)]
    fix: bool,
    #[arg(long, hide = true)]
    clean: bool,
    #[arg(short, long, hide = true)]
    yes: bool,
    #[arg(long, hide = true)]
    perf: bool,
}

pub(in crate::cli) fn doctor(cx: &Context, args: &Doctor) -> Result<Reply> {
    let cx = &match &args.path {
        Some(path) => cx.at(path),
        None => cx.again(),
    };
    let home = cx.home()?;
    let checkup = match (args.check.as_deref(), args.fix) {
        (Some("pollution"), _) => None,
        (_, true) => Some(crate::ledger::mend(home.repo(), args.deep)?),
        (_, false) => Some(fsck(home.repo(), args.deep)?),
    };
    let is_clean = checkup
        .as_ref()
        .is_none_or(crate::ledger::Checkup::is_clean);
    let findings = checkup.iter().flat_map(|it| &it.findings);
    let problems: Vec<String> = findings
        .map(|it| format!("{}: {}", it.name, it.why))
        .collect();
    let name = args.check.as_deref().unwrap_or("ledgers");
    let status = if is_clean { "ok" } else { "error" };
    let message = match problems.is_empty() {
        true => "nothing wrong".to_owned(),
        false => problems.join("; "),
    };
    let value = json!({
        "path": home.repo().root().display().to_string(),
        "overall_ok": is_clean,
        "checks": [{ "name": name, "status": status, "message": message }],
        "issues": problems,
        "cli_version": VERSION,
        "schema_version": 1,
    });
    let reply = Reply::new(value, format!("{status}: {name}: {message}"));
    Ok(match is_clean {
        true => reply,
        false => reply.exit(crate::cli::reply::Exit::No),
    })
}

/// Remove edges that lead nowhere, which block nothing here
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct RepairDeps {
    #[arg(long, hide = true)]
    fix: bool,
}

pub(in crate::cli) fn repair_deps(cx: &Context, _: &RepairDeps) -> Result<Reply> {
    cx.home()?;
    let value = json!({ "orphans_found": 0, "orphans": [], "fixed": 0, "schema_version": 1 });
    Ok(Reply::new(
        value,
        "nothing to repair: an edge to what is not there blocks nothing",
    ))
}

pub(in crate::cli) fn sql(_: &Context, _: &Words) -> Result<Reply> {
    Err(
        Fault::refused("there is no database to ask: beads are records in git")
            .hint("bd query 'status=open AND priority<2' --json, or bd export --all"),
    )
}

pub(in crate::cli) fn githooks(_: &Context, args: &Words) -> Result<Reply> {
    let verb = args.words.first().map_or("list", String::as_str);
    let value = json!({ "status": "not_needed", "verb": verb, "hooks": [], "schema_version": 1 });
    Ok(Reply::new(
        value,
        "no githooks are needed: beads are no files of the work tree",
    ))
}
