//! What an object needs of others, field by field: what it mounts and reads, whose name it acts in, what it scales, stores in, is made from.
//!
//! Pod templates are recognised wherever they stand (Deployments, Jobs, PyTorchJobs, InferenceServices, NotebookValidationJobs, workspaces of a
//! PipelineRun …): by the names of the fields, which Kubernetes and the operators share. Source of the fields: Kubernetes `core/v1` PodSpec and the
//! CRDs of the kinds named below. A need is only a name: whether it is among the manifests is asked by the checks.

use std::borrow::Cow;

use serde_json::Value;

use crate::manifests::Object;

/// In which way something is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum How {
    /// A volume from a ConfigMap or Secret.
    Mount,
    /// A container's environment.
    Environment,
    /// A volume from a PersistentVolumeClaim.
    Claim,
    /// The service account of its pods.
    Account,
    /// A Secret for pulling images.
    Pull,
    /// The PriorityClass or RuntimeClass of its pods.
    Class,
    /// The model server of an InferenceService.
    Runtime,
    /// What it scales.
    Scales,
    /// The StorageClass, volume or source of a claim.
    Storage,
    /// A store or issuer that it is made by.
    Store,
    /// The Service behind an APIService.
    Service,
    /// The Service behind an Ingress whose controller makes nothing without it.
    Backend,
    /// What it is made from: a Workflow's template, a PipelineRun's Pipeline, a Rollout's workload or services.
    Template,
    /// The queue that lets it start.
    Queue,
    /// The Role that a binding gives.
    Role,
}

/// One need.
#[derive(Clone, Debug)]
pub(super) struct Need<'v> {
    /// In which way.
    pub how: How,
    /// API group; empty for core.
    pub group: Cow<'v, str>,
    /// Kind.
    pub kind: &'v str,
    /// Empty for what lives outside of namespaces.
    pub namespace: &'v str,
    /// Name.
    pub name: &'v str,
    /// The field that says so, from the object inwards.
    pub path: Vec<Cow<'v, str>>,
}

impl Need<'_> {
    /// The path as `Subject::at` takes it.
    pub(super) fn path(&self) -> Vec<&str> {
        self.path.iter().map(|step| &**step).collect()
    }
}

/// Kinds that only describe pods: what they need is needed when somebody makes them run. ServiceAccounts name Secrets that may come later.
const DESCRIBE: &[(&str, &str)] = &[
    ("", "ConfigMap"),
    ("", "PodTemplate"),
    ("", "Secret"),
    ("", "ServiceAccount"),
    ("apiextensions.k8s.io", "CustomResourceDefinition"),
    ("argoproj.io", "Application"),
    ("argoproj.io", "ApplicationSet"),
    ("argoproj.io", "ClusterWorkflowTemplate"),
    ("argoproj.io", "CronWorkflow"),
    ("argoproj.io", "Sensor"),
    ("argoproj.io", "WorkflowTemplate"),
    ("batch", "CronJob"),
    ("keda.sh", "ScaledJob"),
    ("serving.kserve.io", "ClusterServingRuntime"),
    ("serving.kserve.io", "ServingRuntime"),
    ("tekton.dev", "ClusterTask"),
    ("tekton.dev", "Pipeline"),
    ("tekton.dev", "Task"),
    ("template.openshift.io", "Template"),
    ("trainer.kubeflow.org", "ClusterTrainingRuntime"),
    ("trainer.kubeflow.org", "TrainingRuntime"),
    ("triggers.tekton.dev", "TriggerTemplate"),
];

/// Whether an object makes its pods as soon as it is applied, if it makes any.
pub(super) fn starts(object: &Object) -> bool {
    let at = |path: &str| path.split('/').skip(1).try_fold(&object.value, |value, key| value.get(key));
    let none = |pointer: &str| at(pointer).and_then(Value::as_i64) == Some(0);
    let on = |pointer: &str| at(pointer).and_then(Value::as_bool) == Some(true);
    match (&*object.group, &*object.kind) {
        ("apps", "Deployment") => !none("/spec/replicas") && !on("/spec/paused"),
        (
            "apps" | "argoproj.io" | "apps.openshift.io",
            "StatefulSet" | "ReplicaSet" | "Rollout" | "DeploymentConfig",
        ) => !none("/spec/replicas"),
        ("batch", "Job") => !on("/spec/suspend") && !none("/spec/parallelism"),
        ("serving.kserve.io", "InferenceService") => object.annotation("serving.kserve.io/stop") != Some("true"),
        (group, kind) => DESCRIBE.binary_search(&(group, kind)).is_err(),
    }
}

