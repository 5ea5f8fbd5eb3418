//! Stores of credentials that nothing inside the boundary may read.
//!
//! The list confines; it is not a rule about command text. A path that is missing is skipped.

use crate::path::AbsPath;

/// A store of credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Store {
    /// Where it lies: `~/...` in the home directory, or absolute.
    pub path: &'static str,
    /// What is in it.
    pub why: &'static str,
    /// What is read there instead, by programs that end when there is a file that they may not read.
    pub instead: Option<&'static str>,
}

const fn store(path: &'static str, why: &'static str) -> Store {
    Store { path, why, instead: None }
}

const fn store_with(path: &'static str, why: &'static str, instead: &'static str) -> Store {
    Store { path, why, instead: Some(instead) }
}

/// The stores.
pub const STORES: &[Store] = &[
    store("~/.ssh", "private keys and the hosts they open"),
    store("~/.gnupg", "private keys of GnuPG"),
    store("~/.aws", "access keys and cached sign-on tokens of AWS"),
    store("~/.azure", "tokens of the Azure command line"),
    store("~/.config/gcloud", "tokens of the Google Cloud command line"),
    store("~/.config/gh", "tokens of the GitHub command line"),
    store("~/.config/hub", "tokens of the older GitHub command line"),
    store("~/.config/glab-cli", "tokens of the GitLab command line"),
    store("~/.config/op", "session of the 1Password command line"),
    store("~/.config/doppler", "tokens of Doppler"),
    store("~/.doppler", "tokens of Doppler"),
    store("~/.config/hcloud", "tokens of Hetzner Cloud"),
    store("~/.config/doctl", "tokens of DigitalOcean"),
    store("~/.config/rclone", "credentials of every remote of rclone"),
    store("~/.config/sops/age", "private keys of age"),
    store("~/.config/age", "private keys of age"),
    store("~/.config/containers/auth.json", "registry logins of Podman"),
    store("~/.docker/config.json", "registry logins of Docker"),
    store("~/.kube", "cluster certificates and tokens"),
    store("~/.git-credentials", "passwords that git stored in the clear"),
    store("~/.config/git/credentials", "passwords that git stored in the clear"),
    store("~/.netrc", "passwords of curl, git and ftp"),
    store("~/.authinfo", "passwords of mail and news programs"),
    store_with("~/.npmrc", "registry tokens of npm", ""),
    store_with("~/.yarnrc.yml", "registry tokens of Yarn", ""),
    store("~/.pypirc", "upload tokens of PyPI"),
    store_with("~/.config/pypoetry/auth.toml", "registry tokens of Poetry", ""),
    store("~/.cargo/credentials", "registry tokens of Cargo"),
    store("~/.cargo/credentials.toml", "registry tokens of Cargo"),
    store("~/.gem/credentials", "upload tokens of RubyGems"),
    store_with("~/.m2/settings.xml", "repository passwords of Maven", "<settings/>\n"),
    store_with("~/.gradle/gradle.properties", "repository passwords of Gradle", ""),
    store_with("~/.composer/auth.json", "repository tokens of Composer", "{}\n"),
    store_with("~/.config/composer/auth.json", "repository tokens of Composer", "{}\n"),
    store("~/.terraform.d/credentials.tfrc.json", "tokens of Terraform"),
    store("~/.terraformrc", "tokens of Terraform"),
    store("~/.vault-token", "token of Vault"),
    store("~/.pgpass", "passwords of PostgreSQL"),
    store("~/.my.cnf", "passwords of MySQL"),
    store("~/.mylogin.cnf", "passwords of MySQL"),
    store("~/.boto", "keys of Google Cloud Storage and S3"),
    store("~/.s3cfg", "keys of S3"),
    store("~/.databrickscfg", "tokens of Databricks"),
    store("~/.snowflake", "passwords and keys of Snowflake"),
    store("~/.config/stripe", "keys of Stripe"),
    store("~/.fly", "tokens of Fly.io"),
    store("~/.config/heroku", "tokens of Heroku"),
    store("~/.local/share/keyrings", "the desktop's keyring"),
    store("~/.local/share/kwalletd", "the desktop's wallet"),
    store("~/.password-store", "passwords of pass"),
    store("~/.mozilla", "cookies and saved passwords of the browser"),
    store("~/.config/google-chrome", "cookies and saved passwords of the browser"),
    store("~/.config/chromium", "cookies and saved passwords of the browser"),
    store("~/.config/BraveSoftware", "cookies and saved passwords of the browser"),
    store("~/.config/microsoft-edge", "cookies and saved passwords of the browser"),
    store("~/.thunderbird", "saved passwords of the mail program"),
    store("~/.claude/.credentials.json", "sign-on of Claude Code"),
    store("~/.codex/auth.json", "sign-on of Codex"),
    store("~/.gemini/oauth_creds.json", "sign-on of Gemini CLI"),
    store("~/.bash_history", "commands with secrets in them"),
    store("~/.zsh_history", "commands with secrets in them"),
    store("~/.python_history", "lines with secrets in them"),
    store("~/.node_repl_history", "lines with secrets in them"),
    store("~/.psql_history", "statements with secrets in them"),
    store("~/.mysql_history", "statements with secrets in them"),
    store("/etc/shadow", "password hashes"),
    store("/etc/gshadow", "password hashes"),
    store("/etc/sudoers", "who may become whom"),
    store("/etc/sudoers.d", "who may become whom"),
    store("/etc/krb5.keytab", "keys of the machine"),
    store("/etc/kubernetes", "cluster certificates of the machine"),
    store("/etc/rancher", "cluster certificates of the machine"),
    store("/etc/wireguard", "keys of tunnels"),
    store("/etc/NetworkManager/system-connections", "passwords of networks"),
    store("/etc/ssl/private", "private keys of the machine"),
    store("/etc/letsencrypt", "private keys of the machine"),
    store("/var/lib/docker", "images and volumes of every container"),
    store("/var/lib/kubelet", "secrets mounted into containers"),
];

