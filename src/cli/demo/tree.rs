//! The search for what makes a batch red, drawn as a tree from what the Refinery said.

use std::collections::BTreeSet;

use crate::record::Verdict;
use crate::refinery::Event;

/// How many columns a line may have.
const WIDTH: usize = 70;

/// Returns what was tested as trees, a red batch above its halves; `name` says what a request is called.
///
/// The half that was not tested is known all the same where the other one is green: the target moved there,
/// so that half on top of it is the very tree that was red.
pub(super) fn drawn(events: &[Event], name: &dyn Fn(&str) -> String) -> Vec<String> {
    let mut drawing = Drawing {
        tests: tests(events),
        events,
        name,
        drawn: BTreeSet::new(),
        lines: Vec::new(),
    };
    for at in 0..drawing.tests.len() {
        if !drawing.drawn.contains(&at) {
            let batch = drawing.tests[at].requests;
            drawing.node(batch, (at, false), &Place::default());
        }
    }
    drawing.lines
}

/// All runs of gates on one batch.
struct Test<'e> {
    requests: &'e [String],
    /// How many were red since the last green one.
    red: usize,
}

/// Returns the batches in the order in which they were tested first, without the bare target.
fn tests(events: &[Event]) -> Vec<Test<'_>> {
    let mut tests: Vec<Test<'_>> = Vec::new();
    let mut under_test: Option<usize> = None;
    for event in events {
        match event {
            Event::Run { requests, .. } if requests.is_empty() => under_test = None,
            Event::Run { requests, .. } => {
                let known = tests.iter().position(|it| it.requests == &requests[..]);
                under_test = Some(known.unwrap_or(tests.len()));
                if known.is_none() {
                    tests.push(Test { requests, red: 0 });
                }
            }
            Event::Ran { verdict, .. } => {
                if let Some(at) = under_test {
                    // A green run outweighs the red ones before it.
                    tests[at].red = match verdict {
                        Verdict::Red => tests[at].red + 1,
                        Verdict::Green => 0,
                    };
                }
            }
            _ => {}
        }
    }
    tests
}

/// Where a node stands: what is drawn before it and before what is below it.
#[derive(Default)]
struct Place {
    before: String,
    below: String,
}

impl Place {
    fn child(&self, is_last: bool) -> Self {
        let (branch, rest) = if is_last {
            ("└─ ", "   ")
        } else {
            ("├─ ", "│  ")
        };
        Self {
            before: format!("{}{branch}", self.below),
            below: format!("{}{rest}", self.below),
        }
    }
}

struct Drawing<'e> {
    tests: Vec<Test<'e>>,
    events: &'e [Event],
    name: &'e dyn Fn(&str) -> String,
    /// The tests that have their place.
    drawn: BTreeSet<usize>,
    lines: Vec<String>,
}

impl<'e> Drawing<'e> {
    /// Draws a batch that was tested as the `since`-th or later, or that must be red (`is_red`), and what is
    /// below it.
    fn node(&mut self, batch: &'e [String], (since, is_red): (usize, bool), place: &Place) {
        let own = self.find(since, |it| it == batch);
        self.drawn.extend(own);
        let red = own.map_or(usize::from(is_red), |at| self.tests[at].red);
        let from = own.unwrap_or(since);
        let half = self.find(from, |it| it.len() < batch.len() && batch.starts_with(it));
        let half = half.filter(|_| red > 0);
        let mark = match (red, own) {
            (0, Some(_)) => "green",
            (0, None) => "?",
            (_, Some(_)) => "red",
            (_, None) => "red*",
        };
        let end = if half.is_some() {
            String::new()
        } else {
            self.end(batch, red)
        };
        self.line(place, mark, batch, &end);
        let Some(at) = half else { return };
        let left = self.tests[at].requests;
        let is_left_red = self.tests[at].red > 0;
        self.node(left, (at, false), &place.child(false));
        let right = &batch[left.len()..];
        self.node(right, (at, !is_left_red), &place.child(true));
    }

    /// Returns the first test from the `since`-th on that has no place yet and fits.
    fn find(&self, since: usize, fits: impl Fn(&[String]) -> bool) -> Option<usize> {
        let open = |at: &usize| !self.drawn.contains(at) && fits(self.tests[*at].requests);
        (since..self.tests.len()).find(open)
    }

