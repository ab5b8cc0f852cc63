//! What only a request's body can tell: the refs of a push, what a GraphQL document does, whether
//! git-lfs downloads. The body is held until that is known, and then goes on as it came.

use std::sync::Arc;

use bytes::Bytes;
use http_body_util::BodyExt;
use serde::Deserialize;
use tokio::time::timeout;

use super::attempt::Attempt;
use crate::connection::CredentialSource;
use crate::defence::Defence;
use crate::proxy::body::replay::UploadProgress;
use crate::proxy::body::request::RequestBody;
use crate::proxy::limits::{
    INSPECTED_BODY_TIMEOUT, MAX_GRAPHQL_BODY, MAX_LFS_BATCH, PUSH_PIECE, REFUSED_PUSH_DRAIN,
};
use crate::proxy::policy::git_push::{self, Progress, PushReader, RefsReader, Refused};
use crate::proxy::policy::graphql::{GraphqlRequest, Kind, Unreadable, Verdict};
use crate::proxy::policy::route::Route;
use crate::proxy::policy::session_policy::Asked;
use crate::proxy::refusal::{Denial, Refusal};
use crate::proxy::upstream::error;

impl<S: CredentialSource> Attempt<'_, S> {
    /// The client's body, to be sent: at once, or as soon as is known what it does.
    pub(super) async fn upload(
        &mut self,
        progress: &Arc<UploadProgress>,
        route: Option<&Arc<Route>>,
    ) -> Result<RequestBody, Refusal> {
        let is_looked_into = self.denied_fields.is_some() && self.is_small_form();
        let mut body = self.outgoing(route, progress);
        if self.is_oauth {
            body = Box::pin(self.with_secrets(body, progress)).await?;
        }
        if !self.need.is_nothing() {
            return Box::pin(self.inspect(body, progress)).await;
        }
        if self.pushes() {
            return Box::pin(self.note_refs(body, progress)).await;
        }
        // A large body is broken off when a field is denied. A small one is not even begun.
        if is_looked_into && !progress.expects {
            return Box::pin(self.held(body, progress)).await;
        }
        Ok(body)
    }

    async fn inspect(
        &mut self,
        body: RequestBody,
        progress: &UploadProgress,
    ) -> Result<RequestBody, Refusal> {
        let body = self.looked_into(body, progress).await?;
        match self.asking.take() {
            Some(asking) => {
                let rule = asking.rule.clone();
                let body = self.ask(*asking, body, progress).await?;
                self.entry.let_go(rule, "the user has said yes");
                Ok(body)
            }
            None => Ok(body),
        }
    }

    async fn looked_into(
        &mut self,
        body: RequestBody,
        progress: &UploadProgress,
    ) -> Result<RequestBody, Refusal> {
        match self.need.asked() {
            Asked::Nothing => Ok(body),
            Asked::Push => self.inspect_push(body, progress).await,
            Asked::Graphql => {
                let body = self.whole(body, progress, MAX_GRAPHQL_BODY).await?;
                self.inspect_graphql(body)
            }
            Asked::LfsBatch => {
                let whole = self.whole(body, progress, MAX_LFS_BATCH).await?;
                self.inspect_lfs(whole)
            }
            Asked::Refused => Err(self.session.policy.only_reads(self.parts.method.as_str())),
        }
    }

    fn inspect_lfs(&self, whole: Option<Bytes>) -> Result<RequestBody, Refusal> {
        let batch: Option<Batch> = whole
            .as_deref()
            .and_then(|text| serde_json::from_slice(text).ok());
        if batch.is_some_and(|batch| batch.operation == "download") {
            return Ok(RequestBody::held(whole.unwrap_or_default(), None));
        }
        Err(self.session.policy.only_reads(self.parts.method.as_str()))
    }

    fn inspect_graphql(&self, body: Option<Bytes>) -> Result<RequestBody, Refusal> {
        // Only a request of a route is asked for its document.
        let Some((route, body)) = self.owner.zip(body) else {
            return Err(unreadable(&Unreadable::TooLarge));
        };
        let verdict = route
            .graphql_guard(&self.session.allowed_guards)
            .check(&GraphqlRequest {
                method: &self.parts.method,
                query: self.parts.uri.query(),
                headers: &self.parts.headers,
                body: &body,
            });
        match verdict {
            // By any method: some servers take a mutation by GET.
            Verdict::Allowed { kind }
                if kind == Kind::Mutation && self.session.policy.is_read_only() =>
            {
                Err(self.session.policy.only_reads("a GraphQL mutation"))
            }
            Verdict::Allowed { .. } => Ok(RequestBody::held(body, None)),
            Verdict::Denied {
                rule,
                reason,
                field,
            } => Err(Refusal::Guarded {
                provider: route.id.provider.to_string(),
                rule,
                reason: format!("{reason} (the GraphQL field {field})"),
            }),
            Verdict::Unreadable(_) if !Defence::GraphqlReadable.stands() => {
                Ok(RequestBody::held(body, None))
            }
            Verdict::Unreadable(why) => Err(unreadable(&why)),
        }
    }

    /// Reads a push until each policy has a verdict. Nothing of it is sent before that.
    ///
    /// A refusal is told when the client has sent all, as a server tells it: git reads no response
    /// before, and over HTTP/2 some versions of curl wait for ever if one comes early.
    async fn inspect_push(
        &mut self,
        mut body: RequestBody,
        progress: &UploadProgress,
    ) -> Result<RequestBody, Refusal> {
        let mut named = self.refs_reader();
        let verdict = self.verdict_on_push(&mut body, progress, &mut named).await;
        if let Some(named) = named {
            self.entry.pushes(named);
        }
        let held = match verdict {
            Ok(held) => held,
            Err(refusal) => {
                let rest = async { while let Some(Ok(_)) = body.frame().await {} };
                let _ = timeout(REFUSED_PUSH_DRAIN, rest).await; // then it is told all the same
                return Err(refusal);
            }
        };
        Ok(body.preceded_by(held))
    }

    /// What was held of a push that is allowed.
    async fn verdict_on_push(
        &self,
        body: &mut RequestBody,
        progress: &UploadProgress,
        named: &mut Option<RefsReader>,
    ) -> Result<Vec<Bytes>, Refusal> {
        let coding = git_push::coding_of(&self.parts.headers).map_err(|problem| Refusal::Push {
            reason: problem.to_string(),
            advice: "push with git itself".to_owned(),
            report: None,
        })?;
        let branch = self.default_branch().await;
        let policies = self.session.policy.push_policies();
        let mut readers: Vec<_> = policies
            .map(|policy| PushReader::new(Arc::clone(policy), branch.clone(), coding))
            .collect();
        loop {
            let Ok(frame) = timeout(INSPECTED_BODY_TIMEOUT, body.frame()).await else {
                return Err(Refusal::Abandoned);
            };
            let Some(frame) = frame else {
                return Ok(settle(&mut readers, PushReader::end)?.unwrap_or_default());
            };
            let frame =
                frame.map_err(|_| error::of_upload(progress).unwrap_or(Refusal::Abandoned))?;
            let Ok(mut data) = frame.into_data() else {
                continue;
            };
            while !data.is_empty() {
                let piece = data.split_to(data.len().min(PUSH_PIECE));
                if let Some(named) = named {
                    named.feed(&piece);
                }
                if let Some(mut held) = settle(&mut readers, |reader| reader.feed(&piece))? {
                    held.push(data);
                    return Ok(held);
                }
            }
        }
    }
}

