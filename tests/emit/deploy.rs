//! What is shipped in `deploy/base`.

use std::path::PathBuf;
use std::process::Command;

use serde_json::Value as Json;
use tidegate::emit::{RbacOptions, rbac};
use tidegate::rulebook::{Options, load};

use crate::skip;
use crate::text::{check_least, documents};
use crate::tools::Tools;

fn base() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("deploy/base")
}

fn read(name: &str) -> String {
    std::fs::read_to_string(base().join(name)).unwrap()
}

/// The values of an argument that is given as `--name=value`.
fn argument(deployment: &Json, name: &str) -> Vec<String> {
    let args = deployment["spec"]["template"]["spec"]["containers"][0]["args"].as_array().unwrap();
    let args = args.iter().filter_map(|arg| arg.as_str().unwrap().strip_prefix(&format!("--{name}=")));
    args.map(str::to_owned).collect()
}

/// The shipped roles are those of the shipped rules and of the arguments that the Deployment has.
#[test]
fn the_roles_are_those_of_the_rules() {
    let deployment = documents(&read("deployment.yaml")).remove(0);
    let compiled = load([("rules/rules.tide".to_owned(), read("rules/rules.tide"))], &Options::default());
    assert!(compiled.diagnostics.is_empty(), "{:#?}", compiled.diagnostics);
    assert_eq!(argument(&deployment, "rulebook"), [compiled.rulebook.as_ref().unwrap().id.to_string()]);
    let options = RbacOptions {
        namespace: deployment["metadata"]["namespace"].as_str().unwrap().to_owned(),
        service_account: deployment["spec"]["template"]["spec"]["serviceAccountName"].as_str().unwrap().to_owned(),
        watch_namespaces: argument(&deployment, "watch-namespace"),
        admission: false,
        triggers: false,
    };
    let made = rbac(compiled.rulebook.as_ref().unwrap(), &compiled.sources, &options);
    assert_eq!(made, read("rbac.yaml"), "make deploy/base/rbac.yaml again, with the command in docs/deploy.md");
}

#[test]
fn the_roles_are_least() {
    let roles = documents(&read("rbac.yaml"));
    check_least(&roles);
    // With namespaces to watch, nothing is granted in the whole cluster.
    assert!(roles.iter().all(|role| !role["kind"].as_str().unwrap().starts_with("Cluster")));
    // What the controller changes, it may change by name.
    let rules = roles.iter().flat_map(|role| role["rules"].as_array().into_iter().flatten());
    for rule in rules.filter(|rule| rule["verbs"].as_array().unwrap().contains(&"patch".into())) {
        assert!(!rule["resourceNames"].is_null(), "{rule}");
    }
}

/// Source: https://kubernetes.io/docs/concepts/security/pod-security-standards/ (restricted).
#[test]
fn the_pod_is_restricted() {
    let deployment = documents(&read("deployment.yaml")).remove(0);
    let pod = &deployment["spec"]["template"]["spec"];
    assert!(deployment["spec"]["replicas"].as_u64() >= Some(2));
    assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
    assert_eq!(pod["securityContext"]["seccompProfile"]["type"], "RuntimeDefault");
    for key in ["hostNetwork", "hostPID", "hostIPC"] {
        assert!(pod[key].is_null());
    }
    for volume in pod["volumes"].as_array().unwrap() {
        assert!(!volume["configMap"].is_null(), "{volume}");
    }
    for container in pod["containers"].as_array().unwrap() {
        let security = &container["securityContext"];
        assert_eq!(security["allowPrivilegeEscalation"], false);
        assert_eq!(security["readOnlyRootFilesystem"], true);
        assert_eq!(security["capabilities"]["drop"], serde_json::json!(["ALL"]));
        assert_eq!(container["livenessProbe"]["httpGet"]["path"], "/healthz");
        assert_eq!(container["readinessProbe"]["httpGet"]["path"], "/readyz");
        assert!(!container["resources"]["requests"].is_null() && !container["resources"]["limits"].is_null());
        let names: Vec<&str> = container["env"].as_array().unwrap().iter().filter_map(|e| e["name"].as_str()).collect();
        assert_eq!(names, ["POD_NAME", "POD_NAMESPACE"]);
    }
}

/// `kubectl kustomize` makes it, and what belongs together fits.
#[test]
fn kustomize_makes_it() {
    let tools = match Tools::find(&["kubectl"]) {
        Ok(tools) => tools,
        Err(need) => return skip::skipped("kustomize_makes_it", &need),
    };
    let output = Command::new(tools.program("kubectl")).arg("kustomize").arg(base()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let objects = documents(&String::from_utf8(output.stdout).unwrap());
    let one = |kind: &str| objects.iter().find(|object| object["kind"] == kind).unwrap_or_else(|| panic!("no {kind}"));
    check_least(&objects);
    let pod = &one("Deployment")["spec"]["template"];
    let labels = &pod["metadata"]["labels"];
    assert_eq!(&one("Deployment")["spec"]["selector"]["matchLabels"], labels);
    assert_eq!(&one("Service")["spec"]["selector"], labels);
    assert_eq!(&one("PodDisruptionBudget")["spec"]["selector"]["matchLabels"], labels);
    let rules = one("ConfigMap");
    assert_eq!(rules["metadata"]["name"], pod["spec"]["volumes"][0]["configMap"]["name"]);
    assert_eq!(rules["data"]["rules.tide"], read("rules/rules.tide"));
    assert_eq!(one("ServiceAccount")["metadata"]["name"], pod["spec"]["serviceAccountName"]);
    assert!(!objects.iter().any(|object| object["kind"] == "Secret"));
}

/// The Dockerfile is not built here. What can be told without it: all that the compiler reads is copied, and is in the context.
#[test]
fn the_dockerfile_copies_what_is_compiled() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let dockerfile = std::fs::read_to_string(root.join("deploy/Dockerfile")).unwrap();
    let ignored = std::fs::read_to_string(root.join("deploy/Dockerfile.dockerignore")).unwrap();
    let copies =
        dockerfile.lines().filter_map(|line| line.strip_prefix("COPY ")).filter(|line| !line.starts_with("--from"));
    let copied: Vec<&str> = copies.flat_map(|line| line.split(' ').rev().skip(1)).collect();
    for path in &copied {
        assert!(root.join(path).exists(), "{path}");
        assert!(ignored.contains(&format!("\n!{path}\n")), "{path} is not in the context");
    }
    let manifest = std::fs::read_to_string(root.join("Cargo.toml")).unwrap();
    // Benchmarks are named there, and cargo wants to see them.
    assert!(!manifest.contains("[[bench]]") || copied.contains(&"benches"));
    let mut folders = vec![root.join("src")];
    while let Some(folder) = folders.pop() {
        for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            for file in text.split("include_str!(\"").skip(1).filter_map(|rest| rest.split('"').next()) {
                let file = path.parent().unwrap().join(file).canonicalize().unwrap();
                let file = file.strip_prefix(root.canonicalize().unwrap()).unwrap().to_owned();
                assert!(copied.iter().any(|folder| file.starts_with(folder)), "{} is not copied", file.display());
            }
        }
    }
    // The library is embedded by a macro that puts each file's path together (src/rulebook/resolve/library.rs).
    assert!(["grammar", "rules", "src"].iter().all(|folder| copied.contains(folder)));
    // The last stage runs nothing and is nobody's root.
    let last = dockerfile.rsplit("\nFROM ").next().unwrap();
    assert!(
        last.starts_with("scratch\n") && last.contains("\nUSER 65532:65532\n") && !last.contains("\nRUN "),
        "{last}"
    );
}
