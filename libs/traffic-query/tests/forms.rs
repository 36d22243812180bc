//! The filter's forms: what is written is read again, and what is wrong is named.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use traffic_query::{Bucket, Field, FilterError, FilterForm, TrafficFilter};

fn of_pairs<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<TrafficFilter, FilterError> {
    let mut form = FilterForm::default();
    for (name, value) in pairs {
        form.add(name, value)?;
    }
    form.build()
}

fn of_json(value: &Value) -> Result<TrafficFilter, FilterError> {
    FilterForm::from_json(value.as_object().unwrap())?.build()
}

/// Values of every field, each right.
fn values(field: Field) -> BoxedStrategy<Vec<String>> {
    let one = match field {
        Field::From => {
            prop_oneof![Just("2026-03-29T02:30"), Just("2026-01-01T00:00:00Z")].prop_map(str::to_owned).boxed()
        }
        Field::To => {
            prop_oneof![Just("2026-10-25T02:30"), Just("2027-01-01T00:00:00+05:30")].prop_map(str::to_owned).boxed()
        }
        Field::Zone => {
            prop_oneof![Just("Europe/Berlin"), Just("America/New_York"), Just("UTC")].prop_map(str::to_owned).boxed()
        }
        Field::RemoteNetworks
        | Field::Users
        | Field::ServiceAccounts
        | Field::Resources
        | Field::Connectors
        | Field::Devices => (0..=i64::MAX).prop_map(|id| id.to_string()).boxed(),
        Field::AppliedRules | Field::Countries | Field::Domain => "\\PC{1,20}".boxed(),
        Field::Protocols => prop_oneof![Just("tcp"), Just("udp"), Just("icmp")].prop_map(str::to_owned).boxed(),
        Field::Ports => {
            (0..=u16::MAX, 0..=u16::MAX).prop_map(|(one, two)| format!("{}-{}", one.min(two), one.max(two))).boxed()
        }
        Field::Statuses => {
            prop_oneof![Just("NORMAL"), Just("DNS_ERROR"), Just("CONNECTION_FAILED"), Just("ACCESS_DENIED")]
                .prop_map(str::to_owned)
                .boxed()
        }
        Field::TunnelPaths => prop_oneof![Just("direct"), Just("relay")].prop_map(str::to_owned).boxed(),
        Field::ClientAddresses | Field::ResourceAddresses | Field::Addresses => prop_oneof![
            (any::<std::net::Ipv4Addr>(), 0..=32_u8).prop_map(|(address, bits)| format!("{address}/{bits}")),
            (any::<std::net::Ipv6Addr>(), 0..=128_u8).prop_map(|(address, bits)| format!("{address}/{bits}")),
        ]
        .boxed(),
    };
    let many = if field.is_list() { 0..4 } else { 0..2 };
    prop::collection::vec(one, many).boxed()
}

fn all_values() -> impl Strategy<Value = Vec<(Field, String)>> {
    let fields: Vec<_> = Field::ALL.into_iter().map(|field| values(field).prop_map(move |it| (field, it))).collect();
    fields.prop_map(|fields| {
        fields.into_iter().flat_map(|(field, values)| values.into_iter().map(move |it| (field, it))).collect()
    })
}

proptest! {
    #[test]
    fn filter_is_the_same_in_every_form(pairs in all_values()) {
        let filter = of_pairs(pairs.iter().map(|(field, value)| (field.name(), value.as_str()))).unwrap();
        let written = filter.to_pairs();
        let again = of_pairs(written.iter().map(|(name, value)| (*name, value.as_str()))).unwrap();
        prop_assert_eq!(&again, &filter);
        let object = filter.to_json();
        prop_assert_eq!(&FilterForm::from_json(&object).unwrap().build().unwrap(), &filter);
        let narrows = Field::ALL.into_iter().filter(|field| filter.narrows(*field));
        prop_assert!(narrows.map(Field::name).all(|name| object.contains_key(name)));
    }
}

