//! Which field paths a program may read. An over-approximation: what it says is enough, perhaps more than is needed.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::ops::Arithmetic;
use super::program::{Fold, Index, Lets, Node, Op};
use super::value::Value;

/// The most places that one value is followed to.
const ORIGINS_MAX: usize = 256;

/// One step of a path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PathStep {
    /// The member of a map.
    Field(Arc<str>),
    /// Every element of a list, or every entry of a map.
    Each,
}

/// A path that an evaluation may read, from one variable.
///
/// With `whole`, the value there and all under it may be read. Without, only whether something is there, whether it is a scalar, a
/// list or a map, and a scalar itself.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReadPath {
    /// The variable's slot.
    pub slot: usize,
    /// From the variable.
    pub steps: Vec<PathStep>,
    /// All under it, too.
    pub whole: bool,
}

/// `0.status.conditions[].type`; a `?` at the end where only presence is read.
impl std::fmt::Display for ReadPath {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.slot)?;
        for step in &self.steps {
            match step {
                PathStep::Field(name) => write!(f, ".{name}")?,
                PathStep::Each => f.write_str("[]")?,
            }
        }
        f.write_str(if self.whole { "" } else { "?" })
    }
}

/// What one program reads: sorted lists, since there are many programs and they read little.
#[derive(Clone, Debug, Default)]
pub(super) struct Reads {
    /// What evaluating it reads.
    paths: Box<[ReadPath]>,
    /// Where the result itself comes from: paths that are read as far as the result is looked at.
    result: Box<[Origin]>,
}

impl Reads {
    /// All, given that the result is looked at whole; what another path covers is left out.
    pub(super) fn all(&self) -> Vec<ReadPath> {
        let mut paths: BTreeSet<ReadPath> = self.paths.iter().cloned().collect();
        paths.extend(self.result.iter().map(|o| o.read(true)));
        let covers = |other: &ReadPath, p: &ReadPath| {
            let below = other.whole && p.steps.starts_with(&other.steps);
            let above = !p.whole && other.steps.starts_with(&p.steps);
            other.slot == p.slot && other != p && (below || above)
        };
        let covered = |p: &ReadPath| paths.iter().any(|other| covers(other, p));
        paths.iter().filter(|p| !covered(p)).cloned().collect()
    }
}

/// Where a value may come from: it, or what it holds (an optional's value, a filtered list's elements), is what stands there.
type Origins = BTreeSet<Origin>;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Origin {
    slot: usize,
    steps: Vec<PathStep>,
}

impl Origin {
    fn read(&self, whole: bool) -> ReadPath {
        ReadPath { slot: self.slot, steps: self.steps.clone(), whole }
    }
}

/// The reads of a compiled expression.
pub(super) fn of(root: &Node, lets: &Lets) -> Reads {
    let mut reader = Reader { lets, locals: Vec::new(), paths: BTreeSet::new() };
    let result = reader.value(root);
    reader.touch(&result);
    Reads { paths: reader.paths.into_iter().collect(), result: result.into_iter().collect() }
}

struct Reader<'l> {
    lets: &'l Lets,
    locals: Vec<Origins>,
    paths: BTreeSet<ReadPath>,
}

