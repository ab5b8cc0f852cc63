//! `/api/v4/projects/:id/variables/:key`: a project's CI variables.

use http::{Method, Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use crate::call::Call;
use crate::response::{self, Body};

/// Reads or replaces one; it must be there.
pub(crate) async fn serve(call: &Call, route: &str, body: Incoming) -> Response<Body> {
    let named = route
        .strip_prefix("projects/")
        .and_then(|rest| rest.split_once("/variables/"));
    // The project's path is one segment.
    let Some((project, name)) = named.filter(|(project, _)| !project.contains('/')) else {
        return response::not_found();
    };
    let project = percent_decode_str(project).decode_utf8_lossy();
    let key = format!("{project}/{name}");
    let body = Limited::new(body, MAX_BODY).collect().await;
    let mut variables = call.shared.variables();
    let Some(value) = variables.get_mut(&key) else {
        return response::json(
            StatusCode::NOT_FOUND,
            &json!({"message": "404 Variable Not Found"}),
        );
    };
    if call.method() == Method::PUT {
        let fields: Option<Value> = body
            .ok()
            .and_then(|body| serde_json::from_slice(&body.to_bytes()).ok());
        let new = fields.as_ref().and_then(|fields| fields["value"].as_str());
        match new {
            Some(new) if new.len() <= MAX_VALUE => new.clone_into(value),
            _ => {
                let words =
                    json!({"message": {"value": ["is too long (maximum is 10000 characters)"]}});
                return response::json(StatusCode::BAD_REQUEST, &words);
            }
        }
    }
    let shown = json!({
        "key": name,
        "variable_type": "file",
        "value": *value,
        "protected": false,
        "masked": false,
        "hidden": false,
        "raw": true,
        "environment_scope": "*",
    });
    response::json(StatusCode::OK, &shown)
}

/// Beyond what a variable needs.
const MAX_BODY: usize = 64 * 1024;
/// GitLab's own limit.
const MAX_VALUE: usize = 10_000;
