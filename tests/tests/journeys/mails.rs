//! Mails about reports, as a mail program reads what the real mail server took: text and HTML, one before a file is deleted, each in its
//! receiver's language.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};

use crate::oracle::{connections_of, python, traffic};
use crate::report_life::flowledger;
use crate::stack::{Stack, WAIT_MAX, tenant};

/// A file lives for a day; three seconds after it is made its receivers are told that it will be deleted.
const SETTINGS: &str = "keep_days = 1\nexpiring_mail_before = 86397\n";
/// Longer than an exporter takes between two looks for whom to tell, two times.
const TWO_LOOKS: Duration = Duration::from_secs(40);

/// Mails about a report: receiver, subject, Message-ID, and what else a mail program shows.
fn mails(stack: &Stack, id: &str, subject: &str) -> Vec<(String, Value)> {
    let read = stack.parts.mails().unwrap().into_iter().map(|mail| {
        let read: Value = serde_json::from_slice(&python("readers/read_mail.py", &[], mail.text.as_bytes())).unwrap();
        (mail.receivers.join(","), read)
    });
    let is_wanted = |mail: &Value| {
        mail["headers"]["Subject"].as_str().unwrap().starts_with(subject)
            && mail["parts"][0]["text"].as_str().unwrap().contains(id)
    };
    let mut wanted: Vec<_> = read.filter(|(_, mail)| is_wanted(mail)).collect();
    wanted.sort_by(|one, other| one.0.cmp(&other.0));
    wanted
}

fn assert_readable(mail: &Value, id: &str, link: &str) {
    assert_eq!(mail["type"], "multipart/alternative");
    let parts = mail["parts"].as_array().unwrap();
    assert_eq!([&parts[0]["type"], &parts[1]["type"]], ["text/plain", "text/html"], "{mail:#}");
    for part in parts {
        let text = part["text"].as_str().unwrap();
        for said in [id, link, "2026-11-01 01:00 CET", "2026-11-01 00:00 UTC", "(sign-in needed)"] {
            assert!(text.contains(said), "{said}: {text}");
        }
    }
    let html = parts[1]["text"].as_str().unwrap();
    assert!(html.contains("<meta name=\"color-scheme\" content=\"light dark\">"), "{html}");
    // Nothing but the link leads anywhere.
    assert_eq!((html.matches("http").count(), html.matches("src=").count()), (1, 0), "{html}");
}

