//! `POST /api/v4/v1/chat/completions`: a chat model's response, whole or word by word, in the form
//! that the openai SDKs read.

use std::time::Duration;

use http::{Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use serde_json::{Value, json};

use crate::call::Call;
use crate::response::{self, Body};

/// Answers at once, or where the request has `"stream": true` by server-sent events.
pub(crate) async fn completions(call: &Call, body: Incoming) -> Response<Body> {
    let question = Limited::new(body, MAX_QUESTION).collect().await;
    let question = question
        .ok()
        .and_then(|body| serde_json::from_slice(&body.to_bytes()).ok());
    let Some(question): Option<Value> = question else {
        let error = json!({"error": {"message": "no JSON", "type": "invalid_request_error"}});
        return response::json(StatusCode::BAD_REQUEST, &error);
    };
    let model = question["model"].clone();
    if question["stream"] == true {
        return streamed(call, model);
    }
    let message = json!({"role": "assistant", "content": WORDS.concat()});
    let choice = json!({"index": 0, "message": message, "finish_reason": "stop"});
    let usage = json!({"prompt_tokens": 1, "completion_tokens": 3, "total_tokens": 4});
    let mut completion = event("chat.completion", &model, &choice);
    completion["usage"] = usage;
    response::json(StatusCode::OK, &completion)
}

fn streamed(call: &Call, model: Value) -> Response<Body> {
    let (mut sender, body) = Body::channel();
    call.shared.spawn(async move {
        let chunks = WORDS
            .iter()
            .map(|word| (json!({"role": "assistant", "content": word}), Value::Null));
        for (delta, reason) in chunks.chain([(json!({}), json!("stop"))]) {
            let choice = json!({"index": 0, "delta": delta, "finish_reason": reason});
            let chunk = event("chat.completion.chunk", &model, &choice);
            if sender
                .send_data(format!("data: {chunk}\n\n").into())
                .await
                .is_err()
            {
                return;
            }
            tokio::time::sleep(INTERVAL).await;
        }
        // A peer that has gone needs no end.
        let _ = sender.send_data("data: [DONE]\n\n".into()).await;
    });
    response::with_body(StatusCode::OK, "text/event-stream", body)
}

fn event(object: &str, model: &Value, choice: &Value) -> Value {
    json!({"id": "chatcmpl-1", "object": object, "created": 0, "model": model, "choices": [choice]})
}

/// What every question is answered.
const WORDS: [&str; 3] = ["Hello", " from", " ada"];
/// Between two words, so that each comes in a frame of its own.
const INTERVAL: Duration = Duration::from_millis(10);
/// Beyond what any test asks.
const MAX_QUESTION: usize = 1024 * 1024;
