//! The TLS provider of the process.

/// Makes ring the provider of all TLS in this process. Called again it does nothing. Clients call it before they are built.
pub fn install() {
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        tracing::trace!("a TLS provider is installed already");
    }
}
