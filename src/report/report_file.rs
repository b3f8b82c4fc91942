//! `--report FILE`: the whole run as one document, JSON, JUnit XML, Markdown or HTML by the file's extension, written when the run ends,
//! however it ends.

use std::{
    io,
    path::{Path, PathBuf},
};

use super::{Moment, Renderer, ReportError, ci::Outputs, document::Document, html, junit::Junit, markdown, masking};
use shipgate_core::event::Event;
use shipgate_core::whole_file;

/// A file has more room than a CI system's page, and is to be read all the same.
const MAX_MARKDOWN_BYTES: usize = 4 * 1024 * 1024;

/// Collects events and writes them as a report when the run ends. A reader sees the old file or the whole new one.
pub struct ReportFile {
    path: PathBuf,
    content: Content,
}

/// What is written.
enum Content {
    Json(Box<Document>),
    Junit(Box<Junit>),
    Markdown(Box<Document>),
    Html(Box<Document>),
    Dotenv(Box<Outputs>),
}

impl Content {
    /// What a file of this name holds.
    fn of(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()? {
            "json" => Some(Self::Json(Box::new(Document::new()))),
            "md" => Some(Self::Markdown(Box::new(Document::new()))),
            "html" => Some(Self::Html(Box::new(Document::new()))),
            "xml" => Some(Self::Junit(Box::default())),
            _ => None,
        }
    }

    fn text(&self) -> io::Result<String> {
        let (content, text) = match self {
            Self::Json(document) => (masking::Content::Json, serde_json::to_string_pretty(document)?),
            Self::Junit(junit) => (masking::Content::Markup, String::from_utf8_lossy(&junit.to_xml()?).into_owned()),
            Self::Markdown(document) => (masking::Content::Text, markdown::of(document, MAX_MARKDOWN_BYTES)),
            Self::Html(document) => (masking::Content::Markup, html::page(document)),
            Self::Dotenv(outputs) => (masking::Content::Text, outputs.to_dotenv()),
        };
        Ok(content.masked(&text))
    }
}

impl ReportFile {
    /// A report that will be written to this path. Tries the folder now, because the end of a deployment is too late
    /// to learn that the path was misspelt.
    ///
    /// # Errors
    /// [`ReportError::Format`] when its extension is not `.json`, `.xml`, `.md` or `.html`, [`ReportError::File`] when nothing can be
    /// created beside the path.
    pub fn create(path: impl Into<PathBuf>) -> Result<Self, ReportError> {
        let path = path.into();
        let Some(content) = Content::of(&path) else { return Err(ReportError::Format { path }) };
        Self { path, content }.in_place()
    }

    /// A file of the run's outputs, as GitLab and shells read them, that will be written to this path.
    ///
    /// # Errors
    /// [`ReportError::File`] when nothing can be created beside the path.
    pub fn dotenv(path: impl Into<PathBuf>, outputs: Outputs) -> Result<Self, ReportError> {
        Self { path: path.into(), content: Content::Dotenv(Box::new(outputs)) }.in_place()
    }

    /// Checks that each option names a file of its own: the last file written would replace the others.
    ///
    /// # Errors
    /// [`ReportError::SameFile`] when two name the same.
    pub fn check_distinct<'p>(files: impl IntoIterator<Item = (&'static str, &'p PathBuf)>) -> Result<(), ReportError> {
        let mut seen: Vec<(&'static str, PathBuf)> = Vec::new();
        for (option, path) in files {
            let place = place(path);
            if let Some((first, _)) = seen.iter().find(|(_, other)| *other == place) {
                return Err(ReportError::SameFile { options: [first, option], path: path.clone() });
            }
            seen.push((option, place));
        }
        Ok(())
    }

    fn in_place(self) -> Result<Self, ReportError> {
        whole_file::check(&self.path).map_err(|source| self.failure(source))?;
        Ok(self)
    }

    fn write(&self) -> io::Result<()> {
        let mut bytes = self.content.text()?.into_bytes();
        if bytes.last().is_some_and(|last| *last != b'\n') {
            bytes.push(b'\n');
        }
        whole_file::replace(&self.path, &bytes)
    }

    fn failure(&self, source: io::Error) -> ReportError {
        ReportError::File { path: self.path.clone(), source }
    }
}

/// The same for each way to write a path. A link at its end is replaced and not followed, so it is a file of its own.
fn place(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    match (path.parent().map(Path::canonicalize), path.file_name()) {
        (Some(Ok(folder)), Some(name)) => folder.join(name),
        _ => path,
    }
}

impl Renderer for ReportFile {
    fn take(&mut self, moment: Moment, event: &Event) {
        match &mut self.content {
            Content::Json(document) | Content::Markdown(document) | Content::Html(document) => {
                document.add(moment, event);
            }
            Content::Junit(junit) => junit.add(moment, event),
            Content::Dotenv(outputs) => outputs.add(event),
        }
    }

    fn tick(&mut self, _: Moment) {}

