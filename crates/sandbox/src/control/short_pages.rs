//! Lists in short and empty pages, as the seed's `short_pages` has them: AWS promises no full page, only that the last page of a
//! list carries no token. Every second page is empty, the first one too; the others hold a few entries.

use serde_json::{Value, json};

/// How many entries a page holds.
const ENTRIES: u64 = 2;
/// How many log lines a page holds.
const LINES: u64 = 20;

/// A call that answers a list.
#[derive(Clone, Copy, Debug)]
pub(crate) struct List {
    action: &'static str,
    entries: &'static str,
    token: &'static str,
    limit: &'static str,
    most: u64,
    /// Members of a request that name what is wanted: such a request has no pages.
    unless: &'static [&'static str],
}

const fn list(
    action: &'static str,
    entries: &'static str,
    [token, limit]: [&'static str; 2],
    most: u64,
    unless: &'static [&'static str],
) -> List {
    List { action, entries, token, limit, most, unless }
}

const APP_RUNNER: [&str; 2] = ["NextToken", "MaxResults"];
const ECR: [&str; 2] = ["nextToken", "maxResults"];
const LOGS: [&str; 2] = ["nextToken", "limit"];

const LISTS: [List; 11] = [
    list("ListServices", "ServiceSummaryList", APP_RUNNER, ENTRIES, &[]),
    list("ListOperations", "OperationSummaryList", APP_RUNNER, ENTRIES, &[]),
    list("ListSecrets", "SecretList", APP_RUNNER, ENTRIES, &[]),
    list("GetParametersByPath", "Parameters", APP_RUNNER, ENTRIES, &[]),
    list("DescribeLogGroups", "logGroups", LOGS, ENTRIES, &[]),
    list("DescribeLogStreams", "logStreams", LOGS, ENTRIES, &[]),
    list("FilterLogEvents", "events", LOGS, LINES, &[]),
    list("DescribeRepositories", "repositories", ECR, ENTRIES, &["repositoryNames"]),
    list("DescribeImages", "imageDetails", ECR, ENTRIES, &["imageIds"]),
    list("ListImages", "imageIds", ECR, ENTRIES, &[]),
    list("DescribePullThroughCacheRules", "pullThroughCacheRules", ECR, ENTRIES, &["ecrRepositoryPrefixes"]),
];

/// What becomes of a request.
#[derive(Debug)]
pub(crate) enum Page {
    /// It is answered with this empty page.
    Empty(Value),
    /// It goes on like this, and its answer through [`List::answered`].
    Short(Value),
}

impl List {
    /// The list that a request is about, if it has pages.
    pub(crate) fn of(action: &str, input: &Value) -> Option<Self> {
        let known = LISTS.into_iter().find(|list| list.action == action)?;
        known.unless.iter().all(|member| input[*member].is_null()).then_some(known)
    }

    /// Answers with an empty page, or shortens what is asked for. The token of an empty page begins with `1:`, that of a short
    /// one with `0:`.
    pub(crate) fn page(self, mut input: Value) -> Page {
        let token = input[self.token].as_str().unwrap_or("0:").to_owned();
        if let Some(inner) = token.strip_prefix("0:") {
            return Page::Empty(json!({ self.entries: [], self.token: format!("1:{inner}") }));
        }
        if let (Some(inner), Some(members)) = (token.strip_prefix("1:"), input.as_object_mut()) {
            members.remove(self.token);
            if !inner.is_empty() {
                members.insert(self.token.to_owned(), inner.into());
            }
            let limit = members.get(self.limit).and_then(Value::as_u64).unwrap_or(self.most).min(self.most);
            members.insert(self.limit.to_owned(), limit.into());
        }
        Page::Short(input)
    }

    /// The answer to a shortened request.
    pub(crate) fn answered(self, mut answer: Value) -> Value {
        if let Some(token) = answer[self.token].as_str() {
            answer[self.token] = format!("0:{token}").into();
        }
        answer
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{List, Page};

    /// A service with five entries, whose token is how many it has shown.
    fn serve(input: &Value) -> Value {
        let from: usize = input["NextToken"].as_str().map_or(0, |token| token.parse().unwrap());
        let to = (from + usize::try_from(input["MaxResults"].as_u64().unwrap()).unwrap()).min(5);
        let mut answer = json!({ "OperationSummaryList": (from..to).collect::<Vec<_>>() });
        if to < 5 {
            answer["NextToken"] = to.to_string().into();
        }
        answer
    }

    #[test]
    fn every_second_page_is_empty_and_nothing_is_lost() {
        let (mut sizes, mut token) = (Vec::new(), None::<String>);
        loop {
            let mut input = json!({ "MaxResults": 20 });
            if let Some(token) = &token {
                input["NextToken"] = token.as_str().into();
            }
            let list = List::of("ListOperations", &input).unwrap();
            let answer = match list.page(input) {
                Page::Empty(answer) => answer,
                Page::Short(input) => list.answered(serve(&input)),
            };
            sizes.push(answer["OperationSummaryList"].as_array().unwrap().len());
            token = answer["NextToken"].as_str().map(str::to_owned);
            if token.is_none() {
                break;
            }
        }
        assert_eq!(sizes, [0, 2, 0, 2, 0, 1]);
    }

    #[test]
    fn named_things_have_no_pages() {
        assert!(List::of("DescribeRepositories", &json!({ "repositoryNames": ["shop/api"] })).is_none());
        assert!(List::of("DescribeService", &json!({})).is_none());
    }
}
