//! The words after a task's name.

use std::str::FromStr;

use anyhow::{Context, bail};

/// The words that no one has asked for yet.
#[derive(Debug)]
pub(crate) struct Options {
    words: Vec<String>,
}

impl Options {
    pub(crate) fn new(words: Vec<String>) -> Self {
        Self { words }
    }

    /// Takes `--name`, and returns true when it stood there.
    pub(crate) fn flag(&mut self, name: &str) -> bool {
        let before = self.words.len();
        self.words.retain(|word| word != name);
        self.words.len() < before
    }

    /// Takes `--name VALUE`.
    pub(crate) fn value<T>(&mut self, name: &str) -> anyhow::Result<Option<T>>
    where
        T: FromStr,
        T::Err: std::error::Error + Send + Sync + 'static,
    {
        let Some(at) = self.words.iter().position(|word| word == name) else { return Ok(None) };
        self.words.remove(at);
        if at == self.words.len() {
            bail!("`{name}` wants a value");
        }
        let text = self.words.remove(at);
        text.parse().map(Some).with_context(|| format!("`{text}` is no value for `{name}`"))
    }

    /// Takes the next word that is no option.
    pub(crate) fn word(&mut self) -> Option<String> {
        let at = self.words.iter().position(|word| !word.starts_with('-'))?;
        Some(self.words.remove(at))
    }

    /// Fails when a word is left over.
    pub(crate) fn end(self) -> anyhow::Result<()> {
        match self.words.first() {
            Some(word) => bail!("`{word}` is not understood"),
            None => Ok(()),
        }
    }
}
