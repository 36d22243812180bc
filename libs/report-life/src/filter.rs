//! The filter of a request, and that of the query layer.

use schemas::connection_event::ConnectionStatus;
use schemas::report_request::ReportFilter;
use traffic_query::{Field, FilterError, FilterForm, TrafficFilter};

/// Where a request has the values of a field.
enum Place<'a> {
    Ids(&'a mut Vec<i64>),
    Texts(&'a mut Vec<String>),
    Text(&'a mut Option<String>),
}

/// The place of a field of the query layer's filter; none for those of the range, which a request has beside its filter.
fn place(filter: &mut ReportFilter, field: Field) -> Option<Place<'_>> {
    Some(match field {
        Field::From | Field::To | Field::Zone => return None,
        Field::RemoteNetworks => Place::Ids(&mut filter.remote_networks),
        Field::Users => Place::Ids(&mut filter.users),
        Field::ServiceAccounts => Place::Ids(&mut filter.service_accounts),
        Field::Resources => Place::Ids(&mut filter.resources),
        Field::AppliedRules => Place::Texts(&mut filter.applied_rules),
        Field::Connectors => Place::Ids(&mut filter.connectors),
        Field::Devices => Place::Ids(&mut filter.devices),
        Field::Protocols => Place::Texts(&mut filter.protocols),
        Field::Ports => Place::Texts(&mut filter.ports),
        Field::Statuses => Place::Texts(&mut filter.statuses),
        Field::TunnelPaths => Place::Texts(&mut filter.tunnel_paths),
        Field::Countries => Place::Texts(&mut filter.countries),
        Field::ClientAddresses => Place::Texts(&mut filter.client_addresses),
        Field::ResourceAddresses => Place::Texts(&mut filter.resource_addresses),
        Field::Addresses => Place::Texts(&mut filter.address_ranges),
        Field::Domain => Place::Text(&mut filter.domain),
    })
}

/// The filter of the query layer. Where statuses are named, denied attempts that are asked for are one more.
///
/// # Errors
/// The first field with a value that is not one of its kind.
pub fn traffic_filter(asked: &ReportFilter) -> Result<TrafficFilter, FilterError> {
    let (mut asked, mut form) = (asked.clone(), FilterForm::default());
    for field in Field::ALL {
        let values = match place(&mut asked, field) {
            None => continue,
            Some(Place::Ids(ids)) => ids.iter().map(i64::to_string).collect(),
            Some(Place::Texts(texts)) => std::mem::take(texts),
            Some(Place::Text(text)) => text.take().into_iter().collect(),
        };
        values.into_iter().try_for_each(|value| form.add(field.name(), value))?;
    }
    let mut filter = form.build()?;
    if asked.denied && filter.narrows(Field::Statuses) {
        filter.statuses.insert(ConnectionStatus::AccessDenied);
    }
    Ok(filter)
}

/// The filter of a request that asks for what one of the query layer says, but for its range; `denied`: for denied attempts too.
///
/// # Errors
/// The first field with a value that a request cannot hold.
pub fn report_filter(of: &TrafficFilter, denied: bool) -> Result<ReportFilter, FilterError> {
    let mut filter = ReportFilter { denied, ..ReportFilter::default() };
    for field in Field::ALL {
        for value in of.texts_of(field) {
            match place(&mut filter, field) {
                None => {}
                Some(Place::Ids(ids)) => ids.push(value.parse().map_err(|_| no_id(field))?),
                Some(Place::Texts(texts)) => texts.push(value),
                Some(Place::Text(text)) => *text = Some(value),
            }
        }
    }
    Ok(filter)
}

fn no_id(field: Field) -> FilterError {
    FilterError { field: field.name().to_owned(), reason: "holds what is no id".to_owned() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::select;
    use proptest::strategy::ValueTree;

    use super::*;

    fn filter(pairs: &[(Field, String)]) -> TrafficFilter {
        let mut form = FilterForm::default();
        pairs.iter().for_each(|(field, value)| form.add(field.name(), value).unwrap());
        form.build().unwrap()
    }

    /// A right value of a field; none of those of the range.
    fn value(field: Field) -> Option<BoxedStrategy<String>> {
        let words = |words: &'static [&'static str]| select(words).prop_map(str::to_owned).boxed();
        Some(match field {
            Field::From | Field::To | Field::Zone => return None,
            Field::RemoteNetworks
            | Field::Users
            | Field::ServiceAccounts
            | Field::Resources
            | Field::Connectors
            | Field::Devices => (0..=i64::MAX).prop_map(|id| id.to_string()).boxed(),
            Field::AppliedRules | Field::Countries | Field::Domain => "\\PC{1,20}".boxed(),
            Field::Protocols => words(&["tcp", "udp", "icmp"]),
            Field::Ports => words(&["0", "443", "8000-8999", "0-65535"]),
            Field::Statuses => words(&["NORMAL", "DNS_ERROR", "CONNECTION_FAILED", "ACCESS_DENIED"]),
            Field::TunnelPaths => words(&["direct", "relay"]),
            Field::ClientAddresses | Field::ResourceAddresses | Field::Addresses => prop_oneof![
                (any::<std::net::Ipv4Addr>(), 0..=32_u8).prop_map(|(address, bits)| format!("{address}/{bits}")),
                (any::<std::net::Ipv6Addr>(), 0..=128_u8).prop_map(|(address, bits)| format!("{address}/{bits}")),
            ]
            .boxed(),
        })
    }

    /// Up to three values of each field that is a list, and one or none of each other.
    fn pairs() -> impl Strategy<Value = Vec<(Field, String)>> {
        let of_field = |field: Field| {
            let many = if field.is_list() { 0..4 } else { 0..2 };
            let values = prop::collection::vec(value(field)?, many);
            Some(values.prop_map(move |values| values.into_iter().map(|it| (field, it)).collect::<Vec<_>>()))
        };
        let fields: Vec<_> = Field::ALL.into_iter().filter_map(of_field).collect();
        fields.prop_map(|fields| fields.concat())
    }

    proptest! {
        #[test]
        fn what_a_form_says_is_asked_for_and_read_again(pairs in pairs(), denied: bool) {
            let said = filter(&pairs);
            let asked = report_filter(&said, denied).unwrap();
            let mut expected = said.clone();
            if denied && !said.statuses.is_empty() {
                expected.statuses.insert(ConnectionStatus::AccessDenied);
            }
            prop_assert_eq!(traffic_filter(&asked), Ok(expected));
            // As it stands in a manifest.
            let json = serde_json::to_string(&asked).unwrap();
            prop_assert_eq!(serde_json::from_str::<ReportFilter>(&json).unwrap(), asked);
        }
    }

    #[test]
    fn every_field_but_the_range_is_in_a_request() {
        let mut runner = proptest::test_runner::TestRunner::deterministic();
        for field in Field::ALL {
            let Some(values) = value(field) else {
                assert!(place(&mut ReportFilter::default(), field).is_none(), "{field:?}");
                continue;
            };
            let narrowed = filter(&[(field, values.new_tree(&mut runner).unwrap().current())]);
            assert_ne!(report_filter(&narrowed, false), Ok(ReportFilter::default()), "{field:?}");
        }
        let range = [(Field::From, "2026-11-01T00:00"), (Field::Zone, "Europe/Berlin")];
        let range = filter(&range.map(|(field, value)| (field, value.to_owned())));
        assert_eq!(report_filter(&range, true), Ok(ReportFilter { denied: true, ..ReportFilter::default() }));
    }

    #[test]
    fn value_that_is_none_of_its_kind_is_named_with_its_field() {
        let texts = |texts: &[&str]| texts.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
        for (wrong, field) in [
            (ReportFilter { service_accounts: vec![-1], ..ReportFilter::default() }, Field::ServiceAccounts),
            (ReportFilter { ports: texts(&["https"]), ..ReportFilter::default() }, Field::Ports),
            (ReportFilter { tunnel_paths: texts(&["relayed"]), ..ReportFilter::default() }, Field::TunnelPaths),
            (ReportFilter { address_ranges: texts(&["10.0.0.0/33"]), ..ReportFilter::default() }, Field::Addresses),
            (ReportFilter { domain: Some(String::new()), ..ReportFilter::default() }, Field::Domain),
        ] {
            assert_eq!(traffic_filter(&wrong).unwrap_err().field, field.name());
        }
    }

    #[test]
    fn denied_attempts_are_one_status_more_where_statuses_are_named() {
        let named = report_filter(&filter(&[(Field::Statuses, "NORMAL".to_owned())]), true).unwrap();
        assert!(traffic_filter(&named).unwrap().statuses.contains(&ConnectionStatus::AccessDenied));
        let all = report_filter(&filter(&[]), true).unwrap();
        assert!(!traffic_filter(&all).unwrap().narrows(Field::Statuses));
    }
}
