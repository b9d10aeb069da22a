//! A cluster in memory.
//!
//! In: the requests of a `kube::Client`, and simulators that play the rest of a cluster. Out: what a real API server would
//! answer. It knows kube's types; it may not know what rules mean.

pub mod apiserver;
