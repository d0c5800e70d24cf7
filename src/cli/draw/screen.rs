//! Who looks: a terminal of some width, with colours or without, or nobody; and its pager.

use crate::git::Repo;
use crate::world::World;
use crate::world::process::Run;
use crate::world::terminal::{self, Size};

/// How a result is shown to people
#[derive(Debug, Default, Clone, Copy, clap::Args)]
pub(crate) struct Look {
    /// Print as for a program: no colours, no tree, nothing cut, no pager
    #[arg(long)]
    pub(crate) plain: bool,
    /// Print at once what is longer than the screen
    #[arg(long)]
    pub(crate) no_pager: bool,
}

impl Look {
    /// Returns whether a person looks at a terminal.
    pub(crate) fn is_on_terminal(self, world: &World) -> bool {
        !self.plain && terminal::size(world).is_some()
    }
}

/// What text is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Screen {
    /// Its columns; nothing where it is no terminal.
    columns: Option<usize>,
    has_colours: bool,
}

impl Screen {
    /// No terminal.
    pub(crate) const PLAIN: Self = Self::new(None, false);

    /// Returns a screen of so many columns, or none.
    pub(crate) const fn new(columns: Option<usize>, has_colours: bool) -> Self {
        Self {
            columns,
            has_colours,
        }
    }

    /// Returns what standard output is. Settings are asked for only where it is a terminal.
    pub(crate) fn of(world: &World, look: Look) -> Self {
        let size = terminal::size(world).filter(|_| !look.plain);
        let Some(size) = size else {
            let is_forced = world.env("CLICOLOR_FORCE").is_some_and(|it| it != "0");
            return Self::new(None, is_forced && !look.plain && !is_refused(world));
        };
        Self::new(
            Some(size.columns),
            !is_refused(world) && wants_colours(world),
        )
    }

    /// Returns whether it is a terminal.
    pub(crate) fn is_terminal(&self) -> bool {
        self.columns.is_some()
    }

    /// Returns how many columns fit.
    pub(crate) fn width(&self) -> usize {
        self.columns.unwrap_or(usize::MAX)
    }

    /// Returns whether it shows colours.
    pub(crate) fn has_colours(&self) -> bool {
        self.has_colours
    }
}

/// Returns whether the environment wants no colours.
fn is_refused(world: &World) -> bool {
    world.env("NO_COLOR").is_some()
        || world.env("CLICOLOR") == Some("0")
        || world.env("TERM") == Some("dumb")
}

/// Returns whether git would use colours on a terminal.
fn wants_colours(world: &World) -> bool {
    let said = Repo::discover(world).ok();
    let said = said.and_then(|repo| repo.setting("color.ui"));
    let said = said.map(|it| it.to_ascii_lowercase());
    !said.is_some_and(|it| ["never", "false", "no", "off", "0"].contains(&it.as_str()))
}

/// Shows a text in git's pager where it is longer than the terminal, and returns whether it did.
pub(crate) fn page(world: &World, text: &str, look: Look) -> bool {
    let size = terminal::size(world).filter(|_| !look.plain && !look.no_pager);
    let Some(Size { rows, .. }) = size else {
        return false;
    };
    if text.lines().count() < rows {
        return false;
    }
    let asked = Run::new("git", world.cwd()).args(["var", "GIT_PAGER"]);
    let Ok(said) = asked.output(world) else {
        return false;
    };
    let pager = String::from_utf8_lossy(&said.stdout).trim().to_owned();
    if !said.status.success() || pager.is_empty() || pager == "cat" {
        return false;
    }
    let mut run = Run::new("sh", world.cwd()).args(["-c", &pager]);
    for (key, value) in [("LESS", "FRX"), ("LV", "-c")] {
        if world.env(key).is_none() {
            run = run.env(key, value);
        }
    }
    let shown = run.env("GIT_PAGER_IN_USE", "true").stdin(text);
    shown.shown(world).is_ok_and(|it| it.code() != Some(127))
}
