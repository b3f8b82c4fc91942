//! Images for tests: one small static web server, built once, under configurations that differ.

use std::{io::Write as _, path::PathBuf, process::Command, sync::LazyLock};

use flate2::{Compression, write::GzEncoder};
use serde_json::json;
use tempfile::TempDir;

use crate::ecr::store::{StoredImage, StoredLayer};
use shipgate_core::digest::Digest;

struct Layer {
    _folder: TempDir,
    path: PathBuf,
    size_bytes: u64,
    digest: Digest,
    diff_id: Digest,
}

static LAYER: LazyLock<Layer> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let (source, binary) = (folder.path().join("server.rs"), folder.path().join("server"));
    std::fs::write(&source, include_str!("server.rs.in")).unwrap();
    let flags = ["--edition", "2024", "-O", "-C", "target-feature=+crt-static", "-C", "strip=symbols", "-o"];
    let built = Command::new("rustc").args(flags).arg(&binary).arg(&source).status().unwrap();
    assert!(built.success());

    let mut archive = tar::Builder::new(Vec::new());
    archive.append_path_with_name(&binary, "server").unwrap();
    let layer = archive.into_inner().unwrap();
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(&layer).unwrap();
    let packed = gzip.finish().unwrap();
    let path = folder.path().join("layer");
    std::fs::write(&path, &packed).unwrap();
    Layer {
        _folder: folder,
        path,
        size_bytes: packed.len() as u64,
        digest: Digest::of(&packed),
        diff_id: Digest::of(&layer),
    }
});

/// An image whose server runs under this environment.
pub(super) fn image(environment: &[&str]) -> StoredImage {
    let config = json!({
        "architecture": "amd64",
        "os": "linux",
        "config": { "Entrypoint": ["/server"], "Cmd": ["default"], "Env": environment },
        "rootfs": { "type": "layers", "diff_ids": [LAYER.diff_id] },
    });
    let config = config.to_string().into_bytes();
    StoredImage {
        digest: Digest::of(&config),
        config,
        layers: vec![StoredLayer {
            media_type: "application/vnd.oci.image.layer.v1.tar+gzip".to_owned(),
            digest: LAYER.digest.clone(),
            size_bytes: LAYER.size_bytes,
            path: LAYER.path.clone(),
        }],
    }
}
