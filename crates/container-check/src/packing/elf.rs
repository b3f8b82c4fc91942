//! The little of the ELF format that says what an executable needs to run: its loader and its libraries.
//! Source: System V ABI, "Object Files" and "Program Loading and Dynamic Linking"; 64-bit little-endian only.

const PT_LOAD: u32 = 1;
const PT_DYNAMIC: u32 = 2;
const PT_INTERP: u32 = 3;
const DT_NULL: u64 = 0;
const DT_NEEDED: u64 = 1;
const DT_STRTAB: u64 = 5;

/// The most dynamic entries that are looked at: more than any real executable has.
const MAX_DYNAMIC_ENTRIES: usize = 10_000;

/// What an ELF file needs besides itself.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(super) struct Links {
    /// The loader's path, for an executable that is linked dynamically.
    pub(super) interpreter: Option<String>,
    /// The names of the libraries, in the file's order.
    pub(super) needed: Vec<String>,
}

/// What processor an ELF file is for, as images call it; `None` for another file, and for a processor that has no name here.
pub(super) fn architecture(file: &[u8]) -> Option<&'static str> {
    if !file.starts_with(b"\x7fELF\x02\x01") {
        return None;
    }
    // Elf64_Ehdr: e_machine at 18. EM_X86_64 and EM_AARCH64 of the ELF registry.
    match half(file, 18)? {
        62 => Some("amd64"),
        183 => Some("arm64"),
        _ => None,
    }
}

struct Segment {
    kind: u32,
    offset: usize,
    address: u64,
    file_size: usize,
}

/// Reads what the file needs.
///
/// # Errors
/// What is wrong with the file, when it is not a 64-bit little-endian ELF file or is cut off.
pub(super) fn links(file: &[u8]) -> Result<Links, &'static str> {
    // e_ident: magic, class 2 (64 bits), data 1 (little-endian).
    if !file.starts_with(b"\x7fELF\x02\x01") {
        return Err("not a 64-bit little-endian ELF file");
    }
    read(file).ok_or("a table of it points outside the file")
}

fn read(file: &[u8]) -> Option<Links> {
    let segments = segments(file)?;
    let interpreter = match segments.iter().find(|segment| segment.kind == PT_INTERP) {
        Some(segment) => Some(text_at(file, segment.offset)?),
        None => None,
    };
    let needed = match segments.iter().find(|segment| segment.kind == PT_DYNAMIC) {
        Some(dynamic) => needed(file, dynamic, &segments)?,
        None => Vec::new(),
    };
    Some(Links { interpreter, needed })
}

fn segments(file: &[u8]) -> Option<Vec<Segment>> {
    // Elf64_Ehdr: e_phoff at 32, e_phentsize at 54, e_phnum at 56.
    let (table, size, count) = (word(file, 32)?, half(file, 54)?, half(file, 56)?);
    let table = usize::try_from(table).ok()?;
    (0..usize::from(count)).map(|index| segment(file, table.checked_add(index * usize::from(size))?)).collect()
}

fn segment(file: &[u8], at: usize) -> Option<Segment> {
    // Elf64_Phdr: p_type at 0, p_offset at 8, p_vaddr at 16, p_filesz at 32.
    Some(Segment {
        kind: u32::from_le_bytes(bytes(file, at)?),
        offset: usize::try_from(word(file, at + 8)?).ok()?,
        address: word(file, at + 16)?,
        file_size: usize::try_from(word(file, at + 32)?).ok()?,
    })
}

fn needed(file: &[u8], dynamic: &Segment, segments: &[Segment]) -> Option<Vec<String>> {
    let (mut names, mut strings) = (Vec::new(), None);
    for index in 0..(dynamic.file_size / 16).min(MAX_DYNAMIC_ENTRIES) {
        let at = dynamic.offset.checked_add(index * 16)?;
        let (tag, value) = (word(file, at)?, word(file, at + 8)?);
        match tag {
            DT_NULL => break,
            DT_NEEDED => names.push(usize::try_from(value).ok()?),
            DT_STRTAB => strings = Some(offset_of(value, segments)?),
            _ => (),
        }
    }
    if names.is_empty() {
        return Some(Vec::new());
    }
    let strings = strings?;
    names.into_iter().map(|name| text_at(file, strings.checked_add(name)?)).collect()
}

/// Where in the file the loaded address comes from.
fn offset_of(address: u64, segments: &[Segment]) -> Option<usize> {
    segments.iter().filter(|segment| segment.kind == PT_LOAD).find_map(|segment| {
        let within = usize::try_from(address.checked_sub(segment.address)?).ok()?;
        (within < segment.file_size).then(|| segment.offset.checked_add(within))?
    })
}

fn text_at(file: &[u8], at: usize) -> Option<String> {
    let rest = file.get(at..)?;
    let end = rest.iter().position(|byte| *byte == 0)?;
    String::from_utf8(rest[..end].to_vec()).ok()
}

fn word(file: &[u8], at: usize) -> Option<u64> {
    bytes(file, at).map(u64::from_le_bytes)
}

fn half(file: &[u8], at: usize) -> Option<u16> {
    bytes(file, at).map(u16::from_le_bytes)
}

fn bytes<const N: usize>(file: &[u8], at: usize) -> Option<[u8; N]> {
    file.get(at..at.checked_add(N)?)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::{architecture, links};

    #[test]
    fn what_a_file_is_for_is_read_from_it() {
        let file = std::fs::read("/proc/self/exe").unwrap();
        let own = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
        assert_eq!(architecture(&file), Some(own));
        let mut other = file[..64].to_vec();
        other[18] = 183;
        assert_eq!(architecture(&other), Some("arm64"));
        other[18] = 8;
        assert_eq!([architecture(&other), architecture(b"#!/bin/sh\n"), architecture(b"\x7fELF")], [None; 3]);
    }

    #[test]
    fn this_test_needs_the_c_library_and_a_loader() {
        let file = std::fs::read("/proc/self/exe").unwrap();
        let links = links(&file).unwrap();
        assert!(links.interpreter.unwrap().starts_with("/lib"));
        assert!(links.needed.iter().any(|name| name == "libc.so.6"), "{:?}", links.needed);
    }

    #[test]
    fn what_is_not_whole_is_refused_and_never_panics() {
        assert!(links(b"").is_err());
        assert!(links(b"#!/bin/sh\n").is_err());
        let file = std::fs::read("/proc/self/exe").unwrap();
        for length in [6, 40, 63, 64, 100, 700] {
            assert!(links(&file[..length]).is_err(), "{length}");
        }
        for position in 16..64 {
            let mut broken = file[..4096].to_vec();
            broken[position] = 0xff;
            let _either = links(&broken);
        }
    }
}
