//! How merge requests become commits of their target: the settings `strategy`, `message` and `refinery.sign`,
//! read fail-closed.

use super::View;
use super::settings::boolean;
use crate::fault::{Fault, Result};
use crate::git::{name_fits, pattern_flaw};
use crate::text::steers;

/// Which commits a merge request becomes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Strategy {
    /// A merge commit.
    #[default]
    Merge,
    /// One commit with all its changes.
    Squash,
    /// Its commits, made anew on the target.
    Rebase,
}

/// How merge requests become commits of a branch.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Style {
    /// Which commits.
    pub strategy: Strategy,
    /// What they say, nothing where nobody has said.
    pub message: Option<Template>,
    /// Whether they are signed when they land.
    pub sign: bool,
}

/// A message with places to be filled in.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Template(Vec<Piece>);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Piece {
    Text(String),
    Field(&'static str),
}

/// The strategies with their words.
const WORDS: [(&str, Strategy); 3] = [
    ("merge", Strategy::Merge),
    ("squash", Strategy::Squash),
    ("rebase", Strategy::Rebase),
];

/// What can stand between braces in a message.
const FIELDS: [&str; 7] = ["title", "body", "branch", "target", "bead", "worker", "mr"];

/// What `strategy` can be.
pub(super) const STRATEGY_HINT: &str =
    "merge, squash or rebase, and others for branches: squash, release/*=merge";

/// What `refinery.sign` can be.
pub(super) const SIGN_HINT: &str = "true or false, and others for branches: false, release/*=true";

/// Returns what a text says for a branch, nothing where it cannot be understood: what stands at the first pattern
/// that fits it, else what stands without a pattern.
fn for_branch<T: Copy + Default>(
    text: &str,
    branch: &str,
    word: fn(&str) -> Option<T>,
) -> Option<T> {
    let (mut special, mut general) = (None, None);
    for part in text.split(',').filter(|it| !it.trim().is_empty()) {
        match part.rsplit_once('=') {
            Some((pattern, named)) => {
                let named = word(named.trim())?;
                if pattern_flaw(pattern.trim()).is_some() {
                    return None;
                }
                let fits = name_fits(pattern.trim(), branch);
                special = special.or(fits.then_some(named));
            }
            None => general = Some(word(part.trim())?),
        }
    }
    Some(special.or(general).unwrap_or_default())
}

fn strategy(text: &str, branch: &str) -> Option<Strategy> {
    let word = |word: &str| Some(WORDS.iter().find(|it| it.0 == word)?.1);
    for_branch(text, branch, word)
}

fn sign(text: &str, branch: &str) -> Option<bool> {
    for_branch(text, branch, boolean)
}

/// Returns whether the value of `strategy` can be understood.
pub(super) fn is_strategy(text: &str) -> bool {
    strategy(text, "").is_some()
}

/// Returns whether the value of `refinery.sign` can be understood.
pub(super) fn is_sign(text: &str) -> bool {
    sign(text, "").is_some()
}

