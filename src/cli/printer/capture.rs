//! What a command prints, for a caller in this program instead of the terminal.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use tokio::sync::watch;

/// Shows a page.
pub(in crate::cli) type Open = Box<dyn Fn(&str) + Send + Sync>;

/// Takes what one command prints as data; what it says beside that is for a terminal, and dropped.
/// The command runs as with `--json`, so that it asks nobody.
pub(in crate::cli) struct Capture {
    data: Mutex<String>,
    /// Shows a page that the command would open in the browser. `None`: it is not shown.
    open: Option<Open>,
    /// Whether the command shall give up.
    cancelled: watch::Receiver<bool>,
}

impl Capture {
    pub(in crate::cli) fn new(open: Option<Open>, cancelled: watch::Receiver<bool>) -> Self {
        Self {
            data: Mutex::default(),
            open,
            cancelled,
        }
    }

    /// What was printed as data.
    pub(in crate::cli) fn data(&self) -> String {
        let mut data = self.data.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *data)
    }

    pub(super) fn push_data(&self, text: &str) {
        let data = self.data.lock();
        data.unwrap_or_else(PoisonError::into_inner).push_str(text);
    }

    /// Shows a page to the user. Returns whether that is possible.
    pub(super) fn open(&self, url: &str) -> bool {
        self.open.as_ref().is_some_and(|open| {
            open(url);
            true
        })
    }

    /// Waits until the command shall give up.
    pub(super) async fn cancelled(&self) {
        let mut cancelled = self.cancelled.clone();
        if cancelled.wait_for(|is_so| *is_so).await.is_err() {
            std::future::pending::<()>().await; // nobody can cancel it any more
        }
    }
}

impl fmt::Debug for Capture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Capture").finish_non_exhaustive()
    }
}
