//! serde for counters that are `long` in Avro and never negative.

use serde::de::{Error, Unexpected};
use serde::{Deserialize, Deserializer, Serializer, ser};

pub(crate) fn serialize<S: Serializer>(counter: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    let long = i64::try_from(*counter).map_err(|_| ser::Error::custom("counter above 9223372036854775807"))?;
    serializer.serialize_i64(long)
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let long = i64::deserialize(deserializer)?;
    u64::try_from(long).map_err(|_| D::Error::invalid_value(Unexpected::Signed(long), &"0 or more"))
}
