//! The terminal that standard output goes to, where it is one.

use std::io::stdout;

use super::World;

/// How much a terminal shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Characters in a line.
    pub columns: usize,
    /// Lines.
    pub rows: usize,
}

/// Returns the size of the terminal that standard output is; nothing where it is none.
///
/// A pager that git has started counts as one that is endless: git says so, and how wide it is.
pub fn size(world: &World) -> Option<Size> {
    let or = |found: usize, usual: usize| if found == 0 { usual } else { found };
    if world.env("GIT_PAGER_IN_USE").is_some() {
        let columns = world.env("COLUMNS").and_then(|it| it.parse().ok());
        return Some(Size {
            columns: or(columns.unwrap_or_default(), 80),
            rows: usize::MAX,
        });
    }
    if !rustix::termios::isatty(stdout()) {
        return None;
    }
    let found = rustix::termios::tcgetwinsize(stdout()).ok();
    let (columns, rows) = found.map_or((0, 0), |it| (it.ws_col, it.ws_row));
    Some(Size {
        columns: or(columns.into(), 80),
        rows: or(rows.into(), 24),
    })
}
