//! What an AppProject permits.
//!
//! Source: argo-cd 3.5, `pkg/apis/application/v1alpha1/app_project_types.go` (IsGroupKindNamePermitted, IsSourcePermitted, IsDestinationPermitted), `types.go`
//! (isResourceInList, isNamedResourceInList), `util/git/git.go` (NormalizeGitURL).

use serde_json::Value;

use super::glob::{file_match, glob_match};
use crate::lint::subject::field;
use crate::manifests::{Application, Object};

/// The cluster that Argo CD runs in.
const IN_CLUSTER: (&str, &str) = ("https://kubernetes.default.svc", "in-cluster");

/// An AppProject.
#[derive(Clone, Copy)]
pub(super) struct Project<'o> {
    pub object: &'o Object,
}

impl<'o> Project<'o> {
    fn list(self, key: &str) -> Option<&'o Vec<Value>> {
        field(self.object, &["spec", key]).and_then(Value::as_array)
    }

    /// Whether a kind is permitted, as one within namespaces or not.
    pub fn kind(self, group: &str, kind: &str, name: &str, namespaced: bool) -> bool {
        let within = |list: &[Value]| list.iter().any(|item| is_listed(item, group, kind, name, namespaced));
        let (white, black) = if namespaced {
            ("namespaceResourceWhitelist", "namespaceResourceBlacklist")
        } else {
            ("clusterResourceWhitelist", "clusterResourceBlacklist")
        };
        // An absent list of kinds within namespaces permits all, an empty one none; of the others an absent one permits none.
        let listed = self.list(white).map_or(namespaced, |list| within(list));
        listed && !self.list(black).is_some_and(|list| within(list))
    }

    /// Where the list stands that decides about kinds.
    pub fn kinds_path(self, namespaced: bool, refused_by_white: bool) -> [&'static str; 2] {
        match (namespaced, refused_by_white) {
            (true, true) => ["spec", "namespaceResourceWhitelist"],
            (true, false) => ["spec", "namespaceResourceBlacklist"],
            (false, true) => ["spec", "clusterResourceWhitelist"],
            (false, false) => ["spec", "clusterResourceBlacklist"],
        }
    }

    /// Whether a kind stands in the black list, so that no white list helps.
    pub fn is_black(self, group: &str, kind: &str, name: &str, namespaced: bool) -> bool {
        let [_, key] = self.kinds_path(namespaced, false);
        self.list(key).is_some_and(|list| list.iter().any(|item| is_listed(item, group, kind, name, namespaced)))
    }

    /// Whether a list of patterns refuses as well as permits.
    pub fn denies(self, key: &str) -> bool {
        let texts = |item: &'o Value| match item {
            Value::String(text) => vec![text.as_str()],
            item => item.as_object().into_iter().flatten().filter_map(|(_, value)| value.as_str()).collect(),
        };
        self.list(key).into_iter().flatten().flat_map(texts).any(|pattern| pattern.starts_with('!'))
    }

    /// Whether a repository may be a source.
    pub fn source(self, url: &str) -> bool {
        let url = normalized(url);
        let mut any = false;
        for pattern in self.list("sourceRepos").into_iter().flatten().filter_map(Value::as_str) {
            if let Some(deny) = pattern.strip_prefix('!') {
                if glob_match(&normalized(deny), &url, "/") {
                    return false;
                }
                any = true;
            } else {
                any = any || pattern == "*" || glob_match(&normalized(pattern), &url, "/");
            }
        }
        any
    }

    /// Whether a namespace of an Application's cluster is permitted; none where that hangs on what only Argo CD knows: the name that belongs to a
    /// cluster's address, or the address that belongs to its name.
    pub fn destination(self, application: &Application, namespace: &str) -> Option<bool> {
        let (server, name) = match (&*application.server, &*application.cluster) {
            (server, "") if server == IN_CLUSTER.0 => (Some(server), Some(IN_CLUSTER.1)),
            ("", name) if name == IN_CLUSTER.1 => (Some(IN_CLUSTER.0), Some(name)),
            ("", "") => return None,
            (server, "") => (Some(server), None),
            ("", name) => (None, Some(name)),
            (server, name) => (Some(server), Some(name)),
        };
        if field(self.object, &["spec", "permitOnlyProjectScopedClusters"]).and_then(Value::as_bool) == Some(true) {
            return None;
        }
        let mut any = false;
        for item in self.list("destinations").into_iter().flatten() {
            let text = |key: &str| item.get(key).and_then(Value::as_str).unwrap_or_default();
            let (names, servers) = (text("name"), text("server"));
            let by_name = fits(names, name)?;
            let by_server = fits(servers, server)?;
            let by_namespace = negatable(text("namespace"), namespace);
            let denied = |pattern: &str| pattern.starts_with('!');
            if (by_server || by_name) && by_namespace {
                any = true;
                continue;
            }
            let by_deny = [
                !by_name && denied(names),
                !by_server && denied(servers) && by_namespace,
                !by_namespace && denied(text("namespace")) && by_server,
            ];
            if by_deny.contains(&true) {
                return Some(false);
            }
        }
        Some(any)
    }
}

