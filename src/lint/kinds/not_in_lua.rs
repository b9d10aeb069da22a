//! TG204: a kind's health is one text for three machines, so what Argo CD's Lua cannot say is refused here too, not only when the
//! Lua is emitted.

use crate::diagnostic::Diagnostic;
use crate::emit::lua;
use crate::syntax::tree::KindDecl;

pub(super) fn check(kind: &KindDecl, found: &mut Vec<Diagnostic>) {
    if let Err(refused) = lua::script(kind) {
        found.extend(refused);
    }
}
