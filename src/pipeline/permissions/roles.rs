//! Roles with all that belongs to each, as templates declare them. The job's own identity is not theirs to make. Pure.

use shipgate_core::{
    arn::RoleArn,
    permissions::{Part, Permissions, Principal, Statement},
};

/// A role.
pub(super) struct Role<'a> {
    pub(super) arn: &'a RoleArn,
    /// Whom it trusts.
    pub(super) trust: &'a [Statement],
    /// What it may do.
    pub(super) policies: Vec<Attached<'a>>,
    /// How long its sessions must be able to live.
    pub(super) session_seconds: Option<u64>,
    part: Part,
    /// Among those of its part.
    number: usize,
}

/// A policy of a role.
pub(super) struct Attached<'a> {
    pub(super) name: &'static str,
    pub(super) statements: &'a [Statement],
    pub(super) when: When,
}

/// When a policy is attached.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum When {
    Always,
    /// While the service may be created.
    MayCreate,
    /// While it may not.
    MayOnlyDeploy,
}

/// The roles, in order.
pub(super) fn of(permissions: &Permissions) -> Vec<Role<'_>> {
    let all = permissions.trusts.iter().enumerate();
    all.map(|(at, trust)| Role {
        arn: &trust.role,
        trust: &trust.statements,
        policies: attached(permissions, &trust.role),
        session_seconds: trust.session_seconds,
        part: trust.part,
        number: permissions.trusts[..at].iter().filter(|before| before.part == trust.part).count(),
    })
    .collect()
}

fn attached<'a>(permissions: &'a Permissions, role: &RoleArn) -> Vec<Attached<'a>> {
    let own = || permissions.identities.iter().filter(|policy| policy.role.as_ref() == Some(role));
    let has = |part| own().any(|policy| policy.part == part);
    let alternatives = has(Part::WorkloadDeploy) && has(Part::WorkloadCreate);
    own()
        .map(|policy| Attached {
            name: policy.part.name(),
            statements: &policy.statements,
            when: match policy.part {
                Part::WorkloadCreate if alternatives => When::MayCreate,
                Part::WorkloadDeploy if alternatives => When::MayOnlyDeploy,
                Part::WorkloadCreate
                | Part::WorkloadDeploy
                | Part::Caller
                | Part::Hop
                | Part::RegistryPull
                | Part::AccessRole
                | Part::InstanceRole
                | Part::RepositoryPolicy => When::Always,
            },
        })
        .collect()
}

/// Whether a repository lets the job itself in.
pub(super) fn opens_to_job(permissions: &Permissions) -> bool {
    permissions.repositories.iter().flat_map(|known| &known.statements).any(is_of_job)
}

fn is_of_job(statement: &Statement) -> bool {
    statement.principal == Some(Principal::Job)
}

impl Role<'_> {
    /// Whether the CI job assumes it.
    pub(super) fn trusts_job(&self) -> bool {
        self.trust.iter().any(is_of_job)
    }

    /// Whether one of its policies takes another's place.
    pub(super) fn is_optional(&self) -> bool {
        self.policies.iter().any(|attached| attached.when != When::Always)
    }

    /// Its name in a template: letters and digits.
    pub(super) fn label(&self) -> String {
        format!("{}{}", camel(&self.name()).trim_end_matches("Role"), "Role")
    }

    /// What it is, in words joined by dashes.
    pub(super) fn name(&self) -> String {
        let part = self.part.name();
        if self.number == 0 { part.to_owned() } else { format!("{part}-{}", self.number + 1) }
    }

    /// The name of one of its policies in a template, likewise.
    pub(super) fn policy_name(&self, attached: &Attached<'_>) -> String {
        if attached.name == Part::Hop.name() { self.name() } else { attached.name.to_owned() }
    }

    /// `/`, or the folders before its name.
    pub(super) fn path(&self) -> String {
        let after = self.arn.as_str().split_once(":role").map_or("/", |(_, after)| after);
        after.strip_suffix(self.arn.name()).unwrap_or("/").to_owned()
    }

    /// The partition it is in.
    pub(super) fn partition(&self) -> &str {
        self.arn.as_str().split(':').nth(1).unwrap_or("aws")
    }
}

/// Words joined by dashes, in capitals joined by nothing.
pub(super) fn camel(name: &str) -> String {
    let capital = |word: &str| {
        let mut letters = word.chars();
        letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect::<String>()
    };
    name.split('-').map(capital).collect()
}