/// Whether a pattern fits what is perhaps not known.
fn fits(pattern: &str, known: Option<&str>) -> Option<bool> {
    match (pattern, known) {
        (pattern, Some(known)) => Some(negatable(pattern, known)),
        ("*", None) => Some(true),
        ("", None) => Some(false),
        (_, None) => None,
    }
}

fn negatable(pattern: &str, text: &str) -> bool {
    match pattern.strip_prefix('!') {
        Some(deny) => !glob_match(deny, text, ""),
        None => pattern == "*" || glob_match(pattern, text, ""),
    }
}

fn is_listed(item: &Value, group: &str, kind: &str, name: &str, namespaced: bool) -> bool {
    let text = |key: &str| item.get(key).and_then(Value::as_str).unwrap_or_default();
    let named = namespaced || text("name").is_empty() || file_match(text("name"), name);
    file_match(text("kind"), kind) && file_match(text("group"), group) && named
}

/// `git@example.org:team/x.git` as `git@example.org/team/x`, `HTTPS://Example.org/X` in small letters.
fn normalized(url: &str) -> String {
    let mut url = url.trim().to_lowercase();
    let rest = url.strip_prefix("ssh://").unwrap_or(&url);
    let ssh = rest
        .split_once('@')
        .is_some_and(|(user, host)| !user.contains(['/', ':']) && !host.is_empty() && !host.contains('@'));
    if ssh && !url.starts_with("ssh://") {
        url = url.replacen(':', "/", 1);
    }
    let url = url.strip_suffix(".git").unwrap_or(&url);
    url.strip_prefix("ssh://").unwrap_or(url).to_owned()
}

#[cfg(test)]
#[expect(clippy::indexing_slicing, reason = "in tests")]
mod tests {
    use super::super::glob::{file_match, glob_match};
    use super::Project;
    use super::normalized;
    use crate::diagnostic::Sources;
    use crate::manifests::{Defaults, Manifests, Platform, read_text};

    /// Each line was asked of Go: `filepath.Match` and gobwas/glob 0.2.3.
    #[test]
    fn patterns() {
        let files = [
            ("*", "", true),
            ("*", "Job", true),
            ("Role*", "RoleBinding", true),
            ("role", "Role", false),
            ("*.k8s.io", "rbac.authorization.k8s.io", true),
            ("", "", true),
            ("", "apps", false),
            ("[A-Z]ob", "Job", true),
            ("[^A-Z]ob", "Job", false),
            ("J?b", "Job", true),
            ("[", "[", false),
            ("a*", "a/b", false),
        ];
        for (pattern, text, expected) in files {
            assert_eq!(file_match(pattern, text), expected, "{pattern} {text}");
        }
        let globs = [
            ("team-*", "team-a", "", true),
            ("team-*", "team-a/b", "", true),
            ("team-*", "team-a/b", "/", false),
            ("team-**", "team-a/b", "/", true),
            ("{a,b}-*", "b-x", "", true),
            ("{a,b}-*", "c-x", "", false),
            ("[!a]x", "bx", "", true),
            ("https://example.org/*", "https://example.org/a", "/", true),
            ("https://example.org/*", "https://example.org/a/b", "/", false),
            ("https://*/a", "https://example.org/a", "/", true),
            ("", "", "", true),
            ("", "a", "", false),
            ("*", "", "", true),
        ];
        for (pattern, text, separators, expected) in globs {
            assert_eq!(glob_match(pattern, text, separators), expected, "{pattern} {text} {separators}");
        }
    }

