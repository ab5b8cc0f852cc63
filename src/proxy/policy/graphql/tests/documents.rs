//! Documents after GitLab's and GitHub's documentation, and what is said to each.

use super::*;

/// Documents for GitLab, and what is said to each.
const GITLAB: &[(&str, &str)] = &[
    ("query { currentUser { id username } }", "query"),
    (
        "{ project(fullPath: \"g/p\") { name issueStatusCounts { opened } } }",
        "query",
    ),
    (
        "query($n: Boolean!) { project(fullPath: \"g/p\") { issues(first: 5) { nodes { title labels @include(if: $n) { nodes { title } } } } } }",
        "query",
    ),
    (
        "query { __schema { mutationType { fields { name } } } }",
        "query",
    ),
    (
        "{ __type(name: \"CiRunner\") { fields { name description } } }",
        "query",
    ),
    (
        "mutation { createIssue(input: { projectPath: \"g/p\", title: \"personalAccessTokenCreate\" }) { issue { iid } errors } }",
        "mutation",
    ),
    (
        "mutation($id: NoteableID!, $body: String!) { createNote(input: { noteableId: $id, body: $body }) { note { id } errors } }",
        "mutation",
    ),
    (
        "mutation { mergeRequestUpdate(input: { projectPath: \"g/p\", iid: \"1\", title: \"t\" }) { errors } }",
        "mutation",
    ),
    (
        "subscription($id: IssuableID!) { issuableTitleUpdated(issuableId: $id) { ... on Issue { title } } }",
        "subscription",
    ),
    (
        "query { project(fullPath: \"g/p\") { pipelines { nodes { jobs { nodes { name status } } } } } }",
        "query",
    ),
    (
        "{ project(fullPath: \"g/p\") { ciVariables { nodes { key value } } } }",
        "ci-variable ciVariables",
    ),
    (
        "{ v: ciVariables { nodes { key raw } } }",
        "ci-variable ciVariables",
    ),
    (
        "query { group(fullPath: \"g\") { ...V } } fragment V on Group { ciVariables { nodes { value } } }",
        "ci-variable ciVariables",
    ),
    (
        "{ project(fullPath: \"g/p\") { pipelineTriggers { nodes { token } } } }",
        "pipeline-trigger pipelineTriggers",
    ),
    (
        "{ project(fullPath: \"g/p\") { repository { blobs(paths: \"a\") { nodes { externalStorageUrl } } } } }",
        "feed-token externalStorageUrl",
    ),
    // Who lifts the rule of a mutation gets what it answers with: its field's name is in no rule.
    (
        "mutation { createIssue(input: { projectPath: \"g/p\", title: \"t\" }) { token } }",
        "mutation",
    ),
    (
        "{ aiFeatureSettings { nodes { validModels { nodes { name apiToken } } } } }",
        "self-hosted-model apiToken",
    ),
    (
        "mutation { auditEventsGroupDestinationNamespaceFilterDelete(input: {}) { namespaceFilter { externalStreamingDestination { config } } } }",
        "audit-stream externalStreamingDestination",
    ),
    (
        "query($id: CiRunnerID!) { runner(id: $id) { ephemeralAuthenticationToken } }",
        "runner-token ephemeralAuthenticationToken",
    ),
    (
        "mutation { runnerCreate(input: { runnerType: INSTANCE_TYPE }) { runner { id } } }",
        "runner runnerCreate",
    ),
    (
        "mutation { runnersRegistrationTokenReset(input: { type: INSTANCE_TYPE }) { token } }",
        "runner-token runnersRegistrationTokenReset",
    ),
    (
        "mutation M { harmless: clusterAgentTokenCreate(input: { clusterAgentId: \"gid://gitlab/Clusters::Agent/1\", name: \"n\" }) { secret } }",
        "cluster-agent-token clusterAgentTokenCreate",
    ),
    (
        "mutation { personalAccessTokenRotate(input: { id: \"gid://gitlab/PersonalAccessToken/1\" }) { token } }",
        "personal-access-token personalAccessTokenRotate",
    ),
    (
        "mutation { ... on Mutation { ...T } } fragment T on Mutation { ... @include(if: true) { pipelineTriggerCreate(input: {}) { errors } } }",
        "pipeline-trigger pipelineTriggerCreate",
    ),
    (
        "query A { currentUser { id } } mutation B { httpIntegrationResetToken(input: { id: 1 }) { integration { token } } }",
        "integration httpIntegrationResetToken",
    ),
    (
        "mutation { projectMemberBulkUpdate(input: { projectId: 1, userIds: [2], accessLevel: OWNER }) { errors } }",
        "member projectMemberBulkUpdate",
    ),
    (
        "query { node(id: \"gid://gitlab/Ci::Runner/1\") { ... on Node { id ... on CiRunner { t: ephemeralAuthenticationToken } } } }",
        "runner-token ephemeralAuthenticationToken",
    ),
    (
        "{ project(fullPath: \"g/p\") { ...A } } fragment A on Project { ...B } fragment B on Project { pipelineSchedules { nodes { ...C } } } fragment C on PipelineSchedule { variables { nodes { value } } }",
        "ci-variable variables",
    ),
    (
        "subscription { a: workItemUpdated(workItemId: \"1\") { ... on WorkItem { createNoteEmail } } }",
        "incoming-email createNoteEmail",
    ),
    (
        "mutation Q { a: approveDeployment(input: { id: \"gid://gitlab/Deployment/1\", status: APPROVED }) { errors } }",
        "protected-environment approveDeployment",
    ),
    (
        "mutation { updateDependencyProxyPackagesSettings(input: { projectPath: \"g/p\", mavenExternalRegistryUrl: \"https://a\" }) { errors } }",
        "virtual-registry updateDependencyProxyPackagesSettings",
    ),
    (
        "mutation { artifactRegistryRoleGrant(input: { assigneeId: \"gid://gitlab/User/1\", resourceId: \"r\", role: OWNER }) { errors } }",
        "member artifactRegistryRoleGrant",
    ),
    (
        "mutation { aiCatalogMcpServerUpdate(input: { id: \"gid://gitlab/Ai::Catalog::McpServer/1\", url: \"https://a\" }) { errors } }",
        "integration aiCatalogMcpServerUpdate",
    ),
    (
        "{ auditEventsInstanceStreamingDestinations { nodes { config } } }",
        "audit-stream auditEventsInstanceStreamingDestinations",
    ),
    (
        "mutation { aiSelfHostedModelUpdate(input: { id: \"gid://gitlab/Ai::SelfHostedModel/1\", endpoint: \"https://a\" }) { errors } }",
        "self-hosted-model aiSelfHostedModelUpdate",
    ),
    (
        "{ workspace(id: \"gid://gitlab/RemoteDevelopment::Workspace/1\") { workspaceVariables { nodes { key } } } }",
        "workspace workspaceVariables",
    ),
    (
        "{ currentUser { namespace { linkPaths { rssPath } } } }",
        "feed-token rssPath",
    ),
    (
        "query { project(fullPath: \"g/p\") { job(id: \"1\") { trace { htmlSummary } artifacts { nodes { downloadPath } } } } }",
        "query",
    ),
    (
        "mutation { pipelineCreate(input: { projectPath: \"g/p\", ref: \"main\", variables: [{ key: \"A\", value: \"b\" }] }) { pipeline { id } errors } }",
        "mutation",
    ),
    (
        "query { currentUser { id } ...A } fragment A on Query { ...B } fragment B on Query { ...A echo(text: \"x\") }",
        "query",
    ),
];

