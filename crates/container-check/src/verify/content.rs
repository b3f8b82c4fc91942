//! What a file is by its first bytes, as far as it matters to the kernel that is asked to execute it.
//!
//! Sources: execve(2); Linux `fs/binfmt_elf.c` and `fs/binfmt_script.c`; the formats' own specifications.

/// The most bytes of a script's first line (Linux, `BINPRM_BUF_SIZE`).
const SCRIPT_LINE_BYTES: usize = 256;

/// The size of an ELF header of 64 bits (System V ABI, "ELF Header").
const ELF_HEADER_BYTES: u64 = 64;

/// What a file is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Content {
    /// An ELF program for linux/amd64, and the loader that it needs if it is linked dynamically.
    Program { loader: Option<String> },
    /// An ELF program for another processor: `arm64`.
    ForeignProgram { architecture: String },
    /// A script, and the interpreter of its first line. `windows`: that line ends with a carriage return.
    Script { interpreter: String, windows: bool },
    /// Anything that no kernel executes.
    Unusable(Unusable),
}

/// What a file is that no kernel executes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unusable {
    /// It has no bytes.
    Empty,
    /// A script whose first line is not `#!`.
    NoInterpreterLine,
    /// A script with a byte order mark before its `#!`.
    ByteOrderMark,
    /// A text in UTF-16.
    Utf16,
    /// A script whose `#!` names nothing.
    NoInterpreterName,
    /// An ELF program that is shorter than its headers say.
    CutOff,
    /// An ELF file that is not a program: an object file, a core dump.
    NotExecutableElf,
    /// A program for macOS.
    MacOs,
    /// A program for Windows.
    Windows,
    /// A Java class, or an archive such as a JAR file.
    Java,
    /// A compressed file or an archive.
    Archive,
    /// A WebAssembly module.
    WebAssembly,
    /// Something else that is not text.
    Binary,
}

impl Content {
    /// What a file is that starts with these bytes and has this size.
    pub(super) fn of(head: &[u8], size_bytes: u64) -> Self {
        if head.starts_with(b"\x7fELF") {
            return elf(head, size_bytes);
        }
        if let Some(line) = head.strip_prefix(b"#!") {
            return script(line);
        }
        Self::Unusable(match head {
            [] => Unusable::Empty,
            [0xef, 0xbb, 0xbf, ..] => Unusable::ByteOrderMark,
            [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Unusable::Utf16,
            // Mach-O, 32 and 64 bits, both byte orders. `CAFEBABE` is a universal binary, or a Java class: what follows is the
            // number of architectures, or the version, which is 45 or more.
            [0xfe, 0xed, 0xfa, 0xce | 0xcf, ..]
            | [0xce | 0xcf, 0xfa, 0xed, 0xfe, ..]
            | [0xca, 0xfe, 0xba, 0xbe, 0, 0, 0, 0..=44, ..] => Unusable::MacOs,
            [0xca, 0xfe, 0xba, 0xbe, ..] | [b'P', b'K', 3, 4, ..] => Unusable::Java,
            [b'M', b'Z', ..] => Unusable::Windows,
            [0x1f, 0x8b, ..]
            | [0x28, 0xb5, 0x2f, 0xfd, ..]
            | [b'B', b'Z', b'h', ..]
            | [0xfd, b'7', b'z', b'X', b'Z', ..] => Unusable::Archive,
            [0, b'a', b's', b'm', ..] => Unusable::WebAssembly,
            text if is_text(text) => Unusable::NoInterpreterLine,
            _ => Unusable::Binary,
        })
    }
}

impl Unusable {
    /// What the file is, behind `/program is …`.
    pub(super) fn what(self) -> &'static str {
        match self {
            Self::Empty => "an empty file",
            Self::NoInterpreterLine => "a script without a first line `#!`",
            Self::ByteOrderMark => "a script with a byte order mark before its `#!`",
            Self::Utf16 => "a text in UTF-16",
            Self::NoInterpreterName => "a script whose first line `#!` names no interpreter",
            Self::CutOff => "a program that is cut off: the file is shorter than its ELF headers say",
            Self::NotExecutableElf => "an ELF file that is not a program",
            Self::MacOs => "a program for macOS",
            Self::Windows => "a program for Windows",
            Self::Java => "a Java archive or class",
            Self::Archive => "a compressed file",
            Self::WebAssembly => "a WebAssembly module",
            Self::Binary => "neither a program nor a script",
        }
    }