/// Returns where each store lies, and what is in it.
pub fn paths(home: &AbsPath) -> impl Iterator<Item = (AbsPath, &'static str)> {
    STORES.iter().map(|store| {
        let path = match store.path.strip_prefix("~/") {
            Some(rest) => home.join(rest),
            None => AbsPath::root().join(store.path),
        };
        (path, store.why)
    })
}

/// Returns what is read in place of a store's file.
pub fn instead(path: &AbsPath, home: &AbsPath) -> Option<&'static str> {
    STORES.iter().find(|store| store.path.strip_prefix("~/").is_some_and(|own| home.join(own) == *path))?.instead
}

/// Names of files that hold secrets wherever they lie.
const NAMES: &[&str] = &[
    ".env",
    ".netrc",
    ".pgpass",
    ".npmrc",
    ".pypirc",
    ".git-credentials",
    "id_rsa",
    "id_ed25519",
    "id_ecdsa",
    "id_dsa",
];

/// Returns true for a file that is a store of credentials, lies in one, or has a name by which secrets are kept.
pub(crate) fn holds_secret(path: &AbsPath, home: &AbsPath) -> bool {
    // Asked of every file that a command reads: nothing is put together for it.
    let behind =
        |text: &str, start: &str| text.strip_prefix(start).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    let at_home =
        path.as_str().strip_prefix(home.as_str().trim_end_matches('/')).and_then(|rest| rest.strip_prefix('/'));
    let in_store = STORES.iter().any(|store| match store.path.strip_prefix("~/") {
        Some(own) => at_home.is_some_and(|rest| behind(rest, own)),
        None => behind(path.as_str(), store.path),
    });
    let template = |name: &str| [".example", ".sample", ".template", ".dist"].iter().any(|end| name.ends_with(end));
    let named = |name: &str| NAMES.contains(&name) || (name.starts_with(".env.") && !template(name));
    // What of `~/.ssh` is no key is no secret.
    let public = path.name().is_some_and(|name| name.ends_with(".pub") || name.starts_with("known_hosts"));
    !public && (in_store || path.name().is_some_and(named))
}
