//! What the user can do about a finding.

use super::{Finding, list};
use crate::verify::{probe::Answer, spoken::is_tls_refusal};

impl Finding {
    /// What the user can do about it. Secrets the container was not given may be the cause of its end.
    #[must_use]
    pub fn hint(&self, missing_secrets: &[String]) -> String {
        match self {
            Self::Exited { code } if *code != 0 && !missing_secrets.is_empty() => format!(
                "the service is given {} as a secret and the container here was not: perhaps it cannot run without",
                missing_secrets.join(", ")
            ),
            Self::ListensElsewhere { expected, ports } => {
                format!("make it listen on $PORT ({expected}), or set the service's port to {}", list(ports, " or "))
            }
            Self::DoesNotListen { port } => {
                format!("make it listen on 0.0.0.0:{port} sooner, or give the health check more time")
            }
            Self::TooSlow { enough, .. } => too_slow_hint(*enough),
            Self::AnswersStatus(answer) => status_hint(answer).to_owned(),
            Self::NotAProgram { what, .. } => what.hint().to_owned(),
            Self::LacksPermission { path } => format!("make it executable: chmod +x {path}, or COPY --chmod=755"),
            Self::MissingInterpreter { interpreter, .. } => {
                format!("install {interpreter} in the image, or correct the script's first line")
            }
            Self::WindowsScript { path, .. } => {
                format!("give {path} Unix line ends: dos2unix, or `*.sh text eol=lf` in .gitattributes")
            }
            Self::MissingLoader { loader, .. } => loader_hint(loader).to_owned(),
            Self::MissingLibrary { library } => {
                format!(
                    "install the package with {library} in the image, or copy it from the stage that builds the program"
                )
            }
            Self::TooLarge { .. }
            | Self::WrongArchitecture { .. }
            | Self::ForeignProgram { .. }
            | Self::CommandNotFound
            | Self::NotStarted
            | Self::IsDirectory { .. }
            | Self::InterpreterNotFound
            | Self::NotExecutable
            | Self::UserNotFound { .. }
            | Self::NoCommand
            | Self::BadWorkingDirectory { .. }
            | Self::Exited { .. }
            | Self::OutOfMemory { .. }
            | Self::ListensLocally { .. }
            | Self::ListensOnIpv6 { .. }
            | Self::AnswersTooLate { .. }
            | Self::NotHttp
            | Self::SpeaksTls
            | Self::SpeaksHttp2
            | Self::Flaps
            | Self::IgnoresSigterm { .. } => self.plain_hint().to_owned(),
        }
    }

    /// The hints that are the same in every case.
    fn plain_hint(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "leave out of the image what only its build needs (a build in stages)",
            Self::WrongArchitecture { .. } | Self::ForeignProgram { .. } => {
                "build everything in the image for linux/amd64: docker buildx build --platform linux/amd64 …"
            }
            Self::CommandNotFound | Self::NotStarted => "correct the start command, or the image's ENTRYPOINT and CMD",
            Self::IsDirectory { .. } => {
                "correct the start command, or the image's ENTRYPOINT and CMD: name a file in it"
            }
            Self::InterpreterNotFound => {
                "put the interpreter of the script's first line, or the program's loader and libraries, into the image \
                 (a script with Windows line ends names an interpreter that is nowhere)"
            }
            Self::NotExecutable => "make it executable: chmod +x, or COPY --chmod=755",
            Self::UserNotFound { what } if what.starts_with("group") => {
                "create the group in the image (RUN groupadd or addgroup), or correct USER"
            }
            Self::UserNotFound { .. } => {
                "create the user in the image (RUN useradd or adduser), or set USER to a number such as 1000"
            }
            Self::NoCommand => "add an ENTRYPOINT or a CMD to the image, or set the service's start command",
            Self::BadWorkingDirectory { .. } => {
                "correct WORKDIR in the Dockerfile: it names a file, or a path below one"
            }
            Self::Exited { code: 0 } => {
                "keep it in the foreground: no daemon mode (nginx -g 'daemon off;'), and no `&` in its last command"
            }
            Self::Exited { .. } => "its last lines say why it ended",
            Self::OutOfMemory { .. } => "give the service more memory, or the application a smaller heap",
            Self::ListensLocally { .. } => "make the application listen on 0.0.0.0",
            Self::ListensOnIpv6 { .. } => "make the application listen on 0.0.0.0, or on [::] without IPV6_V6ONLY",
            Self::AnswersTooLate { .. } => {
                "answer the health check sooner: without the work that only real requests need"
            }
            Self::NotHttp => "correct the service's port, or use a TCP health check",
            Self::SpeaksTls => "serve plain HTTP on this port: App Runner terminates TLS itself",
            Self::SpeaksHttp2 => "serve HTTP/1.1 on this port too",
            Self::Flaps => "find out why it fails now and then: its output may tell",
            Self::IgnoresSigterm { .. } => {
                "end on SIGTERM, or requests are cut off with every deployment: let the program be process 1 (exec in a \
                 script, ENTRYPOINT [\"…\"]) and handle the signal"
            }
            Self::ListensElsewhere { .. }
            | Self::DoesNotListen { .. }
            | Self::TooSlow { .. }
            | Self::AnswersStatus(_)
            | Self::NotAProgram { .. }
            | Self::MissingInterpreter { .. }
            | Self::WindowsScript { .. }
            | Self::MissingLoader { .. }
            | Self::MissingLibrary { .. }
            | Self::LacksPermission { .. } => "",
        }
    }
}

fn too_slow_hint(enough: Option<(u32, u32)>) -> String {
    match enough {
        Some((interval, threshold)) => format!(
            "make it ready sooner, or give it more time: interval {interval} and unhealthy_threshold {threshold} would do"
        ),
        None => "make it ready sooner: no health check of App Runner gives it that much time".to_owned(),
    }
}

fn status_hint(answer: &Answer) -> &'static str {
    match answer.status {
        _ if is_tls_refusal(answer) => "serve plain HTTP on this port: App Runner terminates TLS itself",
        401 | 403 => "give the health check a path that needs no authentication",
        300..=399 => "give the health check a path that answers 200 itself: redirects are not followed",
        404 => "correct the path of the health check",
        _ => "make the health check's path answer 200: no other status passes",
    }
}

fn loader_hint(loader: &str) -> &'static str {
    if loader.contains("ld-musl") {
        "the program is built against musl (Alpine): build it for the image's own base, or link it statically"
    } else if loader.contains("ld-linux") {
        "the program is built against glibc: use a base image with glibc (Debian, not Alpine or scratch), or link it statically"
    } else {
        "put the loader and the program's libraries into the image, or link the program statically"
    }
}
