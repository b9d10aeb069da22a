//! The script of a kind without lines: what kstatus makes of any object.

/// As [`health`](crate::rulebook::health) reads it. Source: sigs.k8s.io/cli-utils `pkg/kstatus`, the generic part.
const BODY: &str = r#"-- The kind has no lines of its own, so it is read as kstatus reads any object.

-- v, or a table without fields where v is none
local function fields(v)
  if type(v) == "table" then return v end
  return {}
end

local function whole(v)
  return type(v) == "number" and v % 1 == 0
end

local metadata = fields(obj.metadata)
local status = fields(obj.status)

local generation, observed = metadata.generation, status.observedGeneration
if whole(generation) and whole(observed) and generation ~= observed then
  return {
    status = "Progressing",
    message = "KIND generation is " .. tostring(generation)
      .. ", but latest observed generation is " .. tostring(observed),
  }
end

local function message(condition)
  return type(condition.message) == "string" and condition.message or ""
end

for _, c in ipairs(fields(status.conditions)) do
  c = fields(c)
  if c.type == "Reconciling" and c.status == "True" then return {status = "Progressing", message = message(c)} end
  if c.type == "Stalled" and c.status == "True" then return {status = "Degraded", message = message(c)} end
end
for _, c in ipairs(fields(status.conditions)) do
  c = fields(c)
  if c.type == "Ready" and c.status == "True" then return {status = "Healthy", message = "Resource is Ready"} end
  if c.type == "Ready" and (c.status == "False" or c.status == "Unknown") then
    return {status = "Progressing", message = message(c)}
  end
end
return {status = "Healthy", message = "Resource is current"}
"#;

/// The script of a kind, which messages name.
pub(super) fn body(kind: &str) -> String {
    BODY.replace("KIND", kind)
}
