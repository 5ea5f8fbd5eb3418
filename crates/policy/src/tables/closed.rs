//! What the closed profile lets every command read: what programs need to run, and nothing of anybody's own.

/// A path that is readable in the closed profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Needed {
    /// The path. One that is missing is skipped.
    pub path: &'static str,
    /// What needs it.
    pub why: &'static str,
}

const fn needed(path: &'static str, why: &'static str) -> Needed {
    Needed { path, why }
}

/// The paths.
pub const NEEDED: &[Needed] = &[
    needed("/usr", "programs and libraries"),
    needed("/bin", "programs"),
    needed("/sbin", "programs"),
    needed("/lib", "libraries"),
    needed("/lib32", "libraries"),
    needed("/lib64", "libraries"),
    needed("/libx32", "libraries"),
    needed("/nix/store", "programs and libraries of Nix"),
    needed("/gnu/store", "programs and libraries of Guix"),
    needed("/etc/ld.so.cache", "where libraries are found"),
    needed("/etc/ld.so.conf", "where libraries are found"),
    needed("/etc/ld.so.conf.d", "where libraries are found"),
    needed("/etc/alternatives", "which of several programs a name means"),
    needed("/etc/ssl/certs", "certificates to trust"),
    needed("/etc/ssl/cert.pem", "certificates to trust"),
    needed("/etc/ssl/openssl.cnf", "settings of OpenSSL"),
    needed("/etc/pki/tls/certs", "certificates to trust"),
    needed("/etc/pki/tls/cert.pem", "certificates to trust"),
    needed("/etc/pki/tls/openssl.cnf", "settings of OpenSSL"),
    needed("/etc/pki/ca-trust/extracted", "certificates to trust"),
    needed("/etc/crypto-policies", "which ciphers are used"),
    needed("/etc/ca-certificates", "certificates to trust"),
    needed("/etc/ca-certificates.conf", "certificates to trust"),
    needed("/etc/passwd", "names of users"),
    needed("/etc/group", "names of groups"),
    needed("/etc/nsswitch.conf", "where names are looked up"),
    needed("/etc/hosts", "names of machines"),
    needed("/etc/host.conf", "how names of machines are looked up"),
    needed("/etc/resolv.conf", "how names of machines are looked up"),
    needed("/etc/gai.conf", "how names of machines are looked up"),
    needed("/etc/protocols", "names of protocols"),
    needed("/etc/services", "names of ports"),
    needed("/etc/localtime", "time zone"),
    needed("/etc/timezone", "time zone"),
    needed("/etc/os-release", "which system this is"),
    needed("/etc/lsb-release", "which system this is"),
    needed("/etc/debian_version", "which system this is"),
    needed("/etc/locale.alias", "language"),
    needed("/etc/locale.conf", "language"),
    needed("/etc/terminfo", "what terminals can do"),
    needed("/etc/inputrc", "how lines are edited"),
    needed("/etc/mime.types", "kinds of files"),
    needed("/etc/magic", "kinds of files"),
    needed("/etc/fonts", "fonts"),
    needed("/etc/java-8-openjdk", "settings of Java"),
    needed("/etc/java-11-openjdk", "settings of Java"),
    needed("/etc/java-17-openjdk", "settings of Java"),
    needed("/etc/java-21-openjdk", "settings of Java"),
    needed("/etc/java-25-openjdk", "settings of Java"),
    needed("/sys/devices/system/cpu", "how many processors there are"),
    needed("/sys/devices/system/node", "how memory is divided"),
    needed("/sys/kernel/mm/transparent_hugepage", "how memory is managed"),
];
