//! Signing in and out.

use std::time::Duration;

use axum::body::Body;
use axum::http::{Method, Request};
use serde_json::json;

use super::fixture::{Console, PASSWORD, WRONG, operations, request};

#[tokio::test]
async fn session_is_a_cookie_that_scripts_and_other_sites_do_not_get() {
    let answer = Console::at("https://console").sign_in_as("acme", "admin", PASSWORD).await;
    let parts: Vec<&str> = answer.header("set-cookie").split("; ").skip(1).collect();
    assert_eq!(parts, ["Path=/", "Max-Age=43200", "HttpOnly", "SameSite=Strict", "Secure"]);
    assert_eq!(answer.json(), json!({ "tenant": "acme", "account": "admin" }));

    let console = Console::new();
    let plain = console.sign_in_as("acme", "admin", PASSWORD).await;
    let parts: Vec<&str> = plain.header("set-cookie").split("; ").skip(1).collect();
    assert_eq!(parts, ["Path=/", "Max-Age=43200", "HttpOnly", "SameSite=Strict"]);
    assert_eq!(console.count("sign_ins_total{result=\"right\"}"), 1);
    assert_eq!(plain.cookie().len(), "flowledger_session=".len() + 64, "32 random bytes");
    assert_ne!(plain.cookie(), console.sign_in("acme").await);
}

#[tokio::test]
async fn session_is_found_among_other_cookies() {
    let console = Console::new();
    let cookie = console.sign_in("globex").await;
    let answer = console.get("/api/v1/session", &format!("theme=dark; {cookie}; lang=en")).await;
    assert_eq!(answer.json(), json!({ "tenant": "globex", "account": "admin" }));
}

#[tokio::test]
async fn signing_out_ends_that_session_and_no_other() {
    let console = Console::new();
    let (left, kept) = (console.sign_in("acme").await, console.sign_in("acme").await);
    let signed_out = console.send(request(Method::DELETE, "/api/v1/session", &left, Body::empty())).await;
    assert_eq!((signed_out.status, signed_out.cookie().as_str()), (204, "flowledger_session="));
    assert!(signed_out.header("set-cookie").contains("Max-Age=0"), "{signed_out:?}");
    for path in ["/api/v1/session", "/api/v1/reports", "/api/v1/users"] {
        assert_eq!(console.get(path, &left).await.code(), "not_signed_in", "{path}");
        assert_eq!(console.get(path, &kept).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn session_ends_by_itself() {
    let console = Console::new();
    let cookie = console.sign_in("acme").await;
    console.clock.advance(Duration::from_secs(43_199));
    assert_eq!(console.get("/api/v1/session", &cookie).await.status, 200);
    console.clock.advance(Duration::from_secs(1));
    assert_eq!(console.get("/api/v1/session", &cookie).await.status, 401);
}

#[tokio::test]
async fn wrong_sign_ins_look_alike_whatever_is_wrong() {
    let console = Console::new();
    let first = console.sign_in_as("acme", "admin", WRONG).await;
    assert_eq!((first.status, first.code().as_str()), (401, "wrong_password"));
    let others = [
        ("acme", "root", PASSWORD),
        ("nobody", "admin", PASSWORD),
        ("ACME", "admin", PASSWORD),
        ("acme", "", PASSWORD),
        ("", "admin", PASSWORD),
        ("acme", "admin", ""),
        // Must not be what tenant `globex` and account `admin` are joined to.
        ("globex\nadmin", "", PASSWORD),
    ];
    for (tenant, account, password) in others {
        let answer = console.sign_in_as(tenant, account, password).await;
        assert_eq!((answer.status, &answer.body), (401, &first.body), "{tenant:?} {account:?}");
        assert_eq!(answer.header("set-cookie"), "", "{tenant:?} {account:?}");
    }
    assert_eq!(console.count("sign_ins_total{result=\"wrong\"}"), 8);
    assert_eq!(console.count("sign_ins_total{result=\"right\"}"), 0);
}

#[tokio::test]
async fn wrong_passwords_close_the_account_for_a_minute_and_no_other() {
    let console = Console::new();
    for _ in 0..5 {
        assert_eq!(console.sign_in_as("acme", "admin", WRONG).await.status, 401);
    }
    let closed = console.sign_in_as("acme", "admin", PASSWORD).await;
    assert_eq!((closed.status, closed.code().as_str()), (429, "too_many_tries"));
    assert_eq!(closed.header("set-cookie"), "");
    assert_eq!(console.count("sign_ins_total{result=\"too_many\"}"), 1);
    console.sign_in("globex").await;
    console.clock.advance(Duration::from_secs(60));
    console.sign_in("acme").await;
}

#[tokio::test]
async fn right_password_makes_the_wrong_ones_before_it_forgotten() {
    let console = Console::new();
    for _ in 0..3 {
        for _ in 0..4 {
            assert_eq!(console.sign_in_as("acme", "admin", WRONG).await.status, 401);
        }
        console.sign_in("acme").await;
    }
}

#[tokio::test]
async fn page_of_another_site_changes_nothing() {
    let console = Console::new();
    let cookie = console.sign_in("acme").await;
    let credentials = json!({ "tenant": "acme", "account": "admin", "password": PASSWORD }).to_string();
    let changing: Vec<_> = operations().into_iter().filter(|(method, _)| !method.is_safe()).collect();
    assert_eq!(changing.len(), 27, "{changing:?}");
    for (method, path) in changing {
        for header in ["", "0", "true"] {
            let forged = Request::builder().method(&method).uri(&path).header("Cookie", &cookie);
            let forged = forged.header("Content-Type", "application/json").header("X-Flowledger", header);
            let answer = console.send(forged.body(Body::from(credentials.clone())).unwrap()).await;
            assert_eq!((answer.status, answer.code().as_str()), (403, "forged"), "{method} {path}");
            assert_eq!(answer.header("set-cookie"), "", "{method} {path}");
        }
    }
    assert!(!console.world.was_touched());
    assert_eq!(console.get("/api/v1/session", &cookie).await.status, 200);
}
