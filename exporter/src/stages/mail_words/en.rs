//! English.

use super::{Kinds, Labels, Links, Opening, Words};

pub(super) static WORDS: Words = Words {
    tag: "en",
    moment: "%Y-%m-%d %H:%M %Z",
    colon: ":",
    range: |from, to| format!("{from} to {to}"),
    sign_in: "(sign-in needed)",
    labels: Labels {
        report: "Report",
        tenant: "Tenant",
        range: "Range",
        reason: "Reason",
        deleted: "Deleted at",
        report_id: "Report id",
        webhook: "Webhook",
        failing_since: "Failing since",
        last_try: "Last try",
        sync: "Sync",
        since: "Since",
        reached: "Reached",
        sync_id: "Sync id",
    },
    links: Links { analytics: "Open the Analytics page", webhooks: "Open the Webhooks page" },
    kinds: Kinds { events: "Network events", summary: "Summary", user_activity: "User activity", traffic: "Traffic" },
    report_ready: Opening { subject: "Your report is ready", paragraph: "The report that you asked for is ready." },
    report_failed: Opening {
        subject: "Your report failed",
        paragraph: "The report that you asked for could not be made.",
    },
    report_expiring: Opening {
        subject: "Your report will be deleted soon",
        paragraph: "Nobody has downloaded this report yet, and its file will be deleted. It can be asked for again afterwards.",
    },
    webhook_away: Opening {
        subject: "Your webhook is paused",
        paragraph: "A webhook has taken nothing for days. It is paused until somebody resumes it; what happens until then is not sent.",
    },
    sync_fails: Opening { subject: "Your bucket sync fails", paragraph: "No object can be written." },
    sync_well: Opening {
        subject: "Your bucket sync is well again",
        paragraph: "Objects are written again. Nothing was left out.",
    },
    reason: ToString::to_string,
    last_try: ToString::to_string,
};
