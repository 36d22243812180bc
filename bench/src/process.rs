//! What a process has used, read from `/proc`.

use anyhow::Context;

/// Clock ticks a second of `/proc/<pid>/stat` on Linux.
const TICKS: f64 = 100.0;

/// CPU seconds of a process in all its threads, user and system.
pub(crate) fn cpu_seconds(pid: u32) -> anyhow::Result<f64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name, which may hold anything, ends with the last parenthesis; utime and stime are the fields 14 and 15.
    let after_name = text.rsplit(')').next().context("no name")?;
    let fields: Vec<&str> = after_name.split_whitespace().collect();
    let ticks: f64 = fields[11].parse::<f64>()? + fields[12].parse::<f64>()?;
    Ok(ticks / TICKS)
}

/// CPU seconds of all children of this process that have ended and were waited for.
pub(crate) fn ended_children_cpu_seconds() -> anyhow::Result<f64> {
    let text = std::fs::read_to_string("/proc/self/stat")?;
    let after_name = text.rsplit(')').next().context("no name")?;
    let fields: Vec<&str> = after_name.split_whitespace().collect();
    let ticks: f64 = fields[13].parse::<f64>()? + fields[14].parse::<f64>()?;
    Ok(ticks / TICKS)
}

/// The most memory that a process has had resident, MB.
pub(crate) fn resident_mb_max(pid: u32) -> anyhow::Result<f64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no VmHWM")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<f64>()? / 1024.0)
}
