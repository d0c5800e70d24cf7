//! `git gt refinery simulate`: the queue's plan against a gate that is made up.

use serde_json::{Value, json};

use crate::cli::reply::{Exit, Reply, columns};
use crate::fault::{Fault, Result};
use crate::refinery::{CHANGES_MAX, Figures, Price, Row, Scenario, simulate, table};

/// The most workers that can be simulated.
const WORKERS_MAX: u64 = 64;

/// What is simulated, as it is typed.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Let N changes wait for the queue
    #[arg(long, value_name = "N", default_value_t = 128, value_parser = changes)]
    changes: usize,
    /// Let a change break every tree it is in with probability P, such as 0.05
    #[arg(long, value_name = "P", default_value_t = 0.05, value_parser = probability)]
    culprits: f64,
    /// Let a gate be red on a good tree with probability F
    #[arg(long, value_name = "F", default_value_t = 0.01, value_parser = flakes)]
    flakes: f64,
    /// Let a change, with probability R, break together with another one though both are fine alone
    #[arg(long, value_name = "R", default_value_t = 0.0, value_parser = probability)]
    interactions: f64,
    /// Test K candidates at the same time
    #[arg(long, value_name = "K", default_value_t = 4, value_parser = clap::value_parser!(u64).range(1..=WORKERS_MAX))]
    workers: u64,
    /// Let RATE changes arrive in the time one gate takes, instead of all at once
    #[arg(long, value_name = "RATE", value_parser = arrivals)]
    arrivals: Option<f64>,
    /// Let the queue know nothing at the start and learn the rates on the way
    #[arg(long)]
    cold: bool,
    /// Save gate runs: start a run beside others only where it tells much
    #[arg(long, conflicts_with = "fast")]
    thrift: bool,
    /// Save time: use every worker
    #[arg(long)]
    fast: bool,
    /// Play fifteen scenarios instead, and show what other merge queues would need
    #[arg(long, conflicts_with_all = ["changes", "culprits", "flakes", "interactions", "workers", "arrivals", "cold", "thrift", "fast"])]
    table: bool,
    /// Play it R times
    #[arg(long, value_name = "R", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    reps: u32,
    /// Draw the changes and the flakes that belong to S; equal numbers give equal results
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
}

fn probability(text: &str) -> Result<f64, String> {
    between(text, 1.0, "use a probability from 0 to 1: 0.05")
}

fn flakes(text: &str) -> Result<f64, String> {
    between(text, 0.5, "use a probability from 0 to 0.5: 0.01")
}

fn arrivals(text: &str) -> Result<f64, String> {
    let wrong = "use changes per gate duration, above 0 and up to 1000: 2.5";
    match between(text, 1000.0, wrong)? {
        rate if rate >= 0.001 => Ok(rate),
        _ => Err(wrong.to_owned()),
    }
}

fn between(text: &str, most: f64, wrong: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(number) if (0.0..=most).contains(&number) => Ok(number),
        _ => Err(wrong.to_owned()),
    }
}

fn changes(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number @ 1..=CHANGES_MAX) => Ok(number),
        _ => Err(format!("use a number from 1 to {CHANGES_MAX}")),
    }
}

pub(super) fn run(args: &Args) -> Result<Reply> {
    if args.table {
        return Ok(compared(&table(args.reps, args.seed), args));
    }
    let scenario = args.scenario();
    let figures = simulate(&scenario, args.reps, args.seed);
    if figures.landed == 0 && figures.stuck > 0 {
        return Err(stuck(&figures, args));
    }
    let reply = Reply::new(value(&scenario, &figures, args), text(&scenario, &figures));
    Ok(match figures.stuck {
        0 => reply,
        _ => reply
            .with_faults(vec![stuck(&figures, args)])
            .exit(Exit::No),
    })
}

/// What is said where the plan of the queue goes round in circles.
fn stuck(figures: &Figures, args: &Args) -> Fault {
    let message = format!(
        "the plan did not end in {} of {} replications: this is a bug of the queue",
        figures.stuck, args.reps
    );
    Fault::fatal(message).hint("report it with this command line")
}

impl Args {
    fn scenario(&self) -> Scenario {
        Scenario {
            changes: self.changes,
            culprits: self.culprits,
            flakes: self.flakes,
            workers: usize::try_from(self.workers).unwrap_or(1),
            interactions: self.interactions,
            arrivals: self.arrivals,
            cold: self.cold,
            price: match (self.thrift, self.fast) {
                (true, _) => Price::Runs,
                (_, true) => Price::Time,
                _ => Price::Both,
            },
        }
    }
}

