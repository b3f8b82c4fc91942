//! Whether it is the image, and not the engine, that keeps a container from being made or started.

use super::error::EngineError;

/// What engines and container runtimes say when it is the image or its settings that keep a container from being made.
const UNFIT_IMAGE: [&str; 8] = [
    "no command specified",
    "no command or entrypoint provided",
    "is not a directory",
    ": not a directory",
    "unable to find user",
    "unable to find group",
    "uids and gids must be in range",
    "cannot mount volume over existing file",
];

/// The same of a container that is started.
const UNFIT_TO_START: [&str; 4] = [
    "cwd must be an absolute path",
    "chdir to cwd",
    "environment variable name can't be empty",
    "argument list too long",
];

/// What an engine says when it cannot execute its own parts, or cannot put the image's layers together.
const ENGINES_OWN: [&str; 7] = [
    "fork/exec",
    "containerd-shim",
    "exec: \"runc\"",
    "exec: \"crun\"",
    "exec: \"docker-init\"",
    "exec: \"nvidia-",
    "overlay mount",
];

impl EngineError {
    /// Whether the engine refused to start a container because of what it was told to run: a command that is not in
    /// the image, or is not executable. Docker answers 400 to that and 500 to troubles of its own; other engines
    /// answer 500 to both, and the runtime's words tell them apart.
    #[must_use]
    pub fn is_refusal_to_start(&self) -> bool {
        let faults = [
            "executable file not found",
            "no such file or directory",
            "permission denied",
            "exec format error",
            "too many levels of symbolic links",
        ];
        let Self::Call { status: Some(status), reason, .. } = self else { return false };
        let reason = reason.to_lowercase();
        let says = |words: &[&str]| words.iter().any(|words| reason.contains(words));
        let is_at_fault = (reason.contains("exec") && says(&faults)) || says(&UNFIT_IMAGE) || says(&UNFIT_TO_START);
        (*status == 400 || is_at_fault) && !says(&ENGINES_OWN)
    }

    /// Whether the engine refused to make a container because of the image: it has no command, or its working directory is a
    /// file. Docker answers 400 to the one and 500 to the other.
    #[must_use]
    pub fn is_refusal_to_create(&self) -> bool {
        let Self::Call { status: Some(_), reason, .. } = self else { return false };
        let reason = reason.to_lowercase();
        let says = |words: &[&str]| words.iter().any(|words| reason.contains(words));
        says(&UNFIT_IMAGE) && !says(&ENGINES_OWN)
    }
}

#[cfg(test)]
mod tests {
    use super::EngineError;

    #[test]
    fn a_command_that_cannot_run_is_told_from_an_engine_that_cannot() {
        let table = [
            (Some(400), "anything", true),
            (Some(500), "crun: executable file `x` not found: executable file not found in $PATH", true),
            (Some(500), "OCI runtime create failed: exec /app: exec format error", true),
            (Some(500), "unable to find user bob: no matching entries in passwd file", true),
            (Some(500), "runc create failed: Cwd must be an absolute path: unknown", true),
            (Some(500), r#"exec: "/program": stat /program: too many levels of symbolic links: unknown"#, true),
            (Some(500), "no space left on device", false),
            (Some(400), r#"exec: "runc": executable file not found in $PATH: unknown"#, false),
            (Some(500), "fork/exec /usr/bin/containerd-shim-runc-v2: no such file or directory", false),
            (Some(500), "error creating overlay mount: no such file or directory", false),
            (Some(404), "no such container", false),
            (None, "broken pipe", false),
        ];
        for (status, reason, refusal) in table {
            let error = EngineError::Call { attempted: "start".to_owned(), reason: reason.to_owned(), status };
            assert_eq!(error.is_refusal_to_start(), refusal, "{status:?} {reason}");
        }
    }

    #[test]
    fn image_that_no_container_can_be_made_of_is_told_from_an_engine_that_cannot() {
        let table = [
            (Some(400), "No command specified", true),
            (Some(500), "no command or entrypoint provided, and no CMD or ENTRYPOINT from image", true),
            (Some(500), "Cannot mkdir: /program is not a directory", true),
            (Some(500), "lstat /var/lib/docker/overlay2/1/merged/program/sub: not a directory", true),
            (Some(500), "cannot mount volume over existing file, file exists /var/lib/docker/x", true),
            (Some(400), "invalid reference format", false),
            (Some(500), "error creating overlay mount to /var/lib/docker/overlay2/1/merged: not a directory", false),
            (Some(409), "the container name is already in use", false),
            (Some(500), "no space left on device", false),
            (None, "broken pipe", false),
        ];
        for (status, reason, refusal) in table {
            let error = EngineError::Call { attempted: "create".to_owned(), reason: reason.to_owned(), status };
            assert_eq!(error.is_refusal_to_create(), refusal, "{status:?} {reason}");
        }
    }
}
