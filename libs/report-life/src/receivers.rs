//! Who may get mails, and how they are written to: in the language and the zone of their account, where they have one.

use std::collections::BTreeMap;

use schemas::ids::Tenant;
use serde::{Deserialize, Serialize};
use traffic_query::FilterError;

/// Most receivers of the mails about one thing.
pub const RECEIVERS_MAX: usize = 20;
/// Longest address, bytes.
const ADDRESS_MAX: usize = 254;

/// Holds those who are to get mails against what there may be.
///
/// # Errors
/// With field `receivers`: more than 20, or what is no address.
pub fn check_receivers(receivers: &[String]) -> Result<(), FilterError> {
    let wrong = |reason: String| Err(FilterError { field: "receivers".to_owned(), reason });
    if receivers.len() > RECEIVERS_MAX {
        return wrong(format!("has more than {RECEIVERS_MAX} addresses"));
    }
    if receivers.iter().any(|it| !is_address(it)) {
        return wrong("has what is no e-mail address".to_owned());
    }
    Ok(())
}

/// Whether a mail could go there: the mail server has the last word.
#[must_use]
pub fn is_address(text: &str) -> bool {
    let is_plain =
        |part: &str| !part.is_empty() && !part.chars().any(|it| it.is_whitespace() || it.is_control() || it == '@');
    text.len() <= ADDRESS_MAX
        && text.rsplit_once('@').is_some_and(|(local, domain)| is_plain(local) && is_plain(domain))
}

/// A language that mails are written in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// English.
    #[default]
    En,
    /// German.
    De,
    /// French.
    Fr,
    /// Spanish.
    Es,
}

impl Language {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::En, Self::De, Self::Fr, Self::Es];
}

/// What an account says of how it is written to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Receiver {
    /// Its language; `None`: that of mails to addresses without an account.
    pub language: Option<Language>,
    /// IANA name of its zone; `None`: that of what the mail is about.
    pub zone: Option<String>,
}

/// Who has an account with which address. What is known of a tenant's accounts is used in its own mails only.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Receivers(BTreeMap<(Tenant, String), Receiver>);

impl FromIterator<(Tenant, String, Receiver)> for Receivers {
    /// Of accounts of a tenant with one address the first counts.
    fn from_iter<I: IntoIterator<Item = (Tenant, String, Receiver)>>(accounts: I) -> Self {
        let mut receivers = BTreeMap::new();
        for (tenant, address, receiver) in accounts {
            receivers.entry((tenant, address.to_lowercase())).or_insert(receiver);
        }
        Self(receivers)
    }
}

impl Receivers {
    /// The account of the tenant with this address, in whatever case it is written.
    #[must_use]
    pub fn find(&self, tenant: &Tenant, address: &str) -> Option<&Receiver> {
        self.0.get(&(tenant.clone(), address.to_lowercase()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(tenant: &str, address: &str, language: Language) -> (Tenant, String, Receiver) {
        let receiver = Receiver { language: Some(language), zone: None };
        (tenant.parse().unwrap(), address.to_owned(), receiver)
    }

    #[test]
    fn receivers_are_at_most_twenty_addresses() {
        let checked = |receivers: &[&str]| {
            let receivers: Vec<String> = receivers.iter().map(|it| (*it).to_owned()).collect();
            check_receivers(&receivers).map_err(|error| error.field)
        };
        for right in [&[][..], &["jo@acme.example", "kim+x@münchen.example"], &["a@b"; 20]] {
            assert_eq!(checked(right), Ok(()), "{right:?}");
        }
        let long = format!("{}@acme.example", "x".repeat(ADDRESS_MAX));
        for wrong in ["nobody", "a@b@c", "@b", "a@", "a b@c", "a@b\r\nBcc: c@d", long.as_str(), ""] {
            assert_eq!(checked(&["jo@acme.example", wrong]), Err("receivers".to_owned()), "{wrong:?}");
        }
        assert_eq!(checked(&["a@b"; 21]), Err("receivers".to_owned()));
    }

    #[test]
    fn receiver_is_the_account_of_its_own_tenant_with_the_address_in_whatever_case() {
        let receivers: Receivers = [
            account("acme", "Jörg@Acme.example", Language::De),
            account("acme", "jörg@acme.example", Language::Fr),
            account("globex", "ana@globex.example", Language::Es),
        ]
        .into_iter()
        .collect();
        let found = |tenant: &str, address: &str| {
            receivers.find(&tenant.parse().unwrap(), address).and_then(|receiver| receiver.language)
        };
        for address in ["jörg@acme.example", "JÖRG@ACME.EXAMPLE", "Jörg@Acme.example"] {
            assert_eq!(found("acme", address), Some(Language::De), "{address}");
        }
        assert_eq!(found("globex", "Ana@globex.example"), Some(Language::Es));
        for (tenant, address) in [("acme", "ana@globex.example"), ("globex", "jörg@acme.example"), ("acme", "")] {
            assert_eq!(found(tenant, address), None, "{tenant} {address}");
        }
    }
}
