//! Log groups in the sandbox's state: a document for a group and its streams, and a file of lines for a stream, which
//! only grows. Both have names of their own, so that a group made anew does not get the lines of the one before it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::store::{Group, Groups, Line, LogStore, Stream};
use crate::{SandboxError, state::Keeper};
use shipgate_core::account::{AccountId, Region};

/// The document of a group.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    account: AccountId,
    region: Region,
    name: String,
    created: i64,
    retention_days: Option<i64>,
    streams: Vec<KeptStream>,
}

#[derive(Serialize, Deserialize)]
struct KeptStream {
    key: String,
    name: String,
    created: i64,
}

fn document(group: &str) -> String {
    format!("logs/{group}.json")
}

fn lines_of(group: &str, stream: &str) -> String {
    format!("logs/{group}-{stream}.lines")
}

/// Writes down what the groups of a place have more than is on disk, and takes away what they have no more.
pub(super) fn keep(keeper: &Keeper, account: &AccountId, region: &Region, groups: &mut Groups, gone: &[String]) {
    for (name, group) in groups {
        let kept = Kept {
            account: account.clone(),
            region: region.clone(),
            name: name.clone(),
            created: group.created,
            retention_days: group.retention_days,
            streams: group.streams.iter().map(|(name, stream)| kept_stream(name, stream)).collect(),
        };
        for stream in group.streams.values_mut().filter(|stream| !stream.new.is_empty()) {
            let lines: Vec<u8> = std::mem::take(&mut stream.new).iter().flat_map(written).collect();
            keeper.append(&lines_of(&group.key, &stream.key), &lines);
        }
        keeper.keep(&document(&group.key), &kept);
    }
    for key in gone {
        keeper.forget(&document(key));
    }
}

fn kept_stream(name: &str, stream: &Stream) -> KeptStream {
    KeptStream { key: stream.key.clone(), name: name.to_owned(), created: stream.created }
}

fn written(line: &Line) -> Vec<u8> {
    // Numbers and text are always JSON.
    let mut bytes = serde_json::to_vec(line).unwrap_or_default();
    bytes.push(b'\n');
    bytes
}

/// Reads everything back.
pub(super) fn restore(keeper: &Keeper, logs: &LogStore) -> Result<(), SandboxError> {
    let mut known = Vec::new();
    for (document, kept) in keeper.read_all::<Kept>("logs")? {
        let key = document.trim_start_matches("logs/").trim_end_matches(".json").to_owned();
        let mut group =
            Group { key: key.clone(), created: kept.created, retention_days: kept.retention_days, ..Group::default() };
        for kept in kept.streams {
            let mut stream = Stream { key: kept.key, created: kept.created, ..Stream::default() };
            let file = lines_of(&key, &stream.key);
            keeper.read_lines::<Line>(&file)?.into_iter().for_each(|line| stream.insert(line));
            stream.new.clear();
            known.push(file);
            group.streams.insert(kept.name, stream);
        }
        known.push(document);
        logs.put_back(kept.account, kept.region, kept.name, group);
    }
    keeper.sweep("logs", |name| known.iter().any(|known| known.trim_start_matches("logs/") == name));
    Ok(())
}

/// The time a group or a stream is made.
pub(super) fn now() -> i64 {
    Timestamp::now().as_millisecond()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::{Keeper, LogStore};
    use crate::{caller::Caller, logs::call};

    fn store(folder: &std::path::Path) -> LogStore {
        let keeper = Arc::new(Keeper::open(folder).unwrap());
        let logs = LogStore::new(Some(Arc::clone(&keeper)), std::time::Duration::ZERO);
        logs.restore(&keeper).unwrap();
        logs
    }

    #[test]
    fn groups_streams_and_lines_come_back_and_deleted_ones_do_not() {
        let folder = tempfile::tempdir().unwrap();
        let caller = Caller {
            account: "222222222222".parse().unwrap(),
            region: "eu-west-1".parse().unwrap(),
            arn: String::new(),
        };
        let logs = store(folder.path());
        let ask =
            |logs: &LogStore, action: &str, input: serde_json::Value| call(logs, &caller, action, &input).unwrap();
        let put =
            |logs: &LogStore, group: &str, line: &str| logs.put(&caller.account, &caller.region, group, "s", line);
        let lines = |logs: &LogStore, group: &str| {
            let events =
                ask(logs, "GetLogEvents", json!({"logGroupName": group, "logStreamName": "s", "startFromHead": true}));
            let events = events["events"].as_array().unwrap().clone();
            events.iter().map(|event| event["message"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        put(&logs, "a", "one");
        put(&logs, "a", "two");
        put(&logs, "b", "old");
        ask(&logs, "DeleteLogGroup", json!({"logGroupName": "b"}));
        put(&logs, "b", "new");
        ask(&logs, "PutRetentionPolicy", json!({"logGroupName": "a", "retentionInDays": 7}));
        let hour_ago = super::now() - 60 * 60 * 1000;
        ask(
            &logs,
            "PutLogEvents",
            json!({"logGroupName": "a", "logStreamName": "s", "logEvents": [{"timestamp": hour_ago, "message": "zero"}]}),
        );

        let again = store(folder.path());
        assert_eq!(lines(&again, "a"), ["zero", "one", "two"]);
        assert_eq!(lines(&again, "b"), ["new"]);
        let described = ask(&again, "DescribeLogGroups", json!({}));
        assert_eq!(described, ask(&logs, "DescribeLogGroups", json!({})));
        assert_eq!(described["logGroups"][0]["retentionInDays"], 7);
        put(&again, "a", "three");
        ask(&again, "DeleteLogGroup", json!({"logGroupName": "b"}));
        let third = store(folder.path());
        assert_eq!(lines(&third, "a"), ["zero", "one", "two", "three"]);
        assert_eq!(ask(&third, "DescribeLogGroups", json!({}))["logGroups"].as_array().unwrap().len(), 1);
    }
}
