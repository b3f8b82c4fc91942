//! The tags of a repository (OCI distribution specification, "Listing Tags").

use std::collections::BTreeSet;

use reqwest::{Method, StatusCode, Url};
use serde_json::Value;

use super::{
    client::Registry,
    error::{Action, RegistryError},
    location::Resource,
    paging::Pages,
    request::bad_answer,
    retry,
};
use shipgate_core::{image::EcrHost, json};

/// Tags asked for at a time. ECR and others give no more than a thousand; who gives fewer has more pages.
const TAGS_A_PAGE: usize = 1000;

/// The page sizes that registries limit lists to, regardless of `n`.
const USUAL_LIMITS: [usize; 8] = [10, 20, 25, 50, 100, 200, 250, 500];

/// A registry that knows no pages gives all tags at once, of up to 128 characters each.
const MAX_PAGE_BYTES: usize = 32 * 1024 * 1024;

/// A page of tags, and the page after it.
struct Page {
    tags: Vec<String>,
    next: Option<Url>,
}

impl Registry {
    /// The repository's tags, each once, in the order of their characters.
    ///
    /// # Errors
    /// [`RegistryError::RepositoryNotFound`], [`RegistryError::BadAnswer`] for a list that is none or does not end, and
    /// whatever keeps the registry from answering.
    pub async fn tags(&self, repository: &str) -> Result<BTreeSet<String>, RegistryError> {
        let action = self.action("list tags", "", repository);
        let (mut pages, mut all) = (Pages::default(), BTreeSet::new());
        let plain = self.resource(repository, Resource::Tags);
        let mut url = with_query(&plain, true, None);
        let (mut is_numbered, mut is_guess) = (true, false);
        let mut next = match self.page_of_tags(&url, &action, &mut pages).await {
            // Not every registry takes so many at a time, or any number at all.
            Err(error) if is_about_number(&error) => {
                (url, is_numbered) = (plain.clone(), false);
                self.page_of_tags(&url, &action, &mut pages).await
            }
            page => page,
        };
        loop {
            let Page { tags, next: link } = match next {
                // The list was complete, and the registry does not take `last`.
                Err(error) if is_guess && has_no_more(&error) => return Ok(all),
                page => page?,
            };
            let (last, count, before) = (tags.last().cloned(), tags.len(), all.len());
            all.extend(tags);
            // Such a page without a link may be the end, or that of a registry that gives no links: it is asked for what
            // follows. One that does not know `last` either gives the same page again.
            // ECR clips nothing and always gives links.
            let is_usual = USUAL_LIMITS.contains(&count) && EcrHost::parse(self.host()).is_none();
            if is_guess && all.len() == before {
                return Ok(all);
            }
            let may_be_clipped = count >= TAGS_A_PAGE || is_usual;
            let guessed = last.filter(|_| may_be_clipped).map(|last| with_query(&plain, is_numbered, Some(&last)));
            is_guess = link.is_none();
            match link.or(guessed) {
                Some(link) => url = link,
                None => return Ok(all),
            }
            next = self.page_of_tags(&url, &action, &mut pages).await;
        }
    }

    async fn page_of_tags(&self, url: &Url, action: &Action, pages: &mut Pages) -> Result<Page, RegistryError> {
        let bad = |reason| bad_answer(action.clone(), reason);
        let (bytes, reply) = retry::persist(self, action, || async {
            let mut reply = self.send(self.request(Method::GET, url.clone(), action.clone())).await?;
            let status = reply.response.status();
            if status != StatusCode::OK {
                // 206 among them: a part of a list.
                return Err(bad(format!("it answers {} and not 200", status.as_u16())));
            }
            let bytes = self.read_whole(&mut reply, action, MAX_PAGE_BYTES).await?;
            Ok((bytes, reply))
        })
        .await?;
        Ok(Page { tags: read_page(&bytes).map_err(bad)?, next: pages.after(url, &reply).map_err(bad)? })
    }
}

fn with_query(list: &Url, is_numbered: bool, after: Option<&str>) -> Url {
    let mut url = list.clone();
    let number = is_numbered.then(|| ("n", TAGS_A_PAGE.to_string()));
    url.query_pairs_mut().extend_pairs(number).extend_pairs(after.map(|tag| ("last", tag)));
    url
}

/// Whether a registry may have refused because of how many tags it was asked for.
fn is_about_number(error: &RegistryError) -> bool {
    let may_be = |status| matches!(status, 400 | 403 | 404 | 405 | 406 | 413 | 416 | 422 | 501);
    // A missing repository has nothing to do with `n`.
    let names_other_cause = matches!(error, RegistryError::RepositoryNotFound { .. });
    let is_missing = matches!(error, RegistryError::ContentNotFound { .. });
    is_missing || !names_other_cause && error.registry_answer().is_some_and(|answer| may_be(answer.status))
}

/// Whether a registry says that nothing follows the last tag it gave.
fn has_no_more(error: &RegistryError) -> bool {
    let is_missing = matches!(error, RegistryError::ContentNotFound { .. });
    let may_be = |status| matches!(status, 400 | 404 | 405 | 406 | 416 | 422 | 501);
    is_missing || error.registry_answer().is_some_and(|answer| may_be(answer.status))
}

/// The tags of a page. An empty repository has `null` for a list with some registries, or no list at all.
fn read_page(bytes: &[u8]) -> Result<Vec<String>, String> {
    let page: Value = json::parse(bytes).map_err(|error| format!("its list cannot be read: {error}"))?;
    match (page.get("tags"), page.get("name")) {
        (Some(Value::Null), _) | (None, Some(_)) => Ok(Vec::new()),
        (Some(Value::Array(tags)), _) => {
            let tags = tags.iter().map(|tag| tag.as_str().map(str::to_owned));
            tags.collect::<Option<_>>().ok_or_else(|| "its list holds something that is not a tag".to_owned())
        }
        (Some(_), _) | (None, None) => Err("its answer holds no list of tags".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::read_page;

    #[test]
    fn pages_of_tags() {
        let table = [
            (r#"{"name":"a","tags":["v1","v2"]}"#, Some(vec!["v1", "v2"])),
            (r#"{"tags":[]}"#, Some(vec![])),
            (r#"{"name":"\ud83d","tags":[],"tags":["v1"],"total":1e400}"#, Some(vec!["v1"])),
            (r#"{"name":"a","tags":null}"#, Some(vec![])),
            (r#"{"name":"a"}"#, Some(vec![])),
            ("{}", None),
            ("[]", None),
            ("null", None),
            ("", None),
            (r#"{"name":"a","tags":"v1"}"#, None),
            (r#"{"name":"a","tags":["v1",null]}"#, None),
            (r#"{"errors":[{"code":"UNKNOWN"}]}"#, None),
            ("\u{feff}{\"tags\":[\"v1\"]}", Some(vec!["v1"])),
            (r#"{"tags":["v1","\ud83d"]}"#, Some(vec!["v1", "\u{fffd}"])),
        ];
        for (body, tags) in table {
            assert_eq!(
                read_page(body.as_bytes()).ok(),
                tags.map(|tags| tags.into_iter().map(str::to_owned).collect()),
                "{body}"
            );
        }
    }
}
