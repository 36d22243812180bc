//! What the commands say: a change of help, defaults or messages shows in review.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeMap;
use std::process::{Command, Stdio};

/// Standard output, standard error and whether it went well.
fn run(arguments: &[&str], environment: &[(&str, &str)]) -> (String, String, bool) {
    let output = Command::new(env!("CARGO_BIN_EXE_flowledger"))
        .args(arguments)
        .env_clear()
        .envs(environment.iter().copied())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (text(output.stdout), text(output.stderr), output.status.success())
}

#[test]
fn help_of_every_command() {
    let (help, _, went_well) = run(&["--help"], &[]);
    assert!(went_well);
    insta::assert_snapshot!("help", help);
    let commands = [
        "connector",
        "ingest",
        "aggregator",
        "exporter",
        "console",
        "migrate",
        "dead-letter",
        "aggregate",
        "offsets",
        "traffic",
        "report",
        "webhook",
        "sync",
        "audit",
        "clickhouse",
        "demo",
    ];
    for command in commands {
        assert!(help.contains(command), "{command}");
        let (help, _, went_well) = run(&[command, "--help"], &[]);
        assert!(went_well, "{command}");
        insta::assert_snapshot!(format!("help-{command}"), help);
    }
    let dead_letter = ["list", "show", "replay", "discard"].map(|command| ("dead-letter", command));
    let traffic = ["recent", "connection", "open", "series", "top", "facets", "insight", "search"]
        .map(|command| ("traffic", command));
    let report = ["new", "estimate", "list", "show", "cancel", "retry", "schedule", "download", "manifest", "verify"]
        .map(|command| ("report", command));
    let offsets = [("offsets", "back")];
    let aggregate = ["verify", "rebuild", "dedupe"].map(|command| ("aggregate", command));
    let audit = ["verify", "list"].map(|command| ("audit", command));
    let webhook = ["new", "list", "show", "change", "pause", "resume", "rotate", "delete", "deliveries", "redeliver"]
        .map(|command| ("webhook", command));
    let schedules = ["new", "preview", "list", "show", "pause", "resume", "run", "delete"];
    for verb in schedules {
        let (help, _, went_well) = run(&["report", "schedule", verb, "--help"], &[]);
        assert!(went_well, "report schedule {verb}");
        insta::assert_snapshot!(format!("help-report-schedule-{verb}"), help);
    }
    let sync = ["new", "list", "show", "change", "pause", "resume", "backfill", "cancel-backfill", "delete"]
        .map(|command| ("sync", command));
    let all = dead_letter.into_iter().chain(traffic).chain(report).chain(aggregate).chain(offsets).chain(audit);
    for (command, verb) in all.chain(webhook).chain(sync) {
        let (help, _, went_well) = run(&[command, verb, "--help"], &[]);
        assert!(went_well, "{command} {verb}");
        insta::assert_snapshot!(format!("help-{command}-{verb}"), help);
    }
}

#[test]
fn config_with_all_defaults_is_printed_without_secrets() {
    let secrets = [
        ("FLOWLEDGER__CLICKHOUSE__PASSWORD", "not-to-be-seen"),
        ("FLOWLEDGER__STORE__ACCESS_KEY", "key"),
        ("FLOWLEDGER__STORE__SECRET_KEY", "not-to-be-seen"),
        ("FLOWLEDGER__REGISTRY__PASSWORD", "not-to-be-seen"),
        ("FLOWLEDGER__EXPORTER__MAIL__PASSWORD", "not-to-be-seen"),
        ("FLOWLEDGER__WEBHOOKS__KEY", "not-to-be-seen-0123456789-0123456789"),
    ];
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("flowledger.toml");
    let text = "[kafka.properties]\n\"sasl.password\" = \"not-to-be-seen\"\n\"client.rack\" = \"b\"\n";
    std::fs::write(&file, text).unwrap();
    let (config, error, went_well) = run(&["ingest", "--print-config", "--config", file.to_str().unwrap()], &secrets);
    assert!(went_well, "{error}");
    assert!(!config.contains("not-to-be-seen"));
    insta::assert_snapshot!("config", config);
}

#[test]
fn printed_config_is_a_config_file() {
    let (config, ..) = run(&["ingest", "--print-config"], &[]);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("flowledger.toml");
    std::fs::write(&file, config).unwrap();
    for service in ["ingest", "aggregator", "exporter", "migrate"] {
        let (said, error, went_well) = run(&[service, "--check-config", "--config", file.to_str().unwrap()], &[]);
        assert!(went_well, "{service}: {error}");
        assert_eq!(said, "config is right\n");
    }
}