    /// What a project permits, beside what `AppProject` of argo-cd 3.5.7 gives for the same.
    #[test]
    fn permits() {
        let object = |spec: &str| project(spec);
        let kinds = [
            ("{}", "", "ConfigMap", "a", true, true),
            (r#"{"namespaceResourceWhitelist":[]}"#, "", "ConfigMap", "a", true, false),
            (
                r#"{"namespaceResourceWhitelist":[{"group":"*","kind":"*"}],"namespaceResourceBlacklist":[{"group":"rbac.authorization.k8s.io","kind":"Role*"}]}"#,
                "rbac.authorization.k8s.io",
                "RoleBinding",
                "a",
                true,
                false,
            ),
            ("{}", "rbac.authorization.k8s.io", "ClusterRole", "a", false, false),
            (
                r#"{"clusterResourceWhitelist":[{"group":"","kind":"Namespace","name":"ml-*"}]}"#,
                "",
                "Namespace",
                "ml-a",
                false,
                true,
            ),
            (
                r#"{"clusterResourceWhitelist":[{"group":"","kind":"Namespace","name":"ml-*"}]}"#,
                "",
                "Namespace",
                "other",
                false,
                false,
            ),
            (
                r#"{"clusterResourceWhitelist":[{"group":"*","kind":"*"}],"clusterResourceBlacklist":[{"group":"","kind":"Namespace","name":"kube-*"}]}"#,
                "",
                "Namespace",
                "kube-a",
                false,
                false,
            ),
        ];
        for (spec, group, kind, name, namespaced, expected) in kinds {
            let object = object(spec);
            assert_eq!(
                Project { object: &object.objects[0] }.kind(group, kind, name, namespaced),
                expected,
                "{spec} {kind} {name}"
            );
        }
        let sources = [
            (r#"["*"]"#, "https://example.org/a", true),
            (r#"["*","!https://example.org/private/**"]"#, "https://Example.org/private/y.git", false),
            (r#"["https://example.org/*"]"#, "https://example.org/a/b", false),
            (r#"["git@example.org:team/*"]"#, "git@example.org:team/x.git", true),
            (r#"["ssh://git@example.org/team/*"]"#, "git@example.org:team/x", true),
            (r#"["!https://a/*"]"#, "https://b/c", true),
            ("[]", "x", false),
            (r#"["https://example.org/x.git"]"#, "https://example.org/x", true),
            (r#"["https://*.example.org/x"]"#, "https://a.b.example.org/x", true),
        ];
        for (list, url, expected) in sources {
            let object = object(&format!(r#"{{"sourceRepos":{list}}}"#));
            assert_eq!(Project { object: &object.objects[0] }.source(url), expected, "{list} {url}");
        }
        let here = "https://kubernetes.default.svc";
        let destinations = [
            (r#"[{"server":"HERE","namespace":"ml-*"}]"#, "ml-a", true),
            (r#"[{"server":"HERE","namespace":"ml-*"}]"#, "x", false),
            (r#"[{"server":"HERE","namespace":"*"},{"server":"HERE","namespace":"!kube-*"}]"#, "kube-system", false),
            (r#"[{"server":"HERE","namespace":"*"},{"server":"HERE","namespace":"!kube-*"}]"#, "ml", true),
            (r#"[{"name":"in-cluster","namespace":"ml"}]"#, "ml", true),
            (r#"[{"name":"*","namespace":"ml"},{"name":"!in-cluster","namespace":"*"}]"#, "ml", false),
            (r#"[{"server":"*","namespace":"*"},{"server":"!HERE","namespace":"*"}]"#, "ml", false),
            ("[]", "ml", false),
            (r#"[{"server":"HERE","namespace":"*"}]"#, "", true),
            (r#"[{"server":"HERE"}]"#, "ml", false),
        ];
        for (list, namespace, expected) in destinations {
            let object = object(&format!(r#"{{"destinations":{}}}"#, list.replace("HERE", here)));
            let found = Project { object: &object.objects[0] }.destination(&object.applications[0], namespace);
            assert_eq!(found, Some(expected), "{list} {namespace}");
        }
    }

    fn project(spec: &str) -> Platform {
        let text = format!(
            "{{\"apiVersion\": \"argoproj.io/v1alpha1\", \"kind\": \"AppProject\", \"metadata\": {{\"name\": \"p\"}}, \"spec\": {spec}}}\n---\n{{apiVersion: argoproj.io/v1alpha1, kind: Application, metadata: {{name: a}}, spec: {{destination: {{server: https://kubernetes.default.svc}}}}}}\n"
        );
        let mut sources = Sources::default();
        let file = sources.add("p.yaml", text);
        let mut read = Manifests::default();
        read_text(&sources, file, &mut read);
        let mut platform = Platform::new(read, &Defaults::default(), &sources);
        platform.objects.retain(|object| &*object.kind == "AppProject");
        platform
    }

    #[test]
    fn repositories() {
        let cases = [
            ("git@Example.org:Team/x.git", "git@example.org/team/x"),
            ("ssh://git@example.org/team/x", "git@example.org/team/x"),
            (" https://example.org/x.git ", "https://example.org/x"),
        ];
        for (url, expected) in cases {
            assert_eq!(normalized(url), expected);
        }
    }
}
