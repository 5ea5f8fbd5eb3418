//! Answers in JSON: one text is taken out, everything else is passed over.
//!
//! An object that has a name twice says two things, so it says nothing.

use core::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, Visitor};
use zeroize::Zeroizing;

use crate::limits::DEPTH_MAX;

/// Why no text was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AnswerFault {
    /// It is no JSON, or not of the form that it should have.
    #[error("the answer does not have the form that it should have")]
    Form,
    /// The field is not there.
    #[error("the answer has no such field")]
    Absent,
    /// It is there twice.
    #[error("the answer has the field more than once")]
    Twice,
    /// It is a number, an object or nothing.
    #[error("the field is no text")]
    NotText,
    /// It is there and kept back.
    #[error("the server keeps the value back from whoever asks")]
    Hidden,
}

/// Returns the text at the end of a path of names.
pub(crate) fn text(bytes: &[u8], path: &[&str]) -> Result<Zeroizing<String>, AnswerFault> {
    if path.len() > DEPTH_MAX {
        return Err(AnswerFault::Form);
    }
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let found = Looking { path }.deserialize(&mut reader).and_then(|found| {
        reader.end()?;
        Ok(found)
    });
    match found {
        Ok(Found::Text(text)) => Ok(text),
        Ok(Found::Nothing) => Err(AnswerFault::Absent),
        Ok(Found::Other) => Err(AnswerFault::NotText),
        // The one error of our own making; no text of the answer is in it.
        Err(error) if error.to_string().starts_with(TWICE) => Err(AnswerFault::Twice),
        Err(_) => Err(AnswerFault::Form),
    }
}

const TWICE: &str = "a name is there twice";

enum Found {
    Text(Zeroizing<String>),
    Other,
    Nothing,
}

struct Looking<'a> {
    path: &'a [&'a str],
}

impl<'de> DeserializeSeed<'de> for Looking<'_> {
    type Value = Found;

    fn deserialize<D: serde::Deserializer<'de>>(self, reader: D) -> Result<Found, D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Looking<'_> {
    type Value = Found;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_str<E>(self, text: &str) -> Result<Found, E> {
        let is_end = self.path.is_empty();
        Ok(if is_end { Found::Text(Zeroizing::new(text.to_owned())) } else { Found::Other })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Found, A::Error> {
        let (mut found, mut seen) = (Found::Nothing, 0);
        while let Some(is_wanted) = map.next_key_seed(IsName(self.path.first().copied()))? {
            if !is_wanted {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            seen += 1;
            if seen > 1 {
                return Err(A::Error::custom(TWICE));
            }
            found = map.next_value_seed(Looking { path: self.path.get(1..).unwrap_or_default() })?;
        }
        Ok(if self.path.is_empty() { Found::Other } else { found })
    }

    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut list: A) -> Result<Found, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Found::Other)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Found, E> {
        Ok(Found::Other)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Found, E> {
        Ok(Found::Other)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Found, E> {
        Ok(Found::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Found, E> {
        Ok(Found::Other)
    }

    fn visit_unit<E>(self) -> Result<Found, E> {
        Ok(Found::Other)
    }
}

struct IsName<'a>(Option<&'a str>);

impl<'de> DeserializeSeed<'de> for IsName<'_> {
    type Value = bool;

    fn deserialize<D: serde::Deserializer<'de>>(self, reader: D) -> Result<bool, D::Error> {
        reader.deserialize_str(self)
    }
}

impl Visitor<'_> for IsName<'_> {
    type Value = bool;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a name")
    }

    fn visit_str<E>(self, name: &str) -> Result<bool, E> {
        Ok(self.0 == Some(name))
    }
}

/// Reads an answer of a known form.
pub(crate) fn read<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, AnswerFault> {
    serde_json::from_slice(bytes).map_err(|_| AnswerFault::Form)
}

/// A vault or an item of 1Password Connect, as lists have it.
#[derive(Deserialize)]
pub(crate) struct Listed {
    pub(crate) id: String,
    #[serde(alias = "title")]
    pub(crate) name: String,
}

/// An item of 1Password Connect.
#[derive(Deserialize)]
pub(crate) struct Item {
    #[serde(default)]
    pub(crate) fields: Vec<ItemField>,
    #[serde(default)]
    pub(crate) sections: Vec<ItemSection>,
}

/// A section of an item.
#[derive(Deserialize)]
pub(crate) struct ItemSection {
    pub(crate) id: String,
    #[serde(default)]
    pub(crate) label: String,
}

/// A field of an item.
#[derive(Deserialize)]
pub(crate) struct ItemField {
    pub(crate) id: String,
    #[serde(default)]
    pub(crate) label: String,
    pub(crate) section: Option<SectionOfField>,
    pub(crate) value: Option<Zeroizing<String>>,
}

/// Which section a field is in.
#[derive(Deserialize)]
pub(crate) struct SectionOfField {
    pub(crate) id: String,
}

/// What a Vault server says of a mount.
#[derive(Deserialize)]
pub(crate) struct Mount {
    pub(crate) data: MountData,
}

#[derive(Deserialize)]
pub(crate) struct MountData {
    pub(crate) path: String,
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) options: Option<MountOptions>,
}

#[derive(Deserialize)]
pub(crate) struct MountOptions {
    pub(crate) version: Option<String>,
}

/// What Infisical says beside the value.
#[derive(Deserialize)]
pub(crate) struct InfisicalAnswer {
    pub(crate) secret: InfisicalSecret,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct InfisicalSecret {
    pub(crate) secret_key: String,
    pub(crate) secret_value: Option<Zeroizing<String>>,
    #[serde(default)]
    pub(crate) secret_value_hidden: bool,
}

/// What Doppler says.
#[derive(Deserialize)]
pub(crate) struct DopplerAnswer {
    pub(crate) name: String,
    pub(crate) value: DopplerValue,
}

#[derive(Deserialize)]
pub(crate) struct DopplerValue {
    pub(crate) computed: Option<Zeroizing<String>>,
}

/// Returns an object of texts, overwritten when it is dropped.
pub(crate) fn object(pairs: &[(&str, &str)]) -> Zeroizing<String> {
    let quoted = |text: &str| Zeroizing::new(serde_json::Value::from(text).to_string());
    let mut made =
        Zeroizing::new(String::with_capacity(64 + pairs.iter().map(|(_, text)| 6 * text.len() + 64).sum::<usize>()));
    made.push('{');
    for (number, (name, text)) in pairs.iter().enumerate() {
        made.push_str(if number == 0 { "" } else { "," });
        made.push_str(&quoted(name));
        made.push(':');
        made.push_str(&quoted(text));
    }
    made.push('}');
    made
}
