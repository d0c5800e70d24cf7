//! Trees: what stands below what, drawn with boxes.

use super::{Cell, Drawing};

/// How many levels are drawn; what stands deeper says how deep.
const LEVELS_MAX: usize = 16;

/// Returns a forest as lines: each thing, in the order in which they stand, with how many things it is below.
pub(crate) fn tree(things: Vec<(usize, Vec<Cell>)>) -> Drawing {
    // Whether something follows on each level, seen from below.
    let mut follows: Vec<bool> = Vec::new();
    let mut fronts: Vec<String> = Vec::with_capacity(things.len());
    for (depth, _) in things.iter().rev() {
        follows.resize(depth + 1, false);
        fronts.push(front(*depth, &follows));
        follows[*depth] = true;
    }
    let mut drawing = Drawing::default();
    for ((_, cells), front) in things.into_iter().zip(fronts.into_iter().rev()) {
        drawing.add_branch(front, cells);
    }
    drawing
}

/// Returns what stands before something at a depth.
fn front(depth: usize, follows: &[bool]) -> String {
    let corner = match (depth, follows[depth]) {
        (0, _) => return String::new(),
        (_, true) => "├── ",
        (_, false) => "└── ",
    };
    if depth > LEVELS_MAX {
        return format!("⋯ {depth} {corner}");
    }
    let bars = follows[1..depth].iter();
    let bars = bars.map(|follows| if *follows { "│   " } else { "    " });
    bars.chain([corner]).collect()
}

#[cfg(test)]
mod tests {
    use super::super::Screen;
    use super::*;

    /// Things are written `depth:name`.
    fn drawn(text: &str) -> String {
        let thing = |word: &str| {
            let (depth, name) = word.split_once(':').unwrap();
            (depth.parse().unwrap(), vec![name.into()])
        };
        tree(text.split(' ').map(thing).collect()).on(&Screen::PLAIN)
    }

    #[test]
    fn branches_end_where_nothing_follows() {
        let want = "a\n├── b\n│   ├── c\n│   │   └── d\n│   └── e\n└── f\n    └── g\nh\n└── i\n";
        assert_eq!(drawn("0:a 1:b 2:c 3:d 2:e 1:f 2:g 0:h 1:i"), want);
    }

    #[test]
    fn what_is_deep_says_how_deep() {
        let chain: Vec<String> = (0..10_000).map(|at| format!("{at}:x")).collect();
        let text = drawn(&chain.join(" "));
        assert_eq!(text.lines().nth(9_999), Some("⋯ 9999 └── x"));
        assert!(text.len() < 300_000, "{}", text.len());
    }
}
