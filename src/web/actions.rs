//! What the page asks for that needs the vault.

use serde_json::Value;

/// What can be asked of whoever has the vault. All of them block.
pub trait Actions: Send + Sync + 'static {
    /// Does what is asked. The response is an object; so is the error, with `error`, `message` and
    /// `hint`.
    fn act(&self, name: &str, request: &Value) -> Result<Value, Value>;

    /// Whether it changes nothing, so that a page that only reads may ask for it.
    fn only_reads(&self, name: &str) -> bool;

    /// The address of the page was used twice: somebody else has read it.
    fn was_stolen(&self);
}
