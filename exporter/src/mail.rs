//! Sends mails: to a mail server, or into a folder.

use std::path::PathBuf;
use std::time::Duration;

use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::{AsyncFileTransport, AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use secrecy::ExposeSecret;

use crate::config::{Config, MailConfig, MailSecurity};
use crate::error::Error;
use crate::stages::lay_out_mail::MailText;

/// Longest wait for the server within one mail.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Why a mail was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum MailError {
    /// It never will be: the receiver or the mail is refused.
    #[error("the mail server refuses: {0}")]
    Refused(String),
    /// It may be later.
    #[error("the mail server is away: {0}")]
    Away(String),
}

/// Where mails go.
pub(crate) struct Mailer {
    from: Mailbox,
    transport: Transport,
}

enum Transport {
    Server(AsyncSmtpTransport<Tokio1Executor>),
    Folder(AsyncFileTransport<Tokio1Executor>),
}

impl Mailer {
    pub(crate) fn new(config: &Config) -> Result<Self, Error> {
        let from = config.mail.from.parse().map_err(|_| Error::Mail("from is not an address".to_owned()))?;
        let transport = match &config.mail.outbox {
            Some(folder) => Transport::Folder(outbox(folder.clone())?),
            None => Transport::Server(server(&config.mail)?),
        };
        Ok(Self { from, transport })
    }

    /// Returns when the mail was taken.
    pub(crate) async fn send(&self, receiver: &str, mail: &MailText) -> Result<(), MailError> {
        let message = message(self.from.clone(), receiver, mail)?;
        match &self.transport {
            Transport::Folder(folder) => {
                folder.send(message).await.map(drop).map_err(|error| MailError::Away(error.to_string()))
            }
            Transport::Server(server) => server.send(message).await.map(drop).map_err(|error| {
                // A wrong password is permanent for the protocol, but an operator may mend it while the mail waits.
                let code = error.status().map(u16::from);
                if error.is_permanent() && code.is_none_or(|code| (550..=559).contains(&code)) {
                    MailError::Refused(error.to_string())
                } else {
                    MailError::Away(error.to_string())
                }
            }),
        }
    }
}

fn message(from: Mailbox, receiver: &str, mail: &MailText) -> Result<Message, MailError> {
    let to: Mailbox = receiver.parse().map_err(|_| MailError::Refused("not an address".to_owned()))?;
    Message::builder()
        .from(from)
        .to(to)
        .subject(&mail.subject)
        .message_id(Some(mail.message_id.clone()))
        .raw_header(HeaderValue::new(HeaderName::new_from_ascii_str("Content-Language"), mail.language.to_owned()))
        .multipart(MultiPart::alternative_plain_html(mail.text.clone(), mail.html.clone()))
        .map_err(|error| MailError::Refused(error.to_string()))
}

fn outbox(folder: PathBuf) -> Result<AsyncFileTransport<Tokio1Executor>, Error> {
    std::fs::create_dir_all(&folder).map_err(|error| Error::Mail(format!("outbox {}: {error}", folder.display())))?;
    Ok(AsyncFileTransport::new(folder))
}

fn server(config: &MailConfig) -> Result<AsyncSmtpTransport<Tokio1Executor>, Error> {
    service_kit::tls::install();
    let wrong = |error: lettre::transport::smtp::Error| Error::Mail(error.to_string());
    let tls = || {
        let mut parameters = TlsParameters::builder(config.host.clone());
        if let Some(file) = &config.ca_file {
            let pem =
                std::fs::read(file).map_err(|error| Error::Mail(format!("ca_file {}: {error}", file.display())))?;
            parameters = parameters.add_root_certificate(Certificate::from_pem(&pem).map_err(wrong)?);
        }
        parameters.build().map_err(wrong)
    };
    let security = match config.security {
        MailSecurity::None => Tls::None,
        MailSecurity::Starttls => Tls::Required(tls()?),
        MailSecurity::Tls => Tls::Wrapper(tls()?),
    };
    let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&config.host)
        .port(config.port)
        .tls(security)
        .timeout(Some(TIMEOUT));
    if let (Some(user), Some(password)) = (&config.user, &config.password) {
        builder = builder.credentials(Credentials::new(user.clone(), password.expose_secret().to_owned()));
    }
    Ok(builder.build())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lines up to 76 bytes and encoded words, by RFC 2047; a mail program decodes them in the journeys.
    #[test]
    fn mail_of_any_language_travels_in_ascii_and_says_its_language() {
        let mail = MailText {
            language: "de",
            subject: "Ihr Bericht wird bald gelöscht: Benutzeraktivität, 01.11.2026 01:00 CET bis 02.11.2026"
                .to_owned(),
            text: "Löschung am: …\n".to_owned(),
            html: "<p>Löschung\u{a0}am: …</p>\n".to_owned(),
            message_id: "<1@x>".to_owned(),
        };
        let from = || "Flowledger <flowledger@acme.example>".parse().unwrap();
        let wire = String::from_utf8(message(from(), "jane@acme.example", &mail).unwrap().formatted()).unwrap();
        assert!(wire.is_ascii(), "{wire}");
        let (headers, body) = wire.split_once("\r\n\r\n").unwrap();
        let shown = |name: &str| {
            let rest = headers.split_once(&format!("{name}: ")).unwrap().1;
            rest.split("\r\n")
                .enumerate()
                .take_while(|(at, line)| *at == 0 || line.starts_with(' '))
                .map(|(_, line)| line)
        };
        assert_eq!(shown("Content-Language").collect::<Vec<_>>(), ["de"]);
        insta::assert_snapshot!(shown("Subject").collect::<Vec<_>>().join("\n"), @r"
        Ihr Bericht wird bald =?utf-8?b?Z2Vsw7ZzY2h0OiBCZW51dHplcmFrdGl2?=
         =?utf-8?b?aXTDpHQs?= 01.11.2026 01:00 CET bis 02.11.2026
        ");
        assert!(headers.lines().all(|line| line.len() <= 78), "{headers}");
        assert_eq!(body.matches("Content-Transfer-Encoding: ").count(), 2, "{body}");
    }
}
