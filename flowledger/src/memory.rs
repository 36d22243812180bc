//! What the C library keeps of memory that was given back to it.

use std::env;

/// Arenas of an exporter: one for those who read, one for those who pack.
const ARENAS_MAX: libc::c_int = 2;

/// Few arenas, from which memory is taken, for a program whose threads take turns with large buffers: what one thread has given back stays in
/// the arena that it came from, and there would be eight a core. `MALLOC_ARENA_MAX` in the environment wins. To be called before there
/// are threads.
pub(crate) fn few_arenas() {
    if env::var_os("MALLOC_ARENA_MAX").is_some() {
        return;
    }
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    #[expect(unsafe_code, reason = "the standard library has no word for it")]
    // SAFETY: it sets a number, and nobody allocates on another thread yet.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, ARENAS_MAX);
    }
}