/// All needs of an object, in the order of its fields. Those of its pods only if it makes them as soon as it is applied.
pub(super) fn needs(object: &Object) -> Vec<Need<'_>> {
    let mut walk = Walk { object, path: Vec::new(), found: Vec::new() };
    walk.of_kind();
    if starts(object)
        && let Some(spec) = object.value.get("spec")
    {
        walk.queue();
        walk.inside("spec", |walk| walk.visit(spec));
    }
    walk.found
}

struct Walk<'v> {
    object: &'v Object,
    path: Vec<Cow<'v, str>>,
    found: Vec<Need<'v>>,
}

impl<'v> Walk<'v> {
    fn inside(&mut self, step: impl Into<Cow<'v, str>>, run: impl FnOnce(&mut Self)) {
        self.path.push(step.into());
        run(self);
        self.path.pop();
    }

    /// A need at the present place, or at a field below it.
    fn need(&mut self, how: How, (group, kind): (&'v str, &'v str), name: &'v str, below: &[&'v str]) {
        let namespace = if cluster_scoped(kind) { "" } else { &*self.object.namespace };
        self.push(how, group.into(), kind, namespace, name, below);
    }

    fn push(
        &mut self,
        how: How,
        group: Cow<'v, str>,
        kind: &'v str,
        namespace: &'v str,
        name: &'v str,
        below: &[&'v str],
    ) {
        if name.is_empty() || name.contains(['$', '{']) {
            return;
        }
        let path = self.path.iter().cloned().chain(below.iter().map(|step| Cow::Borrowed(*step))).collect();
        self.found.push(Need { how, group, kind, namespace, name, path });
    }

    fn visit(&mut self, value: &'v Value) {
        match value {
            Value::Object(map) => {
                for (key, child) in map {
                    self.inside(key.as_str(), |walk| walk.field(key, child));
                }
            }
            Value::Array(list) => self.each(list, |walk, item| walk.visit(item)),
            _ => {}
        }
    }

    fn each(&mut self, list: &'v [Value], mut run: impl FnMut(&mut Self, &'v Value)) {
        for (at, item) in list.iter().enumerate() {
            if item.is_object() || item.is_array() {
                self.inside(at.to_string(), |walk| run(walk, item));
            }
        }
    }

    fn field(&mut self, key: &'v str, value: &'v Value) {
        match (key, value) {
            ("volumes" | "workspaces", Value::Array(list)) => self.each(list, Self::volume),
            ("envFrom", Value::Array(list)) => self.each(list, |walk, from| {
                walk.named(How::Environment, "ConfigMap", from, "configMapRef", "name");
                walk.named(How::Environment, "Secret", from, "secretRef", "name");
            }),
            ("env", Value::Array(list)) => self.each(list, |walk, variable| {
                let Some(from) = variable.get("valueFrom") else { return };
                walk.inside("valueFrom", |walk| {
                    walk.named(How::Environment, "ConfigMap", from, "configMapKeyRef", "name");
                    walk.named(How::Environment, "Secret", from, "secretKeyRef", "name");
                });
            }),
            ("imagePullSecrets", Value::Array(list)) => self.each(list, |walk, secret| {
                walk.need(How::Pull, ("", "Secret"), text(secret, "name"), &["name"]);
            }),
            // `serviceAccount` is the old name in a PodSpec, and the only one in a SparkApplication.
            ("serviceAccountName" | "serviceAccount", Value::String(name)) if name != "default" => {
                if !self.found.iter().any(|need| need.how == How::Account && need.name == name) {
                    self.need(How::Account, ("", "ServiceAccount"), name, &[]);
                }
            }
            // The store of the External Secrets Operator looks with this account.
            ("serviceAccount" | "serviceAccountRef", Value::Object(_)) if &*self.object.kind == "SecretStore" => {
                self.need(How::Store, ("", "ServiceAccount"), text(value, "name"), &["name"]);
            }
            ("priorityClassName", Value::String(name)) => {
                self.need(How::Class, ("scheduling.k8s.io", "PriorityClass"), name, &[]);
            }
            ("runtimeClassName", Value::String(name)) => {
                self.need(How::Class, ("node.k8s.io", "RuntimeClass"), name, &[]);
            }
            // `storageUri` of an InferenceService, `uri` of an LLMInferenceService, and others' names for the same.
            (_, Value::String(uri)) => {
                if let Some(claim) = uri.strip_prefix("pvc://").and_then(|rest| rest.split('/').next()) {
                    self.need(How::Claim, ("", "PersistentVolumeClaim"), claim, &[]);
                }
            }
            ("volumeClaimTemplates", _) => {}
            _ => self.visit(value),
        }
    }

    /// `{field: {name: …, optional: …}}`
    fn named(&mut self, how: How, kind: &'v str, value: &'v Value, field: &'v str, key: &'v str) {
        if let Some(reference) = value.get(field)
            && !optional(reference)
        {
            self.need(how, ("", kind), text(reference, key), &[field, key]);
        }
    }

    /// A volume of a pod, or a workspace of a run, which is written in the same way.
    fn volume(&mut self, volume: &'v Value) {
        self.named(How::Mount, "ConfigMap", volume, "configMap", "name");
        self.named(How::Mount, "Secret", volume, "secret", "secretName");
        self.named(How::Claim, "PersistentVolumeClaim", volume, "persistentVolumeClaim", "claimName");
        let sources = volume.get("projected").and_then(|projected| projected.get("sources"));
        if let Some(Value::Array(sources)) = sources {
            self.inside("projected", |walk| {
                walk.inside("sources", |walk| {
                    walk.each(sources, |walk, source| {
                        walk.named(How::Mount, "ConfigMap", source, "configMap", "name");
                        walk.named(How::Mount, "Secret", source, "secret", "name");
                    });
                });
            });
        }
    }

    /// Kueue lets it start when its queue says so. Source: kueue `pkg/controller/constants`, label `kueue.x-k8s.io/queue-name`.
    fn queue(&mut self) {
        let label = "kueue.x-k8s.io/queue-name";
        let labels = self.object.value.pointer("/metadata/labels");
        if let Some(name) = labels.and_then(|labels| labels.get(label)).and_then(Value::as_str) {
            self.need(How::Queue, ("kueue.x-k8s.io", "LocalQueue"), name, &["metadata", "labels", label]);
        }
    }

    /// The fields that only one kind has.
    fn of_kind(&mut self) {
        let Some(spec) = self.object.value.get("spec").or_else(|| self.object.value.get("roleRef")) else { return };
        match (&*self.object.group, &*self.object.kind) {
            ("autoscaling", "HorizontalPodAutoscaler") => {
                self.target(spec, "scaleTargetRef", ("apps/v1", "Deployment"))
            }
            ("keda.sh", "ScaledObject") => self.target(spec, "scaleTargetRef", ("apps/v1", "Deployment")),
            ("argoproj.io", "Rollout") => self.rollout(spec),
            ("rbac.authorization.k8s.io", "RoleBinding" | "ClusterRoleBinding") => {
                let kind = if text(spec, "kind") == "ClusterRole" { "ClusterRole" } else { "Role" };
                self.need(How::Role, ("rbac.authorization.k8s.io", kind), text(spec, "name"), &["roleRef", "name"]);
            }
            ("", "PersistentVolumeClaim") => self.claim(spec, &["spec"]),
            ("apps", "StatefulSet") => {
                let templates = spec.get("volumeClaimTemplates").and_then(Value::as_array).into_iter().flatten();
                for (at, template) in templates.enumerate().filter(|_| starts(self.object)) {
                    let Some(of) = template.get("spec") else { continue };
                    self.path = vec!["spec".into(), "volumeClaimTemplates".into(), at.to_string().into()];
                    self.claim(of, &["spec"]);
                    self.path.clear();
                }
            }
            ("external-secrets.io", "ExternalSecret") => {
                self.by(How::Store, spec, "secretStoreRef", "external-secrets.io", "SecretStore");
            }
            ("cert-manager.io", "Certificate") => self.by(How::Store, spec, "issuerRef", "cert-manager.io", "Issuer"),
            ("cert-manager.io", "Issuer") => {
                let name = spec.get("ca").map_or("", |ca| text(ca, "secretName"));
                self.need(How::Store, ("", "Secret"), name, &["spec", "ca", "secretName"]);
            }
            ("apiregistration.k8s.io", "APIService") => {
                if let Some(service) = spec.get("service") {
                    let (namespace, name) = (text(service, "namespace"), text(service, "name"));
                    self.push(How::Service, "".into(), "Service", namespace, name, &["spec", "service", "name"]);
                }
            }
            ("networking.k8s.io", "Ingress") => self.ingress(spec),
            ("argoproj.io", "Workflow") => {
                let of = spec.get("workflowTemplateRef");
                let cluster = of.and_then(|of| of.get("clusterScope")) == Some(&Value::Bool(true));
                let kind = if cluster { "ClusterWorkflowTemplate" } else { "WorkflowTemplate" };
                let name = of.map_or("", |of| text(of, "name"));
                self.need(How::Template, ("argoproj.io", kind), name, &["spec", "workflowTemplateRef", "name"]);
            }
            ("tekton.dev", "PipelineRun") => self.by(How::Template, spec, "pipelineRef", "tekton.dev", "Pipeline"),
            ("tekton.dev", "TaskRun") => self.by(How::Template, spec, "taskRef", "tekton.dev", "Task"),
            ("serving.kserve.io", "InferenceService") if starts(self.object) => self.inference(spec),
            _ => {}
        }
    }

    /// `{field: {kind: …, name: …}}` below `spec`, of one group.
    fn by(&mut self, how: How, spec: &'v Value, field: &'v str, group: &'v str, kind: &'v str) {
        let Some(of) = spec.get(field) else { return };
        if of.get("resolver").is_some() {
            return;
        }
        let kind = of.get("kind").and_then(Value::as_str).unwrap_or(kind);
        let group = of.get("group").and_then(Value::as_str).unwrap_or(group);
        self.need(how, (group, kind), text(of, "name"), &["spec", field, "name"]);
    }

    /// `{field: {apiVersion: …, kind: …, name: …}}` below `spec`.
    fn target(&mut self, spec: &'v Value, field: &'v str, (api, kind): (&'v str, &'v str)) {
        let Some(of) = spec.get(field) else { return };
        let how = if field == "workloadRef" { How::Template } else { How::Scales };
        let api = of.get("apiVersion").and_then(Value::as_str).unwrap_or(api);
        let group = api.split_once('/').map_or("", |(group, _)| group);
        let kind = of.get("kind").and_then(Value::as_str).unwrap_or(kind);
        self.need(how, (group, kind), text(of, "name"), &["spec", field, "name"]);
    }

    /// Source: Argo Rollouts `pkg/apis/rollouts/validation`: a Rollout whose workload or services are missing is InvalidSpec.
    fn rollout(&mut self, spec: &'v Value) {
        self.target(spec, "workloadRef", ("apps/v1", "Deployment"));
        let services = [
            ("canary", "canaryService"),
            ("canary", "stableService"),
            ("blueGreen", "activeService"),
            ("blueGreen", "previewService"),
        ];
        for (strategy, field) in services {
            let of = spec.get("strategy").and_then(|all| all.get(strategy));
            let name = of.map_or("", |of| text(of, field));
            self.need(How::Template, ("", "Service"), name, &["spec", "strategy", strategy, field]);
        }
    }

    /// Only the controllers of AWS and Google give an Ingress no address while a Service of it is missing; to others it makes no difference. Sources:
    /// aws-load-balancer-controller `pkg/ingress` (the model of a group is built as a whole), ingress-gce `pkg/controller/translator`.
    fn ingress(&mut self, spec: &'v Value) {
        let class = match text(spec, "ingressClassName") {
            "" => self.object.annotation("kubernetes.io/ingress.class").unwrap_or_default(),
            class => class,
        };
        if !matches!(class, "alb" | "gce" | "gce-internal") {
            return;
        }
        self.inside("spec", |walk| {
            if let Some(backend) = spec.get("defaultBackend") {
                walk.inside("defaultBackend", |walk| walk.backend(backend));
            }
            let Some(Value::Array(rules)) = spec.get("rules") else { return };
            walk.inside("rules", |walk| {
                walk.each(rules, |walk, rule| {
                    let Some(Value::Array(paths)) = rule.get("http").and_then(|http| http.get("paths")) else { return };
                    walk.inside("http", |walk| {
                        walk.inside("paths", |walk| {
                            walk.each(paths, |walk, path| {
                                if let Some(backend) = path.get("backend") {
                                    walk.inside("backend", |walk| walk.backend(backend));
                                }
                            });
                        });
                    });
                });
            });
        });
    }

    fn backend(&mut self, backend: &'v Value) {
        let name = backend.get("service").map_or("", |service| text(service, "name"));
        // Names that stand for actions of the ALB are no Services.
        let action = format!("alb.ingress.kubernetes.io/actions.{name}");
        if self.object.annotation(&action).is_none() {
            self.need(How::Backend, ("", "Service"), name, &["service", "name"]);
        }
    }

    fn claim(&mut self, spec: &'v Value, under: &[&'v str]) {
        let below = |field: &[&'v str]| [under, field].concat();
        let class = text(spec, "storageClassName");
        self.need(How::Storage, ("storage.k8s.io", "StorageClass"), class, &below(&["storageClassName"]));
        let volume = text(spec, "volumeName");
        self.need(How::Storage, ("", "PersistentVolume"), volume, &below(&["volumeName"]));
        for field in ["dataSource", "dataSourceRef"] {
            if let Some(of) = spec.get(field).filter(|of| of.get("namespace").is_none()) {
                let from = (text(of, "apiGroup"), text(of, "kind"));
                return self.need(How::Storage, from, text(of, "name"), &below(&[field, "name"]));
            }
        }
    }

    /// The model servers of an InferenceService, and the Secret of `storage`. Source: kserve `pkg/apis/serving/v1beta1` (`ModelSpec`, `StorageSpec`);
    /// `storage-config` is its default (`inferenceservice-config`, `storageSpecSecretName`).
    fn inference(&mut self, spec: &'v Value) {
        for component in ["predictor", "transformer", "explainer"] {
            let Some(Value::Object(of)) = spec.get(component) else { continue };
            for (framework, model) in of.iter().filter(|(_, model)| model.is_object()) {
                let name = text(model, "runtime");
                let below = ["spec", component, framework, "runtime"];
                for kind in ["ServingRuntime", "ClusterServingRuntime"] {
                    self.need(How::Runtime, ("serving.kserve.io", kind), name, &below);
                }
                if model.get("storage").is_some_and(|storage| storage.get("key").is_some_and(Value::is_string)) {
                    self.need(How::Mount, ("", "Secret"), "storage-config", &["spec", component, framework, "storage"]);
                }
            }
        }
    }
}

