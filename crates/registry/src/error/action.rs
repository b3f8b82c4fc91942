//! What was being done when a registry failed, in its words and in ECR's permissions.

use std::{borrow::Cow, fmt};

use shipgate_core::mask::masked;

/// What was being done, to what: `read blob sha256:… of HOST/REPOSITORY`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Action {
    /// The deed: `read manifest`.
    pub verb: &'static str,
    /// The digest or tag it is done to; empty where there is none.
    pub subject: String,
    /// The registry's host.
    pub host: String,
    /// The repository.
    pub repository: String,
}

impl fmt::Display for Action {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let space = if self.subject.is_empty() { "" } else { " " };
        let subject = shortened(&self.subject);
        write!(formatter, "{}{space}{subject} of {}/{}", self.verb, self.host, self.repository)
    }
}

/// As much of a subject as is shown: the scopes of a token can be kilobytes.
const MAX_SUBJECT_BYTES: usize = 200;

/// The subject as it is shown. A long one is masked first: a cut could leave a part of a secret.
fn shortened(subject: &str) -> Cow<'_, str> {
    if subject.len() <= MAX_SUBJECT_BYTES {
        return Cow::Borrowed(subject);
    }
    let mut text = masked(subject);
    let end = (0..=MAX_SUBJECT_BYTES).rev().find(|at| text.is_char_boundary(*at)).unwrap_or_default();
    if end < text.len() {
        text.truncate(end);
        text.push('…');
    }
    Cow::Owned(text)
}

impl Action {
    /// The permission that ECR asks for (Amazon ECR user guide, "Required IAM permissions for pushing an image" and "… for pulling").
    pub(super) fn permission(&self) -> Option<&'static str> {
        Some(match self.verb {
            "look for manifest" | "read manifest" | "fetch manifest" | "list referrers" => "ecr:BatchGetImage",
            "write manifest" => "ecr:PutImage",
            "look for blob" => "ecr:BatchCheckLayerAvailability",
            "read blob" => "ecr:GetDownloadUrlForLayer",
            "start the upload of blob" | "mount blob" => "ecr:InitiateLayerUpload",
            "upload a part of blob" | "look for the upload of blob" => "ecr:UploadLayerPart",
            "upload blob" | "commit blob" => "ecr:CompleteLayerUpload",
            "list tags" => "ecr:ListImages",
            _ => return None,
        })
    }
}
