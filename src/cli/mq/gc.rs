//! `git gt mq gc`: what is kept for finished requests goes.

use serde_json::{Value, json};

use super::Context;
use crate::cli::reply::{Reply, columns};
use crate::fault::Result;
use crate::refinery::{leftovers, tidy};

pub(super) fn run(cx: &Context, dry_run: bool) -> Result<Reply> {
    let home = cx.home()?.one_rig()?;
    let found = if dry_run {
        leftovers(&home)?
    } else {
        cx.settle(&home);
        let target = home.target(None)?;
        tidy(&home, &home.base(&target)?)?
    };
    let values: Vec<Value> = found
        .iter()
        .map(|it| json!({ "ref": it.name, "commit": it.commit.to_string(), "why": it.why }))
        .collect();
    let rows = found.iter().map(|it| {
        let commit = it.commit.to_hex_with_len(12).to_string();
        vec![commit, it.why.clone()]
    });
    let said = match (found.len(), dry_run) {
        (0, _) => "nothing is left over".to_owned(),
        (count, true) => format!("{count} would be put away"),
        (count, false) => format!("{count} put away"),
    };
    let text = columns(rows) + &said;
    Ok(Reply::new(json!(values), text))
}
