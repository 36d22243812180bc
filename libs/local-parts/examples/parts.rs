//! Starts every part, prints the environment that makes the tests use them, and stops all at the end of standard input:
//! `cargo run -p local-parts --example parts`.
#![expect(clippy::print_stdout, reason = "what a shell takes over")]

use std::path::Path;

use local_parts::{ClickHouseProcess, Kafka, MailServer, PartError, S3, SchemaRegistry, Silent};
use tokio::io::AsyncReadExt;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    serve(folder.path()).await?;
    Ok(())
}

async fn serve(folder: &Path) -> Result<(), PartError> {
    let binary = local_parts::flowledger_binary()?;
    let at = |name: &str| folder.join(name);
    let kafka = Kafka::start(&at("kafka"), None, &Silent).await?;
    let registry = SchemaRegistry::start(&at("registry"), None, &Silent).await?;
    let clickhouse = ClickHouseProcess::start(&binary, &at("clickhouse"), None, &Silent).await?;
    let s3 = S3::start(&at("s3"), None, &Silent).await?;
    let mail = MailServer::start(&at("mail"), None, &Silent).await?;
    let endpoint = s3.endpoint();
    let (host, keys) = (endpoint.trim_start_matches("http://"), format!("{}:{}", s3.access_key(), s3.secret_key()));
    println!("export FLOWLEDGER_TEST_KAFKA={}", kafka.bootstrap_servers());
    println!("export FLOWLEDGER_TEST_REGISTRY={}", registry.url());
    println!("export FLOWLEDGER_TEST_CLICKHOUSE={}", clickhouse.url());
    println!("export FLOWLEDGER_TEST_S3='s3://{keys}@{host}/{}?http'", s3.bucket());
    let (user, password, ca) = (mail.user(), mail.password(), mail.ca_file().display().to_string());
    println!("export FLOWLEDGER_TEST_SMTP='smtp://{user}:{password}@localhost:{}?ca={ca}'", mail.port());
    // Held until the caller goes: the parts end with their handles.
    let _ = tokio::io::stdin().read_to_end(&mut Vec::new()).await;
    Ok(())
}
