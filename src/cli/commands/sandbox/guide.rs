//! How to point clients at a sandbox, in words and in lines to paste.

use std::{collections::BTreeMap, net::SocketAddr};

use shipgate_core::{
    account::{AccountId, Region},
    arn::RoleArn,
};
use shipgate_sandbox::{Sandbox, seed::Seed};

/// What the words are about.
pub(super) struct Guide {
    endpoint: String,
    page: String,
    region: Region,
    accounts: Vec<Account>,
    exports: String,
}

struct Account {
    id: AccountId,
    /// By region.
    registries: BTreeMap<Region, SocketAddr>,
    /// The role by which the first user comes into the account, if it is not its own.
    role: Option<RoleArn>,
}

impl Guide {
    pub(super) fn new(sandbox: &Sandbox, seed: &Seed) -> Self {
        let mut registries: BTreeMap<&AccountId, BTreeMap<Region, SocketAddr>> = BTreeMap::new();
        for ((id, region), address) in sandbox.registries() {
            registries.entry(id).or_default().insert(region.clone(), *address);
        }
        let accounts = registries
            .into_iter()
            .map(|(id, registries)| Account { role: way_in(seed, id), id: id.clone(), registries })
            .collect();
        let exports =
            sandbox.environment().iter().map(|(name, value)| format!("export {name}={value}\n")).collect::<Vec<_>>();
        Self {
            endpoint: sandbox.endpoint().to_owned(),
            page: sandbox.page(),
            region: seed.region.clone(),
            accounts,
            exports: exports.concat(),
        }
    }

    /// All of it.
    pub(super) fn text(&self) -> String {
        let (endpoint, page) = (&self.endpoint, &self.page);
        let count = self.accounts.len();
        let accounts = if count == 1 { "1 account".to_owned() } else { format!("{count} accounts") };
        let profiles = "A role as a profile of the AWS CLI and the SDKs: in ~/.aws/config\n\
                        (the CLI keeps a role's keys in ~/.aws/cli/cache; a sandbox that is started anew does not know them)";
        let docker = "Docker: an account's registry wants a role of that account";
        let sections = [
            ("AWS CLI, SDKs, shipgate: in another shell", self.exports.clone()),
            (profiles, self.profiles()),
            ("Terraform, with the exports above", self.provider()),
            (docker, self.logins()),
        ];
        let shown = sections.iter().filter(|(_, lines)| !lines.is_empty());
        let shown: Vec<String> = shown.map(|(title, lines)| format!("{title}\n\n{lines}")).collect();
        format!(
            "An AWS of {accounts} is at {endpoint}; Ctrl-C ends it. To look inside, open {page} in a browser.\n\n{}",
            shown.join("\n")
        )
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
        let logins = self.accounts.iter().flat_map(|account| {
            let profile =
                account.role.as_ref().map(|_| format!(" --profile sandbox-{}", account.id)).unwrap_or_default();
            account.registries.iter().map(move |(region, address)| {
                let id = &account.id;
                let (elsewhere, place) = if *region == self.region {
                    (String::new(), id.to_string())
                } else {
                    (format!(" --region {region}"), format!("{id} in {region}"))
                };
                format!(
                    "aws ecr get-login-password{profile}{elsewhere} | docker login --username AWS --password-stdin \
                     {address}   # {place}\n"
                )
            })
        });
        logins.collect()
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
    use std::collections::BTreeMap;

    use super::{Account, Guide, Seed, way_in};

    fn guide() -> Guide {
        let seed = Seed::default();
        let account = |id: &str, port: u16| {
            let id = id.parse().unwrap();
            let registries = BTreeMap::from([(seed.region.clone(), ([127, 0, 0, 1], port).into())]);
            Account { role: way_in(&seed, &id), id, registries }
        };
        let accounts =
            vec![account("111111111111", 4001), account("222222222222", 4002), account("333333333333", 4003)];
        let endpoint = "http://127.0.0.1:4566".to_owned();
        let exports = format!("export AWS_ENDPOINT_URL={endpoint}\n");
        let page = format!("{endpoint}/?view=0123456789");
        Guide { endpoint, page, region: seed.region.clone(), accounts, exports }
    }

    #[test]
    fn a_registry_of_another_region_wants_a_token_of_that_region() {
        let mut guide = guide();
        guide.accounts.truncate(1);
        let elsewhere = "us-east-1".parse().unwrap();
        guide.accounts[0].registries.insert(elsewhere, ([127, 0, 0, 1], 4004).into());
        let second = "aws ecr get-login-password --profile sandbox-111111111111 --region us-east-1 | docker login \
                      --username AWS --password-stdin 127.0.0.1:4004   # 111111111111 in us-east-1";
        assert_eq!(guide.logins().lines().nth(1), Some(second));
    }

    #[test]
    fn what_people_are_told() {
        insta::assert_snapshot!(guide().text());
    }

    #[test]
    fn the_way_into_an_account_is_a_role_of_it_for_people() {
        let role = |id: &str| way_in(&Seed::default(), &id.parse().unwrap()).map(|role| role.name().to_owned());
        assert_eq!(role("222222222222").as_deref(), Some("shipgate-deploy"));
        assert_eq!(role("333333333333"), None, "the user's own account");
        assert_eq!(role("444444444444"), None, "an account without roles");
    }
}
