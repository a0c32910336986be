//! Lists that come in pages.

use std::time::Duration;

use awc::http::Method;
use serde_json::Value;
use tokio::time::Instant;
use url::Url;

use super::{Order, Place, Rest, RestError};

/// Pages of one list: with 50 things on each, more than a workspace may have of queues.
const PAGES_MAX: usize = 40;

impl Rest {
    /// Reads a whole list, whose things stand under `key`.
    ///
    /// # Errors
    /// As [`Rest::read`], and when it has too many pages or goes on at another host, which would
    /// get the credentials.
    pub async fn list(
        &self,
        place: &Place,
        key: &str,
        within: Duration,
    ) -> Result<Vec<Value>, RestError> {
        let deadline = Instant::now() + within;
        let mut order = self.order(Method::GET, place, None, true)?;
        let mut all = Vec::new();
        for _ in 0..PAGES_MAX {
            let left = deadline.saturating_duration_since(Instant::now());
            let mut page = self.perform(&order, left).await?;
            match page.get_mut(key).map(Value::take) {
                Some(Value::Array(items)) => all.extend(items),
                _ => return Err(RestError::Unreadable),
            }
            match next(&page, &order.url)? {
                Some(url) => order = Order { url, ..order },
                None => return Ok(all),
            }
        }
        Err(RestError::Pages("has too many pages"))
    }
}

/// Where the list goes on: `meta.next_page_url` of TaskRouter, `next_page_uri` of the older API.
fn next(page: &Value, here: &Url) -> Result<Option<Url>, RestError> {
    let newer = page.get("meta").and_then(|meta| meta.get("next_page_url"));
    let Some(text) = newer.or_else(|| page.get("next_page_uri")).and_then(Value::as_str) else {
        return Ok(None);
    };
    let url = here.join(text).map_err(|_| RestError::Unreadable)?;
    if url.origin() != here.origin() {
        return Err(RestError::Pages("goes on at another host"));
    }
    Ok(Some(url))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_list_goes_on_at_its_own_host_alone() {
        let here: Url = "https://taskrouter.twilio.com/v1/Workspaces".parse().expect("an address");
        let next = |page| next(&page, &here).map(|url| url.map(String::from));
        let own = "https://taskrouter.twilio.com/v1/Workspaces?PageToken=2";
        assert_eq!(next(json!({"meta": {"next_page_url": own}})), Ok(Some(own.to_owned())));
        assert_eq!(next(json!({"meta": {"next_page_url": null}})), Ok(None));
        let older = json!({"next_page_uri": "/2010-04-01/Accounts.json?Page=1"});
        let url = "https://taskrouter.twilio.com/2010-04-01/Accounts.json?Page=1";
        assert_eq!(next(older), Ok(Some(url.to_owned())));
        for foreign in ["https://evil.test/v1", "http://taskrouter.twilio.com/v1", "//evil.test"] {
            assert!(next(json!({"meta": {"next_page_url": foreign}})).is_err(), "{foreign}");
        }
    }
}
