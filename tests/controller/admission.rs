//! The admission policy: what it refuses, as the API server itself evaluates it, and the ConfigMap that the controller keeps for it.

use std::process::Command;

use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Api, DeleteParams, DynamicObject, Patch, PatchParams, PostParams};
use kube::{Client, ResourceExt};
use serde::Deserialize as _;
use serde_json::{Value, json};

use crate::CLUSTER;
use crate::stage::{PATIENCE, Stage, next_second};
use crate::support::{Cluster, Install, objects};

const RULES: &str = "application argocd/fraud\nwhen job train-fraud succeeds then restart isvc fraud; block wave 4\n";

/// Makes what `emit admission` prints, for the controller in `home`, for objects in `namespaces`.
async fn apply_policy(cluster: &Cluster, admin: &Client, home: &str, namespaces: &[&str], more: &[&str]) {
    let rules =
        cluster.scratch().write(&format!("{home}-admission.tide"), &format!("namespace {home}\n{RULES}")).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
    command.args(["emit", "admission"]).arg(rules).args(["--namespace", home]).args(more);
    command.args(namespaces.iter().map(|namespace| format!("--only-namespace={namespace}")));
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    objects::create_all(admin, home, &String::from_utf8(output.stdout).unwrap()).await;
}

fn config_map(name: &str, annotations: &Value) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "annotations": annotations}})
}

/// Tries to create it; the message if it is refused.
async fn create(client: &Client, namespace: &str, object: &Value, dry_run: bool) -> Result<DynamicObject, String> {
    let object: DynamicObject = serde_json::from_value(object.clone()).unwrap();
    let gvk = kube::api::GroupVersionKind::try_from(object.types.as_ref().unwrap()).unwrap();
    let (resource, capabilities) = kube::discovery::pinned_kind(client, &gvk).await.unwrap();
    let api: Api<DynamicObject> = match capabilities.scope {
        kube::discovery::Scope::Cluster => Api::all_with(client.clone(), &resource),
        kube::discovery::Scope::Namespaced => Api::namespaced_with(client.clone(), namespace, &resource),
    };
    let how = PostParams { dry_run, ..PostParams::default() };
    api.create(&how, &object).await.map_err(|error| match error {
        kube::Error::Api(status) => {
            assert_eq!((status.code, status.reason.as_str()), (403, "Forbidden"), "{status:?}");
            status.message
        }
        other => panic!("{other}"),
    })
}

