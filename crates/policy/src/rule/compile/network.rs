//! What layers say about the network, and which rules about the web follow from it.

use super::Compiler;
use crate::layer::{Layer, Scope, Severity};
use crate::network::{self, Words};
use crate::proof::RuleRef;
use crate::rule::{List, Matcher, Rule};

impl Compiler<'_> {
    /// Takes the words of all layers in. What is denied to commands is denied to the tool that fetches; what is
    /// allowed to commands is not allowed to it, which nobody documents.
    pub(super) fn network(&mut self, layers: &[Layer]) {
        let has_rules = |layer: &Layer| self.managed_only.is_none() || layer.scope == Scope::Managed;
        let words: Vec<Words> = layers.iter().rev().map(|layer| Words::of(layer, has_rules(layer))).collect();
        let (network, diagnostics) = network::compile(&words);
        for diagnostic in diagnostics {
            // The rules about the web have told their own; whatever else stands in the line, a denial that cannot be read
            // refuses.
            let is_rule = |rule: &crate::layer::Sourced<String>| {
                rule.origin == diagnostic.origin && diagnostic.message.contains(rule.value.as_str())
            };
            let is_told = layers.iter().any(|layer| layer.allow.iter().chain(&layer.deny).any(is_rule));
            if diagnostic.severity == Severity::Error {
                self.policy.failures.push(diagnostic.clone());
            }
            if !is_told {
                self.diagnostics.push(diagnostic);
            }
        }
        for (pattern, name) in network.denied_hosts() {
            let reference = RuleRef { text: name.text.clone(), list: List::Deny, origin: name.origin.clone() };
            self.policy.rules.push(Rule { matcher: Matcher::Domain(pattern.clone()), reference });
        }
        self.policy.network = network;
    }
}
