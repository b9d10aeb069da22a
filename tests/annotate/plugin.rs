//! The Argo CD plugin: what its script prints in a source, with stand-ins for kustomize and Helm, and that its parts fit together.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::run::{Ran, folder};

const RULES: &str = "application argocd/ml\nnamespace ml\npvc cache after secret key\n";
const OBJECTS: &str = "# Source: chart/templates/all.yaml\napiVersion: v1\nkind: Secret\nmetadata: {name: key}\n---\napiVersion: v1\nkind: PersistentVolumeClaim\nmetadata:\n  name: cache # the cache\n";
const WAVE: &str = "  annotations:\n    argocd.argoproj.io/sync-wave: \"1\"\n";

fn plugin() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/argocd-plugin")
}

/// Runs the script in a source. The stand-ins print `rendered.txt` and leave their arguments in `arguments.txt`.
fn generate(files: &[(&str, &str)], settings: &[(&str, &str)]) -> (Ran, String) {
    let source = folder(files);
    let programs = tempfile::tempdir().unwrap();
    for name in ["kustomize", "helm"] {
        let path = programs.path().join(name);
        let script = format!("#!/bin/sh\necho \"{name} $*\" > arguments.txt\ncat rendered.txt\n");
        std::fs::write(&path, script).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let own = Path::new(env!("CARGO_BIN_EXE_tidegate")).parent().unwrap();
    let path = format!("{}:{}:{}", programs.path().display(), own.display(), std::env::var("PATH").unwrap());
    let output = Command::new("sh")
        .arg(plugin().join("generate.sh"))
        .current_dir(source.path())
        .env("PATH", path)
        .envs(settings.iter().copied())
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let ran = Ran { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) };
    (ran, std::fs::read_to_string(source.path().join("arguments.txt")).unwrap_or_default())
}

fn check(files: &[(&str, &str)], settings: &[(&str, &str)], arguments: &str) {
    let (ran, used) = generate(files, settings);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{}", ran.out);
    assert_eq!(ran.out, format!("{OBJECTS}{WAVE}"));
    assert_eq!(used.trim(), arguments);
}

#[test]
fn kustomizations_charts_and_folders() {
    let rules = ("rules.tide", RULES);
    check(&[rules, ("kustomization.yaml", "resources: []\n"), ("rendered.txt", OBJECTS)], &[], "kustomize build .");
    let chart =
        [rules, ("Chart.yaml", "name: x\nversion: 1.0.0\n"), ("rendered.txt", OBJECTS), ("my-values.yaml", "a: b\n")];
    check(&chart, &[], "helm template release . --include-crds --namespace default");
    check(
        &chart,
        &[
            ("ARGOCD_APP_NAME", "ml"),
            ("ARGOCD_APP_NAMESPACE", "serving"),
            ("KUBE_VERSION", "1.34.0"),
            ("ARGOCD_ENV_HELM_VALUES", "my-values.yaml"),
            ("ARGOCD_ENV_TIDEGATE_RULES", "rules.tide"),
        ],
        "helm template ml . --include-crds --namespace serving --kube-version 1.34.0 --values my-values.yaml",
    );
    check(&[rules, ("all.yaml", OBJECTS)], &[], "");
    check(&[("below/rules.tide", RULES), ("all.yaml", OBJECTS), ("below/other.yaml", "not: read\n")], &[], "");
}

/// Names, with texts or values.
type Pairs<'t> = &'t [(&'t str, &'t str)];

#[test]
fn what_goes_wrong_fails() {
    let source = [("rules.tide", RULES), ("kustomization.yaml", ""), ("rendered.txt", OBJECTS)];
    let cases: &[(Pairs<'_>, Pairs<'_>, &str)] = &[
        // Nothing rendered: the stand-in has nothing to print and fails.
        (&[("rules.tide", RULES), ("kustomization.yaml", "")], &[], "rendered.txt"),
        (&[("rules.tide", "when\n"), ("kustomization.yaml", ""), ("rendered.txt", OBJECTS)], &[], "TG001"),
        (&[("rules.tide", RULES), ("kustomization.yaml", ""), ("rendered.txt", "a: [\n")], &[], "TG400"),
        (&[("rules.tide", RULES)], &[], "no manifest in the source"),
        (&source, &[("ARGOCD_ENV_TIDEGATE_RULES", "../other")], "is not below the source"),
        (&source, &[("ARGOCD_ENV_TIDEGATE_RULES", "/etc/passwd")], "is not below the source"),
        (&source, &[("ARGOCD_ENV_TIDEGATE_RULES", "none.tide")], "the source has no `none.tide`"),
    ];
    for (files, settings, message) in cases {
        let (ran, _) = generate(files, settings);
        assert_ne!(ran.code, 0, "{message}: {}", ran.out);
        assert!(ran.err.contains(message), "{message}: {}", ran.err);
    }
}

#[test]
fn the_parts_fit_together() {
    let read = |name: &str| -> Value {
        tidegate::manifests::parse_yaml(&std::fs::read_to_string(plugin().join(name)).unwrap()).unwrap()
    };
    let (declared, component, sidecar) = (read("plugin.yaml"), read("kustomization.yaml"), read("sidecar.yaml"));
    assert_eq!(declared["apiVersion"], "argoproj.io/v1alpha1");
    assert_eq!(declared["kind"], "ConfigManagementPlugin");
    let pod = &sidecar["spec"]["template"]["spec"];
    let container = &pod["containers"][0];
    let script = declared["spec"]["generate"]["command"][1].as_str().unwrap();
    let map = &component["configMapGenerator"][0];
    let volume = pod["volumes"].as_array().unwrap().iter().find(|v| v["configMap"]["name"] == map["name"]).unwrap();
    let mount = container["volumeMounts"].as_array().unwrap().iter().find(|m| m["name"] == volume["name"]).unwrap();
    // Argo CD's plugin server reads plugin.yaml from this folder.
    assert_eq!(mount["mountPath"], "/home/argocd/cmp-server/config");
    let files: Vec<&str> = map["files"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert!(files.contains(&"plugin.yaml"));
    let (folder, name) = script.rsplit_once('/').unwrap();
    assert!(mount["mountPath"] == folder && files.contains(&name), "{script}");
    assert_eq!(component["patches"][0]["path"], "sidecar.yaml");
    for file in files {
        assert!(plugin().join(file).exists(), "{file}");
    }
}
