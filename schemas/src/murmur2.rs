//! Murmur2 as Kafka's Java clients use it to place keys, and as ClickHouse's `kafkaMurmurHash` computes it, without the highest bit.

/// The hash with all its 32 bits; `kafkaMurmurHash` gives the lower 31.
#[must_use]
pub fn hash(key: &[u8]) -> u32 {
    const SEED: u32 = 0x9747_b28c;
    const M: u32 = 0x5bd1_e995;
    // Kafka's hash takes the length as a 32-bit number.
    #[expect(clippy::cast_possible_truncation, reason = "a key is far below 4 GiB")]
    let mut hash = SEED ^ key.len() as u32;
    let mut words = key.chunks_exact(4);
    for word in words.by_ref() {
        let mut k = u32::from_le_bytes([word[0], word[1], word[2], word[3]]);
        k = k.wrapping_mul(M);
        k ^= k >> 24;
        k = k.wrapping_mul(M);
        hash = hash.wrapping_mul(M) ^ k;
    }
    let rest = words.remainder();
    if !rest.is_empty() {
        for (position, byte) in rest.iter().enumerate() {
            hash ^= u32::from(*byte) << (8 * position);
        }
        hash = hash.wrapping_mul(M);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(M);
    hash ^ hash >> 15
}

/// The partition where Kafka's Java clients put `key` in a topic of `partition_count` partitions.
#[must_use]
pub fn partition(key: &[u8], partition_count: u32) -> u32 {
    (hash(key) & 0x7fff_ffff) % partition_count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hash_is_that_of_the_java_client() {
        // From the Java client's own test, UtilsTest.testMurmur2.
        for (key, expected) in [
            ("21", -973_932_308),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
            ("abc", 479_470_107),
        ] {
            assert_eq!(hash(key.as_bytes()).cast_signed(), expected, "{key}");
        }
    }
}
