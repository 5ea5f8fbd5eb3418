//! What a call would do (to come).
/// To come.
#[derive(Debug)]
pub struct Effects {}
impl Effects {
    /// Reads what the action would do.
    pub fn of(_action: &crate::Action, _home: &crate::AbsPath) -> Self {
        Self {}
    }
}
