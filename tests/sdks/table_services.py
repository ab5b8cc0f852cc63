"""The SDKs and CLIs of all other services: how each is connected, what it calls, how the stand-in answers.

No key here has ever been one: they have the form that the definitions ask for.
"""

import base64

import sigv4
from sdk import Sdk, key
from standin import Raw

NOW = "2026-01-01T00:00:00Z"


def basic(user, password):
    """What `Authorization` has for them (RFC 7617). Templates, as all that is in `credential`."""
    return lambda _, fields: "Basic " + base64.b64encode(f"{user}:{password}".format(**fields).encode()).decode()


CALLER = b"""<?xml version="1.0"?><GetCallerIdentityResponse><GetCallerIdentityResult><UserId>1</UserId><Account>123456789012</Account>
<Arn>arn:aws:iam::123456789012:user/ada</Arn></GetCallerIdentityResult></GetCallerIdentityResponse>"""
BUCKET = b"""<?xml version="1.0"?><ListBucketResult><Name>ada-engines</Name><KeyCount>1</KeyCount></ListBucketResult>"""

GITHUB = {
    "GET /user": {"login": "ada", "id": 1},
    "POST /graphql": {"data": {"viewer": {"login": "ada"}, "repository": {"name": "engine"}}},
}


def github(name, script, variable, says):
    return Sdk(
        name, "github-token", script, ["api.github.com"], [variable], key("ghp_QkZxWvBnMtRyUpLsDgHjKfAcEoIiYwTzXq12"), GITHUB, says,
        {"header authorization": "Bearer {api_key}"},
    )


SLACK = {
    "GET /api/auth.test": {"ok": True, "user_id": "U1", "user": "ada"},
    "POST /api/auth.test": {"ok": True, "user_id": "U1", "user": "ada"},
    "POST /api/chat.postMessage": {"ok": True, "ts": "1700000000.000100", "channel": "C1"},
}


def slack(name, script):
    # Put together here, so that no scanner of secrets takes it for one.
    token = "-".join(["xoxb", "701234567890", "7098765432101", "Qk7Wz2RbX9LmKc4VtN1pYhGd"])
    return Sdk(name, "slack-token", script, ["slack.com"], ["SLACK_BOT_TOKEN"], key(token), SLACK, "1700000000.000100")


NOTION = {"GET /v1/users/me": {"object": "user", "id": "1", "type": "bot", "name": "Ada", "bot": {}}}


def notion(name, script):
    token = "ntn_401273958260QkZxWvBnMtRyUpLsDgHjKfAcEoIiYwTz"
    return Sdk(name, "notion-token", script, ["api.notion.com"], ["NOTION_TOKEN"], key(token), NOTION, "Ada")


DISCORD_BOT = {
    "id": "80351110224678912", "username": "Ada", "discriminator": "0", "global_name": None, "avatar": None, "bot": True,
    "mfa_enabled": False, "verified": True, "flags": 0,
}


def discord(name, script):
    return Sdk(
        name, "discord", script, ["discord.com"], ["DISCORD_TOKEN"],
        key("ODAzNTExMTAyMjQ2Nzg5MTI.GkQ7Wz.2RbX9LmKc4VtN1pYhGdF8sAeUoJi5TkBxMnQwE"),
        {"GET /api/v10/users/@me": DISCORD_BOT, "GET /api/v10/oauth2/applications/@me": {
            "id": "80351110224678912", "name": "Ada", "description": "", "icon": None, "summary": "", "bot_public": False,
            "bot_require_code_grant": False, "verify_key": "0", "flags": 0, "owner": DISCORD_BOT, "team": None,
        }},
        "Ada", {"header authorization": "Bot {api_key}"},
    )


def stripe(name, script, variable):
    token = "_".join(["sk", "test", "51QkZxWvBnMtRyUpLsDgHjKfAcEoIiYwTzXq1234567890"])
    customer = {"id": "cus_1", "object": "customer", "name": "Ada"}
    return Sdk(
        name, "stripe", script, ["api.stripe.com"], [variable], key(token),
        {"GET /v1/account": {"id": "acct_1", "object": "account"}, "POST /v1/customers": customer}, "cus_1",
    )


