//! What generation knows while it goes: names in use, blocks under construction, helpers, what was found wrong.

use std::collections::{BTreeMap, BTreeSet};

use super::code::{L, S, is_identifier};
use super::helpers;
use super::value::{Out, Ty, Val};
use crate::diagnostic::{Code, Diagnostic, Span};
use crate::syntax::tree::Expr;

/// Beside the helpers: what Lua and Argo CD define, and what every script defines.
const TAKEN: &[&str] = &[
    "obj",
    "type",
    "pairs",
    "ipairs",
    "next",
    "tostring",
    "tonumber",
    "table",
    "string",
    "math",
    "os",
    "select",
    "unpack",
    "error",
    "pcall",
    "actionParams",
    "_G",
    "condition",
];

/// More local variables than this in one function Lua's compilers may refuse (they stop at 200 registers).
const LOCALS_MAX: usize = 120;

/// A `let` of the kind.
pub(super) struct Let<'t> {
    pub name: &'t str,
    pub expr: &'t Expr,
    /// Of a bool: when it is true, when it is false.
    pub truth: [Option<L>; 2],
    pub value: Option<Out>,
}

/// A variable of a macro.
#[derive(Clone)]
pub(super) struct Var {
    pub name: String,
    pub lua: String,
    pub ty: Ty,
}

/// What a macro does with its variable, which is an element of a list or a key of a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Element {
    /// Whatever.
    Anything,
    /// It is only asked for its fields.
    Fields,
    /// And what is no map is an error, so that a map's keys need not be tried: the helper hands in a table.
    Object,
}

impl Element {
    /// The helper for it among the two of a macro.
    pub(super) fn helper(self, of_objects: &'static str, of_anything: &'static str) -> &'static str {
        if self == Element::Object { of_objects } else { of_anything }
    }
}

pub(super) struct Cx<'t> {
    pub lets: Vec<Let<'t>>,
    /// Bindings from here on are not visible: a `let` sees those before it.
    pub lets_seen: usize,
    pub vars: Vec<Var>,
    /// The `let` that is being made: where its expression stands, and its name, until that is taken.
    pub naming: Option<(Span, String)>,
    /// The statements of the functions around the current expression, outermost first. What they compute raises no error, so it does
    /// not matter that it is computed before it is known to be needed.
    pub blocks: Vec<Vec<S>>,
    /// Values that have a local variable already, for each block.
    made: Vec<Vec<(L, Vec<L>, L)>>,
    /// What came of expressions that need statements, for each block.
    outs: Vec<Vec<(Span, Out)>>,
    /// Variables that hold tables: by value, for those of the script itself.
    tables: BTreeMap<String, String>,
    table_names: BTreeSet<String>,
    /// Variables of the script itself, outside of all macros.
    root_names: BTreeSet<String>,
    names: BTreeSet<String>,
    /// Functions that need open libraries, with the place of one use.
    pub open_libs: BTreeMap<&'static str, Span>,
    pub diagnostics: Vec<Diagnostic>,
}

