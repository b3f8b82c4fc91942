//! The regular expressions of the model, as code: there are few of them, and they are simple.

fn word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// `[A-Za-z0-9][A-Za-z0-9-_]{3,39}`; the length is checked by the shape.
pub(super) fn service_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.chars().all(|c| word(c) || c == '-')
        && (4..=40).contains(&text.len())
}

/// `arn:aws(-[\w]+)*:[a-z0-9-\\.]{0,63}:[a-z0-9-\\.]{0,63}:[0-9]{12}:(\w|\/|-){1,1011}`
pub(super) fn resource_arn(text: &str) -> bool {
    let part = |text: &str| {
        text.len() <= 63 && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "-\\.".contains(c))
    };
    let fields: Vec<&str> = text.split(':').collect();
    let [arn, partition, service, region, account, resource] = fields.as_slice() else { return false };
    *arn == "arn"
        && is_partition(partition)
        && part(service)
        && part(region)
        && is_account(account)
        && (1..=1011).contains(&resource.len())
        && resource.chars().all(|c| word(c) || c == '/' || c == '-')
}

/// `aws(-[\w]+)*`
fn is_partition(text: &str) -> bool {
    text.strip_prefix("aws").is_some_and(|rest| {
        rest.is_empty()
            || rest.strip_prefix('-').is_some_and(|rest| rest.split('-').all(|p| !p.is_empty() && p.chars().all(word)))
    })
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit())
}

/// `arn:(aws|aws-us-gov|aws-cn|aws-iso|aws-iso-b):iam::[0-9]{12}:(role|role\/service-role)\/[\w+=,.@\-/]{1,1000}`
pub(super) fn role_arn(text: &str) -> bool {
    let fields: Vec<&str> = text.split(':').collect();
    let ["arn", partition, "iam", "", account, resource] = fields.as_slice() else { return false };
    ["aws", "aws-us-gov", "aws-cn", "aws-iso", "aws-iso-b"].contains(partition)
        && is_account(account)
        && resource.strip_prefix("role/").is_some_and(|name| {
            (1..=1000).contains(&name.len()) && name.chars().all(|c| word(c) || "+=,.@-/".contains(c))
        })
}

/// `arn:aws(-[\w]+)*:kms:[a-z\-]+-[0-9]{1}:[0-9]{12}:key\/` and a dashed UUID.
pub(super) fn kms_key_arn(text: &str) -> bool {
    let fields: Vec<&str> = text.split(':').collect();
    let ["arn", partition, "kms", region, account, resource] = fields.as_slice() else { return false };
    is_partition(partition)
        && is_region(region)
        && is_account(account)
        && resource.strip_prefix("key/").is_some_and(|id| {
            let lengths = id.split('-').map(str::len);
            lengths.eq([8, 4, 4, 4, 12]) && id.chars().all(|c| c == '-' || matches!(c, '0'..='9' | 'a'..='f'))
        })
}

/// `[a-z\-]+-[0-9]{1}`
fn is_region(text: &str) -> bool {
    text.rsplit_once('-').is_some_and(|(name, number)| {
        !name.is_empty()
            && name.chars().all(|c| c.is_ascii_lowercase() || c == '-')
            && number.len() == 1
            && number.bytes().all(|b| b.is_ascii_digit())
    })
}

/// An image of a private ECR repository or of ECR Public: the two alternatives of `ImageIdentifier`.
pub(super) fn image_identifier(text: &str) -> bool {
    if let Some(public) = text.strip_prefix("public.ecr.aws/") {
        return public.split_once('/').is_some_and(|(alias, rest)| !alias.is_empty() && is_repository_and_suffix(rest));
    }
    let Some((host, rest)) = text.split_once('/') else { return false };
    let Some((account, host)) = host.split_once(".dkr.ecr.") else { return false };
    let Some(region) = host.strip_suffix(".amazonaws.com") else { return false };
    is_account(account) && is_region(region) && is_repository_and_suffix(rest)
}

/// `REPOSITORY(:([\w\d+\-=._:\/@])+|@([\w\d\:]+))?`
fn is_repository_and_suffix(text: &str) -> bool {
    let end = text.find([':', '@']).unwrap_or(text.len());
    let (repository, suffix) = text.split_at(end);
    let tag = |c: char| word(c) || "+-=._:/@".contains(c);
    let digest = |c: char| word(c) || c == ':';
    let suffix_fits = match suffix.split_at_checked(1) {
        None => true,
        Some((":", tail)) => !tail.is_empty() && tail.chars().all(tag),
        Some((_, tail)) => !tail.is_empty() && tail.chars().all(digest),
    };
    repository.split('/').all(is_component) && suffix_fits
}