/// Waits until the API server has taken the policy and its parameters up: then this is refused.
async fn until_refused(client: &Client, namespace: &str, object: &Value) -> String {
    let refused = async {
        loop {
            match create(client, namespace, object, false).await {
                Err(message) => break message,
                Ok(made) => {
                    let api: Api<ConfigMap> = Api::namespaced(client.clone(), namespace);
                    api.delete(&made.name_any(), &DeleteParams::default()).await.unwrap();
                }
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, refused).await.expect("the policy is taken up")
}

const TRACKING: &str = "argocd.argoproj.io/tracking-id";
const WAVE: &str = "argocd.argoproj.io/sync-wave";
const HOOK: &str = "argocd.argoproj.io/hook";

/// Each case: what it is, its annotations (`NS` stands for the namespace, `NAME` for the object's name), and whether it is refused.
#[tokio::test]
async fn the_policy_refuses_what_belongs_to_a_held_wave_and_nothing_else() {
    let Some(cluster) = CLUSTER.get("the_policy_refuses_what_belongs_to_a_held_wave_and_nothing_else") else { return };
    let admin = cluster.admin().await;
    let home = cluster.namespace(&admin, "policy-home").await;
    let namespace = cluster.namespace(&admin, "policy").await;
    let aside = cluster.namespace(&admin, "policy-aside").await;
    apply_policy(cluster, &admin, &home, &[&namespace], &[]).await;
    let line = |wave: &str, place: &str| {
        format!("{wave} {place} 2026-03-01T08:00:00Z by rule good, which waits for job train succeeds\n")
    };
    let held = json!({
        "argocd_fraud": format!("{}{}", line("4", "*"), line("7", "*")),
        "apps_fraud": line("0", "*"),
        "argocd_minus": line("-2", "*"),
        "argocd_here": line("1", &format!("other,{namespace}")),
        "argocd_there": line("1", "other"),
        "argocd_broken": "nonsense",
    });
    let map =
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "tidegate-gates-default"}, "data": held});
    objects::create(&admin, &home, map).await;

    let of = |app: &str| json!({TRACKING: format!("{app}:/ConfigMap:NS/NAME")});
    let with = |app: &str, more: Value| {
        let mut all = of(app);
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        all
    };
    let wave = |app: &str, wave: &str| with(app, json!({ WAVE: wave }));
    let hook = |name: &str, wave: &str| with("fraud", json!({HOOK: name, WAVE: wave}));
    let cases: Vec<(&str, Value, bool)> = vec![
        ("the held wave", wave("fraud", "4"), true),
        ("a later one", wave("fraud", "+12"), true),
        ("an earlier one", wave("fraud", "3"), false),
        ("a negative one", wave("fraud", "-5"), false),
        ("no wave", of("fraud"), false),
        ("a wave that is no number counts as 0", wave("fraud", "four"), false),
        ("so do spaces", wave("fraud", " 5"), false),
        ("an underscore", wave("fraud", "5_0"), false),
        ("an empty one", wave("fraud", ""), false),
        ("more digits than a number has", wave("fraud", "99999999999999999999"), false),
        ("Helm's weight stands for a bad wave", with("fraud", json!({WAVE: "x", "helm.sh/hook-weight": "5"})), true),
        ("and for none", with("fraud", json!({"helm.sh/hook-weight": "5"})), true),
        ("a good wave counts before it", with("fraud", json!({WAVE: "1", "helm.sh/hook-weight": "5"})), false),
        ("no annotations", Value::Null, false),
        ("no tracking-id", json!({WAVE: "5"}), false),
        ("another application", wave("other", "5"), false),
        ("a tracking-id copied from a parent", json!({TRACKING: "fraud:apps/Deployment:NS/fraud", WAVE: "5"}), false),
        ("of another object of this kind", json!({TRACKING: "fraud:/ConfigMap:NS/parent", WAVE: "5"}), false),
        ("of another namespace", json!({TRACKING: "fraud:/ConfigMap:elsewhere/NAME", WAVE: "5"}), false),
        ("a name that the server makes", json!({TRACKING: "fraud:/ConfigMap:NS/", WAVE: "5"}), true),
        ("no tracking-id at all", json!({TRACKING: "", WAVE: "5"}), false),
        ("an application in another namespace", of("apps_fraud"), true),
        ("one that is held from a negative wave on", of("minus"), true),
        ("below that", wave("minus", "-3"), false),
        ("held in this namespace", wave("here", "1"), true),
        ("held in others only", wave("there", "1"), false),
        ("a line that cannot be read holds", of("broken"), true),
        ("a hook of the held wave", hook("Sync", "4"), true),
        ("the hook before it, such as the one that waits", hook("Sync", "3"), false),
        ("a PreSync hook comes before", hook("PreSync", "9"), false),
        ("a PostSync hook comes after", hook("PostSync", "0"), true),
        ("both, with spaces", hook("PreSync, PostSync", "0"), false),
        ("a SyncFail hook says that it failed", hook("SyncFail", "9"), false),
        ("a Helm hook before", with("fraud", json!({"helm.sh/hook": "pre-install,pre-upgrade", WAVE: "9"})), false),
        ("a Helm hook after", with("fraud", json!({"helm.sh/hook": "post-install"})), true),
    ];
    let probe = config_map(
        "probe",
        &serde_json::from_str(&wave("fraud", "4").to_string().replace("NS/NAME", &format!("{namespace}/probe")))
            .unwrap(),
    );
    let message = until_refused(&admin, &namespace, &probe).await;
    let says = "wave 4 of application fraud is held: wave 4 and later since 2026-03-01T08:00:00Z by rule good, which waits for job train succeeds";
    assert!(message.ends_with(says), "{message}");
    assert!(message.contains(&format!("ValidatingAdmissionPolicy 'tidegate-default.{home}'")), "{message}");
    let mut wrong = Vec::new();
    for (number, (what, annotations, refused)) in cases.iter().enumerate() {
        let name = format!("case-{number}");
        let text = annotations.to_string().replace("NS/", &format!("{namespace}/")).replace("NAME", &name);
        let mut object = config_map(&name, &serde_json::from_str(&text).unwrap());
        if what.contains("server makes") {
            object["metadata"]["generateName"] = object["metadata"]["name"].take();
            object["metadata"].as_object_mut().unwrap().remove("name");
        }
        let got = create(&admin, &namespace, &object, false).await;
        if got.is_err() != *refused {
            wrong.push(format!("{what}: {got:?}"));
        }
        // A dry run creates nothing: Argo CD's comparison on the server goes on.
        assert!(
            create(&admin, &namespace, &config_map(&format!("dry-{number}"), &object["metadata"]["annotations"]), true)
                .await
                .is_ok(),
            "{what}"
        );
    }
    assert!(wrong.is_empty(), "{wrong:#?}");

    let several = until_refused(
        &admin,
        &namespace,
        &config_map("several", &json!({TRACKING: format!("fraud:/ConfigMap:{namespace}/several"), WAVE: "8"})),
    )
    .await;
    assert_eq!(several.matches(" and later since ").count(), 2, "each that holds is named: {several}");
    // Another namespace is not asked about.
    assert!(
        create(
            &admin,
            &aside,
            &config_map("x", &json!({TRACKING: format!("fraud:/ConfigMap:{aside}/x"), WAVE: "5"})),
            false
        )
        .await
        .is_ok()
    );
    // Server-side apply of what is not there creates it; of what is there it changes it.
    let maps: Api<ConfigMap> = Api::namespaced(admin.clone(), &namespace);
    let apply = async |name: &str| {
        let object = config_map(name, &json!({TRACKING: format!("fraud:/ConfigMap:{namespace}/{name}"), WAVE: "5"}));
        maps.patch(name, &PatchParams::apply("argocd-controller").force(), &Patch::Apply(object)).await
    };
    assert!(apply("applied").await.is_err());
    maps.create(&PostParams::default(), &serde_json::from_value(config_map("applied", &json!({}))).unwrap())
        .await
        .unwrap();
    assert!(apply("applied").await.is_ok(), "an update passes");
    // Cluster-scoped objects have the namespace that the Application deploys into in their tracking-id.
    let role = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": format!("{namespace}-role"),
        "annotations": {TRACKING: format!("fraud:rbac.authorization.k8s.io/ClusterRole:{namespace}/{namespace}-role"), WAVE: "4"}}});
    assert!(create(&admin, "", &role, false).await.is_err());
    // Without parameters nothing is held.
    let params: Api<ConfigMap> = Api::namespaced(admin.clone(), &home);
    params.delete("tidegate-gates-default", &DeleteParams::default()).await.unwrap();
    let passes = async {
        while create(
            &admin,
            &namespace,
            &config_map("late", &json!({TRACKING: format!("fraud:/ConfigMap:{namespace}/late"), WAVE: "4"})),
            false,
        )
        .await
        .is_err()
        {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, passes).await.expect("nothing is held without parameters");
}

