//! What one query costs: user-space instructions of the thread that answers it, nothing else.
//!
//! ```sh
//! cargo build --release -p bailiwick-server --example cost
//! target/release/examples/cost                     # a table: mixes × rules off, on
//! target/release/examples/cost --data DIR          # with big.zone and big.MIX.q of the harness
//! target/release/examples/cost --change 100000     # how soon a change among so many zones is seen
//! ```
//!
//! A server with one UDP thread answers over loopback under valgrind's callgrind, and this process
//! asks; the figure is that thread's instructions over the queries it answered, so neither other
//! threads nor loading is in it. Counts do not depend on how busy the machine is; batch sizes do a
//! little, so expect one percent between runs. `--window` is how many queries are in flight, and so
//! how long batches get; 128 is a busy server.
//!
//! **off**: no rules, no leases, and a zone without counters of its own. **on**: a lease and counters
//! for the zone, and 1,000 traffic rules: 500 by source prefix, 300 by zone, 200 by name suffix, of
//! which 1 % of the queries meet one.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a measuring program: it prints, and stops where it cannot go on"
)]

mod change;
mod drive;
mod rules;
mod serve;
mod world;

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::world::{MIXES, World};

fn main() {
    let options = Options::read();
    if let Some(zones) = options.change {
        change::run(zones, 300);
        return;
    }
    if let Some((mix, on)) = &options.serve {
        let world = World::new(options.data.as_deref(), mix, options.do_bit);
        serve::run(&world, *on);
        return;
    }
    let (count, window) = (options.count, options.window);
    println!("instructions per query; {count} queries, {window} in flight");
    println!("{:10} {:>8} {:>8} {:>6}", "mix", "off", "on", "more");
    for mix in MIXES
        .into_iter()
        .filter(|mix| options.mix.as_ref().is_none_or(|only| only == mix))
    {
        let world = World::new(options.data.as_deref(), mix, options.do_bit);
        let [off, on] = [false, true].map(|on| options.count_instructions(&world, mix, on));
        println!("{mix:10} {off:8.0} {on:8.0} {:6.0}", on - off);
    }
}

/// The command line.
struct Options {
    /// Files of the harness; without them a zone of the same kind is made.
    data: Option<PathBuf>,
    count: usize,
    window: usize,
    do_bit: bool,
    /// Measure changes among so many zones instead.
    change: Option<usize>,
    /// Only this mix.
    mix: Option<String>,
    /// What the process under callgrind is to do: the mix, and whether rules are on.
    serve: Option<(String, bool)>,
}

impl Options {
    fn read() -> Self {
        let mut options = Self {
            data: None,
            count: 20_000,
            window: 8,
            do_bit: false,
            change: None,
            mix: None,
            serve: None,
        };
        let mut args = std::env::args().skip(1);
        while let Some(arg) = args.next() {
            let mut value = || args.next().expect("a value follows");
            match arg.as_str() {
                "--data" => options.data = Some(value().into()),
                "--count" => options.count = value().parse().expect("a number of queries"),
                "--window" => options.window = value().parse().expect("a number of queries"),
                "--change" => options.change = Some(value().parse().expect("a number of zones")),
                "--mix" => options.mix = Some(value()),
                "--do" => options.do_bit = true,
                "--serve" => options.serve = Some((value(), value() == "on")),
                other => panic!("`{other}` is not known; see the head of examples/cost/main.rs"),
            }
        }
        options
    }

    /// Runs this program under callgrind, asks it, and gives the instructions per answer.
    fn count_instructions(&self, world: &World, mix: &str, on: bool) -> f64 {
        let out = std::env::temp_dir().join(format!("cost.{}.{mix}.{on}", std::process::id()));
        let mut command = Command::new("valgrind");
        command
            .args([
                "-q",
                "--tool=callgrind",
                "--fair-sched=yes",
                "--separate-threads=yes",
            ])
            .arg(format!("--callgrind-out-file={}", out.display()))
            .arg(std::env::current_exe().unwrap())
            .args(["--serve", mix, if on { "on" } else { "off" }]);
        if let Some(data) = &self.data {
            command.arg("--data").arg(data);
        }
        if self.do_bit {
            command.arg("--do");
        }
        let mut server = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("valgrind is installed");
        let mut port = String::new();
        let mut said = BufReader::new(server.stdout.take().unwrap());
        said.read_line(&mut port).unwrap();
        let port = port.trim().parse().expect("the server came up");
        let answered = drive::run(world, port, self.count, self.window);
        // The end of its input ends the server.
        drop(server.stdin.take());
        server.wait().unwrap();
        instructions(&out) / answered as f64
    }
}

/// The instructions of the UDP thread: the first that the main thread starts, so the second of all.
fn instructions(out: &Path) -> f64 {
    let file = PathBuf::from(format!("{}-02", out.display()));
    let text = std::fs::read_to_string(&file).unwrap();
    let totals = text
        .lines()
        .filter_map(|line| line.strip_prefix("totals: "));
    let sum: f64 = totals.map(|total| total.parse::<f64>().unwrap()).sum();
    // COST_KEEP leaves the files to callgrind_annotate.
    if std::env::var_os("COST_KEEP").is_none() {
        for thread in 1..=9 {
            let _ = std::fs::remove_file(format!("{}-{thread:02}", out.display()));
        }
        let _ = std::fs::remove_file(out);
    }
    sum
}
