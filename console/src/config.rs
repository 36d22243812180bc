//! Section `console`.

use std::net::SocketAddr;
use std::time::Duration;

use schemas::ids::Tenant;
use serde::{Deserialize, Serialize};
use service_kit::config::{RangeError, Validate, seconds, seconds_in_range};

/// Where the console listens, and who may sign in.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Address. Port 0: any free one.
    pub listen: SocketAddr,
    /// Address that browsers use; with `https://` cookies are marked secure.
    pub public_url: String,
    /// Accounts; one a tenant at this stage.
    pub accounts: Vec<Account>,
    /// How long a session lasts, 60 to 604 800 s.
    #[serde(with = "seconds")]
    pub session_max: Duration,
    /// How long stopping may take, 0 to 300 s.
    #[serde(with = "seconds")]
    pub drain_max: Duration,
}

/// One account of a tenant.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Account {
    /// Tenant that it sees.
    pub tenant: Tenant,
    /// Name to sign in with.
    pub name: String,
    /// Where its mails go.
    pub email: String,
    /// Hash of its password, as `flowledger password-hash` prints it.
    #[serde(skip_serializing)]
    pub password_hash: String,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            public_url: "http://127.0.0.1:8080".to_owned(),
            accounts: Vec::new(),
            session_max: Duration::from_secs(12 * 3600),
            drain_max: Duration::from_secs(10),
        }
    }
}

impl Validate for Config {
    fn validate(&self) -> Result<(), RangeError> {
        for account in &self.accounts {
            if account.name.is_empty() || account.name.len() > 64 {
                return Err(RangeError::new("accounts.name", "is not 1 to 64 bytes long"));
            }
            if argon2::PasswordHash::new(&account.password_hash).is_err() {
                return Err(RangeError::new("accounts.password_hash", "is not what `flowledger password-hash` prints"));
            }
            let same = |other: &&Account| other.tenant == account.tenant && other.name == account.name;
            if self.accounts.iter().filter(same).count() > 1 {
                return Err(RangeError::new("accounts", "has the same account twice"));
            }
        }
        seconds_in_range("session_max", self.session_max, 60.0..=604_800.0)?;
        seconds_in_range("drain_max", self.drain_max, 0.0..=300.0)
    }
}
