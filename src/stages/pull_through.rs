//! The preflight of a copy that ECR makes itself: whether a rule of its pull-through cache leads from the destination to the
//! source, and whether a tag there would stay where it is put. Reads only.

use super::preflight::{Check, Trouble};
use shipgate_aws::ecr::Ecr;
use shipgate_core::{image::EcrHost, pull_through::Passage};
use shipgate_registry::Registry;

/// What ECR is to fetch, and whom to ask about it.
#[derive(Clone, Debug)]
pub struct PullThrough<'a> {
    /// From where to where.
    pub passage: Passage,
    /// The tag that will be written there, unless the source's own of that name is meant.
    pub tag: Option<&'a str>,
    /// The source's registry.
    pub source: &'a Registry,
    /// ECR of the destination; `None` where it is no ECR.
    pub ecr: Option<&'a Ecr>,
}

impl PullThrough<'_> {
    /// Makes the checks.
    pub async fn checks(&self) -> Vec<Check> {
        let rule = self.rule().await;
        let mut checks = vec![rule];
        // Without a rule nothing follows the source's tags.
        if let Some(tag) = self.tag.filter(|_| checks[0].problem.is_none()) {
            checks.push(self.own_tag(tag).await);
        }
        checks
    }

    async fn rule(&self) -> Check {
        const NAME: &str = "pull-through-rule";
        let passage = &self.passage;
        let setup = |why: String, hint| Check::failed(NAME, why, Trouble::Setup, hint);
        if let Err(why) = passage.is_between_registries_of_ecr() {
            return setup(why.to_string(), Some("copy it with `via: copy`".to_owned()));
        }
        let (Some(ecr), Some(EcrHost { account, .. })) = (self.ecr, EcrHost::parse(&passage.host)) else {
            return setup(format!("{} is not asked as ECR", passage.host), None);
        };
        let rules = match ecr.pull_through_rules(&account).await {
            Ok(rules) => rules,
            Err(fault) if fault.is_denied() => {
                let hint = format!("let it do {}: the rule is looked at before anything is copied", fault.action);
                return Check::failed(NAME, fault.to_string(), Trouble::Permission, Some(hint));
            }
            Err(fault) => return setup(fault.to_string(), None),
        };
        match passage.served_by(&rules) {
            Ok(rule) => {
                let reader = rule.role.as_ref().map(|reader| format!(", as {reader}")).unwrap_or_default();
                let Passage { source_host, source_repository, repository, .. } = passage;
                let from = format!("{source_host}/{source_repository}{reader}");
                Check::passed(NAME, format!("rule {}: ECR fetches {repository} from {from}", rule.prefix))
            }
            Err(why) => setup(why.to_string(), passage.setup(&rules)),
        }
    }

    /// ECR looks a cached tag up at its upstream once in 24 hours, and moves it to what that has (Amazon ECR user guide, "Sync
    /// an upstream registry"). So a tag of the source's would not stay where it is put.
    async fn own_tag(&self, tag: &str) -> Check {
        const NAME: &str = "pull-through-tag";
        let Passage { source_host, source_repository, .. } = &self.passage;
        match self.source.head_manifest(source_repository, tag).await {
            Ok(None) => Check::passed(NAME, format!("the source has no tag {tag} that ECR would follow")),
            Ok(Some(_)) => Check::failed(
                NAME,
                format!("{source_host}/{source_repository} has a tag {tag} too: ECR would move this one after it"),
                Trouble::Setup,
                Some("use a tag that the source does not have".to_owned()),
            ),
            Err(error) if error.is_denied() => {
                Check::failed(NAME, error.to_string(), Trouble::Permission, error.hint())
            }
            Err(error) => Check::failed(NAME, error.to_string(), Trouble::Setup, error.hint()),
        }
    }
}
