//! Every spelling of a denied request is denied, or refused as ambiguous, and no harmless request
//! is.

use std::collections::HashSet;

use http::Request;

use super::*;
use crate::proxy::policy::target::Target;

/// The bundled GitLab at a base URL.
fn gitlab(base: &str) -> Candidates {
    let definition = Catalog::new(None).get(&"gitlab".parse().unwrap()).unwrap();
    let base = base.parse().unwrap();
    let table = RouteTable::new([Managed {
        id: crate::credential::ConnectionId {
            provider: "gitlab".parse().unwrap(),
            name: "default".parse().unwrap(),
        },
        service: definition.provider.at(Some(&base)).unwrap(),
        ca_pem: None,
        client_certificate: None,
        preference: Preference::None,
    }]);
    table.to(&crate::authority::Authority::new("gitlab.test", 443).unwrap())
}

/// What is said to a request: `injected`, `passed`, `ambiguous`, or the rule that denies it. A line
/// is the method, the target, and header fields behind ` | `.
fn said(candidates: &Candidates, line: &str) -> String {
    let mut pieces = line.split(" | ");
    let (method, target) = pieces.next().unwrap().split_once(' ').unwrap();
    let mut request = Request::builder().method(method).uri(target);
    request = request.header("host", "gitlab.test");
    for field in pieces {
        let (name, value) = field.split_once(": ").unwrap();
        request = request.header(name, value);
    }
    let (parts, ()) = request.body(()).unwrap().into_parts();
    let authority = crate::authority::Authority::new("gitlab.test", 443).unwrap();
    let Ok(target) = Target::parse(&authority, "gitlab.test", &parts) else {
        return "ambiguous".to_owned();
    };
    let rules = Rules {
        authority: &"gitlab.test".parse().unwrap(),
        host: "gitlab.test",
        candidates,
        asked_guards: &HashSet::new(),
        lifted: None,
        allowed_guards: &HashSet::new(),
        policy: &SessionPolicy::default(),
        has_body: false,
        carries_minted: false,
    };
    let flags = HeaderFlags::of(&parts.headers);
    match decide(rules, &parts, &target.path, flags).plan {
        Ok(Plan::Inject(..)) => "injected".to_owned(),
        Ok(Plan::Minted(_) | Plan::Pass(_)) => "passed".to_owned(),
        Err(Refusal::Guarded { rule, .. }) => rule,
        Err(other) => panic!("{line}: {other}"),
    }
}

