//! Values that travel beside a statement, never in it.

use clickhouse::Client;
use clickhouse::query::Query;
use schemas::addresses::Address;
use schemas::times::Moment;
use serde::{Serialize, Serializer};

use crate::client::{ClickHouse, ends_with_its_client};

/// One value.
#[derive(Clone, Debug)]
enum Value {
    Text(String),
    Texts(Vec<String>),
    Lists(Vec<Vec<String>>),
    Ids(Vec<u64>),
    Codes(Vec<i8>),
    Moments(Vec<i64>),
    Number(i64),
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(value) => value.serialize(serializer),
            Self::Texts(value) => value.serialize(serializer),
            Self::Lists(value) => value.serialize(serializer),
            Self::Ids(value) => value.serialize(serializer),
            Self::Codes(value) => value.serialize(serializer),
            Self::Moments(value) => value.serialize(serializer),
            Self::Number(value) => value.serialize(serializer),
        }
    }
}

/// Parameters of one statement. Each method takes a value and gives what stands for it in the text.
#[derive(Clone, Debug, Default)]
pub(crate) struct Parameters(Vec<Value>);

impl Parameters {
    fn bind(&mut self, kind: &str, value: Value) -> String {
        self.0.push(value);
        format!("{{p{}:{kind}}}", self.0.len() - 1)
    }

    pub(crate) fn text(&mut self, value: &str) -> String {
        self.bind("String", Value::Text(value.to_owned()))
    }

    pub(crate) fn texts(&mut self, values: impl IntoIterator<Item = String>) -> String {
        self.bind("Array(String)", Value::Texts(values.into_iter().collect()))
    }

    pub(crate) fn lists(&mut self, values: Vec<Vec<String>>) -> String {
        self.bind("Array(Array(String))", Value::Lists(values))
    }

    pub(crate) fn ids(&mut self, values: impl IntoIterator<Item = u64>) -> String {
        self.bind("Array(UInt64)", Value::Ids(values.into_iter().collect()))
    }

    pub(crate) fn number(&mut self, value: i64) -> String {
        self.bind("Int64", Value::Number(value))
    }

    /// Numbers behind the words of an enum.
    pub(crate) fn codes(&mut self, values: impl IntoIterator<Item = i8>) -> String {
        self.bind("Array(Int8)", Value::Codes(values.into_iter().collect()))
    }

    /// Microseconds, as a list.
    pub(crate) fn moments(&mut self, values: &[Moment]) -> String {
        self.bind("Array(Int64)", Value::Moments(values.iter().map(|it| it.as_micros()).collect()))
    }

    pub(crate) fn moment(&mut self, value: Moment) -> String {
        format!("fromUnixTimestamp64Micro({}, 'UTC')", self.number(value.as_micros()))
    }

    pub(crate) fn address(&mut self, value: Address) -> String {
        self.bind("IPv6", Value::Text(std::net::Ipv6Addr::from(value.octets()).to_string()))
    }

    /// The statement with its values. It runs no longer than the client waits for it: to its deadline, or until its connection is
    /// closed, which is what happens when the future of the answer is dropped. Nor does it take more memory than a question may.
    pub(crate) fn query(self, clickhouse: &ClickHouse, sql: &str) -> Query {
        self.bind_to(clickhouse.asking(sql))
    }

    /// The same without a deadline: until its connection is closed.
    pub(crate) fn query_on(self, client: &Client, sql: &str) -> Query {
        self.bind_to(ends_with_its_client(client.query_raw(sql)))
    }

    fn bind_to(self, query: Query) -> Query {
        let named = self.0.into_iter().enumerate();
        named.fold(query, |query, (number, value)| query.param(&format!("p{number}"), value))
    }
}
