//! The sizes App Runner runs containers in (App Runner developer guide, "Supported vCPU and memory").

/// CPU in units (1024 is one vCPU), and the memory in MiB that goes with it.
const PAIRS: [(u32, &[u32]); 5] = [
    (256, &[512, 1024]),
    (512, &[1024]),
    (1024, &[2048, 3072, 4096]),
    (2048, &[4096, 6144]),
    (4096, &[8192, 10240, 12288]),
];

/// Reads a number of vCPUs (`.25`, `0.5`, `1 vCPU`) or of units (`1024`).
pub(super) fn cpu_units(text: &str) -> Option<u32> {
    let units = times_1024(text.trim_end_matches("vCPU").trim())?;
    PAIRS.iter().map(|(cpu, _)| *cpu).find(|cpu| units == *cpu || units == cpu * 1024)
}

/// Reads a number of GB (`0.5`, `2`, `2 GB`) or of MiB (`2048`).
pub(super) fn memory_mib(text: &str) -> Option<u32> {
    let mib = times_1024(text.trim_end_matches("GB").trim())?;
    let mut known = PAIRS.iter().flat_map(|(_, memories)| memories.iter().copied());
    known.find(|memory| mib == *memory || mib == memory * 1024)
}

/// The memory sizes that go with a CPU size, if the pair is not one of App Runner's.
pub(super) fn mismatch(cpu_units: u32, memory_mib: u32) -> Option<String> {
    let (_, memories) = PAIRS.iter().find(|(cpu, _)| *cpu == cpu_units)?;
    if memories.contains(&memory_mib) {
        return None;
    }
    let words: Vec<String> = memories.iter().map(|mib| in_whole(*mib)).collect();
    Some(words.join(", "))
}

/// Units or MiB as people write them: in vCPUs or GB.
pub(super) fn in_whole(of_1024: u32) -> String {
    match of_1024 {
        256 => "0.25".to_owned(),
        512 => "0.5".to_owned(),
        whole => (whole / 1024).to_string(),
    }
}

/// A decimal number times 1024, exactly: quarters are all that occur.
fn times_1024(text: &str) -> Option<u32> {
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    let whole: u32 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let part = match part.trim_end_matches('0') {
        "" => 0,
        "25" => 256,
        "5" => 512,
        _ => return None,
    };
    whole.checked_mul(1024)?.checked_add(part)
}

#[cfg(test)]
mod tests {
    use super::{cpu_units, memory_mib, mismatch};

    #[test]
    fn sizes_are_read_in_both_units() {
        let cpus = [
            (".25", Some(256)),
            ("0.25", Some(256)),
            ("0.50", Some(512)),
            ("1", Some(1024)),
            ("1.0", Some(1024)),
            ("1 vCPU", Some(1024)),
            ("256", Some(256)),
            ("4096", Some(4096)),
            ("4", Some(4096)),
            ("3", None),
            ("0", None),
            ("", None),
            ("-1", None),
            ("1024.5", None),
            ("one", None),
            ("4294967295", None),
        ];
        for (text, expected) in cpus {
            assert_eq!(cpu_units(text), expected, "{text}");
        }
        let memories = [
            ("0.5", Some(512)),
            ("512", Some(512)),
            ("2", Some(2048)),
            ("2 GB", Some(2048)),
            ("2048", Some(2048)),
            ("12", Some(12288)),
            ("12288", Some(12288)),
            ("5", None),
            ("16", None),
            ("2.25", None),
            ("", None),
        ];
        for (text, expected) in memories {
            assert_eq!(memory_mib(text), expected, "{text}");
        }
    }

    #[test]
    fn pairs_are_app_runners() {
        let table = [
            (256, 512, None),
            (256, 2048, Some("0.5, 1")),
            (512, 1024, None),
            (512, 512, Some("1")),
            (1024, 2048, None),
            (2048, 2048, Some("4, 6")),
            (4096, 12288, None),
            (4096, 4096, Some("8, 10, 12")),
        ];
        for (cpu, memory, expected) in table {
            assert_eq!(mismatch(cpu, memory).as_deref(), expected, "{cpu}/{memory}");
        }
    }
}