/// Asks the readers that have no verdict yet. `Some` with all that was held once the last of them
/// allows the push.
fn settle(
    readers: &mut Vec<PushReader>,
    mut ask: impl FnMut(&mut PushReader) -> Progress,
) -> Result<Option<Vec<Bytes>>, Refusal> {
    let mut held = None;
    let mut at = 0;
    while let Some(reader) = readers.get_mut(at) {
        match ask(reader) {
            Progress::More => at += 1,
            Progress::Allowed => held = Some(readers.remove(at).take_held()),
            Progress::Refused(refused) => return Err(not_pushed(&refused)),
        }
    }
    Ok(held.filter(|_| readers.is_empty()))
}

fn not_pushed(refused: &Refused) -> Refusal {
    Refusal::Push {
        reason: refused.to_string(),
        advice: refused.advice().join(" "),
        report: refused.report().map(Bytes::from),
    }
}

fn unreadable(why: &Unreadable) -> Refusal {
    Refusal::Policy(Box::new(Denial {
        rule: "graphql",
        reason: format!("what this GraphQL request does cannot be told: {why}"),
        hint: "send one document as application/json, with query and variables, and no persisted query".to_owned(),
    }))
}

/// What git-lfs asks for. A name that is repeated is an error, as two servers could read that
/// differently.
#[derive(Deserialize)]
struct Batch {
    operation: String,
}
