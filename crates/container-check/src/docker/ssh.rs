//! A stream to an engine through `ssh HOST docker system dial-stdio`, one process for each connection, and why it ended.

use std::{
    ffi::OsString,
    future::Future,
    io,
    pin::Pin,
    process::{ExitStatus, Stdio},
    task::{Context, Poll, ready},
    time::Duration,
};

use futures_util::future::{FutureExt as _, Shared};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf},
    process::{Child, ChildStderr, ChildStdin, ChildStdout, Command},
};

use super::address::SshHost;

/// How long ssh may take to reach the host: half of what the ping may take, so that its own words come first.
const CONNECT_SECONDS: u32 = 15;

/// How long what ssh has said is waited for after its end. A master process that it left may hold the pipe open for ever.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// The most that is kept of what ssh says.
const WORDS_BYTES: usize = 8 * 1024;

/// How to reach an engine with ssh.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Ssh {
    pub(super) host: SshHost,
    /// The directories to look for `ssh` in: `PATH`; `None` is this process' own.
    pub(super) path: Option<OsString>,
}

/// The end of a process: `None` if all was well, else why not. To be had by the side that reads and the one that writes.
type Ending = Shared<Pin<Box<dyn Future<Output = Option<String>> + Send>>>;

/// One side's sight of that end.
struct End {
    /// `None` once it has been seen.
    running: Option<Ending>,
    reason: Option<String>,
}

/// A connection. The process ends with it.
pub(super) struct SshStream {
    /// `None` once closed.
    input: Option<ChildStdin>,
    output: ChildStdout,
    /// Each side has its own, as each has its own waker.
    end_for_reader: End,
    end_for_writer: End,
}

impl Ssh {
    /// Starts ssh. Whether it reaches anything is only told by the first read.
    ///
    /// # Errors
    /// There is no ssh on this machine, or it cannot be started.
    pub(super) fn open(&self) -> io::Result<SshStream> {
        let mut child = self.command().spawn().map_err(|error| {
            let absent = error.kind() == io::ErrorKind::NotFound;
            io::Error::other(if absent { "there is no ssh command here".to_owned() } else { format!("ssh: {error}") })
        })?;
        let (Some(input), Some(output), Some(errors)) = (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(io::Error::other("ssh was started without its pipes"));
        };
        let ending = ending(child, errors).boxed().shared();
        let end = |ending| End { running: Some(ending), reason: None };
        let (end_for_reader, end_for_writer) = (end(ending.clone()), end(ending));
        Ok(SshStream { input: Some(input), output, end_for_reader, end_for_writer })
    }

    fn command(&self) -> Command {
        let mut command = Command::new("ssh");
        command.args(self.arguments()).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // A group of its own: Ctrl-C is for shipgate, which still needs the engine to clean up.
        command.process_group(0).kill_on_drop(true);
        if let Some(path) = &self.path {
            command.env("PATH", path);
        }
        command
    }

    /// Never asks (`BatchMode`), and has no terminal (`-T`), whatever the user's own settings say.
    fn arguments(&self) -> Vec<String> {
        let mut arguments = vec!["-o".to_owned(), "BatchMode=yes".to_owned()];
        arguments.extend(["-o".to_owned(), format!("ConnectTimeout={CONNECT_SECONDS}"), "-T".to_owned()]);
        if let Some(user) = &self.host.user {
            arguments.extend(["-l".to_owned(), user.clone()]);
        }
        if let Some(port) = self.host.port {
            arguments.extend(["-p".to_owned(), port.to_string()]);
        }
        arguments.extend(["--".to_owned(), self.host.host.clone(), "docker".to_owned()]);
        if let Some(socket) = &self.host.socket {
            arguments.extend(["-H".to_owned(), format!("unix://{socket}")]);
        }
        arguments.extend(["system".to_owned(), "dial-stdio".to_owned()]);
        arguments
    }
}

/// Waits for the end of the process, hearing what it says meanwhile.
async fn ending(mut child: Child, mut errors: ChildStderr) -> Option<String> {
    let (mut said, mut chunk, mut open) = (Vec::new(), [0; 1024], true);
    let status = loop {
        tokio::select! {
            status = child.wait() => break status,
            read = errors.read(&mut chunk), if open => match read {
                Ok(count @ 1..) => keep(&mut said, &chunk[..count]),
                Ok(0) | Err(_) => open = false,
            },
        }
    };
    while let Ok(Ok(count @ 1..)) = tokio::time::timeout(LAST_WORDS, errors.read(&mut chunk)).await {
        keep(&mut said, &chunk[..count]);
    }
    match status {
        Ok(status) if status.success() => None,
        Ok(status) => Some(words(status, &String::from_utf8_lossy(&said))),
        Err(error) => Some(format!("ssh: {error}")),
    }
}

fn keep(said: &mut Vec<u8>, more: &[u8]) {
    said.extend(more.iter().take(WORDS_BYTES.saturating_sub(said.len())));
}

