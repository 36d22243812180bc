//! German.

use super::{Kinds, Labels, Links, Opening, Words};

pub(super) static WORDS: Words = Words {
    tag: "de",
    moment: "%d.%m.%Y %H:%M %Z",
    colon: ":",
    range: |from, to| format!("{from} bis {to}"),
    sign_in: "(Anmeldung erforderlich)",
    labels: Labels {
        report: "Bericht",
        tenant: "Mandant",
        range: "Zeitraum",
        reason: "Grund",
        deleted: "Löschung am",
        report_id: "Berichts-ID",
        webhook: "Webhook",
        failing_since: "Ohne Erfolg seit",
        last_try: "Letzter Versuch",
        sync: "Synchronisierung",
        since: "Seit",
        reached: "Geschrieben bis",
        sync_id: "Synchronisierungs-ID",
    },
    links: Links { analytics: "Seite Analytics öffnen", webhook: "Webhook ansehen" },
    kinds: Kinds {
        events: "Netzwerkereignisse",
        summary: "Zusammenfassung",
        user_activity: "Benutzeraktivität",
        traffic: "Datenverkehr",
    },
    report_ready: Opening { subject: "Ihr Bericht ist fertig", paragraph: "Der angeforderte Bericht ist fertig." },
    report_failed: Opening {
        subject: "Ihr Bericht ist fehlgeschlagen",
        paragraph: "Der angeforderte Bericht konnte nicht erstellt werden.",
    },
    report_expiring: Opening {
        subject: "Ihr Bericht wird bald gelöscht",
        paragraph: "Diesen Bericht hat noch niemand heruntergeladen, und seine Datei wird gelöscht. Er kann danach erneut angefordert werden.",
    },
    webhook_away: Opening {
        subject: "Ihr Webhook ist angehalten",
        paragraph: "Ein Webhook hat seit Tagen nichts angenommen. Er bleibt angehalten, bis ihn jemand fortsetzt; was bis dahin geschieht, wird nicht gesendet.",
    },
    sync_fails: Opening {
        subject: "Ihre Bucket-Synchronisierung schlägt fehl",
        paragraph: "Es kann kein Objekt geschrieben werden.",
    },
    sync_well: Opening {
        subject: "Ihre Bucket-Synchronisierung läuft wieder",
        paragraph: "Objekte werden wieder geschrieben. Es wurde nichts ausgelassen.",
    },
};
