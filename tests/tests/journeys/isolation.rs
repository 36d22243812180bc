//! Tenants never see each other: over every endpoint that the API describes.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};

use crate::oracle::traffic;
use crate::stack::{Session, Stack, everything, tenant};

#[tokio::test]
async fn no_endpoint_shows_another_tenants_data() {
    let (own, others) = (tenant("acme"), tenant("globex"));
    let section = "[webhooks]\nkey = \"the key of the journeys, 32 bytes or more\"\n";
    let mut stack = Stack::start_with_section(&[(&own, Some("v2")), (&others, None)], section).await;
    let lines = traffic(3, 60, "v2");
    stack.append(&own, &lines);
    stack.wait_stored(&own, 50).await;
    let acme = stack.sign_in(&own).await;
    let report = acme.ask(&everything()).await;
    acme.wait_completed(&report).await;
    let weekly = json!({
        "name": "Every week of acme", "when": "weekly on monday at 06:00", "range": "last week", "zone": "UTC",
    });
    let kept = acme.request(Method::POST, "/report-schedules").json(&weekly).send().await.unwrap();
    let kept: Value = kept.json().await.unwrap();
    let schedule = kept["id"].as_str().unwrap().to_owned();
    // A name that is nowhere: each delivery fails, and is known.
    let hook = json!({ "name": "Hook of acme", "url": "https://acme.invalid/hook" });
    let made = acme.request(Method::POST, "/webhooks").json(&hook).send().await.unwrap();
    let made: Value = made.json().await.unwrap();
    let (webhook, secret) = (made["id"].as_str().unwrap().to_owned(), made["secret"].as_str().unwrap().to_owned());
    let told = acme.ask(&everything()).await;
    acme.wait_completed(&told).await;
    let begin = Instant::now();
    let delivery = loop {
        let told = acme.get(&format!("/webhooks/{webhook}/deliveries")).await;
        if let Some(first) = told["deliveries"].get(0) {
            break first["id"].as_str().unwrap().to_owned();
        }
        assert!(begin.elapsed() < Duration::from_secs(60), "{told}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    };
    let lake = json!({ "name": "Lake of acme", "destination": "lake" });
    let synced = acme.request(Method::POST, "/syncs").json(&lake).send().await.unwrap();
    let sync = synced.json::<Value>().await.unwrap()["id"].as_str().unwrap().to_owned();
    let (user, resource) = (first_of(&acme, "users").await, first_of(&acme, "resources").await);
    let connections = acme.get(&format!("/users/{user}/connections")).await;
    let event = connections["connections"][0]["event_id"].as_str().unwrap().to_owned();
    let day = connections["connections"][0]["end_time"].as_str().unwrap()[..10].to_owned();
    for (question, list) in [
        (format!("connections/{event}"), "events"),
        (format!("series?bucket=day&from={day}T00:00:00Z&to={day}T23:59:59Z&split=user"), "series"),
        ("top?by=connector".to_owned(), "groups"),
    ] {
        // Roll-ups come a moment after rows.
        let begin = Instant::now();
        loop {
            let own = acme.get(&format!("/traffic/{question}")).await;
            if !own[list].as_array().unwrap().is_empty() {
                break;
            }
            assert!(begin.elapsed() < Duration::from_secs(60), "{question}: {own}");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    let globex = stack.sign_in(&others).await;
    let description = globex.get("/openapi.json").await;
    let mut checked = BTreeSet::new();
    for (path, operations) in description["paths"].as_object().unwrap() {
        for method in operations.as_object().unwrap().keys() {
            let path = path.strip_prefix("/api/v1").unwrap();
            let asked = match (method.as_str(), path) {
                (
                    "get",
                    "/session"
                    | "/reports"
                    | "/report-schedules"
                    | "/webhooks"
                    | "/syncs"
                    | "/remote-networks"
                    | "/users"
                    | "/resources"
                    | "/addresses"
                    | "/audit"
                    | "/traffic/connections"
                    | "/traffic/open",
                ) => path.to_owned(),
                ("get", "/traffic/connections/{id}") => format!("/traffic/connections/{event}"),
                ("get", "/traffic/series") => {
                    format!("{path}?bucket=day&from={day}T00:00:00Z&to={day}T23:59:59Z&split=user")
                }
                ("get", "/traffic/top") => format!("{path}?by=connector&by=user&measures=events&measures=users"),
                ("get", "/traffic/facets") => format!("{path}?of=remote_network&of=address"),
                ("get", "/traffic/insights/{insight}") => path.replace("{insight}", "inactive_users"),
                ("get", "/reports/{id}") => format!("/reports/{report}"),
                ("get", "/reports/{id}/download" | "/reports/{id}/manifest") => path.replace("{id}", &report),
                ("get", "/users/{id}/connections") => format!("/users/{user}/connections"),
                ("get", "/resources/{id}/connections") => format!("/resources/{resource}/connections"),
                // Gives what changes from now on; nothing of acme changes while globex listens below.
                ("get", "/reports/changes")
                | ("post" | "delete", "/session")
                | ("post", "/report-schedules/preview") => {
                    checked.insert(format!("{method} {path}"));
                    continue;
                }
                ("post", "/reports/{id}/cancel" | "/reports/{id}/retry") => {
                    let asked = path.replace("{id}", &report);
                    let answer = globex.request(Method::POST, &asked).send().await.unwrap();
                    assert_eq!(answer.status(), 404, "{asked}");
                    let untouched = acme.get(&format!("/reports/{report}")).await;
                    assert_eq!(
                        (&untouched["state"], &untouched["cancel_requested"]),
                        (&"completed".into(), &false.into())
                    );
                    checked.insert(format!("{method} {path}"));
                    continue;
                }
                ("get", "/syncs/{id}") => format!("/syncs/{sync}"),
                ("put" | "delete", "/syncs/{id}")
                | (
                    "post",
                    "/syncs/{id}/pause" | "/syncs/{id}/resume" | "/syncs/{id}/backfill" | "/syncs/{id}/backfill/cancel",
                ) => {
                    let asked = path.replace("{id}", &sync);
                    let verb = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
                    let body = match (method.as_str(), path) {
                        ("put", _) => json!({ "name": "Lake of globex", "interval_seconds": 60, "receivers": [] }),
                        (_, "/syncs/{id}/backfill") => everything(),
                        (_, "/syncs/{id}/backfill/cancel") => json!({ "number": 1 }),
                        _ => json!({}),
                    };
                    let answer = globex.request(verb, &asked).json(&body).send().await.unwrap();
                    assert_eq!(answer.status(), 404, "{method} {asked}");
                    let untouched = acme.get(&format!("/syncs/{sync}")).await;
                    let found = (&untouched["name"], &untouched["state"], &untouched["backfills"]);
                    assert_eq!(found, (&lake["name"], &"active".into(), &json!([])), "{method} {asked}");
                    checked.insert(format!("{method} {path}"));
                    continue;
                }
                ("post", "/syncs") => {
                    let mut forged = lake.clone();
                    forged["tenant"] = own.as_str().into();
                    let answer = globex.request(Method::POST, path).json(&forged).send().await.unwrap();
                    assert!(answer.status().is_client_error(), "{}", answer.status());
                    checked.insert(format!("{method} {path}"));
                    continue;
                }
                ("get", "/report-schedules/{id}") => format!("/report-schedules/{schedule}"),
                ("put" | "delete", "/report-schedules/{id}")
                | (
                    "post",
                    "/report-schedules/{id}/pause" | "/report-schedules/{id}/resume" | "/report-schedules/{id}/run",
                ) => {
                    let asked = path.replace("{id}", &schedule);
                    let verb = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
                    let answer = globex.request(verb, &asked).json(&weekly).send().await.unwrap();
                    assert_eq!(answer.status(), 404, "{method} {asked}");
                    let untouched = acme.get(&format!("/report-schedules/{schedule}")).await;
                    assert_eq!(untouched["changed_at"], kept["changed_at"], "{method} {asked}");
                    checked.insert(format!("{method} {path}"));
                    continue;
                }
                ("get", "/webhooks/{id}" | "/webhooks/{id}/deliveries") => path.replace("{id}", &webhook),
                ("put" | "delete", "/webhooks/{id}")
                | (
                    "post",
                    "/webhooks/{id}/pause"
                    | "/webhooks/{id}/resume"
                    | "/webhooks/{id}/rotate"
                    | "/webhooks/{id}/deliveries/{delivery}/redeliver",
                ) => {
                    let asked = path.replace("{id}", &webhook).replace("{delivery}", &delivery);
                    let verb = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
                    let answer = globex.request(verb, &asked).json(&hook).send().await.unwrap();
                    assert_eq!(answer.status(), 404, "{method} {asked}");
                    let untouched = acme.get(&format!("/webhooks/{webhook}")).await;
                    assert_eq!(untouched["changed_at"], made["changed_at"], "{method} {asked}");
                    checked.insert(format!("{method} {path}"));
                    continue;
                }
                ("post", "/webhooks") => {
                    let mut forged = hook.clone();
                    forged["tenant"] = own.as_str().into();
                    let answer = globex.request(Method::POST, path).json(&forged).send().await.unwrap();
                    assert!(answer.status().is_client_error(), "{}", answer.status());
                    checked.insert(format!("{method} {path}"));
                    continue;
                }
                ("post", "/report-schedules") => {
                    let mut forged = weekly.clone();
                    forged["tenant"] = own.as_str().into();
                    let answer = globex.request(Method::POST, path).json(&forged).send().await.unwrap();
                    assert!(answer.status().is_client_error(), "{}", answer.status());
                    checked.insert(format!("{method} {path}"));
                    continue;
                }
                // What it makes is globex's own, whatever the body says: a tenant in it is refused.
                ("post", "/reports") => {
                    let mut forged = everything();
                    forged["tenant"] = own.as_str().into();
                    let answer = globex.request(Method::POST, path).json(&forged).send().await.unwrap();
                    assert!(answer.status().is_client_error(), "{}", answer.status());
                    let empty = globex.ask(&everything()).await;
                    globex.wait_completed(&empty).await;
                    assert_eq!(globex.download(&empty).await.lines().count(), 1, "globex has no traffic");
                    let missing = acme.request(Method::GET, &format!("/reports/{empty}")).send().await.unwrap();
                    assert_eq!(missing.status(), 404);
                    checked.insert(format!("{method} {path}"));
                    continue;
                }
                // Counts globex's own, whatever the body says.
                ("post", "/reports/estimate") => {
                    let mut forged = everything();
                    forged["tenant"] = own.as_str().into();
                    let answer = globex.request(Method::POST, path).json(&forged).send().await.unwrap();
                    assert!(answer.status().is_client_error(), "{}", answer.status());
                    // Of acme more may have come since.
                    let rows = acme.get(&format!("/reports/{report}")).await["rows"].as_u64().unwrap();
                    let begin = Instant::now();
                    while estimated(&acme).await < rows.max(1) {
                        assert!(begin.elapsed() < Duration::from_secs(60), "{rows}");
                        tokio::time::sleep(Duration::from_millis(200)).await;
                    }
                    assert_eq!(estimated(&globex).await, 0, "globex has no traffic");
                    checked.insert(format!("{method} {path}"));
                    continue;
                }
                _ => panic!("{method} {path} has no case in this test"),
            };
            let answer = globex.request(Method::GET, &asked).send().await.unwrap();
            let (status, body) = (answer.status(), answer.text().await.unwrap());
            for secret in [
                report.as_str(),
                schedule.as_str(),
                webhook.as_str(),
                sync.as_str(),
                secret.as_str(),
                "quiet-heron",
                "person",
                "64894",
            ] {
                assert!(!body.contains(secret), "{asked}: {status} {body}");
            }
            if asked.contains(&event) || asked.contains(&webhook) {
                assert_eq!(status, 404, "{asked}");
            }
            if asked.contains(&report) {
                // Exactly as if it were not there.
                let id = report.chars().rev().collect::<String>();
                let missing = globex.request(Method::GET, &asked.replace(&report, &id)).send().await.unwrap();
                assert_eq!((status, body), (missing.status(), missing.text().await.unwrap()), "{asked}");
                assert_eq!(status, 404);
            }
            checked.insert(format!("{method} {path}"));
        }
    }
    let described: usize =
        description["paths"].as_object().unwrap().values().map(|it| it.as_object().unwrap().len()).sum();
    assert_eq!(checked.len(), described, "{checked:?}");

    for path in [
        "/reports",
        "/report-schedules",
        "/syncs",
        "/webhooks",
        "/users",
        "/remote-networks",
        "/session",
        "/reports/changes",
    ] {
        let answer = reqwest::get(stack.url(path)).await.unwrap();
        assert_eq!(answer.status(), 401, "{path} without a session");
    }
    let session = globex.get("/session").await;
    assert_eq!(session["tenant"], Value::from(others.as_str()));
}

/// Rows that a report of everything would have.
async fn estimated(session: &Session<'_>) -> u64 {
    let answer = session.request(Method::POST, "/reports/estimate").json(&everything()).send().await.unwrap();
    answer.json::<Value>().await.unwrap()["rows"].as_u64().unwrap()
}

/// The first id of a list of names; of days that are over they come a moment after rows.
async fn first_of(session: &Session<'_>, names: &str) -> String {
    let begin = Instant::now();
    loop {
        let found = session.get(&format!("/{names}")).await;
        if let Some(first) = found[names].get(0) {
            return first["id"].as_str().unwrap().to_owned();
        }
        assert!(begin.elapsed() < Duration::from_secs(60), "{found}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

#[tokio::test]
async fn what_a_stranger_sends_is_refused_by_name() {
    let own = tenant("acme");
    let stack = Stack::start(&[(&own, None)]).await;
    let acme = stack.sign_in(&own).await;
    for (field, value) in
        [("from", "yesterday"), ("to", "1969-01-01T00:00"), ("zone", "Mars/Base"), ("remote_networks", "no list")]
    {
        let mut wrong = everything();
        wrong[field] = value.into();
        let answer = acme.request(Method::POST, "/reports").json(&wrong).send().await.unwrap();
        assert!(answer.status().is_client_error(), "{field}");
        assert!(answer.text().await.unwrap().contains(field), "{field}");
    }
    // A page of another site can send the cookie's site-less requests, but not the header.
    let forged = reqwest::Client::new().post(stack.url("/reports")).json(&everything()).send().await.unwrap();
    assert_eq!(forged.status(), 403);
    let large = acme.request(Method::POST, "/reports").body("x".repeat(1 << 20)).send().await.unwrap();
    assert!(large.status().is_client_error());
}
