//! Describes services: their hosts, their endpoints and the form of their credentials.
//!
//! A *definition* is JSON with comments, bundled with authsome or written by the user. It is parsed
//! once into a [`Provider`]. [`Provider::at`] applies the base URL of a connection and returns a
//! [`Service`], which answers all questions of the proxy. [`Provider::sign_in_at`] does the same
//! for a login.
//!
//! ```
//! use authsome_providers::{Catalog, Shape};
//!
//! let gitlab = Catalog::new(None).get(&"gitlab".parse()?)?;
//! let base = "gitlab.acme.com/gitlab".parse()?;
//! let service = gitlab.provider.at(Some(&base))?;
//!
//! let path = service.relative_path("/gitlab/api/v4/user").unwrap_or_default();
//! let shape = service.rules.injection("gitlab.acme.com", "GET", path, None);
//! let shape = shape.map(|found| &service.rules.shapes()[found.shape]);
//! assert_eq!(shape, Some(&Shape::Bearer));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! **Invariant:** this crate knows no tokens, storage, HTTP clients or time. The only files that it
//! reads are the custom definitions.

mod base_url;
mod bundled;
mod catalog;
mod condition;
mod definition;
mod endpoint;
mod error;
mod field;
mod git_section;
mod host;
mod id;
mod json;
mod landmarks;
mod params;
mod parse;
mod path_pattern;
mod pointer;
mod provider;
mod reader;
mod route;
mod rules;
mod scheme;
mod scope_rules;
mod secret_shape;
mod service;
mod shape;
mod source;
mod spelling;
mod suffix;
mod template;
mod whole_text;
mod words;

pub use base_url::{BaseUrl, UrlError};
pub use catalog::{Catalog, CatalogError, Listed};
pub use definition::Definition;
pub use endpoint::Endpoint;
pub use error::DefinitionError;
pub use field::{CredentialField, KeyPattern, PLACEHOLDER, Param};
pub use git_section::GitSection;
pub use host::{HostError, HostPattern, HostRegex};
pub use id::{ProviderId, ProviderIdError};
pub use params::INSTANCE_URL;
pub use path_pattern::{PathPattern, PatternError, glob_matches};
pub use pointer::{JsonPointer, JsonPointerError};
pub use provider::{
    Address, ApiKey, ApplicationForm, Auth, Checked, Export, InstanceUrl, KeyExchange, OAuth, Post,
    Provider, SignedFor,
};
pub use route::RoutePattern;
pub use rules::{Carriers, GraphqlNames, GuardRule, Injection, Rules, SentNames};
pub use scheme::Scheme;
pub use scope_rules::ScopeRules;
pub use secret_shape::{NotAShape, SecretShape, Then};
pub use service::{AccountLookup, OAuthEndpoints, Service, SignIn};
pub use shape::Shape;
pub use source::Source;
pub use template::{Piece, Template};
pub use words::{ClientAuthentication, ExportField, Flow, RedirectHost, TokenRequestForm};
