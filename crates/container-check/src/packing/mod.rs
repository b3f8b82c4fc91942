//! Packs an executable of this program into an image that starts from nothing: the executable, and, when it is linked
//! dynamically, its loader and libraries. The same executable always gives the same layer. The demonstration deploys such an
//! image, and the local check probes from one; neither has to be pulled from anywhere.

mod elf;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use bytes::Bytes;
use flate2::{Compression, GzBuilder};
use serde_json::{Value, json};

use shipgate_core::{
    digest::Digest,
    manifest::{Descriptor, RawManifest},
};

const MANIFEST_TYPE: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG_TYPE: &str = "application/vnd.oci.image.config.v1+json";
const LAYER_TYPE: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

/// Where the image keeps the executable.
const EXECUTABLE: &str = "shipgate";

/// Where the image keeps shared libraries: a place of its own, named in `LD_LIBRARY_PATH`, because where a loader
/// looks by itself differs between distributions.
const LIBRARIES: &str = "shipgate-libraries";

/// Why the running executable cannot be packed.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// The image would not run where it is to run.
    #[error("the executable is for {found}, and its image must be for {wanted}")]
    WrongPlatform {
        /// What it is for, as far as it can be told.
        found: String,
        /// What the image is for: `linux/amd64`.
        wanted: String,
    },
    /// A file of the image cannot be read.
    #[error("cannot read {path}")]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The executable is not what this packer knows.
    #[error("{path} cannot be understood as an executable: {reason}")]
    NotElf {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A shared library of the executable is nowhere to be found.
    #[error("the shared library {0} of this executable was not found")]
    LibraryMissing(String),
    /// The layer could not be written.
    #[error("cannot pack the layer")]
    Pack(#[source] io::Error),
}

impl PackError {
    /// What the user can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::WrongPlatform { .. } => Some("use the Linux build of shipgate for that processor"),
            Self::NotElf { .. } | Self::LibraryMissing(_) => {
                Some("use a statically linked build (cargo build --target x86_64-unknown-linux-musl)")
            }
            Self::Read { .. } | Self::Pack(_) => None,
        }
    }
}

/// An image ready to be pushed: blobs first, then the manifest.
#[derive(Clone, Debug)]
pub struct PackedImage {
    /// The manifest.
    pub manifest: RawManifest,
    /// The configuration, then the layer.
    pub blobs: Vec<(Descriptor, Bytes)>,
}

/// The layer with the executable: made once, shared by every image of it.
#[derive(Clone, Debug)]
pub struct SelfLayer {
    descriptor: Descriptor,
    bytes: Bytes,
    /// The digest of the layer before compression, which the configuration names.
    diff_id: Digest,
    dynamic: bool,
}

impl SelfLayer {
    /// Packs the running executable. It reads and compresses tens of megabytes: not for an async thread.
    ///
    /// # Errors
    /// [`PackError`] when this is not linux/x86_64 or a file cannot be read.
    pub fn of_this_executable() -> Result<Self, PackError> {
        // Not the path of the executable: that file may have been replaced since by a newer build.
        Self::of_executable(Path::new("/proc/self/exe"))
    }

    /// Packs an executable that needs no library this process does not use itself.
    ///
    /// # Errors
    /// [`PackError`] when this is not linux/x86_64 or a file cannot be read.
    pub fn of_executable(path: &Path) -> Result<Self, PackError> {
        Self::for_architecture(path, "amd64")
    }

    /// Packs an executable for an engine whose machine is of this architecture (`amd64`, `arm64`).
    ///
    /// # Errors
    /// [`PackError`] when it is no Linux executable for that, or a file cannot be read.
    pub fn for_architecture(path: &Path, architecture: &str) -> Result<Self, PackError> {
        let found = elf::architecture(&read(path)?);
        if found != Some(architecture) {
            let found = found.map_or_else(|| std::env::consts::OS.to_owned(), |found| format!("linux/{found}"));
            return Err(PackError::WrongPlatform { found, wanted: format!("linux/{architecture}") });
        }
        let files = files_of(path)?;
        let dynamic = files.len() > 1;
        let tar = archive(&files).map_err(PackError::Pack)?;
        let bytes = compress(&tar).map_err(PackError::Pack)?;
        Ok(Self { descriptor: describe(LAYER_TYPE, &bytes), bytes, diff_id: Digest::of(&tar), dynamic })
    }

    /// An image of this layer that runs the demonstration's application with these environment variables.
    #[must_use]
    pub fn image(&self, environment: &[(&str, &str)]) -> PackedImage {
        self.image_that_runs(&[&format!("/{EXECUTABLE}"), "demo-app"], environment, "amd64")
    }

