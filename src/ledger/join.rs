//! The join of two records: commutative, associative, idempotent, a function of the bytes alone
//! (DESIGN 3.3). An old version joins kinds it has never heard of.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::codec::{self, Record, canonical};
use super::stamp::Stamp;

/// A value that is joined on its own: a field, or an entry of a map field.
type Path<'a> = (&'a str, Option<&'a str>);

/// What decides between two sides of one path.
struct Rank<'a> {
    /// `life`, of `state` only; -1 elsewhere.
    life: i64,
    stamp: Stamp,
    value: Option<&'a Value>,
}

impl Rank<'_> {
    /// Life goes before time, and what is there before what is not. The texts are compared where nothing
    /// else decides, which is rare and slow.
    fn order(&self, other: &Self) -> Ordering {
        let first = |it: &Self| (it.life, it.value.is_some());
        let text = |it: &Self| it.value.map(canonical).unwrap_or_default();
        let [(life, there), (other_life, other_there)] = [first(self), first(other)];
        life.cmp(&other_life)
            .then_with(|| self.stamp.cmp(&other.stamp))
            .then_with(|| there.cmp(&other_there))
            .then_with(|| match self.value == other.value {
                true => Ordering::Equal,
                false => text(self).cmp(&text(other)),
            })
    }
}

struct Side<'a> {
    leaves: BTreeMap<Path<'a>, &'a Value>,
    rows: BTreeMap<Path<'a>, Stamp>,
    low: Stamp,
}

/// Returns the join of two records with the same id, as `reference/join.py` of the design defines it.
///
/// Records of one id that name two kinds give the greater kind. Where a field is a map on one side and
/// something else on the other, the map wins.
pub fn join(a: &Record, b: &Record) -> Record {
    let created = a.created().min(b.created());
    let kind = a.kind().max(b.kind());
    let sides = [side(a), side(b)];
    let low = sides[0].low.clone().max(sides[1].low.clone());
    let mut joined = Record::new(a.id(), kind, &created);
    let mut rows = Map::new();
    // Backwards, so that the entries of a map are there before what is none would take their place.
    for path in paths(&sides).into_iter().rev() {
        let [ours, theirs] = [rank(path, &sides[0]), rank(path, &sides[1])];
        let is_map = path.1.is_none() && joined.fields.contains_key(path.0);
        let best = match ours.order(&theirs) {
            // What is no map goes with its row; what else the map's side says of it stays.
            _ if is_map && ours.value.is_some() => theirs,
            _ if is_map && theirs.value.is_some() => ours,
            Ordering::Less => theirs,
            Ordering::Equal | Ordering::Greater => ours,
        };
        let present = best.value.is_some();
        if best.stamp != implied(path, &low, present) {
            rows.insert(row_name(path), best.stamp.as_str().into());
        }
        if let Some(value) = best.value {
            insert(&mut joined.fields, path, value.clone());
        }
    }
    if low != created {
        rows.insert("*".to_owned(), low.as_str().into());
    }
    if !rows.is_empty() {
        joined
            .fields
            .insert("stamps".to_owned(), Value::Object(rows));
    }
    joined
}

/// Returns a record with what another one says of it later and otherwise. What both say keeps its stamp, and
/// so does what neither has: a change made apart to something else prevails when it is joined.
///
/// What is told of the same moment is added and takes nothing away.
pub fn revised(known: &Record, told: &Record) -> Record {
    let sides = [side(known), side(told)];
    let mut revised = known.clone();
    for path in paths(&sides) {
        let [ours, theirs] = [rank(path, &sides[0]), rank(path, &sides[1])];
        let at_once = ours.stamp.time() == theirs.stamp.time();
        let prevails = match (ours.value, theirs.value) {
            (ours, theirs) if ours == theirs => false,
            (None, Some(_)) | (Some(_), None) if at_once => theirs.value.is_some(),
            _ => theirs.order(&ours) == Ordering::Greater,
        };
        if !prevails {
            continue;
        }
        let stamp = match theirs.stamp > ours.stamp {
            true => theirs.stamp,
            false => Stamp::just_after(&ours.stamp),
        };
        let value = theirs.value.cloned();
        match path {
            (field, None) => revised.set(field, value, &stamp),
            (field, Some(key)) => revised.set_entry(field, key, value, &stamp),
        }
    }
    revised
}

fn side(record: &Record) -> Side<'_> {
    let mut leaves = BTreeMap::new();
    for (field, value) in record.fields() {
        match value {
            Value::Object(map) if field != "state" => {
                leaves.extend(
                    map.iter()
                        .map(|(key, value)| ((field, Some(key.as_str())), value)),
                );
            }
            _ => {
                leaves.insert((field, None), value);
            }
        }
    }
    let rows = record
        .entries("stamps")
        .filter(|(row, _)| *row != "*")
        .filter_map(|(row, stamp)| {
            let path = row
                .split_once('/')
                .map_or((row, None), |(field, key)| (field, Some(key)));
            Some((path, stamp.as_str()?.parse().ok()?))
        });
    Side {
        leaves,
        rows: rows.collect(),
        low: record.low(),
    }
}

/// Returns every path either side knows, a row without a value included: it says when that was removed.
fn paths<'a>(sides: &[Side<'a>; 2]) -> BTreeSet<Path<'a>> {
    let known = sides
        .iter()
        .flat_map(|side| side.leaves.keys().chain(side.rows.keys()));
    known.copied().collect()
}

fn rank<'a>(path: Path<'_>, side: &Side<'a>) -> Rank<'a> {
    let value = side.leaves.get(&path).copied();
    let stamp = side.rows.get(&path).cloned();
    let life = match value {
        Some(state) if path == ("state", None) => {
            state.get("life").and_then(Value::as_i64).unwrap_or(-1)
        }
        _ => -1,
    };
    Rank {
        life,
        stamp: stamp.unwrap_or_else(|| implied(path, &side.low, value.is_some())),
        value,
    }
}

/// The stamp of a path that has no row: what follows from its key, else the record's lowest.
fn implied(path: Path<'_>, low: &Stamp, present: bool) -> Stamp {
    let of_key = path.1.and_then(|key| codec::implied(key, present));
    of_key.unwrap_or_else(|| low.clone())
}

fn row_name((field, key): Path<'_>) -> String {
    key.map_or_else(|| field.to_owned(), |key| format!("{field}/{key}"))
}

fn insert(fields: &mut Map<String, Value>, (field, key): Path<'_>, value: Value) {
    match key {
        None => {
            fields.insert(field.to_owned(), value);
        }
        Some(key) => {
            let map = fields
                .entry(field)
                .or_insert_with(|| Value::Object(Map::new()));
            let map = map
                .as_object_mut()
                .expect("a map field holds no plain value here");
            map.insert(key.to_owned(), value);
        }
    }
}

#[cfg(test)]
mod tests;
