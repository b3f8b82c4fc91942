//! The paths of the distribution specification. Repository names have slashes, so a path is read from its end.

/// What a path asks about.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Route {
    /// `/v2/`
    Ping,
    /// `/v2/NAME/manifests/REFERENCE`
    Manifest {
        /// The repository.
        name: String,
        /// A tag or a digest.
        reference: String,
    },
    /// `/v2/NAME/blobs/DIGEST`
    Blob {
        /// The repository.
        name: String,
        /// The digest, not yet read.
        digest: String,
    },
    /// `/v2/NAME/blobs/uploads/`
    StartUpload {
        /// The repository.
        name: String,
    },
    /// `/v2/NAME/blobs/uploads/ID`
    Upload {
        /// The repository.
        name: String,
        /// The upload.
        id: String,
    },
    /// `/v2/NAME/tags/list`
    Tags {
        /// The repository.
        name: String,
    },
    /// `/v2/NAME/referrers/DIGEST`
    Referrers {
        /// The repository.
        name: String,
        /// The digest, not yet read.
        digest: String,
    },
    /// Anything else.
    Unknown {
        /// The path.
        path: String,
    },
}

impl Route {
    /// Reads a decoded path.
    pub(crate) fn read(path: &str) -> Self {
        let unknown = || Self::Unknown { path: path.to_owned() };
        let Some(rest) = path.strip_prefix("/v2") else { return unknown() };
        let Some(rest) = rest.strip_prefix('/').filter(|rest| !rest.is_empty()) else { return Self::Ping };
        let parts: Vec<&str> = rest.split('/').collect();
        let named = |count: usize| parts[..parts.len() - count].join("/");
        match parts.as_slice() {
            [_, .., "blobs", "uploads"] => Self::StartUpload { name: named(2) },
            [_, .., "blobs", "uploads", ""] => Self::StartUpload { name: named(3) },
            [_, .., "blobs", "uploads", id] => Self::Upload { name: named(3), id: (*id).to_owned() },
            [_, .., "tags", "list"] => Self::Tags { name: named(2) },
            [_, .., "manifests", reference] => Self::Manifest { name: named(2), reference: (*reference).to_owned() },
            [_, .., "blobs", digest] => Self::Blob { name: named(2), digest: (*digest).to_owned() },
            [_, .., "referrers", digest] => Self::Referrers { name: named(2), digest: (*digest).to_owned() },
            _ => unknown(),
        }
    }

    /// The kind, as the log of calls and the faults name it.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Ping => "ping",
            Self::Manifest { .. } => "manifest",
            Self::Blob { .. } => "blob",
            Self::StartUpload { .. } | Self::Upload { .. } => "upload",
            Self::Tags { .. } => "tags",
            Self::Referrers { .. } => "referrers",
            Self::Unknown { .. } => "unknown",
        }
    }

    /// What it is about, as the log of calls names it.
    pub(crate) fn resource(&self) -> String {
        match self {
            Self::Ping => String::new(),
            Self::Manifest { name, reference } if !reference.contains(':') => format!("{name}:{reference}"),
            Self::Manifest { name, reference: digest }
            | Self::Blob { name, digest }
            | Self::Referrers { name, digest } => {
                format!("{name}@{digest}")
            }
            Self::StartUpload { name } | Self::Upload { name, .. } | Self::Tags { name } => name.clone(),
            Self::Unknown { path } => path.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Route;

    #[test]
    fn paths() {
        let name = || "shop/api".to_owned();
        for (path, expected) in [
            ("/v2", Route::Ping),
            ("/v2/", Route::Ping),
            ("/v2/shop/api/manifests/v1", Route::Manifest { name: name(), reference: "v1".to_owned() }),
            ("/v2/shop/api/blobs/uploads/", Route::StartUpload { name: name() }),
            ("/v2/shop/api/blobs/uploads", Route::StartUpload { name: name() }),
            ("/v2/shop/api/blobs/uploads/7", Route::Upload { name: name(), id: "7".to_owned() }),
            ("/v2/shop/api/blobs/sha256:1", Route::Blob { name: name(), digest: "sha256:1".to_owned() }),
            ("/v2/shop/api/tags/list", Route::Tags { name: name() }),
            ("/v2/blobs/tags/list", Route::Tags { name: "blobs".to_owned() }),
            ("/v2/shop/api/referrers/sha256:1", Route::Referrers { name: name(), digest: "sha256:1".to_owned() }),
            ("/v2/manifests/v1", Route::Unknown { path: "/v2/manifests/v1".to_owned() }),
            ("/", Route::Unknown { path: "/".to_owned() }),
        ] {
            assert_eq!(Route::read(path), expected, "{path}");
        }
    }
}