    /// An image of this layer with another entry point, or that claims another architecture: for tests.
    #[must_use]
    pub fn image_that_runs(
        &self,
        entrypoint: &[&str],
        environment: &[(&str, &str)],
        architecture: &str,
    ) -> PackedImage {
        self.image_of(&self.config(entrypoint, environment, architecture))
    }

    /// An image of this layer that runs a command of this program, with labels that say whose it is.
    #[must_use]
    pub fn labelled_image(&self, command: &str, architecture: &str, labels: &HashMap<String, String>) -> PackedImage {
        let mut config = self.config(&[&format!("/{EXECUTABLE}"), command], &[], architecture);
        config["config"]["Labels"] = json!(labels);
        self.image_of(&config)
    }

    fn image_of(&self, config: &Value) -> PackedImage {
        let config = Bytes::from(config.to_string());
        let config_descriptor = describe(CONFIG_TYPE, &config);
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST_TYPE,
            "config": descriptor_json(&config_descriptor),
            "layers": [descriptor_json(&self.descriptor)],
        });
        PackedImage {
            manifest: RawManifest::new(MANIFEST_TYPE, Bytes::from(manifest.to_string())),
            blobs: vec![(config_descriptor, config), (self.descriptor.clone(), self.bytes.clone())],
        }
    }

    fn config(&self, entrypoint: &[&str], environment: &[(&str, &str)], architecture: &str) -> Value {
        let libraries = self.dynamic.then(|| format!("LD_LIBRARY_PATH=/{LIBRARIES}"));
        let given = environment.iter().map(|(name, value)| format!("{name}={value}"));
        json!({
            "architecture": architecture,
            "os": "linux",
            "config": { "Entrypoint": entrypoint, "Env": libraries.into_iter().chain(given).collect::<Vec<_>>() },
            "rootfs": { "type": "layers", "diff_ids": [self.diff_id.as_str()] },
            "history": [{ "created": "1970-01-01T00:00:00Z", "created_by": "shipgate demo" }],
        })
    }
}

impl PackedImage {
    /// The image in the format of `docker save`, under this name: for an engine's load.
    ///
    /// # Errors
    /// [`PackError::Pack`] when the archive cannot be written.
    pub fn docker_archive(&self, name: &str) -> Result<Bytes, PackError> {
        let path = |descriptor: &Descriptor| match descriptor.media_type.as_str() {
            CONFIG_TYPE => format!("{}.json", descriptor.digest.hex()),
            _ => format!("{}.tar.gz", descriptor.digest.hex()),
        };
        let paths: Vec<String> = self.blobs.iter().map(|(descriptor, _)| path(descriptor)).collect();
        let list = json!([{ "Config": paths[0], "RepoTags": [name], "Layers": &paths[1..] }]);
        let mut files: BTreeMap<String, Bytes> =
            paths.into_iter().zip(self.blobs.iter().map(|(_, bytes)| bytes.clone())).collect();
        files.insert("manifest.json".to_owned(), Bytes::from(list.to_string()));
        archive(&files).map(Bytes::from).map_err(PackError::Pack)
    }
}

fn describe(media_type: &str, bytes: &Bytes) -> Descriptor {
    Descriptor { media_type: media_type.to_owned(), digest: Digest::of(bytes), size_bytes: bytes.len() as u64 }
}

fn descriptor_json(descriptor: &Descriptor) -> Value {
    json!({
        "mediaType": descriptor.media_type,
        "digest": descriptor.digest.as_str(),
        "size": descriptor.size_bytes,
    })
}

/// The files of the layer by their path in it: the executable, its loader, its libraries and theirs.
fn files_of(executable: &Path) -> Result<BTreeMap<String, Bytes>, PackError> {
    let program = read(executable)?;
    let links = elf::links(&program).map_err(|reason| PackError::NotElf { path: executable.to_owned(), reason })?;
    let mut files = BTreeMap::from([(EXECUTABLE.to_owned(), program)]);
    let Some(loader) = links.interpreter else { return Ok(files) };
    files.insert(loader.trim_start_matches('/').to_owned(), read(Path::new(&loader))?);
    let directories = library_directories()?;
    let mut wanted = VecDeque::from(links.needed);
    while let Some(name) = wanted.pop_front() {
        let place = format!("{LIBRARIES}/{name}");
        if files.contains_key(&place) {
            continue;
        }
        let path = directories
            .iter()
            .map(|directory| directory.join(&name))
            .find(|path| path.exists())
            .ok_or_else(|| PackError::LibraryMissing(name.clone()))?;
        let library = read(&path)?;
        wanted.extend(elf::links(&library).map_err(|reason| PackError::NotElf { path, reason })?.needed);
        files.insert(place, library);
    }
    Ok(files)
}

