//! Helpers on strings and conversions of them. They need Lua's string library, so Argo CD's open libraries. Positions are in characters,
//! as in CEL; a string is UTF-8.

use super::helpers::Helper;

/// In the order in which they are printed: each after those that it uses.
pub(super) const TEXT_HELPERS: &[Helper] = &[
    Helper {
        name: "chars",
        uses: &[],
        text: r#"-- the characters of a string; needs open libraries
local function chars(s)
  local list = {}
  for i = 1, #s do
    local byte = string.byte(s, i)
    local inside = byte >= 128 and byte < 192 and #list > 0
    if inside then
      list[#list] = list[#list] .. string.sub(s, i, i)
    else
      list[#list + 1] = string.sub(s, i, i)
    end
  end
  return list
end
"#,
    },
    Helper {
        name: "substring",
        uses: &["chars"],
        text: r#"-- characters from (counted from 0) up to, without to; nil where there are not so many
local function substring(s, from, to)
  if type(s) ~= "string" or type(from) ~= "number" then return nil end
  local list = chars(s)
  to = to or #list
  if type(to) ~= "number" or from % 1 ~= 0 or to % 1 ~= 0 then return nil end
  if from < 0 or from > to or to > #list then return nil end
  -- not asked of table.concat, which in Argo CD gives the next element for no elements
  if from == to then return "" end
  return table.concat(list, "", from + 1, to)
end
"#,
    },
    Helper {
        name: "char_at",
        uses: &["chars"],
        text: r#"-- the character of an index, "" right after the last; nil where there are not so many
local function char_at(s, index)
  if type(s) ~= "string" or type(index) ~= "number" or index % 1 ~= 0 then return nil end
  local list = chars(s)
  if index < 0 or index > #list then return nil end
  return list[index + 1] or ""
end
"#,
    },
    Helper {
        name: "index_of",
        uses: &["chars"],
        text: r#"-- where part first stands, in characters; -1 where it does not; needs open libraries
local function index_of(s, part)
  if type(s) ~= "string" then return nil end
  local first = string.find(s, part, 1, true)
  if first == nil then return -1 end
  return #chars(string.sub(s, 1, first - 1))
end
"#,
    },
    Helper {
        name: "last_index_of",
        uses: &["chars"],
        text: r#"-- where part last stands, in characters; -1 where it does not; needs open libraries
local function last_index_of(s, part)
  if type(s) ~= "string" then return nil end
  local found, first = nil, string.find(s, part, 1, true)
  while first ~= nil do
    found = first
    first = string.find(s, part, found + 1, true)
  end
  if found == nil then return -1 end
  return #chars(string.sub(s, 1, found - 1))
end
"#,
    },
    Helper {
        name: "replace",
        uses: &[],
        text: r#"-- with new in place of old, limit times (always where it is below 0); needs open libraries
local function replace(s, old, new, limit)
  if type(s) ~= "string" or type(new) ~= "string" then return nil end
  local parts, from, count = {}, 1, 0
  local first, last = string.find(s, old, from, true)
  while first ~= nil and count ~= limit do
    parts[#parts + 1] = string.sub(s, from, first - 1)
    parts[#parts + 1] = new
    from = last + 1
    count = count + 1
    first, last = string.find(s, old, from, true)
  end
  parts[#parts + 1] = string.sub(s, from)
  return table.concat(parts)
end
"#,
    },
    Helper {
        name: "lower",
        uses: &[],
        text: r#"-- A to Z as a to z; needs open libraries
local function lower(s)
  if type(s) ~= "string" then return nil end
  return (string.gsub(s, "[A-Z]", function(c) return string.char(string.byte(c) + 32) end))
end
"#,
    },
    Helper {
        name: "upper",
        uses: &[],
        text: r#"-- a to z as A to Z; needs open libraries
local function upper(s)
  if type(s) ~= "string" then return nil end
  return (string.gsub(s, "[a-z]", function(c) return string.char(string.byte(c) - 32) end))
end
"#,
    },
    Helper {
        name: "trim",
        uses: &["chars"],
        text: r#"-- without the white space at both ends; needs open libraries
local function trim(s)
  if type(s) ~= "string" then return nil end
  local blank = {}
  for _, c in ipairs({" ", "\t", "\n", "\011", "\012", "\r", "\194\133", "\194\160", "\225\154\128", "\226\128\168",
    "\226\128\169", "\226\128\175", "\226\129\159", "\227\128\128"}) do blank[c] = true end
  for last = 128, 138 do blank["\226\128" .. string.char(last)] = true end
  local list = chars(s)
  local first, last = 1, #list
  while first <= last and blank[list[first]] do first = first + 1 end
  while last >= first and blank[list[last]] do last = last - 1 end
  if first > last then return "" end
  return table.concat(list, "", first, last)
end
"#,
    },
    Helper {
        name: "int",
        uses: &[],
        text: r#"-- a number, or the digits of a string, as a whole number; nil of anything else; needs open libraries
local function int(v)
  if type(v) == "number" then
    if v < 0 then return -(-v - -v % 1) end
    return v - v % 1
  end
  if type(v) ~= "string" or string.find(v, "^[+-]?[0-9]+$") == nil then return nil end
  local sum = 0
  for i = 1, #v do
    local digit = string.byte(v, i) - 48
    if digit >= 0 then sum = sum * 10 + digit end
  end
  if string.sub(v, 1, 1) == "-" then sum = -sum end
  return sum
end
"#,
    },
    Helper {
        name: "uint",
        uses: &["int"],
        text: r#"-- as int, without signs and not below 0; needs open libraries
local function uint(v)
  if type(v) == "string" and string.find(v, "^[0-9]+$") == nil then return nil end
  if type(v) == "number" and v < 0 then return nil end
  return int(v)
end
"#,
    },
    Helper {
        name: "double",
        uses: &[],
        text: r#"-- a number, or a string that is one in decimal; nil of anything else; needs open libraries
local function double(v)
  if type(v) == "number" then return v end
  if type(v) ~= "string" then return nil end
  local sign, digits = string.match(v, "^([+-]?)([0-9.]+[eE]?[+-]?[0-9]*)$")
  if digits == nil then return nil end
  -- without a point Argo CD's tonumber reads whole numbers only
  if string.find(digits, ".", 1, true) == nil then digits = string.gsub(digits, "^[0-9]+", "%0.0") end
  local number = tonumber(digits)
  if number == nil or number ~= 0 and number == number * 2 then return nil end
  if sign == "-" then return -number end
  return number
end
"#,
    },
    Helper {
        name: "bool",
        uses: &[],
        text: r#"-- a bool, or the word for one; nil of anything else
local function bool(v)
  if type(v) == "boolean" then return v end
  for _, word in ipairs({"1", "t", "T", "TRUE", "true", "True"}) do
    if v == word then return true end
  end
  for _, word in ipairs({"0", "f", "F", "FALSE", "false", "False"}) do
    if v == word then return false end
  end
  return nil
end
"#,
    },
    Helper {
        name: "non_zero",
        uses: &[],
        text: r#"-- v, or nil where it is false, 0 or empty
local function non_zero(v)
  if not v or v == 0 or v == "" or type(v) == "table" and next(v) == nil then return nil end
  return v
end
"#,
    },
];
