//! Shared by the test binaries: a real kube-apiserver and etcd (and, on request, Kubernetes' controllers and Argo CD) as child
//! processes on 127.0.0.1.
//!
//! In: programs from `KUBEBUILDER_ASSETS` or from the cache folder that `tests/tools/build.sh` fills; resource definitions from
//! `TIDEGATE_CORPUS`. Out: clients, namespaces, accounts and kubeconfigs of that cluster. It may not know tidegate's own code: what
//! is tested comes to it as a client, a file or a command line, and acts under the account and the role that it is shipped with
//! (`deployed.rs`), never as an administrator.
//!
//! A binary that needs a cluster says which, once, and each test asks for it by its own name:
//!
//! ```ignore
//! mod support;
//! static CLUSTER: support::Shared = support::Shared::new(support::Parts { crds: &["notebookvalidationjobs"], ..support::Parts::NONE });
//!
//! #[tokio::test]
//! async fn a_test() {
//!     let Some(cluster) = CLUSTER.get("a_test") else { return };
//!     let client = cluster.admin().await;
//!     let namespace = cluster.namespace(&client, "a-test").await;
//! }
//! ```
#![allow(dead_code, reason = "each test binary uses its own part of this")]

pub mod argocd;
pub mod certificates;
pub mod cluster;
pub mod deployed;
pub mod hooks;
pub mod objects;
pub mod proxy;
pub mod scratch;
pub mod skip;
pub mod tools;

#[allow(unused_imports, reason = "each test binary uses its own part of this")]
pub use cluster::{Cluster, Parts, Shared};
#[allow(unused_imports, reason = "each test binary uses its own part of this")]
pub use deployed::{Deployed, Install};
