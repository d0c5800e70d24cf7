//! `git gt refinery simulate`: the queue's plan against a gate that is made up.

use serde_json::{Value, json};

use crate::cli::reply::{Exit, Reply, columns};
use crate::fault::{Fault, Result};
use crate::refinery::{CHANGES_MAX, Figures, Price, Scenario, simulate};

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
