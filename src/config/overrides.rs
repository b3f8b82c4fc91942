//! Flags, laid over the file before it is read: what the command line says takes the place of what the file says, and is
//! read and checked by the same rules.

use std::path::PathBuf;

use super::{
    problem::{Location, Problem},
    tree::{Entry, Kind, Node},
};

/// What the command line says about the configuration. A field is a flag; its text is not interpolated.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "a field is a flag, and these take no value")]
pub struct Overrides {
    /// `--file`: the file. Without it `shipgate.yaml` or `shipgate.yml` is read if it is there.
    pub file: Option<PathBuf>,
    /// `--target`: the target's name.
    pub target: Option<String>,
    /// `--image`.
    pub image: Option<String>,
    /// `--oidc`.
    pub oidc: Option<String>,
    /// `--oidc-audience`.
    pub oidc_audience: Option<String>,
    /// `--oidc-token-variable`.
    pub oidc_token_variable: Option<String>,
    /// `--registry-role`: an ARN.
    pub registry_role: Option<String>,
    /// `--registry-external-id`: of the last registry role.
    pub registry_external_id: Option<String>,
    /// `--role`: an ARN.
    pub role: Option<String>,
    /// `--external-id`: of the target's last role.
    pub external_id: Option<String>,
    /// `--service`.
    pub service: Option<String>,
    /// `--region`.
    pub region: Option<String>,
    /// `--repository`.
    pub repository: Option<String>,
    /// `--tag`.
    pub tag: Option<String>,
    /// `--create-repository`.
    pub create_repository: bool,
    /// `--via`.
    pub via: Option<String>,
    /// `--access-role`: an ARN; with it a missing service is created.
    pub access_role: Option<String>,
    /// `--instance-role`: an ARN.
    pub instance_role: Option<String>,
    /// `--cpu`.
    pub cpu: Option<String>,
    /// `--memory`.
    pub memory: Option<String>,
    /// `--port`.
    pub port: Option<String>,
    /// `--no-verify`.
    pub no_verify: bool,
    /// `--stay`.
    pub stay: Option<String>,
    /// `--if-busy`.
    pub if_busy: Option<String>,
    /// `--busy-timeout`.
    pub busy_timeout: Option<String>,
    /// `--auto-deployments`.
    pub auto_deployments: Option<String>,
    /// `--identifier`.
    pub identifier: Option<String>,
    /// `--resume`: for this run alone, as the two that follow.
    pub resume: bool,
    /// `--recreate`.
    pub recreate: bool,
    /// `--force`.
    pub force: bool,
    /// `--secrets`.
    pub secrets: Option<String>,
    /// `--secrets-file`: a path.
    pub secrets_file: Option<String>,
    /// `--gate-timeout`.
    pub gate_timeout: Option<String>,
    /// `--log-retention-days`.
    pub log_retention_days: Option<String>,
}

/// A flag, the key it stands for, and its text if it is given.
pub(super) type Flag<'a> = (&'static str, &'static [&'static str], Option<&'a str>);

impl Overrides {
    pub(super) fn of_file(&self) -> [Flag<'_>; 5] {
        [
            ("--image", &["image"], self.image.as_deref()),
            ("--registry-role", &["registry_role"], self.registry_role.as_deref()),
            ("--oidc", &["oidc", "when"], self.oidc.as_deref()),
            ("--oidc-audience", &["oidc", "audience"], self.oidc_audience.as_deref()),
            ("--oidc-token-variable", &["oidc", "token_variable"], self.oidc_token_variable.as_deref()),
        ]
    }

    pub(super) fn of_target(&self) -> [Flag<'_>; 22] {
        let yes = |given: bool| given.then_some("true");
        [
            ("--role", &["role"], self.role.as_deref()),
            ("--service", &["service"], self.service.as_deref()),
            ("--region", &["region"], self.region.as_deref()),
            ("--repository", &["repository"], self.repository.as_deref()),
            ("--tag", &["tag"], self.tag.as_deref()),
            ("--create-repository", &["create_repository"], yes(self.create_repository)),
            ("--via", &["via"], self.via.as_deref()),
            ("--access-role", &["create", "access_role"], self.access_role.as_deref()),
            ("--instance-role", &["create", "instance_role"], self.instance_role.as_deref()),
            ("--cpu", &["create", "cpu"], self.cpu.as_deref()),
            ("--memory", &["create", "memory"], self.memory.as_deref()),
            ("--port", &["create", "port"], self.port.as_deref()),
            ("--no-verify", &["verify", "skip"], yes(self.no_verify)),
            ("--stay", &["verify", "stay"], self.stay.as_deref()),
            ("--if-busy", &["release", "if_busy"], self.if_busy.as_deref()),
            ("--busy-timeout", &["release", "busy_timeout"], self.busy_timeout.as_deref()),
            ("--auto-deployments", &["release", "auto_deployments"], self.auto_deployments.as_deref()),
            ("--identifier", &["release", "identifier"], self.identifier.as_deref()),
            ("--secrets", &["verify", "secrets"], self.secrets.as_deref()),
            ("--secrets-file", &["verify", "secrets_file"], self.secrets_file.as_deref()),
            ("--gate-timeout", &["gate", "timeout"], self.gate_timeout.as_deref()),
            ("--log-retention-days", &["logs", "retention_days"], self.log_retention_days.as_deref()),
        ]
    }

