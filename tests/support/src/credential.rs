//! Which credential a request carried.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::request::Parts;

/// The credential with which a request arrived, by its carrier.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Arrived {
    /// `Authorization: Basic`.
    Basic {
        /// Before the first colon.
        user: String,
        /// After it.
        password: String,
    },
    /// `Authorization: Bearer`.
    Bearer {
        /// The token.
        token: String,
    },
    /// Another header that GitLab reads (`JOB-TOKEN`, `DEPLOY-TOKEN`), or another scheme of
    /// `Authorization`.
    Header {
        /// In lower case.
        name: String,
        /// The whole value.
        token: String,
    },
    /// None at all.
    None,
    /// The `PRIVATE-TOKEN` header.
    PrivateToken {
        /// The token.
        token: String,
    },
    /// A query parameter that GitLab reads.
    Query {
        /// One of `access_token`, `bearer_token`, `job_token`, `private_token`.
        name: String,
        /// The token.
        token: String,
    },
    /// More than one, in the order of headers, then query.
    Several(Vec<Arrived>),
}

impl Arrived {
    /// Finds every credential in a request's head.
    pub(crate) fn from_parts(parts: &Parts) -> Self {
        let headers = parts.headers.iter().filter_map(|(name, value)| {
            from_header(name.as_str(), &String::from_utf8_lossy(value.as_bytes()))
        });
        let query = parts.uri.query().unwrap_or_default();
        let parameters = url::form_urlencoded::parse(query.as_bytes())
            .filter(|(name, _)| QUERY_CARRIERS.contains(&name.as_ref()))
            .map(|(name, token)| Self::Query {
                name: name.into_owned(),
                token: token.into_owned(),
            });
        let mut found: Vec<Self> = headers.chain(parameters).collect();
        match found.len() {
            0 => Self::None,
            1 => found.swap_remove(0),
            _ => Self::Several(found),
        }
    }

    /// Every single credential, so that one and several are read alike.
    pub fn each(&self) -> &[Arrived] {
        match self {
            Self::None => &[],
            Self::Several(all) => all,
            one => std::slice::from_ref(one),
        }
    }

    /// The carrier's name, without the secret.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Basic { .. } => "basic",
            Self::Bearer { .. } => "bearer",
            Self::Header { .. } => "header",
            Self::None => "none",
            Self::PrivateToken { .. } => "private-token",
            Self::Query { .. } => "query",
            Self::Several(_) => "several",
        }
    }

    /// The token of `Authorization: Bearer`.
    pub(crate) fn bearer(&self) -> Option<&str> {
        self.each().iter().find_map(|one| match one {
            Self::Bearer { token } => Some(token.as_str()),
            _ => None,
        })
    }

    /// User and password of `Authorization: Basic`.
    pub(crate) fn basic(&self) -> Option<(&str, &str)> {
        self.each().iter().find_map(|one| match one {
            Self::Basic { user, password } => Some((user.as_str(), password.as_str())),
            _ => None,
        })
    }

    /// The token of `PRIVATE-TOKEN`.
    pub(crate) fn private_token(&self) -> Option<&str> {
        self.each().iter().find_map(|one| match one {
            Self::PrivateToken { token } => Some(token.as_str()),
            _ => None,
        })
    }

    /// The token of one query parameter, where it is not blank.
    pub(crate) fn query(&self, wanted: &str) -> Option<&str> {
        self.each().iter().find_map(|one| match one {
            Self::Query { name, token } if name == wanted && !token.is_empty() => {
                Some(token.as_str())
            }
            _ => None,
        })
    }
}

fn from_header(name: &str, value: &str) -> Option<Arrived> {
    match name {
        "authorization" => Some(from_authorization(value)),
        "private-token" => Some(Arrived::PrivateToken {
            token: value.to_owned(),
        }),
        "deploy-token" | "job-token" => Some(header(name, value)),
        _ => None,
    }
}

fn from_authorization(value: &str) -> Arrived {
    let (scheme, rest) = value.split_once(' ').unwrap_or((value, ""));
    if scheme.eq_ignore_ascii_case("bearer") {
        return Arrived::Bearer {
            token: rest.trim().to_owned(),
        };
    }
    if scheme.eq_ignore_ascii_case("basic")
        && let Ok(decoded) = STANDARD.decode(rest.trim())
    {
        let decoded = String::from_utf8_lossy(&decoded).into_owned();
        let (user, password) = decoded.split_once(':').unwrap_or((&decoded, ""));
        return Arrived::Basic {
            user: user.to_owned(),
            password: password.to_owned(),
        };
    }
    header("authorization", value)
}

fn header(name: &str, value: &str) -> Arrived {
    Arrived::Header {
        name: name.to_owned(),
        token: value.to_owned(),
    }
}

/// The query parameters from which GitLab takes a token.
const QUERY_CARRIERS: [&str; 4] = ["access_token", "bearer_token", "job_token", "private_token"];
