//! Puts a digest of the Rust sources into the binary, so that a stale one is seen (tests/unit/native).

use std::path::{Path, PathBuf};
use std::{env, fs, io};

use sha2::{Digest, Sha256};

fn main() -> io::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut sources = Vec::new();
    for start in ["Cargo.toml", "Cargo.lock", "crates", "binding"] {
        println!("cargo::rerun-if-changed=../{start}");
        collect(&root.join(start), &mut sources)?;
    }
    sources.sort();
    println!(
        "cargo::rustc-env=MIHE_SOURCE_DIGEST={}",
        digest(&root, &sources)?
    );
    Ok(())
}

fn collect(path: &Path, sources: &mut Vec<PathBuf>) -> io::Result<()> {
    if path.is_dir() {
        for entry in fs::read_dir(path)? {
            collect(&entry?.path(), sources)?;
        }
    } else if is_source(path) {
        sources.push(path.to_owned());
    }
    Ok(())
}

fn is_source(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "rs")
        || path.file_stem().is_some_and(|stem| stem == "Cargo")
}

/// Hex SHA-256 over each file's SHA-256 and path, as `sha256sum` prints them, sorted by path.
fn digest(root: &Path, sources: &[PathBuf]) -> io::Result<String> {
    let mut whole = Sha256::new();
    for source in sources {
        let name = source
            .strip_prefix(root)
            .unwrap_or(source)
            .to_string_lossy()
            .replace('\\', "/");
        whole.update(format!(
            "{}  {name}\n",
            hex(&Sha256::digest(fs::read(source)?))
        ));
    }
    Ok(hex(&whole.finalize()))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
