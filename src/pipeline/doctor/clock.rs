//! Whether the clock here is right enough for signatures and tokens.

use jiff::Timestamp;

use shipgate_aws::{clock, session::Base};
use shipgate_core::{
    diagnosis::Diagnosis,
    oidc::{Claims, Start, TokenSource},
};

const NAME: &str = "clock";

/// AWS takes a signature for five minutes (IAM User Guide, "Elements of an AWS API request signature").
const MOST_SECONDS: i64 = 300;

/// By AWS's clock, else by that of whoever has just made the token.
pub(super) async fn clock(base: &Base, start: &Start, claims: Option<&Claims>) -> Diagnosis {
    let theirs = clock::at_aws(base).await;
    let here = Timestamp::now().as_second();
    match (theirs, claims.filter(|_| is_new(start)).and_then(Claims::issued_at)) {
        (Some(theirs), _) => judge(here - theirs.as_second(), "AWS STS's"),
        (None, Some(issued)) => judge(here - issued, "that of whoever made the token"),
        (None, None) => Diagnosis::skipped(NAME, "AWS STS gave no answer to compare it with"),
    }
}

/// Whether the token was made just now: one in a variable may be as old as the job.
fn is_new(start: &Start) -> bool {
    matches!(start, Start::Token(TokenSource::Endpoint { .. } | TokenSource::Program { .. }))
}

/// `ahead` is how many seconds it is ahead of theirs here.
fn judge(ahead: i64, whose: &str) -> Diagnosis {
    let detail = match ahead {
        -2..=2 => format!("agrees with {whose}"),
        3.. => format!("{ahead} s ahead of {whose}"),
        _ => format!("{} s behind {whose}", -ahead),
    };
    if ahead.abs() <= MOST_SECONDS {
        return Diagnosis::passed(NAME, detail);
    }
    Diagnosis::failed(NAME, detail).mended_by(
        "set the clock of the machine that runs the job (NTP): AWS refuses signatures and tokens that are minutes off",
    )
}

#[cfg(test)]
mod tests {
    use super::judge;

    #[test]
    fn minutes_are_too_much() {
        let table = [
            (0, false, "agrees with X"),
            (-2, false, "agrees with X"),
            (300, false, "300 s ahead of X"),
            (301, true, "301 s ahead of X"),
            (-3, false, "3 s behind X"),
            (-900, true, "900 s behind X"),
        ];
        for (ahead, fails, detail) in table {
            let found = judge(ahead, "X");
            assert_eq!((found.is_failure(), found.detail.as_str()), (fails, detail));
            assert_eq!(found.hint.is_some(), fails);
        }
    }
}
