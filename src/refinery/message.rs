//! What commits that land say: the text as the settings have it, and trailers that tell which request they
//! are of. Text of others never becomes such a trailer.

use crate::git::Commit;
use crate::record::Request;
use crate::text::steers;
use crate::town::{Strategy, Style};

/// The trailers that are ours to write.
const OURS: [&str; 3] = ["gt-bead", "gt-mr", "gt-worker"];

/// Returns the message of a commit that a request becomes, where `said` is the commit it speaks of: the last
/// one of its branch, or the one that is made anew; `others` wrote some of it, too.
pub(super) fn message(
    style: &Style,
    request: &Request,
    said: &Commit,
    others: &[String],
) -> String {
    let (title, body) = said.message.split_once('\n').unwrap_or((&said.message, ""));
    let value = |name: &str| match name {
        "title" => line(title),
        "body" => lines(body.trim()),
        "branch" => line(request.branch()),
        "target" => line(request.target()),
        "bead" => line(request.bead()),
        "worker" => line(request.worker()),
        _ => line(request.id()),
    };
    let text = match (&style.message, style.strategy) {
        (Some(template), _) => template.filled(value),
        (None, Strategy::Merge) => format!("Merge {}: {}", value("branch"), value("title")),
        (None, Strategy::Squash | Strategy::Rebase) => {
            format!("{}\n\n{}", value("title"), value("body"))
        }
    };
    let mut trailers: Vec<String> = others
        .iter()
        .map(|it| format!("Co-authored-by: {}", line(it)))
        .collect();
    if !request.bead().is_empty() {
        trailers.push(format!("Gt-Bead: {}", line(request.bead())));
    }
    trailers.push(format!("Gt-Mr: {}", line(request.id())));
    trailers.push(format!("Gt-Worker: {}", line(request.worker())));
    with_trailers(&text, &trailers)
}

/// Adds trailers to a text, whose own last paragraph may be trailers already.
fn with_trailers(text: &str, trailers: &[String]) -> String {
    let kept: Vec<&str> = text.lines().filter(|it| !is_ours(it)).collect();
    let kept = kept.join("\n");
    let text = match kept.trim() {
        "" => "(no message)",
        text => text,
    };
    let gap = match text.rsplit_once("\n\n") {
        Some((_, last)) if last.lines().all(is_trailer) => "\n",
        _ => "\n\n",
    };
    format!("{text}{gap}{}\n", trailers.join("\n"))
}

fn is_trailer(line: &str) -> bool {
    let token = |it: &str| it.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-');
    line.split_once(": ")
        .is_some_and(|(name, _)| !name.is_empty() && token(name))
}

fn is_ours(line: &str) -> bool {
    let name = line.split(':').next().unwrap_or_default();
    line.contains(':') && OURS.contains(&name.trim().to_ascii_lowercase().as_str())
}

fn line(text: &str) -> String {
    text.replace(steers, " ")
}

fn lines(text: &str) -> String {
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trailers_of_others_are_not_ours() {
        let check = |text: &str, want: &str| {
            assert_eq!(
                with_trailers(text, &["Gt-Mr: 1".to_owned()]),
                want,
                "{text:?}"
            );
        };
        check("add x\n\n", "add x\n\nGt-Mr: 1\n");
        check("add x\n\nGt-Mr: 2\n", "add x\n\nGt-Mr: 1\n");
        check(
            "add x\n\nwhy\n gt-mr : 2\nso",
            "add x\n\nwhy\nso\n\nGt-Mr: 1\n",
        );
        check(
            "x\n\nCloses: 3\nGt-Bead: gt-1",
            "x\n\nCloses: 3\nGt-Mr: 1\n",
        );
        check("Fix: it", "Fix: it\n\nGt-Mr: 1\n");
        check("GT-MR: 2", "(no message)\n\nGt-Mr: 1\n");
    }
}
