//! How to point clients at a sandbox, in words and in lines to paste.

use std::net::SocketAddr;

use crate::{
    domain::{account::AccountId, arn::RoleArn},
    sandbox::{Sandbox, seed::Seed},
};

/// What the words are about.
pub(super) struct Guide {
    endpoint: String,
    region: String,
    accounts: Vec<Account>,
}

struct Account {
    id: AccountId,
    registry: SocketAddr,
    /// The role by which the first user comes into the account, if it is not its own.
    role: Option<RoleArn>,
}

impl Guide {
    pub(super) fn new(sandbox: &Sandbox, seed: &Seed) -> Self {
        let accounts = sandbox
            .registries()
            .into_iter()
            .map(|(id, registry)| Account { role: way_in(seed, &id), id, registry })
            .collect();
        Self { endpoint: sandbox.endpoint().to_owned(), region: seed.region.to_string(), accounts }
    }

    /// What comes before the exports.
    pub(super) fn opening(&self) -> String {
        let endpoint = &self.endpoint;
        let count = self.accounts.len();
        let accounts = if count == 1 { "1 account".to_owned() } else { format!("{count} accounts") };
        format!(
            "An AWS of {accounts} is at {endpoint}; Ctrl-C ends it. To look inside, open {endpoint}/ in a browser.\n\n\
             AWS CLI, SDKs, shipgate: in another shell\n"
        )
    }

    /// What comes after them.
    pub(super) fn rest(&self) -> String {
        let profiles = "A role as a profile of the AWS CLI and the SDKs: in ~/.aws/config\n\
                        (the CLI keeps a role's keys in ~/.aws/cli/cache; a sandbox that is started anew does not know them)";
        let docker = "Docker: an account's registry wants a role of that account";
        [(profiles, self.profiles()), ("Terraform, with the exports above", self.provider()), (docker, self.logins())]
            .into_iter()
            .filter(|(_, lines)| !lines.is_empty())
            .map(|(title, lines)| format!("\n{title}\n\n{lines}"))
            .collect()
    }

    fn profiles(&self) -> String {
        let with_role = self.accounts.iter().filter_map(|account| Some((&account.id, account.role.as_ref()?)));
        let profile = |(id, role): (&AccountId, &RoleArn)| {
            format!(
                "[profile sandbox-{id}]\nrole_arn = {}\ncredential_source = Environment\nregion = {}\n",
                role.as_str(),
                self.region
            )
        };
        with_role.map(profile).collect::<Vec<_>>().join("\n")
    }

    fn provider(&self) -> String {
        let services: Vec<String> = ["apprunner", "ecr", "logs", "sts"]
            .iter()
            .map(|service| format!("    {service:<9} = \"{}\"\n", self.endpoint))
            .collect();
        let role = self.accounts.iter().filter_map(|account| account.role.as_ref()).next_back();
        let assumed = role
            .map(|role| format!("  assume_role {{\n    role_arn = \"{}\"\n  }}\n", role.as_str()))
            .unwrap_or_default();
        format!(
            "provider \"aws\" {{\n  region                      = \"{}\"\n  skip_credentials_validation = true\n  \
             skip_metadata_api_check     = true\n  skip_region_validation      = true\n  \
             skip_requesting_account_id  = true\n{assumed}  endpoints {{\n{}  }}\n}}\n",
            self.region,
            services.concat()
        )
    }

    fn logins(&self) -> String {
        let login = |account: &Account| {
            let profile =
                account.role.as_ref().map(|_| format!(" --profile sandbox-{}", account.id)).unwrap_or_default();
            format!(
                "aws ecr get-login-password{profile} | docker login --username AWS --password-stdin {}   # {}\n",
                account.registry, account.id
            )
        };
        self.accounts.iter().map(login).collect()
    }
}

/// A role of the account that is no service's own. `None` in the first user's own account, and where there is none.
fn way_in(seed: &Seed, account: &AccountId) -> Option<RoleArn> {
    if seed.users.first().is_some_and(|user| user.account == *account) {
        return None;
    }
    let is_for_people = |principal: &String| !principal.ends_with(".amazonaws.com");
    let mut roles = seed.roles.iter().filter(|role| role.arn.account() == account && role.external_id.is_none());
    roles.find(|role| role.assumed_by.iter().any(is_for_people)).map(|role| role.arn.clone())
}

#[cfg(test)]
mod tests {
    use super::{Account, Guide, Seed, way_in};

    fn guide() -> Guide {
        let seed = Seed::default();
        let account = |id: &str, port: u16| {
            let id = id.parse().unwrap();
            Account { role: way_in(&seed, &id), id, registry: ([127, 0, 0, 1], port).into() }
        };
        let accounts =
            vec![account("111111111111", 4001), account("222222222222", 4002), account("333333333333", 4003)];
        Guide { endpoint: "http://127.0.0.1:4566".to_owned(), region: "ap-northeast-1".to_owned(), accounts }
    }

    #[test]
    fn what_people_are_told() {
        insta::assert_snapshot!(format!("{}[the exports]\n{}", guide().opening(), guide().rest()));
    }

    #[test]
    fn the_way_into_an_account_is_a_role_of_it_for_people() {
        let role = |id: &str| way_in(&Seed::default(), &id.parse().unwrap()).map(|role| role.name().to_owned());
        assert_eq!(role("222222222222").as_deref(), Some("shipgate-deploy"));
        assert_eq!(role("333333333333"), None, "the user's own account");
        assert_eq!(role("444444444444"), None, "an account without roles");
    }
}
