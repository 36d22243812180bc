//! Chooses how a mail is written by who reads it: the language and the zone of the receiver's account.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use report_life::{Language, Receivers};
use schemas::ids::Tenant;
use schemas::times::Moment;
use traffic_query::time_range;

use crate::stages::mail_words::Words;

/// Who may read mails.
#[derive(Clone, Debug, Default)]
pub(crate) struct Readers {
    /// Those with an account.
    pub(crate) receivers: Receivers,
    /// Of all others, and of those whose account says none.
    pub(crate) language: Language,
}

/// How one receiver is written to.
#[derive(Clone, Debug)]
pub(crate) struct Reader {
    pub(crate) words: &'static Words,
    zone: TimeZone,
}

impl Readers {
    /// `zone` is that of what the mail is about: for who has none of his own.
    pub(crate) fn reader(&self, tenant: &Tenant, address: &str, zone: &str) -> Reader {
        let account = self.receivers.find(tenant, address);
        let language = account.and_then(|it| it.language).unwrap_or(self.language);
        let zone = account.and_then(|it| it.zone.as_deref()).unwrap_or(zone);
        Reader { words: Words::of(language), zone: time_range::zone(zone).unwrap_or(TimeZone::UTC) }
    }
}

impl Reader {
    /// A moment in the reader's zone, and in UTC, which files are in, where that is another.
    pub(crate) fn moment(&self, moment: Moment) -> Vec<String> {
        once(self.moment_in(&self.zone, moment), self.moment_in(&TimeZone::UTC, moment))
    }

    /// A range in the reader's zone.
    pub(crate) fn range_in_zone(&self, from: Moment, to: Moment) -> String {
        self.range_in(&self.zone, from, to)
    }

    /// A range as [`moment`](Self::moment) gives a moment.
    pub(crate) fn range(&self, from: Moment, to: Moment) -> Vec<String> {
        once(self.range_in_zone(from, to), self.range_in(&TimeZone::UTC, from, to))
    }

    fn range_in(&self, zone: &TimeZone, from: Moment, to: Moment) -> String {
        (self.words.range)(&self.moment_in(zone, from), &self.moment_in(zone, to))
    }

    fn moment_in(&self, zone: &TimeZone, moment: Moment) -> String {
        let timestamp = Timestamp::from_microsecond(moment.as_micros()).unwrap_or_default();
        timestamp.to_zoned(zone.clone()).strftime(self.words.moment).to_string()
    }
}

fn once(one: String, other: String) -> Vec<String> {
    if one == other { vec![one] } else { vec![one, other] }
}

#[cfg(test)]
pub(crate) mod tests {
    use report_life::Receiver;

    use super::*;

    /// Who has no account.
    pub(crate) fn reader(language: Language, zone: &str) -> Reader {
        Readers { language, ..Readers::default() }.reader(&"acme".parse().unwrap(), "jane@acme.example", zone)
    }

    #[test]
    fn account_chooses_and_where_it_says_nothing_the_configuration_and_the_report_do() {
        let account = |name: &str, language, zone: Option<&str>| {
            let receiver = Receiver { language, zone: zone.map(str::to_owned) };
            ("acme".parse().unwrap(), format!("{name}@acme.example"), receiver)
        };
        let receivers = [
            account("both", Some(Language::De), Some("America/New_York")),
            account("language", Some(Language::Es), None),
            account("zone", None, Some("UTC")),
        ];
        let readers = Readers { receivers: receivers.into_iter().collect(), language: Language::Fr };
        let said = |name: &str, tenant: &str| {
            let address = format!("{name}@ACME.example");
            let reader = readers.reader(&tenant.parse().unwrap(), &address, "Europe/Berlin");
            format!("{} {}", reader.words.tag, reader.moment(Moment::from_millis(1_793_491_200_000)).join(", "))
        };
        assert_eq!(said("both", "acme"), "de 31.10.2026 20:00 EDT, 01.11.2026 00:00 UTC");
        assert_eq!(said("language", "acme"), "es 01/11/2026 01:00 CET, 01/11/2026 00:00 UTC");
        assert_eq!(said("zone", "acme"), "fr 01/11/2026 00:00 UTC");
        assert_eq!(said("none", "acme"), "fr 01/11/2026 01:00 CET, 01/11/2026 00:00 UTC");
        assert_eq!(said("both", "globex"), said("none", "acme"), "what a tenant's accounts are is its own");
    }

    #[test]
    fn zone_that_is_none_is_utc() {
        assert_eq!(reader(Language::En, "Mars/Base").moment(Moment::from_millis(0)), ["1970-01-01 00:00 UTC"]);
    }
}