impl Reader<'_> {
    /// Where a node's value comes from. Who calls this must touch or consume what it uses of it.
    fn value(&mut self, node: &Node) -> Origins {
        let origins = self.origins(node);
        if origins.len() <= ORIGINS_MAX {
            return origins;
        }
        // Too many to follow (chains of `let`s with `?:` double them): all of their variables is read, so nothing more is asked.
        let whole = |o: &Origin| ReadPath { slot: o.slot, steps: Vec::new(), whole: true };
        self.paths.extend(origins.iter().map(whole));
        Origins::new()
    }

    fn origins(&mut self, node: &Node) -> Origins {
        match &node.op {
            Op::Const(_) => Origins::new(),
            Op::Var(slot, _) => Origins::from([Origin { slot: *slot, steps: Vec::new() }]),
            Op::Local(at) => self.locals.get(*at).cloned().unwrap_or_default(),
            Op::Let(at) => match self.lets.get(*at) {
                Some(program) => {
                    self.paths.extend(program.reads.paths.iter().cloned());
                    program.reads.result.iter().cloned().collect()
                }
                None => Origins::new(),
            },
            Op::Select(select) => {
                let mut origins = self.value(&select.base);
                for step in &select.steps {
                    origins = extend(&origins, &PathStep::Field(step.name.clone()));
                }
                origins
            }
            Op::Index(index) => self.index(index),
            Op::Has(base, field) => {
                let origins = self.value(base);
                self.touch(&extend(&origins, &PathStep::Field(field.clone())));
                Origins::new()
            }
            Op::Call(function, args) => self.call(function.name, args),
            Op::Fold(fold) => self.fold(fold),
            Op::OptMap(map) => {
                let base = self.value(&map.base);
                self.touch(&base);
                self.locals.truncate(map.local);
                self.locals.push(base);
                let made = self.value(&map.body);
                self.locals.pop();
                made
            }
            Op::HasValue(base) => {
                let origins = self.value(base);
                self.touch(&origins);
                Origins::new()
            }
            Op::OrValue(pair) | Op::OrOptional(pair) => {
                let [a, b] = pair.as_ref();
                self.either(a, b)
            }
            Op::Conditional(parts) => {
                let [test, yes, no] = parts.as_ref();
                self.consume(test);
                self.either(yes, no)
            }
            Op::Matches(a, _) | Op::Not(a) | Op::Neg(a) => self.consumed([a.as_ref()]),
            Op::Arithmetic(Arithmetic::Add, pair) => self.sum(pair),
            Op::Equal(pair, _) | Op::Compare(_, pair) | Op::Arithmetic(_, pair) | Op::In(pair) => {
                self.consumed(pair.iter())
            }
            Op::And(nodes) | Op::Or(nodes) | Op::List(nodes) => self.consumed(nodes),
            Op::Map(entries) => self.consumed(entries.iter().flat_map(|(k, v)| [k, v])),
        }
    }

    /// Two lists make one that holds the elements of both; all else that can be added is scalar.
    fn sum(&mut self, pair: &[Node; 2]) -> Origins {
        let [a, b] = pair;
        let origins = self.either(a, b);
        self.touch(&extend(&origins, &PathStep::Each));
        origins
    }

    fn either(&mut self, a: &Node, b: &Node) -> Origins {
        let mut origins = self.value(a);
        origins.append(&mut self.value(b));
        origins
    }

    /// A literal index is a field of a map; any other may be any element.
    fn index(&mut self, index: &Index) -> Origins {
        let origins = self.value(&index.base);
        match &index.key.op {
            Op::Const(Value::String(name)) => extend(&origins, &PathStep::Field(name.clone())),
            _ => {
                self.consume(&index.key);
                extend(&origins, &PathStep::Each)
            }
        }
    }

    fn call(&mut self, name: &str, args: &[Node]) -> Origins {
        let ([arg], "size" | "value" | "optional.of" | "optional.ofNonZeroValue") = (args, name) else {
            return self.consumed(args);
        };
        let origins = self.value(arg);
        match name {
            "size" => {
                self.touch(&extend(&origins, &PathStep::Each));
                Origins::new()
            }
            "optional.ofNonZeroValue" => {
                self.touch(&extend(&origins, &PathStep::Each));
                origins
            }
            _ => origins,
        }
    }

    /// The number of elements, and the keys of a map, always matter.
    fn fold(&mut self, fold: &Fold) -> Origins {
        let range = self.value(&fold.range);
        let elements = extend(&range, &PathStep::Each);
        self.touch(&elements);
        self.locals.truncate(fold.local);
        self.locals.push(elements);
        if let Some(test) = &fold.test {
            self.consume(test);
        }
        if let Some(result) = &fold.result {
            self.consume(result);
        }
        self.locals.pop();
        // Of the macros only `filter` gives its elements on.
        if fold.op == crate::syntax::tree::MacroOp::Filter { range } else { Origins::new() }
    }

    fn consumed<'n>(&mut self, nodes: impl IntoIterator<Item = &'n Node>) -> Origins {
        for node in nodes {
            self.consume(node);
        }
        Origins::new()
    }

    fn consume(&mut self, node: &Node) {
        let origins = self.value(node);
        self.paths.extend(origins.iter().map(|o| o.read(true)));
    }

    fn touch(&mut self, origins: &Origins) {
        self.paths.extend(origins.iter().map(|o| o.read(false)));
    }
}

fn extend(origins: &Origins, step: &PathStep) -> Origins {
    let longer = |o: &Origin| {
        let mut steps = o.steps.clone();
        steps.push(step.clone());
        Origin { slot: o.slot, steps }
    };
    origins.iter().map(longer).collect()
}
