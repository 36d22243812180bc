//! French.

use super::{Kinds, Labels, Links, Opening, Words};

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
    links: Links { analytics: "Ouvrir la page Analytics", webhook: "Voir le webhook" },
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
};
