//! One row for each forge. A new forge is a new row.

use authsome_test_support::{Arrived, Forge, Objects};

/// The key of each; it has the form that GitHub's have.
pub(super) const KEY: &str = "0123456789abcdef0123456789abcdef01234567";

/// In which form a forge takes the key.
pub(super) enum Form {
    /// HTTP Basic, with that user name.
    Basic(&'static str),
    Bearer,
}

impl Form {
    pub(super) fn arrived(&self) -> Arrived {
        match self {
            Self::Basic(user) => Arrived::Basic {
                user: (*user).to_owned(),
                password: KEY.to_owned(),
            },
            Self::Bearer => Arrived::Bearer {
                token: KEY.to_owned(),
            },
        }
    }
}

/// A forge, and what is asked of it.
pub(super) struct Row {
    pub(super) provider: &'static str,
    /// The flags of its login; the key is on standard input.
    pub(super) login: &'static [&'static str],
    /// Its hosts.
    pub(super) names: &'static [&'static str],
    /// The one that serves the repository, and its path there.
    pub(super) repository: (&'static str, &'static str),
    pub(super) git: Form,
    pub(super) api: Form,
    /// What the API says of the account, and what the login shows of it.
    pub(super) account: &'static str,
    pub(super) label: Option<&'static str>,
    /// The repository's addresses.
    pub(super) https: &'static str,
    pub(super) ssh: &'static [&'static str],
    pub(super) objects: Objects,
    /// The rule to lift before LFS works.
    pub(super) lfs_rule: Option<&'static str>,
    /// A rule, and what it refuses to `POST` to.
    pub(super) guarded: (&'static str, &'static str),
}

impl Row {
    pub(super) fn forge(&self) -> Forge {
        Forge {
            host: self.repository.0,
            repository: self.repository.1,
            git: self.git.arrived(),
            api: self.api.arrived(),
            account: self.account,
            objects: self.objects,
        }
    }
}

const ADA: &str = r#"{"id": 7, "login": "ada"}"#;
const BY_KEY: &[&str] = &["--api-key-file", "-"];
const GITHUB_OBJECTS: &str = "github-cloud.s3.amazonaws.com";