    /// Lays the flags over a file's tree. Where no target could be selected they go to `defaults`, so that they are checked
    /// all the same.
    pub(super) fn lay_over(&self, root: &mut Node, target: Option<&str>, problems: &mut Vec<Problem>) {
        for (flag, path, text) in self.of_file() {
            set(root, path, flag, text);
        }
        let owner: &[&str] = match &target {
            Some(name) => &["targets", name],
            None => &["defaults"],
        };
        if let Some(owner) = place(root, owner, "--service") {
            for (flag, path, text) in self.of_target() {
                set(owner, path, flag, text);
            }
        }
        let role_of_target: &[&str] = &[owner, &["role"]].concat();
        let roles: [(_, _, &[&[&str]]); 2] = [
            ("--registry-external-id", &self.registry_external_id, &[&["registry_role"]]),
            ("--external-id", &self.external_id, &[role_of_target, &["defaults", "role"]]),
        ];
        for (flag, id, paths) in roles {
            let Some(id) = id else { continue };
            let role = paths.iter().find(|path| find(root, path).is_some()).and_then(|path| place(root, path, flag));
            if role.and_then(last_hop).map(|hop| set_external_id(hop, flag, id)).is_none() {
                problems.push(Problem::new(&Location::Flag(flag), "there is no role that it could be for"));
            }
        }
    }
}

fn literal(flag: &'static str, text: &str) -> Node {
    Node { location: Location::Flag(flag), kind: Kind::Scalar { text: text.to_owned(), literal: true } }
}

/// Puts a flag's text at a path, in place of what is there. Where something that is no mapping is in the way it does
/// nothing: that is a problem of its own.
fn set(node: &mut Node, path: &[&str], flag: &'static str, text: Option<&str>) {
    if let Some((node, text)) = text.and_then(|text| Some((place(node, path, flag)?, text))) {
        *node = literal(flag, text);
    }
}

/// The node at a path. What is not there is made, as nothing.
fn place<'n>(node: &'n mut Node, path: &[&str], flag: &'static str) -> Option<&'n mut Node> {
    let Some((key, rest)) = path.split_first() else { return Some(node) };
    if let Kind::Null = node.kind {
        node.kind = Kind::Mapping(Vec::new());
    }
    let Kind::Mapping(entries) = &mut node.kind else { return None };
    let at = entries.iter().position(|entry| entry.key == *key).unwrap_or_else(|| {
        let location = Location::Flag(flag);
        let value = Node { location: location.clone(), kind: Kind::Null };
        entries.push(Entry { key: (*key).to_owned(), location, value });
        entries.len() - 1
    });
    place(&mut entries[at].value, rest, flag)
}

/// The node at a path, if it is there.
fn find<'n>(node: &'n Node, path: &[&str]) -> Option<&'n Node> {
    path.iter().try_fold(node, |node, key| node.get(key))
}

/// The part of a role that names the role itself.
fn last_hop(role: &mut Node) -> Option<&mut Node> {
    match role.kind {
        Kind::Scalar { .. } | Kind::Mapping(_) => Some(role),
        Kind::Sequence(ref mut hops) => hops.last_mut(),
        Kind::Null => None,
    }
}

/// Sets a hop's external id; a bare ARN becomes a mapping.
fn set_external_id(hop: &mut Node, flag: &'static str, id: &str) {
    if let Kind::Scalar { .. } = hop.kind {
        let entry = Entry { key: "arn".to_owned(), location: hop.location.clone(), value: hop.clone() };
        hop.kind = Kind::Mapping(vec![entry]);
    }
    set(hop, &["external_id"], flag, Some(id));
}
