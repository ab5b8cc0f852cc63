//! What can be asked of a run: the handlers by the names of what they do.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use serde_json::{Value, json};

/// The response of a handler, in the future.
pub type Reply<'a> = Pin<Box<dyn Future<Output = Result<Value, ControlError>> + Send + 'a>>;

/// Does what one kind of request asks for.
pub trait Handler: Send + Sync {
    /// The response to a request. It is dropped if the client leaves before.
    fn handle<'a>(&'a self, request: &'a Value) -> Reply<'a>;
}

/// A request that is not served.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ControlError {
    /// A word for programs.
    pub code: &'static str,
    /// A sentence for people.
    pub message: String,
}

impl ControlError {
    /// An error of that code.
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }

    pub(super) fn value(&self) -> Value {
        json!({ "error": self.code, "message": self.message })
    }
}

/// The handlers of a run.
#[derive(Clone, Default)]
pub struct Handlers(BTreeMap<&'static str, Arc<dyn Handler>>);

impl Handlers {
    /// Takes requests whose `do` is `name` to that handler.
    #[must_use]
    pub fn with(mut self, name: &'static str, handler: Arc<dyn Handler>) -> Self {
        self.0.insert(name, handler);
        self
    }

    pub(super) fn of(&self, name: &str) -> Option<&Arc<dyn Handler>> {
        self.0.get(name)
    }
}
