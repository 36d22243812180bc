//! What other Avro decoders take for the same values. Behind feature `peers`: they are large to build.

#[cfg(feature = "peers")]
pub(crate) use with_peers::add;
#[cfg(not(feature = "peers"))]
pub(crate) use without_peers::add;

#[cfg(not(feature = "peers"))]
mod without_peers {
    use crate::figure::Measured;
    use crate::transcode::Log;

    /// Says how to see the peers.
    #[expect(clippy::unnecessary_wraps, reason = "with the peers it can fail")]
    pub(crate) fn add(measured: &mut Measured, _: &[Log], _: f64) -> anyhow::Result<()> {
        measured.notes.push("other decoders: cargo run --release -p bench --features peers -- transcode".to_owned());
        Ok(())
    }
}

#[cfg(feature = "peers")]
mod with_peers {
    use arrow_avro::reader::ReaderBuilder;
    use arrow_avro::schema::{AvroSchema, Fingerprint, FingerprintAlgorithm, SchemaStore};
    use schemas::avro_schemas::CONNECTION_EVENT;
    use schemas::connection_event::ConnectionEvent;

    use crate::figure::{Figure, Measured};
    use crate::transcode::{Log, WIRE_FORMAT, timed};

    /// Rows of a batch of arrow-avro: its own default.
    const BATCH: usize = 1024;

    /// Adds figures of the peers. `decode_ns`: ours.
    pub(crate) fn add(measured: &mut Measured, logs: &[Log], decode_ns: f64) -> anyhow::Result<()> {
        for (name, peer_ns) in [("serde_avro_fast", serde_avro_fast(logs)?), ("arrow-avro", arrow_avro(logs)?)] {
            measured.figures.push(Figure::new("decode_ns_per_event", decode_ns, "ns", name, peer_ns));
        }
        Ok(())
    }

    /// CPU time of `run` for each value, nanoseconds.
    fn ns_a_value(logs: &[Log], run: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<f64> {
        let values: usize = logs.iter().map(Log::len).sum();
        Ok(timed(run)?.as_secs_f64() * 1e9 / values as f64)
    }

    /// Each value to a struct, without a reader's schema.
    fn serde_avro_fast(logs: &[Log]) -> anyhow::Result<f64> {
        let schema: serde_avro_fast::Schema = CONNECTION_EVENT.schema.parse()?;
        ns_a_value(logs, || {
            for value in logs.iter().flat_map(|log| log.values(0..log.len())) {
                let event: ConnectionEvent = serde_avro_fast::from_datum_slice(&value[WIRE_FORMAT..], &schema)?;
                std::hint::black_box(event);
            }
            Ok(())
        })
    }

    /// Values to Arrow's columns, without checks and without dictionaries.
    fn arrow_avro(logs: &[Log]) -> anyhow::Result<f64> {
        let mut store = SchemaStore::new_with_type(FingerprintAlgorithm::Id);
        store.set(Fingerprint::Id(1), AvroSchema::new(CONNECTION_EVENT.schema.to_owned()))?;
        let mut decoder =
            ReaderBuilder::new().with_writer_schema_store(store).with_batch_size(BATCH).build_decoder()?;
        ns_a_value(logs, || {
            for value in logs.iter().flat_map(|log| log.values(0..log.len())) {
                decoder.decode(value)?;
                if decoder.batch_is_full() {
                    std::hint::black_box(decoder.flush()?);
                }
            }
            std::hint::black_box(decoder.flush()?);
            Ok(())
        })
    }
}