#[test]
fn nothing_written_is_everything() {
    assert_eq!(of_pairs([]), Ok(TrafficFilter::default()));
    assert_eq!(FilterForm::from_json(&Map::new()).unwrap().build(), Ok(TrafficFilter::default()));
    assert_eq!(of_json(&json!({"users": null, "domain": null, "ports": []})), Ok(TrafficFilter::default()));
    assert_eq!((TrafficFilter::default().to_pairs(), TrafficFilter::default().to_json()), (vec![], Map::new()));
    assert_eq!(of_json(&json!({"users": [7, "8"]})), of_pairs([("users", "8"), ("users", "7")]));
}

#[test]
fn wrong_value_is_named_with_its_field() {
    for (name, value, words) in [
        ("users", "", "is not a decimal number from 0 to 9223372036854775807: "),
        ("users", "9223372036854775808", "is not a decimal number from 0 to 9223372036854775807: 9223372036854775808"),
        ("ports", "http", "is no port from 0 to 65535, nor two with a hyphen: http"),
        ("ports", "9-1", "begins above its end: 9-1"),
        ("protocols", "TCP", "is none of tcp, udp, icmp: TCP"),
        ("statuses", "OK", "is none of NORMAL, DNS_ERROR, CONNECTION_FAILED, ACCESS_DENIED: OK"),
        ("client_addresses", "10.0.0.0/40", "has more bits than its address: 10.0.0.0/40"),
        ("domain", "", "is empty: "),
        ("from", "yesterday", "is not a time such as 2026-11-01T00:00"),
        ("to", "1970-01-01T00:00:00Z", "is not after from"),
        ("zone", "Mars/Base", "is not an IANA zone name such as Europe/Berlin"),
        ("user", "1", "is no field of the filter"),
        ("tenant", "globex", "is no field of the filter"),
    ] {
        let error = of_pairs([(name, value)]).unwrap_err();
        assert_eq!((error.field.as_str(), error.reason.as_str()), (name, words));
    }
    let long = "x".repeat(256);
    assert_eq!(of_pairs([("countries", long.as_str())]).unwrap_err().field, "countries");
    assert_eq!(of_pairs([("domain", "a"), ("domain", "b")]).unwrap_err().reason, "has more values than 1");
    assert_eq!(of_pairs((0..1_001).map(|_| ("users", "1"))).unwrap_err().reason, "has more values than 1000");
    for (value, reason) in [
        (json!({"users": "1"}), "is no list"),
        (json!({"users": [1.5]}), "has a value that is neither text nor a whole number"),
        (json!({"users": [-1]}), "has a value that is neither text nor a whole number"),
        (json!({"domain": ["a"]}), "has a value that is neither text nor a whole number"),
    ] {
        assert_eq!(of_json(&value).unwrap_err().reason, reason);
    }
}

#[test]
fn days_are_those_of_the_zone_where_clocks_change() {
    let starts = |bucket: Bucket, from: &str, to: &str, zone: &str| {
        let filter = of_pairs([("from", from), ("to", to), ("zone", zone)]).unwrap();
        let starts = bucket.starts(filter.from, filter.to, &filter.zone).unwrap();
        starts.into_iter().map(traffic_query::time_range::rfc3339).collect::<Vec<_>>()
    };
    assert_eq!(
        starts(Bucket::Day, "2026-03-28T12:00", "2026-03-31T00:00", "Europe/Berlin"),
        ["2026-03-27T23:00:00Z", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z"]
    );
    // Clocks go forward at midnight: the day begins at one.
    assert_eq!(
        starts(Bucket::Day, "2026-03-28T12:00", "2026-03-30T12:00", "Asia/Beirut"),
        ["2026-03-27T22:00:00Z", "2026-03-28T22:00:00Z", "2026-03-29T21:00:00Z"]
    );
    // The hour that occurs twice is two hours.
    assert_eq!(
        starts(Bucket::Hour, "2026-10-25T02:30", "2026-10-25T03:30", "Europe/Berlin"),
        ["2026-10-25T00:00:00Z", "2026-10-25T01:00:00Z", "2026-10-25T02:00:00Z"]
    );
    assert_eq!(
        starts(Bucket::Hour, "2026-01-01T00:15:00Z", "2026-01-01T01:30:00Z", "Asia/Kolkata"),
        ["2025-12-31T23:30:00Z", "2026-01-01T00:30:00Z"]
    );
    let filter = TrafficFilter::default();
    assert_eq!(Bucket::Minute.starts(filter.from, filter.to, &filter.zone), None);
}
