//! Signature Version 4: reading the Authorization header and computing the signature again from what arrived.
//!
//! Written from the AWS General Reference ("Create a signed AWS API request"), not from a client's code.

use axum::http::HeaderMap;
use jiff::{SignedDuration, Timestamp, civil::DateTime, tz::Offset};

use super::{
    Received,
    digesting::{equal_in_constant_time, hex, hmac_sha256, sha256_hex},
    percent,
};

/// How far a request's clock may be off: AWS says five minutes.
const ALLOWED_SKEW: SignedDuration = SignedDuration::from_mins(5);

/// What the Authorization header says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Claim {
    /// The access key id.
    pub(crate) access_key_id: String,
    /// `YYYYMMDD` of the scope.
    date: String,
    /// The region of the scope.
    pub(crate) region: String,
    /// The signing name of the service: `sts`, `ecr`, `apprunner`, `logs`.
    pub(crate) service: String,
    signed_headers: Vec<String>,
    signature: String,
}

/// Why a signature is not accepted.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub(crate) enum Refused {
    /// Too old. AWS words it so, with both times and the limit between them.
    #[error("Signature expired: {signed_at} is now earlier than {} ({} - 5 min.)", compact(*now - ALLOWED_SKEW), compact(*now))]
    Expired {
        /// What the request says.
        signed_at: String,
        /// What this machine says.
        now: Timestamp,
    },
    /// Too new.
    #[error("Signature not yet current: {signed_at} is still later than {} ({} + 5 min.)", compact(*now + ALLOWED_SKEW), compact(*now))]
    NotYetCurrent {
        /// What the request says.
        signed_at: String,
        /// What this machine says.
        now: Timestamp,
    },
    /// No date, or another one than the scope's.
    #[error("Date in Credential scope does not match the date of the request ('{signed_at}')")]
    Date {
        /// What the request says.
        signed_at: String,
    },
    /// Another key, or a request that was changed on its way.
    #[error(
        "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access \
         Key and signing method. Consult the service documentation for details."
    )]
    Mismatch,
}

impl Claim {
    /// Reads `AWS4-HMAC-SHA256 Credential=KEY/DATE/REGION/SERVICE/aws4_request, SignedHeaders=a;b, Signature=…`.
    pub(crate) fn read(headers: &HeaderMap) -> Option<Self> {
        let text = headers.get("authorization")?.to_str().ok()?.strip_prefix("AWS4-HMAC-SHA256")?;
        let field = |name: &str| text.split(',').find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('='));
        let mut scope = field("Credential")?.split('/');
        let claim = Self {
            access_key_id: scope.next()?.to_owned(),
            date: scope.next()?.to_owned(),
            region: scope.next()?.to_owned(),
            service: scope.next()?.to_owned(),
            signed_headers: field("SignedHeaders")?.split(';').map(str::to_owned).collect(),
            signature: field("Signature")?.to_owned(),
        };
        (scope.next() == Some("aws4_request")).then_some(claim)
    }

    /// Computes the signature of what arrived with this secret and compares.
    pub(crate) fn verify(&self, received: &Received, secret: &str, now: Timestamp) -> Result<(), Refused> {
        let signed_at = received.header("x-amz-date").unwrap_or_default();
        let signed = || signed_at.to_owned();
        let at = parse_date(signed_at).ok_or_else(|| Refused::Date { signed_at: signed() })?;
        match now.duration_since(at) {
            age if age > ALLOWED_SKEW => return Err(Refused::Expired { signed_at: signed(), now }),
            age if age < -ALLOWED_SKEW => return Err(Refused::NotYetCurrent { signed_at: signed(), now }),
            _ if !signed_at.starts_with(&self.date) => return Err(Refused::Date { signed_at: signed() }),
            _ => {}
        }
        let host_is_signed = self.signed_headers.iter().any(|name| name == "host");
        let payload = payload_hash(received).ok_or(Refused::Mismatch)?;
        let expected = self.signature_of(received, &payload, signed_at, secret);
        let good = host_is_signed && equal_in_constant_time(expected.as_bytes(), self.signature.as_bytes());
        if good { Ok(()) } else { Err(Refused::Mismatch) }
    }

    fn signature_of(&self, received: &Received, payload: &str, signed_at: &str, secret: &str) -> String {
        let scope = format!("{}/{}/{}/aws4_request", self.date, self.region, self.service);
        let canonical = sha256_hex(self.canonical_request(received, payload).as_bytes());
        let to_sign = format!("AWS4-HMAC-SHA256\n{signed_at}\n{scope}\n{canonical}");
        let mut key = hmac_sha256(format!("AWS4{secret}").as_bytes(), self.date.as_bytes());
        for part in [self.region.as_str(), self.service.as_str(), "aws4_request"] {
            key = hmac_sha256(&key, part.as_bytes());
        }
        hex(&hmac_sha256(&key, to_sign.as_bytes()))
    }

    fn canonical_request(&self, received: &Received, payload: &str) -> String {
        let path: Vec<String> = received.path.split('/').map(percent::encode).collect();
        let mut query: Vec<String> = percent::pairs(&received.query, false)
            .iter()
            .map(|(name, value)| format!("{}={}", percent::encode(name), percent::encode(value)))
            .collect();
        query.sort();
        let headers: String = self.signed_headers.iter().map(|name| canonical_header(received, name)).collect();
        let names = self.signed_headers.join(";");
        format!("{}\n{}\n{}\n{headers}\n{names}\n{payload}", received.method, path.join("/"), query.join("&"))
    }
}

