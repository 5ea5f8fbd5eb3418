//! What the trust store and Claude Code's state file look like on disk.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Serialize};

/// The version of the trust store that this crate writes and reads.
pub(crate) const TRUST_STORE_VERSION: u32 = 1;

/// The trust store.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TrustStore {
    pub(crate) version: u32,
    pub(crate) folders: Vec<Folder>,
}

/// One record of the trust store.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Folder {
    pub(crate) folder: String,
    pub(crate) answer: Answer,
    /// Seconds since 1970 in UTC.
    pub(crate) at: u64,
}

/// What was decided about a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Answer {
    Granted,
    Withdrawn,
}

/// Finds `projects[key].hasTrustDialogAccepted` in Claude Code's state file.
///
/// The file is large and another program's: everything else in it is passed over. Where a key is
/// written twice, every occurrence must agree.
pub(crate) fn claude_trusts(bytes: &[u8], key: &str) -> Result<bool, serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let path = ["projects", key, "hasTrustDialogAccepted"];
    let found = At { path: &path }.deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(found == Some(true))
}

/// The boolean at the end of a path of keys.
struct At<'k> {
    path: &'k [&'k str],
}

impl<'de> DeserializeSeed<'de> for At<'_> {
    type Value = Option<bool>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        if self.path.is_empty() {
            bool::deserialize(deserializer).map(Some)
        } else {
            deserializer.deserialize_map(self)
        }
    }
}

impl<'de> Visitor<'de> for At<'_> {
    type Value = Option<bool>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let Some((first, rest)) = self.path.split_first() else { return Ok(None) };
        let mut found: Option<Option<bool>> = None;
        while let Some(is_on_path) = map.next_key_seed(Is { wanted: first })? {
            if is_on_path {
                let here = map.next_value_seed(At { path: rest })?;
                let agrees = found.is_none_or(|before| before == here);
                found = Some(if agrees { here } else { Some(false) });
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found.flatten())
    }
}

/// Whether a key is the wanted one.
struct Is<'k> {
    wanted: &'k str,
}

impl<'de> DeserializeSeed<'de> for Is<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Is<'_> {
    type Value = bool;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<bool, E> {
        Ok(key == self.wanted)
    }
}
