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
                let is_refused = error.is_permanent() && code.is_none_or(|code| (550..=559).contains(&code));
                // The server takes no such addresses, which only the client says, and only in words: what else it says an operator may mend.
                let is_beyond_it = error.is_client() && !receiver.is_ascii() && error.to_string().contains("SMTPUTF8");
                if is_refused || is_beyond_it {
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
    use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};

    use super::*;

    fn mail() -> MailText {
        MailText {
            language: "en",
            subject: "Your report is ready".to_owned(),
            text: "Ready.\n".to_owned(),
            html: "<p>Ready.</p>\n".to_owned(),
            message_id: "<1@x>".to_owned(),
        }
    }

    /// A mail server that takes addresses in ASCII only, and of those none whose name begins with `later`; gives its port.
    async fn server_of_ascii() -> u16 {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(async move {
                    let (reading, mut writing) = stream.into_split();
                    let mut lines = BufReader::new(reading).lines();
                    writing.write_all(b"220 here\r\n").await.unwrap();
                    let mut is_data = false;
                    while let Ok(Some(line)) = lines.next_line().await {
                        let answer = match line.as_str() {
                            "." => "250 taken\r\n",
                            _ if is_data => continue,
                            "DATA" => "354 go on\r\n",
                            it if it.starts_with("RCPT TO:<later") => "451 greylisted\r\n",
                            _ => "250 here\r\n",
                        };
                        is_data = line == "DATA";
                        if writing.write_all(answer.as_bytes()).await.is_err() {
                            return;
                        }
                    }
                });
            }
        });
        port
    }

    #[tokio::test]
    async fn address_that_the_server_cannot_take_is_refused_and_one_that_it_takes_later_is_not() {
        let port = server_of_ascii().await;
        let mail_config =
            MailConfig { host: "127.0.0.1".to_owned(), port, security: MailSecurity::None, ..MailConfig::default() };
        // What an operator may mend is waited for, whatever the address.
        let secure = MailConfig { security: MailSecurity::Starttls, ..mail_config.clone() };
        let secure = Mailer::new(&Config { mail: secure, ..Config::default() }).unwrap();
        let sent = secure.send("j\u{f6}rg@acme.example", &mail()).await;
        assert!(matches!(sent, Err(MailError::Away(_))), "{sent:?}");
        let mailer = Mailer::new(&Config { mail: mail_config, ..Config::default() }).unwrap();
        assert_eq!(mailer.send("jane@acme.example", &mail()).await, Ok(()));
        for beyond in ["j\u{f6}rg@acme.example", "jane@m\u{fc}nchen.example"] {
            let sent = mailer.send(beyond, &mail()).await;
            assert!(matches!(&sent, Err(MailError::Refused(reason)) if reason.contains("SMTPUTF8")), "{sent:?}");
        }
        let sent = mailer.send("later@acme.example", &mail()).await;
        assert!(matches!(sent, Err(MailError::Away(_))), "{sent:?}");
    }

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
