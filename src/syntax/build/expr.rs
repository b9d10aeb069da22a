//! Expressions: the grammar gives one flat list of operands and operators; precedence is CEL's.

use super::literal::unquoted;
use super::{Build, Kids};
use crate::diagnostic::{Code, Span, Spanned};
use crate::syntax::grammar::{Pair, Rule};
use crate::syntax::limits;
use crate::syntax::tree::{BinaryOp, Expr, ExprNode, MacroOp};

/// An expression and the levels of its tree, which are limited so that nothing that walks it can run out of stack.
struct Deep {
    expr: Expr,
    depth: usize,
}

impl Build<'_> {
    /// `expr`
    pub(in crate::syntax) fn expr(&mut self, pair: Pair<'_>) -> Expr {
        self.cut = false;
        self.deep(pair).expr
    }

    fn deep(&mut self, pair: Pair<'_>) -> Deep {
        let span = self.span(&pair);
        let mut kids = Kids::of(pair);
        let first = self.binary(&mut kids, 1, span);
        // `a ? b : c ? d : e` is `a ? b : (c ? d : e)`: questions and their yeses in order, then the last no.
        let mut questions = Vec::new();
        let mut last = first;
        while kids.has(Rule::question) {
            let yes = self.binary(&mut kids, 1, span);
            kids.has(Rule::colon);
            questions.push((last, yes));
            last = self.binary(&mut kids, 1, span);
        }
        while let Some((question, yes)) = questions.pop() {
            let span = question.expr.span.to(last.expr.span);
            let depth = question.depth.max(yes.depth).max(last.depth);
            let node = ExprNode::Conditional(Box::new(question.expr), Box::new(yes.expr), Box::new(last.expr));
            last = self.level(span, depth, node);
        }
        last
    }

    /// One more level of the tree; past the limit an error, and a leaf in its place.
    fn level(&mut self, span: Span, below: usize, node: ExprNode) -> Deep {
        let depth = below + 1;
        if depth > limits::DEPTH_MAX {
            // Said once, however often what is left grows past the limit again.
            if std::mem::replace(&mut self.cut, true) {
                return Deep { expr: Expr { node: ExprNode::Null, span }, depth: 1 };
            }
            self.error(
                Code::LIMIT,
                span,
                format!("an expression has more than {} levels", limits::DEPTH_MAX),
                "split it: several conditions joined by `and`, or a `let` in the kind",
            );
            return Deep { expr: Expr { node: ExprNode::Null, span }, depth: 1 };
        }
        Deep { expr: Expr { node, span }, depth }
    }

    fn binary(&mut self, kids: &mut Kids<'_>, min: u8, whole: Span) -> Deep {
        let mut left = self.operand(kids, whole);
        while let Some((op, precedence)) =
            kids.peek().filter(|p| p.as_rule() == Rule::binary_op).map(|p| operator(p.as_str()))
        {
            if precedence < min {
                break;
            }
            kids.next();
            let right = self.binary(kids, precedence + 1, whole);
            let span = left.expr.span.to(right.expr.span);
            let depth = left.depth.max(right.depth);
            left = self.level(span, depth, ExprNode::Binary(op, Box::new(left.expr), Box::new(right.expr)));
        }
        left
    }

    fn operand(&mut self, kids: &mut Kids<'_>, whole: Span) -> Deep {
        let mut prefixes = Vec::new();
        while let Some(prefix) = kids.accept(Rule::prefix_op) {
            prefixes.push((prefix.as_str() == "-", self.span(&prefix)));
        }
        let Some(primary) = kids.next() else { return leaf(ExprNode::Null, whole) };
        let negative = primary.as_rule() == Rule::number
            && prefixes.last().is_some_and(|(minus, _)| *minus)
            && !matches!(kids.next_rule(), Some(Rule::field | Rule::opt_field | Rule::index | Rule::opt_index));
        let mut deep = if negative {
            let span = prefixes.pop().map_or(whole, |(_, span)| span).to(self.span(&primary));
            leaf(self.number(primary.as_str(), true, span), span)
        } else {
            self.primary(primary)
        };
        while let Some(Rule::field | Rule::opt_field | Rule::index | Rule::opt_index) = kids.next_rule() {
            let Some(postfix) = kids.next() else { break };
            deep = self.postfix(deep, postfix);
        }
        while let Some((minus, at)) = prefixes.pop() {
            let span = at.to(deep.expr.span);
            let inner = Box::new(deep.expr);
            deep = self.level(span, deep.depth, if minus { ExprNode::Neg(inner) } else { ExprNode::Not(inner) });
        }
        deep
    }

    fn primary(&mut self, pair: Pair<'_>) -> Deep {
        let span = self.span(&pair);
        let text = pair.as_str();
        match pair.as_rule() {
            Rule::number => leaf(self.number(text, false, span), span),
            Rule::literal => leaf(
                match text {
                    "true" => ExprNode::Bool(true),
                    "false" => ExprNode::Bool(false),
                    _ => ExprNode::Null,
                },
                span,
            ),
            Rule::cel_string => {
                let start = pair.as_span().start() + 1;
                let string = match text.strip_prefix(['r', 'R']) {
                    Some(raw) => unquoted(raw).to_owned(),
                    None => self.unescape(unquoted(text), start, false),
                };
                leaf(ExprNode::String(string), span)
            }
            Rule::paren => match Kids::of(pair).next() {
                Some(inner) => {
                    let mut deep = self.deep(inner);
                    deep.expr.span = span;
                    deep
                }
                None => leaf(ExprNode::Null, span),
            },
            Rule::list => {
                let (items, depth) = self.exprs(Kids::of(pair));
                self.level(span, depth, ExprNode::List(items))
            }
            Rule::map => self.map(pair, span),
            _ => self.variable(pair, span),
        }
    }

    fn map(&mut self, pair: Pair<'_>, span: Span) -> Deep {
        let mut entries = Vec::new();
        let mut depth = 0;
        for entry in Kids::of(pair) {
            let mut kids = Kids::of(entry);
            if let (Some(key), Some(value)) = (kids.next(), kids.next()) {
                let (key, value) = (self.deep(key), self.deep(value));
                depth = depth.max(key.depth).max(value.depth);
                entries.push((key.expr, value.expr));
            }
        }
        self.level(span, depth, ExprNode::Map(entries))
    }

    fn exprs(&mut self, kids: Kids<'_>) -> (Vec<Expr>, usize) {
        let mut depth = 0;
        let mut out = Vec::new();
        for kid in kids {
            let deep = self.deep(kid);
            depth = depth.max(deep.depth);
            out.push(deep.expr);
        }
        (out, depth)
    }

    /// A variable, `has(…)` or a call.
    fn variable(&mut self, pair: Pair<'_>, span: Span) -> Deep {
        let mut kids = Kids::of(pair);
        let Some(name) = kids.next() else { return leaf(ExprNode::Null, span) };
        let name = self.word(&name);
        let Some(arguments) = kids.next() else { return leaf(ExprNode::Ident(name.node), span) };
        let (mut arguments, depth) = self.exprs(Kids::of(arguments));
        if name.node != "has" {
            return self.level(span, depth, ExprNode::Call(name, arguments));
        }
        match (arguments.pop(), arguments.pop()) {
            (Some(field), None) if matches!(field.node, ExprNode::Select(..)) => {
                self.level(span, depth, ExprNode::Has(Box::new(field)))
            }
            _ => {
                self.error(
                    Code::EXPRESSION_FUNCTION,
                    span,
                    "`has` asks whether one field is there",
                    "write `has(job.status.phase)`; of a key in a map, ask `\"key\" in job.metadata.labels`; where a parent can be absent, `job.?status.?phase.hasValue()`",
                );
                leaf(ExprNode::Bool(false), span)
            }
        }
    }

    fn postfix(&mut self, on: Deep, pair: Pair<'_>) -> Deep {
        let span = on.expr.span.to(self.span(&pair));
        let rule = pair.as_rule();
        let mut kids = Kids::of(pair);
        let Some(first) = kids.next() else { return on };
        let receiver = Box::new(on.expr);
        match rule {
            Rule::index | Rule::opt_index => {
                let key = self.deep(first);
                let depth = on.depth.max(key.depth);
                let key = Box::new(key.expr);
                let node = if rule == Rule::index {
                    ExprNode::Index(receiver, key)
                } else {
                    ExprNode::OptIndex(receiver, key)
                };
                self.level(span, depth, node)
            }
            Rule::opt_field => {
                let name = self.word(&first);
                self.level(span, on.depth, ExprNode::OptSelect(receiver, name))
            }
            _ => {
                let name = self.word(&first);
                let Some(arguments) = kids.next() else {
                    return self.level(span, on.depth, ExprNode::Select(receiver, name));
                };
                let (arguments, depth) = self.exprs(Kids::of(arguments));
                let node = self.method(receiver, name, arguments, span);
                self.level(span, on.depth.max(depth), node)
            }
        }
    }

    fn method(&mut self, receiver: Box<Expr>, name: Spanned<String>, arguments: Vec<Expr>, span: Span) -> ExprNode {
        let op = match name.node.as_str() {
            "all" => MacroOp::All,
            "exists" => MacroOp::Exists,
            "exists_one" => MacroOp::ExistsOne,
            "filter" => MacroOp::Filter,
            "map" => MacroOp::Map,
            _ => return ExprNode::Method(receiver, name, arguments),
        };
        let fits = arguments.len() == 2 || (op == MacroOp::Map && arguments.len() == 3);
        let mut arguments = arguments.into_iter();
        match arguments.next() {
            Some(Expr { node: ExprNode::Ident(variable), span }) if fits => {
                ExprNode::Macro(op, receiver, vec![Spanned { node: variable, span }], arguments.collect())
            }
            _ => {
                let word = name.node.as_str();
                self.error(
                    Code::EXPRESSION_FUNCTION,
                    name.span.to(span),
                    format!("`{word}` takes a name for each member and an expression about it"),
                    format!("write `LIST.{word}(x, x.status == \"Success\")`"),
                );
                // Of the type that it would have, so that it brings about no other error.
                if matches!(op, MacroOp::Filter | MacroOp::Map) {
                    ExprNode::List(Vec::new())
                } else {
                    ExprNode::Bool(false)
                }
            }
        }
    }

    fn number(&mut self, text: &str, negative: bool, span: Span) -> ExprNode {
        let sign = if negative { "-" } else { "" };
        let (digits, unsigned) = match text.strip_suffix('u') {
            Some(digits) => (digits, true),
            None => (text, false),
        };
        let node = if let Some(hex) = digits.strip_prefix("0x") {
            if unsigned {
                u64::from_str_radix(hex, 16).ok().map(ExprNode::Uint)
            } else {
                i64::from_str_radix(&format!("{sign}{hex}"), 16).ok().map(ExprNode::Int)
            }
        } else if digits.contains(['.', 'e', 'E']) {
            let value = format!("{sign}{digits}").parse::<f64>().ok();
            value.filter(|v| v.is_finite() && !unsigned).map(ExprNode::Double)
        } else if unsigned {
            digits.parse().ok().map(ExprNode::Uint)
        } else {
            format!("{sign}{digits}").parse().ok().map(ExprNode::Int)
        };
        // `-5u` has no value; the minus of anything else was read with the digits.
        let node = node.filter(|n| !(negative && matches!(n, ExprNode::Uint(_))));
        node.unwrap_or_else(|| {
            self.error(
                Code::EXPRESSION_LITERAL,
                span,
                format!("`{sign}{text}` is not a number that expressions can hold"),
                "integers have 64 bits, `5u` is unsigned, fractions are written `1.5`",
            );
            ExprNode::Int(0)
        })
    }
}

fn leaf(node: ExprNode, span: Span) -> Deep {
    Deep { expr: Expr { node, span }, depth: 1 }
}

/// The operator and how strongly it binds.
fn operator(text: &str) -> (BinaryOp, u8) {
    match text {
        "||" => (BinaryOp::Or, 1),
        "&&" => (BinaryOp::And, 2),
        "==" => (BinaryOp::Eq, 3),
        "!=" => (BinaryOp::Ne, 3),
        "<" => (BinaryOp::Lt, 3),
        "<=" => (BinaryOp::Le, 3),
        ">" => (BinaryOp::Gt, 3),
        ">=" => (BinaryOp::Ge, 3),
        "+" => (BinaryOp::Add, 4),
        "-" => (BinaryOp::Sub, 4),
        "*" => (BinaryOp::Mul, 5),
        "/" => (BinaryOp::Div, 5),
        "%" => (BinaryOp::Rem, 5),
        _ => (BinaryOp::In, 3),
    }
}