/// `[a-z0-9]+(?:[._-][a-z0-9]+)*`
fn is_component(text: &str) -> bool {
    text.split(['.', '_', '-'])
        .all(|part| !part.is_empty() && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit()))
}

/// `[^\x0a\x0d]+`
pub(super) fn one_line(text: &str) -> bool {
    !text.is_empty() && !text.contains(['\n', '\r'])
}

/// `.*`
pub(super) fn no_newline(text: &str) -> bool {
    !text.contains('\n')
}

/// `^(?!aws:).+`
pub(super) fn tag_key(text: &str) -> bool {
    !text.is_empty() && !text.starts_with("aws:")
}

/// `256|512|1024|2048|4096|(0.25|0.5|1|2|4) vCPU`
pub(super) fn cpu(text: &str) -> bool {
    match text.strip_suffix(" vCPU") {
        Some(number) => ["0.25", "0.5", "1", "2", "4"].contains(&number),
        None => ["256", "512", "1024", "2048", "4096"].contains(&text),
    }
}

/// `512|1024|2048|3072|4096|6144|8192|10240|12288|(0.5|1|2|3|4|6|8|10|12) GB`
pub(super) fn memory(text: &str) -> bool {
    match text.strip_suffix(" GB") {
        Some(number) => ["0.5", "1", "2", "3", "4", "6", "8", "10", "12"].contains(&number),
        None => ["512", "1024", "2048", "3072", "4096", "6144", "8192", "10240", "12288"].contains(&text),
    }
}

#[cfg(test)]
mod tests {
    use super::{image_identifier, kms_key_arn, resource_arn, role_arn, service_name};

    fn check(matches: fn(&str) -> bool, good: &[&str], bad: &[&str]) {
        for text in good {
            assert!(matches(text), "{text}");
        }
        for text in bad {
            assert!(!matches(text), "{text}");
        }
    }

    #[test]
    fn names() {
        check(service_name, &["abcd", "0-_z", &"a".repeat(40)], &["abc", "-abc", "a.bcd", "ab cd", &"a".repeat(41)]);
    }

    #[test]
    fn resource_arns() {
        check(
            resource_arn,
            &["arn:aws:apprunner:us-east-1:111111111111:service/shop/0f", "arn:aws-us-gov:apprunner:r:111111111111:x"],
            &["", "arn:aws:apprunner:us-east-1:1:service/a", "arn:aws:apprunner:us-east-1:111111111111:a:b", "shop"],
        );
    }

    #[test]
    fn role_arns() {
        check(
            role_arn,
            &["arn:aws:iam::111111111111:role/r", "arn:aws-cn:iam::111111111111:role/service-role/a+b=c,d.e@f-g/h"],
            &[
                "arn:aws:iam::111111111111:user/r",
                "arn:aws:iam:eu:111111111111:role/r",
                "arn:other:iam::111111111111:role/r",
            ],
        );
    }

    #[test]
    fn kms_keys() {
        check(
            kms_key_arn,
            &["arn:aws:kms:us-east-1:111111111111:key/01234567-89ab-cdef-0123-456789abcdef"],
            &["arn:aws:kms:us-east-1:111111111111:key/short", "arn:aws:kms:us-east-1:111111111111:alias/a"],
        );
    }

    #[test]
    fn image_identifiers() {
        let ecr = "111111111111.dkr.ecr.ap-northeast-1.amazonaws.com";
        let good = ["/api", "/shop/api:v1", "/shop/a-b_c.d@sha256:00ff", "/api:v1@sha256:00", "/a/b/c:1"];
        let bad = ["", "/", "/Shop", "/a__b", "/a:", "/a@", "/a@sha256-x", "/-a", "/a b", "/a//b"];
        for path in good {
            assert!(image_identifier(&format!("{ecr}{path}")), "{path}");
        }
        for path in bad {
            assert!(!image_identifier(&format!("{ecr}{path}")), "{path}");
        }
        check(
            image_identifier,
            &["public.ecr.aws/docker/library/nginx:latest"],
            &["docker.io/library/nginx", "1.dkr.ecr.us-east-1.amazonaws.com/a", "public.ecr.aws/a", "localhost:1/a:b"],
        );
    }
}
