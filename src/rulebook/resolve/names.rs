//! Names as Kubernetes checks them. Sources: `k8s.io/apimachinery/pkg/util/validation`, `pkg/api/validation`.

/// Longest object name, in bytes.
const SUBDOMAIN_BYTES_MAX: usize = 253;
/// Longest namespace name, label value or name part of a key, in bytes.
const LABEL_BYTES_MAX: usize = 63;
/// Longest rule name, in bytes: it stands in labels of metrics and in Events.
const RULE_NAME_BYTES_MAX: usize = 100;
/// Longest rulebook id, in bytes: `fired.<id>` is the name part of an annotation key.
const ID_BYTES_MAX: usize = LABEL_BYTES_MAX - "fired.".len();

/// What is wrong with an object's name; `None` if Kubernetes takes it.
#[must_use]
pub fn object_name(name: &str) -> Option<String> {
    if name.len() > SUBDOMAIN_BYTES_MAX {
        return Some(format!("it has {} bytes, at most {SUBDOMAIN_BYTES_MAX} are allowed", name.len()));
    }
    let fine = !name.is_empty() && name.split('.').all(is_dns_part);
    (!fine).then(|| {
        "lower-case letters, digits, `-` and `.` are allowed, and it begins and ends with a letter or digit".into()
    })
}

/// What is wrong with a namespace's name.
#[must_use]
pub fn namespace(name: &str) -> Option<String> {
    if name.len() > LABEL_BYTES_MAX {
        return Some(format!("it has {} bytes, at most {LABEL_BYTES_MAX} are allowed", name.len()));
    }
    (!is_dns_part(name))
        .then(|| "lower-case letters, digits and `-` are allowed, and it begins and ends with a letter or digit".into())
}

/// What is wrong with the key of a label or annotation: `[prefix/]name`.
pub(super) fn key(key: &str) -> Option<String> {
    let (prefix, name) = match key.split_once('/') {
        Some((prefix, name)) => (Some(prefix), name),
        None => (None, key),
    };
    if let Some(wrong) = prefix.and_then(object_name) {
        return Some(format!("the part before `/` is not a domain: {wrong}"));
    }
    if name.is_empty() || !is_word(name) {
        let rule = "letters, digits, `-`, `_` and `.`, at most 63, the first and last a letter or digit";
        return Some(format!("the name is {rule}, after an optional `domain/`"));
    }
    None
}

/// What is wrong with a label's value.
pub(super) fn label_value(value: &str) -> Option<String> {
    (!value.is_empty() && !is_word(value)).then(|| {
        "letters, digits, `-`, `_` and `.` are allowed, at most 63, and it begins and ends with a letter or digit"
            .into()
    })
}

/// What is wrong with a rule's or model's name.
pub(super) fn rule_name(name: &str) -> Option<String> {
    if name.len() > RULE_NAME_BYTES_MAX {
        return Some(format!("it has {} bytes, at most {RULE_NAME_BYTES_MAX} are allowed", name.len()));
    }
    let fine = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
    (!fine).then(|| "letters, digits, `-`, `_` and `.` are allowed".into())
}

/// What is wrong with a rulebook's id: it is part of the names of leases, state objects and record annotations.
#[must_use]
pub fn rulebook_id(id: &str) -> Option<String> {
    if id.len() > ID_BYTES_MAX {
        return Some(format!("it has {} bytes, at most {ID_BYTES_MAX} are allowed", id.len()));
    }
    (!is_dns_part(id))
        .then(|| "lower-case letters, digits and `-` are allowed, and it begins and ends with a letter or digit".into())
}

fn is_dns_part(part: &str) -> bool {
    let edge = |b: Option<u8>| b.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    edge(part.bytes().next())
        && edge(part.bytes().next_back())
        && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && part.len() <= SUBDOMAIN_BYTES_MAX
}

fn is_word(word: &str) -> bool {
    let edge = |b: Option<u8>| b.is_some_and(|b| b.is_ascii_alphanumeric());
    word.len() <= LABEL_BYTES_MAX
        && edge(word.bytes().next())
        && edge(word.bytes().next_back())
        && word.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let long = "a".repeat(64);
        type Check = fn(&str) -> Option<String>;
        let cases: &[(Check, &str, bool)] = &[
            (object_name, "train-fraud", true),
            (object_name, "train.fraud.v2", true),
            (object_name, "Train", false),
            (object_name, "-a", false),
            (object_name, "a..b", false),
            (object_name, "", false),
            (object_name, &long, true),
            (namespace, "team-a", true),
            (namespace, "team.a", false),
            (namespace, &long, false),
            (key, "tier", true),
            (key, "example.org/tier-3", true),
            (key, "example.org/", false),
            (key, "/tier", false),
            (key, "a/b/c", false),
            (key, "Exa_mple", true),
            (label_value, "", true),
            (label_value, "training", true),
            (label_value, "a b", false),
            (label_value, &long, false),
            (rule_name, "reload-predictive", true),
            (rule_name, "two words", false),
            (rulebook_id, "default", true),
            (rulebook_id, &long, false),
            (rulebook_id, "Default", false),
        ];
        for (check, name, fine) in cases {
            assert_eq!(check(name).is_none(), *fine, "{name}: {:?}", check(name));
        }
    }
}
