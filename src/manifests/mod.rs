//! Manifests: YAML and JSON streams to objects, and what Argo CD reads from them.
//!
//! In: files, folders, standard input. Out: [`Document`]s (an object and its place, to the line of each annotation), a [`Platform`] (which Application
//! an object belongs to, its phases, its wave), findings; texts with annotations ([`edit`]) or other values ([`overlay`]) set and all else as it was. A document that cannot be read is a finding and costs no other document.
//! May not know: rules (rulebook, graph, engine, emit, cluster, rehearse, cli).

mod application;
mod argocd;
mod argocd_cm;
mod beside;
mod document;
mod edit;
mod files;
mod home;
pub mod overlay;
mod platform;
mod scope;
mod shape;
mod wait_hook;
mod yaml;

pub use application::{Application, Automated, IgnoreDifference};
pub use argocd::{DeletePolicy, HookRead, Phase, SYNC_WAVE, WaveRead, delete_policies, read_hook, read_wave};
pub use argocd_cm::{KeyProblem, argocd_cr_problems, argocd_key_problems};
pub use document::{Document, Manifests, read_text};
pub use edit::{DocumentEdit, EditError, Edited, WriteError, edit, write};
pub use files::{ReadError, holds_nothing, read, read_bounded, walk};
pub use home::usual_namespace;
pub use platform::{App, Defaults, Object, Platform};
pub use shape::{is_cipher, is_encrypted};
pub use wait_hook::WaitCommand;
pub use yaml::{YAML_ALIAS_BYTES_MAX, YAML_DEPTH_MAX, YamlError, locate, parse as parse_yaml};

/// A manifest file above this is not read.
pub const MANIFEST_BYTES_MAX: u64 = 256 << 20;

/// More documents than this are not read.
pub const DOCUMENTS_MAX: usize = 500_000;
