//! Serves the engine alone: `cargo run --example serve -- LIBRARY DATA 127.0.0.1:8123`.

use embedded_clickhouse::{EngineConfig, run};
use tokio_util::sync::CancellationToken;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut next = || arguments.next().ok_or("LIBRARY DATA ADDRESS are needed");
    let config = EngineConfig { library: next()?.into(), data: next()?.into(), listen: next()?.parse()? };
    Ok(run(config, CancellationToken::new()).await?)
}
