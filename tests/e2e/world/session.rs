//! The sandbox as a role sees it, through AWS's own clients.

use aws_config::{BehaviorVersion, Region, SdkConfig};
use shipgate_registry::{Authorization, Registry};

use super::World;

impl World {
    pub(super) async fn registry(&self, role: &str) -> Registry {
        let session = self.session(role).await;
        let answer = aws_sdk_ecr::Client::new(&session).get_authorization_token().send().await.unwrap();
        let data = &answer.authorization_data()[0];
        let token = shipgate_core::secret::Secret::new(data.authorization_token().unwrap());
        Registry::new("registry", data.proxy_endpoint().unwrap(), Authorization::Basic(token)).unwrap()
    }

    pub(super) async fn session(&self, role: &str) -> SdkConfig {
        let value = |name: &str| self.environment.iter().find(|(key, _)| key == name).unwrap().1.clone();
        let (id, secret) = (value("AWS_ACCESS_KEY_ID"), value("AWS_SECRET_ACCESS_KEY"));
        let keys = aws_credential_types::Credentials::from_keys(id, secret, None);
        let base = aws_config::defaults(BehaviorVersion::latest())
            .endpoint_url(&self.endpoint)
            .region(Region::new("ap-northeast-1"))
            .credentials_provider(keys)
            .load()
            .await;
        let sts = aws_sdk_sts::Client::new(&base);
        let given =
            sts.assume_role().role_arn(role).role_session_name("test").send().await.unwrap().credentials.unwrap();
        let keys = aws_credential_types::Credentials::from_keys(
            given.access_key_id,
            given.secret_access_key,
            Some(given.session_token),
        );
        base.into_builder()
            .credentials_provider(aws_credential_types::provider::SharedCredentialsProvider::new(keys))
            .build()
    }
}