    /// Returns what became of a batch that was not divided.
    fn end(&self, batch: &[String], red: usize) -> String {
        for event in self.events {
            match event {
                Event::Landed { requests, commit } if requests == batch => {
                    return format!("landed as {}", &commit[..12.min(commit.len())]);
                }
                Event::Ejected { request, .. } if batch == std::slice::from_ref(request) => {
                    return match red {
                        0 | 1 => "ejected".to_owned(),
                        red => format!("ejected, red {red} times"),
                    };
                }
                _ => {}
            }
        }
        String::new()
    }

    fn line(&mut self, place: &Place, mark: &str, batch: &[String], end: &str) {
        let names: Vec<String> = batch.iter().map(|id| (self.name)(id)).collect();
        let head = format!("{}{mark:<5} ", place.before);
        let room = WIDTH.saturating_sub(head.chars().count() + 2 + end.chars().count());
        let mut text = names.join(" ");
        if text.chars().count() > room {
            text = format!(
                "{} … {} ({})",
                names[0],
                names[names.len() - 1],
                names.len()
            );
        }
        let line = format!("{head}{text}  {end}");
        self.lines.push(line.trim_end().to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::refinery::{Purpose, Why};

    /// Events are written in words: `ab-` a batch that is red, `ab+` one that is green, `-` the bare target
    /// red, `+` green, `ab!` landed, `a~` ejected.
    #[track_caller]
    fn check(events: &str, want: &[&str]) {
        let mut all = Vec::new();
        for word in events.split_whitespace() {
            let (batch, mark) = word.split_at(word.len() - 1);
            let requests: Vec<String> = batch.chars().map(String::from).collect();
            match mark {
                "!" => all.push(Event::Landed {
                    requests,
                    commit: "0123456789abcdef".to_owned(),
                }),
                "~" => all.push(Event::Ejected {
                    request: batch.to_owned(),
                    gate: "test".to_owned(),
                    reproduce: String::new(),
                }),
                _ => {
                    all.push(Event::Run {
                        gate: "test".to_owned(),
                        requests,
                        purpose: Purpose {
                            why: Why::Control,
                            queued: 9,
                            red: 0.01,
                            bits: 0.0,
                        },
                    });
                    all.push(Event::Ran {
                        gate: "test".to_owned(),
                        verdict: match mark {
                            "+" => Verdict::Green,
                            _ => Verdict::Red,
                        },
                        ended: String::new(),
                        millis: 1,
                        tail: String::new(),
                    });
                }
            }
        }
        assert_eq!(drawn(&all, &str::to_owned), want);
    }

    #[test]
    fn nothing_tested_is_nothing_drawn() {
        check("", &[]);
        check("+", &[]);
    }

    #[test]
    fn a_green_batch_is_one_line() {
        check("abc+ abc!", &["green a b c  landed as 0123456789ab"]);
    }

    #[test]
    fn a_culprit_is_found_in_halves() {
        check(
            "abcde- + ab+ ab! c- c- c~ de- d- d- d~ e+ e!",
            &[
                "red   a b c d e",
                "├─ green a b  landed as 0123456789ab",
                "└─ red*  c d e",
                "   ├─ red   c  ejected, red 2 times",
                "   └─ red   d e",
                "      ├─ red   d  ejected, red 2 times",
                "      └─ green e  landed as 0123456789ab",
            ],
        );
        check(
            "abcd- ab- a+ a! b- b~ cd+ cd!",
            &[
                "red   a b c d",
                "├─ red   a b",
                "│  ├─ green a  landed as 0123456789ab",
                "│  └─ red   b  ejected",
                "└─ green c d  landed as 0123456789ab",
            ],
        );
    }

    #[test]
    fn what_is_batched_anew_stands_by_itself() {
        check(
            "abcd- ab- a- a- a~ bcd+ bcd!",
            &[
                "red   a b c d",
                "├─ red   a b",
                "│  ├─ red   a  ejected, red 2 times",
                "│  └─ ?     b",
                "└─ ?     c d",
                "green b c d  landed as 0123456789ab",
            ],
        );
    }

    #[test]
    fn a_green_run_after_a_red_one_lands() {
        check("a- + a+ a!", &["green a  landed as 0123456789ab"]);
    }

    #[test]
    fn no_line_is_longer_than_a_terminal() {
        let batch: String = ('a'..='z').chain('A'..='Z').collect();
        check(&format!("{batch}-"), &["red   a … Z (52)"]);
    }
}