fn cluster_scoped(kind: &str) -> bool {
    kind.starts_with("Cluster")
        || matches!(kind, "PriorityClass" | "RuntimeClass" | "StorageClass" | "PersistentVolume")
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn optional(reference: &Value) -> bool {
    reference.get("optional") == Some(&Value::Bool(true))
}

/// The objects that controllers make of an object as soon as it is applied, by name: kind, namespace and name of each.
pub(super) fn makes(object: &Object) -> Vec<(&str, &str)> {
    let at = |pointer: &str| object.value.pointer(pointer).and_then(Value::as_str).filter(|text| !text.is_empty());
    let name = &*object.name;
    match (&*object.group, &*object.kind) {
        ("external-secrets.io", "ExternalSecret") => {
            let policy = at("/spec/target/creationPolicy").unwrap_or("Owner");
            let secret = at("/spec/target/name").unwrap_or(name);
            if matches!(policy, "Owner" | "Orphan") { vec![("Secret", secret)] } else { Vec::new() }
        }
        ("bitnami.com", "SealedSecret") => vec![("Secret", at("/spec/template/metadata/name").unwrap_or(name))],
        ("cert-manager.io", "Certificate") => {
            at("/spec/secretName").map(|secret| ("Secret", secret)).into_iter().collect()
        }
        ("onepassword.com", "OnePasswordItem") | ("kafka.strimzi.io", "KafkaUser") => vec![("Secret", name)],
        ("objectbucket.io", "ObjectBucketClaim") => vec![("ConfigMap", name), ("Secret", name)],
        ("cdi.kubevirt.io", "DataVolume") => vec![("PersistentVolumeClaim", name)],
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::DESCRIBE;

    #[test]
    fn the_table_can_be_searched() {
        assert!(DESCRIBE.is_sorted());
    }
}
