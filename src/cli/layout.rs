//! How lists of beads are laid out: as a table, as a tree, as a numbered list of work.

use super::Context;
use super::beads::{leaf, row};
use super::draw::{Cell, Drawing, Look, STRONG, tree};
use crate::bead::forest;
use crate::record::BeadRow;

/// How a list is laid out
#[derive(Debug, Default, Clone, Copy, clap::Args)]
pub(crate) struct Layout {
    /// Show children below their parents, as on a terminal; --tree=false does not
    #[arg(
        long,
        visible_alias = "pretty",
        value_name = "BOOL",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        conflicts_with = "flat"
    )]
    tree: Option<bool>,
    /// Show one line for each, as where no terminal is
    #[arg(long)]
    flat: bool,
    #[command(flatten)]
    look: Look,
    /// Whether it is a list of what can be begun.
    #[arg(skip)]
    is_work: bool,
}

impl Layout {
    /// Returns the same for what can be begun: numbered where it is plain, and counted at the end.
    pub(crate) fn of_work(self) -> Self {
        Self {
            is_work: true,
            ..self
        }
    }

    /// Returns how people want to see it.
    pub(crate) fn look(self) -> Look {
        self.look
    }

    /// Returns what people see of beads.
    pub(crate) fn drawing(self, cx: &Context, beads: &[&BeadRow<'_>]) -> Drawing {
        let on_terminal = self.look.is_on_terminal(&cx.world);
        let is_tree = self.tree.unwrap_or(!self.flat && on_terminal);
        let mut drawing = if is_tree {
            let lines = forest(beads).into_iter();
            tree(lines.map(|(depth, at)| (depth, leaf(beads[at]))).collect())
        } else if self.is_work && self.look.plain {
            let numbers = (1..).map(|number: usize| Cell::from(format!("{number}.")));
            let rows = numbers.zip(beads);
            Drawing::table(rows.map(|(number, bead)| [vec![number], row(bead)].concat()))
        } else {
            Drawing::table(beads.iter().map(|bead| row(bead)))
        };
        // A program that reads a table has no use for a line that is none.
        if self.is_work && (is_tree || self.look.plain || on_terminal) && !beads.is_empty() {
            let plural = if beads.len() == 1 { "" } else { "s" };
            let count = format!(
                "Ready: {} issue{plural} with no active blockers",
                beads.len()
            );
            drawing.add_text("\n", STRONG);
            drawing.add_text(count, STRONG);
        }
        drawing
    }
}