/// The same for GitHub.
const GITHUB: &[(&str, &str)] = &[
    ("query { viewer { login } }", "query"),
    (
        "query($owner: String!, $name: String!) { repository(owner: $owner, name: $name) { issues(last: 20, states: CLOSED) { edges { node { title url } } } } }",
        "query",
    ),
    (
        "mutation { addReaction(input: { subjectId: \"I_1\", content: HOORAY }) { reaction { content } } }",
        "mutation",
    ),
    (
        "mutation { createCommitOnBranch(input: { branch: {}, message: { headline: \"h\" }, fileChanges: {}, expectedHeadOid: \"0\" }) { commit { url } } }",
        "mutation",
    ),
    (
        "{ node(id: \"R_1\") { ...F } } fragment F on Node { ... on Repository { url ... { t: tempCloneToken } } }",
        "token tempCloneToken",
    ),
    (
        "{ repository(owner: \"o\", name: \"n\") { tempCloneToken } }",
        "token tempCloneToken",
    ),
    (
        "mutation { x: updateBranchProtectionRule(input: { branchProtectionRuleId: \"B_1\" }) { clientMutationId } }",
        "protected-branch updateBranchProtectionRule",
    ),
    (
        "mutation { deleteRepositoryRuleset(input: { repositoryRulesetId: \"R_1\" }) { clientMutationId } }",
        "protected-branch deleteRepositoryRuleset",
    ),
    (
        "mutation { inviteEnterpriseAdmin(input: { enterpriseId: \"E_1\", email: \"a@example.com\" }) { invitation { id } } }",
        "member inviteEnterpriseAdmin",
    ),
    (
        "mutation { approveDeployments(input: { workflowRunId: \"W_1\", environmentIds: [] }) { clientMutationId } }",
        "protected-environment approveDeployments",
    ),
    (
        "{ enterprise(slug: \"e\") { ownerInfo { samlIdentityProvider { recoveryCodes } } } }",
        "token recoveryCodes",
    ),
];

