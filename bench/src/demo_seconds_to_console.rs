//! Seconds from the command `flowledger demo` to a console that answers, on a second start.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use anyhow::Context;

use crate::figure::{Figure, Measured};

/// The most that it may take.
const LIMIT: f64 = 20.0;

pub(crate) fn measure() -> anyhow::Result<Measured> {
    let folder = tempfile::tempdir()?;
    let first = seconds(folder.path())?;
    let second = seconds(folder.path())?;
    Ok(Measured {
        figures: vec![Figure::new("demo_seconds_to_console", second, "s", "limit", LIMIT)],
        notes: vec![format!("first start in a new folder, parts in the cache: {first:.1} s")],
    })
}

/// Starts the demo, waits for its console, and stops it as Ctrl-C does.
fn seconds(folder: &std::path::Path) -> anyhow::Result<f64> {
    let begin = Instant::now();
    let mut demo = Command::new(local_parts::flowledger_binary()?)
        .args(["demo", "--console", "127.0.0.1:0", "--keep"])
        .arg(folder)
        .stdout(Stdio::piped())
        .spawn()?;
    let measured = wait_for_console(&mut demo, begin);
    let stopped = Command::new("kill").args(["-s", "INT", &demo.id().to_string()]).status();
    demo.wait()?;
    stopped?;
    measured
}

fn wait_for_console(demo: &mut Child, begin: Instant) -> anyhow::Result<f64> {
    let output = BufReader::new(demo.stdout.take().context("no output")?);
    let mut lines = output.lines();
    loop {
        let line = lines.next().context("the demo ended before its console answered")??;
        if let Some(url) = line.trim().strip_prefix("console: ") {
            let answered = Command::new("curl").args(["-fsS", "-o", "/dev/null", url]).status()?;
            anyhow::ensure!(answered.success(), "the console does not answer");
            // What it still prints must find a reader.
            std::thread::spawn(move || lines.for_each(drop));
            return Ok(begin.elapsed().as_secs_f64());
        }
    }
}
