//! Operators on values: CEL's overloads, checked.

use super::error::{ErrorKind, Fault};
use super::instant::Instant;
use super::time::checked_nanos;
use super::value::Value;

/// Arithmetic operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arithmetic {
    Add,
    Sub,
    Mul,
    Div,
    Rem,
}

impl Arithmetic {
    pub(super) fn sign(self) -> &'static str {
        match self {
            Arithmetic::Add => "+",
            Arithmetic::Sub => "-",
            Arithmetic::Mul => "*",
            Arithmetic::Div => "/",
            Arithmetic::Rem => "%",
        }
    }
}

/// Order comparisons.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    Lt,
    Le,
    Gt,
    Ge,
}

impl Comparison {
    pub(super) fn sign(self) -> &'static str {
        match self {
            Comparison::Lt => "<",
            Comparison::Le => "<=",
            Comparison::Gt => ">",
            Comparison::Ge => ">=",
        }
    }

    /// Numbers among each other, and else values of one ordered type. NaN cannot be compared.
    pub(super) fn apply(self, a: &Value, b: &Value) -> Result<bool, Fault> {
        let ordered = match (a, b) {
            (Value::Bool(_), Value::Bool(_))
            | (Value::String(_), Value::String(_))
            | (Value::Duration(_), Value::Duration(_))
            | (Value::Timestamp(_), Value::Timestamp(_)) => true,
            _ => is_number(a) && is_number(b),
        };
        if !ordered {
            return Err(Fault::NoOverload);
        }
        // As cel-go.
        let order = a.partial_cmp(b).ok_or_else(|| ErrorKind::Refused("NaN has no order".to_owned()))?;
        Ok(match self {
            Comparison::Lt => order.is_lt(),
            Comparison::Le => order.is_le(),
            Comparison::Gt => order.is_gt(),
            Comparison::Ge => order.is_ge(),
        })
    }
}

fn is_number(value: &Value) -> bool {
    matches!(value, Value::Int(_) | Value::Uint(_) | Value::Double(_))
}

/// `a OP b`. Integers overflow with an error; doubles follow IEEE 754.
pub(super) fn arithmetic(op: Arithmetic, a: &Value, b: &Value) -> Result<Value, Fault> {
    match (a, b) {
        (Value::Int(a), Value::Int(b)) => int(op, *a, *b),
        (Value::Uint(a), Value::Uint(b)) => uint(op, *a, *b),
        (Value::Double(a), Value::Double(b)) => double(op, *a, *b),
        (Value::String(a), Value::String(b)) if op == Arithmetic::Add => Ok(Value::string([a.as_ref(), b].concat())),
        (Value::List(a), Value::List(b)) if op == Arithmetic::Add => {
            Ok(Value::List(a.iter().chain(b.iter()).cloned().collect()))
        }
        _ => time(op, a, b),
    }
}

fn int(op: Arithmetic, a: i64, b: i64) -> Result<Value, Fault> {
    let result = match op {
        Arithmetic::Add => a.checked_add(b),
        Arithmetic::Sub => a.checked_sub(b),
        Arithmetic::Mul => a.checked_mul(b),
        Arithmetic::Div if b == 0 => return Err(ErrorKind::DivideByZero.into()),
        Arithmetic::Div => a.checked_div(b),
        Arithmetic::Rem if b == 0 => return Err(ErrorKind::RemainderByZero.into()),
        Arithmetic::Rem => a.checked_rem(b),
    };
    result.map(Value::Int).ok_or(ErrorKind::Overflow("int").into())
}

fn uint(op: Arithmetic, a: u64, b: u64) -> Result<Value, Fault> {
    let result = match op {
        Arithmetic::Add => a.checked_add(b),
        Arithmetic::Sub => a.checked_sub(b),
        Arithmetic::Mul => a.checked_mul(b),
        Arithmetic::Div if b == 0 => return Err(ErrorKind::DivideByZero.into()),
        Arithmetic::Div => a.checked_div(b),
        Arithmetic::Rem if b == 0 => return Err(ErrorKind::RemainderByZero.into()),
        Arithmetic::Rem => a.checked_rem(b),
    };
    result.map(Value::Uint).ok_or(ErrorKind::Overflow("uint").into())
}

fn double(op: Arithmetic, a: f64, b: f64) -> Result<Value, Fault> {
    Ok(Value::Double(match op {
        Arithmetic::Add => a + b,
        Arithmetic::Sub => a - b,
        Arithmetic::Mul => a * b,
        Arithmetic::Div => a / b,
        Arithmetic::Rem => return Err(Fault::NoOverload),
    }))
}

fn time(op: Arithmetic, a: &Value, b: &Value) -> Result<Value, Fault> {
    let duration =
        |nanos: i128| checked_nanos(nanos).map(Value::Duration).ok_or(Fault::Kind(ErrorKind::Overflow("duration")));
    let timestamp = |nanos: i128| {
        Instant::of_nanos(nanos).map(Value::Timestamp).ok_or(Fault::Kind(ErrorKind::Overflow("timestamp")))
    };
    match (op, a, b) {
        (Arithmetic::Add, Value::Duration(a), Value::Duration(b)) => duration(a.as_nanos() + b.as_nanos()),
        (Arithmetic::Sub, Value::Duration(a), Value::Duration(b)) => duration(a.as_nanos() - b.as_nanos()),
        (Arithmetic::Add, Value::Timestamp(t), Value::Duration(d))
        | (Arithmetic::Add, Value::Duration(d), Value::Timestamp(t)) => timestamp(t.nanos() + d.as_nanos()),
        (Arithmetic::Sub, Value::Timestamp(t), Value::Duration(d)) => timestamp(t.nanos() - d.as_nanos()),
        (Arithmetic::Sub, Value::Timestamp(a), Value::Timestamp(b)) => duration(a.nanos() - b.nanos()),
        _ => Err(Fault::NoOverload),
    }
}

/// `-a`
pub(super) fn negate(value: &Value) -> Result<Value, Fault> {
    match value {
        Value::Int(i) => i.checked_neg().map(Value::Int).ok_or(ErrorKind::Overflow("int").into()),
        Value::Double(d) => Ok(Value::Double(-d)),
        _ => Err(Fault::NoOverload),
    }
}