/// With label tracking children carry the label, too: what has an owner passes.
#[tokio::test]
async fn the_policy_goes_by_label_when_told() {
    let Some(cluster) = CLUSTER.get("the_policy_goes_by_label_when_told") else { return };
    let admin = cluster.admin().await;
    let home = cluster.namespace(&admin, "label-home").await;
    let namespace = cluster.namespace(&admin, "label").await;
    apply_policy(cluster, &admin, &home, &[&namespace], &["--by-label", "--argocd-namespace=gitops"]).await;
    let held = json!({"gitops_fraud": "4 * 2026-03-01T08:00:00Z by rule good, which waits for job train succeeds\n"});
    let map =
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "tidegate-gates-default"}, "data": held});
    objects::create(&admin, &home, map).await;
    let labelled = |name: &str, app: &str, wave: &str| {
        let mut object = config_map(name, &json!({ WAVE: wave }));
        object["metadata"]["labels"] = json!({"app.kubernetes.io/instance": app});
        object
    };
    until_refused(&admin, &namespace, &labelled("held", "fraud", "4")).await;
    assert!(create(&admin, &namespace, &labelled("earlier", "fraud", "3"), false).await.is_ok());
    assert!(create(&admin, &namespace, &labelled("other", "other", "4"), false).await.is_ok());
    let mut owned = labelled("owned", "fraud", "4");
    owned["metadata"]["ownerReferences"] =
        json!([{"apiVersion": "v1", "kind": "ConfigMap", "name": "earlier", "uid": "1"}]);
    assert!(create(&admin, &namespace, &owned, false).await.is_ok());
}