/// Why ssh ended, from its status and what it said: in words first, then its own.
fn words(status: ExitStatus, said: &str) -> String {
    let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
    let has = |part: &str| said.contains(part);
    let meaning = if has("Could not resolve hostname") {
        "ssh knows no host of that name"
    } else if has("Host key verification failed") {
        "ssh does not know the host's key: connect to it once by hand"
    } else if has("Permission denied (") {
        "ssh is not let in: it needs a key that works without a question (ssh-add -l shows those of the agent)"
    } else if has("permission denied while trying to connect") {
        "the user on the ssh host may not use Docker there"
    } else if status.code() == Some(127) || has("command not found") {
        "there is no docker command on the ssh host"
    } else if has("is not a docker command") || has("unknown flag") {
        "the docker command on the ssh host is too old: it has no `docker system dial-stdio`"
    } else if has("Cannot connect to the Docker daemon") {
        "no engine answers on the ssh host"
    } else {
        "ssh failed"
    };
    if said.is_empty() { format!("{meaning} ({status})") } else { format!("{meaning} ({status}): {said}") }
}

impl End {
    /// Whether the process has ended, and what is wrong with that. As often as it is asked, so that no answer is lost.
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(running) = &mut self.running {
            self.reason = ready!(Pin::new(running).poll(context));
            self.running = None;
        }
        Poll::Ready(self.reason.clone().map_or(Ok(()), |reason| Err(io::Error::other(reason))))
    }
}

impl SshStream {
    /// A write that failed: because of the process' end, if it has ended.
    fn failed<T>(&mut self, error: io::Error, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        if error.kind() != io::ErrorKind::BrokenPipe {
            return Poll::Ready(Err(error));
        }
        Poll::Ready(Err(ready!(self.end_for_writer.poll(context)).err().unwrap_or(error)))
    }
}

impl AsyncRead for SshStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let (before, room) = (buffer.filled().len(), buffer.remaining() > 0);
        match Pin::new(&mut self.output).poll_read(context, buffer) {
            // Nothing more to read: the process is about to end, and its end says whether that is well.
            Poll::Ready(Ok(())) if room && buffer.filled().len() == before => self.end_for_reader.poll(context),
            Poll::Ready(answer) => Poll::Ready(answer),
            Poll::Pending => {
                // Meanwhile what it says is heard, so that it never waits for a full pipe.
                let _remembered = self.end_for_reader.poll(context);
                Poll::Pending
            }
        }
    }
}

impl AsyncWrite for SshStream {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let Some(input) = &mut self.input else { return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())) };
        match ready!(Pin::new(input).poll_write(context, bytes)) {
            Ok(count) => Poll::Ready(Ok(count)),
            Err(error) => self.failed(error, context),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(input) = &mut self.input else { return Poll::Ready(Ok(())) };
        match ready!(Pin::new(input).poll_flush(context)) {
            Ok(()) => Poll::Ready(Ok(())),
            Err(error) => self.failed(error, context),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // The pipe has nothing to say before it is closed, and only dropping it closes it.
        self.input = None;
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use std::{os::unix::process::ExitStatusExt as _, process::ExitStatus};

    use super::{Ssh, SshHost, words};

    #[test]
    fn what_ssh_says_is_put_into_words() {
        let table = [
            (255, "ssh: Could not resolve hostname build: Name or service not known", "ssh knows no host of that name"),
            (255, "dev@build: Permission denied (publickey,password).", "ssh is not let in"),
            (
                255,
                "No ED25519 host key is known for build.\r\nHost key verification failed.",
                "does not know the host's key",
            ),
            (127, "bash: line 1: docker: command not found", "there is no docker command on the ssh host"),
            (127, "sh: 1: docker: not found", "there is no docker command on the ssh host"),
            (1, "docker: 'system' is not a docker command.", "too old"),
            (1, "permission denied while trying to connect to the Docker daemon socket", "may not use Docker there"),
            (
                1,
                "Cannot connect to the Docker daemon at unix:///var/run/docker.sock.",
                "no engine answers on the ssh host",
            ),
            (255, "ssh: connect to host build port 22: Connection refused", "port 22: Connection refused"),
        ];
        for (code, said, expected) in table {
            let reason = words(ExitStatus::from_raw(code << 8), said);
            let last = said.split_whitespace().last().unwrap();
            assert!(reason.contains(expected) && reason.contains(last) && !reason.contains('\n'), "{reason}");
        }
        assert_eq!(words(ExitStatus::from_raw(9), ""), "ssh failed (signal: 9 (SIGKILL))");
    }

    #[test]
    fn ssh_is_asked_for_a_host_and_nothing_in_its_name_is_an_option() {
        let host = SshHost {
            user: Some("dev".to_owned()),
            host: "build".to_owned(),
            port: Some(2222),
            socket: Some("/run/podman/podman.sock".to_owned()),
        };
        let all = Ssh { host: host.clone(), path: None }.arguments().join(" ");
        assert_eq!(
            all,
            "-o BatchMode=yes -o ConnectTimeout=15 -T -l dev -p 2222 -- build docker -H unix:///run/podman/podman.sock system \
             dial-stdio"
        );
        let bare = SshHost { user: None, port: None, socket: None, ..host };
        let bare = Ssh { host: bare, path: None }.arguments().join(" ");
        assert_eq!(bare, "-o BatchMode=yes -o ConnectTimeout=15 -T -- build docker system dial-stdio");
    }
}
