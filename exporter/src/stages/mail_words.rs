//! What mails say: the one place where their texts live.
//!
//! They are English. Accounts have no language, and receivers are addresses that need no account; whoever adds a language adds it here,
//! and [`LANGUAGE`] with it.

/// Language of the texts, as HTML names it.
pub(crate) const LANGUAGE: &str = "en";
/// Behind what a link says: none leads to anything without one.
pub(crate) const SIGN_IN: &str = "(sign-in needed)";

/// Subject and first paragraph of a mail.
pub(crate) type Opening = (String, String);

/// Labels of what is told in a line or two.
pub(crate) mod labels {
    pub(crate) const REPORT: &str = "Report";
    pub(crate) const TENANT: &str = "Tenant";
    pub(crate) const RANGE: &str = "Range";
    pub(crate) const DELETED: &str = "Deleted at";
    pub(crate) const REPORT_ID: &str = "Report id";
    pub(crate) const WEBHOOK: &str = "Webhook";
    pub(crate) const FAILING_SINCE: &str = "Failing since";
    pub(crate) const LAST_TRY: &str = "Last try";
    pub(crate) const SYNC: &str = "Sync";
    pub(crate) const REACHED: &str = "Reached";
    pub(crate) const SYNC_ID: &str = "Sync id";
}

/// What links say.
pub(crate) mod links {
    pub(crate) const ANALYTICS: &str = "Open the Analytics page";
    pub(crate) const WEBHOOK: &str = "See the webhook";
}

/// Kinds of reports.
pub(crate) mod kinds {
    pub(crate) const EVENTS: &str = "Network events";
    pub(crate) const SUMMARY: &str = "Summary";
    pub(crate) const USER_ACTIVITY: &str = "User activity";
    pub(crate) const TRAFFIC: &str = "Traffic";
}

/// From one moment to another.
pub(crate) fn range(from: &str, to: &str) -> String {
    format!("{from} to {to}")
}

pub(crate) fn ready() -> Opening {
    ("Your report is ready".to_owned(), "The report that you asked for is ready.".to_owned())
}

/// `reason` is in words for an admin.
pub(crate) fn failed(reason: Option<&str>) -> Opening {
    let reason = reason.unwrap_or("no reason was given");
    ("Your report failed".to_owned(), format!("The report that you asked for could not be made: {reason}."))
}

pub(crate) fn expiring(at: &str) -> Opening {
    let opening = format!(
        "Nobody has downloaded this report yet, and its file will be deleted at {at}. It can be asked for again afterwards."
    );
    ("Your report will be deleted soon".to_owned(), opening)
}

/// What a mail is about behind what it says of it.
pub(crate) fn subject(says: &str, about: &str) -> String {
    format!("{says}: {about}")
}

pub(crate) fn webhook_away() -> Opening {
    let opening = "A webhook has taken nothing for days. It is paused until somebody resumes it; what happens until then is not sent.";
    ("Your webhook is paused".to_owned(), opening.to_owned())
}

pub(crate) fn sync_fails(since: &str, reason: &str) -> Opening {
    ("Your bucket sync fails".to_owned(), format!("No object can be written since {since}: {reason}"))
}

pub(crate) fn sync_is_well(since: &str) -> Opening {
    let opening = format!("Objects are written again since {since}. Nothing was left out.");
    ("Your bucket sync is well again".to_owned(), opening)
}
