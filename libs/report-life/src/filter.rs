//! The filter of a request, and that of the query layer.

use schemas::connection_event::ConnectionStatus;
use schemas::report_request::ReportFilter;
use traffic_query::{Field, FilterError, FilterForm, TrafficFilter};

/// Fields of the query layer's filter that a request has too.
const FIELDS: [Field; 8] = [
    Field::RemoteNetworks,
    Field::Users,
    Field::Resources,
    Field::Connectors,
    Field::Devices,
    Field::Protocols,
    Field::Statuses,
    Field::Addresses,
];

/// The filter of the query layer. Where statuses are named, denied attempts that are asked for are one more.
///
/// # Errors
/// The first field with a value that is not one of its kind.
pub fn traffic_filter(asked: &ReportFilter) -> Result<TrafficFilter, FilterError> {
    let ids = |ids: &[i64]| ids.iter().map(i64::to_string).collect::<Vec<_>>();
    let mut form = FilterForm::default();
    for field in FIELDS {
        let values = match field {
            Field::RemoteNetworks => ids(&asked.remote_networks),
            Field::Users => ids(&asked.users),
            Field::Resources => ids(&asked.resources),
            Field::Connectors => ids(&asked.connectors),
            Field::Devices => ids(&asked.devices),
            Field::Protocols => asked.protocols.clone(),
            Field::Statuses => asked.statuses.clone(),
            _ => asked.address_ranges.clone(),
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
/// The first field that no report can be narrowed by.
pub fn report_filter(of: &TrafficFilter, denied: bool) -> Result<ReportFilter, FilterError> {
    let mut filter = ReportFilter { denied, ..ReportFilter::default() };
    let is_range = |name: &str| [Field::From, Field::To, Field::Zone].into_iter().any(|field| field.name() == name);
    for (name, value) in of.to_pairs().into_iter().filter(|(name, _)| !is_range(name)) {
        let no_number = |_| FilterError { field: name.to_owned(), reason: "holds what is no id".to_owned() };
        let (ids, texts) = match FIELDS.into_iter().find(|field| field.name() == name) {
            Some(Field::RemoteNetworks) => (Some(&mut filter.remote_networks), None),
            Some(Field::Users) => (Some(&mut filter.users), None),
            Some(Field::Resources) => (Some(&mut filter.resources), None),
            Some(Field::Connectors) => (Some(&mut filter.connectors), None),
            Some(Field::Devices) => (Some(&mut filter.devices), None),
            Some(Field::Protocols) => (None, Some(&mut filter.protocols)),
            Some(Field::Statuses) => (None, Some(&mut filter.statuses)),
            Some(_) => (None, Some(&mut filter.address_ranges)),
            None => {
                let reason = "is nothing that a report can be narrowed by".to_owned();
                return Err(FilterError { field: name.to_owned(), reason });
            }
        };
        if let Some(ids) = ids {
            ids.push(value.parse().map_err(no_number)?);
        } else if let Some(texts) = texts {
            texts.push(value);
        }
    }
    Ok(filter)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(pairs: &[(&str, &str)]) -> TrafficFilter {
        let mut form = FilterForm::default();
        pairs.iter().for_each(|(name, value)| form.add(name, *value).unwrap());
        form.build().unwrap()
    }

    #[test]
    fn what_a_form_says_is_asked_for_and_read_again() {
        let pairs = [
            ("remote_networks", "64894"),
            ("users", "7"),
            ("users", "8"),
            ("resources", "9"),
            ("connectors", "10"),
            ("devices", "11"),
            ("protocols", "tcp"),
            ("statuses", "DNS_ERROR"),
            ("addresses", "192.0.2.0/24"),
        ];
        let asked = report_filter(&filter(&pairs), false).unwrap();
        assert_eq!(
            (asked.users.as_slice(), asked.address_ranges.as_slice()),
            ([7, 8].as_slice(), ["192.0.2.0/24".to_owned()].as_slice())
        );
        assert_eq!(traffic_filter(&asked), Ok(filter(&pairs)));
    }

    #[test]
    fn what_no_report_can_be_narrowed_by_is_refused_with_its_name() {
        for (name, value) in [("ports", "443"), ("countries", "DE"), ("domain", "corp")] {
            let error = report_filter(&filter(&[(name, value)]), false).unwrap_err();
            assert_eq!(error.field, name);
        }
    }

    #[test]
    fn denied_attempts_are_one_status_more_where_statuses_are_named() {
        let named = report_filter(&filter(&[("statuses", "NORMAL")]), true).unwrap();
        assert!(traffic_filter(&named).unwrap().statuses.contains(&ConnectionStatus::AccessDenied));
        let all = report_filter(&filter(&[]), true).unwrap();
        assert!(!traffic_filter(&all).unwrap().narrows(Field::Statuses));
    }
}
