//! What layers say about secrets: denials from every layer, and what sends a secret somewhere from those of a person or
//! the administrator alone.

use super::Compiler;
use crate::layer::{CredentialKeys, Layer, RequestAction, Requests, Scope, Severity, Sourced, TokenPlace};
use crate::rule::Credentials;

const ELSEWHERE: &str = "write it into your own settings: a repository cannot say where secrets go";

impl Compiler<'_> {
    /// Takes one layer in. Layers come from the highest down.
    pub(super) fn credentials(&mut self, layer: &Layer) {
        let may_send = match layer.scope {
            Scope::Builtin | Scope::User | Scope::Flag | Scope::Managed => layer.trusted,
            Scope::Project | Scope::Local => false,
        };
        let CredentialKeys { variables, files, plain, aws, signing, git, sources } = &layer.sandbox.credentials;
        let own = &mut self.policy.credentials;
        let mut ignored = Vec::new();
        for variable in variables {
            let name = &variable.value.name;
            if variable.value.mask.is_some() && may_send {
                if !own.masked.iter().any(|known| known.value.name == *name) {
                    own.masked.push(variable.clone());
                }
                continue;
            }
            if variable.value.mask.is_some() {
                ignored
                    .push((&variable.origin, format!("`{name}` is denied and not masked: the file is a repository's")));
            }
            own.denied.push(Sourced { value: name.clone(), origin: variable.origin.clone() });
        }
        let (tls, requests) = (layer.sandbox.network.tls.as_ref(), &layer.sandbox.network.requests);
        let is_denial = |one: &&Sourced<Requests>| one.value.action == RequestAction::Deny;
        own.requests.extend(requests.iter().filter(|one| may_send || is_denial(one)).cloned());
        if may_send {
            own.git.extend(git.iter().cloned());
            own.sources.extend(sources.iter().cloned());
            own.files.extend(files.iter().cloned());
            own.aws.extend(aws.iter().cloned());
            own.signing.extend(signing.iter().cloned());
            own.plain = own.plain.take().or_else(|| plain.clone());
            own.tls = own.tls.take().or_else(|| tls.cloned());
        } else {
            let keys = [
                ("network.tlsTerminate", tls.map(|one| &one.origin)),
                ("credentials.allowPlaintextInject", plain.as_ref().map(|one| &one.origin)),
                ("credentials.awsPairs", aws.first().map(|one| &one.origin)),
                ("credentials.sigv4", signing.first().map(|one| &one.origin)),
                ("credentials.git", git.first().map(|one| &one.origin)),
                ("credentials.sources", sources.first().map(|one| &one.origin)),
                ("network.requests", requests.iter().find(|one| !is_denial(one)).map(|one| &one.origin)),
            ];
            for (key, origin) in keys.into_iter().filter_map(|(key, origin)| Some((key, origin?))) {
                ignored.push((origin, format!("`sandbox.{key}` does not count in the files of a folder")));
            }
        }
        for (origin, message) in ignored {
            self.report(Severity::Warning, origin, message, Some(ELSEWHERE.to_owned()));
        }
    }

    /// A denial of any layer wins.
    pub(super) fn settle_credentials(&mut self) {
        let own = &mut self.policy.credentials;
        let denied = &own.denied;
        own.masked.retain(|masked| !denied.iter().any(|name| name.value == masked.value.name));
        own.hide_sources();
    }
}

impl Credentials {
    /// What secrets are read from is seen by no command.
    fn hide_sources(&mut self) {
        let masks =
            self.masked.iter().filter_map(|one| Some((one.value.mask.as_ref()?.source.as_deref()?, &one.origin)));
        let tokens = self.git.iter().filter_map(|one| match &one.value.token {
            TokenPlace::Source(source) => Some((source.as_str(), &one.origin)),
            TokenPlace::Variable(_) => None,
        });
        let of_sources = self.sources.iter();
        let of_sources = of_sources.flat_map(|one| one.value.keys.iter().map(|(_, text)| (text.as_str(), &one.origin)));
        let read = masks.chain(tokens).chain(of_sources);
        let read = read.filter_map(|(source, origin)| Some((source.strip_prefix("env://")?, origin)));
        let variables = self.git.iter().filter_map(|one| match &one.value.token {
            TokenPlace::Variable(name) => Some((name.as_str(), &one.origin)),
            TokenPlace::Source(_) => None,
        });
        let is_masked = |name: &str| self.masked.iter().any(|one| one.value.name == name);
        let hidden = read.chain(variables).filter(|(name, _)| !is_masked(name));
        let hidden: Vec<Sourced<String>> =
            hidden.map(|(name, origin)| Sourced { value: name.to_owned(), origin: origin.clone() }).collect();
        self.denied.extend(hidden);
    }
}
