//! Rules and queries over many beads, and bd's JSON: values in, values out.

mod alike;
mod batch;
mod beads;
mod children;
mod circles;
mod claim;
mod close;
mod count;
mod custom;
mod dates;
mod edges;
mod edit;
mod epics;
mod erase;
mod export;
mod filter;
mod forest;
mod import;
mod integration;
mod json;
mod make;
mod markdown;
mod memory;
mod moment;
mod moved;
mod order;
mod query;
mod ready;
mod resolve;
#[cfg(test)]
mod scans;
mod slot;
mod state;
mod steps;
mod template;
mod thread;
mod tree;
mod wait;
mod waves;
mod wiring;
mod words;

pub use alike::{Pair, alike};
pub use batch::{BatchStep, batch_steps};
#[cfg(test)]
pub(crate) use beads::Given;
pub use beads::{Beads, Graph, PARENT_CHILD, TownBeads};
pub use children::{Children, children};
pub use circles::{Waiting, blocking, circle, knots};
pub use claim::{claim, release};
pub use close::{check_closable, delete};
pub use count::{Activity, Groups, Stats, Trait};
pub use custom::{
    Category, CustomStatus, check_setting, check_status, check_type, custom_statuses, custom_types,
};
pub use dates::{Instant, day, when};
pub use edges::{Circles, Link, is_blocking, link, link_with, set_parent, targets, unlink};
pub use edit::{Edit, edit};
pub use epics::{Epic, epics};
pub use erase::{Erased, erase};
pub use export::{Scope, export};
pub use filter::{Filter, Labels, Pattern, Shown, Words};
pub use forest::forest;
pub use import::{
    Form, Imported, Input, Pile, Plan, Refused, Rest, Says, Target, What, by_reference, merge, read,
};
pub use integration::{Integration, gone, integration_name, target_of};
pub use json::{
    Fields, comment, comments, counted, dependents, dependents_of, edges_of, fields, issue, raw,
    shown, with_type,
};
pub use make::{Draft, make};
pub use markdown::{Written, written};
pub use memory::{
    GENERAL, MEMORY_TYPES, clear, keep, kv_key, memories, memory_key, memory_line, memory_type,
    read_memory, slug, typed_memory,
};
pub use moment::{Moment, Way};
pub use moved::{check_movable, copy, moved_id};
pub use order::Order;
pub use query::{Comparison, Field, Op, Query, metadata_key, query};
pub use ready::{Blockers, Offer, blockers, is_below, is_ready};
pub use resolve::resolve;
pub use slot::{SLOT, acquire, free, new_slot, slot_holder, slot_id, slot_waiters, wait_for};
pub use state::{set_state, state_change, states};
pub use steps::{Resumable, Step, StepPlan, resumable, steps};
pub use template::{missing_sections, required_sections};
pub use thread::thread;
pub use tree::{Branch, Reach, tree};
pub use wait::{Answer, GATE, Known, WAITS, Wait, commit_and_check, evaluate, opened, span, wait};
pub use waves::Web;
pub use wiring::{Wire, read_wires, wire};
pub use words::{
    TITLE_MAX, any_edge_type, edge_type, is_status, issue_type, label, priority, status,
};