    /// What the user can do about it.
    pub(super) fn hint(self) -> &'static str {
        match self {
            Self::NoInterpreterLine | Self::NoInterpreterName => {
                "make #! and an interpreter its first line (#!/bin/sh), or start it with one: ENTRYPOINT [\"/bin/sh\", \"FILE\"]"
            }
            Self::ByteOrderMark | Self::Utf16 => "save the script as UTF-8 without a byte order mark",
            Self::Empty | Self::CutOff => {
                "build the image again, and check that the step that writes the file succeeds"
            }
            Self::MacOs | Self::Windows => {
                "build the program for Linux (GOOS=linux, a Linux target), or inside the image's own build"
            }
            Self::Java => "start it with Java: ENTRYPOINT [\"java\", \"-jar\", \"FILE\"]",
            Self::NotExecutableElf | Self::Archive | Self::WebAssembly | Self::Binary => {
                "correct the start command, or the image's ENTRYPOINT and CMD: they name a file that is not a program"
            }
        }
    }
}

/// Text has no control characters but white space and escapes.
fn is_text(head: &[u8]) -> bool {
    head.iter().take(SCRIPT_LINE_BYTES).all(|byte| *byte >= b' ' || b"\t\n\r\x0c\x1b".contains(byte))
}

/// The interpreter of a script's first line, whose `#!` is left out.
fn script(line: &[u8]) -> Content {
    let line = line.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = String::from_utf8_lossy(&line[..line.len().min(SCRIPT_LINE_BYTES)]);
    let words = line.trim_matches([' ', '\t']);
    let interpreter = words.split([' ', '\t']).next().unwrap_or_default();
    if interpreter.trim_end_matches('\r').is_empty() {
        return Content::Unusable(Unusable::NoInterpreterName);
    }
    Content::Script { interpreter: interpreter.trim_end_matches('\r').to_owned(), windows: words.ends_with('\r') }
}

/// Reads numbers of an ELF file in its own byte order.
struct Elf<'a> {
    bytes: &'a [u8],
    is_little: bool,
}

impl Elf<'_> {
    fn number(&self, at: usize, size: usize) -> Option<u64> {
        let bytes = self.bytes.get(at..at.checked_add(size)?)?;
        let add = |number: u64, byte: &u8| (number << 8) | u64::from(*byte);
        Some(if self.is_little { bytes.iter().rev().fold(0, add) } else { bytes.iter().fold(0, add) })
    }

    fn place(&self, at: usize, size: usize) -> Option<usize> {
        self.number(at, size).and_then(|number| usize::try_from(number).ok())
    }

    /// The table of segments: where it is, the size of an entry, and the number of entries (`e_phoff`, `e_phentsize`, `e_phnum`).
    fn table(&self) -> Option<(usize, usize, usize)> {
        Some((self.place(32, 8)?, self.place(54, 2)?, self.place(56, 2)?))
    }

    /// The segments of this kind: where each is in the file, and its size there (`p_offset`, `p_filesz`).
    fn segments(&self, kind: u64) -> Vec<(usize, usize)> {
        let Some((table, entry_size, count)) = self.table() else { return Vec::new() };
        let segment = |index: usize| {
            let entry = table.checked_add(index.checked_mul(entry_size)?)?;
            let place = (self.place(entry.checked_add(8)?, 8)?, self.place(entry.checked_add(32)?, 8)?);
            (self.number(entry, 4)? == kind).then_some(place)
        };
        (0..count).filter_map(segment).collect()
    }

    /// Whether the file is shorter than the header, its table of segments or what is loaded of it.
    fn is_cut_off(&self, size_bytes: u64) -> bool {
        const PT_LOAD: u64 = 1;
        let Some((table, entry_size, count)) = self.table() else { return true };
        let table = entry_size.checked_mul(count).map(|size| (table, size));
        let is_beyond = |part: Option<(usize, usize)>| {
            let end = part.and_then(|(at, size)| at.checked_add(size));
            end.and_then(|end| u64::try_from(end).ok()).is_none_or(|end| end > size_bytes)
        };
        size_bytes < ELF_HEADER_BYTES || is_beyond(table) || self.segments(PT_LOAD).into_iter().map(Some).any(is_beyond)
    }

    /// The path in the segment `PT_INTERP`, if there is one within the bytes.
    fn loader(&self) -> Option<String> {
        const PT_INTERP: u64 = 3;
        let (offset, size) = self.segments(PT_INTERP).into_iter().next()?;
        let text = self.bytes.get(offset..offset.checked_add(size)?)?;
        let text = text.split(|byte| *byte == 0).next()?;
        Some(String::from_utf8_lossy(text).into_owned())
    }
}

