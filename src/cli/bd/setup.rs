//! `bd init`, and where the beads are: `where`, `info`, `context`, `ping`, `version`.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use super::place::FOLDER;
use crate::bead::Beads;
use crate::cli::Context;
use crate::cli::reply::{Dialect, Reply};
use crate::fault::{Fault, Result};
use crate::git::Repo;
use crate::town::{Home, NewRig, adopt, checked_prefix, found};
use crate::world::fs;

/// The version of bd whose words these are.
pub(super) const VERSION: &str = "1.0.5";

/// The file that clients look for.
const CONFIG: &str = "config.yaml";

/// Make the ledgers of this repository, and the repository where there is none
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Init {
    /// Begin the ids of new beads with P and a dash
    #[arg(short, long, value_name = "P")]
    prefix: Option<String>,
    /// Import a file of beads, too
    #[arg(long, value_name = "FILE")]
    from_jsonl: Option<String>,
    /// Keep the folder .beads out of git's sight
    #[arg(long, visible_alias = "setup-exclude")]
    stealth: bool,
    /// Say nothing where there are ledgers already; what is in them stays
    #[arg(short, long, visible_alias = "reinit-local")]
    force: bool,
    /// Install no githooks, which is never done
    #[arg(long)]
    skip_hooks: bool,
    /// Write no instructions for agents, which is never done
    #[arg(long)]
    skip_agents: bool,
    /// Ask nothing, which is never done
    #[arg(long)]
    non_interactive: bool,
    #[command(flatten)]
    ignored: Ignored,
}

/// Options about a database, or about who works here; clients send them.
#[derive(Debug, clap::Args)]
struct Ignored {
    #[arg(long, hide = true)]
    server: bool,
    #[arg(long, hide = true, value_name = "HOST")]
    server_host: Option<String>,
    #[arg(long, hide = true, value_name = "PORT")]
    server_port: Option<String>,
    #[arg(long, hide = true, value_name = "USER")]
    server_user: Option<String>,
    #[arg(long, hide = true)]
    external: bool,
    #[arg(long, hide = true)]
    contributor: bool,
    #[arg(long, hide = true)]
    team: bool,
    #[arg(long, hide = true, value_name = "ROLE")]
    role: Option<String>,
    #[arg(long, hide = true, value_name = "NAME")]
    database: Option<String>,
    #[arg(long, hide = true, value_name = "URL")]
    remote: Option<String>,
}

/// Makes a repository, its ledgers and, called as `bd`, the file that clients look for, in this order; after a
/// crash running it again does what is missing.
pub(in crate::cli) fn init(cx: &Context, args: &Init) -> Result<Reply> {
    let place = cx.place();
    let folder = place.cwd();
    let is_inside = folder.ancestors().any(|it| it.join(".git").exists());
    let repo = match cx.repo() {
        Err(_) if !is_inside => Repo::init(&place, folder)?,
        found => found?,
    };
    let offline = adopt(&repo)?;
    let repo = Repo::open(&place, repo.root())?;
    let actor = cx.actor(&repo);
    let is_new = cx.dialect == Dialect::Bd && Home::open(&place).is_err();
    let of_folder = || is_new.then(|| prefix_of(repo.root())).flatten();
    let prefix = args.prefix.clone().or_else(of_folder);
    let prefix = prefix.as_deref().map(|it| it.trim_end_matches('-'));
    let founded = found(&repo, &actor, &NewRig { name: None, prefix })?;
    let prefix = founded.rig.prefix();
    let beads = folder_of(cx, &repo);
    let config = beads.join(CONFIG);
    if !founded.new
        && !args.force
        && args.from_jsonl.is_none()
        && (config.is_file() || cx.dialect == Dialect::Gt)
    {
        return Err(Fault::refused(format!(
            "this repository is initialized already: ids begin with {prefix}-"
        ))
        .hint("nothing needs to be done; beads are kept: bd list --all"));
    }
    if cx.dialect == Dialect::Bd {
        if args.stealth {
            repo.exclude(&format!("/{FOLDER}/"))?;
        }
        write_config(&config, prefix)?;
    }
    let mut text = format!(
        "bd initialized successfully!\n  Beads: {}\n  Issue prefix: {prefix}\n  Issues will be named: {prefix}-<hash>\n",
        beads.display()
    );
    let mut faults = Vec::new();
    if let Some(file) = &args.from_jsonl {
        let imported = crate::cli::import::file(cx, file)?;
        text.push_str(&imported.text);
        faults = imported.faults;
    }
    let reply = Reply::new(Value::Null, text).with_faults(faults);
    Ok(match offline {
        Some(said) => reply.note(format!("begun without the remote: {said}")),
        None => reply,
    })
}

/// Returns the prefix that bd gives a project: the name of its folder. None where that cannot be one.
fn prefix_of(root: &Path) -> Option<String> {
    let name = root.file_name()?.to_str()?;
    let name = name
        .trim_start_matches('.')
        .replace(|c: char| !c.is_ascii_alphanumeric(), "-");
    checked_prefix(&name).ok().map(str::to_owned)
}

