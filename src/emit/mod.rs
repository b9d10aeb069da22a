//! Emission: a rulebook as text for other systems, one file a target.
//!
//! In: a resolved [`Rulebook`](crate::rulebook::Rulebook). Out: Lua and an `argocd-cm` or an ArgoCD resource for Argo CD, CEL for Flux, hooks, roles for Kubernetes; the same
//! bytes for the same rules.
//! May not know: clusters, time, files (facts, engine, manifests, cluster, rehearse, cli).

mod admission;
mod argocd_checks;
mod argocd_cm;
mod argocd_cr;
mod argocd_health;
pub mod flux;
mod hooks;
pub mod lua;
mod rbac;
mod used;
mod yaml;

pub use admission::{Options as AdmissionOptions, Tracking, admission};
pub use argocd_checks::has_check;
pub use argocd_cm::{Options as ArgocdCmOptions, argocd_cm};
pub use argocd_cr::{Options as ArgocdCrOptions, argocd_cr};
pub use argocd_health::{ArgocdCheck, ArgocdChecks, argocd_checks};
pub use hooks::{Options as HooksOptions, hooks};
pub use rbac::{Options as RbacOptions, Right, rbac, rights};
pub use used::target;
pub use yaml::scalar as yaml_scalar;