/// Defaults by `section.key`, as a person writes them: 20 for 20.0.
fn defaults(section: &str, table: &toml::Table) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for (key, value) in table {
        let name = if section.is_empty() { key.clone() } else { format!("{section}.{key}") };
        let default = match value {
            toml::Value::Table(inner) => {
                found.append(&mut defaults(&name, inner));
                continue;
            }
            toml::Value::String(text) => text.clone(),
            toml::Value::Float(number) => number.to_string(),
            other => other.to_string(),
        };
        found.insert(name, default);
    }
    found
}

#[test]
fn every_setting_stands_on_its_page_with_its_default() {
    let (config, ..) = run(&["ingest", "--print-config"], &[]);
    let settings = defaults("", &config.parse().unwrap());
    let mut told = BTreeMap::new();
    for section in include_str!("../../docs/settings.md").split("\n## ").skip(1) {
        let (name, rows) = section.split_once('\n').unwrap();
        for row in rows.lines().filter(|row| row.starts_with("| `")) {
            let cells: Vec<_> = row.split('|').map(str::trim).collect();
            // Where nothing is set nothing is printed.
            for key in cells[1].split(", ").filter(|_| cells[2] != "none") {
                told.insert(format!("{name}.{}", key.trim_matches('`')), cells[2].trim_matches('`').to_owned());
            }
        }
    }
    assert_eq!(told, settings, "docs/settings.md, and what is printed");
}

#[test]
fn every_command_is_told_to_operators() {
    let page = include_str!("../../docs/operations.md");
    let (help, ..) = run(&["--help"], &[]);
    let commands = help.split("Commands:\n").nth(1).unwrap().split("\n\n").next().unwrap();
    // A description that goes on in the next line stands further in.
    let named = commands.lines().filter_map(|line| line.strip_prefix("  ")).filter(|line| !line.starts_with(' '));
    for command in named.filter_map(|line| line.split(' ').next()).filter(|command| *command != "help") {
        assert!(page.contains(&format!("`flowledger {command}`")), "docs/operations.md does not have {command}");
    }
}

#[test]
fn wrong_config_names_the_field_and_what_is_allowed() {
    for (key, value, named) in [
        ("FLOWLEDGER__INGEST__BATCH_ROWS", "0", "ingest.batch_rows"),
        ("FLOWLEDGER__INGEST__BATCH_ROWS", "many", "batch_rows"),
        ("FLOWLEDGER__CLICKHOUSE__URL", "localhost", "clickhouse.url"),
        ("FLOWLEDGER__INGEST__BATCH_ROWZ", "5", "batch_rowz"),
    ] {
        let (said, error, went_well) = run(&["ingest", "--check-config"], &[(key, value)]);
        assert!(!went_well, "{key}={value}: {said}");
        assert!(error.contains(named), "{key}={value}: {error}");
        assert_eq!(error.matches(named).count(), 1, "said once: {error}");
    }
    let (_, error, went_well) = run(&["aggregator", "--check-config"], &[("FLOWLEDGER__INGEST__SOURCE", "second")]);
    assert!(!went_well && error.contains("aggregator.source is not ingest.source"), "{error}");
    // The store is a folder by default.
    let (_, error, went_well) = run(&["console", "--check-config"], &[("FLOWLEDGER__CONSOLE__DOWNLOADS", "linked")]);
    assert!(
        !went_well && error.contains("console.downloads = linked") && error.contains("a folder signs no links"),
        "{error}"
    );
    let (_, error, went_well) = run(&["ingest", "--config", "no-such-file.toml"], &[]);
    assert!(!went_well);
    assert!(error.contains("no-such-file.toml"), "{error}");
}

#[test]
fn variables_stay_the_text_that_they_are() {
    let (config, error, went_well) = run(
        &["connector", "--print-config"],
        &[
            ("FLOWLEDGER__CONNECTOR__TENANT", "0042"),
            ("FLOWLEDGER__CONNECTOR__INPUTS", "a.log,b.log"),
            ("FLOWLEDGER__CONNECTOR__POLL_INTERVAL", "0.5"),
            ("FLOWLEDGER__STORE__ACCESS_KEY", "007"),
            ("FLOWLEDGER__STORE__SECRET_KEY", "1e3"),
            ("FLOWLEDGER__STORE__ALLOW_HTTP", "true"),
            ("FLOWLEDGER__INGEST__SOURCE", "1.10"),
            ("FLOWLEDGER__INGEST__BATCH_ROWS", "7"),
        ],
    );
    assert!(went_well, "{error}");
    let config: toml::Table = config.parse().unwrap();
    for (section, key, value) in [
        ("connector", "tenant", toml::Value::from("0042")),
        ("connector", "inputs", toml::Value::from(vec!["a.log", "b.log"])),
        ("connector", "poll_interval", toml::Value::from(0.5)),
        ("store", "access_key", toml::Value::from("007")),
        ("store", "allow_http", toml::Value::from(true)),
        ("ingest", "source", toml::Value::from("1.10")),
        ("ingest", "batch_rows", toml::Value::from(7)),
    ] {
        assert_eq!(config[section][key], value, "{section}.{key}");
    }
}