impl Template {
    /// Reads a message: `{title}` and the like are filled in, `\n` ends a line, `{{`, `}}` and `\\` stand for
    /// one of them.
    pub fn parse(text: &str) -> Result<Self> {
        let bad = |what: String| {
            Err(Fault::invalid(format!("the message {what}")).hint(format!(
                "in braces: {}; a line ends with \\n, a brace is written twice",
                FIELDS.join(", ")
            )))
        };
        let (mut pieces, mut plain) = (Vec::new(), String::new());
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            let after = &rest[c.len_utf8()..];
            rest = match (c, after.chars().next()) {
                ('{' | '}', Some(next)) if next == c => {
                    plain.push(c);
                    &after[1..]
                }
                ('{', _) => {
                    let Some((name, after)) = after.split_once('}') else {
                        return bad("has a brace that is not closed".to_owned());
                    };
                    let Some(field) = FIELDS.into_iter().find(|it| *it == name) else {
                        return bad(format!("has '{{{name}}}', which nothing is put in for"));
                    };
                    pieces.push(Piece::Text(std::mem::take(&mut plain)));
                    pieces.push(Piece::Field(field));
                    after
                }
                ('}', _) => return bad("has a brace that was not opened".to_owned()),
                ('\\', Some('n')) => {
                    plain.push('\n');
                    &after[1..]
                }
                ('\\', Some('\\')) => {
                    plain.push('\\');
                    &after[1..]
                }
                (c, _) if steers(c) => return bad("has a control character".to_owned()),
                (c, _) => {
                    plain.push(c);
                    after
                }
            };
        }
        pieces.push(Piece::Text(plain));
        let is_empty = |it: &Piece| matches!(it, Piece::Text(text) if text.trim().is_empty());
        if pieces.iter().all(is_empty) {
            return bad("is empty".to_owned());
        }
        Ok(Self(pieces))
    }

    /// Returns the message with the places filled in.
    pub fn filled(&self, value: impl Fn(&str) -> String) -> String {
        let piece = |it: &Piece| match it {
            Piece::Text(text) => text.clone(),
            Piece::Field(name) => value(name),
        };
        self.0.iter().map(piece).collect()
    }
}

impl View<'_> {
    /// Returns how merge requests of a rig become commits of a branch. A setting that cannot be read is an
    /// error: nothing lands in another way than it was said.
    pub fn style(&self, rig: &str, branch: &str) -> Result<Style> {
        let rig = self.rig(rig)?;
        let said = |name: &str| -> String {
            let shared = || rig.as_ref().map(|it| it.record().text(name).to_owned());
            let own = self.repo().setting(&format!("gt.{name}"));
            own.or_else(shared).unwrap_or_default()
        };
        let named = said("strategy");
        let strategy = strategy(&named, branch).ok_or_else(|| {
            Fault::invalid(format!("gt.strategy is '{named}'")).hint(STRATEGY_HINT)
        })?;
        let message = match said("message").as_str() {
            "" => None,
            text => Some(Template::parse(text)?),
        };
        let signed = said("refinery.sign");
        let sign = sign(&signed, branch).ok_or_else(|| {
            Fault::invalid(format!("gt.refinery.sign is '{signed}'")).hint(SIGN_HINT)
        })?;
        Ok(Style {
            strategy,
            message,
            sign,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_branch_may_have_a_strategy_of_its_own() {
        let check = |text: &str, branch: &str, want: Strategy| {
            assert_eq!(strategy(text, branch), Some(want), "{text}: {branch}");
        };
        check("", "main", Strategy::Merge);
        check("squash", "main", Strategy::Squash);
        check("squash, release/*=merge", "main", Strategy::Squash);
        check("squash, release/*=merge", "release/7", Strategy::Merge);
        check("main=rebase", "other", Strategy::Merge);
        for text in ["octopus", "main=", "squash merge", "main=x, squash"] {
            assert_eq!(strategy(text, "main"), None, "{text}");
        }
        for (text, want) in [
            ("", Some(false)),
            ("yes", Some(true)),
            ("true, ma*=off", Some(false)),
            ("main=maybe", None),
        ] {
            assert_eq!(sign(text, "main"), want, "{text}");
        }
    }

    #[test]
    fn a_message_is_filled_in() {
        let check = |text: &str, want: &str| {
            let template = Template::parse(text).expect("it can be read");
            assert_eq!(template.filled(|name| format!("<{name}>")), want, "{text}");
        };
        check("{title}\\n\\n{body}", "<title>\n\n<body>");
        check("{{{mr}}} \\\\n ü{bead}", "{<mr>} \\n ü<bead>");
        for text in [
            "{titel}",
            "{",
            "{title",
            "}",
            "{ title }",
            "",
            " \\n",
            "a\nb",
        ] {
            assert!(Template::parse(text).is_err(), "{text}");
        }
    }
}
