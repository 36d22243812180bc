//! What a report's file is, and how complete: written beside the file when it is completed, for whoever holds both.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use schemas::ids::{ReportId, Tenant};
use schemas::migrations;
use schemas::report_request::{
    BarrierOffset, Compression, ReportFilter, ReportFormat, ReportKind, ReportRequest, ReportSplit, ReportTable,
};
use schemas::times::Moment;
use serde::{Deserialize, Serialize};

/// Version of this form: raised where a reader of an older one would be wrong.
const MANIFEST_VERSION: u32 = 1;

/// What a report's files are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Of the form.
    pub manifest_version: u32,
    /// Whose traffic.
    pub tenant: Tenant,
    /// The report.
    pub report_id: ReportId,
    /// What it lists.
    pub kind: ReportKind,
    /// Its format.
    pub format: ReportFormat,
    /// How it is packed.
    pub compression: Compression,
    /// Columns, where they were chosen.
    pub columns: Vec<String>,
    /// Values that a spreadsheet would take for a formula are guarded.
    pub formula_guard: bool,
    /// The file begins with a byte order mark.
    pub byte_order_mark: bool,
    /// Where its files end, where that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split: Option<ReportSplit>,
    /// Of traffic: which table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<ReportTable>,
    /// What of the traffic is in it; an empty list means all.
    pub filter: ReportFilter,
    /// Which end times are in it.
    pub range: ManifestRange,
    /// Everything before these offsets of `connection-events` is in it, as far as range and filter go.
    pub barrier: Vec<BarrierOffset>,
    /// Rows, each fact once.
    pub rows: u64,
    /// Its files, in the order of their rows.
    pub files: Vec<ManifestFile>,
    /// What its number of rows, or of what went into them, was held against; none by a program that did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub totals: Option<ManifestTotals>,
    /// Number of the last migration that the program knows.
    pub schema_version: u32,
    /// Version of the program.
    pub program_version: String,
    /// RFC 3339, UTC.
    pub requested_at: String,
    /// RFC 3339, UTC.
    pub completed_at: String,
}

/// `[from, to)`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestRange {
    /// RFC 3339, UTC.
    pub from: String,
    /// RFC 3339, UTC.
    pub to: String,
    /// IANA name of the zone that it was entered in.
    pub zone: String,
    /// As it was entered, with the offset of that zone.
    pub from_in_zone: String,
    /// As it was entered, with the offset of that zone.
    pub to_in_zone: String,
}

/// One file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestFile {
    /// Its name.
    pub name: String,
    /// Its size.
    pub size_bytes: u64,
    /// SHA-256 of what the store gives back, hexadecimal.
    pub sha256: String,
    /// Its rows, where the report is split.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<u64>,
}

/// What says how many events a report should have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TotalsSource {
    /// The roll-up by hour, and raw rows around the hours that it was asked about.
    Rollup,
    /// Nothing; the reason says why.
    None,
}

/// What a report was held against before it was completed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestTotals {
    /// What was asked.
    pub source: TotalsSource,
    /// Why nothing could be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// How many hours the roll-up was asked about,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hours: Option<u64>,
    /// and where the last one ends; RFC 3339, UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// Events that were read for the report, each once: its rows, where those are events.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub events: Option<u64>,
    /// How many there should be at least, of all the report,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_least: Option<u64>,
    /// and at most: events that came while it was made may be in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_most: Option<u64>,
    /// Whether there are so many. Where not, the roll-up was behind the rows, which were counted again and agreed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agree: Option<bool>,
}

impl ManifestTotals {
    /// Nothing could be asked.
    #[must_use]
    pub fn unknown(reason: &str) -> Self {
        Self {
            source: TotalsSource::None,
            reason: Some(reason.to_owned()),
            hours: None,
            until: None,
            events: None,
            expected_least: None,
            expected_most: None,
            agree: None,
        }
    }

    /// The roll-up was asked about so many hours until then.
    #[must_use]
    pub fn rolled_up(hours: u64, until: Option<Moment>, events: u64, (least, most): (u64, u64)) -> Self {
        Self {
            source: TotalsSource::Rollup,
            reason: None,
            hours: Some(hours),
            until: until.map(utc),
            events: Some(events),
            expected_least: Some(least),
            expected_most: Some(most),
            agree: Some((least..=most).contains(&events)),
        }
    }
}

impl Manifest {
    /// Of a report that is completed at `at`.
    #[must_use]
    pub fn of(request: &ReportRequest, rows: u64, files: Vec<ManifestFile>, at: Moment) -> Self {
        let zone = TimeZone::get(&request.zone).unwrap_or(TimeZone::UTC);
        Self {
            manifest_version: MANIFEST_VERSION,
            tenant: request.tenant.clone(),
            report_id: request.report_id,
            kind: request.kind,
            format: request.format,
            compression: request.compression,
            columns: request.columns.clone(),
            formula_guard: request.formula_guard,
            byte_order_mark: request.byte_order_mark,
            split: request.split,
            table: request.table.clone(),
            filter: request.filter.clone(),
            range: ManifestRange {
                from: utc(request.range_from),
                to: utc(request.range_to),
                zone: request.zone.clone(),
                from_in_zone: in_zone(request.range_from, &zone),
                to_in_zone: in_zone(request.range_to, &zone),
            },
            barrier: request.barrier.clone(),
            rows,
            files,
            totals: None,
            schema_version: migrations::ALL.last().map_or(0, |last| last.number),
            program_version: env!("CARGO_PKG_VERSION").to_owned(),
            requested_at: utc(request.requested_at),
            completed_at: utc(at),
        }
    }