fn elf(head: &[u8], size_bytes: u64) -> Content {
    const EM_X86_64: u64 = 62;
    const EXECUTABLE: [u64; 2] = [2, 3];
    let (is_64, is_little) = (head.get(4) == Some(&2), head.get(5) == Some(&1));
    let elf = Elf { bytes: head, is_little };
    let (Some(kind), Some(machine)) = (elf.number(16, 2), elf.number(18, 2)) else {
        return Content::Unusable(Unusable::CutOff);
    };
    if machine != EM_X86_64 || !is_64 || !is_little {
        return Content::ForeignProgram { architecture: architecture(machine, is_little) };
    }
    if elf.is_cut_off(size_bytes) {
        return Content::Unusable(Unusable::CutOff);
    }
    if !EXECUTABLE.contains(&kind) {
        return Content::Unusable(Unusable::NotExecutableElf);
    }
    Content::Program { loader: elf.loader() }
}

/// The processor of an ELF file (`e_machine`), as images name it.
fn architecture(machine: u64, is_little: bool) -> String {
    match (machine, is_little) {
        (3 | 6, _) => "386 (32 bit x86)",
        (62, _) => "x32 (amd64 with 32 bit pointers)",
        (8, _) => "mips",
        (20, _) => "ppc",
        (21, true) => "ppc64le",
        (21, false) => "ppc64",
        (22, _) => "s390x",
        (40, _) => "arm (32 bit)",
        (183, _) => "arm64",
        (243, _) => "riscv64",
        (258, _) => "loong64",
        _ => return format!("an unknown processor (ELF machine {machine})"),
    }
    .to_owned()
}

#[cfg(test)]
mod tests {
    use super::{Content, Unusable};

    /// The head of a program of this class (1: 32 bits, 2: 64) and byte order (1: little end first), kind and processor.
    fn elf(class: u8, order: u8, kind: u8, machine: u8) -> Vec<u8> {
        let mut head = b"\x7fELF".to_vec();
        head.extend([class, order, 1]);
        head.resize(16, 0);
        let two = |number: u8| if order == 1 { [number, 0] } else { [0, number] };
        head.extend([two(kind), two(machine)].concat());
        head.resize(64, 0);
        head
    }

    /// A program for linux/amd64 with this loader.
    fn dynamic(loader: &str) -> Vec<u8> {
        let mut head = elf(2, 1, 3, 62);
        (head[32], head[54], head[56]) = (64, 56, 1);
        let mut segment = vec![0_u8; 56];
        (segment[0], segment[8], segment[32]) = (3, 120, u8::try_from(loader.len() + 1).unwrap());
        [head, segment, loader.as_bytes().to_vec(), vec![0; 40]].concat()
    }

    #[test]
    fn programs_are_known_by_their_processor_and_loader() {
        let foreign = |architecture: &str| Content::ForeignProgram { architecture: architecture.to_owned() };
        let table = [
            (
                dynamic("/lib64/ld-linux-x86-64.so.2"),
                Content::Program { loader: Some("/lib64/ld-linux-x86-64.so.2".into()) },
            ),
            (elf(2, 1, 2, 62), Content::Program { loader: None }),
            (elf(2, 1, 2, 183), foreign("arm64")),
            (elf(1, 1, 2, 40), foreign("arm (32 bit)")),
            (elf(1, 1, 2, 3), foreign("386 (32 bit x86)")),
            (elf(1, 1, 2, 62), foreign("x32 (amd64 with 32 bit pointers)")),
            (elf(2, 1, 2, 243), foreign("riscv64")),
            (elf(2, 1, 2, 21), foreign("ppc64le")),
            (elf(2, 2, 2, 22), foreign("s390x")),
            (elf(2, 1, 2, 99), foreign("an unknown processor (ELF machine 99)")),
            // Enough of a header to know the processor by.
            (elf(2, 1, 2, 183)[..20].to_vec(), foreign("arm64")),
            (elf(2, 1, 2, 62)[..40].to_vec(), Content::Unusable(Unusable::CutOff)),
            (b"\x7fELF".to_vec(), Content::Unusable(Unusable::CutOff)),
            (dynamic("/lib/ld")[..100].to_vec(), Content::Unusable(Unusable::CutOff)),
            (elf(2, 1, 1, 62), Content::Unusable(Unusable::NotExecutableElf)),
        ];
        for (head, expected) in table {
            assert_eq!(Content::of(&head, head.len() as u64), expected, "{}", head.escape_ascii());
        }
    }