const DENIED: &[&str] = &[
    "POST /api/v4/projects/1/access_tokens",
    "POST /api/v4/projects/1/access_tokens/",
    "POST /api/v4/projects/1/access_tokens//",
    "POST //api//v4//projects//1//access_tokens",
    "POST /api/v4/projects/1/access_tokens.json",
    "POST /api/v4/projects/1/access_tokens.xml",
    "POST /api/v4/projects/1/access_tokens.txt/",
    "POST /api/v4/projects/1/access_tokens/.json",
    "POST /api/v4/projects/1/access_tokens.",
    "POST /api/v4/projects/1/access_tokens%2Ejson",
    "POST /api/v4/projects/1/access_tokens%2ejson",
    "POST /api/v4/projects/1/access_tokens%252Ejson",
    "POST /api/v4/projects/1/%61ccess_tokens",
    "POST /api/v4/projects/1/access%5Ftokens",
    "POST /api/v4/projects/1/access%5ftokens",
    "POST /api/v4/projects/1/%61%63%63%65%73%73%5f%74%6f%6b%65%6e%73",
    "POST /%61pi/%764/projects/1/access_tokens",
    "POST /api/v4/projects/1/%2561ccess_tokens",
    "POST /api/v4/projects/1/%252561ccess_tokens",
    "POST /api/v4/%2570rojects/1/access_tokens",
    "POST /api/v4/projects/1/access_tokens;x",
    "POST /api/v4/projects/1/access_tokens;jsessionid=1",
    "POST /api/v4/projects/1/access_tokens.json;x=y",
    "POST /api/v4/projects/1/access_tokens;x/",
    "POST /api/v4;b/projects;c/1;d/access_tokens;e",
    "POST /api/v4/projects/1/access_tokens%3Bx",
    "POST /api/v4/projects/1/access_tokens%253Bx",
    "POST /api/v4/projects/1/access_tokens%3Fx=y",
    "POST /api/v4/projects/1/access_tokens%23x",
    "POST /api/v4/projects/1/access_tokens?x=/api/v4/user",
    "POST /api/v4/projects/g%2Fp/access_tokens",
    "POST /api/v4/projects/g%2fsub%2Fp.json/access_tokens.json",
    "POST /api/v4/projects/g%252Fp/access_tokens",
    "POST /api/v4/projects/1/../1/access_tokens",
    "POST /api/v4/x/../projects/1/access_tokens",
    "POST /api/v4/./projects/1/access_tokens",
    "POST /api/v4/projects/1/access_tokens/.",
    "POST /api/v4/projects/1/access_tokens/x/..",
    "POST /api/v4/%2e/projects/1/access_tokens",
    "POST /api/v4/x/%2e%2e/projects/1/access_tokens",
    "POST /api/v4/x/%2E%2E/projects/1/access_tokens",
    "POST /api/v4/x/.%2e/projects/1/access_tokens",
    "POST /api/v4/x/%252e%252e/projects/1/access_tokens",
    "POST /api/v4/x/..%2fprojects/1/access_tokens",
    "POST /api/v4/x/..%252fprojects/1/access_tokens",
    "POST /api/v4/x/..;/projects/1/access_tokens",
    "POST /api/v4/x/..;a=b/projects/1/access_tokens",
    "POST /api/v4/x/..%3B/projects/1/access_tokens",
    "POST /api/v4/projects/1%5Caccess_tokens",
    "POST /api/v4/projects/1%5C..%5C1/access_tokens",
    "POST /api/v4/projects/1/access_tokens%00",
    "POST /api/v4/projects/1/access_tokens%0a",
    "POST /api/v4/projects/1/access_tokens%0D%0A",
    "POST /api/v4/projects/1/access_tokens%09",
    "POST /api/v4/projects/1/access_tokens%250a",
    "post /api/v4/projects/1/access_tokens",
    "GET /api/v4/projects/1/access_tokens | X-HTTP-Method-Override: POST",
    "GET /api/v4/projects/1/access_tokens | x-http-method: post",
    "PUT /api/v4/projects/1/access_tokens | X-Method-Override: POST",
    "GET /api/v4/projects/1/access_tokens?_method=post",
    "GET /api/v4/projects/1/access_tokens?%5Fmethod=POST",
    "POST /api/v4/projects/1/members/2 | X-HTTP-Method-Override: PUT",
    "POST /api/v4/projects/1/variables/KEY?_method=put",
    "GET /api/v4/projects/1/variables",
    "GET /api/v4/projects/1/variables/KEY.json",
    "GET /api/v4/projects/1/%76ariables",
    "HEAD /api/v4/projects/1/triggers | x-http-method-override: get",
    "GET /api/v4/projects/1/terraform/state/prod",
    "GET /api/v4/projects/1/secure_files/2/download",
    "GET /g/p/-/commits/main.atom",
    "GET /dashboard/projects.atom",
    "GET /-/cable",
    "GET /api/v4/user | Sudo: root",
    "GET /api/v4/user | SUDO: 1",
    "GET /api/v4/user?sudo=root",
    "GET /api/v4/user?a=b&s%75do=root",
    "GET /api/v4/user?a=b;sudo=root",
    "GET /api/v4/user?sudo[]=root",
    "GET /api/v4/user?%5Bsudo%5D=root",
    "GET /api/v4/user?+sudo=root",
    "DELETE /api/v4/projects/1/issues/2 | Sudo: root",
    "GET //api/v4/user | sudo: root",
    "PUT /api/v4/projects/1?visibility=public",
    "POST /api/v4/projects/1?visibility=public&_method=put",
    "PUT /api/v4/projects/g%2Fp.json?import_url=https%3A%2F%2Fa",
];

/// What is outside of the API by the reading that decides on the credential, and gets none.
const WITHOUT_CREDENTIAL: &[&str] = &[
    "POST /%2561pi/v4/projects/1/access_tokens",
    "POST /api;a/v4/projects/1/access_tokens",
    "GET /-/cable/",
    "POST /API/v4/projects/1/access_tokens",
    "POST /-/user_settings/personal_access_tokens",
    "POST /-/profile/personal_access_tokens.json",
    "GET /-/user_settings/personal_access_tokens",
    "PUT /-/user_settings/personal_access_tokens/reset_feed_token",
    "POST /g/p/-/settings/access_tokens",
    "POST /oauth/applications",
    "POST /oauth/token",
    "GET /jwt/auth?service=container_registry",
    "GET /g/p/-/commits/main?format=atom",
];

