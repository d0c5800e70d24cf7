//! `git gt bead config`

use serde_json::{Map, Value, json};

use super::Context;
use super::beads::object;
use super::reply::{Exit, Reply, columns, printable};
use crate::bead::check_setting;
use crate::fault::{Fault, Result};
use crate::town::Home;

/// Say which words of its own a project has for beads, and other settings of everybody's
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Change a setting
    Set {
        /// The setting
        #[arg(value_name = "KEY")]
        key: String,
        /// Its new value
        #[arg(value_name = "VALUE", allow_hyphen_values = true)]
        value: String,
    },
    /// Change several settings at once, or none
    SetMany {
        /// The settings with their new values
        #[arg(value_name = "KEY=VALUE", required = true)]
        pairs: Vec<String>,
    },
    /// Print a setting
    Get {
        /// The setting
        #[arg(value_name = "KEY")]
        key: String,
    },
    /// List the settings
    List {},
    /// List the settings with where each comes from
    Show {},
    /// Remove a setting
    Unset {
        /// The setting
        #[arg(value_name = "KEY")]
        key: String,
    },
    /// Check that every setting makes sense
    Validate {},
}

/// The setting that is the prefix of ids.
const PREFIX: &str = "issue_prefix";

/// The setting that is of whoever works in this repository, and stands in git's own configuration.
const ROLE: &str = "beads.role";

pub(crate) fn run(cx: &Context, args: &Args) -> Result<Reply> {
    let home = cx.home()?;
    match &args.verb {
        Verb::Set { key, value } => {
            set(cx, &home, &[(known(key), value.clone())])?;
            let text = format!("Set {key} = {}", printable(value));
            Ok(Reply::new(one(key, value), text))
        }
        Verb::SetMany { pairs } => {
            let pairs = pairs.iter().map(|it| split(it));
            let pairs = pairs.collect::<Result<Vec<_>>>()?;
            set(cx, &home, &pairs)?;
            let said = pairs
                .iter()
                .map(|(key, value)| format!("Set {key} = {value}\n"));
            let text: String = said.collect();
            let values = pairs
                .iter()
                .map(|(key, value)| json!({ "key": key, "value": value }));
            Ok(Reply::new(values.collect(), text))
        }
        Verb::Get { key } => {
            let value = get(&home, &known(key))?;
            let text = value.clone().unwrap_or_else(|| format!("{key} (not set)"));
            Ok(Reply::new(one(key, &value.unwrap_or_default()), text))
        }
        Verb::Unset { key } => {
            unset(cx, &home, &known(key))?;
            let value = object(Map::from_iter([("key".to_owned(), key.as_str().into())]));
            Ok(Reply::new(value, format!("Unset {key}")))
        }
        Verb::List {} => {
            let (mut value, mut text) = (Map::new(), String::new());
            for it in all(&home)? {
                text.push_str(&format!("{} = {}\n", it.key, it.value));
                value.insert(it.key, it.value.into());
            }
            Ok(Reply::new(object(value), text))
        }
        Verb::Show {} => {
            let all = all(&home)?;
            let values = all
                .iter()
                .map(|it| json!({ "key": it.key, "value": it.value, "source": it.source }));
            let value = values.collect();
            let rows = all
                .into_iter()
                .map(|it| vec![it.key, it.value, it.source.to_owned()]);
            Ok(Reply::new(value, columns(rows)))
        }
        Verb::Validate {} => validate(&home),
    }
}

/// A setting, and where it stands.
struct Setting {
    key: String,
    value: String,
    source: &'static str,
}

fn one(key: &str, value: &str) -> Value {
    let pair = [("key", key), ("value", value)];
    object(
        pair.into_iter()
            .map(|(name, text)| (name.to_owned(), text.into()))
            .collect(),
    )
}

/// Returns the name of a setting that may be spelt otherwise.
fn known(key: &str) -> String {
    match key {
        "issue-prefix" | "prefix" => PREFIX.to_owned(),
        key => key.to_owned(),
    }
}

