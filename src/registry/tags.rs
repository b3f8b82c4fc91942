//! The tags of a repository (OCI distribution specification, "Listing Tags").

use std::collections::BTreeSet;

use reqwest::{Method, Url};
use serde::Deserialize;

use super::{
    client::Registry,
    error::{Action, RegistryError},
    paging,
    request::bad_answer,
    retry,
};

/// Tags asked for at a time. ECR and others give no more than a thousand; who gives fewer has more pages.
const TAGS_A_PAGE: usize = 1000;

/// As many pages as are read: a registry whose pages never end is not followed for ever.
const MAX_PAGES: usize = 1000;

/// What a page of a thousand tags of 128 characters can hold, and room.
const MAX_PAGE_BYTES: usize = 1024 * 1024;

#[derive(Deserialize)]
struct Page {
    /// Some registries say `null` where there are none.
    tags: Option<Vec<String>>,
}

impl Registry {
    /// The repository's tags, each once, in the order of their characters.
    ///
    /// # Errors
    /// [`RegistryError::RepositoryNotFound`], [`RegistryError::BadAnswer`] for a list that is none or does not end, and
    /// whatever keeps the registry from answering.
    pub async fn tags(&self, repository: &str) -> Result<BTreeSet<String>, RegistryError> {
        let action = self.action("list tags", "", repository);
        let mut next = self.resource(repository, "tags/list");
        next.set_query(Some(&format!("n={TAGS_A_PAGE}")));
        let mut all = BTreeSet::new();
        for _ in 0..MAX_PAGES {
            let (page, link) = retry::persist(self, &action, || self.page_of_tags(next.clone(), &action)).await?;
            all.extend(page);
            match link {
                Some(link) => next = link,
                None => return Ok(all),
            }
        }
        Err(bad_answer(action, format!("its list has more than {MAX_PAGES} pages")))
    }

    async fn page_of_tags(&self, url: Url, action: &Action) -> Result<(Vec<String>, Option<Url>), RegistryError> {
        let mut reply = self.send(self.request(Method::GET, url, action.clone())).await?;
        let bytes = self.read_whole(&mut reply, action, MAX_PAGE_BYTES).await?;
        let bad = |reason| bad_answer(action.clone(), reason);
        let page: Page =
            serde_json::from_slice(&bytes).map_err(|error| bad(format!("its list cannot be read: {error}")))?;
        Ok((page.tags.unwrap_or_default(), paging::next_page(&reply).map_err(bad)?))
    }
}