def airtable(name, script):
    record = {"id": "rec1", "createdTime": NOW, "fields": {"Name": "hello"}}
    return Sdk(
        name, "airtable", script, ["api.airtable.com"], ["AIRTABLE_API_KEY"],
        key("patQkZxWvBnMtRyUp.7c1e94b0d2f35a8866e1b7c90d4f2a3b5c6d7e8f90a1b2c3d4e5f60718293a4b"),
        {"GET /v0/meta/whoami": {"id": "usr1"}, "GET /v0/appAda/Engines": {"records": [record]}}, "hello",
    )


SDKS = [
    github("octokit", "call_octokit.mjs", "GITHUB_TOKEN", "ada\nada"),
    github("PyGithub", "call_pygithub.py", "GITHUB_TOKEN", "ada"),
    github("gh", "call_gh.sh", "GH_TOKEN", "ada\nengine"),
    stripe("stripe", "call_stripe.py", "STRIPE_API_KEY"),
    stripe("stripe-node", "call_stripe.mjs", "STRIPE_SECRET_KEY"),
    slack("slack_sdk", "call_slack_sdk.py"),
    slack("slack-web-api", "call_slack_web_api.mjs"),
    notion("notion-client", "call_notion_client.py"),
    notion("notionhq-client", "call_notionhq_client.mjs"),
    discord("discord.py", "call_discord_py.py"),
    discord("discordjs-rest", "call_discordjs_rest.mjs"),
    airtable("pyairtable", "call_pyairtable.py"),
    airtable("airtable.js", "call_airtable.mjs"),
    Sdk(
        "linear-sdk", "linear-token", "call_linear_sdk.mjs", ["api.linear.app"], ["LINEAR_API_KEY"],
        key("lin_api_QkZxWvBnMtRyUpLsDgHjKfAcEoIiYwTzXq123456"),
        {"POST /graphql": {"data": {"viewer": {"id": "1", "name": "Ada"}}}}, "Ada", {"header authorization": "{api_key}"},
    ),
    Sdk(
        "twilio", "twilio", "call_twilio.py", ["api.twilio.com"], ["TWILIO_AUTH_TOKEN"],
        {
            "account_sid": "AC7c1e94b0d2f35a8866e1b7c90d4f2a3b", "user": "AC7c1e94b0d2f35a8866e1b7c90d4f2a3b",
            "auth_token": "5c6d7e8f90a1b2c3d4e5f60718293a4b",
        },
        {
            "GET /2010-04-01/Accounts/AC*/Balance.json": {"account_sid": "AC7c1e94b0d2f35a8866e1b7c90d4f2a3b"},
            "POST /2010-04-01/Accounts/AC*/Messages.json": {"sid": "SM1"},
        },
        "SM1", {"header authorization": basic("{user}", "{auth_token}")}, public=("account_sid", "user"),
    ),
    Sdk(
        "sendgrid", "sendgrid", "call_sendgrid.py", ["api.sendgrid.com"], ["SENDGRID_API_KEY"],
        key(".".join(["SG", "Qk7Wz2RbX9LmKc4VtN1pYh", "GdF8sAeUoJi5TkBxMnQwE3rTyUiOpAsDfGhJkLzXcVb"])),
        {"GET /v3/scopes": {"scopes": []}, "POST /v3/mail/send": Raw(b"", status=202, headers=[("X-Message-Id", "hello")])}, "hello",
    ),
    Sdk(
        "datadog-api-client", "datadog", "call_datadog.py", ["api.us3.datadoghq.com"], ["DD_API_KEY", "DD_APP_KEY"],
        {"api_key": "7c1e94b0d2f35a8866e1b7c90d4f2a3b", "app_key": "5c6d7e8f90a1b2c3d4e5f60718293a4b7c1e94b0"},
        {
            "GET /api/v2/current_user": {"data": {"id": "1", "attributes": {"email": "ada@example.com"}}},
            "GET /api/v1/monitor": [{"id": 1, "name": "hello", "type": "metric alert", "query": "q"}],
        },
        "hello", {"header dd-api-key": "{api_key}", "header dd-application-key": "{app_key}"},
        params={"site": "us3.datadoghq.com"},
    ),
    Sdk(
        "sentry-cli", "sentry", "call_sentry_cli.sh", ["sentry.io"], ["SENTRY_AUTH_TOKEN"],
        key("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"),
        {
            "GET /api/0/organizations/": [{
                "id": "1", "slug": "ada-org", "name": "Ada", "dateCreated": NOW, "isEarlyAdopter": False, "require2FA": False,
                "requireEmailVerification": False, "features": [],
            }],
        },
        "ada-org",
    ),
    Sdk(
        "cloudflare", "cloudflare", "call_cloudflare.py", ["api.cloudflare.com"], ["CLOUDFLARE_API_TOKEN"],
        key("Qk7Wz2RbX9LmKc4VtN1pYhGdF8sAeUoJi5TkBxMn"),
        {
            "GET /client/v4/user/tokens/verify": {"success": True, "errors": [], "result": {"id": "1", "status": "active"}},
            "GET /client/v4/zones": {
                "success": True, "errors": [], "messages": [], "result": [{"id": "1", "name": "example.com"}],
                "result_info": {"page": 1, "per_page": 20, "count": 1, "total_count": 1},
            },
        },
        "example.com",
    ),
    Sdk(
        "jira", "jira-token", "call_jira.py", ["acme.atlassian.net"], ["JIRA_API_TOKEN"],
        {"user": "ada@example.com", "token": "ATATT3xFfGF0QkZxWvBnMtRyUpLsDgHjKfAcEoIiYwTzXq=7C1E94B0"},
        {
            "GET /rest/api/3/myself": {"accountId": "1", "emailAddress": "ada@example.com"},
            "GET /rest/api/2/serverInfo": {"version": "1001.0.0", "versionNumbers": [1001, 0, 0], "deploymentType": "Cloud"},
            "GET /rest/api/2/field": [],
            "GET /rest/api/2/myself": {"accountId": "1", "displayName": "Ada"},
        },
        "Ada", {"header authorization": basic("{user}", "{token}")}, {"site": "acme"}, public=("user",),
    ),
    Sdk(
        "zenpy", "zendesk", "call_zenpy.py", ["acme.zendesk.com"], ["ZENDESK_API_TOKEN"],
        {"user": "ada@example.com", "token": "Qk7Wz2RbX9LmKc4VtN1pYhGdF8sAeUoJi5TkBxMn"},
        {"GET /api/v2/users/me.json": {"user": {"id": 1, "name": "Ada", "email": "ada@example.com"}}},
        "Ada", {"header authorization": basic("{user}/token", "{token}")}, {"subdomain": "acme"}, public=("user",),
    ),
    Sdk(
        "python-telegram-bot", "telegram", "call_telegram.py", ["api.telegram.org"], ["TELEGRAM_BOT_TOKEN"],
        key("7012345678:AAHkQ7Wz2RbX9LmKc4VtN1pYhGdF8sAeUoJ"),
        {
            "* /bot*/getMe": {"ok": True, "result": {"id": 7012345678, "is_bot": True, "first_name": "Ada", "username": "ada_bot"}},
            "POST /bot*/getFile": {"ok": True, "result": {"file_id": "f", "file_unique_id": "u", "file_path": "documents/a.txt"}},
            "GET /file/bot*/documents/a.txt": Raw(b"hello"),
        },
        "ada_bot\nhello", {"path": "bot{api_key}/"},
    ),
    Sdk(
        "hubspot-api-client", "hubspot-token", "call_hubspot.py", ["api.hubapi.com"], ["HUBSPOT_ACCESS_TOKEN"],
        key("pat-na1-7c1e94b0-d2f3-5a88-66e1-b7c90d4f2a3b"),
        {
            "GET /account-info/v3/details": {"portalId": 1},
            "GET /crm/v3/objects/contacts": {"results": [{
                "id": "hello", "properties": {}, "createdAt": NOW, "updatedAt": NOW, "archived": False,
            }]},
        },
        "hello",
    ),
    Sdk(
        "ShopifyAPI", "shopify", "call_shopify.py", ["acme.myshopify.com"], ["SHOPIFY_ACCESS_TOKEN"],
        key("_".join(["shpat", "7c1e94b0d2f35a8866e1b7c90d4f2a3b"])),
        {"GET /admin/api/2026-07/shop.json": {"shop": {"id": 1, "name": "Ada's"}}}, "Ada's",
        {"header x-shopify-access-token": "{api_key}"}, {"shop": "acme"},
    ),
    Sdk(
        "resend", "resend", "call_resend.py", ["api.resend.com"], ["RESEND_API_KEY"], key("re_QkZxWvBn_MtRyUpLsDgHjKfAcEoIiYwTz"),
        {"GET /domains": {"data": []}, "GET /api-keys": {"data": []}, "POST /emails": {"id": "hello"}}, "hello",
    ),
    Sdk(
        "asana", "asana", "call_asana.py", ["app.asana.com"], ["ASANA_ACCESS_TOKEN"],
        key("2/1201234567890123/1209876543210987:7c1e94b0d2f35a8866e1b7c90d4f2a3b"),
        {"GET /api/1.0/users/me": {"data": {"gid": "1", "name": "Ada", "email": "ada@example.com"}}}, "Ada",
    ),
    Sdk(
        "todoist-api-python", "todoist-token", "call_todoist.py", ["api.todoist.com"], ["TODOIST_API_TOKEN"],
        key("7c1e94b0d2f35a8866e1b7c90d4f2a3b5c6d7e8f"),
        {
            "GET /api/v1/user": {"id": "1", "email": "ada@example.com"},
            "GET /api/v1/tasks/*": {
                "id": "6X7rM8997g3RQmvh", "content": "hello", "description": "", "project_id": "6Jf8VQXxpwv56VQ7", "section_id": None,
                "parent_id": None, "labels": [], "priority": 1, "due": None, "deadline": None, "duration": None, "is_collapsed": False,
                "order": 1, "child_order": 1, "assignee_id": None, "assigner_id": None, "completed_at": None, "creator_id": "1",
                "user_id": "1", "added_at": NOW, "created_at": NOW, "updated_at": NOW, "url": "https://app.todoist.com/1",
            },
        },
        "hello",
    ),
    Sdk(
        "hcloud", "hetzner", "call_hcloud.py", ["api.hetzner.cloud"], ["HCLOUD_TOKEN"],
        key("QkZxWvBnMtRyUpLsDgHjKfAcEoIiYwTzXq1234567890QkZxWvBnMtRyUpLsDgHj"),
        {"GET /v1/servers": {"servers": []}, "GET /v1/ssh_keys": {"ssh_keys": [{"id": 1, "name": "hello"}]}}, "hello",
    ),
    Sdk(
        "pydo", "digitalocean", "call_pydo.py", ["api.digitalocean.com"], ["DIGITALOCEAN_TOKEN"],
        key("dop_v1_7c1e94b0d2f35a8866e1b7c90d4f2a3b5c6d7e8f90a1b2c3d4e5f60718293a4b"),
        {"GET /v2/account": {"account": {"uuid": "1", "email": "ada@example.com"}}}, "ada@example.com",
    ),
    Sdk(
        "pagerduty", "pagerduty", "call_pagerduty.py", ["api.pagerduty.com"], ["PAGERDUTY_TOKEN"], key("u+Qk7Wz2RbX9LmKc4VtN"),
        {
            "GET /users/me": {"user": {"id": "1", "email": "ada@example.com"}},
            "GET /services": {"services": [{"name": "hello"}], "more": False},
        },
        "hello", {"header authorization": "Token token={api_key}"},
    ),
    Sdk(
        "algoliasearch", "algolia", "call_algolia.py", ["adaapp1234-dsn.algolia.net"], ["ALGOLIA_API_KEY"],
        key("7c1e94b0d2f35a8866e1b7c90d4f2a3b"),
        {"POST /1/indexes/engines/query": {"hits": [{"objectID": "hello"}], "query": "", "params": ""}}, "hello",
        {"header x-algolia-api-key": "{api_key}"}, {"app_id": "adaapp1234"},
    ),
    Sdk(
        "klaviyo-api", "klaviyo", "call_klaviyo.py", ["a.klaviyo.com"], ["KLAVIYO_API_KEY"], key("pk_7c1e94b0d2f35a8866e1b7c90d4f2a3b5c"),
        {"GET /api/accounts": {"data": [{"type": "account", "id": "hello", "links": {"self": "https://example.com"}, "attributes": {
            "test_account": False, "timezone": "Europe/London", "preferred_currency": "GBP", "public_api_key": "AbC123", "locale": "en-GB",
            "industry": None, "contact_information": {
                "default_sender_name": "Ada", "default_sender_email": "ada@example.com", "website_url": None, "organization_name": "A",
                "street_address": {
                    "address1": None, "address2": None, "city": None, "region": None, "country": None, "zip": None,
                },
            },
        }}], "links": {"self": "https://example.com"}}},
        "hello",
        {"header authorization": "Klaviyo-API-Key {api_key}"},
    ),
    Sdk(
        "mailgun", "mailgun", "call_mailgun.py", ["api.mailgun.net"], ["MAILGUN_API_KEY"],
        key("7c1e94b0d2f35a8866e1b7c90d4f2a3b-5c6d7e8f-90a1b2c3"),
        {"GET /v4/domains": {"items": []}, "POST /v3/example.com/messages": {"id": "hello", "message": "Queued"}}, "hello",
        {"header authorization": basic("api", "{api_key}")},
    ),
    Sdk(
        "squareup", "square", "call_square.py", ["connect.squareup.com"], ["SQUARE_TOKEN"],
        key("EAAAEQk7Wz2RbX9LmKc4VtN1pYhGdF8sAeUoJi5TkBxMnQwE3rTyUiOpAsDfGhJk"),
        {
            "GET /v2/merchants/me": {"merchant": {"id": "1", "country": "US"}},
            "GET /v2/locations": {"locations": [{"id": "1", "name": "hello"}]},
        },
        "hello",
    ),
    Sdk(
        "brevo-python", "brevo", "call_brevo.py", ["api.brevo.com"], ["BREVO_API_KEY"],
        key("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"),
        {"GET /v3/account": {
            "email": "ada@example.com", "firstName": "Ada", "lastName": "L", "companyName": "c", "plan": [], "address": {
                "street": "s", "city": "c", "zipCode": "1", "country": "UK",
            },
        }},
        "ada@example.com", {"header api-key": "{api_key}"},
    ),
    Sdk(
        "python-intercom", "intercom", "call_intercom.py", ["api.eu.intercom.io"], ["INTERCOM_API_KEY"],
        key("dG9rOjdjMWU5NGIwX2QyZjNfNWE4OF82NmUxX2I3YzkwZDRmMmEzYjoxOjA="),
        {
            "GET /me": {"type": "admin", "id": "1", "email": "ada@example.com"},
            "GET /tags": {"type": "list", "data": [{"type": "tag", "id": "1", "name": "hello"}]},
        },
        "hello", params={"region": "api.eu"},
    ),
    Sdk(
        "mailchimp-marketing", "mailchimp", "call_mailchimp.py", ["us19.api.mailchimp.com"], ["MAILCHIMP_API_KEY"],
        key("7c1e94b0d2f35a8866e1b7c90d4f2a3b-us19"),
        {"GET /3.0/": {"account_id": "1", "login_id": "1"}, "GET /3.0/ping": {"health_status": "hello"}}, "hello",
        {"header authorization": basic("authsome", "{api_key}")}, {"dc": "us19"},
    ),
    # What stands in the header is no key but a signature, which the stand-in's side computes anew.
    Sdk(
        "boto3", "aws", "call_boto3.py",
        ["sts.us-east-1.amazonaws.com", "ada-engines.s3.us-east-1.amazonaws.com", "bedrock-runtime.us-east-1.amazonaws.com"],
        ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"],
        {"access_key_id": "AKIAQKZXWVBNMTRYUPLS", "secret_access_key": "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"},
        {
            "GET /": lambda request: Raw(CALLER if request.host.startswith("sts.") else BUCKET, "text/xml"),
            "PUT /notes/a%20b.txt": Raw(b"", headers=[("ETag", '"0"')]),
            "PUT /chunks": Raw(b"", headers=[("ETag", '"0"')]),
            "GET /notes/a%20b.txt": Raw(b"hello"),
            "POST /model/*/invoke": {"text": "an answer"},
        },
        "hello\n1\nan answer", {"header authorization": sigv4.authorization},
        text=("POST /model/ada.model-1%3A0/invoke", "/messages/0/content"),
    ),
]
