//! What is broken, encrypted or no manifest at all: an error with file and line, and nothing else is lost. Each case goes through the binary too.

use std::path::Path;
use std::process::Command;

use tidegate::diagnostic::Sources;
use tidegate::manifests::{self, Defaults, Platform};

const GOOD: &str = "apiVersion: v1\nkind: Pod\nmetadata: {name: good}\n";

/// The objects and findings of some paths, one a line, with the folder's name taken away; the binary must say the same.
fn read(folder: &Path, paths: &[&str]) -> String {
    let paths: Vec<_> = paths.iter().map(|path| folder.join(path)).collect();
    let mut sources = Sources::default();
    let read = manifests::read(&paths, &mut sources).unwrap();
    let platform = Platform::new(read, &Defaults::default(), &sources);
    let mut out = String::new();
    for object in &platform.objects {
        out += &format!("{} {}\n", object.kind, object.name);
    }
    let mut lint = Command::new(env!("CARGO_BIN_EXE_tidegate"));
    lint.args(["lint", "--format", "json"]);
    for path in &paths {
        lint.arg("--manifests").arg(path);
    }
    let said = lint.output().unwrap();
    let said: Vec<serde_json::Value> = serde_json::from_slice(&said.stdout).unwrap();
    let said: Vec<&str> = said.iter().map(|finding| finding["message"].as_str().unwrap()).collect();
    for d in &platform.diagnostics {
        out += &format!("{} {:?} {}: {}", sources.place(d.span), d.severity, d.code, d.message);
        out += &if d.help.is_empty() { "\n".to_owned() } else { format!(" ({})\n", d.help) };
        assert!(said.contains(&d.message.as_str()), "{d:?} is not among {said:?}");
    }
    out.replace(&format!("{}/", folder.display()), "")
}

fn utf_16(text: &str, swap: bool) -> Vec<u8> {
    let units = text.encode_utf16().flat_map(|unit| if swap { unit.to_be_bytes() } else { unit.to_le_bytes() });
    units.collect()
}

/// `good` before and after what is broken, where the break leaves it whole.
#[test]
fn broken_manifests_give_an_error_with_its_place_and_lose_nothing() {
    let around = |broken: &str| format!("{GOOD}---\n{broken}\n---\n{}", GOOD.replace("good", "good-too")).into_bytes();
    let mut bomb = "a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol]\n".to_owned();
    for n in 1..12 {
        bomb += &format!("a{n}: &a{n} [{}]\n", vec![format!("*a{}", n - 1); 8].join(", "));
    }
    let large =
        format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: large}}\ndata:\n  x: {}", "y".repeat(5 << 20));
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("truncated", format!("{GOOD}---\napiVersion: v1\nkind: Pod\nspec:\n  containers: [").into_bytes()),
        ("unclosed", around("a: \"never closed")),
        ("duplicate-keys", around("apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nmetadata: {name: b}")),
        ("tabs", around("apiVersion: v1\nkind: Pod\nmetadata:\n\tname: a")),
        ("five-megabytes", around(&large)),
        ("nul", around("apiVersion: v1\nkind: Pod\nmetadata: {name: a\0b}")),
        ("utf-16-le", [vec![0xff, 0xfe], utf_16(GOOD, false)].concat()),
        ("utf-16-be", utf_16(GOOD, true)),
        ("latin-1", b"apiVersion: v1\nkind: Pod\nmetadata: {name: caf\xe9}\n".to_vec()),
        ("metadata-list", around("apiVersion: v1\nkind: Pod\nmetadata: [a]")),
        ("annotations-list", around("apiVersion: v1\nkind: Pod\nmetadata: {name: a, annotations: [b]}")),
        ("spec-list", around("apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: []")),
        ("version-list", around("apiVersion: [v1]\nkind: Pod\nmetadata: {name: a}")),
        ("items-map", around("apiVersion: v1\nkind: List\nitems: {a: 1}")),
        ("scalar", around("just text")),
        ("bomb", around(&bomb)),
        ("cycle", around("a: &x [*x]")),
        ("deep", around(&"[".repeat(100_000))),
        ("template", around("{{ if .x }}\na: {{ .y }}\n{{ end }}\n---\n{{ .z }}")),
        ("no-kind", around("apiVersion: v1\nmetadata: {name: a}")),
        ("no-name", around("apiVersion: v1\nkind: Pod")),
        ("name-number", around("apiVersion: v1\nkind: Pod\nmetadata: {name: 5}")),
    ];
    let folder = tempfile::tempdir().unwrap();
    let mut out = String::new();
    for (name, bytes) in cases {
        let file = format!("{name}.yaml");
        std::fs::write(folder.path().join(&file), bytes).unwrap();
        out += &format!("{name}:\n{}\n", read(folder.path(), &[&file]));
    }
    insta::assert_snapshot!(out);
}