#[test]
fn file_that_is_no_toml_is_told_without_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("flowledger.toml");
    std::fs::write(&file, "[clickhouse]\npassword = hunter2horse\n").unwrap();
    let (said, error, went_well) = run(&["ingest", "--check-config", "--config", file.to_str().unwrap()], &[]);
    assert!(!went_well, "{said}");
    assert!(error.contains("flowledger.toml line 2: ") && !error.contains("hunter2"), "{error}");
}

#[test]
fn example_of_a_config_is_right_and_lets_somebody_in() {
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/example.toml");
    for service in ["ingest", "exporter", "console", "migrate"] {
        let (said, error, went_well) = run(&[service, "--check-config"], &[("FLOWLEDGER_CONFIG", example)]);
        assert!(went_well, "{service}: {error}");
        assert_eq!(said, "config is right\n");
    }
    let (config, ..) = run(&["console", "--print-config", "--config", example], &[]);
    let config: toml::Table = config.parse().unwrap();
    let accounts = config["console"]["accounts"].as_array().unwrap();
    // The tenant whose lines the connector of docker-compose.yml reads by default.
    assert_eq!((accounts.len(), accounts[0]["tenant"].as_str()), (1, Some("acme")));
}

#[test]
fn connector_without_a_tenant_says_so() {
    let (_, error, went_well) = run(&["connector", "--check-config"], &[]);
    assert!(!went_well);
    assert!(error.contains("connector.tenant"), "{error}");
}

#[test]
fn what_no_report_can_be_asked_for_with_is_refused_with_its_option() {
    let new = |more: &[&str]| run(&[&["report", "new", "--tenant", "acme"], more].concat(), &[]);
    for (more, said) in [
        (&["--range", "tomorrow"][..], "--range is none of `last hour`"),
        (&["--range", "since-last-run"], "--range is one of schedules"),
        (&["--range", "last-month", "--zone", "Mars/Base"], "--zone is not an IANA zone name"),
        (&["--range", "last-month", "--from", "2026-11-01T00:00"], "cannot be used with '--from"),
        (&["--split-rows", "5"], "--split-rows is below 1000"),
        (&["--split-bytes", "5000", "--format", "parquet"], "--split-bytes is below 1000000"),
        (&["--split", "spreadsheet", "--split-rows", "5000"], "cannot be used with '--split-rows"),
        (&["--format", "ndjson", "--formula-guard"], "--formula-guard is one of CSV only"),
        (&["--receiver", "jo@acme.example", "--receiver", "nobody"], "--receiver has what is no e-mail address"),
    ] {
        let (_, error, went_well) = new(more);
        assert!(!went_well && error.contains(said), "{more:?}: {error}");
    }
}

#[test]
fn what_is_made_of_a_time_that_does_not_occur_once_is_said_beside_the_answer() {
    let twice = "flowledger: --from occurs twice, as clocks go back; the earlier one is meant\n";
    let moved = "flowledger: --to does not occur, as clocks go forward; 2026-03-29T03:30:00 is meant\n";
    let no_config = ["--config", "none.toml", "--tenant", "acme", "--zone", "Europe/Berlin"];
    let sync = "01890a5d-ac96-774b-bcce-b302099a8057";
    for command in [
        &["report", "new"][..],
        &["report", "estimate"],
        &["traffic", "top", "--by", "user"],
        &["traffic", "recent"],
        &["sync", "backfill", sync],
    ] {
        let beside = |from: &str, to: &str| {
            let (said, beside, went_well) = run(&[command, &no_config, &["--from", from, "--to", to]].concat(), &[]);
            assert!(
                !went_well && said.is_empty() && beside.contains("none.toml cannot be read"),
                "{command:?}: {beside}"
            );
            beside
        };
        let said = beside("2026-10-25T02:30", "2026-10-26T00:00");
        assert!(said.starts_with(twice) && !said.contains("--to"), "{command:?}: {said}");
        let said = beside("2026-03-29T00:00", "2026-03-29T02:30");
        assert!(said.starts_with(moved) && !said.contains("--from"), "{command:?}: {said}");
        let said = beside("2026-10-25T02:30+02:00", "2026-10-26T00:00");
        assert!(!said.contains("is meant"), "it says which one: {command:?}: {said}");
    }
}
