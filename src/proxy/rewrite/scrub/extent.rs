//! How far the search of responses goes.

/// What a session's responses are searched in for its secrets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ScrubExtent {
    /// Nothing.
    Off,
    /// Header fields and trailers.
    Headers,
    /// Fields, trailers, and bodies and WebSocket messages that can hold text.
    #[default]
    On,
}
