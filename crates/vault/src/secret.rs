//! A secret's text: never shown, and gone from memory with its last holder.

use core::fmt;
use std::sync::Arc;

use zeroize::Zeroizing;

use crate::limits::SECRET_BYTES_MAX;

/// A secret. Its text is in [`Secret::expose`] and nowhere else.
///
/// Clones share one text, which is overwritten when the last of them is dropped.
#[derive(Clone)]
pub struct Secret(Arc<Zeroizing<String>>);

/// Why a text is no secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SecretFault {
    /// There is nothing in it.
    #[error("the value is empty")]
    Empty,
    /// It is longer than a secret may be.
    #[error("the value is longer than {SECRET_BYTES_MAX} bytes")]
    Long,
    /// It is not UTF-8, or has a NUL in it, which no environment and no field of a request can hold.
    #[error("the value is no text")]
    NotText,
}

impl Secret {
    /// Returns the secret with this text.
    pub fn new(text: impl Into<String>) -> Result<Self, SecretFault> {
        Self::of(Zeroizing::new(text.into()))
    }

    pub(crate) fn of(text: Zeroizing<String>) -> Result<Self, SecretFault> {
        match text.as_str() {
            "" => Err(SecretFault::Empty),
            text if text.len() > SECRET_BYTES_MAX => Err(SecretFault::Long),
            text if text.contains('\0') => Err(SecretFault::NotText),
            _ => Ok(Self(Arc::new(text))),
        }
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self, SecretFault> {
        if bytes.len() > SECRET_BYTES_MAX {
            return Err(SecretFault::Long);
        }
        let text = core::str::from_utf8(bytes).map_err(|_| SecretFault::NotText)?;
        Self::of(Zeroizing::new(text.to_owned()))
    }

    /// Returns the text.
    ///
    /// Whoever takes it out answers for where it goes.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(hidden)")
    }
}
