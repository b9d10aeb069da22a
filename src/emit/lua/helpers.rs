//! The functions that an emitted script may bring along, each only where it is used. They need nothing but Lua's base functions and
//! `table`, unless they say so.

use std::collections::BTreeSet;

use super::helpers_text::TEXT_HELPERS;

/// One helper: its name, those that it uses, its text.
pub(super) struct Helper {
    pub name: &'static str,
    pub uses: &'static [&'static str],
    pub text: &'static str,
}

/// All, in the order in which they are printed.
pub(super) fn all() -> impl DoubleEndedIterator<Item = &'static Helper> {
    HELPERS.iter().chain(TEXT_HELPERS)
}

/// In the order in which they are printed: each after those that it uses.
const HELPERS: &[Helper] = &[
    Helper {
        name: "fields",
        uses: &[],
        text: r#"-- v, or a table without fields where v is none
local function fields(v)
  return type(v) == "table" and v or {}
end
"#,
    },
    Helper {
        name: "items",
        uses: &[],
        text: r#"-- the elements of a list, or the keys of a map in order; nil of anything else
local function items(v)
  if type(v) ~= "table" then return nil end
  if v[1] ~= nil then return v end
  local keys = {}
  for key in pairs(v) do
    keys[#keys + 1] = key
  end
  table.sort(keys)
  return keys
end
"#,
    },
    Helper {
        name: "exists",
        uses: &["fields"],
        text: r#"-- whether test holds for an element of a list
local function exists(v, test)
  for _, item in ipairs(fields(v)) do
    if test(fields(item)) then return true end
  end
  return false
end
"#,
    },
    Helper {
        name: "all",
        uses: &["fields"],
        text: r#"-- whether v is a list, and test holds for each element
local function all(v, test)
  if type(v) ~= "table" or v[1] == nil and next(v) ~= nil then return false end
  for _, item in ipairs(v) do
    if not test(fields(item)) then return false end
  end
  return true
end
"#,
    },
    Helper {
        name: "exists_one",
        uses: &["fields"],
        text: r#"-- whether test holds for one element of a list alone; nil where that cannot be told
local function exists_one(v, test)
  if type(v) ~= "table" or v[1] == nil and next(v) ~= nil then return nil end
  local count = 0
  for _, item in ipairs(v) do
    local holds = test(fields(item))
    if holds == nil then return nil end
    if holds then count = count + 1 end
  end
  return count == 1
end
"#,
    },
    Helper {
        name: "where",
        uses: &["fields"],
        text: r#"-- the elements of a list whose field a is x, and whose field b is y if there is a b; nil where that cannot be told
local function where(v, a, x, b, y)
  if type(v) ~= "table" or v[1] == nil and next(v) ~= nil then return nil end
  local kept = {}
  for _, item in ipairs(v) do
    item = fields(item)
    local p, q = item[a], item[b]
    if p == x and q == y then
      kept[#kept + 1] = item
    elseif (p == nil or p == x) and (q == nil or q == y) then
      return nil
    end
  end
  return kept
end
"#,
    },
    Helper {
        name: "filter",
        uses: &["fields"],
        text: r#"-- the elements of a list for which test holds; nil where test is, since it cannot be told
local function filter(v, test)
  if type(v) ~= "table" or v[1] == nil and next(v) ~= nil then return nil end
  local kept = {}
  for _, item in ipairs(v) do
    local holds = test(fields(item))
    if holds == nil then return nil end
    if holds then kept[#kept + 1] = item end
  end
  return kept
end
"#,
    },
    Helper {
        name: "map",
        uses: &["fields"],
        text: r#"-- what make gives for each element of a list; nil where it gives nothing for one
local function map(v, make)
  if type(v) ~= "table" or v[1] == nil and next(v) ~= nil then return nil end
  local made = {}
  for i, item in ipairs(v) do
    made[i] = make(fields(item))
    if made[i] == nil then return nil end
  end
  return made
end
"#,
    },
    Helper {
        name: "exists_in",
        uses: &["fields"],
        text: r#"-- whether test holds for an element of a list, or a key of a map
local function exists_in(v, test)
  for key, item in pairs(fields(v)) do
    if type(key) == "string" then item = key end
    if test(item) then return true end
  end
  return false
end
"#,
    },
    Helper {
        name: "all_in",
        uses: &["fields"],
        text: r#"-- whether v is a list or map, and test holds for each element or key
local function all_in(v, test)
  for key, item in pairs(fields(v)) do
    if type(key) == "string" then item = key end
    if not test(item) then return false end
  end
  return type(v) == "table"
end
"#,
    },
    Helper {
        name: "exists_one_in",
        uses: &[],
        text: r#"-- whether test holds for one element or key alone; nil where that cannot be told
local function exists_one_in(v, test)
  if type(v) ~= "table" then return nil end
  local count = 0
  for key, item in pairs(v) do
    if type(key) == "string" then item = key end
    local holds = test(item)
    if holds == nil then return nil end
    if holds then count = count + 1 end
  end
  return count == 1
end
"#,
    },
    Helper {
        name: "filter_in",
        uses: &["items"],
        text: r#"-- the elements or keys for which test holds; nil where test is, since it cannot be told
local function filter_in(v, test)
  local list = items(v)
  if list == nil then return nil end
  local kept = {}
  for _, item in ipairs(list) do
    local holds = test(item)
    if holds == nil then return nil end
    if holds then kept[#kept + 1] = item end
  end
  return kept
end
"#,
    },
    Helper {
        name: "map_in",
        uses: &["items"],
        text: r#"-- what make gives for each element or key; nil where it gives nothing for one
local function map_in(v, make)
  local list = items(v)
  if list == nil then return nil end
  local made = {}
  for i, item in ipairs(list) do
    made[i] = make(item)
    if made[i] == nil then return nil end
  end
  return made
end
"#,
    },
    Helper {
        name: "size",
        uses: &[],
        text: r#"-- how many elements, entries or bytes; nil of anything else
local function size(v)
  if type(v) == "string" then return #v end
  if type(v) ~= "table" then return nil end
  local count = 0
  for _ in pairs(v) do
    count = count + 1
  end
  return count
end
"#,
    },
    Helper {
        name: "at",
        uses: &[],
        text: r#"-- the element of a list (from 0) or map; nil where there is none
local function at(v, key)
  if type(v) ~= "table" or key == nil then return nil end
  if type(key) == "number" then key = key + 1 end
  return v[key]
end
"#,
    },
    Helper {
        name: "equal",
        uses: &[],
        text: r#"-- whether two values are the same, whatever is in them
local function equal(a, b)
  if type(a) ~= "table" or type(b) ~= "table" then return a == b end
  for key, value in pairs(a) do
    if not equal(value, b[key]) then return false end
  end
  for key in pairs(b) do
    if a[key] == nil then return false end
  end
  return true
end
"#,
    },
    Helper {
        name: "contains",
        uses: &["equal"],
        text: r#"-- whether v has the element or key x; nil where that cannot be told
local function contains(v, x)
  if type(v) ~= "table" or x == nil then return nil end
  if v[1] ~= nil then
    for _, item in ipairs(v) do
      if equal(item, x) then return true end
    end
    return false
  end
  return v[x] ~= nil
end
"#,
    },
    Helper {
        name: "less",
        uses: &[],
        text: r#"-- a < b, for two numbers, strings or bools
local function less(a, b)
  local kind = type(a)
  return kind == type(b)
    and (kind == "boolean" and not a and b or (kind == "number" or kind == "string") and a < b)
end
"#,
    },
    Helper {
        name: "at_most",
        uses: &[],
        text: r#"-- a <= b, for two numbers, strings or bools
local function at_most(a, b)
  local kind = type(a)
  return kind == type(b)
    and (kind == "boolean" and (not a or b) or (kind == "number" or kind == "string") and a <= b)
end
"#,
    },
    Helper {
        name: "add",
        uses: &[],
        text: r#"-- a + b, for two numbers, strings or lists; nil of anything else
local function add(a, b)
  if type(a) ~= type(b) then return nil end
  if type(a) == "number" then return a + b end
  if type(a) == "string" then return a .. b end
  if type(a) ~= "table" or (next(a) ~= nil and a[1] == nil) or (next(b) ~= nil and b[1] == nil) then return nil end
  local both = {}
  for _, item in ipairs(a) do both[#both + 1] = item end
  for _, item in ipairs(b) do both[#both + 1] = item end
  return both
end
"#,
    },
    Helper {
        name: "both",
        uses: &[],
        text: r#"-- the elements of two lists in a row; nil where one is none
local function both(a, b)
  if a == nil or b == nil then return nil end
  local list = {}
  for _, item in ipairs(a) do list[#list + 1] = item end
  for _, item in ipairs(b) do list[#list + 1] = item end
  return list
end
"#,
    },
    Helper {
        name: "starts_with",
        uses: &[],
        text: r#"-- by order alone, since there is no string library: no text has the byte 255
local function starts_with(s, prefix)
  if type(s) ~= "string" or type(prefix) ~= "string" then return nil end
  return s >= prefix and s < prefix .. "\255"
end
"#,
    },
    Helper {
        name: "ends_with",
        uses: &[],
        text: r#"-- needs open libraries
local function ends_with(s, suffix)
  if type(s) ~= "string" or type(suffix) ~= "string" then return nil end
  return suffix == "" or string.sub(s, -#suffix) == suffix
end
"#,
    },
    Helper {
        name: "has_part",
        uses: &[],
        text: r#"-- needs open libraries
local function has_part(s, part)
  if type(s) ~= "string" or type(part) ~= "string" then return nil end
  return string.find(s, part, 1, true) ~= nil
end
"#,
    },
    Helper {
        name: "split",
        uses: &[],
        text: r#"-- needs open libraries
local function split(s, separator)
  if type(s) ~= "string" then return nil end
  local parts, from = {}, 1
  local first, last = string.find(s, separator, from, true)
  while first ~= nil do
    parts[#parts + 1] = string.sub(s, from, first - 1)
    from = last + 1
    first, last = string.find(s, separator, from, true)
  end
  parts[#parts + 1] = string.sub(s, from)
  return parts
end
"#,
    },
    Helper {
        name: "join",
        uses: &[],
        text: r#"-- strings in a row; nil where not all are strings
local function join(list, separator)
  if type(list) ~= "table" or (next(list) ~= nil and list[1] == nil) then return nil end
  for _, item in ipairs(list) do
    if type(item) ~= "string" then return nil end
  end
  return table.concat(list, separator)
end
"#,
    },
    Helper {
        name: "str",
        uses: &[],
        text: r#"-- a string, number or bool as a string; nil of anything else
local function str(v)
  if v == nil or type(v) == "table" then return nil end
  return tostring(v)
end
"#,
    },
    Helper {
        name: "text",
        uses: &[],
        text: r#"-- v in a message; path is what it was read from, where it is no text
local function text(v, path)
  return v ~= nil and type(v) ~= "table" and tostring(v) or "<absent: " .. path .. ">"
end
"#,
    },
];

/// The texts of the helpers in use and of those that they use, in order, an empty line after each.
pub(super) fn print(used: &BTreeSet<&'static str>, out: &mut String) {
    let mut wanted = used.clone();
    for helper in all().rev() {
        if wanted.contains(helper.name) {
            wanted.extend(helper.uses);
        }
    }
    for helper in all().filter(|helper| wanted.contains(helper.name)) {
        out.push_str(helper.text);
        out.push('\n');
    }
}
