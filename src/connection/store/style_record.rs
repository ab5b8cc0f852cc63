//! How an authorization server wants to be asked, as a record has it: its names are the format on
//! disk.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::loopback::RedirectUri;
use crate::oauth::{KeyExchange, RequestStyle};

/// How the authorization server wants to be asked.
#[derive(Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct StyleRecord {
    #[serde(default)]
    pub(super) basic: bool,
    #[serde(default)]
    pub(super) json: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    pub(super) localhost: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) exchange: Option<ExchangeRecord>,
    #[serde(default)]
    pub(super) resource: Option<String>,
}

/// How a key is exchanged for a token.
#[derive(PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ExchangeRecord {
    pub(super) key: String,
    #[serde(default)]
    pub(super) id: Option<String>,
    /// In seconds.
    pub(super) lifetime: u64,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_false(flag: &bool) -> bool {
    !flag
}

pub(super) fn is_usual(style: &StyleRecord) -> bool {
    *style == StyleRecord::default()
}

impl StyleRecord {
    pub(super) fn of(style: &RequestStyle) -> Self {
        Self {
            basic: style.basic,
            json: style.json,
            localhost: style.redirect == RedirectUri::Localhost,
            exchange: style.exchange.as_ref().map(|exchange| ExchangeRecord {
                key: exchange.key.clone(),
                id: exchange.id.clone(),
                lifetime: exchange.lifetime.as_secs(),
            }),
            resource: style.resource.clone(),
        }
    }

    pub(super) fn read(self) -> RequestStyle {
        RequestStyle {
            basic: self.basic,
            json: self.json,
            redirect: if self.localhost {
                RedirectUri::Localhost
            } else {
                RedirectUri::Address
            },
            exchange: self.exchange.map(|exchange| KeyExchange {
                key: exchange.key,
                id: exchange.id,
                lifetime: Duration::from_secs(exchange.lifetime),
            }),
            resource: self.resource,
        }
    }
}
