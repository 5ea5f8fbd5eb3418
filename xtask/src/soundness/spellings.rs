//! Generated spellings.