/// Where the loader found the libraries of this process: the directories of the files that are mapped into it.
fn library_directories() -> Result<BTreeSet<PathBuf>, PackError> {
    let path = Path::new("/proc/self/maps");
    let maps = std::fs::read_to_string(path).map_err(|source| PackError::Read { path: path.to_owned(), source })?;
    // proc(5): address, permissions, offset, device, inode, path.
    let mapped = maps.lines().filter_map(|line| line.find('/').map(|start| Path::new(&line[start..])));
    Ok(mapped.filter_map(Path::parent).map(Path::to_owned).collect())
}

fn read(path: &Path) -> Result<Bytes, PackError> {
    std::fs::read(path).map(Bytes::from).map_err(|source| PackError::Read { path: path.to_owned(), source })
}

/// A tar of these files in the order of their names, without anything that differs from one run to the next. Their directories
/// come first: engines make those that an archive does not name so that root alone can enter them.
fn archive(files: &BTreeMap<String, Bytes>) -> io::Result<Vec<u8>> {
    let mut builder = tar::Builder::new(Vec::new());
    for directory in directories_of(files) {
        builder.append_data(&mut header(tar::EntryType::Directory, 0), directory, io::empty())?;
    }
    for (path, bytes) in files {
        builder.append_data(&mut header(tar::EntryType::Regular, bytes.len() as u64), path, bytes.as_ref())?;
    }
    builder.into_inner()
}

/// Every directory above these files, each after the one that it is in.
fn directories_of(files: &BTreeMap<String, Bytes>) -> BTreeSet<&Path> {
    let above = files.keys().flat_map(|path| Path::new(path).ancestors().skip(1));
    above.filter(|directory| !directory.as_os_str().is_empty()).collect()
}

fn header(kind: tar::EntryType, size_bytes: u64) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(0o755);
    header.set_mtime(0);
    header.set_size(size_bytes);
    header
}

fn compress(bytes: &[u8]) -> io::Result<Bytes> {
    // A gzip header without a time and a file name.
    let mut encoder = GzBuilder::new().mtime(0).write(Vec::new(), Compression::fast());
    encoder.write_all(bytes)?;
    encoder.finish().map(Bytes::from)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::{Digest, EXECUTABLE, LIBRARIES, SelfLayer};
    use shipgate_core::manifest::Manifest;

    #[test]
    fn the_same_executable_gives_the_same_layer_and_images_share_it() {
        let layer = SelfLayer::of_this_executable().unwrap();
        assert_eq!(SelfLayer::of_this_executable().unwrap().descriptor, layer.descriptor);
        let (one, two) = (layer.image(&[("DEMO_VERSION", "v1")]), layer.image(&[("DEMO_VERSION", "v2")]));
        assert_ne!(one.manifest.digest, two.manifest.digest);
        assert_eq!(one.blobs[1].0, two.blobs[1].0);
        assert_eq!(one.manifest.digest, layer.image(&[("DEMO_VERSION", "v1")]).manifest.digest);
        let Manifest::Image { config, layers } = one.manifest.parse().unwrap() else { panic!("not an image") };
        let layers: Vec<_> = layers.into_iter().map(|layer| (layer.digest, layer.size_bytes)).collect();
        let layer = &one.blobs[1].0;
        assert_eq!(config.as_ref(), Some(&one.blobs[0].0));
        assert_eq!(layers, [(layer.digest.clone(), Some(layer.size_bytes))]);
        for (descriptor, bytes) in &one.blobs {
            assert_eq!((&descriptor.digest, descriptor.size_bytes), (&Digest::of(bytes), bytes.len() as u64));
        }
    }

    #[test]
    fn the_layer_holds_what_the_loader_will_ask_for() {
        let layer = SelfLayer::of_this_executable().unwrap();
        let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(layer.bytes.as_ref()));
        let entries = archive.entries().unwrap().map(|entry| entry.unwrap());
        let entries = entries.map(|entry| (entry.path().unwrap().into_owned(), entry.header().mode().unwrap()));
        let entries: Vec<(PathBuf, u32)> = entries.collect();
        let names: Vec<String> = entries.iter().map(|(path, _)| path.display().to_string()).collect();
        assert!(names.contains(&EXECUTABLE.to_owned()), "{names:?}");
        // The test executable is linked dynamically, as a plain build on most distributions is.
        assert!(layer.dynamic);
        assert!(names.contains(&format!("{LIBRARIES}/libc.so.6")), "{names:?}");
        assert!(names.iter().any(|name| name.contains("ld-linux")), "{names:?}");
        // Whoever the container runs as must get to them.
        assert!(entries.iter().all(|(_, mode)| *mode == 0o755), "{entries:?}");
        for (index, (path, _)) in entries.iter().enumerate() {
            let above = path.parent().filter(|above| !above.as_os_str().is_empty());
            assert!(above.is_none_or(|above| entries[..index].iter().any(|(path, _)| path == above)), "{path:?}");
        }
    }
}
