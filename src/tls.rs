//! The crypto provider of rustls. Without one, awc compiles and then panics at run time, even for
//! `http://`.

/// Installs ring for the process; call it before anything else. Calling it again changes nothing.
pub fn install_provider() {
    // An error says that there is one already, which is all we want.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
