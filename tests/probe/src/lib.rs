//! The hostile child.
pub fn main(_args: &[String]) -> i32 {
    0
}
