//! Rules set up at run time.

use reqwest::Method;

use super::{Control, ControlError};
use crate::org::{DefinedRule, RuleSpec};

impl Control {
    /// Sets up a validation rule, duplicate rule or trigger.
    ///
    /// # Errors
    /// [`ControlError`], also for a formula or script that cannot be read.
    pub async fn define_rule(&self, rule: &RuleSpec) -> Result<DefinedRule, ControlError> {
        self.post("rules", rule).await
    }

    /// The rules that were set up.
    ///
    /// # Errors
    /// [`ControlError`]
    pub async fn rules(&self) -> Result<Vec<DefinedRule>, ControlError> {
        self.get("rules").await
    }

    /// Removes a rule.
    ///
    /// # Errors
    /// [`ControlError`], also when there is no such rule.
    pub async fn remove_rule(&self, id: u64) -> Result<(), ControlError> {
        self.order(Method::DELETE, &format!("rules/{id}")).await
    }

    /// Removes all rules that were set up.
    ///
    /// # Errors
    /// [`ControlError`]
    pub async fn remove_rules(&self) -> Result<(), ControlError> {
        self.order(Method::DELETE, "rules").await
    }
}