    /// True where both say the same of the same files, whatever program wrote them and when, and whatever the roll-ups said then.
    #[must_use]
    pub fn is_of_same_files(&self, other: &Self) -> bool {
        let written = Self {
            schema_version: other.schema_version,
            program_version: other.program_version.clone(),
            completed_at: other.completed_at.clone(),
            totals: other.totals.clone(),
            ..self.clone()
        };
        written == *other
    }
}

fn timestamp(moment: Moment) -> Timestamp {
    Timestamp::from_microsecond(moment.as_micros()).unwrap_or_default()
}

fn utc(moment: Moment) -> String {
    timestamp(moment).to_string()
}

fn in_zone(moment: Moment, zone: &TimeZone) -> String {
    timestamp(moment).to_zoned(zone.clone()).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use schemas::examples::report_request as request;

    #[test]
    fn manifest_says_the_range_as_it_was_asked_for_and_is_read_back() {
        let range = (Moment::from_millis(1_793_491_200_000), Moment::from_millis(1_793_577_600_000));
        let zone = "Europe/Berlin".to_owned();
        let asked = ReportRequest { range_from: range.0, range_to: range.1, zone, ..request() };
        let files = vec![ManifestFile { name: "x.csv".to_owned(), size_bytes: 7, sha256: "00".repeat(32), rows: None }];
        let manifest = Manifest::of(&asked, 3, files, Moment::from_millis(1_793_600_000_000));
        assert_eq!(
            (manifest.range.from.as_str(), manifest.range.to.as_str()),
            ("2026-11-01T00:00:00Z", "2026-11-02T00:00:00Z")
        );
        assert_eq!(manifest.range.from_in_zone, "2026-11-01T01:00:00+01:00");
        let text = serde_json::to_string(&manifest).unwrap();
        assert_eq!(serde_json::from_str::<Manifest>(&text).unwrap(), manifest);
        assert!(text.contains("\"kind\":\"EVENTS\""), "{text}");
    }

    #[test]
    fn manifest_of_before_the_filter_had_all_its_fields_is_read() {
        let filter = ReportFilter { remote_networks: vec![64894], ..ReportFilter::default() };
        let manifest = Manifest::of(&ReportRequest { filter, ..request() }, 3, Vec::new(), Moment::END);
        let mut older = serde_json::to_value(&manifest).unwrap();
        let filter = older["filter"].as_object_mut().unwrap();
        let fields = ["service_accounts", "applied_rules", "ports", "tunnel_paths", "countries"];
        for field in fields.iter().chain(&["client_addresses", "resource_addresses", "domain"]) {
            assert!(filter.remove(*field).is_some(), "{field}");
        }
        assert_eq!(serde_json::from_value::<Manifest>(older).unwrap(), manifest);
    }

    #[test]
    fn manifest_says_what_it_was_held_against_and_an_older_one_says_nothing_of_it() {
        let manifest = Manifest::of(&request(), 3, Vec::new(), Moment::END);
        let text = |totals| serde_json::to_string(&Manifest { totals, ..manifest.clone() }).unwrap();
        assert!(!text(None).contains("totals"));
        let unknown = text(Some(ManifestTotals::unknown("there was no answer")));
        assert!(unknown.contains(r#""totals":{"source":"none","reason":"there was no answer"}"#), "{unknown}");
        let said = ManifestTotals::rolled_up(2, Some(Moment::FIRST), 3, (2, 3));
        let expected = r#""totals":{"source":"rollup","hours":2,"until":"1970-01-01T00:00:00Z","events":3,"expected_least":2,"expected_most":3,"agree":true}"#;
        assert!(text(Some(said.clone())).contains(expected), "{}", text(Some(said.clone())));
        assert_eq!(ManifestTotals::rolled_up(2, None, 4, (2, 3)).agree, Some(false));
        let held = Manifest { totals: Some(said), ..manifest.clone() };
        assert!(manifest.is_of_same_files(&held), "the roll-up may say something else a moment later");
    }

    #[test]
    fn manifest_of_traffic_says_which_table_it_is_and_others_say_nothing_of_one() {
        let table =
            ReportTable { bucket: Some("day".to_owned()), by: vec!["user".to_owned()], ..ReportTable::default() };
        let asked = ReportRequest { kind: ReportKind::Traffic, table: Some(table), ..request() };
        let text = |request| serde_json::to_string(&Manifest::of(request, 3, Vec::new(), Moment::END)).unwrap();
        let said = r#""table":{"bucket":"day","by":["user"],"measures":[]}"#;
        assert!(text(&asked).contains(said), "{}", text(&asked));
        assert!(!text(&request()).contains("table"));
    }

    #[test]
    fn manifest_of_a_split_report_says_rows_of_each_file_and_others_say_nothing_of_it() {
        let whole = serde_json::to_string(&Manifest::of(&request(), 3, Vec::new(), Moment::END)).unwrap();
        assert!(!whole.contains("split"), "{whole}");
        let split = Some(ReportSplit { rows: Some(1_000), bytes: None });
        let file = |name: &str, rows| ManifestFile {
            name: name.to_owned(),
            size_bytes: 7,
            sha256: "00".repeat(32),
            rows: Some(rows),
        };
        let files = vec![file("part-00000.csv", 1_000), file("part-00001.csv", 3)];
        let manifest = Manifest::of(&ReportRequest { split, ..request() }, 1_003, files, Moment::END);
        let text = serde_json::to_string(&manifest).unwrap();
        assert_eq!(serde_json::from_str::<Manifest>(&text).unwrap(), manifest);
        assert!(text.contains("\"split\":{\"rows\":1000,\"bytes\":null}"), "{text}");
    }
}
