//! Finds the authorization server of a protected resource: by the resource's challenge and metadata
//! (RFC 9728), and the server's own metadata (RFC 8414, `OpenID` Connect Discovery).
//!
//! ```text
//! resource -- 401, resource_metadata --> its metadata --> authorization_servers[0]
//!     +------ no such challenge --> /.well-known/oauth-protected-resource -+
//!                                         +-- none --> the resource's own origin
//! issuer --> /.well-known/oauth-authorization-server --> /.well-known/openid-configuration
//! ```

use serde_json::Value;
use url::{Host, Url};

use super::error::{OAuthError, printable};
use super::http::{HttpClient, host_of};

/// The authorization server of a resource.
#[derive(Clone, Debug)]
pub struct Discovered {
    /// The resource, as it names itself (RFC 8707).
    pub resource: String,
    /// The server's identifier.
    pub issuer: String,
    /// Where the user is sent.
    pub authorization_endpoint: Url,
    /// Where codes are exchanged.
    pub token_endpoint: Url,
    /// Where an application registers itself.
    pub registration_endpoint: Option<Url>,
    /// Where a grant is revoked.
    pub revocation_endpoint: Option<Url>,
    /// Whether a client's secret has to go into the `Authorization` field.
    pub basic: bool,
    /// The scopes that the resource asks for.
    pub scopes: Vec<String>,
}

/// Finds the authorization server of the resource at that URL.
pub async fn discover(resource: &Url, http: &HttpClient) -> Result<Discovered, OAuthError> {
    let challenge = http.challenge(resource).await?;
    let parameter = |name| {
        challenge
            .as_deref()
            .and_then(|text| parameter_of(text, name))
    };
    let named = parameter("resource_metadata").and_then(|text| safe_url(&text, resource));
    let wanted = parameter("scope");
    let described = described(resource, named, http).await?;
    let issuer = described
        .as_ref()
        .and_then(|found| found.pointer("/authorization_servers/0")?.as_str());
    // Before RFC 9728, a resource was its own authorization server.
    let issuer = match issuer {
        Some(issuer) => safe_url(issuer, resource).ok_or_else(|| OAuthError::Metadata {
            host: host_of(resource),
            reason: "its authorization server is not https, or is this machine".to_owned(),
        })?,
        None => root_of(resource),
    };
    let (issuer, server) = metadata_of(&issuer, http).await?;
    let endpoint = |name: &str| safe_url(server.get(name)?.as_str()?, resource);
    let missing = |name: &str| OAuthError::Metadata {
        host: host_of(resource),
        reason: format!("its authorization server names no {name}"),
    };
    let described = described.as_ref();
    let own_scopes = described.and_then(|found| found.get("scopes_supported"));
    let name = described.and_then(|found| found.get("resource")?.as_str());
    Ok(Discovered {
        resource: name.unwrap_or(resource.as_str()).to_owned(),
        issuer,
        authorization_endpoint: endpoint("authorization_endpoint")
            .ok_or_else(|| missing("authorization endpoint"))?,
        token_endpoint: endpoint("token_endpoint").ok_or_else(|| missing("token endpoint"))?,
        registration_endpoint: endpoint("registration_endpoint"),
        revocation_endpoint: endpoint("revocation_endpoint"),
        basic: is_basic_only(&server),
        scopes: match wanted {
            Some(scopes) => scopes.split_ascii_whitespace().map(str::to_owned).collect(),
            None => texts(own_scopes),
        },
    })
}

/// The resource's metadata, if it has some. It has to be about this resource (RFC 9728 §3.3): a
/// server could otherwise have tokens made for another one.
async fn described(
    resource: &Url,
    named: Option<Url>,
    http: &HttpClient,
) -> Result<Option<Value>, OAuthError> {
    let path = resource.path().trim_end_matches('/');
    let usual = [
        well_known(resource, "oauth-protected-resource", path),
        well_known(resource, "oauth-protected-resource", ""),
    ];
    for place in named.into_iter().chain(usual) {
        match http.get_json(&place).await {
            Ok(found) if is_about(&found, resource) => return Ok(Some(found)),
            Ok(found) if found.get("resource").is_some() => {
                let named = found.get("resource").and_then(Value::as_str);
                let named = named.unwrap_or("nothing").to_owned();
                return Err(OAuthError::Metadata {
                    host: host_of(&place),
                    reason: format!("it is about {}, another resource", printable(&named)),
                });
            }
            Err(error) if error.is_unreachable() => return Err(error),
            _ => {}
        }
    }
    Ok(None)
}

/// Whether a client's secret has to go into the `Authorization` field (RFC 8414 §2).
fn is_basic_only(server: &Value) -> bool {
    let methods = texts(server.get("token_endpoint_auth_methods_supported"));
    let has = |method: &str| methods.iter().any(|found| found == method);
    has("client_secret_basic") && !has("client_secret_post")
}