/// The mail about a report whose subject begins so, and its receiver.
async fn wait_for_one(stack: &Stack, id: &str, subject: &str) -> (String, Value) {
    let begin = Instant::now();
    loop {
        if let Some(mail) = mails(stack, id, subject).pop() {
            return mail;
        }
        assert!(begin.elapsed() < WAIT_MAX, "{subject}: {:#?}", mails(stack, id, ""));
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

#[tokio::test]
async fn receiver_with_an_account_reads_in_its_language_and_zone_and_others_in_those_of_configuration_and_report() {
    let acme = &tenant("acme");
    let (account, settings) =
        ("language = 'de'\nzone = 'America/New_York'\n", format!("mail_language = 'fr'\n{SETTINGS}"));
    let stack = Stack::start_with_account(&[(acme, Some("v2"))], account, &settings).await;
    let admin = format!("Admin@{acme}.Example");
    let mut ask = vec!["report", "new", "--tenant", acme, "--kind", "users", "--zone", "Europe/Berlin"];
    ask.extend(["--from", "2026-11-01T01:00", "--to", "2026-11-02T01:00"]);
    ask.extend(["--receiver", admin.as_str(), "--receiver", "kim@acme.example"]);
    let (id, beside, went_well) = flowledger(&stack, &ask);
    assert!(went_well, "{beside}");
    let id = id.trim();
    let (german, french) = (
        ["31.10.2026 20:00 EDT bis 01.11.2026 19:00 EST", "01.11.2026 00:00 UTC bis 02.11.2026 00:00 UTC"],
        ["du 01/11/2026 01:00 CET au 02/11/2026 01:00 CET", "du 01/11/2026 00:00 UTC au 02/11/2026 00:00 UTC"],
    );
    for (subject, receiver, language, sign_in, ranges) in [
        ("Ihr Bericht ist fertig: Benutzeraktivität, ", admin.as_str(), "de", "(Anmeldung erforderlich)", german),
        ("Ihr Bericht wird bald gelöscht: Benutzeraktivität, ", &admin, "de", "(Anmeldung erforderlich)", german),
        (
            "Votre rapport est prêt\u{a0}: Activité des utilisateurs, ",
            "kim@acme.example",
            "fr",
            "(connexion requise)",
            french,
        ),
    ] {
        let (to, mail) = wait_for_one(&stack, id, &format!("{subject}{}", ranges[0])).await;
        assert_eq!(
            (to.to_lowercase(), &mail["headers"]["Content-Language"]),
            (receiver.to_lowercase(), &language.into())
        );
        for part in mail["parts"].as_array().unwrap() {
            let text = part["text"].as_str().unwrap();
            for said in [sign_in, ranges[0], ranges[1], &format!("{}/settings/analytics", stack.console_url())] {
                assert!(text.contains(said), "{said}: {text}");
            }
        }
        assert!(
            mail["parts"][1]["text"].as_str().unwrap().contains(&format!("<html lang=\"{language}\">")),
            "{mail:#}"
        );
    }
    assert!(
        stack.parts.mails().unwrap().iter().all(|mail| mail.text.is_ascii()),
        "nothing is left to the server's mercy"
    );
    stack.end().await;
}

#[tokio::test]
async fn receivers_read_text_and_html_and_are_told_once_before_a_file_that_nobody_fetched_is_deleted() {
    let acme = &tenant("acme");
    let mut stack = Stack::start_with_exporter(&[(acme, Some("v2"))], SETTINGS).await;
    let lines = traffic(31, 60, "v2");
    stack.append(acme, &lines);
    stack.wait_stored(acme, connections_of(acme, "v2", &lines)).await;
    let session = stack.sign_in(acme).await;
    let receivers = ["jo@acme.example", "kim+x@acme.example"];
    let range = ["--from", "2026-11-01T01:00", "--to", "2026-11-02T01:00", "--zone", "Europe/Berlin", "--tenant", acme];
    let to = receivers.map(|it| ["--receiver", it]).concat();
    let (fetched, beside, went_well) = flowledger(&stack, &[&["report", "new"][..], &range, &to].concat());
    assert!(went_well, "{beside}");
    let fetched = fetched.trim();
    session.wait_completed(fetched).await;
    session.download(fetched).await;
    let new = json!({ "from": range[1], "to": range[3], "zone": range[5], "receivers": receivers });
    let left = session.ask(&new).await;
    session.wait_completed(&left).await;
    let link = format!("{}/settings/analytics", stack.console_url());
    let begin = Instant::now();
    let told = loop {
        let told = mails(&stack, &left, "Your report will be deleted soon");
        if told.len() == 2 {
            break told;
        }
        assert!(begin.elapsed() < WAIT_MAX, "{told:#?}");
        tokio::time::sleep(Duration::from_millis(500)).await;
    };
    let ready = mails(&stack, &left, "Your report is ready");
    for (mails, said) in [(&ready, "The report that you asked for is ready."), (&told, "Nobody has downloaded")] {
        assert_eq!(mails.iter().map(|(receiver, _)| receiver.as_str()).collect::<Vec<_>>(), receivers);
        for (_, mail) in mails {
            assert_readable(mail, &left, &link);
            assert!(mail["parts"].as_array().unwrap().iter().all(|it| it["text"].as_str().unwrap().contains(said)));
        }
    }
    let mut ids: Vec<_> =
        ready.iter().chain(&told).map(|(_, mail)| mail["headers"]["Message-ID"].to_string()).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 4, "each has its own: {ids:?}");

    // Whoever comes after: what was told is told, and what was fetched is nobody's concern.
    stack.exporter.kill_and_restart();
    stack.add_exporter();
    tokio::time::sleep(TWO_LOOKS).await;
    let count = |id: &str| mails(&stack, id, "Your report will be deleted soon").len();
    assert_eq!((count(&left), count(fetched)), (2, 0));
    let shown = stack.sign_in(acme).await.request(Method::GET, &format!("/reports/{left}")).send().await.unwrap();
    let shown: Value = shown.json().await.unwrap();
    assert_eq!((&shown["state"], &shown["notified"]), (&"completed".into(), &2.into()));
    assert_eq!(shown["receivers"], json!(receivers));
    stack.end().await;
}
