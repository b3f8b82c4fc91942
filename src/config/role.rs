//! Roles: written as an ARN, as a mapping, or as a list of either; read as the hops to take.

use std::time::Duration;

use schemars::{Schema, SchemaGenerator, json_schema};

use super::{
    problem::Location,
    read::{Given, InSchema, Reader, Shape, mappings},
    scalars::{ExternalId, SessionDuration, SessionName},
    tree::{Kind, Node},
};
use shipgate_core::{access::Hop, arn::RoleArn};

/// The name of a session when none is given.
const SESSION_NAME: &str = "shipgate";

/// STS gives a role that was assumed by another role no more than an hour (IAM user guide, "Role chaining").
const LONGEST_CHAINED_SESSION: Duration = Duration::from_hours(1);

mappings! {
    /// One role of a chain.
    HopKeys {
        /// The role's ARN.
        #[schemars(required)]
        arn: RoleArn,
        /// The external id that the role's trust policy asks for.
        external_id: ExternalId,
        /// The session's name, seen in CloudTrail. Default: `shipgate`.
        #[schemars(extend("default" = "shipgate"))]
        session_name: SessionName,
        /// How long the session lasts, `15m` to `12h`; at most `1h` for a role that another role assumes. Default: what STS
        /// gives, one hour.
        duration: SessionDuration,
    }

    /// A role to assume, with the roles to assume before it.
    RoleKeys {
        /// The role's ARN.
        #[schemars(required)]
        arn: RoleArn,
        /// The external id that the role's trust policy asks for.
        external_id: ExternalId,
        /// The session's name, seen in CloudTrail. Default: `shipgate`.
        #[schemars(extend("default" = "shipgate"))]
        session_name: SessionName,
        /// How long the session lasts, `15m` to `12h`; at most `1h` for a role that another role assumes. Default: what STS
        /// gives, one hour.
        duration: SessionDuration,
        /// Roles to assume before this one, in order. Default: none.
        via: Vec<Given<Hop>>,
    }
}

impl HopKeys {
    /// The hop, if every key is right; a missing ARN is a problem.
    fn hop(self, location: &Location, reader: &mut Reader<'_>) -> Option<Hop> {
        if let Given::Absent = self.arn {
            reader.problem(location, "the role has no `arn`");
        }
        let faulty = matches!(self.external_id, Given::Faulty)
            || matches!(self.session_name, Given::Faulty)
            || matches!(self.duration, Given::Faulty);
        let role = self.arn.value().filter(|_| !faulty)?;
        Some(Hop {
            role,
            external_id: self.external_id.value().map(|id| id.0),
            session_name: self.session_name.value().map_or_else(|| SESSION_NAME.to_owned(), |name| name.0),
            duration: self.duration.value().map(|duration| duration.0),
        })
    }
}

impl Shape for Hop {
    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        let keys = match &node.kind {
            Kind::Scalar { .. } => HopKeys { arn: Given::read(node, reader), ..HopKeys::default() },
            Kind::Mapping(_) => HopKeys::read(node, reader)?,
            Kind::Null | Kind::Sequence(_) => {
                reader.wrong_kind(node, "a role (an ARN, or a mapping with `arn`)");
                return None;
            }
        };
        keys.hop(&node.location, reader)
    }
}

/// The hops to take to become a role.
pub(super) struct Role(pub(super) Vec<Hop>);

impl Shape for Role {
    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        let hops = match &node.kind {
            Kind::Scalar { .. } => vec![Hop::read(node, reader)?],
            Kind::Mapping(_) => RoleKeys::read(node, reader)?.hops(&node.location, reader)?,
            Kind::Sequence(_) => all(Vec::read(node, reader)?)?,
            Kind::Null => {
                reader.wrong_kind(node, "a role (an ARN, a mapping with `arn`, or a list of them)");
                return None;
            }
        };
        refuse_long_chained_sessions(&hops, &node.location, reader);
        Some(Self(hops))
    }
}

impl RoleKeys {
    fn hops(self, location: &Location, reader: &mut Reader<'_>) -> Option<Vec<Hop>> {
        let Self { arn, external_id, session_name, duration, via } = self;
        let last = HopKeys { arn, external_id, session_name, duration }.hop(location, reader);
        let mut hops = match via {
            Given::Absent => Vec::new(),
            Given::Faulty => return None,
            Given::Is { value, .. } => all(value)?,
        };
        hops.push(last?);
        Some(hops)
    }
}

/// The values, unless one of them is wrong.
fn all(given: Vec<Given<Hop>>) -> Option<Vec<Hop>> {
    given.into_iter().map(Given::value).collect()
}

fn refuse_long_chained_sessions(hops: &[Hop], location: &Location, reader: &mut Reader<'_>) {
    for hop in hops.iter().skip(1) {
        if hop.duration.is_some_and(|duration| duration > LONGEST_CHAINED_SESSION) {
            let message = format!("a role that another role assumes has sessions of at most 1h: {}", hop.role);
            reader.problem(location, message);
        }
    }
}

impl InSchema for Hop {
    const DEFINITION: Option<&'static str> = Some("Hop");

    fn in_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "One role of a chain: its ARN, or a mapping.",
            "anyOf": [generator.subschema_for::<Given<RoleArn>>(), generator.subschema_for::<Given<HopKeys>>()],
        })
    }
}

impl InSchema for Role {
    const DEFINITION: Option<&'static str> = Some("Role");

    fn in_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A role to assume: its ARN, a mapping, or a list of roles to assume one after the other.",
            "anyOf": [
                generator.subschema_for::<Given<RoleArn>>(),
                generator.subschema_for::<Given<RoleKeys>>(),
                { "type": "array", "items": generator.subschema_for::<Given<Hop>>() },
            ],
        })
    }
}
