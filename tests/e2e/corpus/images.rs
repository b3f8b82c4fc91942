//! The images of the corpus: the built binary, or one file, or three gigabytes of nothing.

use std::{io::Write as _, sync::OnceLock};

use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use shipgate_container_check::packing::PackedImage;
use shipgate_core::{
    digest::Digest,
    manifest::{Descriptor, RawManifest},
};

use crate::world::layer;

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

const MEBIBYTE: usize = 1 << 20;
/// A little more than 3.1 GB.
const ZEROS_MIB: usize = 3000;

/// The head of a program for ARM (ELF-64, little end first, `EM_AARCH64`): the kernel reads no further.
pub(super) const ARM_PROGRAM: &[u8] =
    b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\xb7\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x40\0\x38\0";

/// What an image is made of.
#[derive(Clone, Copy)]
pub(super) enum Image {
    /// The demonstration's application.
    App,
    /// The built binary, with this entry point.
    Runs(&'static [&'static str]),
    /// The demonstration's application in an image that says it is for linux/arm64.
    Arm,
    /// One file, which it runs.
    Program { content: &'static [u8], mode: u32 },
    /// One file that is never executed, in an image with this setting.
    Setting(&'static str, &'static str),
    /// One file, in an image that does not say what to run.
    NoCommand,
    /// Zeros: a few megabytes as they are pulled, more than App Runner's disk unpacked.
    Zeros,
}

impl Image {
    /// Packed; the name makes it like no other, so that tests side by side do not remove each other's.
    pub(super) fn pack(self, name: &str) -> PackedImage {
        let environment = [("DEMO_VERSION", name)];
        match self {
            Self::App => layer().image(&environment),
            Self::Runs(entrypoint) => layer().image_that_runs(entrypoint, &environment, "amd64"),
            Self::Arm => layer().image_that_runs(&["/shipgate", "demo-app"], &environment, "arm64"),
            Self::Program { content, mode } => of_file(name, content, mode, &program(name)),
            Self::Setting(key, value) => {
                let mut settings = program(name);
                settings[key] = value.into();
                of_file(name, b"#!/program\n", 0o755, &settings)
            }
            Self::NoCommand => of_file(name, b"#!/program\n", 0o755, &json!({})),
            Self::Zeros => {
                let (diff_id, bytes) = zeros();
                packed(&program(name), diff_id, bytes.clone())
            }
        }
    }
}

/// The settings of an image that runs its one file.
fn program(name: &str) -> Value {
    json!({ "Entrypoint": ["/program"], "Env": [format!("DEMO_VERSION={name}")] })
}

/// An image of one file. The name is in it, so that no other image has the same layer.
fn of_file(name: &str, content: &[u8], mode: u32, settings: &Value) -> PackedImage {
    let mut settings = settings.clone();
    settings["Labels"] = json!({ "case": name });
    let tar = tar_of(content, mode);
    packed(&settings, &Digest::of(&tar), gzip(&tar).into())
}

fn packed(settings: &Value, diff_id: &Digest, layer: Bytes) -> PackedImage {
    let config = Bytes::from(
        json!({
            "architecture": "amd64", "os": "linux",
            "config": settings,
            "rootfs": { "type": "layers", "diff_ids": [diff_id.as_str()] },
        })
        .to_string(),
    );
    let describe = |media_type: &str, bytes: &Bytes| Descriptor {
        media_type: media_type.to_owned(),
        digest: Digest::of(bytes),
        size_bytes: bytes.len() as u64,
    };
    let blobs = vec![(describe(CONFIG, &config), config), (describe(LAYER, &layer), layer)];
    let listed: Vec<Value> = blobs
        .iter()
        .map(|(one, _)| json!({ "mediaType": one.media_type, "digest": one.digest, "size": one.size_bytes }))
        .collect();
    let manifest =
        json!({ "schemaVersion": 2, "mediaType": MANIFEST, "config": listed[0], "layers": [listed[1]] }).to_string();
    PackedImage { manifest: RawManifest::new(MANIFEST, manifest.into()), blobs }
}

fn header(size_bytes: u64, mode: u32) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_path("program").unwrap();
    header.set_size(size_bytes);
    header.set_mode(mode);
    header.set_cksum();
    header
}

fn tar_of(content: &[u8], mode: u32) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    builder.append(&header(content.len() as u64, mode), content).unwrap();
    builder.into_inner().unwrap()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// The digest of the layer before compression, and the layer: one mebibyte is compressed once, and repeated, because a
/// gzip file may have many members.
fn zeros() -> &'static (Digest, Bytes) {
    static ZEROS: OnceLock<(Digest, Bytes)> = OnceLock::new();
    ZEROS.get_or_init(|| {
        let head = header((ZEROS_MIB * MEBIBYTE) as u64, 0o755);
        let (nothing, end) = (vec![0; MEBIBYTE], [0; 1024]);
        let mut hash = Sha256::new();
        hash.update(head.as_bytes());
        (0..ZEROS_MIB).for_each(|_| hash.update(&nothing));
        hash.update(end);
        let bytes = [gzip(head.as_bytes()), gzip(&nothing).repeat(ZEROS_MIB), gzip(&end)].concat();
        let hex = hash.finalize().iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
        (format!("sha256:{hex}").parse().unwrap(), bytes.into())
    })
}
