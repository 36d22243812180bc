//! A filter and a question's own options in the query of a URL.

use std::collections::BTreeMap;
use std::str::FromStr;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use traffic_query::{Field, FilterError, FilterForm, TrafficFilter, check_limit};

use crate::error::Refusal;

/// The filter that a URL writes, and the rest of its query.
pub(crate) struct TrafficUrl {
    form: FilterForm,
    options: BTreeMap<String, Vec<String>>,
}

impl<S: Send + Sync> FromRequestParts<S> for TrafficUrl {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        let mut url = Self { form: FilterForm::default(), options: BTreeMap::new() };
        for (name, value) in form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes()) {
            if Field::ALL.iter().any(|field| field.name() == name) {
                url.form.add(&name, value)?;
            } else {
                url.options.entry(name.into_owned()).or_default().push(value.into_owned());
            }
        }
        Ok(url)
    }
}

impl TrafficUrl {
    /// The filter, where the query has no other options than `known`.
    ///
    /// # Errors
    /// The field or option that is wrong.
    pub(crate) fn filter(&self, known: &[&str]) -> Result<TrafficFilter, FilterError> {
        match self.options.keys().find(|name| !known.contains(&name.as_str())) {
            Some(name) => Err(wrong(name, "is not known here")),
            None => self.form.build(),
        }
    }

    /// The values of an option.
    pub(crate) fn all<T: FromStr<Err = String>>(&self, name: &str) -> Result<Vec<T>, FilterError> {
        self.texts(name).iter().map(|value| value.parse().map_err(|reason| wrong(name, reason))).collect()
    }

    /// The one value of an option; `None` where there is none.
    pub(crate) fn one(&self, name: &str) -> Result<Option<&str>, FilterError> {
        match self.texts(name) {
            [] => Ok(None),
            [value] => Ok(Some(value)),
            _ => Err(wrong(name, "is there twice")),
        }
    }

    /// A whole number.
    pub(crate) fn number(&self, name: &str, otherwise: u32) -> Result<u32, FilterError> {
        let parsed = self.one(name)?.map(|text| text.parse().map_err(|_| wrong(name, "is no whole number")));
        Ok(parsed.transpose()?.unwrap_or(otherwise))
    }

    /// `limit`, from 1 to `most`.
    pub(crate) fn limit(&self, otherwise: u32, most: u32) -> Result<u32, FilterError> {
        let limit = self.number("limit", otherwise)?;
        check_limit(limit, most).map(|()| limit)
    }

    fn texts(&self, name: &str) -> &[String] {
        self.options.get(name).map_or(&[], Vec::as_slice)
    }
}

fn wrong(name: &str, reason: impl Into<String>) -> FilterError {
    FilterError { field: name.to_owned(), reason: reason.into() }
}
