//! The one table of diagnostic codes. A code never changes its meaning and is never used again.

/// A stable code, printed as `TG001`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(pub u16);

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TG{:03}", self.0)
    }
}

/// What a code stands for; `docs/errors.md` is made from this table.
#[derive(Clone, Copy, Debug)]
pub struct CodeInfo {
    /// The code.
    pub code: Code,
    /// A short name, such as `syntax`.
    pub name: &'static str,
    /// One sentence.
    pub meaning: &'static str,
}

macro_rules! codes {
    ($($number:literal $constant:ident $name:literal $meaning:literal)*) => {
        impl Code {
            $(#[doc = $meaning] pub const $constant: Code = Code($number);)*
        }
        /// Every code that tidegate can print, in order.
        pub const CODES: &[CodeInfo] = &[
            $(CodeInfo { code: Code($number), name: $name, meaning: $meaning },)*
        ];
    };
}

codes! {
    1 SYNTAX "syntax" "the text is not a statement of the language"
    2 LIMIT "limit" "a hard limit was passed: bytes, nesting, rules, name length"
    3 TEXT "text" "a text literal is not closed, or has an escape that does not exist"
    4 DURATION "duration" "a duration is not one"
    5 AND_OR "and-or" "`and` and `or` are mixed without brackets"
    6 ENCODING "encoding" "a file is not UTF-8"
    7 IDENTIFIER "identifier" "an alias, a kind's short name or a `let` that expressions could not read"
    100 UNKNOWN_KIND "unknown-kind" "a kind name is not declared"
    101 DUPLICATE_RULE "duplicate-rule" "two rules have one name"
    102 DUPLICATE_KIND "duplicate-kind" "a kind is declared twice in the user's files"
    103 UNKNOWN_NAME "unknown-name" "an expression uses a name that nothing binds"
    104 AMBIGUOUS_NAME "ambiguous-name" "two resources of one kind need `as`"
    105 NO_CAUSE "no-cause" "a rule has no event and no state that could cause it to act"
    106 NOT_A_RUN "not-a-run" "`succeeds` or `fails` of a kind that does not run to completion"
    107 NOT_YET "not-yet" "a form that parses but is not built yet"
    108 BAD_TARGET "bad-target" "an action cannot be done to this kind of object"
    109 QUANTIFIER "quantifier" "`any` or `every` is missing or stands where it may not"
    110 BAD_KIND "bad-kind" "a kind's declaration is incomplete or contradicts itself"
    111 BLOCK "block" "a block that has no means or cannot hold"
    112 LOOP "loop" "a rule can bring about its own cause"
    113 MODIFIER "modifier" "a modifier is repeated, out of range or without effect"
    114 DUPLICATE_STATEMENT "duplicate-statement" "a statement that may stand once stands twice"
    115 REFRESH_ROLLS "refresh-rolls" "an annotation or a label that would roll the pods of an InferenceService"
    116 AND_THEN "and-then" "`and then` needs runs on both sides"
    117 UNKNOWN_NOTIFICATION "unknown-notification" "a notification type is not a valid label value"
    118 TRIGGER "trigger" "a `mlops.dev/on-success-trigger` or `mlops.dev/block-wave` annotation that cannot be honoured"
    119 NAME "name" "a name that Kubernetes would refuse"
    120 STALE "stale" "`is stale` of something that no model with `stale after` trains or serves"
    200 EXPRESSION_TYPE "expression-type" "an expression's types do not fit"
    201 EXPRESSION_FUNCTION "expression-function" "a function that does not exist or has other arguments"
    202 EXPRESSION_NULL "expression-null" "a comparison with null, which facts drop"
    203 EXPRESSION_LITERAL "expression-literal" "a literal out of range"
    204 NOT_IN_LUA "not-in-lua" "an expression in health that Argo CD's Lua cannot say; an error wherever kinds are checked, since a kind's health is one text for the engine, Argo CD and Flux"
    205 SCHEMA "schema" "a field or a version that the schema of a kind does not have"
    206 NOT_IN_FLUX "not-in-flux" "an expression in health that Flux's CEL cannot say; an error when it is emitted for Flux"
    210 UNGUARDED "unguarded" "a condition of a kind that reads as if it held while a field is absent, and is an error then, so that its line does not hold"
    211 EMPTY_ALL "empty-all" "`all` over a list that can be empty opens a gate"
    212 UNREACHABLE "unreachable" "a line of a kind that can never decide, or a condition that is always the same"
    213 WAITS_FOR_EVER "waits-for-ever" "a status on which Argo CD waits for ever"
    300 CYCLE "cycle" "what must come after what runs in a circle"
    301 WAVE_ORDER "wave-order" "a resource stands in an earlier wave than what it waits for"
    302 NO_HOOK "no-hook" "a block that health alone does not hold, and no hook among the manifests that waits for it"
    400 YAML "yaml" "a manifest is not YAML or JSON as Kubernetes reads it"
    401 NOT_AN_OBJECT "not-an-object" "a document is not a Kubernetes object"
    402 YAML_ODDITY "yaml-oddity" "a manifest that is read, but perhaps not as it was meant"
    403 DUPLICATE_OBJECT "duplicate-object" "two documents are the same object"
    404 ANNOTATION "annotation" "an annotation that Argo CD does not read as it was meant"
    405 ALLOW "allow" "a `# tidegate: allow` comment that silences nothing"
    406 EDIT "edit" "a document that `annotate` leaves as it is, since it cannot be edited safely"
    420 ARGOCD_KEY "argocd-key" "a key of argocd-cm that costs all health checks of Argo CD, or one that counts instead of another"
    500 SCENARIO "scenario" "a scenario that cannot be played as it is written"
    601 TOO_EARLY "too-early" "a resource is applied in an earlier wave than what it needs"
    602 PRESYNC_DEADLOCK "presync-deadlock" "a PreSync hook needs or waits for what a later phase creates"
    603 HOOK_TOO_EARLY "hook-too-early" "a hook needs or waits for what a later wave of its phase creates"
    604 POSTSYNC_NEEDED "postsync-needed" "something of the Sync phase needs or waits for what a PostSync hook creates"
    605 UNBOUND_CLAIM "unbound-claim" "a claim that is bound by its first pod, in an earlier wave than that pod"
    606 NEVER_HEALTHY "never-healthy" "a resource that never becomes healthy as it is written, in a wave before others"
    607 NO_HEALTH_CHECK "no-health-check" "a wave that is to wait for a kind that Argo CD has no health check for"
    608 NOT_AWAITED "not-awaited" "a Job that waits in a wave that Argo CD does not wait for"
    609 EARLY_PERMISSION "early-permission" "a Job that runs before its service account has its permissions"
    610 WAVE_MOVED "wave-moved" "the wave of a Namespace or a CustomResourceDefinition that counts for nothing"
    620 GATE_BYPASS "gate-bypass" "a sync that goes round a gate: selfHeal, `ApplyOutOfSyncOnly=true`, an operation on selected resources"
    621 APPLICATION_HEALTH "application-health" "Applications in waves, and no health check for Applications: the next wave begins at once"
    622 REPLACE_WIPES "replace-wipes" "`Replace=true` on what tidegate writes to: its records are lost at every sync"
    623 TRAINS_EVERY_SYNC "trains-every-sync" "a training that runs at every sync"
    624 TTL_RETURNS "ttl-returns" "a run that its TTL removes, and Argo CD makes again"
    625 RUNS_ONCE "runs-once" "a run that never runs again when its spec changes in Git"
    626 PROJECT_REFUSES "project-refuses" "what the AppProject refuses: kinds, namespaces, clusters, repositories"
    627 SYNC_OPTION "sync-option" "a sync option that Argo CD passes over"
    640 TWICE "twice" "two rules, or a rule and an annotation, have the same effect for one success"
    641 OPERATOR_ACTS "operator-acts" "an operator among the manifests acts on trigger annotations itself"
    642 ABSENT_TARGET "absent-target" "no manifest makes what a rule or a trigger acts on"
    643 OWNED_FIELD "owned-field" "a field that tidegate writes stands in Git too, which puts its own value back"
    644 RELEASE_LABEL "release-label" "a label that changes with each release rolls the pods of an InferenceService"
    645 RESTART_VOLUME "restart-volume" "a rolling restart whose new pod cannot mount its volume"
    646 RESTART_QUOTA "restart-quota" "a rolling restart that needs more GPUs than the quota allows"
    647 SAME_MODEL "same-model" "a restart after training that loads the same model again"
    648 UNSEEN_MODEL "unseen-model" "a restart before the new model is where it is read"
    649 KSERVE_OWNED "kserve-owned" "the restart of a Deployment that KServe keeps as it is"
    650 NEVER_FIRES "never-fires" "a rule that waits for what no manifest makes"
    651 GONE_TOO_SOON "gone-too-soon" "a run that is deleted as soon as it has ended, before a rule may have seen it"
    652 BYPASS "bypass" "a rule restarts what the gate of another rule still holds back"
    653 CONTRADICTION "contradiction" "two actions write different values to one field for the same cause"
    654 DEADLINE "deadline" "a deadline that ends before what it waits for may end"
}