#[test]
fn what_sops_has_encrypted_is_read_as_far_as_it_is_readable() {
    let cipher = "ENC[AES256_GCM,data:aGk=,iv:eA==,tag:eQ==,type:str]";
    let text = format!(
        "apiVersion: v1\nkind: Secret\nmetadata:\n  name: s3\n  annotations:\n    argocd.argoproj.io/sync-wave: \"3\"\n    other: {cipher}\ndata:\n  key: {cipher}\nsops:\n  mac: {cipher}\n\
        ---\napiVersion: v1\nkind: Secret\nmetadata:\n  name: s4\n  annotations: {{argocd.argoproj.io/sync-wave: \"{cipher}\"}}\nsops:\n  mac: {cipher}\n\
        ---\napiVersion: v1\nkind: Secret\nmetadata: {{name: \"{cipher}\"}}\nsops:\n  mac: {cipher}\n\
        ---\napiVersion: {cipher}\nkind: {cipher}\nmetadata: {{name: \"{cipher}\"}}\nsops:\n  mac: {cipher}\n"
    );
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("s.yaml"), text).unwrap();
    insta::assert_snapshot!(read(folder.path(), &["s.yaml"]));
    let mut sources = Sources::default();
    let documents = manifests::read(&[folder.path().join("s.yaml")], &mut sources).unwrap();
    let platform = Platform::new(documents, &Defaults::default(), &sources);
    let object = platform.find("", "Secret", "", "s3").unwrap();
    assert!(object.encrypted && object.wave == 3 && object.annotation("other").is_none());
    assert_eq!(object.value["data"]["key"], cipher);
    assert_eq!(platform.find("", "Secret", "", "s4").unwrap().wave, 0);
}

#[test]
fn charts_and_kustomizations_in_folders_say_one_thing_each() {
    let files = [
        ("chart/Chart.yaml", "apiVersion: v2\nname: x\nversion: 0.1.0\n"),
        ("chart/values.yaml", "a: 1\n"),
        ("chart/values-prod.yaml", "a: 1\n"),
        ("chart/values.schema.json", "{}"),
        ("chart/templates/a.yaml", "kind: {{ .Values.kind }}\n---\n{{ if .x }}\n"),
        ("chart/charts/sub/Chart.yaml", "apiVersion: v2\nname: sub\n"),
        ("chart/charts/sub/templates/a.yaml", "{{ x }}\n"),
        ("chart/crds/c.yaml", "apiVersion: v1\nkind: Pod\nmetadata: {name: of-the-chart}\n"),
        ("base/kustomization.yaml", "resources:\n- a.yaml\n"),
        ("base/a.yaml", GOOD),
        (
            "prod/kustomization.yaml",
            "namespace: prod\nresources: [../base]\ncomponents: [../part]\npatches:\n- path: ./p.yaml\n- patch: |-\n    a\n    b\nconfigMapGenerator:\n- name: c\n  files: [k=conf.yaml]\n",
        ),
        ("prod/p.yaml", "apiVersion: v1\nkind: Pod\nmetadata: {name: good}\nspec: {}\n"),
        ("prod/conf.yaml", "a: {{ x }}\n"),
        ("part/kustomization.yaml", "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nlabels: []\n"),
        ("docker-compose.yaml", "services: {}\n"),
    ];
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    insta::assert_snapshot!(read(folder.path(), &[""]).replace(&folder.path().display().to_string(), "DIR"));
    // What is named is read, whatever stands beside it.
    insta::assert_snapshot!(
        read(folder.path(), &["prod/p.yaml", "base/kustomization.yaml"])
            .replace(&folder.path().display().to_string(), "DIR")
    );
}

#[test]
fn applications_say_how_they_are_synced() {
    let text = "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: a, namespace: argocd}\nspec:\n  project: ml\n  source: {repoURL: https://example.org/a.git}\n  \
        destination: {server: https://kubernetes.default.svc, namespace: ml}\n  syncPolicy:\n    automated: {selfHeal: true, prune: true}\n    syncOptions: [Replace=true, ApplyOutOfSyncOnly=true]\n  \
        ignoreDifferences:\n  - {group: apps, kind: Deployment, jsonPointers: [/spec/replicas], jqPathExpressions: [.a], managedFieldsManagers: [m]}\n\
        ---\napiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: b, namespace: argocd}\nspec:\n  sources: [{repoURL: x}, {repoURL: z}]\n  destination: {name: in-cluster}\n  \
        syncPolicy: {automated: {enabled: false, selfHeal: true}}\n\
        ---\napiVersion: argoproj.io/v1alpha1\nkind: ApplicationSet\nmetadata: {name: s, namespace: argocd}\nspec:\n  template:\n    metadata: {name: '{{.cluster}}-app-{{.env}}'}\n    spec:\n      \
        project: '{{.p}}'\n      source: {repoURL: '{{.url}}'}\n      destination: {server: '{{.server}}', namespace: ml}\n      syncPolicy: {automated: {}}\n";
    let mut sources = Sources::default();
    let file = sources.add("a.yaml", text);
    let mut read = manifests::Manifests::default();
    manifests::read_text(&sources, file, &mut read);
    let platform = Platform::new(read, &Defaults::default(), &sources);
    assert!(platform.diagnostics.is_empty(), "{:?}", platform.diagnostics);
    let mut out = String::new();
    for a in &platform.applications {
        let own = (&*a.app.name, a.generated, &*a.project, &*a.server, &*a.cluster, &*a.namespace);
        out += &format!("{own:?} {:?} {:?} {:?}\n", a.repositories, a.automated, a.sync_options);
        a.ignore_differences.iter().for_each(|ignored| out += &format!("  {ignored:?}\n"));
    }
    insta::assert_snapshot!(out);
}