    #[test]
    fn program_that_lacks_its_end_is_cut_off() {
        let mut head = dynamic("/lib/ld");
        // The segment is one to load.
        head[64] = 1;
        assert_eq!(Content::of(&head, 128), Content::Program { loader: None });
        assert_eq!(Content::of(&head, 127), Content::Unusable(Unusable::CutOff));
    }

    #[test]
    fn tables_that_point_anywhere_do_not_panic() {
        let mut head = dynamic("/lib/ld");
        for at in [32, 54, 56, 72, 96] {
            let mut broken = head.clone();
            broken[at..at + 8_usize.min(head.len() - at)].fill(0xff);
            let _any = Content::of(&broken, u64::MAX);
        }
        head[64..].fill(0xff);
        let _any = Content::of(&head, u64::MAX);
    }

    #[test]
    fn scripts_are_known_by_their_interpreter() {
        let script = |interpreter: &str, windows| Content::Script { interpreter: interpreter.to_owned(), windows };
        let table: [(&[u8], Content); 9] = [
            (b"#!/bin/sh\necho", script("/bin/sh", false)),
            (b"#! /bin/bash -e\n", script("/bin/bash", false)),
            (b"#!/bin/sh", script("/bin/sh", false)),
            (b"#!/bin/sh\r\necho\r\n", script("/bin/sh", true)),
            (b"#!/usr/bin/env bash\r\n", script("/usr/bin/env", true)),
            (b"#!sh\n", script("sh", false)),
            (b"#!\n/bin/sh\n", Content::Unusable(Unusable::NoInterpreterName)),
            (b"#! \r\n", Content::Unusable(Unusable::NoInterpreterName)),
            (b"#!", Content::Unusable(Unusable::NoInterpreterName)),
        ];
        for (head, expected) in table {
            assert_eq!(Content::of(head, head.len() as u64), expected, "{}", head.escape_ascii());
        }
    }

    #[test]
    fn unusable_files_are_named_for_what_they_are() {
        let table: [(&[u8], Unusable); 16] = [
            (b"", Unusable::Empty),
            (b"echo hello\n", Unusable::NoInterpreterLine),
            (b"\n#!/bin/sh\n", Unusable::NoInterpreterLine),
            (b"caf\xc3\xa9", Unusable::NoInterpreterLine),
            (b"\xef\xbb\xbf#!/bin/sh\n", Unusable::ByteOrderMark),
            (b"\xff\xfe#\0!\0", Unusable::Utf16),
            (b"\xcf\xfa\xed\xfe\x07\0\0\x01", Unusable::MacOs),
            (b"\xca\xfe\xba\xbe\0\0\0\x02", Unusable::MacOs),
            (b"\xca\xfe\xba\xbe\0\0\0\x41", Unusable::Java),
            (b"PK\x03\x04", Unusable::Java),
            (b"MZ\x90\0", Unusable::Windows),
            (b"\x1f\x8b\x08", Unusable::Archive),
            (b"\x28\xb5\x2f\xfd", Unusable::Archive),
            (b"\0asm\x01", Unusable::WebAssembly),
            (b"\0\0\0", Unusable::Binary),
            (b"abc\0def", Unusable::Binary),
        ];
        for (head, expected) in table {
            assert_eq!(Content::of(head, head.len() as u64), Content::Unusable(expected), "{}", head.escape_ascii());
            assert!(!expected.what().is_empty() && !expected.hint().is_empty());
        }
    }
}