    fn finish(&mut self) -> Result<(), ReportError> {
        self.write().map_err(|source| self.failure(source))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use serde_json::{Value, json};

    use super::ReportFile;
    use crate::report::{Renderer, ReportError, samples};
    use shipgate_core::{
        event::{Event, Stage},
        exit_code::ExitCode,
    };

    fn report_of(events: &[Event]) -> Value {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report.json");
        let mut report = ReportFile::create(&path).unwrap();
        for (event, elapsed) in events.iter().zip(0..) {
            report.take(samples::moment(elapsed), event);
        }
        report.finish().unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is left behind");
        serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
    }

    #[test]
    fn a_report_holds_what_happened() {
        let report = report_of(&samples::one_of_each());
        let head = json!({
            "schema": "shipgate-report/1", "verdict": "rolled-back", "exit_code": 8, "summary": "rolled back",
            "causes": ["the deployment failed"], "hint": "read the logs", "verb": "deploy", "version": "0.1.0",
            "image": samples::IMAGE, "digest": samples::digest(), "target": "prod",
            "service_url": "https://abc.eu-west-1.awsapprunner.com",
            "started_at": "2026-01-02T03:04:05.000Z", "elapsed_ms": 185_000,
        });
        for (name, value) in head.as_object().unwrap() {
            assert_eq!(&report[name], value, "{name}");
        }
        assert_eq!(
            report["stages"],
            json!([
                {"stage": "resolve", "outcome": "ok", "detail": "start-deployment of shop-api", "elapsed_ms": 410,
                 "began_ms": 1, "ended_ms": 2}
            ])
        );
        assert_eq!(report["checks"][0]["hint"], "create it with --create-repository");
        let copy = &report["copies"][samples::DESTINATION];
        assert_eq!((&copy["blobs_present"], &copy["bytes_sent"]), (&json!(5), &json!(13_000_000)));
        assert_eq!(report["retries"][0]["cause"], "connection reset by peer");
        let verification = &report["verification"];
        assert_eq!(verification["probes"][0]["detail"], "connection refused");
        assert_eq!(verification["exit"], json!({"exit_code": 137, "out_of_memory": true, "at_ms": 2}));
        assert_eq!(verification["last_lines"], json!(["starting", "loading"]));
        assert_eq!(verification["missing_secrets"], json!(["DATABASE_URL"]));
        assert_eq!(report["promotions"][0]["tag"], "live");
        assert_eq!(report["operation"]["service_arn"], samples::ARN);
        assert_eq!(report["operation"]["statuses"], json!([{"status": "IN_PROGRESS", "at_ms": 900}]));
        assert_eq!(report["operation"]["verdict"], "rolled-back");
        assert_eq!(report["logs"].as_array().unwrap().len(), 4);
        assert_eq!(report["warnings"], json!(["the log group cannot be read"]));
        assert_eq!(report["identities"][0]["account"], "222222222222");
    }

    #[test]
    fn a_run_that_was_cut_short_is_told_as_such() {
        let report = report_of(&[samples::run_started(), samples::started(Stage::Copy)]);
        assert_eq!((&report["verdict"], &report["exit_code"]), (&json!("unfinished"), &Value::Null));
        assert_eq!(report["stages"][0]["outcome"], Value::Null);
    }

    #[test]
    fn an_early_failure_is_a_report_too() {
        let report = report_of(&[samples::run_finished(ExitCode::Usage, "nothing was done", &["unknown key"], None)]);
        assert_eq!((&report["verdict"], &report["exit_code"]), (&json!("usage-error"), &json!(2)));
        assert_eq!(report["causes"], json!(["unknown key"]));
    }

    #[test]
    fn a_path_that_cannot_be_written_is_refused_at_the_start() {
        let folder = tempfile::tempdir().unwrap();
        let taken = folder.path().join("taken.xml");
        fs::create_dir(&taken).unwrap();
        for path in [folder.path().join("missing/report.json"), taken] {
            let Err(error) = ReportFile::create(&path) else { panic!("{}", path.display()) };
            assert!(matches!(&error, ReportError::File { path: told, .. } if *told == path));
            assert!(error.hint().is_some());
        }
    }

    #[test]
    fn a_path_that_does_not_say_the_format_is_refused_at_the_start() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["report", "report.txt", "report.XML", ".json"] {
            let path = folder.path().join(name);
            let Err(error) = ReportFile::create(&path) else { panic!("{name}") };
            assert!(matches!(&error, ReportError::Format { path: told } if *told == path), "{name}");
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn each_option_needs_a_file_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("sub")).unwrap();
        let table = [
            ("a.json", "b.json", false),
            ("a.json", "a.json", true),
            ("a.json", "./a.json", true),
            ("a.json", "sub/../a.json", true),
            ("missing/a.json", "missing/./a.json", true),
            ("a.json", "sub/a.json", false),
        ];
        for (one, other, is_same) in table {
            let (one, other) = (folder.path().join(one), folder.path().join(other));
            let checked = ReportFile::check_distinct([("--report", &one), ("--dotenv", &other)]);
            assert_eq!(checked.is_err(), is_same, "{}", other.display());
            if let Err(error) = checked {
                let message = format!("--report and --dotenv name the same file: {}", other.display());
                assert_eq!((error.to_string(), error.hint().is_some()), (message, true));
            }
        }
    }

    #[test]
    fn the_old_report_survives_a_failure() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report.json");
        fs::write(&path, "old").unwrap();
        let mut report = ReportFile::create(&path).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        // Nothing can be created in a folder that has another name now, whoever asks.
        let elsewhere = folder.path().with_extension("elsewhere");
        fs::rename(folder.path(), &elsewhere).unwrap();
        assert!(report.finish().is_err());
        assert_eq!(fs::read_to_string(elsewhere.join("report.json")).unwrap(), "old");
        fs::remove_dir_all(elsewhere).unwrap();
    }
}
