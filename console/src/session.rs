//! Who is signed in. Sessions are random, kept hashed, in memory, and bounded in time and number.

use std::collections::HashMap;
use std::fmt::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use argon2::password_hash::SaltString;
use argon2::{Argon2, PasswordHash, PasswordHasher, PasswordVerifier};
use axum::extract::FromRequestParts;
use axum::http::header::COOKIE;
use axum::http::request::Parts;
use schemas::ids::Tenant;
use service_kit::clock::Clock;
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;

use crate::app::App;
use crate::config::Account;
use crate::error::Refusal;

/// Name of the cookie.
pub(crate) const COOKIE_NAME: &str = "flowledger_session";
/// Header that a page of another site cannot send.
const OWN_HEADER: &str = "x-flowledger";
/// Sessions at once; the oldest goes.
const SESSIONS_MAX: usize = 10_000;
/// Wrong passwords in a row, and how long an account is closed after them.
const TRIES_MAX: u32 = 5;
const CLOSED_FOR: Duration = Duration::from_secs(60);
/// Accounts whose tries are remembered; the oldest goes.
const REMEMBERED_MAX: usize = 10_000;
/// Passwords that are checked at once: each check takes 19 MiB and a core for a while.
const CHECKS_MAX: usize = 4;
/// How often it is looked whether a session goes on, for what outlasts a request.
pub(crate) const LOOK_EVERY: Duration = Duration::from_secs(5);
/// How long a sign-in waits for its turn.
const TURN_MAX: Duration = Duration::from_secs(10);

/// A password that cannot be hashed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the password cannot be hashed: {0}")]
pub struct HashError(String);

/// The hash of a password, for `console.accounts`.
///
/// # Errors
/// When it is shorter than 12 characters or cannot be hashed.
pub fn hash_password(password: &str) -> Result<String, HashError> {
    if password.chars().count() < 12 {
        return Err(HashError("it has fewer than 12 characters".to_owned()));
    }
    let salt = SaltString::encode_b64(&rand::random::<[u8; 16]>()).map_err(|error| HashError(error.to_string()))?;
    let hash = Argon2::default().hash_password(password.as_bytes(), &salt);
    hash.map(|hash| hash.to_string()).map_err(|error| HashError(error.to_string()))
}

/// Who asks. The one place where a request's tenant comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SignedIn {
    pub(crate) tenant: Tenant,
    pub(crate) account: String,
    pub(crate) email: String,
}

/// Sessions and accounts.
pub(crate) struct Sessions {
    accounts: Vec<Account>,
    lasts: Duration,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
    turns: Semaphore,
}

#[derive(Default)]
struct State {
    sessions: HashMap<[u8; 32], (SignedIn, Instant)>,
    /// By the hash of tenant and name: whatever is sent, an entry has one size.
    tries: HashMap<[u8; 32], (u32, Instant)>,
}

