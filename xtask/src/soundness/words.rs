//! Words.
use super::Wish;
use crate::End;
pub(super) fn run(_wish: &Wish) -> anyhow::Result<End> {
    Ok(End::Good)
}
