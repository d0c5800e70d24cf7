//! Hashes of ours: blake3, for shards and for keys that are derived from content.

/// Returns the first 32 hex digits of the blake3 hash of `parts`, each preceded by its length, so that
/// no two lists of parts run together.
pub fn digest(parts: &[&[u8]]) -> String {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    hasher.finalize().to_hex()[..32].to_owned()
}

/// Returns the blake3 hash of an id's bytes, whose first ten bits choose the shard.
pub(super) fn of_id(id: &str) -> [u8; 32] {
    *blake3::hash(id.as_bytes()).as_bytes()
}
