//! What a service is: its hosts, its endpoints and the shape of its credential.
//!
//! A *definition* is JSON with comments, bundled with authsome or written by the user. It is parsed
//! once, at the edge, into a [`Provider`]; [`Provider::at`] puts that provider at a place (the base
//! URL of a connection) and gives a [`Service`], which the proxy asks everything else;
//! [`Provider::sign_in_at`] gives what the login asks.
//!
//! ```
//! use authsome_providers::{Catalog, Shape};
//!
//! let gitlab = Catalog::new(None).get(&"gitlab".parse()?)?;
//! let base = "gitlab.acme.com/gitlab".parse()?;
//! let service = gitlab.provider.at(Some(&base))?;
//!
//! let path = service.relative_path("/gitlab/api/v4/user").unwrap_or_default();
//! let shape = service.rules.injection("GET", path, None).map(|index| &service.rules.shapes()[index]);
//! assert_eq!(shape, Some(&Shape::Bearer));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! **Invariant:** nothing here knows a token, a store, an HTTP client or the time. The only files
//! read are the custom definitions.

mod base_url;
mod catalog;
mod condition;
mod definition;
mod endpoint;
mod error;
mod host;
mod id;
mod landmarks;
mod parse;
mod path_pattern;
mod pointer;
mod provider;
mod reader;
mod route;
mod rules;
mod scheme;
mod service;
mod shape;
mod source;
mod suffix;

pub use base_url::{BaseUrl, UrlError};
pub use catalog::{Catalog, CatalogError, Listed};
pub use definition::Definition;
pub use endpoint::Endpoint;
pub use error::DefinitionError;
pub use host::{HostError, HostPattern, HostRegex};
pub use id::{ProviderId, ProviderIdError};
pub use path_pattern::PatternError;
pub use pointer::{JsonPointer, JsonPointerError};
pub use provider::{
    Address, ApiKey, Auth, ClientAuthentication, DeviceTokenRequest, Export, ExportField, Flow,
    KeyPattern, OAuth, Provider,
};
pub use route::RoutePattern;
pub use rules::{Carriers, GuardRule, Rules};
pub use scheme::Scheme;
pub use service::{AccountLookup, OAuthEndpoints, Service, SignIn};
pub use shape::Shape;
pub use source::Source;