#[test]
fn documents_get_their_verdicts() {
    for (provider, documents) in [
        ("gitlab", GITLAB),
        ("gitlab-token", GITLAB),
        ("github", GITHUB),
        ("github-token", GITHUB),
    ] {
        let guard = bundled(provider);
        for (document, expected) in documents {
            assert_eq!(
                said_to(&guard, document),
                *expected,
                "{provider}: {document}"
            );
        }
    }
}

/// Each of these is a document in which other parsers see an operation where this one sees a string
/// or a comment, or the other way round.
#[test]
fn strings_and_comments_hide_nothing() {
    let guard = bundled("gitlab");
    for document in [
        "{a} # a \" quote\n",
        "{a(b: \"x\\\\\")}",
        "{a(b: \"\"\"x\\y\"\"\")}",
        "{a(b: \"\"\"x\\\"\"\"y\"\"\")}",
        "{a(b: \"\"\"x\"\"\"\" c: \"\")}",
        "{a(b: \"x\"\"\"y\"\"\")}",
        "{a #\r b}",
        "{a\u{feff}}",
        "{a(b: \"x\0\")}",
        "{a(b: \"\n\")}",
    ] {
        let found = said_to(&guard, document);
        assert!(found.starts_with("Ambiguous"), "{document:?}: {found}");
    }
    for document in [
        "{a} # runnerCreate, ciVariables\n",
        "{a(b: \"runnerCreate \\\"x\\\" \\u00e9\")}",
        "{a(b: \"\"\"ciVariables \"quoted\" \u{e4}\"\"\", c: \"\", d: \"\"\"\"\"\")}",
        "{a,\r\n b}",
        "query ciVariables($ciVariables: Int) { a(ciVariables: $ciVariables, b: {ciVariables: ciVariables}) @ciVariables ... on ciVariables { ciVariables: b } }",
    ] {
        assert_eq!(said_to(&guard, document), "query", "{document}");
    }
    for (document, expected) in [
        ("{a", "Syntax"),
        ("{a}}", "Syntax"),
        ("{\u{e4}}", "Syntax"),
        ("query", "Syntax"),
        ("{a(b: \"x)}", "Syntax"),
        ("fragment A on B { c }", "NoDocument"),
        ("", "NoDocument"),
        ("# nothing", "NoDocument"),
        ("mutation { ...A }", "Malformed"),
        ("type A { b: C }", "Malformed"),
        ("{a} extend type A { b: C }", "Malformed"),
        (
            "{...A} fragment A on B {c} fragment A on B {d}",
            "Ambiguous",
        ),
    ] {
        let found = said_to(&guard, document);
        assert!(found.starts_with(expected), "{document}: {found}");
    }
}

#[test]
fn a_lifted_rule_denies_nothing_and_the_others_do() {
    let guard = guard_of("gitlab", &["ci-variable"]);
    assert_eq!(said_to(&guard, "{ciVariables{nodes{value}}}"), "query");
    let both = "{ciVariables{nodes{value}} project{pipelineTriggers{nodes{token}}}}";
    assert_eq!(said_to(&guard, both), "pipeline-trigger pipelineTriggers");
}

#[test]
fn only_endpoints_are_held() {
    let definition = |name: &str| Catalog::new(None).get(&name.parse().unwrap()).unwrap();
    let rules = |name: &str| definition(name).provider.at(None).unwrap().rules;
    let gitlab = |method: &Method, path: &str| held(&rules("gitlab"), "gitlab.com", method, path);
    for method in [Method::GET, Method::HEAD, Method::POST, Method::PUT] {
        for path in [
            "/api/graphql",
            "/api/graphql/",
            "/api/graphql.json",
            "/api/glql",
        ] {
            assert_eq!(
                gitlab(&method, path),
                Some(MAX_GRAPHQL_BODY),
                "{method} {path}"
            );
        }
    }
    assert_eq!(gitlab(&Method::OPTIONS, "/api/graphql"), None);
    for path in [
        "/api/v4/projects/1/issues",
        "/api",
        "/api/graphql/x",
        "/g/graphql",
        "/graphql",
    ] {
        assert_eq!(gitlab(&Method::POST, path), None, "{path}");
    }
    let github =
        |host: &str, path: &str| held(&rules("github"), host, &Method::POST, path).is_some();
    assert!(github("api.github.com", "/graphql"));
    assert!(github("github.acme.com", "/api/graphql"));
    assert!(!github("github.com", "/graphql"), "a user of that name");
    assert!(!github("api.github.com", "/user"));
}
