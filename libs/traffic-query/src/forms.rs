//! The filter as text: pairs of names and values in URLs and on the command line, an object in JSON. Each value is checked once, here.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::str::FromStr;

use schemas::connection_event::{ConnectionStatus, Protocol, TunnelPath};
use serde_json::{Map, Value};

use crate::error::FilterError;
use crate::field::Field;
use crate::filter::TrafficFilter;
use crate::time_range::{TimeRange, in_utc, rfc3339};

/// Most values of one field.
const VALUES_MAX: usize = 1_000;
/// Longest text, characters.
const TEXT_MAX: usize = 255;

const PROTOCOLS: [(&str, Protocol); 3] = [("tcp", Protocol::Tcp), ("udp", Protocol::Udp), ("icmp", Protocol::Icmp)];
const TUNNEL_PATHS: [(&str, TunnelPath); 2] = [("direct", TunnelPath::Direct), ("relay", TunnelPath::Relay)];
const STATUSES: [(&str, ConnectionStatus); 4] = [
    (ConnectionStatus::Normal.report_name(), ConnectionStatus::Normal),
    (ConnectionStatus::DnsError.report_name(), ConnectionStatus::DnsError),
    (ConnectionStatus::ConnectionFailed.report_name(), ConnectionStatus::ConnectionFailed),
    (ConnectionStatus::AccessDenied.report_name(), ConnectionStatus::AccessDenied),
];

/// A filter that is being written: values by field, not looked at yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FilterForm(BTreeMap<Field, Vec<String>>);

impl FilterForm {
    /// Adds a value to the field of this name.
    ///
    /// # Errors
    /// When there is no such field, or no room for another value.
    pub fn add(&mut self, name: &str, value: impl Into<String>) -> Result<(), FilterError> {
        let field = Field::named(name).ok_or_else(|| FilterError::new(name, "is no field of the filter"))?;
        let values = self.0.entry(field).or_default();
        let max = if field.is_list() { VALUES_MAX } else { 1 };
        if values.len() == max {
            return Err(FilterError::new(name, format!("has more values than {max}")));
        }
        values.push(value.into());
        Ok(())
    }

    /// From an object as [`TrafficFilter::to_json`] gives it: lists of texts, or of whole numbers; `null` is absent.
    ///
    /// # Errors
    /// The field that is not of that form.
    pub fn from_json(object: &Map<String, Value>) -> Result<Self, FilterError> {
        let mut form = Self::default();
        for (name, value) in object {
            let field = Field::named(name).ok_or_else(|| FilterError::new(name, "is no field of the filter"))?;
            match value {
                Value::Null => {}
                Value::Array(values) if field.is_list() => {
                    for value in values {
                        form.add(name, text(name, value)?)?;
                    }
                }
                _ if field.is_list() => return Err(FilterError::new(name, "is no list")),
                value => form.add(name, text(name, value)?)?,
            }
        }
        Ok(form)
    }

    /// Checks every value.
    ///
    /// # Errors
    /// The first field with a value that is not one of its kind.
    pub fn build(&self) -> Result<TrafficFilter, FilterError> {
        let range = self.time_range()?;
        Ok(TrafficFilter {
            from: range.from,
            to: range.to,
            zone: range.zone,
            remote_networks: self.parsed(Field::RemoteNetworks)?,
            users: self.parsed(Field::Users)?,
            service_accounts: self.parsed(Field::ServiceAccounts)?,
            resources: self.parsed(Field::Resources)?,
            applied_rules: self.texts(Field::AppliedRules)?,
            connectors: self.parsed(Field::Connectors)?,
            devices: self.parsed(Field::Devices)?,
            protocols: self.words(Field::Protocols, &PROTOCOLS)?,
            ports: self.parsed(Field::Ports)?,
            statuses: self.words(Field::Statuses, &STATUSES)?,
            tunnel_paths: self.words(Field::TunnelPaths, &TUNNEL_PATHS)?,
            countries: self.texts(Field::Countries)?,
            client_addresses: self.parsed(Field::ClientAddresses)?,
            resource_addresses: self.parsed(Field::ResourceAddresses)?,
            addresses: self.parsed(Field::Addresses)?,
            domain: self.texts(Field::Domain)?.pop_first(),
        })
    }

    /// Its range, and what was made of local times that do not occur once: the filter itself keeps moments only.
    ///
    /// # Errors
    /// The field that is wrong.
    pub fn time_range(&self) -> Result<TimeRange, FilterError> {
        let one = |field: Field, default: &'static str| self.values(field).first().map_or(default, String::as_str);
        in_utc(
            one(Field::From, "1970-01-01T00:00:00Z"),
            one(Field::To, "2100-01-01T00:00:00Z"),
            one(Field::Zone, "UTC"),
        )
    }

    fn values(&self, field: Field) -> &[String] {
        self.0.get(&field).map_or(&[], Vec::as_slice)
    }

