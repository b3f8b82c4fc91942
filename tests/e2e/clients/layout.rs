//! Images in a folder, laid out as the OCI image specification has it: `index.json`, and blobs by their digests.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, BufWriter, Read, Write},
    path::{Path, PathBuf},
};

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use shipgate_core::digest::Digest;

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const TAR: &str = "application/vnd.oci.image.layer.v1.tar";
const GZIP: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

pub(crate) const GIBIBYTE: u64 = 1024 * 1024 * 1024;

/// An archive of nothing, as Docker has compressed it since its first days.
const EMPTY_GZIP: [u8; 32] = [
    31, 139, 8, 0, 0, 9, 110, 136, 0, 255, 98, 24, 5, 163, 96, 20, 140, 88, 0, 8, 0, 0, 255, 255, 46, 175, 181, 239, 0,
    4, 0, 0,
];

/// A folder of images.
pub(crate) struct Layout(PathBuf);

impl Layout {
    pub(crate) fn new(folder: PathBuf) -> Self {
        fs::create_dir_all(folder.join("blobs/sha256")).unwrap();
        fs::write(folder.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
        Self(folder)
    }

    /// A folder that a client has filled.
    pub(crate) fn of(folder: PathBuf) -> Self {
        Self(folder)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn blob(&self, digest: &Digest) -> PathBuf {
        self.0.join("blobs/sha256").join(digest.hex())
    }

    /// The digest of every blob, found by its name and by its bytes, with its size.
    pub(crate) fn blobs(&self) -> BTreeMap<Digest, u64> {
        let folder = fs::read_dir(self.0.join("blobs/sha256")).unwrap();
        let blobs = folder.map(|entry| {
            let path = entry.unwrap().path();
            let mut hashed = Hashed::new(io::sink());
            let size = io::copy(&mut File::open(&path).unwrap(), &mut hashed).unwrap();
            let digest = hashed.digest();
            assert_eq!(path.file_name().unwrap().to_str().unwrap(), digest.hex());
            (digest, size)
        });
        blobs.collect()
    }

    fn add(&self, media_type: &str, bytes: &[u8]) -> Value {
        let digest = Digest::of(bytes);
        fs::write(self.blob(&digest), bytes).unwrap();
        json!({"mediaType": media_type, "digest": digest, "size": bytes.len()})
    }

    /// A layer without a byte.
    pub(crate) fn nothing(&self) -> Layer {
        Layer { descriptor: self.add(TAR, b""), diff: Digest::of(b"") }
    }

    /// A compressed layer without a file.
    pub(crate) fn empty_gzip(&self) -> Layer {
        Layer { descriptor: self.add(GZIP, &EMPTY_GZIP), diff: Digest::of(&[0; 1024]) }
    }

    /// A layer of one file with this text.
    pub(crate) fn small(&self, text: &str) -> Layer {
        let mut bytes = Vec::new();
        archive(&mut bytes, text.len() as u64, text.as_bytes());
        Layer { descriptor: self.add(TAR, &bytes), diff: Digest::of(&bytes) }
    }

    /// A layer of one large file, which is never in memory.
    pub(crate) fn large(&self, size: u64) -> Layer {
        let path = self.0.join("large");
        let mut hashed = Hashed::new(BufWriter::with_capacity(1 << 20, File::create(&path).unwrap()));
        archive(&mut hashed, size, Noise::new(size));
        hashed.flush().unwrap();
        let digest = hashed.digest();
        fs::rename(&path, self.blob(&digest)).unwrap();
        let size = fs::metadata(self.blob(&digest)).unwrap().len();
        Layer { descriptor: json!({"mediaType": TAR, "digest": digest, "size": size}), diff: digest }
    }

    /// An image of these layers; its descriptor.
    pub(crate) fn image(&self, architecture: &str, layers: &[Layer]) -> Value {
        let diffs: Vec<&Digest> = layers.iter().map(|layer| &layer.diff).collect();
        let config = json!({
            "architecture": architecture, "os": "linux", "config": {"Cmd": ["/file"]},
            "rootfs": {"type": "layers", "diff_ids": diffs},
        });
        let config = self.add(CONFIG, config.to_string().as_bytes());
        let layers: Vec<&Value> = layers.iter().map(|layer| &layer.descriptor).collect();
        let manifest = json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers});
        let mut descriptor = self.add(MANIFEST, manifest.to_string().as_bytes());
        descriptor["platform"] = json!({"os": "linux", "architecture": architecture});
        descriptor
    }

    /// An index of images of two platforms, with layers that are empty in each way and some that are not.
    pub(crate) fn index_of_two(&self) -> Digest {
        let (nothing, empty) = (self.nothing(), self.empty_gzip());
        let amd64 = self.image("amd64", &[self.small("of amd64"), empty.clone(), nothing.clone()]);
        let arm64 = self.image("arm64", &[empty, self.small("of arm64"), nothing]);
        self.name(&self.index(&[amd64, arm64]))
    }

    /// An index of these images; its descriptor.
    pub(crate) fn index(&self, members: &[Value]) -> Value {
        let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": members});
        self.add(INDEX, index.to_string().as_bytes())
    }

    /// The image that the folder is about is this one.
    pub(crate) fn name(&self, descriptor: &Value) -> Digest {
        let index = json!({"schemaVersion": 2, "manifests": [descriptor]});
        fs::write(self.0.join("index.json"), index.to_string()).unwrap();
        descriptor["digest"].as_str().unwrap().parse().unwrap()
    }
}

/// A layer: its descriptor, and the digest of what it is uncompressed.
#[derive(Clone)]
pub(crate) struct Layer {
    descriptor: Value,
    diff: Digest,
}

impl Layer {
    /// The digest of its file.
    pub(crate) fn digest(&self) -> Digest {
        self.descriptor["digest"].as_str().unwrap().parse().unwrap()
    }
}

/// An archive with `/file`.
fn archive(to: impl Write, size: u64, contents: impl Read) {
    let mut header = tar::Header::new_ustar();
    header.set_size(size);
    header.set_mode(0o755);
    let mut archive = tar::Builder::new(to);
    archive.append_data(&mut header, "file", contents).unwrap();
    archive.finish().unwrap();
}

/// Writes through, and hashes.
pub(crate) struct Hashed<W> {
    to: W,
    hash: Sha256,
}

impl<W> Hashed<W> {
    pub(crate) fn new(to: W) -> Self {
        Self { to, hash: Sha256::new() }
    }

    pub(crate) fn digest(self) -> Digest {
        Digest::from_hash(&self.hash.finalize())
    }
}

impl<W: Write> Write for Hashed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.to.write(bytes)?;
        self.hash.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// Bytes that do not compress: a block of noise again and again, each time with its number in front.
struct Noise {
    block: Vec<u8>,
    at: u64,
    size: u64,
}

impl Noise {
    const BLOCK: u64 = 1 << 20;

    fn new(size: u64) -> Self {
        let mut block = vec![0; 1 << 20];
        fastrand::Rng::with_seed(1).fill(&mut block);
        Self { block, at: 0, size }
    }
}

impl Read for Noise {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let within = usize::try_from(self.at % Self::BLOCK).unwrap();
        if within == 0 {
            self.block[..8].copy_from_slice(&self.at.to_le_bytes());
        }
        let left = usize::try_from(self.size - self.at).unwrap();
        let size = to.len().min(self.block.len() - within).min(left);
        to[..size].copy_from_slice(&self.block[within..within + size]);
        self.at += size as u64;
        Ok(size)
    }
}
