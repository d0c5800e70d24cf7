//! Times of many runs, as a table.

use std::time::Duration;

/// Times by what took them, in the order in which they first came.
#[derive(Default)]
pub(crate) struct Table(Vec<(String, Vec<Duration>)>);

impl Table {
    /// Adds one run.
    pub(crate) fn add(&mut self, what: &str, took: Duration) {
        match self.0.iter_mut().find(|(known, _)| known == what) {
            Some((_, all)) => all.push(took),
            None => self.0.push((what.to_owned(), vec![took])),
        }
    }

    /// Prints medians, the slowest hundredth, and the ratio of medians to the first of the rows `to`.
    pub(crate) fn print(mut self, title: &str, to: &[(&str, &str)]) {
        print!("## {title}\n\n| | p50 ms | p99 ms |");
        to.iter().for_each(|(_, name)| print!(" / {name} |"));
        print!("\n|---|---|---|{}\n", "---|".repeat(to.len()));
        self.0.iter_mut().for_each(|(_, all)| all.sort());
        let bases: Vec<Duration> = to.iter().map(|(what, _)| self.median(what)).collect();
        for (what, all) in &self.0 {
            let median = part(all, 50);
            print!("| {what} | {} | {} |", ms(median), ms(part(all, 99)));
            for base in &bases {
                print!(" {:.2} |", median.as_secs_f64() / base.as_secs_f64());
            }
            println!();
        }
        println!();
    }

    fn median(&self, what: &str) -> Duration {
        let row = self.0.iter().find(|(known, _)| known == what);
        row.map_or(Duration::MAX, |(_, all)| part(all, 50))
    }
}

/// Returns the time that a hundredth part of sorted times stays below.
pub(crate) fn part(sorted: &[Duration], hundredths: usize) -> Duration {
    let at = (sorted.len() * hundredths / 100).min(sorted.len() - 1);
    sorted[at]
}

/// Returns milliseconds as text.
pub(crate) fn ms(time: Duration) -> String {
    format!("{:.2}", time.as_secs_f64() * 1000.0)
}
