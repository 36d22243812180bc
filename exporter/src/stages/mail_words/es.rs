//! Spanish.

use super::{Kinds, Labels, Links, Opening, Words};

pub(super) static WORDS: Words = Words {
    tag: "es",
    moment: "%d/%m/%Y %H:%M %Z",
    colon: ":",
    range: |from, to| format!("del {from} al {to}"),
    sign_in: "(hay que iniciar sesión)",
    labels: Labels {
        report: "Informe",
        tenant: "Inquilino",
        range: "Intervalo",
        reason: "Motivo",
        deleted: "Se elimina el",
        report_id: "ID del informe",
        webhook: "Webhook",
        failing_since: "Falla desde",
        last_try: "Último intento",
        sync: "Sincronización",
        since: "Desde",
        reached: "Escrito hasta",
        sync_id: "ID de la sincronización",
    },
    links: Links { analytics: "Abrir la página Analytics", webhook: "Ver el webhook" },
    kinds: Kinds {
        events: "Eventos de red",
        summary: "Resumen",
        user_activity: "Actividad de usuarios",
        traffic: "Tráfico",
    },
    report_ready: Opening { subject: "Su informe está listo", paragraph: "El informe que solicitó está listo." },
    report_failed: Opening {
        subject: "Su informe ha fallado", paragraph: "No se pudo crear el informe que solicitó."
    },
    report_expiring: Opening {
        subject: "Su informe se eliminará pronto",
        paragraph: "Nadie ha descargado todavía este informe, y su archivo se va a eliminar. Después se puede volver a solicitar.",
    },
    webhook_away: Opening {
        subject: "Su webhook está en pausa",
        paragraph: "Un webhook no ha aceptado nada desde hace días. Queda en pausa hasta que alguien lo reanude; lo que ocurra hasta entonces no se envía.",
    },
    sync_fails: Opening {
        subject: "Su sincronización con el bucket falla",
        paragraph: "No se puede escribir ningún objeto.",
    },
    sync_well: Opening {
        subject: "Su sincronización con el bucket vuelve a funcionar",
        paragraph: "Se vuelven a escribir objetos. No se ha omitido nada.",
    },
};