/// The controller writes what is held, says since when, writes nothing while nothing changes, puts right what others change, and a replica
/// that comes after it says the same.
#[tokio::test]
async fn the_controller_keeps_the_held_waves_for_the_policy() {
    let Some(cluster) = CLUSTER.get("the_controller_keeps_the_held_waves_for_the_policy") else { return };
    let install = Install { rules: RULES, emit: &["--admission"], ..Install::default() };
    let stage = Stage::with(cluster, "held", &install).await;
    stage.service("fraud").await;
    stage.job("train-fraud").await;
    let home = stage.deployed.namespace.clone();
    let namespaces = [stage.namespace.as_str(), home.as_str()];
    apply_policy(cluster, &stage.admin, &home, &namespaces, &[]).await;
    let maps: Api<ConfigMap> = Api::namespaced(stage.admin.clone(), &home);
    let held = async || {
        let map = maps.get_opt("tidegate-gates-default").await.unwrap()?;
        Some((map.resource_version().unwrap(), map.data.unwrap_or_default()))
    };
    let controller = stage.start_with("a", &["--admission"]).await;
    controller
        .until("the wave is held", async || held().await.is_some_and(|(_, data)| data.contains_key("argocd_fraud")))
        .await;
    let (version, data) = held().await.unwrap();
    let line = data["argocd_fraud"].clone();
    let job = format!("which waits for job {}/train-fraud succeeds", stage.namespace);
    assert!(
        line.starts_with("4 * 20") && line.contains("Z by rule when-") && line.trim_end().ends_with(&job),
        "{line}"
    );
    let object = |name: &str| {
        config_map(name, &json!({TRACKING: format!("fraud:/ConfigMap:{}/{name}", stage.namespace), WAVE: "4"}))
    };
    let message = until_refused(&stage.admin, &stage.namespace, &object("early")).await;
    assert!(message.contains(&job), "{message}");
    // tidegate's own account passes: it makes Jobs and Events, and its own ConfigMaps.
    let own = cluster.client(&stage.deployed.token).await;
    let passes = create(
        &own,
        &home,
        &config_map("own", &json!({TRACKING: format!("fraud:/ConfigMap:{home}/own"), WAVE: "4"})),
        false,
    )
    .await;
    assert!(passes.is_ok(), "{passes:?}");

    // Whoever changes or deletes it, it is put right; since when stays, also for a replica that comes after.
    let patch = Patch::Merge(json!({"data": {"argocd_fraud": null, "other": "0 * x"}}));
    maps.patch("tidegate-gates-default", &PatchParams::default(), &patch).await.unwrap();
    let right = async || held().await.is_some_and(|(_, data)| data.keys().eq(["argocd_fraud"]));
    controller.until("it is put right", right).await;
    maps.delete("tidegate-gates-default", &DeleteParams::default()).await.unwrap();
    controller.until("it is made again", right).await;
    let (version_then, data) = held().await.unwrap();
    assert_ne!(version_then, version);
    let line = data["argocd_fraud"].clone();
    let mut first = controller;
    next_second().await;
    assert!(first.process.terminate().unwrap().success());
    let second = stage.start_with("b", &["--admission"]).await;
    second.until_leads().await;
    second.until("it has compared", async || second.status()["admission"]["applicationsHeld"] == 1).await;
    next_second().await;
    assert_eq!(
        held().await.unwrap(),
        (version_then, [("argocd_fraud".to_owned(), line)].into()),
        "nothing was written"
    );

    stage.succeed("train-fraud").await;
    second.until("the wave is open", async || held().await.is_some_and(|(_, data)| data.is_empty())).await;
    let opened = async {
        while create(&stage.admin, &stage.namespace, &object("late"), false).await.is_err() {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, opened).await.expect("it is open");
    assert_eq!(second.metric("tidegate_admission_writes_total{result=\"failed\"}"), None);
}

/// What is emitted is a stream of two documents that name what they must; the tests above say what they do.
#[test]
fn the_policy_is_the_same_for_the_same_rules() {
    let emit = |more: &[&str]| {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("r.tide"), format!("namespace ml\n{RULES}")).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
        command.args(["emit", "admission"]).arg(folder.path().join("r.tide")).args(more);
        let output = command.output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let (code, text, said) = emit(&[]);
    assert_eq!((code, said.as_str()), (Some(0), ""));
    assert_eq!(emit(&[]).1, text);
    let documents: Vec<Value> =
        serde_yaml::Deserializer::from_str(&text).map(|d| Value::deserialize(d).unwrap()).collect();
    assert_eq!(documents.len(), 2);
    let selector = &documents[0]["spec"]["matchConstraints"]["namespaceSelector"]["matchExpressions"][0];
    assert_eq!(selector["values"], json!(["kube-node-lease", "kube-public", "kube-system", "tidegate"]));
    assert_eq!(documents[0]["spec"]["failurePolicy"], "Fail");
    assert_eq!(
        documents[1]["spec"]["paramRef"],
        json!({"name": "tidegate-gates-default", "namespace": "tidegate", "parameterNotFoundAction": "Allow"})
    );
    let (_, open, _) = emit(&["--fail-open"]);
    assert!(open.contains("failurePolicy: Ignore"));
    let (code, _, said) = emit(&["--namespace", "a'b"]);
    assert_eq!((code, said.contains("--namespace: `a'b` is not a name")), (Some(2), true), "{said}");
}