/// The hash of the body; `None` when the request names another one.
fn payload_hash(received: &Received) -> Option<String> {
    let actual = sha256_hex(&received.body);
    match received.header("x-amz-content-sha256") {
        Some("UNSIGNED-PAYLOAD") => Some("UNSIGNED-PAYLOAD".to_owned()),
        Some(named) if named != actual => None,
        Some(_) | None => Some(actual),
    }
}

/// `name:value` with runs of blanks made one.
fn canonical_header(received: &Received, name: &str) -> String {
    let values: Vec<String> = received
        .headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .map(|value| value.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    format!("{name}:{}\n", values.join(","))
}

/// `YYYYMMDDTHHMMSSZ`.
fn compact(at: Timestamp) -> String {
    at.strftime("%Y%m%dT%H%M%SZ").to_string()
}

/// Reads `YYYYMMDDTHHMMSSZ`.
fn parse_date(text: &str) -> Option<Timestamp> {
    let civil = DateTime::strptime("%Y%m%dT%H%M%SZ", text).ok()?;
    Offset::UTC.to_timestamp(civil).ok()
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderName, HeaderValue};
    use jiff::Timestamp;

    use super::{Claim, Received, Refused};

    /// The worked example of the AWS documentation of Signature Version 4 (IAM ListUsers, 2015-08-30).
    fn documented_example() -> Received {
        let authorization = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, \
             SignedHeaders=content-type;host;x-amz-date, \
             Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7";
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("content-type", "application/x-www-form-urlencoded; charset=utf-8"),
            ("host", "iam.amazonaws.com"),
            ("x-amz-date", "20150830T123600Z"),
            ("authorization", authorization),
        ] {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        Received {
            method: "GET".to_owned(),
            path: "/".to_owned(),
            query: "Action=ListUsers&Version=2010-05-08".to_owned(),
            headers,
            body: bytes::Bytes::new(),
        }
    }

    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn the_documented_example_is_accepted() {
        let received = documented_example();
        let claim = Claim::read(&received.headers).unwrap();
        assert_eq!((claim.service.as_str(), claim.region.as_str()), ("iam", "us-east-1"));
        assert_eq!(claim.verify(&received, SECRET, at("2015-08-30T12:36:10Z")), Ok(()));
    }

    #[test]
    fn any_change_is_refused() {
        let claim = Claim::read(&documented_example().headers).unwrap();
        let now = at("2015-08-30T12:36:10Z");
        assert_eq!(claim.verify(&documented_example(), "other", now), Err(Refused::Mismatch));
        let other_body = Received { body: "x".into(), ..documented_example() };
        assert_eq!(claim.verify(&other_body, SECRET, now), Err(Refused::Mismatch));
        let other_query = Received { query: "Action=DeleteUser".to_owned(), ..documented_example() };
        assert_eq!(claim.verify(&other_query, SECRET, now), Err(Refused::Mismatch));
    }

    #[test]
    fn five_minutes_and_no_more() {
        let received = documented_example();
        let claim = Claim::read(&received.headers).unwrap();
        assert_eq!(claim.verify(&received, SECRET, at("2015-08-30T12:41:00Z")), Ok(()));
        let refusal = |now| claim.verify(&received, SECRET, at(now)).unwrap_err().to_string();
        assert_eq!(
            refusal("2015-08-30T12:41:01Z"),
            "Signature expired: 20150830T123600Z is now earlier than 20150830T123601Z (20150830T124101Z - 5 min.)"
        );
        assert_eq!(
            refusal("2015-08-30T12:30:59Z"),
            "Signature not yet current: 20150830T123600Z is still later than 20150830T123559Z (20150830T123059Z + 5 min.)"
        );
    }
}
