//! Tests of what the bundled definition of GitLab denies.

use crate::gitlab::service;

/// Calls below `/api/v4`, and the rule that denies each.
const MINTING: &[(&str, &str, &str)] = &[
    (
        "POST",
        "/user/personal_access_tokens",
        "personal-access-token",
    ),
    (
        "POST",
        "/users/7/personal_access_tokens",
        "personal-access-token",
    ),
    (
        "POST",
        "/personal_access_tokens/7/rotate",
        "personal-access-token",
    ),
    (
        "POST",
        "/personal_access_tokens/self/rotate",
        "personal-access-token",
    ),
    (
        "POST",
        "/users/7/impersonation_tokens",
        "impersonation-token",
    ),
    ("POST", "/projects/1/access_tokens", "project-access-token"),
    (
        "POST",
        "/projects/g%2Fp/access_tokens",
        "project-access-token",
    ),
    (
        "post",
        "/projects/1/access_tokens.json",
        "project-access-token",
    ),
    (
        "POST",
        "/projects/1/access_tokens.xml",
        "project-access-token",
    ),
    (
        "POST",
        "/projects/1/access_tokens.txt",
        "project-access-token",
    ),
    ("POST", "/projects/1/access_tokens/", "project-access-token"),
    (
        "POST",
        "/projects/1/access_tokens/self/rotate",
        "project-access-token",
    ),
    ("POST", "/groups/1/access_tokens", "group-access-token"),
    (
        "POST",
        "/groups/1/access_tokens/7/rotate",
        "group-access-token",
    ),
    ("POST", "/service_accounts", "service-account"),
    ("POST", "/groups/1/service_accounts", "service-account"),
    ("POST", "/projects/1/service_accounts", "service-account"),
    (
        "POST",
        "/groups/1/service_accounts/2/personal_access_tokens",
        "service-account-token",
    ),
    (
        "POST",
        "/projects/1/service_accounts/2/personal_access_tokens/3/rotate",
        "service-account-token",
    ),
    ("POST", "/projects/1/deploy_tokens", "deploy-token"),
    ("POST", "/groups/1/deploy_tokens", "deploy-token"),
    ("POST", "/projects/1/deploy_keys", "deploy-key"),
    ("POST", "/projects/1/deploy_keys/2/enable", "deploy-key"),
    ("PUT", "/projects/1/deploy_keys/2", "deploy-key"),
    ("POST", "/user/keys", "ssh-key"),
    ("POST", "/users/7/keys", "ssh-key"),
    ("POST", "/user/gpg_keys", "gpg-key"),
    ("POST", "/users/7/gpg_keys", "gpg-key"),
    ("POST", "/groups/1/ssh_certificates", "ssh-certificate"),
    ("POST", "/admin/ssh_certificates", "ssh-certificate"),
    ("POST", "/projects/1/triggers", "pipeline-trigger"),
    ("POST", "/user/runners", "runner"),
    ("POST", "/runners", "runner"),
    (
        "POST",
        "/runners/reset_authentication_token",
        "runner-token",
    ),
    (
        "POST",
        "/runners/7/reset_authentication_token",
        "runner-token",
    ),
    ("POST", "/runners/reset_registration_token", "runner-token"),
    (
        "POST",
        "/projects/1/runners/reset_registration_token",
        "runner-token",
    ),
    (
        "POST",
        "/groups/1/runners/reset_registration_token",
        "runner-token",
    ),
    (
        "POST",
        "/runner_controllers/1/tokens",
        "runner-controller-token",
    ),
    (
        "POST",
        "/projects/1/cluster_agents/2/tokens",
        "cluster-agent-token",
    ),
    (
        "POST",
        "/projects/1/error_tracking/client_keys",
        "error-tracking-key",
    ),
    ("POST", "/ai/duo_workflows/direct_access", "direct-access"),
    ("POST", "/code_suggestions/direct_access", "direct-access"),
    (
        "GET",
        "/projects/1/packages/conan/v2/users/authenticate",
        "conan-token",
    ),
    (
        "GET",
        "/packages/conan/v1/users/authenticate",
        "conan-token",
    ),
    ("POST", "/applications", "oauth-application"),
    ("POST", "/applications/7/renew-secret", "oauth-application"),
    ("POST", "/users", "user-account"),
    ("PUT", "/users/7", "user-account"),
    ("POST", "/user/support_pin", "support-pin"),
    ("GET", "/user/support_pin", "support-pin"),
    ("GET", "/users/7/support_pin", "support-pin"),
    ("POST", "/token_exchange", "token-exchange"),
    (
        "POST",
        "/groups/1/secrets_manager/access_token",
        "secrets-manager-token",
    ),
    ("GET", "/projects/1/variables", "ci-variable"),
    ("GET", "/projects/g%2Fp/variables/KEY.json", "ci-variable"),
    ("POST", "/admin/ci/variables/KEY", "ci-variable"),
    ("GET", "/projects/1/triggers/", "pipeline-trigger"),
    (
        "POST",
        "/projects/1/deployments/2/approval",
        "protected-environment",
    ),
    (
        "PATCH",
        "/virtual_registries/packages/maven/upstreams/2",
        "virtual-registry",
    ),
    ("GET", "/groups/1/invitations", "invitation"),
    ("PUT", "/projects/1/members/7", "member"),
];

#[test]
fn denies_what_mints_credentials() {
    for (method, path, expected) in MINTING.iter().copied() {
        let service = service(None);
        let rule = service
            .rules
            .guard("gitlab.test", method, &format!("/api/v4{path}"));
        let rule = rule.unwrap_or_else(|| panic!("{method} {path} is not denied"));
        assert_eq!(rule.name, expected, "{method} {path}");
        assert!(
            !rule.reason.is_empty() && !rule.reason.ends_with('.'),
            "{path}"
        );
    }
}

#[test]
fn denies_nothing_else() {
    for (method, path) in [
        ("GET", "/api/v4/projects/1/access_tokens"),
        ("DELETE", "/api/v4/personal_access_tokens/self"),
        ("DELETE", "/api/v4/projects/1/deploy_keys/2"),
        ("GET", "/api/v4/user/keys"),
        ("PUT", "/api/v4/user/status"),
        ("POST", "/api/v4/projects"),
        ("POST", "/api/v4/projects/1/issues"),
        ("POST", "/api/v4/projects/1/trigger/pipeline"),
        ("POST", "/api/v4/projects/1/ref/main/trigger/pipeline"),
        ("GET", "/api/v4/projects/1/runners"),
        ("GET", "/api/v4/packages/npm/variables"),
        ("GET", "/api/v4/templates/licenses/variables"),
        ("POST", "/api/v4/projects/1/repository/files/users"),
        ("POST", "/api/graphql"),
        ("POST", "/g/p.git/git-receive-pack"),
        ("POST", "/oauth/token"),
    ] {
        assert_eq!(
            service(None).rules.guard("gitlab.test", method, path),
            None,
            "{method} {path}"
        );
    }
}