impl<'t> Cx<'t> {
    pub(super) fn new(lets: impl IntoIterator<Item = (&'t str, &'t Expr)>) -> Cx<'t> {
        let lets: Vec<Let<'t>> =
            lets.into_iter().map(|(name, expr)| Let { name, expr, truth: [None, None], value: None }).collect();
        let names = TAKEN.iter().copied().chain(helpers::all().map(|helper| helper.name));
        let mut names: BTreeSet<String> = names.map(str::to_owned).collect();
        // The names that the author chose are kept for what they name.
        names.extend(lets.iter().map(|l| l.name.to_owned()));
        Cx {
            lets_seen: lets.len(),
            lets,
            vars: Vec::new(),
            naming: None,
            blocks: vec![Vec::new()],
            made: vec![Vec::new()],
            outs: vec![Vec::new()],
            tables: BTreeMap::new(),
            table_names: BTreeSet::from(["obj".to_owned()]),
            root_names: BTreeSet::new(),
            names,
            open_libs: BTreeMap::new(),
            diagnostics: Vec::new(),
        }
    }

    /// Says that Lua cannot do it.
    pub(super) fn refuse<T>(&mut self, span: Span, message: impl Into<String>, help: &str) -> Option<T> {
        let diagnostic =
            Diagnostic::error(Code::NOT_IN_LUA, span, message).label("in health, Argo CD's Lua must say it too");
        self.diagnostics.push(if help.is_empty() { diagnostic } else { diagnostic.help(help) });
        None
    }

    /// A call of a helper, which the script will then bring along.
    pub(super) fn helper(&self, name: &'static str, args: Vec<L>) -> L {
        L::call(name, args)
    }

    /// A name like the hint that nothing else has.
    pub(super) fn fresh(&mut self, hint: &str) -> String {
        let clean: String = hint.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
        let base = if is_identifier(&clean) && clean != "_" { clean } else { format!("v_{clean}") };
        let numbered = (2..).map(|n| format!("{base}_{n}"));
        let name = std::iter::once(base.clone()).chain(numbered).find(|name| !self.names.contains(name));
        let name = name.unwrap_or(base);
        self.names.insert(name.clone());
        name
    }

    /// The name of a `let`, which is its own, if Lua allows it.
    pub(super) fn let_name(&mut self, name: &str) -> String {
        let taken = TAKEN.contains(&name) || helpers::all().any(|h| h.name == name) || !is_identifier(name);
        let again = self.blocks.iter().flatten().any(|s| matches!(s, S::Local(other, _) if other == name));
        if taken || again { self.fresh(name) } else { name.to_owned() }
    }

    pub(super) fn push(&mut self, statement: S) {
        if let (1, S::Local(name, _)) = (self.blocks.len(), &statement) {
            self.root_names.insert(name.clone());
        }
        if let Some(block) = self.blocks.last_mut() {
            block.push(statement);
        }
    }

    /// Runs `make` as if it stood in the script itself, outside of all macros.
    pub(super) fn at_root<T>(&mut self, make: impl FnOnce(&mut Self) -> T) -> T {
        let blocks = self.blocks.split_off(1);
        let cached = (self.made.split_off(1), self.outs.split_off(1));
        let vars = std::mem::take(&mut self.vars);
        let result = make(self);
        self.blocks.truncate(1);
        self.blocks.extend(blocks);
        self.made.truncate(1);
        self.made.extend(cached.0);
        self.outs.truncate(1);
        self.outs.extend(cached.1);
        self.vars = vars;
        result
    }

    /// Runs `make` in a block of its own and gives what it left there.
    pub(super) fn in_block<T>(&mut self, make: impl FnOnce(&mut Self) -> T) -> (T, Vec<S>) {
        self.blocks.push(Vec::new());
        self.made.push(Vec::new());
        self.outs.push(Vec::new());
        let result = make(self);
        self.made.pop();
        self.outs.pop();
        (result, self.blocks.pop().unwrap_or_default())
    }

    /// A function of one variable: what `make` returns, in a block of its own.
    pub(super) fn function(
        &mut self,
        var: &str,
        of: Element,
        make: impl FnOnce(&mut Self) -> Option<Vec<S>>,
    ) -> Option<L> {
        let lua = self.fresh(var);
        self.vars.push(Var { name: var.to_owned(), lua: lua.clone(), ty: Ty::Dyn });
        let (made, mut body) = self.in_block(|cx| {
            if of == Element::Fields {
                let table = cx.helper("fields", vec![L::name(&lua)]);
                cx.push(S::Set(L::name(&lua), table));
            }
            if of != Element::Anything {
                cx.table_names.insert(lua.clone());
            }
            make(cx)
        });
        self.vars.pop();
        self.table_names.remove(&lua);
        self.names.remove(&lua);
        body.extend(made?);
        Some(L::Func(vec![lua], super::inline::single_uses(body)))
    }

    /// A value that may be evaluated anywhere; if this one may not, through a local variable.
    pub(super) fn total(&mut self, value: Val) -> Val {
        if value.total {
            return value;
        }
        let name = self.local(&value.hint.clone(), None);
        self.push(S::If(vec![(value.guarded(), vec![S::Set(name.clone(), value.lua)])], None));
        Val { lua: name.clone(), guard: vec![name.present()], total: true, ..value }
    }

    /// A value that may be evaluated anywhere and is cheap to write twice.
    pub(super) fn named(&mut self, value: Val) -> Val {
        let value = self.total(value);
        if value.lua.is_simple() {
            return value;
        }
        if let Some(known) = self.known(&value.lua, &[]) {
            return Val { guard: renamed(&value, &known), lua: known, ..value };
        }
        let name = self.local(&value.hint.clone(), Some(value.lua.clone()));
        self.remember(value.lua.clone(), Vec::new(), name.clone());
        Val { guard: renamed(&value, &name), lua: name, ..value }
    }

    /// What `make` makes of an expression, or what came of it before in a block that is seen from here.
    pub(super) fn once(&mut self, span: Span, make: impl FnOnce(&mut Self) -> Option<Out>) -> Option<Out> {
        if let Some((_, known)) = self.outs.iter().flatten().find(|(s, _)| *s == span) {
            return Some(known.clone());
        }
        let made = make(self)?;
        if let Some(outs) = self.outs.last_mut() {
            outs.push((span, made.clone()));
        }
        Some(made)
    }

    /// A new local variable in the current block.
    pub(super) fn local(&mut self, hint: &str, value: Option<L>) -> L {
        let name = self.fresh(hint);
        self.push(S::Local(name.clone(), value));
        L::name(name)
    }

    /// The variable that holds a value already.
    pub(super) fn known(&self, value: &L, extra: &[L]) -> Option<L> {
        self.made.iter().flatten().find(|(v, e, _)| v == value && e == extra).map(|(_, _, name)| name.clone())
    }

    pub(super) fn remember(&mut self, value: L, extra: Vec<L>, name: L) {
        if let Some(made) = self.made.last_mut() {
            made.push((value, extra, name));
        }
    }

    /// What can be asked for fields: the value itself where it is a table, and else one without fields.
    pub(super) fn table(&mut self, base: &L, hint: &str) -> L {
        if let L::Name(name) = base
            && self.table_names.contains(name)
        {
            return base.clone();
        }
        if !self.is_rooted(base) {
            return self.inner_table(base, hint);
        }
        let key = super::print::expr(base, 0);
        if let Some(name) = self.tables.get(&key) {
            return L::name(name);
        }
        let name = match base {
            L::Dot(of, key) if self.names.contains(hint) => {
                let of = if let L::Name(of) = of.as_ref() { of.as_str() } else { "" };
                self.fresh(&format!("{of}_{key}"))
            }
            _ => self.fresh(hint),
        };
        let table = self.helper("fields", vec![base.clone()]);
        self.at_root(|cx| cx.push(S::Local(name.clone(), Some(table))));
        self.tables.insert(key, name.clone());
        self.table_names.insert(name.clone());
        L::Name(name)
    }

    /// In a macro: of a field of its variable, a variable too (which is inlined again if it is used once).
    fn inner_table(&mut self, base: &L, hint: &str) -> L {
        let of_table = match base {
            L::Dot(of, _) => matches!(of.as_ref(), L::Name(name) if self.table_names.contains(name)),
            other => matches!(other, L::Name(_)),
        };
        let table = self.helper("fields", vec![base.clone()]);
        if !of_table || self.blocks.len() == 1 {
            return table;
        }
        if let Some(name) = self.known(&table, &[]) {
            return name;
        }
        let name = self.local(hint, Some(table.clone()));
        if let L::Name(text) = &name {
            self.table_names.insert(text.clone());
        }
        self.remember(table, Vec::new(), name.clone());
        name
    }

    /// A field of the object, or a field of such a table.
    fn is_rooted(&self, base: &L) -> bool {
        let table = |of: &L| matches!(of, L::Name(name) if name == "obj" || self.tables.values().any(|t| t == name));
        match base {
            L::Dot(of, _) => table(of),
            L::At(of, key) => table(of) && key.is_literal(),
            L::Name(name) => self.root_names.contains(name),
            _ => false,
        }
    }

    /// Whether the script has more variables than Lua takes.
    pub(super) fn too_many_locals(&self) -> bool {
        self.blocks.iter().any(|block| block.iter().filter(|s| matches!(s, S::Local(..))).count() > LOCALS_MAX)
    }
}

fn renamed(value: &Val, name: &L) -> Vec<L> {
    if value.guard.is_empty() { Vec::new() } else { vec![name.clone().present()] }
}
