//! Whether an application failed because its container may gain no new privileges. App Runner is not known to forbid setuid
//! programs and file capabilities, so such a failure proves nothing: the application is checked again without the restriction.

use super::Verification;

/// What programs say that need a setuid bit and do not get it: sudo, su, doas, fusermount and others.
const SETUID: [&str; 9] = [
    "no new privileges",
    "no-new-privileges",
    "no_new_privs",
    "effective uid is not 0",
    "must be setuid",
    "must be suid",
    "setuid root",
    "setuid bit",
    "not installed setuid",
];

/// What programs say when the kernel refuses something, for this reason or another one.
const REFUSED: [&str; 4] = ["operation not permitted", "permission denied", "eperm", "eacces"];

/// Whether a check may have failed for want of new privileges. `user`: the user of the container's first process. One that is
/// root has all that it could gain; without the words of a setuid program, only another one that ended is doubted.
pub(super) fn may_be_missing(verification: &Verification, user: &str) -> bool {
    if verification.healthy {
        return false;
    }
    let says = |words: &[&str]| {
        let lines = verification.last_lines.iter().map(|line| line.to_lowercase());
        lines.into_iter().any(|line| words.iter().any(|words| line.contains(words)))
    };
    let is_root = matches!(user.split(':').next(), None | Some("" | "root" | "0"));
    says(&SETUID) || (!is_root && verification.exit.is_some() && says(&REFUSED))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Verification, may_be_missing};
    use crate::verify::{Exit, finding::Finding};
    use shipgate_core::service::RunSettings;

    #[test]
    fn words_of_setuid_programs_are_doubted() {
        let ended = |line: &str, healthy: bool, has_ended: bool| {
            let exit = Exit { code: 1, out_of_memory: false, after: Duration::ZERO };
            let mut verification = Verification::unfit(Finding::Exited { code: 1 }, &RunSettings::default(), None);
            verification.last_lines = vec!["starting".to_owned(), line.to_owned()];
            (verification.healthy, verification.exit) = (healthy, has_ended.then_some(exit));
            verification
        };
        let sudo = r#"sudo: The "no new privileges" flag is set, which prevents sudo from running as root."#;
        let table = [
            (ended(sudo, false, true), "app", true),
            (ended(sudo, false, false), "", true),
            (ended(sudo, true, false), "app", false),
            (ended("sudo: effective uid is not 0, is /usr/bin/sudo on a file system …", false, true), "app", true),
            (ended("su: must be suid to work properly", false, true), "1000", true),
            (ended("setuid: Operation not permitted", false, true), "1000:1000", true),
            (ended("listen EACCES: permission denied 0.0.0.0:80", false, true), "node", true),
            (ended("open /data: permission denied", false, true), "root", false),
            (ended("open /data: permission denied", false, true), "0:0", false),
            (ended("open /data: permission denied", false, false), "app", false),
            (ended("cannot reach the database", false, true), "app", false),
        ];
        for (verification, user, expected) in table {
            assert_eq!(may_be_missing(&verification, user), expected, "{:?} {user}", verification.last_lines);
        }
    }
}
