//! German.

use report_life::ReportLimit;

use super::{Kinds, Labels, Links, Opening, Words};
use crate::reason::Reason;
use crate::webhooks::SendError;

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
    links: Links { analytics: "Seite Analytics öffnen", webhooks: "Seite Webhooks öffnen" },
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
    reason,
    last_try,
};

fn reason(reason: &Reason) -> String {
    match reason {
        Reason::Database => {
            "Die Verbindungen konnten nicht aus der Datenbank gelesen werden. Bitte fordern Sie den Bericht später erneut an.".to_owned()
        }
        Reason::Store => {
            "Die Datei konnte nicht in den Objektspeicher geschrieben werden. Bitte fordern Sie den Bericht später erneut an.".to_owned()
        }
        Reason::TooManyValues => {
            "Die Verbindungen haben mehr Gruppen oder darin mehr verschiedene Werte, als auf einmal gezählt werden können. Bitte wählen Sie einen kürzeren Zeitraum, weniger Ressourcen oder Benutzer oder, bei Datenverkehr, weniger Dimensionen und Messgrößen.".to_owned()
        }
        Reason::TooManyFiles { most } => format!(
            "Der Bericht würde auf mehr als {most} Dateien aufgeteilt. Bitte lassen Sie mehr Zeilen oder Bytes je Datei zu, oder wählen Sie einen kürzeren Zeitraum."
        ),
        Reason::Totals => {
            "Der Bericht hat nicht so viele Verbindungen, wie bei ihrem Eintreffen gezählt wurden; in der Datenbank könnten also einige fehlen. Bitte wenden Sie sich an den Betreiber, und fordern Sie den Bericht erneut an, wenn das geprüft ist.".to_owned()
        }
        Reason::Limit(limit) => reached(*limit),
        Reason::Request { field, .. } => {
            format!("Was im Feld {field} angefordert wurde, kann nicht erstellt werden.")
        }
        Reason::SliceRefused { .. } => {
            "Ein Teilauftrag des Berichts konnte nicht gelesen werden und wurde beiseitegelegt. Bitte fordern Sie den Bericht erneut an.".to_owned()
        }
        Reason::TakenOver => "Ein anderer Exporter hat den Bericht übernommen.".to_owned(),
        Reason::Cancelled => "Der Bericht wurde abgebrochen.".to_owned(),
        Reason::ObjectRows => "Die Verbindungen konnten nicht aus der Datenbank gelesen werden.".to_owned(),
        Reason::ObjectStore => "Das Objekt konnte nicht in seinen Bucket geschrieben werden.".to_owned(),
        Reason::ObjectOccupied { key } => {
            format!("Unter {key} liegt in seinem Bucket ein anderes Objekt, und nichts wird überschrieben.")
        }
        Reason::NoDestination { name } => format!("Das Ziel {name} gibt es beim Betreiber nicht mehr."),
    }
}

fn reached(limit: ReportLimit) -> String {
    const TOMORROW: &str = "Bitte fordern Sie ihn nach Mitternacht UTC erneut an.";
    match limit {
        ReportLimit::Open { open } => format!(
            "{open} Berichte warten oder werden erstellt, mehr dürfen es nicht sein. Bitte fordern Sie ihn erneut an, wenn einer davon beendet ist."
        ),
        ReportLimit::Rows { used, most } => {
            format!("Die Berichte von heute haben {used} von {most} Zeilen am Tag. {TOMORROW}")
        }
        ReportLimit::Bytes { used, most } => {
            format!("Die Berichte von heute haben {used} von {most} Bytes am Tag. {TOMORROW}")
        }
        ReportLimit::Asked { asked, most } => {
            format!("Heute wurden {asked} von {most} Berichten am Tag angefordert. {TOMORROW}")
        }
        ReportLimit::RowsOfOne { rows, most } => format!(
            "Der Bericht hat {rows} Zeilen, und Berichte dürfen {most} am Tag haben. Bitte wählen Sie einen kürzeren Zeitraum."
        ),
        ReportLimit::RowsOfNext { rows, used, most } => {
            format!(
                "Der Bericht hat {rows} Zeilen, und die Berichte von heute haben {used} von {most} am Tag. {TOMORROW}"
            )
        }
    }
}

fn last_try(error: &SendError) -> String {
    match error {
        SendError::Refused(_) => "Die Adresse darf nicht aufgerufen werden.".to_owned(),
        SendError::Status(status) => format!("Die Antwort war {status}."),
        SendError::Late(after) => format!("Es kam keine Antwort innerhalb von {} s.", after.as_secs()),
        SendError::Failed(_) => "Es kam keine Antwort.".to_owned(),
    }
}
