//! What groups are told apart by, in SQL.

use traffic_query::Dimension;

use super::condition::is_dns_error;
use super::facts::Wanted;
use super::parameters::Parameters;
use crate::rollup::NO_ADDRESS;

/// Stands for no id among ids, which are at most 2^63 - 1.
const NO_ID: u64 = u64::MAX;

impl Wanted<'_> {
    /// Numbers stay numbers until groups are made: a text for each row is what costs most.
    pub(super) fn key_columns(&self, expression: impl Fn(Dimension) -> String) -> String {
        let columns = self.keys.iter().enumerate().map(|(at, key)| format!("{} AS key_{at},", expression(*key)));
        columns.collect::<Vec<_>>().join(" ")
    }

    /// The keys of a group as text, from columns with this name and their numbers.
    pub(super) fn key_texts(&self, name: &str) -> String {
        if self.keys.is_empty() {
            return "CAST([], 'Array(String)')".to_owned();
        }
        let text = |(at, key): (usize, &Dimension)| {
            if is_id(*key) {
                format!("if({name}_{at} = {NO_ID}, '', toString({name}_{at}))")
            } else {
                format!("toString({name}_{at})")
            }
        };
        format!("[{}]", self.keys.iter().enumerate().map(text).collect::<Vec<_>>().join(", "))
    }

    /// The columns of [`Self::facts`] that groups are made by.
    pub(super) fn key_names(&self) -> String {
        (0..self.keys.len()).map(|at| format!("key_{at}")).collect::<Vec<_>>().join(", ")
    }

    /// The same without that of addresses; 1 where there is no other.
    pub(super) fn key_names_but_address(&self) -> String {
        let others = self.keys.iter().enumerate().filter(|(_, key)| **key != Dimension::Address);
        let names: Vec<String> = others.map(|(at, _)| format!("key_{at}")).collect();
        if names.is_empty() { "1".to_owned() } else { names.join(", ") }
    }

    /// True for a day's row for all addresses that are not kept, over rows of connections by address.
    pub(super) fn is_rest(&self) -> String {
        let address = self.keys.iter().position(|key| *key == Dimension::Address);
        address.map_or_else(|| "false".to_owned(), |at| format!("(key_{at} = {NO_ADDRESS})"))
    }

    /// True for rows of one of the groups, whose keys are texts.
    pub(super) fn keys_in(&self, groups: Vec<Vec<String>>, parameters: &mut Parameters) -> String {
        if groups.is_empty() {
            return "false".to_owned();
        }
        let typed = |(at, key): (usize, &Dimension)| {
            let text = format!("it[{}]", at + 1);
            if is_id(*key) { format!("if({text} = '', {NO_ID}, toUInt64OrZero({text}))") } else { text }
        };
        let typed = self.keys.iter().enumerate().map(typed).collect::<Vec<_>>().join(", ");
        let lists = parameters.lists(groups);
        format!("({}) IN (arrayMap(it -> ({typed}), {lists}))", self.key_names())
    }
}

/// Whether a key is an id, a number; else it is text.
fn is_id(key: Dimension) -> bool {
    matches!(
        key,
        Dimension::RemoteNetwork
            | Dimension::User
            | Dimension::ServiceAccount
            | Dimension::Resource
            | Dimension::Connector
            | Dimension::Device
    )
}

/// A key as a number, [`NO_ID`] where there is none, or as text.
pub(super) fn key_expression(key: Dimension) -> String {
    match key {
        Dimension::RemoteNetwork => "remote_network_id".to_owned(),
        Dimension::User => format!("ifNull(user_id, {NO_ID})"),
        Dimension::ServiceAccount => format!("ifNull(service_account_id, {NO_ID})"),
        Dimension::Resource => "resource_id".to_owned(),
        Dimension::AppliedRule => "toString(applied_rule)".to_owned(),
        Dimension::Connector => "connector_id".to_owned(),
        Dimension::Device => format!("ifNull(device_id, {NO_ID})"),
        Dimension::Protocol => "toString(protocol)".to_owned(),
        Dimension::Port => "toString(resource_port)".to_owned(),
        Dimension::Status => format!(
            "multiIf(event_type = 'closed_connection', 'NORMAL', event_type = 'denied_access', 'ACCESS_DENIED',
                     {}, 'DNS_ERROR', 'CONNECTION_FAILED')",
            is_dns_error()
        ),
        Dimension::TunnelPath => "toString(tunnel_path)".to_owned(),
        Dimension::Country => "ifNull(CAST(country, 'Nullable(String)'), '')".to_owned(),
        // IPv4 is printed as such; the engine prints the mapped form.
        Dimension::ClientAddress => {
            "replaceRegexpOne(ifNull(toString(client_ip), ''), '^::ffff:([0-9]+[.][0-9.]+)$', '\\\\1')".to_owned()
        }
        Dimension::Address => "toString(resource_address)".to_owned(),
    }
}
