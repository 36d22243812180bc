//! Processes that ended though nobody had killed them, and what they said last. They are started again, as whoever runs them would do; but one that
//! ends for no reason that is known is a failure of the run, however well the others made up for it.

use std::path::Path;
use std::process::ExitStatus;

/// What the last words may be: what was done to the process leaves it nothing else.
const EXPECTED: [&str; 5] = [
    // By KIP-848 a name that was not given back is refused until its session has ended: whoever was killed cannot begin again before.
    "another process has this instance id",
    // The broker was killed under a transaction, and has ended it: the connector asks to be started again.
    "another connector has begun under the same connector.instance",
    // The client broke with the broker, before anything was written that would show that a new one helps.
    "Kafka cannot be written to",
    // The same of whoever writes without transactions, and of whoever reads.
    "the producer cannot go on",
    "the consumer cannot go on",
];
/// So much of the log is shown.
const LINES: usize = 12;

/// One that ended.
#[derive(Debug)]
pub(crate) struct Ended {
    who: String,
    status: ExitStatus,
    said: Vec<String>,
}

impl Ended {
    /// Says so at once where nothing explains it. Nobody else writes to this log.
    pub(crate) fn of(who: String, status: ExitStatus, log: &Path) -> Self {
        let log = std::fs::read(log).unwrap();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<&str> = log.lines().collect();
        let said = lines[lines.len().saturating_sub(LINES)..].iter().map(|line| (*line).to_owned()).collect();
        let ended = Self { who, status, said };
        if !ended.is_expected() {
            println!("{} ended by itself, {}: {}", ended.who, ended.status, ended.last_words());
        }
        ended
    }

    fn last_words(&self) -> &str {
        self.said.last().map_or("", String::as_str)
    }

    fn is_expected(&self) -> bool {
        self.status.code() == Some(1) && EXPECTED.iter().any(|words| self.last_words().contains(words))
    }

    /// With the end of its log.
    fn shown(&self) -> String {
        format!("{}, {}:\n{}", self.who, self.status, self.said.join("\n"))
    }
}

/// Those that nothing explains, with the ends of their logs; empty where all is well.
pub(crate) fn unexplained<'a>(ended: impl IntoIterator<Item = &'a Ended>) -> String {
    let those = ended.into_iter().filter(|ended| !ended.is_expected());
    those.map(Ended::shown).collect::<Vec<_>>().join("\n\n")
}
