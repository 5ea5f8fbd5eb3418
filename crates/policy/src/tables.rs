//! Built-in data.
