//! Downloads from the store itself: one console streams, one gives links, and both give the same file to the same accounts.

use std::time::{Duration, Instant};

use reqwest::redirect::Policy;
use reqwest::{Client, Method};
use serde_json::Value;

use crate::audit::Visitor;
use crate::oracle::{connections_of, traffic};
use crate::stack::{PASSWORD, Stack, WAIT_MAX, everything, tenant};

#[tokio::test]
async fn file_by_a_link_is_the_one_that_is_streamed() {
    let (acme, globex) = (&tenant("acme"), &tenant("globex"));
    let mut stack = Stack::start(&[(acme, Some("v2")), (globex, None)]).await;
    let (mut linking, url) = stack.start_second_console_with(&[("DOWNLOADS", "linked")]).await;
    let lines = traffic(31, 60, "v2");
    stack.append(acme, &lines);
    stack.wait_stored(acme, connections_of(acme, "v2", &lines)).await;
    let session = stack.sign_in(acme).await;
    let id = session.ask(&everything()).await;
    session.wait_completed(&id).await;
    let (_, streamed) = session.download_file(&id).await;
    let ann = Visitor::sign_in(&url, acme, PASSWORD).await.unwrap();
    // This console may hear of it a moment later.
    let path = format!("/reports/{id}/download");
    let begin = Instant::now();
    while ann.send(Method::GET, &format!("/reports/{id}"), &Value::Null).await.1["state"] != "completed" {
        assert!(begin.elapsed() < WAIT_MAX);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }

    // As a browser does, which follows and takes no cookie along.
    let followed = ann.request(Method::GET, &path).send().await.unwrap();
    assert_eq!(followed.status(), 200);
    assert!(followed.url().query().unwrap().contains("X-Amz-Signature"), "it came from the store");
    let disposition = followed.headers()["content-disposition"].to_str().unwrap().to_owned();
    let shown = session.get(&format!("/reports/{id}")).await;
    assert_eq!(disposition, format!("attachment; filename=\"{}\"", shown["file_name"].as_str().unwrap()));
    assert!(followed.bytes().await.unwrap() == streamed, "the bytes that are streamed");

    let standing = Client::builder().no_proxy().redirect(Policy::none()).build().unwrap();
    let ask = |cookie: &str| standing.get(format!("{url}/api/v1{path}")).header("Cookie", cookie).send();
    let answer = ask(ann.cookie()).await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.headers()["cache-control"].to_str().unwrap()), (307, "no-store"));
    let link = answer.headers()["location"].to_str().unwrap().to_owned();
    let from_anywhere = standing.get(&link).send().await.unwrap();
    assert!(from_anywhere.bytes().await.unwrap() == streamed, "who has the link has the file");
    let gus = Visitor::sign_in(&url, globex, PASSWORD).await.unwrap();
    for (cookie, status) in [(gus.cookie(), 404), ("", 401)] {
        let refused = ask(cookie).await.unwrap();
        assert_eq!((refused.status().as_u16(), refused.headers().get("location")), (status, None));
    }

    // Each link was noted before it was given: with the report, and on the audit log, by whose details it is told from a file.
    ann.audited(5, &["report_downloaded", "signed_in", "report_downloaded", "report_downloaded"]).await;
    let (_, page) = ann.send(Method::GET, "/audit?limit=3&action=report_downloaded", &Value::Null).await;
    let lifetimes = page["events"].as_array().unwrap().iter().map(|it| it["details"]["link_seconds"].clone());
    assert_eq!(lifetimes.collect::<Vec<_>>(), [Value::from("300"), "300".into(), Value::Null], "{page}");
    let begin = Instant::now();
    while session.get(&format!("/reports/{id}")).await["downloads"] != 3 {
        assert!(begin.elapsed() < WAIT_MAX, "each is counted");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    for said in ["X-Amz-Signature", "X-Amz-Credential"] {
        assert_eq!(linking.logged(&[said]), 0, "a link is in no log");
    }
    linking.assert_running();
    drop(linking);
    stack.end().await;
}
