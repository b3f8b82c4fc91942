//! A `docker load` archive of an image, made while it is being read: nothing but headers is held in memory. Layers
//! go in as they were pushed; the engine inflates them.

use std::{collections::HashSet, io, path::PathBuf, pin::Pin};

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, TryStreamExt as _, stream};
use serde_json::json;
use tokio::io::AsyncReadExt as _;
use tokio_util::io::ReaderStream;

use crate::ecr::store::StoredImage;
use shipgate_core::digest::Digest;

type Chunks = Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>>;

enum Part {
    Bytes(Bytes),
    File { path: PathBuf, size_bytes: u64 },
}

/// The archive of this image, to be known as `tag` in the engine.
pub(super) fn stream(
    image: &StoredImage,
    tag: &str,
) -> io::Result<impl Stream<Item = io::Result<Bytes>> + Send + use<>> {
    let parts = parts(image, tag)?;
    Ok(stream::iter(parts).flat_map(Part::into_chunks))
}

impl Part {
    fn into_chunks(self) -> Chunks {
        match self {
            Self::Bytes(bytes) => Box::pin(stream::once(std::future::ready(Ok(bytes)))),
            Self::File { path, size_bytes } => {
                let open = async move { tokio::fs::File::open(path).await };
                // No more than the header announced, whatever has become of the file since.
                Box::pin(stream::once(open).map_ok(move |file| ReaderStream::new(file.take(size_bytes))).try_flatten())
            }
        }
    }
}

fn parts(image: &StoredImage, tag: &str) -> io::Result<Vec<Part>> {
    let config_name = format!("{}.json", Digest::of(&image.config).hex());
    let layer_names: Vec<String> = image.layers.iter().map(|layer| format!("{}.tar", layer.digest.hex())).collect();
    let manifest = json!([{ "Config": config_name, "RepoTags": [tag], "Layers": layer_names }]).to_string();

    let mut parts = Vec::new();
    let mut written = HashSet::new();
    for (layer, name) in image.layers.iter().zip(&layer_names) {
        if written.insert(name) {
            parts.push(header(name, layer.size_bytes)?);
            parts.push(Part::File { path: layer.path.clone(), size_bytes: layer.size_bytes });
            parts.push(padding(layer.size_bytes));
        }
    }
    for (name, content) in [(config_name.as_str(), image.config.clone()), ("manifest.json", manifest.into_bytes())] {
        let size_bytes = content.len() as u64;
        parts.extend([header(name, size_bytes)?, Part::Bytes(content.into()), padding(size_bytes)]);
    }
    // Two blocks of zeros end a tar.
    parts.push(Part::Bytes(Bytes::from_static(&[0; 1024])));
    Ok(parts)
}

fn header(name: &str, size_bytes: u64) -> io::Result<Part> {
    let mut header = tar::Header::new_gnu();
    header.set_path(name)?;
    header.set_size(size_bytes);
    header.set_mode(0o644);
    header.set_cksum();
    Ok(Part::Bytes(Bytes::copy_from_slice(header.as_bytes())))
}

/// Contents are filled up to blocks of 512 bytes.
fn padding(size_bytes: u64) -> Part {
    static ZEROS: [u8; 512] = [0; 512];
    let missing = usize::try_from((512 - size_bytes % 512) % 512).unwrap_or(0);
    Part::Bytes(Bytes::from_static(&ZEROS[..missing]))
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use futures_util::TryStreamExt as _;

    use super::stream;
    use crate::ecr::store::{StoredImage, StoredLayer};
    use shipgate_core::digest::Digest;

    fn layer(folder: &std::path::Path, content: &[u8]) -> StoredLayer {
        let digest = Digest::of(content);
        let path = folder.join(digest.hex());
        std::fs::write(&path, content).unwrap();
        StoredLayer { media_type: String::new(), digest, size_bytes: content.len() as u64, path }
    }

    #[tokio::test]
    async fn the_archive_is_a_tar_that_names_every_layer_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let (one, two) = (vec![1_u8; 700], vec![2_u8; 512]);
        let layers = [&one, &two, &one].map(|content| layer(folder.path(), content)).into();
        let image = StoredImage { digest: Digest::of(b""), config: b"{}".to_vec(), layers };
        let bytes: Vec<u8> = stream(&image, "a:b").unwrap().try_collect::<Vec<_>>().await.unwrap().concat();

        let mut archive = tar::Archive::new(bytes.as_slice());
        let mut files = std::collections::BTreeMap::new();
        for entry in archive.entries().unwrap() {
            let mut entry = entry.unwrap();
            let name = entry.path().unwrap().display().to_string();
            let mut content = Vec::new();
            entry.read_to_end(&mut content).unwrap();
            assert!(files.insert(name, content).is_none(), "each layer is written once");
        }
        let manifest: serde_json::Value = serde_json::from_slice(&files["manifest.json"]).unwrap();
        let names: Vec<&str> = manifest[0]["Layers"].as_array().unwrap().iter().map(|n| n.as_str().unwrap()).collect();
        let contents: Vec<&Vec<u8>> = names.iter().map(|name| &files[*name]).collect();
        assert_eq!(contents, [&one, &two, &one]);
        assert_eq!(manifest[0]["RepoTags"][0], "a:b");
        assert_eq!(files[manifest[0]["Config"].as_str().unwrap()], b"{}");
    }
}
