//! Doorkeeper's tables: applications, codes, and one row for each token pair.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::oauth::OauthError;

/// A registered OAuth application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct App {
    /// The `client_id`.
    pub client_id: String,
    /// The `client_secret` of a confidential application.
    pub client_secret: Option<String>,
}

/// An access token and the refresh token of the same row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// The access token.
    pub access: String,
    /// The refresh token.
    pub refresh: String,
}

/// One row of `oauth_access_tokens`: revoking it kills both of its tokens.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) client_id: String,
    pub(crate) pair: Pair,
    pub(crate) scopes: String,
    pub(crate) created_at: u64,
    expires: Option<Instant>,
    revoked: bool,
}

impl Row {
    /// Whether one of the scopes was granted.
    pub(crate) fn has_any_scope(&self, wanted: &[&str]) -> bool {
        self.scopes.split(' ').any(|scope| wanted.contains(&scope))
    }

    /// Seconds until the access token expires.
    pub(crate) fn seconds_left(&self) -> Option<u64> {
        self.expires
            .map(|end| end.saturating_duration_since(Instant::now()).as_secs())
    }

    fn expired(&self) -> bool {
        self.expires.is_some_and(|end| end <= Instant::now())
    }
}

/// What GitLab finds for an access token.
#[derive(Clone, Debug)]
pub(crate) enum GrantState {
    Expired,
    Live(Row),
    Revoked,
    Unknown,
}

/// An authorization code that was given out.
#[derive(Clone, Debug)]
pub(crate) struct Code {
    pub(crate) client_id: String,
    pub(crate) redirect_uri: String,
    pub(crate) scopes: String,
    pub(crate) challenge: Option<String>,
}

/// All of the authorization server's state.
#[derive(Debug)]
pub(crate) struct Grants {
    lifetime: Option<Duration>,
    apps: Vec<App>,
    codes: Vec<(String, Code, Instant)>,
    rows: Vec<Row>,
}

impl Grants {
    /// No applications yet; access tokens live for `lifetime`, or for ever.
    pub(crate) fn new(lifetime: Option<Duration>) -> Self {
        Self {
            lifetime,
            apps: Vec::new(),
            codes: Vec::new(),
            rows: Vec::new(),
        }
    }

    pub(crate) fn register(&mut self, confidential: bool) -> App {
        let app = App {
            client_id: random_hex(),
            client_secret: confidential.then(|| format!("gloas-{}", random_hex())),
        };
        self.apps.push(app.clone());
        app
    }

    pub(crate) fn app(&self, client_id: &str) -> Option<&App> {
        self.apps.iter().find(|app| app.client_id == client_id)
    }

    pub(crate) fn issue(&mut self, client_id: &str, scopes: &str) -> Row {
        self.insert(client_id, scopes, random_hex())
    }

    fn insert(&mut self, client_id: &str, scopes: &str, refresh: String) -> Row {
        let row = Row {
            client_id: client_id.to_owned(),
            pair: Pair {
                access: random_hex(),
                refresh,
            },
            scopes: scopes.to_owned(),
            created_at: now_ms() / 1000,
            expires: self.lifetime.map(|lifetime| Instant::now() + lifetime),
            revoked: false,
        };
        self.rows.push(row.clone());
        row
    }

    pub(crate) fn remember(&mut self, code: Code) -> String {
        let value = random_hex();
        self.codes.push((value.clone(), code, Instant::now()));
        value
    }

    /// Spends a code. A code that does not fit stays, as in Doorkeeper's validation.
    pub(crate) fn redeem(
        &mut self,
        value: &str,
        client_id: &str,
        redirect_uri: &str,
        verifier: Option<&str>,
    ) -> Result<Row, OauthError> {
        let index = self
            .codes
            .iter()
            .position(|(code, _, issued)| code == value && issued.elapsed() < CODE_LIFETIME)
            .ok_or(OauthError::InvalidGrant)?;
        let code = &self.codes[index].1;
        let proven = match (&code.challenge, verifier) {
            (None, _) => true,
            (Some(challenge), Some(verifier)) => s256(verifier) == *challenge,
            (Some(_), None) => false,
        };
        if code.client_id != client_id || code.redirect_uri != redirect_uri || !proven {
            return Err(OauthError::InvalidGrant);
        }
        let (_, code, _) = self.codes.swap_remove(index);
        Ok(self.issue(client_id, &code.scopes))
    }

    /// The row of a refresh token that may still be used.
    pub(crate) fn refreshable(&self, refresh: &str) -> Option<&Row> {
        self.rows
            .iter()
            .rev()
            .find(|row| row.pair.refresh == refresh && !row.revoked)
    }

    /// Rotates a row: the old pair is dead at once, and nothing else is.
    pub(crate) fn rotate(
        &mut self,
        refresh: &str,
        scopes: &str,
        keep_refresh: bool,
    ) -> Option<Row> {
        let row = self
            .rows
            .iter_mut()
            .rev()
            .find(|row| row.pair.refresh == refresh && !row.revoked)?;
        row.revoked = true;
        let client_id = row.client_id.clone();
        let refresh = if keep_refresh {
            refresh.to_owned()
        } else {
            random_hex()
        };
        Some(self.insert(&client_id, scopes, refresh))
    }

    /// Revokes by either token. True where a pair died by it; an expired access token is a
    /// silent no-op.
    pub(crate) fn revoke(&mut self, token: &str, client_id: &str) -> Result<bool, OauthError> {
        let row = self.rows.iter_mut().rev().find(|row| {
            let by_access = row.pair.access == token && !row.expired();
            !row.revoked && (by_access || row.pair.refresh == token)
        });
        let Some(row) = row else {
            return Ok(false);
        };
        if row.client_id != client_id {
            return Err(OauthError::UnauthorizedClient);
        }
        row.revoked = true;
        Ok(true)
    }

    pub(crate) fn standing(&self, access: &str) -> GrantState {
        let found = self.rows.iter().rev().find(|row| row.pair.access == access);
        match found {
            None => GrantState::Unknown,
            Some(row) if row.revoked => GrantState::Revoked,
            Some(row) if row.expired() => GrantState::Expired,
            Some(row) => GrantState::Live(row.clone()),
        }
    }

    pub(crate) fn live_pairs(&self) -> Vec<Pair> {
        let live = self.rows.iter().filter(|row| !row.revoked);
        live.map(|row| row.pair.clone()).collect()
    }

    pub(crate) fn issued(&self) -> Vec<Pair> {
        self.rows.iter().map(|row| row.pair.clone()).collect()
    }

    pub(crate) fn expire_all(&mut self) {
        for row in &mut self.rows {
            row.expires = Some(Instant::now());
        }
    }

    pub(crate) fn revoke_all(&mut self) {
        for row in &mut self.rows {
            row.revoked = true;
        }
    }
}

/// 64 hex digits, the form of Doorkeeper's tokens at GitLab.
pub(crate) fn random_hex() -> String {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).expect("the kernel gives randomness");
    hex(&bytes)
}

/// Lower-case hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing into a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The server's clock, in milliseconds since the epoch.
#[expect(
    clippy::disallowed_methods,
    reason = "this server is the other side: its clock is its own"
)]
pub(crate) fn now_ms() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| {
            u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
        })
}

/// RFC 7636 §4.6.
fn s256(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes()))
}

/// Doorkeeper's default.
const CODE_LIFETIME: Duration = Duration::from_mins(10);
