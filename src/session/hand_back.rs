//! Where the new pairs of a session go, for the next job.

use std::sync::Arc;

use super::closing::QUIET_WAIT;
use super::made_with::is_on_route;
use super::member::Member;
use super::notice::Notice;
use super::options::Options;
use super::user_data::UserData;
use crate::child::Child;
use crate::credential::ConnectionId;
use crate::env::programs::Programs;
use crate::hand_back::{ATTEMPT_TIMEOUT, HandBack, Means, Target};
use crate::oauth::HttpClients;
use url::Url;

/// What hands the new pairs back, if the user has asked for that.
pub(super) fn hand_back(
    options: &Options,
    data: &UserData,
    members: &[Member],
    http: &HttpClients,
    programs: Programs,
) -> Option<Arc<HandBack>> {
    let on_rotate = options.on_rotate.clone()?;
    let means = Means {
        home: data.home.clone(),
        store: data.store.clone(),
        audit: Arc::clone(&data.audit),
        http: http.clone(),
        programs,
        variables: members.iter().filter_map(variables).collect(),
        timeout: data.settings.on_rotate_timeout().unwrap_or(ATTEMPT_TIMEOUT),
    };
    let connections = members.iter().map(|member| &member.stored.connection);
    Some(Arc::new(HandBack::new(on_rotate, connections, means)))
}

/// Tells of connections whose new pairs could not be handed back.
pub(super) fn announce(options: &Options, members: &[Member], notify: &dyn Fn(Notice)) {
    let target = options
        .on_rotate
        .as_ref()
        .map(|on_rotate| &on_rotate.target);
    if !matches!(target, Some(Target::Variable { .. })) {
        return;
    }
    for member in members {
        let connection = &member.stored.connection;
        if connection.tokens.refresh.is_some() && variables(member).is_none() {
            notify(Notice::NoVariables(connection.id.clone()));
        }
    }
}

/// Hands new pairs back in the background. This ends with the runtime.
pub(super) fn serve(hand_back: &Arc<HandBack>) {
    let hand_back = Arc::clone(hand_back);
    tokio::spawn(async move { hand_back.serve().await });
}

/// From now on, commands are started so that they are not taken for children of the run's command.
pub(super) fn start_apart(hand_back: Option<&HandBack>, child: &Child) {
    if let Some(hand_back) = hand_back {
        hand_back.start_apart(child.apart());
    }
}

/// Hands back what was not handed back during the run; whether all of it is there now. If that
/// takes long, it notifies the user, and from then on `given_up` ends the wait.
pub(super) async fn hand_back_rest(
    hand_back: Option<&HandBack>,
    notify: &dyn Fn(Notice),
    given_up: impl Future<Output = ()>,
) -> bool {
    let Some(hand_back) = hand_back else {
        return true; // that was not asked for
    };
    let given_up = async {
        tokio::time::sleep(QUIET_WAIT).await;
        notify(Notice::WaitingForHandBack);
        given_up.await;
    };
    tokio::select! {
        biased;
        () = hand_back.finish() => {}
        () = given_up => {}
    }
    let failed = hand_back.rest();
    for id in hand_back.adopted() {
        notify(Notice::Adopted(id));
    }
    let is_done = failed.is_empty();
    for (id, error) in failed {
        notify(Notice::NotHandedBack { id, error });
    }
    is_done
}

/// Where the connection's server keeps variables of CI projects, if that is on one of its routes:
/// its token goes nowhere else.
fn variables(member: &Member) -> Option<(ConnectionId, Url)> {
    let connection = &member.stored.connection;
    let url = member
        .provider
        .ci_variables_at(connection.base_url.as_ref())
        .ok()??;
    is_on_route(&url, &member.service.routes).then(|| (connection.id.clone(), url))
}
