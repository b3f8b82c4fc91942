//! Log groups as a whole: which there are, what they hold, and their deletion.

use super::{
    fault::AwsFault,
    logs::{Logs, unless_missing},
};
use shipgate_core::log_group::LogGroup;

impl Logs {
    /// The groups whose names begin like this, all pages of them.
    ///
    /// # Errors
    /// [`AwsFault`] when CloudWatch Logs refuses.
    pub async fn groups(&self, prefix: &str) -> Result<Vec<LogGroup>, AwsFault> {
        let mut groups = Vec::new();
        let mut pages = self.client.describe_log_groups().log_group_name_prefix(prefix).into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| AwsFault::new("logs:DescribeLogGroups", &error))?;
            groups.extend(page.log_groups().iter().filter_map(|group| {
                Some(LogGroup {
                    name: group.log_group_name()?.to_owned(),
                    stored_bytes: group.stored_bytes().and_then(|bytes| bytes.try_into().ok()).unwrap_or(0),
                    retention_days: group.retention_in_days().and_then(|days| days.try_into().ok()),
                })
            }));
        }
        Ok(groups)
    }

    /// The group of this name, if there is one.
    ///
    /// # Errors
    /// [`AwsFault`] when CloudWatch Logs refuses.
    pub async fn group(&self, name: &str) -> Result<Option<LogGroup>, AwsFault> {
        Ok(self.groups(name).await?.into_iter().find(|group| group.name == name))
    }

    /// Deletes a group and all its lines. False when there is no such group.
    ///
    /// # Errors
    /// [`AwsFault`] for any other answer.
    pub async fn delete_group(&self, name: &str) -> Result<bool, AwsFault> {
        let answer = self.client.delete_log_group().log_group_name(name).send().await;
        Ok(unless_missing("logs:DeleteLogGroup", answer)?.is_some())
    }
}