impl Sessions {
    pub(crate) fn new(accounts: Vec<Account>, lasts: Duration, clock: Arc<dyn Clock>) -> Self {
        Self { accounts, lasts, clock, state: Mutex::default(), turns: Semaphore::new(CHECKS_MAX) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// [`Self::sign_in`] on a thread that may block, a few at a time.
    pub(crate) async fn sign_in_by_turns(
        self: Arc<Self>,
        tenant: String,
        name: String,
        password: String,
    ) -> Result<(String, SignedIn), Refusal> {
        let busy = || Refusal::Away("sign-in");
        let turn = tokio::time::timeout(TURN_MAX, self.turns.acquire()).await;
        let _turn = turn.map_err(|_| busy())?.map_err(|_| busy())?;
        let sessions = Arc::clone(&self);
        let checked = tokio::task::spawn_blocking(move || sessions.sign_in(&tenant, &name, &password));
        checked.await.unwrap_or_else(|_| Err(busy()))
    }

    /// Checks a password and begins a session; gives the cookie's value. Costs the same for accounts that are not there. Blocks
    /// for a while: not for threads that wait for sockets.
    fn sign_in(&self, tenant: &str, name: &str, password: &str) -> Result<(String, SignedIn), Refusal> {
        let (tried, now) = (key(&format!("{tenant}\n{name}")), self.clock.monotonic());
        let is_closed = |(tries, last): &(u32, Instant)| *tries >= TRIES_MAX && now.duration_since(*last) < CLOSED_FOR;
        if self.state().tries.get(&tried).is_some_and(is_closed) {
            return Err(Refusal::TooManyTries);
        }
        let account = self.accounts.iter().find(|it| it.tenant.as_str() == tenant && it.name == name);
        // Somebody's hash for nobody's account, so that the answer takes as long.
        let hash = account.or(self.accounts.first()).map_or("", |it| &it.password_hash);
        let matches = PasswordHash::new(hash)
            .is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok());
        let Some(account) = account.filter(|_| matches) else {
            self.note_wrong(tried, now);
            return Err(Refusal::WrongPassword);
        };
        let signed_in =
            SignedIn { tenant: account.tenant.clone(), account: account.name.clone(), email: account.email.clone() };
        let token = hex(&rand::random::<[u8; 32]>());
        let mut state = self.state();
        state.tries.remove(&tried);
        if state.sessions.len() >= SESSIONS_MAX {
            let oldest = state.sessions.iter().min_by_key(|(_, (_, until))| *until).map(|(key, _)| *key);
            oldest.and_then(|key| state.sessions.remove(&key));
        }
        state.sessions.insert(key(&token), (signed_in.clone(), now + self.lasts));
        Ok((token, signed_in))
    }

    fn note_wrong(&self, tried: [u8; 32], now: Instant) {
        let mut state = self.state();
        if state.tries.len() >= REMEMBERED_MAX && !state.tries.contains_key(&tried) {
            let oldest = state.tries.iter().min_by_key(|(_, (_, last))| *last).map(|(key, _)| *key);
            oldest.and_then(|key| state.tries.remove(&key));
        }
        let (tries, last) = state.tries.entry(tried).or_insert((0, now));
        if now.duration_since(*last) >= CLOSED_FOR {
            *tries = 0;
        }
        *tries += 1;
        *last = now;
    }

    fn find(&self, token: &str) -> Option<SignedIn> {
        let (now, mut state) = (self.clock.monotonic(), self.state());
        state.sessions.retain(|_, (_, until)| *until > now);
        state.sessions.get(&key(token)).map(|(signed_in, _)| signed_in.clone())
    }

    pub(crate) fn sign_out(&self, token: &str) {
        self.state().sessions.remove(&key(token));
    }

    /// Returns when a session has ended, a moment later.
    pub(crate) async fn until_ended(self: Arc<Self>, token: String) {
        while self.find(&token).is_some() {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// How long a session lasts.
    pub(crate) fn lasts(&self) -> Duration {
        self.lasts
    }
}

fn key(token: &str) -> [u8; 32] {
    Sha256::digest(token).into()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The session cookie's value.
pub(crate) fn token(parts: &Parts) -> Option<String> {
    let cookies = parts.headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|cookies| cookies.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == COOKIE_NAME).map(|(_, value)| value.to_owned())
}

/// Refuses requests that change something and may come from a page of another site.
pub(crate) fn is_own(parts: &Parts) -> bool {
    parts.method.is_safe() || parts.headers.get(OWN_HEADER).is_some_and(|value| value == "1")
}

impl FromRequestParts<App> for SignedIn {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Refusal> {
        if !is_own(parts) {
            return Err(Refusal::Forged);
        }
        token(parts).and_then(|token| app.sessions.find(&token)).ok_or(Refusal::NotSignedIn)
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use service_kit::clock::ManualClock;

    use super::*;

    fn sessions(clock: &Arc<ManualClock>) -> Sessions {
        let account = |tenant: &str, password: &str| Account {
            tenant: tenant.parse().unwrap(),
            name: "admin".to_owned(),
            email: format!("admin@{tenant}.example"),
            language: None,
            zone: None,
            password_hash: hash_password(password).unwrap(),
        };
        let accounts = vec![account("acme", "correct horse battery"), account("globex", "other horse battery")];
        Sessions::new(accounts, Duration::from_secs(60), Arc::clone(clock) as Arc<dyn Clock>)
    }

    #[test]
    fn session_has_the_tenant_of_its_account_and_ends() {
        let clock = Arc::new(ManualClock::at(SystemTime::UNIX_EPOCH));
        let sessions = sessions(&clock);
        let (token, signed_in) = sessions.sign_in("acme", "admin", "correct horse battery").unwrap();
        assert_eq!(signed_in.tenant.as_str(), "acme");
        assert_eq!(sessions.find(&token), Some(signed_in));
        assert_eq!(sessions.find("guess"), None);
        clock.advance(Duration::from_secs(61));
        assert_eq!(sessions.find(&token), None);
    }

    #[test]
    fn wrong_passwords_close_an_account_for_a_while() {
        let clock = Arc::new(ManualClock::at(SystemTime::UNIX_EPOCH));
        let sessions = sessions(&clock);
        for _ in 0..TRIES_MAX {
            // The right password of another tenant is a wrong one.
            let wrong = sessions.sign_in("acme", "admin", "other horse battery");
            assert_eq!(wrong.unwrap_err(), Refusal::WrongPassword);
        }
        let closed = sessions.sign_in("acme", "admin", "correct horse battery");
        assert_eq!(closed.unwrap_err(), Refusal::TooManyTries);
        clock.advance(CLOSED_FOR);
        assert!(sessions.sign_in("acme", "admin", "correct horse battery").is_ok());
    }

    #[test]
    fn signing_out_ends_the_session() {
        let clock = Arc::new(ManualClock::at(SystemTime::UNIX_EPOCH));
        let sessions = sessions(&clock);
        let (token, _) = sessions.sign_in("acme", "admin", "correct horse battery").unwrap();
        sessions.sign_out(&token);
        assert_eq!(sessions.find(&token), None);
    }
}
