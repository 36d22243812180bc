//! What other Avro decoders take for the same values. Behind feature `peers`: they are large to build.

use crate::figure::Measured;
use crate::transcode::Log;

/// Adds figures of the peers. `decode_ns`: ours.
#[cfg(not(feature = "peers"))]
#[expect(clippy::unnecessary_wraps, reason = "with the peers it can fail")]
pub(crate) fn add(measured: &mut Measured, _: &[Log], _: f64) -> anyhow::Result<()> {
    measured.notes.push("other decoders: cargo run --release -p bench --features peers -- transcode".to_owned());
    Ok(())
}
