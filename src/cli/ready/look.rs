//! Work that can be begun, looked at otherwise than as a list: why it can, and the steps of molecules.

use serde_json::{Map, Value, json};

use super::super::Context;
use super::super::beads::object;
use super::super::listing::{Wanted, find};
use super::super::reply::{Reply, columns};
use super::resolved;
use crate::bead::{
    Beads, Blockers, Filter, Graph as _, Shown, Step, StepPlan, blocking, circle, dependents,
    is_blocking, issue, knots, resumable, steps,
};
use crate::fault::Result;
use crate::record::{Bead, BeadRow};
use crate::town::{Home, View};

/// Returns the one bead of a row itself.
fn whole(beads: &Beads<'_, '_>, row: &BeadRow<'_>) -> Result<Map<String, Value>> {
    let found = beads.whole(std::slice::from_ref(row))?;
    Ok(found.first().map(issue).unwrap_or_default())
}

/// Returns a bead that can be begun as bd prints it, and why it can.
fn free(beads: &Beads<'_, '_>, row: &BeadRow<'_>) -> Result<(Map<String, Value>, String)> {
    let waited = row
        .edges()
        .filter(|edge| is_blocking(edge.kind) || edge.kind == "waits-for");
    let before: Vec<&str> = waited.map(|edge| edge.target).collect();
    let reason = match before.len() {
        0 => "no blocking dependencies".to_owned(),
        count => format!("{count} blocker(s) resolved"),
    };
    let mut fields = whole(beads, row)?;
    let blocks = row.edges().filter(|edge| edge.kind == "blocks").count();
    fields.insert("reason".to_owned(), reason.clone().into());
    fields.insert("resolved_blockers".to_owned(), before.into());
    fields.insert("dependency_count".to_owned(), blocks.into());
    fields.insert(
        "dependent_count".to_owned(),
        dependents(beads, row.id())?.into(),
    );
    if let Some(parent) = row.parent() {
        fields.insert("parent".to_owned(), parent.into());
    }
    Ok((fields, reason))
}

