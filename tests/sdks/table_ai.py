"""The SDKs of language models and what is near to them: how each is connected, what it calls, how the stand-in answers.

No key here has ever been one: they have the form that the definitions ask for.
"""

from sdk import Sdk, key
from standin import OneOrStream, Raw, Stream, events


def message(text, **more):
    """What OpenAI and many others answer."""
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
    return {"id": "1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice], "usage": usage, **more}


def chunk(text):
    choice = {"index": 0, "delta": {"role": "assistant", "content": text}, "finish_reason": None}
    return {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}


OPENAI = {
    "GET /v1/models": {"object": "list", "data": [{"id": "m", "object": "model", "created": 1, "owned_by": "o"}]},
    "POST /v1/chat/completions": OneOrStream(
        message("hello"), Stream(*events(chunk("one"), chunk("two")), "data: [DONE]\n\n", after="GET /v1/models")
    ),
}


def openai(name, script):
    return Sdk(
        name, "openai", script, ["api.openai.com"], ["OPENAI_API_KEY"], key("sk-proj-4Qm7cTz1KfWb9rXe2LhN8vYp5JdGs6Ua3RoT"),
        OPENAI, "hello\none two", text=("POST /v1/chat/completions", "/messages/0/content"),
    )


CLAUDE = {
    "id": "msg_1", "type": "message", "role": "assistant", "model": "m", "stop_reason": None, "stop_sequence": None,
    "content": [], "usage": {"input_tokens": 1, "output_tokens": 1},
}


def claude_delta(text):
    return {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}


ANTHROPIC = {
    "GET /v1/models": {
        "data": [{"id": "m", "type": "model", "display_name": "M", "created_at": "2026-01-01T00:00:00Z"}],
        "has_more": False, "first_id": "m", "last_id": "m",
    },
    "POST /v1/messages": OneOrStream(
        {**CLAUDE, "stop_reason": "end_turn", "content": [{"type": "text", "text": "hello"}]},
        Stream(
            "".join(events(
                {"type": "message_start", "message": CLAUDE},
                {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
                claude_delta("one"), name="type",
            )),
            *events(
                claude_delta("two"),
                {"type": "content_block_stop", "index": 0},
                {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 2}},
                {"type": "message_stop"}, name="type",
            ),
            after="GET /v1/models",
        ),
    ),
}


def anthropic(name, script):
    return Sdk(
        name, "anthropic", script, ["api.anthropic.com"], ["ANTHROPIC_API_KEY"],
        key("sk-ant-api03-7Vb2Qk9XmZc4Rt1YwN8sLpE5hGjD3aFu6oTiKxBnCvMzQrSeWyUlHdJgPfAq0I-5OaZt7RkQmVwXcBnA"),
        ANTHROPIC, "hello\none two", {"header x-api-key": "{api_key}"}, text=("POST /v1/messages", "/messages/0/content"),
    )


def gemini(text):
    return {"candidates": [{"index": 0, "content": {"role": "model", "parts": [{"text": text}]}}]}


GEMINI = {
        "GET /v1beta/models": {"models": []},
    "GET /v1/models/m": {"name": "models/m"},
    "POST /v1/models/m:generateContent": gemini("hello"),
    "POST /v1/models/m:streamGenerateContent": Stream(*events(gemini("one"), gemini("two")), after="GET /v1/models/m"),
}

SDKS = [
    openai("openai", "call_openai.py"),
    openai("openai-node", "call_openai.mjs"),
    anthropic("anthropic", "call_anthropic.py"),
    anthropic("anthropic-node", "call_anthropic.mjs"),
    Sdk(
        "google-genai", "gemini", "call_google_genai.py", ["generativelanguage.googleapis.com"], ["GEMINI_API_KEY"],
        key("AIzaSyB7kQ2mXw9RtZ4cVbN1pLhGfDsA8uEoYiK"), GEMINI, "hello\none two", {"header x-goog-api-key": "{api_key}"},
        text=("POST /v1/models/m:generateContent", "/contents/0/parts/0/text"),
    ),
    Sdk(
        "mistralai", "mistral", "call_mistral.py", ["api.mistral.ai"], ["MISTRAL_API_KEY"],
        key("q7Wz2RbX9LmKc4VtN1pYhGdF8sAeUoJi"), {**OPENAI, "POST /v1/chat/completions": message("hello")}, "hello",
        text=("POST /v1/chat/completions", "/messages/0/content"),
    ),
    Sdk(
        "groq", "groq", "call_groq.py", ["api.groq.com"], ["GROQ_API_KEY"],
        key("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"),
        {"GET /openai/v1/models": OPENAI["GET /v1/models"], "POST /openai/v1/chat/completions": message("hello")}, "hello",
        text=("POST /openai/v1/chat/completions", "/messages/0/content"),
    ),
    Sdk(
        "cohere", "cohere", "call_cohere.py", ["api.cohere.com"], ["CO_API_KEY"], key("q7Wz2RbX9LmKc4VtN1pYhGdF8sAeUoJi5TkBxMnQ"),
        {
            "GET /v1/models": {"models": []},
            "POST /v2/chat": {
                "id": "1", "finish_reason": "COMPLETE",
                "message": {"role": "assistant", "content": [{"type": "text", "text": "hello"}]},
            },
        },
        "hello", text=("POST /v2/chat", "/messages/0/content"),
    ),
    Sdk(
        "huggingface_hub", "huggingface", "call_huggingface_hub.py", ["huggingface.co", "router.huggingface.co"], ["HF_TOKEN"],
        key("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"),
        {
            "GET /api/whoami-v2": {"type": "user", "id": "1", "name": "ada", "auth": {}},
            "POST /hf-inference/models/m/v1/chat/completions": message("hello"),
        },
        "ada\nhello", text=("POST /hf-inference/models/m/v1/chat/completions", "/messages/0/content"),
    ),
    Sdk(
        "replicate", "replicate", "call_replicate.py", ["api.replicate.com"], ["REPLICATE_API_TOKEN"],
        key("r8_QkZxWvBnMtRyUpLsDgHjKfAcEoIiYwTzXq123"),
        {
            "GET /v1/account": {"type": "user", "username": "ada"},
            "GET /v1/models/ada/upper/versions/*": {
                "id": 64 * "0", "created_at": "2026-01-01T00:00:00Z", "cog_version": "0.9", "openapi_schema": {},
            },
            "POST /v1/predictions": {
                "id": "p", "model": "ada/upper", "version": 64 * "0", "status": "succeeded", "input": {}, "output": "HELLO",
                "created_at": "2026-01-01T00:00:00Z", "urls": {},
            },
        },
        "HELLO",
    ),
    Sdk(
        "elevenlabs", "elevenlabs", "call_elevenlabs.py", ["api.elevenlabs.io"], ["ELEVENLABS_API_KEY"],
        key("sk_7c1e94b0d2f35a8866e1b7c90d4f2a3b5c6d7e8f90a1b2c3"),
        {
            "GET /v1/user": {"user_id": "ada", "subscription": {}, "is_new_user": False, "xi_api_key": None},
            "POST /v1/text-to-speech/v": Raw(b"hello", "audio/mpeg"),
        },
        "ada\nhello", {"header xi-api-key": "{api_key}"},
    ),
    Sdk(
        "deepgram-sdk", "deepgram", "call_deepgram.py", ["api.deepgram.com"], ["DEEPGRAM_API_KEY"],
        key("7c1e94b0d2f35a8866e1b7c90d4f2a3b5c6d7e8f"),
        {
            "GET /v1/projects": {"projects": []},
            "GET /v1/auth/token": {},
            "POST /v1/listen": {
                "metadata": {"request_id": "1", "created": "2026-01-01T00:00:00Z", "duration": 1.0, "channels": 1, "sha256": "0"},
                "results": {"channels": [{"alternatives": [{"transcript": "hello", "confidence": 1.0, "words": []}]}]},
            },
        },
        "hello", {"header authorization": "Token {api_key}"},
    ),
    Sdk(
        "tavily-python", "tavily", "call_tavily.py", ["api.tavily.com"], ["TAVILY_API_KEY"],
        key("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"),
        {
            "GET /usage": {},
            "POST /search": {"query": "q", "results": [{"title": "hello", "url": "https://example.com", "content": "", "score": 1}]},
        },
        "hello",
    ),
    Sdk(
        "pinecone", "pinecone", "call_pinecone.py", ["api.pinecone.io"], ["PINECONE_API_KEY"],
        key("pcsk_7Vb2Qk_9XmZc4Rt1YwN8sLpE5hGjD3aFu6oTiKxBnCvMzQrSeWyUlHdJgPfAq0I"),
        {"GET /indexes": {"indexes": []}}, "[]", {"header api-key": "{api_key}"},
    ),
]
