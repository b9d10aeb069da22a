//! What a TLS server on 127.0.0.1 and an issuer of service account tokens need, as files.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};
use sha2::{Digest, Sha256};

/// PEM files in one folder.
pub struct Certificates {
    /// The authority that signed `server`. A server that shows this very certificate would be refused by rustls.
    pub authority: PathBuf,
    /// The server's certificate and key.
    pub server: PathBuf,
    pub server_key: PathBuf,
    /// The key pair that signs service account tokens.
    pub accounts_key: PathBuf,
    pub accounts_public_key: PathBuf,
    /// An administrator's token, and the file that makes the API server accept it.
    pub admin_token: String,
    pub tokens: PathBuf,
}

impl Certificates {
    /// Writes them into `folder`, which it creates.
    pub fn create(folder: &Path) -> Result<Self, Box<dyn Error>> {
        fs::create_dir_all(folder)?;
        let write = |name: &str, text: &str| -> std::io::Result<PathBuf> {
            let path = folder.join(name);
            fs::write(&path, text)?;
            Ok(path)
        };

        let mut params = CertificateParams::new(Vec::new())?;
        params.distinguished_name.push(DnType::CommonName, "test authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;

        let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned(), "localhost".to_owned()])?;
        params.distinguished_name.push(DnType::CommonName, "kube-apiserver");
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let server_key = KeyPair::generate()?;
        let server = params.signed_by(&server_key, &authority)?;

        let accounts = KeyPair::generate()?;
        // As hard to guess as the key that it is made of.
        let digest = Sha256::digest(accounts.serialize_der());
        let admin_token: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Self {
            authority: write("authority.pem", &authority.pem())?,
            server: write("server.pem", &server.pem())?,
            server_key: write("server-key.pem", &server_key.serialize_pem())?,
            accounts_key: write("accounts-key.pem", &accounts.serialize_pem())?,
            accounts_public_key: write("accounts.pem", &accounts.public_key_pem())?,
            tokens: write("tokens.csv", &format!("{admin_token},admin,admin,system:masters\n"))?,
            admin_token,
        })
    }
}
