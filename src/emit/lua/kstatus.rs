//! The script of a kind without lines: what kstatus makes of any object.

/// As [`health`](crate::rulebook::health) reads it. Source: sigs.k8s.io/cli-utils `pkg/kstatus`, the generic part.
pub(super) const BODY: &str = r#"-- The kind has no lines of its own, so it is read as kstatus reads any object.

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

-- status and message of the first condition of this type
local function condition(name)
  for _, c in ipairs(fields(status.conditions)) do
    c = fields(c)
    if c.type == name then
      return c.status, type(c.message) == "string" and c.message or ""
    end
  end
end

local generation, observed = metadata.generation, status.observedGeneration
if whole(generation) and whole(observed) and generation ~= observed then
  return {
    status = "Progressing",
    message = "generation is " .. tostring(generation)
      .. ", but the latest observed generation is " .. tostring(observed),
  }
end

local reconciling, reconciling_message = condition("Reconciling")
local stalled, stalled_message = condition("Stalled")
local ready, ready_message = condition("Ready")
if reconciling == "True" then return {status = "Progressing", message = reconciling_message} end
if stalled == "True" then return {status = "Degraded", message = stalled_message} end
if ready == "False" or ready == "Unknown" then return {status = "Progressing", message = ready_message} end
return {status = "Healthy", message = "Resource is current"}
"#;