fn split(pair: &str) -> Result<(String, String)> {
    let found = pair.split_once('=').filter(|(key, _)| !key.is_empty());
    let (key, value) = found.ok_or_else(|| {
        Fault::invalid(format!("'{pair}' is no setting with its value"))
            .hint("git gt bead config set-many types.custom=agent,role hierarchy.max-depth=4")
    })?;
    Ok((known(key), value.to_owned()))
}

/// Changes settings; all that are shared in one commit.
///
/// After a crash the shared ones are changed or not, and the one of this repository may not be yet.
fn set(cx: &Context, home: &Home, pairs: &[(String, String)]) -> Result<()> {
    for (key, value) in pairs {
        check_setting(key, value)?;
        if key == PREFIX {
            check_prefix(home, value)?;
        }
    }
    let shared = pairs.iter().filter(|(key, _)| key != PREFIX && key != ROLE);
    let shared: Vec<(String, Option<String>)> = shared
        .map(|(key, value)| (key.clone(), Some(value.clone())))
        .collect();
    if !shared.is_empty() {
        home.set_shared(&cx.actor(home.repo()), &shared)?;
    }
    match pairs.iter().find(|(key, _)| key == ROLE) {
        Some((_, role)) => home.repo().set_setting(ROLE, role),
        None => Ok(()),
    }
}

fn check_prefix(home: &Home, value: &str) -> Result<()> {
    let prefix = home.rig().prefix();
    if value.trim_end_matches('-') == prefix {
        return Ok(());
    }
    Err(Fault::refused(format!("the prefix is {prefix} and is not changed by a setting"))
        .hint("ids that exist keep their prefix; other prefixes are allowed beside it: git gt bead config set allowed_prefixes PREFIX,..."))
}

fn get(home: &Home, key: &str) -> Result<Option<String>> {
    match key {
        PREFIX => Ok(Some(home.rig().prefix().to_owned())),
        ROLE => Ok(home.repo().setting(ROLE)),
        key => home.shared(key),
    }
}

/// Removes a setting.
///
/// After a crash it is there or it is not.
fn unset(cx: &Context, home: &Home, key: &str) -> Result<()> {
    match key {
        PREFIX => Err(Fault::refused("the prefix is not changed any more")
            .hint("ids that exist keep their prefix")),
        ROLE if home.repo().setting(ROLE).is_none() => Ok(()),
        ROLE => home.repo().unset_setting(ROLE),
        key => home.set_shared(&cx.actor(home.repo()), &[(key.to_owned(), None)]),
    }
}

fn all(home: &Home) -> Result<Vec<Setting>> {
    let setting = |key: &str, value, source| Setting {
        key: key.to_owned(),
        value,
        source,
    };
    let shared = home.all_shared()?;
    let mut all: Vec<Setting> = shared
        .into_iter()
        .map(|(key, value)| setting(&key, value, "shared"))
        .collect();
    all.push(setting(PREFIX, home.rig().prefix().to_owned(), "rig"));
    let role = home.repo().setting(ROLE);
    all.extend(role.map(|role| setting(ROLE, role, "git config")));
    all.sort_by(|a, b| a.key.cmp(&b.key));
    Ok(all)
}

fn validate(home: &Home) -> Result<Reply> {
    let mut wrong = Vec::new();
    for it in all(home)? {
        if let Err(fault) = check_setting(&it.key, &it.value) {
            wrong.push(format!("{}: {fault}", it.key));
        }
    }
    let value = object(Map::from_iter([
        ("valid".to_owned(), wrong.is_empty().into()),
        ("issues".to_owned(), wrong.clone().into()),
    ]));
    Ok(match wrong.is_empty() {
        true => Reply::new(value, "every setting makes sense"),
        false => Reply::new(value, wrong.join("\n")).exit(Exit::No),
    })
}
