//! Where something stands in Twilio's REST API. Made by the operations, read by [`super::Rest`].

use url::Url;

use super::RestError;

/// Which of Twilio's hosts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Api {
    /// `api.twilio.com`: below `/2010-04-01/Accounts/{AccountSid}`.
    Core,
    /// `taskrouter.twilio.com`: below `/v1`.
    TaskRouter,
}

/// A list or a thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Which host.
    pub api: Api,
    /// What it is, in metrics: a closed set, never an id.
    pub resource: &'static str,
    /// Its names below the account or the version. A SID in it is encoded, never parsed.
    path: Vec<String>,
    query: Vec<(&'static str, String)>,
}

impl Place {
    /// Something below the account. No names: the account itself.
    #[must_use]
    pub fn core(resource: &'static str, path: &[&str]) -> Self {
        Self::new(Api::Core, resource, path)
    }

    /// Something of TaskRouter.
    #[must_use]
    pub fn taskrouter(resource: &'static str, path: &[&str]) -> Self {
        Self::new(Api::TaskRouter, resource, path)
    }

    fn new(api: Api, resource: &'static str, path: &[&str]) -> Self {
        let path = path.iter().map(|name| (*name).to_owned()).collect();
        Self { api, resource, path, query: Vec::new() }
    }

    /// One thing of a list.
    #[must_use]
    pub fn item(mut self, sid: &str) -> Self {
        self.path.push(sid.to_owned());
        self
    }

    /// With a condition.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.query.push((name, value.into()));
        self
    }

    /// Its address on a host.
    pub(super) fn on(&self, base: &Url, account: &str) -> Result<Url, RestError> {
        let mut url = base.clone();
        // A name that would climb out of its list is no SID.
        if self.path.iter().any(|name| matches!(name.as_str(), "" | "." | "..")) {
            return Err(RestError::Settings("a SID in the address is empty"));
        }
        {
            let mut path = url
                .path_segments_mut()
                .map_err(|()| RestError::Settings("an address of Twilio's API is not one"))?;
            path.pop_if_empty();
            let names = self.path.iter().map(String::as_str);
            match self.api {
                Api::TaskRouter => path.push("v1").extend(names),
                Api::Core => {
                    path.extend(["2010-04-01", "Accounts"]);
                    let mut names: Vec<&str> = std::iter::once(account).chain(names).collect();
                    let last = format!("{}.json", names.pop().unwrap_or_default());
                    path.extend(names).push(&last)
                }
            };
        }
        if !self.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&self.query);
        }
        Ok(url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(place: &Place) -> String {
        let base = "https://twilio.test".parse().expect("an address");
        place.on(&base, "AC1").expect("a place").to_string()
    }

    #[test]
    fn a_place_has_the_address_that_twilio_documents() {
        let calls = Place::core("calls", &["Calls"]).item("CA1");
        assert_eq!(address(&calls), "https://twilio.test/2010-04-01/Accounts/AC1/Calls/CA1.json");
        let account = Place::core("accounts", &[]);
        assert_eq!(address(&account), "https://twilio.test/2010-04-01/Accounts/AC1.json");
        let tasks = Place::taskrouter("tasks", &["Workspaces", "WS1", "Tasks"]);
        let tasks = tasks.with("EvaluateTaskAttributes", "call_sid == 'CA1'");
        assert_eq!(
            address(&tasks),
            "https://twilio.test/v1/Workspaces/WS1/Tasks\
             ?EvaluateTaskAttributes=call_sid+%3D%3D+%27CA1%27"
        );
    }

    #[test]
    fn a_name_cannot_leave_its_list() {
        let place = Place::taskrouter("tasks", &["Workspaces", "../x?y", "Tasks"]);
        assert_eq!(address(&place), "https://twilio.test/v1/Workspaces/..%2Fx%3Fy/Tasks");
        let base = "https://twilio.test".parse().expect("an address");
        assert!(Place::core("calls", &["Calls", ".."]).on(&base, "AC1").is_err());
    }
}
