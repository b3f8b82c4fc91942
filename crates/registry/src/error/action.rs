//! What was being done when a registry failed, in its words and in ECR's permissions.

use std::fmt;

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
        write!(formatter, "{}{space}{} of {}/{}", self.verb, self.subject, self.host, self.repository)
    }
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