/// Whether the metadata's resource is that URL, or a place above it on the same origin.
fn is_about(metadata: &Value, resource: &Url) -> bool {
    let named = metadata.get("resource").and_then(Value::as_str);
    let Some(named) = named.and_then(|text| Url::parse(text).ok()) else {
        return false;
    };
    let (above, path) = (named.path().trim_end_matches('/'), resource.path());
    let rest = path.strip_prefix(above);
    named.origin() == resource.origin()
        && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The metadata of the authorization server, and its identifier. The two have to agree (RFC 8414
/// §3.3).
async fn metadata_of(issuer: &Url, http: &HttpClient) -> Result<(String, Value), OAuthError> {
    let path = issuer.path().trim_end_matches('/');
    let mut below = issuer.clone();
    below.set_path(&format!("{path}/.well-known/openid-configuration"));
    let places = [
        well_known(issuer, "oauth-authorization-server", path),
        well_known(issuer, "openid-configuration", path),
        below,
    ];
    let mut last = None;
    for place in places {
        match http.get_json(&place).await {
            Ok(found) => {
                let named = found
                    .get("issuer")
                    .and_then(Value::as_str)
                    .unwrap_or_default();
                if named.trim_end_matches('/') == issuer.as_str().trim_end_matches('/') {
                    let named = named.to_owned();
                    return Ok((named, found));
                }
                last = Some(OAuthError::Metadata {
                    host: host_of(&place),
                    reason: match named {
                        "" => "it names no issuer".to_owned(),
                        named => format!("it names another issuer, {}", printable(named)),
                    },
                });
            }
            Err(error) if error.is_unreachable() => return Err(error),
            Err(error) => last = last.or(Some(error)),
        }
    }
    Err(match last {
        Some(error @ OAuthError::Metadata { .. }) => error,
        _ => OAuthError::NoMetadata {
            host: host_of(issuer),
        },
    })
}

/// `/.well-known/NAME` before the path (RFC 8414 §3.1).
fn well_known(url: &Url, name: &str, path: &str) -> Url {
    let mut place = root_of(url);
    place.set_path(&format!("/.well-known/{name}{path}"));
    place
}

fn root_of(url: &Url) -> Url {
    let mut root = url.clone();
    root.set_path("");
    root.set_query(None);
    root.set_fragment(None);
    root
}

/// A URL that a resource or its server names, which must be https, or http on this machine. Only a
/// resource on this machine may lead to this machine: another one would reach its services.
fn safe_url(text: &str, resource: &Url) -> Option<Url> {
    let base: authsome_providers::BaseUrl = text.split('?').next()?.parse().ok()?;
    let url = Url::parse(text).ok()?;
    let is_read_alike =
        url.host_str().map(|host| host.trim_matches(['[', ']'])) == Some(base.host());
    let is_reachable = !is_here(&url) || is_here(resource);
    (is_read_alike && is_reachable).then_some(url)
}

fn is_here(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback() || address.is_unspecified(),
        Some(Host::Ipv6(address)) => {
            address.to_canonical().is_loopback() || address.is_unspecified()
        }
        None => false,
    }
}

fn texts(value: Option<&Value>) -> Vec<String> {
    let items = value.and_then(Value::as_array).into_iter().flatten();
    let texts = items.filter_map(Value::as_str);
    texts.map(str::to_owned).collect()
}

/// A parameter of a `Bearer` challenge (RFC 9110 §11.2): `name="value"` or `name=value`.
fn parameter_of(challenge: &str, name: &str) -> Option<String> {
    let lower = challenge.to_ascii_lowercase();
    let mut from = 0;
    loop {
        let at = from + lower.get(from..)?.find(&format!("{name}="))?;
        let is_whole = at == 0
            || lower.as_bytes()[at - 1].is_ascii_whitespace()
            || lower.as_bytes()[at - 1] == b',';
        let rest = challenge.get(at + name.len() + 1..)?;
        if is_whole {
            return match rest.strip_prefix('"') {
                Some(quoted) => quoted.split('"').next().map(str::to_owned),
                None => rest.split([',', ' ']).next().map(str::to_owned),
            };
        }
        from = at + name.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_names_where_the_metadata_is() {
        let text = r#"Bearer error="invalid_token", resource_metadata="https://a.test/.well-known/x", scope="a b""#;
        let found = |name| parameter_of(text, name);
        assert_eq!(
            found("resource_metadata").unwrap(),
            "https://a.test/.well-known/x"
        );
        assert_eq!(found("scope").unwrap(), "a b");
        assert_eq!(found("metadata"), None);
        assert_eq!(parameter_of("Bearer scope=a, x=y", "scope").unwrap(), "a");
        assert_eq!(parameter_of("", "scope"), None);
    }

    #[test]
    fn metadata_is_about_its_resource_or_what_is_below() {
        let about = |named: &str, resource: &str| {
            is_about(
                &serde_json::json!({ "resource": named }),
                &resource.parse().unwrap(),
            )
        };
        assert!(about("https://a.test/mcp", "https://a.test/mcp"));
        assert!(about("https://a.test", "https://a.test/mcp"));
        assert!(about("https://a.test/", "https://a.test/mcp"));
        assert!(!about("https://a.test/mc", "https://a.test/mcp"));
        assert!(!about("https://b.test/mcp", "https://a.test/mcp"));
        assert!(!about("http://a.test/mcp", "https://a.test/mcp"));
    }

    #[test]
    fn endpoints_are_https_or_here() {
        let url = |text: &str| Url::parse(text).unwrap();
        let here = url("https://localhost:1/mcp");
        for (text, is_safe) in [
            ("https://a.test/x?y=z", true),
            ("http://127.0.0.1:99/x", true),
            ("http://a.test/x", false),
            ("https://u:p@a.test/x", false),
            ("javascript:alert(1)", false),
        ] {
            assert_eq!(safe_url(text, &here).is_some(), is_safe, "{text}");
        }
        let elsewhere = url("https://a.test/mcp");
        for (text, is_safe) in [
            ("https://b.test/x", true),
            ("http://127.0.0.1:99/x", false),
            ("https://127.1/x", false),
            ("https://[::ffff:127.0.0.1]/x", false),
            ("https://localhost/x", false),
            ("https://x.localhost/x", false),
        ] {
            assert_eq!(safe_url(text, &elsewhere).is_some(), is_safe, "{text}");
        }
    }
}