/// Writes the file as a whole; what somebody has written there stays.
fn write_config(path: &Path, prefix: &str) -> Result<()> {
    if path.is_file() {
        return Ok(());
    }
    let text = format!(
        "# Beads are in refs/gt/beads of this repository; this file is here for programs that look for it.\n\
         issue-prefix: \"{prefix}\"\n"
    );
    let folder = path.parent().unwrap_or(path);
    let written = fs::create_dir_all(folder).and_then(|()| fs::replace(path, text.as_bytes()));
    written.map_err(|error| Fault::io("write", path, &error))
}

/// Returns the folder that bd would keep the beads of a repository in.
fn folder_of(cx: &Context, repo: &Repo) -> PathBuf {
    let top = cx
        .beads
        .as_deref()
        .or(repo.workdir())
        .unwrap_or(repo.root());
    top.join(FOLDER)
}

/// Show where the beads are
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Where {}

pub(in crate::cli) fn whereabouts(cx: &Context, _: &Where) -> Result<Reply> {
    let home = cx.home()?;
    let path = folder_of(cx, home.repo()).display().to_string();
    let prefix = home.rig().prefix();
    let database = database(&home);
    let mut value = json!({
        "path": path, "prefix": prefix, "database_path": database, "schema_version": 1,
    });
    let mut text = format!("{path}\n  prefix: {prefix}\n  database: {database}\n");
    if cx.beads.is_some() {
        let from = cx.world.cwd().join(FOLDER).display().to_string();
        text.push_str(&format!("  (from {from})\n"));
        value["redirected_from"] = from.into();
    }
    Ok(Reply::new(value, text))
}

/// Returns what holds the beads of a home, in one word.
fn database(home: &Home) -> String {
    home.repo().common_dir().display().to_string()
}

/// Show what is kept here, and how
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Info {
    /// Show how beads are stored, too
    #[arg(long)]
    schema: bool,
    #[arg(long, hide = true)]
    whats_new: bool,
    #[arg(long, hide = true)]
    thanks: bool,
}

/// How many ids `info --schema` shows.
const SAMPLE: usize = 3;

pub(in crate::cli) fn info(cx: &Context, args: &Info) -> Result<Reply> {
    let home = cx.home()?;
    let view = home.view();
    let beads = Beads::of(&view);
    let ids = beads.ids()?;
    let (path, prefix) = (database(&home), home.rig().prefix());
    let config = json!({ "issue_prefix": prefix });
    let mut value = json!({
        "database_path": path, "mode": "direct", "issue_count": ids.len(), "config": config,
        "schema_version": 1,
    });
    if args.schema {
        value["schema"] = json!({
            "tables": ["refs/gt/beads"], "schema_version": VERSION, "config": config,
            "sample_issue_ids": ids.iter().take(SAMPLE).collect::<Vec<_>>(),
            "detected_prefix": prefix,
        });
    }
    let text = format!(
        "database: {path}\nmode: direct\nissues: {}\nprefix: {prefix}\n",
        ids.len()
    );
    Ok(Reply::new(value, text))
}

/// Show in which repository and as who you work
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct About {}

pub(in crate::cli) fn context(cx: &Context, _: &About) -> Result<Reply> {
    let home = cx.home()?;
    let shown = [
        ("backend", "git".to_owned()),
        ("repo_root", home.repo().root().display().to_string()),
        (
            "beads_dir",
            folder_of(cx, home.repo()).display().to_string(),
        ),
        ("database_path", database(&home)),
        ("prefix", home.rig().prefix().to_owned()),
        ("actor", cx.actor(home.repo())),
        ("bd_version", VERSION.to_owned()),
    ];
    let text: String = shown
        .iter()
        .map(|(key, value)| format!("{key}: {value}\n"))
        .collect();
    let fields = shown.map(|(key, value)| (key.to_owned(), Value::from(value)));
    let mut value = Map::from_iter(fields);
    value.insert("schema_version".to_owned(), 1.into());
    Ok(Reply::new(Value::Object(value), text))
}

/// Say that the beads can be read, and how long that took
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Ping {}

pub(in crate::cli) fn ping(cx: &Context, _: &Ping) -> Result<Reply> {
    let start = cx.world.now().0;
    let home = cx.home()?;
    let found = cx.world.now().0;
    let view = home.view();
    let beads = Beads::of(&view);
    let opened = cx.world.now().0;
    beads.ids()?;
    let end = cx.world.now().0;
    let value = json!({
        "status": "ok", "resolve_ms": found - start, "store_ms": opened - found,
        "query_ms": end - opened, "total_ms": end - start, "schema_version": 1,
    });
    Ok(Reply::new(value, format!("ok, {} ms", end - start)))
}

/// Print the version
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Version {}

pub(in crate::cli) fn version(_: &Context, _: &Version) -> Result<Reply> {
    let build = format!("git-gt {}", env!("CARGO_PKG_VERSION"));
    let text = format!("bd version {VERSION} ({build})");
    let value = json!({ "version": VERSION, "build": build, "schema_version": 1 });
    Ok(Reply::new(value, text))
}