    fn each<T: Ord>(
        &self,
        field: Field,
        value: impl Fn(&str) -> Result<T, String>,
    ) -> Result<BTreeSet<T>, FilterError> {
        let value = |text: &String| {
            value(text).map_err(|reason| FilterError::new(field.name(), format!("{reason}: {}", brief(text))))
        };
        self.values(field).iter().map(value).collect()
    }

    fn parsed<T>(&self, field: Field) -> Result<BTreeSet<T>, FilterError>
    where
        T: FromStr<Err: Display> + Ord,
    {
        self.each(field, |text| {
            text.parse().map_err(|error: T::Err| {
                let reason = error.to_string();
                if let Some(rest) = reason.strip_prefix("not ") { format!("is not {rest}") } else { reason }
            })
        })
    }

    fn words<T: Copy + Ord>(&self, field: Field, words: &[(&str, T)]) -> Result<BTreeSet<T>, FilterError> {
        let all = || words.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(", ");
        self.each(field, |text| {
            let known = words.iter().find(|(word, _)| *word == text);
            known.map(|(_, value)| *value).ok_or_else(|| format!("is none of {}", all()))
        })
    }

    fn texts(&self, field: Field) -> Result<BTreeSet<String>, FilterError> {
        self.each(field, |text| match text.chars().count() {
            0 => Err("is empty".to_owned()),
            1..=TEXT_MAX => Ok(text.to_owned()),
            _ => Err(format!("is longer than {TEXT_MAX} characters")),
        })
    }
}

/// Enough of a wrong value to find it.
fn brief(text: &str) -> String {
    text.chars().take(40).map(|char| if char.is_control() { ' ' } else { char }).collect()
}

fn text(name: &str, value: &Value) -> Result<String, FilterError> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) if number.is_u64() => Ok(number.to_string()),
        _ => Err(FilterError::new(name, "has a value that is neither text nor a whole number")),
    }
}

fn word<T: PartialEq>(words: &[(&'static str, T)], value: &T) -> Option<String> {
    words.iter().find(|(_, known)| known == value).map(|(word, _)| (*word).to_owned())
}

impl TrafficFilter {
    /// Names and values, in the order of [`Field::ALL`]; times in UTC. [`FilterForm::add`] takes them again.
    #[must_use]
    pub fn to_pairs(&self) -> Vec<(&'static str, String)> {
        let all = |field: Field, values: Vec<String>| values.into_iter().map(move |value| (field.name(), value));
        Field::ALL.into_iter().flat_map(|field| all(field, self.texts_of(field))).collect()
    }

    /// As an object of texts and lists of texts; fields that let everything through are left out.
    #[must_use]
    pub fn to_json(&self) -> Map<String, Value> {
        let value = |field: Field| {
            let mut texts = self.texts_of(field);
            match (field.is_list(), texts.is_empty()) {
                (_, true) => None,
                (true, false) => Some(Value::from(texts)),
                (false, false) => texts.pop().map(Value::from),
            }
        };
        Field::ALL.into_iter().filter_map(|field| Some((field.name().to_owned(), value(field)?))).collect()
    }

    /// The values of a field as they are written, in order; none where it lets everything through.
    #[must_use]
    pub fn texts_of(&self, field: Field) -> Vec<String> {
        fn texts<T: ToString>(values: &BTreeSet<T>) -> Vec<String> {
            values.iter().map(T::to_string).collect()
        }
        let narrowed = |text: String| if self.narrows(field) { vec![text] } else { Vec::new() };
        match field {
            Field::From => narrowed(rfc3339(self.from)),
            Field::To => narrowed(rfc3339(self.to)),
            Field::Zone => self.zone.iana_name().filter(|name| *name != "UTC").map(str::to_owned).into_iter().collect(),
            Field::RemoteNetworks => texts(&self.remote_networks),
            Field::Users => texts(&self.users),
            Field::ServiceAccounts => texts(&self.service_accounts),
            Field::Resources => texts(&self.resources),
            Field::AppliedRules => texts(&self.applied_rules),
            Field::Connectors => texts(&self.connectors),
            Field::Devices => texts(&self.devices),
            Field::Protocols => self.protocols.iter().filter_map(|it| word(&PROTOCOLS, it)).collect(),
            Field::Ports => texts(&self.ports),
            Field::Statuses => self.statuses.iter().filter_map(|it| word(&STATUSES, it)).collect(),
            Field::TunnelPaths => self.tunnel_paths.iter().filter_map(|it| word(&TUNNEL_PATHS, it)).collect(),
            Field::Countries => texts(&self.countries),
            Field::ClientAddresses => texts(&self.client_addresses),
            Field::ResourceAddresses => texts(&self.resource_addresses),
            Field::Addresses => texts(&self.addresses),
            Field::Domain => self.domain.iter().cloned().collect(),
        }
    }
}
