//! What a session would do with a request, without one that serves.

use super::SessionPlan;
use super::routes::routes;
use crate::proxy::DryRun;

impl SessionPlan<'_> {
    /// The rules of the session that would be started.
    pub fn dry_run(self) -> DryRun {
        let (routes, _) = routes(self.members, self.notify);
        let permitted = self.permitted;
        let dry_run = DryRun::new(routes, permitted.policy, permitted.allowed_guards);
        dry_run.asking(permitted.asked_guards)
    }
}
