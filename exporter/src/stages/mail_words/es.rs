//! Spanish.

use report_life::ReportLimit;

use super::{Kinds, Labels, Links, Opening, Words};
use crate::reason::Reason;
use crate::webhooks::SendError;

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
    links: Links { analytics: "Abrir la página Analytics", webhooks: "Abrir la página Webhooks" },
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
    reason,
    last_try,
};

fn reason(reason: &Reason) -> String {
    match reason {
        Reason::Database => {
            "No se pudieron leer las conexiones de la base de datos. Vuelva a solicitar el informe más tarde.".to_owned()
        }
        Reason::Store => {
            "No se pudo escribir el archivo en el almacén de objetos. Vuelva a solicitar el informe más tarde.".to_owned()
        }
        Reason::TooManyValues => {
            "Las conexiones forman más grupos, o contienen más valores distintos, de los que se pueden contar a la vez. Elija un intervalo más corto, menos recursos o usuarios o, en el caso del tráfico, menos dimensiones y medidas.".to_owned()
        }
        Reason::TooManyFiles { most } => format!(
            "El informe se dividiría en más de {most} archivos. Permita más filas o bytes en cada archivo, o elija un intervalo más corto."
        ),
        Reason::Totals => {
            "El informe no tiene tantas conexiones como se contaron cuando llegaron, así que pueden faltar algunas en la base de datos. Avise al operador y vuelva a solicitar el informe cuando se haya comprobado.".to_owned()
        }
        Reason::Limit(limit) => reached(*limit),
        Reason::Request { field, .. } => {
            format!("No se puede crear lo que se solicita en el campo {field}.")
        }
        Reason::SliceRefused { .. } => {
            "Una parte del informe no se pudo leer y se ha apartado. Vuelva a solicitar el informe.".to_owned()
        }
        Reason::TakenOver => "Otro exporter se ha hecho cargo del informe.".to_owned(),
        Reason::Cancelled => "El informe se ha cancelado.".to_owned(),
        Reason::ObjectRows => "No se pudieron leer las conexiones de la base de datos.".to_owned(),
        Reason::ObjectStore => "No se pudo escribir el objeto en su bucket.".to_owned(),
        Reason::ObjectOccupied { key } => {
            format!("En {key} de su bucket hay otro objeto, y no se sobrescribe nada.")
        }
        Reason::NoDestination { name } => format!("El operador ya no tiene el destino {name}."),
    }
}

fn reached(limit: ReportLimit) -> String {
    const TOMORROW: &str = "Vuelva a solicitarlo después de la medianoche UTC.";
    match limit {
        ReportLimit::Open { open } => format!(
            "Hay {open} informes en espera o en proceso, el máximo permitido. Vuelva a solicitarlo cuando haya terminado alguno."
        ),
        ReportLimit::Rows { used, most } => {
            format!("Los informes de hoy tienen {used} de las {most} filas permitidas al día. {TOMORROW}")
        }
        ReportLimit::Bytes { used, most } => {
            format!("Los informes de hoy tienen {used} de los {most} bytes permitidos al día. {TOMORROW}")
        }
        ReportLimit::Asked { asked, most } => {
            format!("Hoy se han solicitado informes {asked} veces, de las {most} permitidas al día. {TOMORROW}")
        }
        ReportLimit::RowsOfOne { rows, most } => format!(
            "El informe tiene {rows} filas, y los informes pueden tener {most} al día. Elija un intervalo más corto."
        ),
        ReportLimit::RowsOfNext { rows, used, most } => {
            format!("El informe tiene {rows} filas, y los informes de hoy tienen {used} de {most} al día. {TOMORROW}")
        }
    }
}

fn last_try(error: &SendError) -> String {
    match error {
        SendError::Refused(_) => "No se permite llamar a la dirección.".to_owned(),
        SendError::Status(status) => format!("La respuesta fue {status}."),
        SendError::Late(after) => format!("No hubo respuesta en {} s.", after.as_secs()),
        SendError::Failed(_) => "No hubo respuesta.".to_owned(),
    }
}