fn value(scenario: &Scenario, figures: &Figures, args: &Args) -> Value {
    let mut value = json!({
        "changes": scenario.changes,
        "culprits": scenario.culprits,
        "flakes": scenario.flakes,
        "interactions": scenario.interactions,
        "workers": scenario.workers,
        "cold": scenario.cold,
        "price": match scenario.price {
            Price::Both => "both",
            Price::Runs => "runs",
            Price::Time => "time",
        },
        "reps": args.reps,
        "seed": args.seed,
        "runs_per_landed": figures.runs_per_landed(),
        "rounds_per_landed": figures.rounds_per_landed(),
        "false_ejections_per_100": figures.false_ejections_per_100(),
        "broken": figures.broken,
        "freezes": figures.freezes,
        "landed": figures.landed,
        "stuck": figures.stuck,
    });
    if let Some(rate) = scenario.arrivals {
        value["arrivals"] = json!(rate);
        value["latency_mean"] = json!(figures.latency_mean());
        value["latency_p95"] = json!(figures.latency_p95());
    }
    value
}

fn text(scenario: &Scenario, figures: &Figures) -> String {
    let mut rows = vec![
        ("gate runs per landed change", figures.runs_per_landed(), 3),
        (
            "gate durations per landed change",
            figures.rounds_per_landed(),
            3,
        ),
        (
            "false ejections per 100 changes",
            figures.false_ejections_per_100(),
            3,
        ),
    ];
    if scenario.arrivals.is_some() {
        rows.push(("gate durations until landed", figures.latency_mean(), 2));
    }
    let mut lines: Vec<Vec<String>> = rows
        .into_iter()
        .map(|(what, number, digits)| vec![what.to_owned(), format!("{number:.digits$}")])
        .collect();
    let mut count = |what: &str, number: u64| lines.push(vec![what.to_owned(), number.to_string()]);
    if scenario.arrivals.is_some() {
        count("that of 19 in 20 at most", figures.latency_p95());
    }
    count("broken trees that landed", figures.broken);
    columns(lines)
}

/// Returns the scenarios with what each queue makes of them.
fn compared(rows: &[Row], args: &Args) -> Reply {
    let of = |name: &str, figures: &Figures| {
        json!({
            "name": name,
            "runs_per_landed": figures.runs_per_landed(),
            "rounds_per_landed": figures.rounds_per_landed(),
            "false_ejections_per_100": figures.false_ejections_per_100(),
            "broken": figures.broken,
        })
    };
    let scenario = |row: &Row| {
        let others = row
            .others
            .iter()
            .map(|(it, figures)| of(it.name(), figures));
        let ours = std::iter::once(of(OURS, &row.ours));
        json!({
            "changes": row.scenario.changes,
            "culprits": row.scenario.culprits,
            "flakes": row.scenario.flakes,
            "workers": row.scenario.workers,
            "anchor": { "runs_per_landed": row.anchor.0, "rounds_per_landed": row.anchor.1 },
            "bound": row.bound,
            "queues": ours.chain(others).collect::<Vec<_>>(),
        })
    };
    let value = json!({
        "reps": args.reps,
        "seed": args.seed,
        "scenarios": rows.iter().map(scenario).collect::<Vec<_>>(),
    });
    Reply::new(value, tables(rows))
}

/// What this queue is called beside the others.
const OURS: &str = "git-gt";

fn tables(rows: &[Row]) -> String {
    let runs = |figures: &Figures| format!("{:.3}", figures.runs_per_landed());
    let rounds = |figures: &Figures| format!("{:.3}", figures.rounds_per_landed());
    let wrong = |figures: &Figures| format!("{:.2}", figures.false_ejections_per_100());
    let broken = |figures: &Figures| figures.broken.to_string();
    let number = |number: f64| format!("{number:.3}");
    let none = |_: &Row| String::new();
    [
        "Gate runs per landed change:\n".to_owned(),
        one_table(rows, &runs, ("bound", &|row| number(row.bound))),
        "\nGate durations per landed change:\n".to_owned(),
        one_table(rows, &rounds, ("anchor", &|row| number(row.anchor.1))),
        "\nInnocent changes ejected, of 100:\n".to_owned(),
        one_table(rows, &wrong, ("", &none)),
        "\nTimes the target was broken:\n".to_owned(),
        one_table(rows, &broken, ("", &none)),
    ]
    .concat()
}

/// Returns a table with a line for each scenario and a column for each queue.
fn one_table(
    rows: &[Row],
    shown: &dyn Fn(&Figures) -> String,
    (what, more): (&str, &dyn Fn(&Row) -> String),
) -> String {
    let mut head: Vec<String> = ["changes", "bad", "flakes", "workers", OURS]
        .map(str::to_owned)
        .to_vec();
    let names = rows.first().map(|row| row.others.iter());
    head.extend(
        names
            .into_iter()
            .flatten()
            .map(|(it, _)| it.name().to_owned()),
    );
    head.push(what.to_owned());
    let line = |row: &Row| {
        let mut line = vec![
            row.scenario.changes.to_string(),
            format!("{} %", 100.0 * row.scenario.culprits),
            format!("{} %", 100.0 * row.scenario.flakes),
            row.scenario.workers.to_string(),
            shown(&row.ours),
        ];
        line.extend(row.others.iter().map(|(_, figures)| shown(figures)));
        line.push(more(row));
        line
    };
    columns(std::iter::once(head).chain(rows.iter().map(line)))
}
