//! French.

use report_life::ReportLimit;

use super::{Kinds, Labels, Links, Opening, Words};
use crate::reason::Reason;
use crate::webhooks::SendError;

pub(super) static WORDS: Words = Words {
    tag: "fr",
    moment: "%d/%m/%Y %H:%M %Z",
    // A blank that no line breaks at.
    colon: "\u{a0}:",
    range: |from, to| format!("du {from} au {to}"),
    sign_in: "(connexion requise)",
    labels: Labels {
        report: "Rapport",
        tenant: "Locataire",
        range: "Période",
        reason: "Motif",
        deleted: "Supprimé le",
        report_id: "Identifiant du rapport",
        webhook: "Webhook",
        failing_since: "En échec depuis",
        last_try: "Dernière tentative",
        sync: "Synchronisation",
        since: "Depuis",
        reached: "Écrit jusqu’au",
        sync_id: "Identifiant de la synchronisation",
    },
    links: Links { analytics: "Ouvrir la page Analytics", webhooks: "Ouvrir la page Webhooks" },
    kinds: Kinds {
        events: "Événements réseau",
        summary: "Synthèse",
        user_activity: "Activité des utilisateurs",
        traffic: "Trafic",
    },
    report_ready: Opening {
        subject: "Votre rapport est prêt",
        paragraph: "Le rapport que vous avez demandé est prêt.",
    },
    report_failed: Opening {
        subject: "Votre rapport a échoué",
        paragraph: "Le rapport que vous avez demandé n’a pas pu être créé.",
    },
    report_expiring: Opening {
        subject: "Votre rapport sera bientôt supprimé",
        paragraph: "Personne n’a encore téléchargé ce rapport, et son fichier va être supprimé. Il pourra ensuite être demandé à nouveau.",
    },
    webhook_away: Opening {
        subject: "Votre webhook est suspendu",
        paragraph: "Un webhook n’a rien accepté depuis des jours. Il reste suspendu jusqu’à ce que quelqu’un le reprenne\u{a0}; ce qui se passe d’ici là n’est pas envoyé.",
    },
    sync_fails: Opening {
        subject: "Votre synchronisation de bucket échoue",
        paragraph: "Aucun objet ne peut être écrit.",
    },
    sync_well: Opening {
        subject: "Votre synchronisation de bucket fonctionne à nouveau",
        paragraph: "Les objets sont à nouveau écrits. Rien n’a été omis.",
    },
    reason,
    last_try,
};

fn reason(reason: &Reason) -> String {
    match reason {
        Reason::Database => {
            "Les connexions n’ont pas pu être lues dans la base de données. Veuillez redemander le rapport plus tard.".to_owned()
        }
        Reason::Store => {
            "Le fichier n’a pas pu être écrit dans le stockage d’objets. Veuillez redemander le rapport plus tard.".to_owned()
        }
        Reason::TooManyValues => {
            "Les connexions forment plus de groupes, ou contiennent plus de valeurs différentes, qu’il n’est possible d’en compter à la fois. Veuillez choisir une période plus courte, moins de ressources ou d’utilisateurs ou, pour le trafic, moins de dimensions et de mesures.".to_owned()
        }
        Reason::TooManyFiles { most } => format!(
            "Le rapport serait réparti en plus de {most} fichiers. Veuillez autoriser plus de lignes ou d’octets par fichier, ou choisir une période plus courte."
        ),
        Reason::Totals => {
            "Le rapport ne contient pas autant de connexions qu’il en a été compté à leur arrivée\u{a0}; il peut donc en manquer dans la base de données. Veuillez prévenir l’exploitant, puis redemander le rapport une fois la vérification faite.".to_owned()
        }
        Reason::Limit(limit) => reached(*limit),
        Reason::Request { field, .. } => {
            format!("Ce qui est demandé dans le champ {field} ne peut pas être créé.")
        }
        Reason::SliceRefused { .. } => {
            "Une tranche du rapport n’a pas pu être lue et a été mise de côté. Veuillez redemander le rapport.".to_owned()
        }
        Reason::TakenOver => "Un autre exporter a repris le rapport.".to_owned(),
        Reason::Cancelled => "Le rapport a été annulé.".to_owned(),
        Reason::ObjectRows => "Les connexions n’ont pas pu être lues dans la base de données.".to_owned(),
        Reason::ObjectStore => "L’objet n’a pas pu être écrit dans son bucket.".to_owned(),
        Reason::ObjectOccupied { key } => {
            format!("Un autre objet se trouve à {key} dans son bucket, et rien n’est remplacé.")
        }
        Reason::NoDestination { name } => format!("L’opérateur n’a plus de destination {name}."),
    }
}

fn reached(limit: ReportLimit) -> String {
    const TOMORROW: &str = "Veuillez le redemander après minuit UTC.";
    match limit {
        ReportLimit::Open { open } => format!(
            "{open} rapports attendent ou sont en cours de création, le maximum autorisé. Veuillez le redemander lorsque l’un d’eux sera terminé."
        ),
        ReportLimit::Rows { used, most } => {
            format!("Les rapports d’aujourd’hui ont {used} lignes sur {most} par jour. {TOMORROW}")
        }
        ReportLimit::Bytes { used, most } => {
            format!("Les rapports d’aujourd’hui ont {used} octets sur {most} par jour. {TOMORROW}")
        }
        ReportLimit::Asked { asked, most } => {
            format!("Des rapports ont été demandés {asked} fois aujourd’hui, sur {most} par jour. {TOMORROW}")
        }
        ReportLimit::RowsOfOne { rows, most } => format!(
            "Le rapport a {rows} lignes, et les rapports peuvent en avoir {most} par jour. Veuillez choisir une période plus courte."
        ),
        ReportLimit::RowsOfNext { rows, used, most } => {
            format!(
                "Le rapport a {rows} lignes, et les rapports d’aujourd’hui en ont {used} sur {most} par jour. {TOMORROW}"
            )
        }
    }
}

fn last_try(error: &SendError) -> String {
    match error {
        SendError::Refused(_) => "L’adresse ne doit pas être appelée.".to_owned(),
        SendError::Status(status) => format!("La réponse a été {status}."),
        SendError::Late(after) => format!("Aucune réponse en {} s.", after.as_secs()),
        SendError::Failed(_) => "Aucune réponse.".to_owned(),
    }
}
