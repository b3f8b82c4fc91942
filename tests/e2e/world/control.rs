//! The sandbox's control interface: faults, orders, tokens, and what was called.

use serde_json::Value;

use super::World;

impl World {
    /// What calls of the sandbox's control interface send.
    pub(crate) fn control_token(&self) -> &str {
        let found = self.environment.iter().find(|(name, _)| name == "SHIPGATE_SANDBOX_TOKEN");
        &found.expect("the sandbox prints its control token").1
    }

    /// Tells the sandbox to misbehave.
    pub(crate) fn fault(&self, fault: &Value) {
        self.faults_are(&serde_json::json!([fault]));
    }

    /// Replaces the list of faults.
    pub(crate) fn faults_are(&self, faults: &Value) {
        let (url, body) = (format!("{}/_sandbox/faults", self.endpoint), faults.to_string());
        self.runtime.block_on(async {
            let request = reqwest::Client::new().post(url).header("content-type", "application/json").body(body);
            let answer = request.bearer_auth(self.control_token()).send().await.unwrap();
            assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
        });
    }

    /// Makes a role while the sandbox runs, and waits until IAM knows it: half a second without `--time-scale`.
    pub(crate) fn make_role(&self, role: &Value) -> bool {
        let url = format!("{}/_sandbox/roles", self.endpoint);
        let request = reqwest::Client::new().post(url).bearer_auth(self.control_token()).body(role.to_string());
        let is_made = self.runtime.block_on(async { request.send().await.unwrap().status().is_success() });
        std::thread::sleep(std::time::Duration::from_millis(600));
        is_made
    }

    /// Gives an order to the sandbox's App Runner, or looks inside.
    pub(crate) fn control(&self, order: Option<&Value>) -> Value {
        let url = format!("{}/_sandbox/apprunner", self.endpoint);
        let text = self.runtime.block_on(async {
            let client = reqwest::Client::new();
            let request = order.map_or_else(|| client.get(&url), |order| client.post(&url).body(order.to_string()));
            request.bearer_auth(self.control_token()).send().await.unwrap().text().await.unwrap()
        });
        serde_json::from_str(&text).unwrap()
    }

    /// A token of a CI system's issuer for this subject.
    pub(crate) fn web_identity_token(&self, subject: &str) -> String {
        let url = format!("{}/_sandbox/oidc/token", self.endpoint);
        let claims = serde_json::json!({
            "iss": "https://ci.example.com", "sub": subject, "aud": "sts.amazonaws.com",
        });
        let text = self.runtime.block_on(async {
            let request = reqwest::Client::new().post(url).bearer_auth(self.control_token()).body(claims.to_string());
            request.send().await.unwrap().text().await.unwrap()
        });
        let minted: Value = serde_json::from_str(&text).unwrap();
        minted["value"].as_str().expect("a token").to_owned()
    }

    /// The calls so far.
    pub(crate) fn calls(&self) -> Vec<Value> {
        self.look("calls")
    }

    /// What is left of the faults.
    pub(crate) fn faults(&self) -> Vec<Value> {
        self.look("faults")
    }

    fn look(&self, what: &str) -> Vec<Value> {
        let url = format!("{}/_sandbox/{what}", self.endpoint);
        let text = self.runtime.block_on(async { reqwest::get(url).await.unwrap().text().await.unwrap() });
        serde_json::from_str(&text).unwrap()
    }

    /// The calls that changed something in App Runner, so far. A permission that is tried on what cannot exist changes nothing.
    pub(crate) fn orders(&self) -> Vec<String> {
        let calls = self.calls();
        let action = |call: &Value| call["action"].as_str().unwrap().to_owned();
        let changes = |action: &String| {
            ["CreateService", "StartDeployment", "UpdateService", "ResumeService", "DeleteService"]
                .contains(&action.as_str())
        };
        let ours = calls.iter().filter(|call| call["service"] == "apprunner" && call["names_nothing"] != true);
        ours.map(action).filter(changes).collect()
    }
}
