//! What a service says of its topic, its ranges, and the memory that they may take.

use std::time::Duration;

use exactly_once::{Delivery, Limits, TokenLife};
use kafka_io::batches::Protocol;

/// How long partitions that are to go are held at most, within what a group waits for.
const REVOKE_WAIT_MAX: Duration = Duration::from_secs(20);
/// Members with fewer partitions fill ranges as large as those of so many together: where a topic has few partitions, each range
/// touches many of the store's, and a part of each would be small. And those that fill more at once let small ones wait.
pub(crate) const PARTITIONS_USUAL: usize = 8;
/// Multiples of it, of 2^32, lie apart from each other, however many there are (the golden ratio's share).
const SPREAD: u32 = 0x9E37_79B9;

/// Settings of one pipeline.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The group under which offsets are committed.
    pub group: &'static str,
    /// The topic that is read.
    pub topic: &'static str,
    /// Names this life of the topic in tokens: a topic that was made anew has the old offsets again.
    pub source: String,
    /// What is promised of each record.
    pub delivery: Delivery,
    /// Static membership: a process that comes back under the same name keeps its partitions. `None`: the process's own name, where it has
    /// one and the protocol is [`Protocol::Classic`]; `none`: a member without one.
    pub instance_id: Option<String>,
    /// How the group shares partitions out.
    pub protocol: Protocol,
    /// Where ranges end; rows are those of a member with 8 partitions or more, see [`Settings::rows_max`].
    pub limits: Limits,
    /// Memory of everything that is read and not yet durable, bytes; beyond it nothing more is taken.
    pub buffered_bytes_max: usize,
    /// Bytes that the Kafka client fetches in advance.
    pub waiting_bytes_max: usize,
    /// How long writing what is held may take at a stop.
    pub drain_max: Duration,
    /// Version of what the job makes of records.
    pub encoder: u32,
    /// How long the store remembers tokens, and how late an insert may come.
    pub token_life: TokenLife,
}

/// A member without a name, whose partitions others take as soon as it stops.
const NO_NAME: &str = "none";

impl Settings {
    /// The name under which it is a static member of its group, if any.
    pub(crate) fn member(&self, process: Option<&str>) -> Option<String> {
        // By KIP-848 a name that was not given back is refused until its session has ended: whoever was killed could not begin again.
        let process = process.filter(|_| self.protocol == Protocol::Classic);
        self.instance_id.as_deref().or(process).filter(|name| *name != NO_NAME).map(str::to_owned)
    }

    /// How long partitions that are to go are held for what is being written: as long as a stop may take, within what a group waits
    /// for.
    pub(crate) fn revoke_wait(&self) -> Duration {
        self.drain_max.min(REVOKE_WAIT_MAX)
    }

    /// Most rows of a range, for a member with so many partitions.
    pub(crate) fn rows_max(&self, partitions: usize) -> usize {
        self.limits.rows * (PARTITIONS_USUAL / partitions.max(1)).max(1)
    }

    /// When, within an age, ranges of this partition are closed that grow old: partitions that began together are written one
    /// after the other.
    pub(crate) fn beat(&self, partition: i32) -> Duration {
        let share = partition.unsigned_abs().wrapping_mul(SPREAD);
        self.limits.age.mul_f64(f64::from(share) / f64::from(u32::MAX))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use exactly_once::{Delivery, Limits, TokenLife};
    use kafka_io::batches::Protocol;

    use super::Settings;

    #[test]
    fn member_is_called_as_was_said_else_as_its_process_where_kafka_gives_names_back() {
        let mut settings = Settings {
            group: "group",
            topic: "topic",
            source: "main".to_owned(),
            delivery: Delivery::ExactlyOnce,
            instance_id: None,
            protocol: Protocol::Classic,
            limits: Limits { rows: 1, bytes: 1, age: Duration::from_secs(1) },
            buffered_bytes_max: 1,
            waiting_bytes_max: 1,
            drain_max: Duration::from_secs(1),
            encoder: 1,
            token_life: TokenLife { used: Duration::from_secs(1), late: Duration::from_secs(1) },
        };
        assert_eq!(settings.member(Some("node-1-9464")).as_deref(), Some("node-1-9464"));
        assert_eq!(settings.member(None), None);
        settings.protocol = Protocol::Consumer;
        assert_eq!(settings.member(Some("node-1-9464")), None);
        settings.instance_id = Some("mine".to_owned());
        assert_eq!(settings.member(Some("node-1-9464")).as_deref(), Some("mine"));
        settings.instance_id = Some("none".to_owned());
        assert_eq!(settings.member(Some("node-1-9464")), None);
    }
}
