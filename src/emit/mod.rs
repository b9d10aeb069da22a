//! Emission: a rulebook as text for other systems.
//!
//! In: a resolved [`Rulebook`](crate::rulebook::Rulebook). Out: Lua and an `argocd-cm` for Argo CD, roles for Kubernetes; the same
//! bytes for the same rules.
//! May not know: clusters, time, files (facts, engine, manifests, cluster, rehearse, cli).

pub mod lua;
