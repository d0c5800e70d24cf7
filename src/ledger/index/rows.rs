//! Rows in order: those of the base that did not change, and those that did.

use std::ops::Range;

use super::{Index, Row};
use crate::fault::Result;

/// Rows of an index in order, read when asked for.
pub struct Rows<'i, 'r> {
    index: &'i Index<'r>,
    heads: Vec<Head<'i>>,
}

/// Where one part of the rows stands: what comes next of it, and what after that.
struct Head<'i> {
    next: Option<Found<'i>>,
    rest: Rest<'i>,
}

/// A row, and its number where it is one of the base.
type Found<'i> = (Row<'i>, Option<usize>);

enum Rest<'i> {
    Base(Range<usize>),
    Changed(Box<dyn Iterator<Item = Row<'i>> + 'i>),
}

impl<'i, 'r> Rows<'i, 'r> {
    pub(super) fn new(index: &'i Index<'r>, lives: &[bool]) -> Self {
        let mut heads = Vec::with_capacity(4);
        for live in lives {
            let mut add = |rest| heads.push(Head { next: None, rest });
            add(Rest::Base(index.base.numbers(*live)));
            if !index.overlay.is_empty() {
                add(Rest::Changed(Box::new(index.overlay.rows(*live))));
            }
        }
        Self { index, heads }
    }

    /// Returns the next row, and its number where it is one of the base.
    pub(super) fn step(&mut self) -> Result<Option<Found<'i>>> {
        let index = self.index;
        if let [only] = &mut self.heads[..] {
            return only.advance(index);
        }
        for head in self.heads.iter_mut().filter(|head| head.next.is_none()) {
            head.next = head.advance(index)?;
        }
        let first = self
            .heads
            .iter_mut()
            .filter(|head| head.next.is_some())
            .min_by(|a, b| {
                let place = |head: &Head<'i>| head.next.map(|(row, _)| (row.order, row.id));
                place(a).cmp(&place(b))
            });
        Ok(first.and_then(|head| head.next.take()))
    }
}

impl<'i> Head<'i> {
    fn advance(&mut self, index: &'i Index<'_>) -> Result<Option<Found<'i>>> {
        match &mut self.rest {
            Rest::Changed(rows) => Ok(rows.next().map(|row| (row, None))),
            Rest::Base(numbers) => {
                for number in numbers {
                    let row = index.base.row(number)?;
                    if index.overlay.is_empty() || !index.overlay.hides(row.id) {
                        return Ok(Some((row, Some(number))));
                    }
                }
                Ok(None)
            }
        }
    }
}

impl<'i> Iterator for Rows<'i, '_> {
    type Item = Result<Row<'i>>;

    fn next(&mut self) -> Option<Self::Item> {
        self.step()
            .map(|found| found.map(|(row, _)| row))
            .transpose()
    }
}
