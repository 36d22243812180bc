//! Who has asked and goes away leaves no query behind.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use reqwest::Method;

use crate::stack::{Stack, tenant};

/// Within so long a query has begun, or has ended.
pub(crate) const SOON: Duration = Duration::from_secs(10);
/// Within so long after its client it is gone, on a machine that has much else to do; by itself it would run for hours.
pub(crate) const GONE_MAX: Duration = Duration::from_secs(30);

/// Makes every query over `connections` wait ten milliseconds for each of many blocks, of which it keeps nothing: for hours, in no memory.
pub(crate) const SLOW: [&str; 2] = [
    "RENAME TABLE connections TO connections_kept",
    "CREATE VIEW connections AS SELECT * FROM connections_kept WHERE resource_id NOT IN (
         SELECT number + 1000000000000 FROM numbers(100000000000) WHERE sleep(0.01) = 1)
     SETTINGS allow_suspicious_low_cardinality_types = 1",
];

/// Questions that run. The aggregator counts hours from the same rows, by statements that insert.
const RUNNING: &str = "SELECT query FROM system.processes WHERE current_database = currentDatabase()
    AND query LIKE '%FROM connections %' AND query NOT LIKE '%system.processes%' AND query NOT LIKE 'INSERT%'";

/// The most memory that each of them may take.
pub(crate) const MEMORY_OF_RUNNING: &str = "SELECT DISTINCT Settings['max_memory_usage'] FROM system.processes
    WHERE current_database = currentDatabase() AND query LIKE '%FROM connections %' AND query NOT LIKE '%system.processes%'
    AND query NOT LIKE 'INSERT%'";

/// Waits until such questions run, or none does; gives how long it took.
pub(crate) async fn wait_running(stack: &Stack, is_wanted: bool, longest: Duration) -> Duration {
    let begin = Instant::now();
    loop {
        let running = stack.sql(RUNNING).await;
        if running.as_deref().is_some_and(|queries| queries.is_empty() != is_wanted) {
            return begin.elapsed();
        }
        assert!(begin.elapsed() < longest, "running: {running:?}, wanted: {is_wanted}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn query_ends_with_the_client_that_asked() {
    let acme = tenant("acme");
    let mut stack = Stack::start(&[(&acme, Some("v2"))]).await;
    stack.append(&acme, &crate::oracle::traffic(5, 20, "v2"));
    stack.wait_stored(&acme, 10).await;
    let session = stack.sign_in(&acme).await;
    for statement in SLOW {
        stack.execute(statement).await;
    }
    for question in [
        "connections",
        "top?by=device",
        "series?split=device&from=2025-06-01T00:00:00Z&to=2027-06-01T00:00:00Z",
        "facets?of=port",
    ] {
        let asking = tokio::spawn(session.request(Method::GET, &format!("/traffic/{question}")).send());
        wait_running(&stack, true, SOON).await;
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert!(!asking.is_finished(), "{question} is answered");
        asking.abort();
        let lasted = wait_running(&stack, false, GONE_MAX).await;
        println!("{question}: ended {lasted:?} after its client");
    }

    for signal in ["INT", "KILL"] {
        let mut asking =
            stack.command(&["traffic", "recent", "--tenant", &acme]).stdout(Stdio::null()).spawn().unwrap();
        wait_running(&stack, true, SOON).await;
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert!(asking.try_wait().unwrap().is_none(), "answered");
        let signalled = Command::new("kill").args(["-s", signal, &asking.id().to_string()]).status().unwrap();
        assert!(signalled.success());
        let lasted = wait_running(&stack, false, GONE_MAX).await;
        println!("SIG{signal}: ended {lasted:?} after it");
        assert!(!asking.wait().unwrap().success());
    }
    stack.end().await;
}
