//! Condition operators (IAM User Guide, "IAM JSON policy elements: Condition operators").

use std::net::IpAddr;

use jiff::Timestamp;
use serde_json::Value;

use super::{
    Context,
    policy::{InvalidPolicy, texts},
};
use crate::wildcard;

/// One operator on one key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Condition {
    operator: Operator,
    negated: bool,
    if_exists: bool,
    quantifier: Quantifier,
    key: String,
    values: Vec<String>,
}

/// How two values are compared.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Operator {
    Equals,
    EqualsIgnoreCase,
    Like,
    Arn,
    Bool,
    Null,
    Numeric(Order),
    Date(Order),
    Ip,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Order {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Quantifier {
    One,
    Any,
    All,
}

/// Every operator by name, and whether it is the opposite of another.
const OPERATORS: [(&str, Operator, bool); 27] = [
    ("StringEquals", Operator::Equals, false),
    ("StringNotEquals", Operator::Equals, true),
    ("StringEqualsIgnoreCase", Operator::EqualsIgnoreCase, false),
    ("StringNotEqualsIgnoreCase", Operator::EqualsIgnoreCase, true),
    ("StringLike", Operator::Like, false),
    ("StringNotLike", Operator::Like, true),
    ("ArnEquals", Operator::Arn, false),
    ("ArnLike", Operator::Arn, false),
    ("ArnNotEquals", Operator::Arn, true),
    ("ArnNotLike", Operator::Arn, true),
    ("Bool", Operator::Bool, false),
    ("Null", Operator::Null, false),
    ("NumericEquals", Operator::Numeric(Order::Equal), false),
    ("NumericNotEquals", Operator::Numeric(Order::Equal), true),
    ("NumericLessThan", Operator::Numeric(Order::Less), false),
    ("NumericLessThanEquals", Operator::Numeric(Order::LessOrEqual), false),
    ("NumericGreaterThan", Operator::Numeric(Order::Greater), false),
    ("NumericGreaterThanEquals", Operator::Numeric(Order::GreaterOrEqual), false),
    ("DateEquals", Operator::Date(Order::Equal), false),
    ("DateNotEquals", Operator::Date(Order::Equal), true),
    ("DateLessThan", Operator::Date(Order::Less), false),
    ("DateLessThanEquals", Operator::Date(Order::LessOrEqual), false),
    ("DateGreaterThan", Operator::Date(Order::Greater), false),
    ("DateGreaterThanEquals", Operator::Date(Order::GreaterOrEqual), false),
    ("IpAddress", Operator::Ip, false),
    ("NotIpAddress", Operator::Ip, true),
    ("BinaryEquals", Operator::Equals, false),
];

impl Condition {
    /// Reads a whole `Condition` element: operator to key to values. All of them must hold.
    pub(super) fn read_all(element: &Value) -> Result<Vec<Self>, InvalidPolicy> {
        if element.is_null() {
            return Ok(Vec::new());
        }
        let operators = element.as_object().ok_or_else(|| InvalidPolicy("Condition is not an object".to_owned()))?;
        let mut conditions = Vec::new();
        for (name, keys) in operators {
            let keys = keys.as_object().ok_or_else(|| InvalidPolicy(format!("`{name}` holds no keys")))?;
            for (key, values) in keys {
                conditions.push(Self::read(name, key, texts(values)?)?);
            }
        }
        Ok(conditions)
    }

    fn read(name: &str, key: &str, values: Vec<String>) -> Result<Self, InvalidPolicy> {
        let (quantifier, bare) = match name.split_once(':') {
            Some(("ForAnyValue", bare)) => (Quantifier::Any, bare),
            Some(("ForAllValues", bare)) => (Quantifier::All, bare),
            Some(_) | None => (Quantifier::One, name),
        };
        let (bare, if_exists) = bare.strip_suffix("IfExists").map_or((bare, false), |bare| (bare, true));
        let found = OPERATORS.iter().find(|(known, ..)| known.eq_ignore_ascii_case(bare));
        let (_, operator, negated) =
            found.ok_or_else(|| InvalidPolicy(format!("`{name}` is not a condition operator")))?;
        Ok(Self { operator: *operator, negated: *negated, if_exists, quantifier, key: key.to_owned(), values })
    }

    /// Whether it holds. A key that is absent fits nothing, and so everything negated, `IfExists` and `ForAllValues`.
    pub(super) fn holds(&self, context: &Context) -> bool {
        let actual = context.get(&self.key);
        if self.operator == Operator::Null {
            return self.values.iter().any(|value| value.eq_ignore_ascii_case("true") == actual.is_none());
        }
        let Some(actual) = actual else {
            return match self.quantifier {
                Quantifier::All => true,
                Quantifier::Any => self.if_exists,
                Quantifier::One => self.if_exists || self.negated,
            };
        };
        let fits = |actual: &String| self.negated != self.values.iter().any(|value| self.fits(value, actual, context));
        match self.quantifier {
            Quantifier::One | Quantifier::All => actual.iter().all(fits),
            Quantifier::Any => actual.iter().any(fits),
        }
    }

    fn fits(&self, value: &str, actual: &str, context: &Context) -> bool {
        let Some(value) = context.substitute(value) else { return false };
        match self.operator {
            Operator::Equals => value == actual,
            Operator::EqualsIgnoreCase | Operator::Bool => value.eq_ignore_ascii_case(actual),
            Operator::Like => wildcard::matches(&value, actual),
            Operator::Arn => arn_fits(&value, actual),
            Operator::Numeric(order) => number(actual).zip(number(&value)).is_some_and(|(a, v)| order.holds(a, v)),
            Operator::Date(order) => date(actual).zip(date(&value)).is_some_and(|(a, v)| order.holds(a, v)),
            Operator::Ip => ip_fits(&value, actual),
            Operator::Null => false,
        }
    }
}

impl Order {
    fn holds<T: PartialOrd + Copy>(self, actual: T, value: T) -> bool {
        match self {
            Self::Equal => actual == value,
            Self::Less => actual < value,
            Self::LessOrEqual => actual <= value,
            Self::Greater => actual > value,
            Self::GreaterOrEqual => actual >= value,
        }
    }
}

/// Each of the six parts of an ARN is compared by itself: a star does not reach over a colon.
fn arn_fits(pattern: &str, arn: &str) -> bool {
    let (pattern, arn): (Vec<&str>, Vec<&str>) = (pattern.splitn(6, ':').collect(), arn.splitn(6, ':').collect());
    pattern.len() == arn.len() && pattern.iter().zip(arn).all(|(pattern, part)| wildcard::matches(pattern, part))
}

fn number(text: &str) -> Option<f64> {
    text.parse().ok()
}

/// A date of ISO 8601, or seconds since 1970.
fn date(text: &str) -> Option<Timestamp> {
    text.parse().ok().or_else(|| Timestamp::from_second(text.parse().ok()?).ok())
}

/// Whether an address is the one, or in the network `ADDRESS/BITS`.
fn ip_fits(value: &str, actual: &str) -> bool {
    let (network, bits) = value.split_once('/').map_or((value, None), |(network, bits)| (network, Some(bits)));
    match (network.parse(), actual.parse()) {
        (Ok(IpAddr::V4(network)), Ok(IpAddr::V4(actual))) => {
            let bits = bits.map_or(Some(32), |bits| bits.parse().ok()).filter(|bits| *bits <= 32_u32);
            let shift = |address: u32| bits.map(|bits| address.checked_shr(32 - bits).unwrap_or(0));
            bits.is_some() && shift(network.into()) == shift(actual.into())
        }
        (Ok(IpAddr::V6(network)), Ok(IpAddr::V6(actual))) => {
            let bits = bits.map_or(Some(128), |bits| bits.parse().ok()).filter(|bits| *bits <= 128_u32);
            let shift = |address: u128| bits.map(|bits| address.checked_shr(128 - bits).unwrap_or(0));
            bits.is_some() && shift(network.into()) == shift(actual.into())
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{Condition, Context};

    fn holds(condition: &Value) -> bool {
        let context = Context::default()
            .with("sts:ExternalId", "right")
            .with("aws:PrincipalArn", "arn:aws:iam::333333333333:role/ci/runner")
            .with("aws:SecureTransport", "false")
            .with("aws:EpochTime", "1000")
            .with("aws:CurrentTime", "2026-01-02T03:04:05Z")
            .with("aws:SourceIp", "10.1.2.3")
            .with("aws:username", "ci");
        Condition::read_all(condition).unwrap().iter().all(|condition| condition.holds(&context))
    }

    #[test]
    fn operators() {
        for (condition, expected) in [
            (json!(null), true),
            (json!({"StringEquals": {"sts:externalid": "right"}}), true),
            (json!({"StringEquals": {"sts:ExternalId": ["wrong", "right"]}}), true),
            (json!({"StringEquals": {"sts:ExternalId": "Right"}}), false),
            (json!({"StringEqualsIgnoreCase": {"sts:ExternalId": "RIGHT"}}), true),
            (json!({"StringNotEquals": {"sts:ExternalId": ["wrong", "right"]}}), false),
            (json!({"StringNotEquals": {"sts:ExternalId": "wrong"}}), true),
            (json!({"StringLike": {"sts:ExternalId": "r*t"}}), true),
            (json!({"StringEquals": {"sts:ExternalId": "r*t"}}), false),
            (json!({"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/ci/*"}}), true),
            (json!({"ArnLike": {"aws:PrincipalArn": "arn:*:role/ci/*"}}), false),
            (json!({"ArnNotLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/ci/*"}}), false),
            (json!({"Bool": {"aws:SecureTransport": false}}), true),
            (json!({"Bool": {"aws:SecureTransport": "true"}}), false),
            (json!({"Null": {"aws:MultiFactorAuthPresent": "true"}}), true),
            (json!({"Null": {"sts:ExternalId": "true"}}), false),
            (json!({"NumericLessThan": {"aws:EpochTime": "1001"}}), true),
            (json!({"NumericLessThan": {"aws:EpochTime": "1000"}}), false),
            (json!({"DateGreaterThan": {"aws:CurrentTime": "2026-01-01T00:00:00Z"}}), true),
            (json!({"IpAddress": {"aws:SourceIp": "10.1.0.0/16"}}), true),
            (json!({"NotIpAddress": {"aws:SourceIp": ["10.1.0.0/16"]}}), false),
            (json!({"IpAddress": {"aws:SourceIp": "10.2.0.0/16"}}), false),
            (json!({"IpAddress": {"aws:SourceIp": "0.0.0.0/0"}}), true),
            (json!({"StringEquals": {"sts:ExternalId": "${aws:username}"}}), false),
            (json!({"StringEquals": {"sts:ExternalId": "right", "aws:username": "other"}}), false),
        ] {
            assert_eq!(holds(&condition), expected, "{condition}");
        }
    }

    #[test]
    fn keys_that_are_absent() {
        for (condition, expected) in [
            (json!({"StringEquals": {"aws:absent": "x"}}), false),
            (json!({"StringNotEquals": {"aws:absent": "x"}}), true),
            (json!({"StringEqualsIfExists": {"aws:absent": "x"}}), true),
            (json!({"BoolIfExists": {"aws:absent": "true"}}), true),
            (json!({"BoolIfExists": {"aws:SecureTransport": "true"}}), false),
            (json!({"ForAllValues:StringEquals": {"aws:absent": "x"}}), true),
            (json!({"ForAnyValue:StringEquals": {"aws:absent": "x"}}), false),
            (json!({"ForAnyValue:StringLike": {"sts:ExternalId": ["r*"]}}), true),
        ] {
            assert_eq!(holds(&condition), expected, "{condition}");
        }
    }
}
