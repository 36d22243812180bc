//! An admin's way in a real browser: from a Connector's log to the file that the browser saved.

use std::process::Command;

use crate::oracle::{assert_same, connections_of, report, tests_folder, traffic};
use crate::stack::{PASSWORD, Stack, tenant};

#[tokio::test]
async fn admin_sees_and_downloads_what_connectors_logged() {
    let acme = &tenant("acme");
    let section = "[webhooks]\nkey = \"the key of the journeys, 32 bytes or more\"\n";
    let mut stack = Stack::start_with_section(&[(acme, Some("v2"))], section).await;
    let lines = traffic(21, 80, "v2");
    stack.append(acme, &lines);
    let expected = report(acme, "v2", &["--from", "2026-09-30T22:00:00Z", "--to", "2026-11-30T23:00:00Z"], &lines);
    stack.wait_stored(acme, connections_of(acme, "v2", &lines)).await;

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("download.csv");
    let mut browser = Command::new("npm");
    browser
        .args(["run", "--silent", "e2e:live"])
        .current_dir(tests_folder().join("../console/web"))
        .env("FLOWLEDGER_CONSOLE_URL", stack.console_url())
        .env("FLOWLEDGER_TENANT", acme)
        .env("FLOWLEDGER_ACCOUNT", "admin")
        .env("FLOWLEDGER_PASSWORD", PASSWORD)
        .env("FLOWLEDGER_DOWNLOAD", &file);
    let ran = tokio::task::spawn_blocking(move || browser.output()).await.unwrap().unwrap();
    assert!(ran.status.success(), "{}\n{}", String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    assert!(expected.lines().count() > 40);
    assert_same(&std::fs::read_to_string(file).unwrap(), &expected, "what the browser saved");
    stack.end().await;
}