const SERVED: &[&str] = &[
    "GET /api/v4/user",
    "GET /api/v4/user?username=sudo",
    "GET /api/v4/projects?search=sudo%3Droot",
    "GET /api/v4/projects?visibility=public",
    "GET /api/v4/projects/1?sudoers=1",
    "GET /api/v4/projects/g%2Fp",
    "GET /api/v4/projects/g%2Fvariables",
    "GET /api/v4/projects/g%2Faccess_tokens",
    "GET /api/v4/projects/g%2Fhooks/issues",
    "PUT /api/v4/projects/1?description=x",
    "POST /api/v4/projects?visibility=private",
    "POST /api/v4/projects/1/issues",
    "PUT /api/v4/projects/1/issues/2.json",
    "POST /api/v4/projects/1/merge_requests",
    "PUT /api/v4/projects/1/merge_requests/2/merge",
    "POST /api/v4/projects/1/merge_requests/2/notes",
    "POST /api/v4/projects/1/pipeline",
    "GET /api/v4/projects/1/pipelines/2/jobs",
    "GET /api/v4/projects/1/jobs/2/trace",
    "POST /api/v4/projects/1/jobs/2/play",
    "GET /api/v4/projects/1/repository/files/what%3F.md?ref=main",
    "GET /api/v4/projects/1/repository/files/lib%2F50%2525.md/raw",
    "GET /api/v4/projects/1/repository/files/variables/raw?ref=a;b",
    "GET /api/v4/projects/1/repository/branches/feature%2Fhooks",
    "POST /api/v4/projects/1/repository/commits",
    "POST /api/v4/projects/1/releases",
    "GET /api/v4/projects/1/access_tokens",
    "DELETE /api/v4/projects/1/access_tokens/2",
    "GET /api/v4/groups/1/members",
    "POST /api/graphql",
    "GET /g/p.git/info/refs?service=git-upload-pack",
    "POST /g/p.git/git-receive-pack",
    "GET /g/p/-/archive/main/p-main.zip",
];

#[test]
fn every_spelling_of_a_denied_request_is_denied() {
    assert!(DENIED.len() >= 60 && SERVED.len() >= 20);
    for (base, root) in [
        ("https://gitlab.test", ""),
        ("https://gitlab.test/dev/gitlab", "/dev/gitlab"),
    ] {
        let candidates = gitlab(base);
        let rooted = |line: &str| line.replacen(" /", &format!(" {root}/"), 1);
        for line in DENIED {
            let found = said(&candidates, &rooted(line));
            let is_denied = !["injected", "passed"].contains(&found.as_str());
            assert!(is_denied, "{}: {found}", rooted(line));
        }
        for line in WITHOUT_CREDENTIAL {
            assert_eq!(
                said(&candidates, &rooted(line)),
                "passed",
                "{}",
                rooted(line)
            );
        }
        for line in SERVED {
            assert_eq!(
                said(&candidates, &rooted(line)),
                "injected",
                "{}",
                rooted(line)
            );
        }
    }
}

/// What a root in front of the path hides is found, and what is not below it gets no credential.
#[test]
fn a_relative_root_is_no_way_around() {
    let candidates = gitlab("https://gitlab.test/dev/gitlab");
    for (line, expected) in [
        ("POST /dev//gitlab/api/v4/user/keys", "ssh-key"),
        ("POST /%64ev/gitlab/api/v4/user/keys", "ssh-key"),
        ("POST /dev/gitlab//api/v4/user/keys", "ssh-key"),
        ("POST /x/../dev/gitlab/api/v4/user/keys", "ambiguous"),
        ("POST /api/v4/user/keys", "passed"),
        ("POST /dev/gitlabs/api/v4/user/keys", "passed"),
        ("POST /dev;x/gitlab/api/v4/user/keys", "passed"),
    ] {
        assert_eq!(said(&candidates, line), expected, "{line}");
    }
}
