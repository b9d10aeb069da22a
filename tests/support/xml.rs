//! A reader of XML, as strict as the pictures need: elements, attributes in double quotes, the five entities; no declarations, comments or CDATA.

use std::collections::BTreeMap;

/// An element with what it holds.
#[derive(Debug, Default)]
pub struct Element {
    pub name: String,
    pub attributes: BTreeMap<String, String>,
    pub children: Vec<Element>,
    /// Its own text.
    pub text: String,
}

impl Element {
    /// Every element of this name, in order.
    pub fn all<'e>(&'e self, name: &str) -> Vec<&'e Element> {
        let mut found: Vec<&Element> = Vec::new();
        for child in &self.children {
            if child.name == name {
                found.push(child);
            }
            found.extend(child.all(name));
        }
        found
    }

    pub fn has_class(&self, class: &str) -> bool {
        self.attributes.get("class").is_some_and(|classes| classes.split(' ').any(|c| c == class))
    }

    pub fn number(&self, attribute: &str) -> f64 {
        self.attributes[attribute].parse().unwrap()
    }
}

/// Reads one element, with nothing before or after it.
pub fn parse(text: &str) -> Result<Element, String> {
    let mut rest = text;
    let element = element(&mut rest)?;
    if rest.trim().is_empty() { Ok(element) } else { Err(format!("something stands after the end: {rest:.40}")) }
}

fn element(rest: &mut &str) -> Result<Element, String> {
    let wrong = |what: &str, at: &str| format!("{what} at `{}`", at.chars().take(60).collect::<String>());
    let tag = rest.strip_prefix('<').ok_or_else(|| wrong("no element", rest))?;
    let end = tag.find('>').ok_or_else(|| wrong("a tag without end", rest))?;
    let (inside, closed) = match tag[..end].strip_suffix('/') {
        Some(inside) => (inside, true),
        None => (&tag[..end], false),
    };
    *rest = &tag[end + 1..];
    let mut found = Element::default();
    let (name, mut attributes) = inside.split_once([' ', '\n']).unwrap_or((inside, ""));
    if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric()) {
        return Err(wrong("not a name", inside));
    }
    found.name = name.to_owned();
    while !attributes.trim_start().is_empty() {
        let (key, value) =
            attributes.trim_start().split_once("=\"").ok_or_else(|| wrong("not an attribute", attributes))?;
        let (value, after) = value.split_once('"').ok_or_else(|| wrong("a value without end", attributes))?;
        if found.attributes.insert(key.to_owned(), plain(value)?).is_some() {
            return Err(wrong("an attribute twice", inside));
        }
        attributes = after;
    }
    if closed {
        return Ok(found);
    }
    loop {
        let next = rest.find('<').ok_or_else(|| wrong("an element without end", inside))?;
        found.text.push_str(&plain(&rest[..next])?);
        *rest = &rest[next..];
        if let Some(after) = rest.strip_prefix("</") {
            let end = after.find('>').ok_or_else(|| wrong("a tag without end", rest))?;
            if after[..end] != found.name {
                return Err(wrong(&format!("`{}` is closed", found.name), rest));
            }
            *rest = &after[end + 1..];
            return Ok(found);
        }
        let child = element(rest)?;
        found.children.push(child);
    }
}

/// Without entities.
fn plain(text: &str) -> Result<String, String> {
    let allowed = |c: char| c >= ' ' || c == '\n' || c == '\t';
    if text.contains('<') || !text.chars().all(allowed) {
        return Err(format!("not allowed in XML: {text:?}"));
    }
    for part in text.split('&').skip(1) {
        if !["amp;", "lt;", "gt;", "quot;", "apos;"].iter().any(|entity| part.starts_with(entity)) {
            return Err(format!("a bare `&` in {text:?}"));
        }
    }
    let plain = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&apos;", "'");
    Ok(plain.replace("&amp;", "&"))
}