pub(super) const ROWS: &[Row] = &[
    Row {
        provider: "github-token",
        login: BY_KEY,
        names: &["github.com", "api.github.com", GITHUB_OBJECTS],
        repository: ("github.com", "/acme/app"),
        git: Form::Basic("x-access-token"),
        api: Form::Bearer,
        account: ADA,
        label: Some("as ada"),
        https: "https://github.com/acme/app.git",
        ssh: &[
            "git@github.com:acme/app.git",
            "ssh://git@github.com/acme/app",
            "ssh://git@ssh.github.com:443/acme/app.git",
        ],
        objects: Objects::At(GITHUB_OBJECTS),
        lfs_rule: None,
        guarded: ("deploy-key", "https://api.github.com/repos/acme/app/keys"),
    },
    Row {
        provider: "github-token",
        login: &[
            "--base-url",
            "https://github.acme.test",
            "--api-key-file",
            "-",
        ],
        names: &["github.acme.test", "media.acme.test"],
        repository: ("github.acme.test", "/acme/app"),
        git: Form::Basic("x-access-token"),
        api: Form::Bearer,
        account: ADA,
        label: Some("as ada"),
        https: "https://github.acme.test/acme/app",
        ssh: &[
            "git@github.acme.test:acme/app.git",
            "ssh://git@github.acme.test/acme/app.git",
        ],
        objects: Objects::At("media.acme.test"),
        lfs_rule: None,
        guarded: (
            "deploy-key",
            "https://github.acme.test/api/v3/repos/acme/app/keys",
        ),
    },
    Row {
        provider: "bitbucket",
        login: &["--field", "user=ada@acme.test", "--field", "token=-"],
        names: &[
            "bitbucket.org",
            "api.bitbucket.org",
            "api.media.atlassian.com",
        ],
        repository: ("bitbucket.org", "/acme/app"),
        git: Form::Basic("x-bitbucket-api-token-auth"),
        api: Form::Basic("ada@acme.test"),
        account: r#"{"uuid": "{7}", "display_name": "Ada"}"#,
        label: Some("as Ada"),
        https: "https://bitbucket.org/acme/app.git",
        ssh: &[
            "git@bitbucket.org:acme/app.git",
            "ssh://git@bitbucket.org/acme/app.git",
            "ssh://git@altssh.bitbucket.org:443/acme/app.git",
        ],
        objects: Objects::At("api.media.atlassian.com"),
        lfs_rule: None,
        guarded: (
            "webhook",
            "https://api.bitbucket.org/2.0/repositories/acme/app/hooks",
        ),
    },
    Row {
        provider: "bitbucket-access-token",
        login: BY_KEY,
        names: &[
            "bitbucket.org",
            "api.bitbucket.org",
            "api.media.atlassian.com",
        ],
        repository: ("bitbucket.org", "/acme/app"),
        git: Form::Basic("x-token-auth"),
        api: Form::Bearer,
        account: r#"{"uuid": "{7}", "display_name": "App"}"#,
        label: Some("as App"),
        https: "https://bitbucket.org/acme/app",
        ssh: &["git@bitbucket.org:acme/app.git"],
        objects: Objects::At("api.media.atlassian.com"),
        lfs_rule: None,
        guarded: (
            "webhook",
            "https://api.bitbucket.org/2.0/repositories/acme/app/hooks",
        ),
    },
    Row {
        provider: "bitbucket-server",
        login: &[
            "--base-url",
            "https://git.acme.test/bitbucket",
            "--api-key-file",
            "-",
        ],
        names: &["git.acme.test"],
        repository: ("git.acme.test", "/bitbucket/scm/acme/app"),
        git: Form::Bearer,
        api: Form::Bearer,
        account: "{}",
        label: None,
        https: "https://git.acme.test/bitbucket/scm/acme/app.git",
        ssh: &[
            "git@git.acme.test:acme/app.git",
            "ssh://git@git.acme.test:7999/acme/app.git",
        ],
        objects: Objects::Below("/bitbucket/rest/git-lfs/storage/ACME/app"),
        lfs_rule: None,
        guarded: (
            "webhook",
            "https://git.acme.test/bitbucket/rest/api/1.0/projects/ACME/repos/app/webhooks",
        ),
    },
    Row {
        provider: "gitea-token",
        login: BY_KEY,
        names: &["gitea.com"],
        repository: ("gitea.com", "/acme/app"),
        git: Form::Basic("oauth2"),
        api: Form::Bearer,
        account: ADA,
        label: Some("as ada"),
        https: "https://gitea.com/acme/app.git",
        ssh: &[
            "git@gitea.com:acme/app.git",
            "ssh://git@gitea.com/acme/app.git",
        ],
        objects: Objects::BelowRepeating("/acme/app.git/info/lfs/objects"),
        lfs_rule: Some("lfs-batch"),
        guarded: ("deploy-key", "https://gitea.com/api/v1/repos/acme/app/keys"),
    },
    Row {
        provider: "gitea-token",
        login: &[
            "--base-url",
            "https://git.acme.test/gitea",
            "--api-key-file",
            "-",
        ],
        names: &["git.acme.test"],
        repository: ("git.acme.test", "/gitea/acme/app"),
        git: Form::Basic("oauth2"),
        api: Form::Bearer,
        account: ADA,
        label: Some("as ada"),
        https: "https://git.acme.test/gitea/acme/app.git",
        ssh: &[
            "git@git.acme.test:acme/app.git",
            "ssh://git@git.acme.test/acme/app.git",
        ],
        objects: Objects::BelowRepeating("/gitea/acme/app.git/info/lfs/objects"),
        lfs_rule: Some("lfs-batch"),
        guarded: (
            "deploy-key",
            "https://git.acme.test/gitea/api/v1/repos/acme/app/keys",
        ),
    },
    Row {
        provider: "forgejo-token",
        login: BY_KEY,
        names: &["codeberg.org"],
        repository: ("codeberg.org", "/acme/app"),
        git: Form::Basic("oauth2"),
        api: Form::Bearer,
        account: ADA,
        label: Some("as ada"),
        https: "https://codeberg.org/acme/app.git",
        ssh: &[
            "git@codeberg.org:acme/app.git",
            "ssh://git@codeberg.org/acme/app.git",
        ],
        objects: Objects::BelowRepeating("/acme/app.git/info/lfs/objects"),
        lfs_rule: Some("lfs-batch"),
        guarded: (
            "deploy-key",
            "https://codeberg.org/api/v1/repos/acme/app/keys",
        ),
    },
    Row {
        provider: "azure-devops",
        login: &["--param", "organization=acme", "--api-key-file", "-"],
        names: &["dev.azure.com"],
        repository: ("dev.azure.com", "/acme/My%20Project/_git/app"),
        git: Form::Basic(""),
        api: Form::Basic(""),
        account: r#"{"authenticatedUser": {"id": "7", "providerDisplayName": "Ada"}}"#,
        label: Some("as Ada"),
        https: "https://dev.azure.com/acme/My%20Project/_git/app",
        ssh: &[
            "ssh://git@ssh.dev.azure.com/v3/acme/My%20Project/app",
            "git@ssh.dev.azure.com:v3/acme/My%20Project/app",
        ],
        objects: Objects::Below("/acme/My%20Project/_git/app/info/lfs/objects"),
        lfs_rule: None,
        guarded: ("token", "https://dev.azure.com/acme/_apis/tokens/pats"),
    },
    Row {
        provider: "heroku",
        login: BY_KEY,
        names: &["git.heroku.com", "api.heroku.com"],
        repository: ("git.heroku.com", "/app"),
        git: Form::Basic("heroku"),
        api: Form::Bearer,
        account: r#"{"id": "7", "email": "ada@acme.test"}"#,
        label: Some("as ada@acme.test"),
        https: "https://git.heroku.com/app.git",
        ssh: &["git@heroku.com:app.git"],
        objects: Objects::None,
        lfs_rule: None,
        guarded: ("ssh-key", "https://api.heroku.com/account/keys"),
    },
    Row {
        provider: "huggingface",
        login: BY_KEY,
        names: &["huggingface.co", "cdn-lfs.huggingface.co"],
        repository: ("huggingface.co", "/acme/model"),
        git: Form::Basic("hf_user"),
        api: Form::Bearer,
        account: r#"{"id": "7", "name": "ada"}"#,
        label: Some("as ada"),
        https: "https://huggingface.co/acme/model",
        ssh: &["git@hf.co:acme/model"],
        objects: Objects::At("cdn-lfs.huggingface.co"),
        lfs_rule: None,
        guarded: (
            "space-secret",
            "https://huggingface.co/api/spaces/acme/app/secrets",
        ),
    },
];
