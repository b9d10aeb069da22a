//! tidegate: rules for Argo CD waves.