/// Returns what is ready, and why; what waits, and for what; and what waits for itself.
pub(super) fn explained(
    cx: &Context,
    homes: &[Home],
    wanted: &Wanted<'_>,
    also: impl Fn(&Beads<'_, '_>, &BeadRow<'_>) -> Result<bool>,
) -> Result<Reply> {
    let wanted = Wanted {
        limit: 0,
        ..*wanted
    };
    let views: Vec<View<'_>> = homes.iter().map(Home::view).collect();
    let all: Vec<Beads<'_, '_>> = views.iter().map(Beads::of).collect();
    let found = find(cx, &all, &wanted, also)?;
    let (mut ready, mut lines) = (Vec::new(), Vec::new());
    for (home, row) in &found.rows {
        let (fields, reason) = free(&all[*home], row)?;
        lines.push(vec![row.id().to_owned(), row.title().to_owned(), reason]);
        ready.push(Value::Object(fields));
    }
    let filter = Filter::default();
    let wanted = Wanted {
        filter: &filter,
        ..wanted
    };
    let found = find(cx, &all, &wanted, |beads, row| {
        Blockers::new(beads).block(row)
    })?;
    let mut blocked = Vec::new();
    for (home, row) in &found.rows {
        let by = Blockers::new(&all[*home]).of(row)?;
        let words = format!("waits for {}", by.join(", "));
        lines.push(vec![row.id().to_owned(), row.title().to_owned(), words]);
        blocked.push(Value::Object(waiting(&all[*home], row, &by)?));
    }
    let graph = blocking(&all)?;
    let cycles = knots(&graph.leads_to).into_iter().map(|knot| {
        let ids = circle(&graph.leads_to, &knot).into_iter();
        ids.map(|at| graph.rows[at].id()).collect::<Vec<&str>>()
    });
    let cycles: Vec<Vec<&str>> = cycles.collect();
    lines.extend(
        cycles
            .iter()
            .map(|ids| vec![format!("a circle: {}", ids.join(" → "))]),
    );
    let summary = json!({
        "total_ready": ready.len(), "total_blocked": blocked.len(), "cycle_count": cycles.len(),
    });
    let value = json!({
        "ready": ready, "blocked": blocked, "cycles": cycles, "summary": summary, "schema_version": 1,
    });
    Ok(Reply::new(value, columns(lines)))
}

/// Returns a bead that waits, with what it waits for.
fn waiting(beads: &Beads<'_, '_>, row: &BeadRow<'_>, by: &[String]) -> Result<Map<String, Value>> {
    let mut blockers = Vec::new();
    for id in by {
        blockers.push(match beads.find(id)? {
            Some(it) => json!({
                "id": id, "title": it.title(), "status": it.status(), "priority": it.priority(),
            }),
            None => json!({ "id": id, "title": "", "status": "", "priority": 0 }),
        });
    }
    let mut fields = whole(beads, row)?;
    fields.insert("blocked_by_count".to_owned(), by.len().into());
    fields.insert("blocked_by".to_owned(), blockers.into());
    Ok(fields)
}

/// Returns the steps of a molecule that can be done now.
pub(super) fn steps_of(cx: &Context, typed: &str) -> Result<Reply> {
    let (home, id) = resolved(cx, typed)?;
    let view = home.view();
    let beads = Beads::of(&view);
    let title = view
        .bead(&id)?
        .map_or_else(String::new, |it| it.title().to_owned());
    let plan = steps(&beads, &id)?;
    let ready: Vec<&Step<'_>> = plan.steps.iter().filter(|it| it.is_ready()).collect();
    let rows: Vec<BeadRow<'_>> = ready.iter().map(|it| it.row.clone()).collect();
    let whole = beads.whole(&rows)?;
    let printed = ready.iter().zip(&whole);
    let printed: Vec<Value> = printed
        .map(|(step, bead)| step_of(&plan, step, bead))
        .collect();
    let line = |step: &&Step<'_>| {
        let group = step.group.clone().unwrap_or_default();
        vec![step.row.id().to_owned(), step.row.title().to_owned(), group]
    };
    let count = format!(
        "{id}: {title}\n{} steps, {} ready\n",
        plan.steps.len(),
        ready.len()
    );
    let text = format!("{count}{}", columns(ready.iter().map(line)));
    let value = json!({
        "molecule_id": id,
        "molecule_title": title,
        "total_steps": plan.steps.len(),
        "ready_steps": ready.len(),
        "steps": printed,
        "parallel_groups": plan.groups,
        "schema_version": 1,
    });
    Ok(Reply::new(value, text))
}

fn step_of(plan: &StepPlan<'_>, step: &Step<'_>, bead: &Bead) -> Value {
    let group = step.group.as_deref().unwrap_or_default();
    let beside = plan.groups.get(group).into_iter().flatten();
    let beside: Vec<&String> = beside.filter(|id| *id != step.row.id()).collect();
    json!({
        "issue": issue(bead),
        "parallel_group": group,
        "parallel_info": {
            "step_id": step.row.id(),
            "status": step.row.status(),
            "is_ready": step.is_ready(),
            "parallel_group": group,
            "blocked_by": step.blocked_by,
            "blocks": step.blocks,
            "can_parallel": beside,
        },
    })
}

/// Returns the molecules that can go on because a gate has opened.
pub(super) fn gated(cx: &Context, homes: &[Home]) -> Result<Reply> {
    let filter = Filter {
        statuses: vec!["closed".to_owned()],
        issue_type: Some("gate".to_owned()),
        shown: Shown::ALL,
        ..Filter::default()
    };
    let (mut molecules, mut lines) = (Vec::new(), Vec::new());
    for home in homes {
        let view = home.view();
        let beads = Beads::of(&view);
        let gates = beads.fitting(&filter, usize::MAX, &|_| Ok(true))?;
        for it in resumable(&beads, &gates, cx.world.now())? {
            lines.push(
                [&it.molecule, &it.step, &it.gate]
                    .map(|row| row.id().to_owned())
                    .to_vec(),
            );
            molecules.push(json!({
                "molecule_id": it.molecule.id(),
                "molecule_title": it.molecule.title(),
                "closed_gate": whole(&beads, &it.gate)?,
                "ready_step": whole(&beads, &it.step)?,
            }));
        }
    }
    let mut value = Map::new();
    value.insert("count".to_owned(), molecules.len().into());
    value.insert("molecules".to_owned(), molecules.into());
    Ok(Reply::new(object(value), columns(lines)))
}
