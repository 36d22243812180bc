//! Live traffic of two tenants, a report that is asked for on its own, and the console to look at it.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use clickhouse_io::ClickHouse;
use connector::ConnectorMetrics;
use rand::Rng;
use rand::distr::Alphanumeric;
use report_schedules::Owners;
use schemas::ids::Tenant;
use serde_json::{Value, json};
use service_kit::CancellationToken;
use tokio::net::TcpListener;

use crate::cli::DemoOptions;
use crate::demo::answers;
use crate::demo::stack::{Folder, Lines, Stack};
use crate::demo::traffic::{PLAYERS, play};

/// Tenants of the demo, the one that asks for a report first.
const TENANTS: [&str; 2] = ["acme", "globex"];
/// Events that are stored before the report is asked for.
const EVENTS_FIRST: u64 = 40;

/// An account that was made for this run.
struct Account {
    tenant: Tenant,
    password: String,
}

pub(crate) async fn run(options: &DemoOptions, stop: CancellationToken) -> anyhow::Result<()> {
    let lines = Lines::new();
    let listener = TcpListener::bind(options.console)
        .await
        .with_context(|| format!("{} is taken; choose another address with --console", options.console))?;
    let address = listener.local_addr()?;
    let console_url = format!("http://{address}");
    println!("Flowledger demo: starting");
    let folder = Folder::new(options.keep.as_deref())?;
    let mut stack = Stack::start(folder, &console_url, stop, &lines).await?;
    let accounts = accounts()?;
    start_console(&mut stack, listener, &accounts)?;
    start_traffic(&mut stack);
    lines.say("Traffic", "four Connectors of two tenants write their logs");
    let (clickhouse, outbox) = (ClickHouse::new(&stack.config.clickhouse), stack.folder.path().join("outbox"));
    let first = &accounts[0];
    let mail = stack
        .beside(async {
            while answers::stored_events(&clickhouse, &first.tenant).await? < EVENTS_FIRST {
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
            lines.say("Report", "asked for");
            let report = ask_for_a_report(address, first).await?;
            lines.say("Report", &format!("ready: {} rows, {} bytes", report["rows"], report["size_bytes"]));
            mail_of(&outbox, report["id"].as_str().unwrap_or_default()).await
        })
        .await?;
    show(&mail, &console_url, &accounts, &outbox);
    let ended = stack.join().await;
    println!("Flowledger demo: stopped");
    ended
}

/// Who may own schedules: the accounts that there will be.
pub(super) fn owners() -> Owners {
    TENANTS.iter().filter_map(|tenant| Some((tenant.parse().ok()?, "admin".to_owned()))).collect()
}

fn accounts() -> anyhow::Result<Vec<Account>> {
    let password = || rand::rng().sample_iter(Alphanumeric).take(16).map(char::from).collect();
    TENANTS.iter().map(|tenant| Ok(Account { tenant: tenant.parse()?, password: password() })).collect()
}

fn start_console(stack: &mut Stack, listener: TcpListener, accounts: &[Account]) -> anyhow::Result<()> {
    let mut config = stack.config.console.clone();
    for Account { tenant, password } in accounts {
        config.accounts.push(console::Account {
            tenant: tenant.clone(),
            name: "admin".to_owned(),
            email: format!("admin@{tenant}.example"),
            language: None,
            zone: None,
            password_hash: console::hash_password(password)?,
        });
    }
    let shared = stack.config.clone();
    let serving = console::serve(
        listener,
        config,
        shared.kafka,
        shared.registry,
        shared.clickhouse,
        shared.store,
        stack.context.clone(),
    );
    stack.tasks.spawn("console", serving);
    Ok(())
}

fn start_traffic(stack: &mut Stack) {
    let logs = stack.folder.path().join("logs");
    for player in PLAYERS {
        stack.tasks.spawn("traffic", play(player, logs.clone(), stack.context.stop.clone()));
    }
    let metrics = ConnectorMetrics::new(&stack.context.metrics);
    for tenant in TENANTS {
        let config = connector::Config {
            tenant: tenant.parse().ok(),
            inputs: vec![logs.join(tenant).join("*.log").display().to_string()],
            state_dir: stack.folder.path().join("positions").join(tenant),
            ..connector::Config::default()
        };
        let (kafka, registry) = (stack.config.kafka.clone(), stack.config.registry.clone());
        let (metrics, context) = (metrics.clone(), stack.context.clone());
        stack.tasks.spawn("connector", async move {
            connector::run(config, kafka, registry, metrics, context).await.map(drop)
        });
    }
}

/// Signs in, asks for everything of the last day and the next hour, and waits for its end, as a page does.
async fn ask_for_a_report(address: SocketAddr, account: &Account) -> anyhow::Result<Value> {
    let client = reqwest::Client::builder().no_proxy().build()?;
    let api = format!("http://{address}/api/v1");
    let credentials = json!({ "tenant": account.tenant, "account": "admin", "password": account.password });
    let own = |request: reqwest::RequestBuilder| request.header("X-Flowledger", "1");
    let signed_in = own(client.post(format!("{api}/session"))).json(&credentials).send().await?.error_for_status()?;
    let cookie = signed_in.headers().get("set-cookie").context("the console gave no session")?.clone();
    let now = jiff::Timestamp::now();
    let hours = |count: i64| jiff::SignedDuration::from_hours(count);
    let asked = json!({
        "from": (now - hours(24)).to_string(), "to": (now + hours(1)).to_string(), "zone": "UTC", "compression": "gzip",
    });
    let asked = own(client.post(format!("{api}/reports"))).header("cookie", &cookie).json(&asked).send().await?;
    let mut report: Value = asked.error_for_status()?.json().await?;
    let url = format!("{api}/reports/{}", report["id"].as_str().unwrap_or_default());
    loop {
        match report["state"].as_str() {
            // The mail goes out after the report is completed.
            Some("completed") if report["notified"] != 0 => return Ok(report),
            Some("failed") => anyhow::bail!("the report failed: {}", report["reason"]),
            _ => tokio::time::sleep(Duration::from_millis(200)).await,
        }
        let answer = client.get(&url).header("cookie", &cookie).send().await?;
        // The book follows the topic: a report that was asked for a moment ago may not be in it yet.
        if answer.status().is_success() {
            report = answer.json().await?;
        }
    }
}

/// The mail about a report, out of the outbox.
async fn mail_of(outbox: &Path, report: &str) -> anyhow::Result<String> {
    loop {
        for entry in std::fs::read_dir(outbox).into_iter().flatten().flatten() {
            let text = std::fs::read_to_string(entry.path()).unwrap_or_default();
            if !report.is_empty() && text.contains(report) {
                return Ok(text);
            }
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn show(mail: &str, console_url: &str, accounts: &[Account], outbox: &Path) {
    println!("\n  The mail, in {}:\n", outbox.display());
    // A long header goes on in the next line, behind a blank.
    let unfolded = mail.replace("\r\n ", " ");
    for name in ["From:", "To:", "Subject:"] {
        println!("    {}", unfolded.lines().find(|line| line.starts_with(name)).unwrap_or_default());
    }
    // The text part: from the blank line behind its headers to the next part's border.
    let body = mail.split_once("text/plain").and_then(|(_, part)| part.split_once("\r\n\r\n")).unwrap_or_default().1;
    for line in body.lines().take_while(|line| !line.starts_with("--")) {
        println!("    {line}");
    }
    println!("\n  console: {console_url}\n");
    for Account { tenant, password } in accounts {
        println!("    tenant {tenant:<8} account admin   password {password}");
    }
    println!("\n  Ctrl-C stops everything.");
}
