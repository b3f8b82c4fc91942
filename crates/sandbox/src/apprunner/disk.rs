//! The disk of an instance: 3 GB, which hold the image as it was pulled and as it is unpacked (App Runner developer
//! guide; apprunner-roadmap#222). Counted here from the layers themselves.

use std::{
    fs::File,
    io::{self, BufReader, Read},
};

use flate2::read::MultiGzDecoder;

use crate::ecr::store::{StoredImage, StoredLayer};

/// What an instance has.
const CAPACITY_BYTES: u64 = 3_000_000_000;

/// Whether the image fits. Reads its layers: not for an async thread.
pub(super) fn holds(image: &StoredImage) -> io::Result<bool> {
    let mut left = CAPACITY_BYTES;
    for layer in &image.layers {
        left = left.saturating_sub(layer.size_bytes);
    }
    for layer in &image.layers {
        // One byte more than is left, to know that there is more.
        let unpacked = io::copy(&mut unpack(layer)?.take(left.saturating_add(1)), &mut io::sink())?;
        if unpacked > left {
            return Ok(false);
        }
        left -= unpacked;
    }
    Ok(true)
}

/// Layers that are not gzip are counted as they are: a tar, or a compression whose ratio is small enough.
fn unpack(layer: &StoredLayer) -> io::Result<Box<dyn Read>> {
    let file = BufReader::new(File::open(&layer.path)?);
    let gzip = layer.media_type.ends_with("gzip");
    Ok(if gzip { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) })
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::{Compression, write::GzEncoder};

    use super::{StoredImage, StoredLayer, holds};
    use shipgate_core::digest::Digest;

    /// A layer of so many megabytes of zeros, compressed once and repeated: a gzip file may have many members.
    fn zeros(folder: &std::path::Path, megabytes: usize) -> StoredLayer {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(&vec![0; 1_000_000]).unwrap();
        let bytes = encoder.finish().unwrap().repeat(megabytes);
        let digest = Digest::of(&bytes);
        let path = folder.join(digest.hex());
        std::fs::write(&path, &bytes).unwrap();
        let media_type = "application/vnd.oci.image.layer.v1.tar+gzip".to_owned();
        StoredLayer { media_type, digest, size_bytes: bytes.len() as u64, path }
    }

    #[test]
    fn three_gigabytes_hold_what_was_pulled_and_what_it_unpacks_to() {
        let folder = tempfile::tempdir().unwrap();
        let image = |layers: &[usize]| StoredImage {
            digest: Digest::of(b""),
            config: Vec::new(),
            layers: layers.iter().map(|megabytes| zeros(folder.path(), *megabytes)).collect(),
        };
        assert!(holds(&image(&[10, 2_900])).unwrap());
        assert!(!holds(&image(&[1_000, 2_010])).unwrap());
        // Unpacked it alone would fit.
        assert!(!holds(&image(&[2_999])).unwrap());
    }
}
