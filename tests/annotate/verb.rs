//! `annotate` as a user meets it.

use std::path::Path;

use crate::run::{Ran, folder, tidegate};

const HEAD: &str = "application argocd/ml-platform\nnamespace ml-serving\n";

/// `Kind name wave` a line to a stream, with a comment in each document; `-` for no wave.
fn objects(list: &str) -> String {
    let mut out = String::new();
    for line in list.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let words: Vec<&str> = line.split(' ').collect();
        let (kind, name, wave) = (words[0], words[1], words.get(2).copied().unwrap_or("-"));
        let api = match kind {
            "Deployment" => "apps/v1",
            "HorizontalPodAutoscaler" => "autoscaling/v2",
            "Job" => "batch/v1",
            "InferenceService" => "serving.kserve.io/v1beta1",
            _ => "v1",
        };
        out.push_str(&format!("---\napiVersion: {api}\nkind: {kind}\nmetadata:\n  name: {name} # {name}\n"));
        if kind != "Namespace" {
            out.push_str("  namespace: ml-serving\n");
        }
        if wave != "-" {
            out.push_str(&format!("  annotations:\n    argocd.argoproj.io/sync-wave: \"{wave}\"\n"));
        }
    }
    out
}

/// What `--write` makes of the waves of some objects, as `name wave` a line.
fn waves(rules: &str, list: &str) -> (String, Ran) {
    let folder = folder(&[("r.tide", &format!("{HEAD}{rules}")), ("m.yaml", &objects(list))]);
    let ran = tidegate(folder.path(), &["annotate", "r.tide", "--manifests", "m.yaml", "--write"], "");
    let text = std::fs::read_to_string(folder.path().join("m.yaml")).unwrap();
    let read = crate::cases::objects(&text);
    let line = |object: &serde_json::Value| {
        let wave = object.pointer("/metadata/annotations/argocd.argoproj.io~1sync-wave");
        let wave = wave.and_then(|wave| wave.as_str()).unwrap_or("-");
        format!("{} {wave}\n", object["metadata"]["name"].as_str().unwrap())
    };
    (read.iter().map(|document| line(&document.object)).collect(), ran)
}

fn check(rules: &str, list: &str, wanted: &str, status: i32) {
    let (waves, ran) = waves(rules, list);
    let wanted: String = wanted.lines().map(|line| format!("{}\n", line.trim())).skip(1).collect();
    assert_eq!(waves, wanted.trim_end().to_owned() + "\n", "{rules}\n{}{}", ran.out, ran.err);
    assert_eq!(ran.code, status, "{}{}", ran.out, ran.err);
}

const SIX: &str = "Namespace ml-serving
    Secret model-credentials
    PersistentVolumeClaim model-cache
    Service inference-service
    Deployment inference
    HorizontalPodAutoscaler inference-hpa";

const SIX_RULES: &str = "secret model-credentials after namespace ml-serving
pvc model-cache after secret model-credentials
service inference-service after pvc model-cache
deployment inference after service inference-service
hpa inference-hpa after deployment inference
";

/// A platform's waves, taken away, come back: namespace, secret, volume, service, deployment, autoscaler.
#[test]
fn waves_that_were_taken_away_come_back() {
    let folder = folder(&[("r.tide", &format!("{HEAD}{SIX_RULES}")), ("m.yaml", &objects(SIX))]);
    let ran = tidegate(folder.path(), &["annotate", "r.tide", "--manifests", "m.yaml", "--write"], "");
    assert_eq!((ran.code, ran.err.as_str()), (0, "wrote m.yaml: 5 waves\n"), "{}", ran.out);
    let text = std::fs::read_to_string(folder.path().join("m.yaml")).unwrap();
    let read: Vec<i64> = crate::cases::objects(&text)
        .iter()
        .map(|document| tidegate::manifests::read_wave(&document.object).wave)
        .collect();
    assert_eq!(read, [0, 1, 2, 3, 4, 5]);
    // Every other line is as it was.
    let lines = |text: &str| {
        let added = |line: &&str| !line.contains("sync-wave") && !line.contains("annotations:");
        text.lines().filter(added).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(lines(&text), lines(&objects(SIX)));
    let again = tidegate(folder.path(), &["annotate", "r.tide", "--manifests", "m.yaml", "--write"], "");
    assert_eq!((again.code, again.out.as_str(), again.err.as_str()), (0, "", ""));
    // In any order of files and statements the same.
    let mut backwards: Vec<&str> = SIX.lines().collect();
    backwards.reverse();
    let mut rules: Vec<&str> = SIX_RULES.lines().collect();
    rules.reverse();
    check(
        &rules.join("\n"),
        &backwards.join("\n"),
        "
        inference-hpa 5
        inference 4
        inference-service 3
        model-cache 2
        model-credentials 1
        ml-serving -",
        0,
    );
}

#[test]
fn waves_that_are_consistent_stay_and_the_fewest_others_change() {
    // All is well, also with gaps and below zero.
    check(
        SIX_RULES,
        "Namespace ml-serving -5
         Secret model-credentials -1
         PersistentVolumeClaim model-cache
         Service inference-service 7
         Deployment inference 9
         HorizontalPodAutoscaler inference-hpa 40",
        "
        ml-serving -5
        model-credentials -1
        model-cache -
        inference-service 7
        inference 9
        inference-hpa 40",
        0,
    );
    // One that is in the way goes; the others stay.
    check(
        "deployment a after secret b\ndeployment c after deployment a\ndeployment d after deployment c\n",
        "Secret b 5\nDeployment a 1\nDeployment c 2\nDeployment d 3",
        "
        b 0
        a 1
        c 2
        d 3",
        0,
    );
    // Of two the later one.
    check("deployment a after secret b\n", "Secret b 2\nDeployment a 2", "\nb 2\na 3", 0);
    // What has no wave makes room for what has one.
    check("deployment a after secret b\n", "Secret b\nDeployment a 0", "\nb -1\na 0", 0);
    // Two that nothing orders may share a wave, and what is not named is left alone.
    check(
        "deployment a after secret b, secret c\n",
        "Secret b\nSecret c 3\nDeployment a\nDeployment other",
        "
        b -
        c 3
        a 4
        other -",
        0,
    );
}

#[test]
fn what_a_block_waits_for_lies_below_it() {
    check(
        "when job train succeeds then restart isvc fraud; block wave 4\njob prepare after secret key\njob train after job prepare\n",
        "Secret key 3
         Job prepare 3
         Job train 4
         InferenceService fraud 4",
        "
        key 1
        prepare 2
        train 3
        fraud 4",
        0,
    );
    // A block on an annotation too.
    let manifests =
        objects("Job train 6\nInferenceService fraud 5").replace("\"6\"\n", "\"6\"\n    mlops.dev/block-wave: \"5\"\n");
    let folder = folder(&[("r.tide", HEAD), ("m.yaml", &manifests)]);
    let ran = tidegate(folder.path(), &["annotate", "r.tide", "--manifests", "m.yaml"], "");
    assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{}", ran.out);
    assert!(ran.out.contains("job train: wave 6 -> 4: below wave 5, which rule"), "{}", ran.out);
}

#[test]
fn a_model_orders_its_steps() {
    check(
        "model fraud {\n trained by job train\n copied by job copy\n served by isvc fraud\n reload on retrain\n}\n",
        "InferenceService fraud
         Job copy
         Job train",
        "
        fraud 2
        copy 1
        train -",
        0,
    );
    // Waves that are given stay where no step comes too early; what serves may be anywhere.
    check(
        "model fraud {\n trained by job train\n copied by job copy\n served by isvc fraud\n reload on retrain\n}\n",
        "InferenceService fraud 1
         Job copy 2
         Job train 2",
        "
        fraud 1
        copy 2
        train 2",
        0,
    );
}

#[test]
fn what_no_wave_orders_is_told() {
    let (waves, ran) = waves("job a after job b\njob b after job a\njob c after job a\n", "Job a\nJob b 2\nJob c");
    assert_eq!(waves, "a -\nb 2\nc 1\n");
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("TG300"), "{}", ran.err);
    // A hook of an earlier phase cannot come after a resource.
    let hook = "Job a\nJob h - ";
    let manifests =
        objects(hook).replace("name: h # h\n", "name: h # h\n  annotations:\n    argocd.argoproj.io/hook: PreSync\n");
    let folder = folder(&[("r.tide", &format!("{HEAD}job h after job a\n")), ("m.yaml", &manifests)]);
    let ran = tidegate(folder.path(), &["annotate", "r.tide", "--manifests", "m.yaml"], "");
    assert_eq!(ran.code, 1, "{}{}", ran.out, ran.err);
    assert!(ran.err.contains("TG301") && ran.err.contains("later phase"), "{}", ran.err);
}

#[test]
fn what_cannot_be_edited_is_refused_by_name_and_the_rest_is_done() {
    let manifests = objects(SIX)
        .replace("kind: Service\n", "kind: Service\nsops:\n  mac: ENC[AES256_GCM,data:x,iv:x,tag:x,type:str]\n");
    let folder = folder(&[("r.tide", &format!("{HEAD}{SIX_RULES}")), ("m.yaml", &manifests)]);
    let run = |way: &[&str]| {
        let mut args = vec!["annotate", "r.tide", "--manifests", "m.yaml"];
        args.extend(way);
        tidegate(folder.path(), &args, "")
    };
    let ran = run(&["--write"]);
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("TG406"), "{}", ran.err);
    assert!(ran.err.contains("service inference-service stays as it is, though it should be in wave 3"), "{}", ran.err);
    assert!(ran.err.contains("encrypted by SOPS"), "{}", ran.err);
    assert!(ran.err.contains("wrote m.yaml: 4 waves"), "{}", ran.err);
    let text = std::fs::read_to_string(folder.path().join("m.yaml")).unwrap();
    assert!(text.contains("kind: Service\nsops:\n  mac: ENC"));
    assert_eq!(text.matches("sync-wave").count(), 4);
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[cfg(unix)]
#[test]
fn a_write_keeps_the_mode_follows_links_and_leaves_nothing_behind() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let folder = folder(&[("r.tide", &format!("{HEAD}{SIX_RULES}")), ("real/m.yaml", &objects(SIX))]);
    let real = folder.path().join("real/m.yaml");
    std::fs::set_permissions(&real, std::fs::Permissions::from_mode(0o600)).unwrap();
    symlink("real/m.yaml", folder.path().join("link.yaml")).unwrap();
    let ran = tidegate(folder.path(), &["annotate", "r.tide", "--manifests", "link.yaml", "--write"], "");
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(std::fs::symlink_metadata(folder.path().join("link.yaml")).unwrap().is_symlink());
    assert_eq!(std::fs::metadata(&real).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(std::fs::read_to_string(&real).unwrap().contains("sync-wave: \"5\""));
    assert_eq!(names(&folder.path().join("real")), ["m.yaml"]);
    // Read-only: not written, whoever asks.
    std::fs::write(&real, objects(SIX)).unwrap();
    std::fs::set_permissions(&real, std::fs::Permissions::from_mode(0o444)).unwrap();
    let ran = tidegate(folder.path(), &["annotate", "r.tide", "--manifests", "real", "--write"], "");
    assert_eq!(ran.code, 2, "{}", ran.err);
    assert!(ran.err.contains("is read-only"), "{}", ran.err);
    assert_eq!(std::fs::read_to_string(&real).unwrap(), objects(SIX));
    assert_eq!(names(&folder.path().join("real")), ["m.yaml"]);
}

#[test]
fn a_file_that_changed_in_between_is_not_written() {
    let folder = folder(&[("m.yaml", "a: 1\n")]);
    let path = folder.path().join("m.yaml");
    let error = tidegate::manifests::write(&path, "a: 0\n", "a: 2\n").unwrap_err();
    assert!(error.to_string().ends_with("has changed since it was read; run again"), "{error}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "a: 1\n");
    tidegate::manifests::write(&path, "a: 1\n", "a: 2\n").unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "a: 2\n");
    assert_eq!(names(folder.path()), ["m.yaml"]);
}

#[test]
fn differences_are_what_patch_takes() {
    // Two files, one without a last line end, one with CRLF; long gaps between documents.
    let long = format!("{}{}", objects(SIX), "# gap\n".repeat(30));
    let one = long.replace('\n', "\r\n");
    let two = objects("Job a 2\nJob b 1").trim_end().to_owned();
    let rules = format!("{HEAD}{SIX_RULES}job b after job a\n");
    let folder = folder(&[("r.tide", &rules), ("m/one.yaml", &one), ("m/two.yaml", &two)]);
    let ran = tidegate(folder.path(), &["annotate", "r.tide", "--manifests", "m", "--diff"], "");
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    assert!(ran.out.starts_with("--- a/m/one.yaml\n+++ b/m/one.yaml\n@@ "), "{}", ran.out);
    assert!(ran.out.contains("\\ No newline at end of file"), "{}", ran.out);
    let mut applied: Vec<(String, String)> = Vec::new();
    for (name, text) in [("m/one.yaml", &one), ("m/two.yaml", &two)] {
        applied.push((name.to_owned(), patched(text, &ran.out, name)));
    }
    let ran = tidegate(folder.path(), &["annotate", "r.tide", "--manifests", "m", "--write"], "");
    assert_eq!(ran.code, 0, "{}", ran.err);
    for (name, text) in applied {
        assert_eq!(std::fs::read_to_string(folder.path().join(&name)).unwrap(), text, "{name}");
    }
}

/// What `patch` makes of a text: hunks by their line numbers, with the lines that they take away checked.
fn patched(before: &str, difference: &str, name: &str) -> String {
    let mut lines =
        difference.split_inclusive('\n').skip_while(|l| *l != format!("+++ b/{name}\n").as_str()).skip(1).peekable();
    let old: Vec<&str> = before.split_inclusive('\n').collect();
    let (mut out, mut at) = (String::new(), 0);
    while let Some(head) = lines.next_if(|line| line.starts_with("@@")) {
        let start: usize = head[4..].split([',', ' ']).next().unwrap().parse().unwrap();
        out.extend(old[at..start - 1].iter().copied());
        at = start - 1;
        while let Some(line) = lines.next_if(|line| !line.starts_with("@@") && !line.starts_with("---")) {
            let (sign, mut body) = (line.as_bytes()[0], line[1..].to_owned());
            if lines.peek().is_some_and(|next| next.starts_with('\\')) {
                lines.next();
                body.truncate(body.len() - 1);
            }
            if sign != b'+' {
                assert_eq!(old[at], body, "{name}:{at}");
                at += 1;
            }
            if sign != b'-' {
                out.push_str(&body);
            }
        }
    }
    out.extend(old[at..].iter().copied());
    out
}

#[test]
fn usage() {
    let folder =
        folder(&[("r.tide", &format!("{HEAD}{SIX_RULES}")), ("m.yaml", &objects(SIX)), ("bad.tide", "when\n")]);
    let cases: &[(&[&str], i32, &str, &str)] = &[
        (&["annotate", "r.tide"], 2, "", "--manifests"),
        (&["annotate", "--manifests", "m.yaml"], 2, "", "RULES"),
        (&["annotate", "r.tide", "--manifests", "m.yaml", "--write", "--diff"], 2, "", "cannot be used with"),
        (&["annotate", "r.tide", "--manifests", "none.yaml"], 2, "", "none.yaml"),
        (&["annotate", "r.tide", "--manifests", "-", "--write"], 2, "", "cannot write standard input"),
        (&["annotate", "bad.tide", "--manifests", "m.yaml"], 1, "", "TG001"),
        (&["annotate", "r.tide", "--manifests", "m.yaml", "--detailed-exitcode"], 2, "wave none -> 1", ""),
        (&["annotate", "r.tide", "--manifests", "none.yaml", "--detailed-exitcode"], 1, "", "none.yaml"),
        (&["annotate", "r.tide", "--manifests", "m.yaml", "--format", "json"], 0, "tidegate.dev/annotate/v1", ""),
        (
            &["annotate", "r.tide", "--manifests", "m.yaml", "--format", "human"],
            0,
            "5 waves to change, 0 stay as given",
            "",
        ),
        (&["annotate", "--krm"], 2, "", "standard input holds no document"),
    ];
    for (args, status, stdout, stderr) in cases {
        let ran = tidegate(folder.path(), args, "");
        assert_eq!(ran.code, *status, "{args:?}: {}{}", ran.out, ran.err);
        assert!(ran.out.contains(stdout), "{args:?}: {}", ran.out);
        assert!(ran.err.contains(stderr) && (!stderr.is_empty() || ran.err.is_empty()), "{args:?}: {}", ran.err);
    }
    let ran = tidegate(folder.path(), &["annotate", "--krm"], "kind: List\n");
    assert_eq!(ran.code, 2, "{}", ran.err);
    assert!(ran.err.contains("no ResourceList"), "{}", ran.err);
}

#[test]
fn printed_whole() {
    let rules = format!("{HEAD}{SIX_RULES}");
    let folder = folder(&[
        ("r.tide", &rules),
        ("m/a.yaml", &objects(SIX)),
        ("m/b.json", "{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"metadata\":{\"name\":\"x\"}}"),
    ]);
    // From standard input byte for byte, comments and what is not Kubernetes' too.
    let stream = format!("# first\n{}\n---\n# Source: chart/templates/x.yaml\nnot: an object\n", objects(SIX));
    let ran = tidegate(folder.path(), &["annotate", "r.tide", "--manifests", "-", "--print"], &stream);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let kept: String =
        ran.out.split_inclusive('\n').filter(|l| !l.contains("sync-wave") && !l.contains("annotations:")).collect();
    assert_eq!(kept, stream);
    assert_eq!(ran.out.matches("sync-wave").count(), 5);
    // Several files as one stream.
    let ran = tidegate(folder.path(), &["annotate", "r.tide", "--manifests", "m", "--print"], "");
    assert_eq!(crate::cases::objects(&ran.out).len(), 7, "{}", ran.out);
    // A file of which nothing counts, since another says the same, is printed all the same.
    let twice =
        crate::run::folder(&[("r.tide", &rules), ("m/a.yaml", &objects("Job a")), ("m/b.yaml", &objects("Job a"))]);
    let ran = tidegate(twice.path(), &["annotate", "r.tide", "--manifests", "m", "--print"], "");
    assert_eq!(crate::cases::objects(&ran.out).len(), 2, "{}", ran.out);
    // Nothing to change: as it came.
    let ran = tidegate(folder.path(), &["annotate", "r.tide", "--manifests", "-", "--print"], "a: 1\n");
    assert_eq!(ran.out, "a: 1\n");
}

#[test]
fn patches_name_what_the_manifest_names() {
    let manifests = "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\n---\napiVersion: v1\nkind: Secret\nmetadata: {name: b, namespace: ml-serving}\n---\n\
        apiVersion: batch/v1\nkind: Job\nmetadata: {name: \"1\"}\n";
    let folder = folder(&[
        ("r.tide", &format!("{HEAD}secret b after secret a\njob \"1\" after secret b\n")),
        ("m.yaml", manifests),
    ]);
    let ran = tidegate(folder.path(), &["annotate", "r.tide", "--manifests", "m.yaml", "--as", "kustomize-patch"], "");
    assert_eq!(
        ran.out,
        "---\n# after secret a (wave 0)\napiVersion: v1\nkind: Secret\nmetadata:\n  name: b\n  namespace: ml-serving\n  annotations:\n    argocd.argoproj.io/sync-wave: \"1\"\n\
         ---\n# after secret b (wave 1)\napiVersion: batch/v1\nkind: Job\nmetadata:\n  name: \"1\"\n  annotations:\n    argocd.argoproj.io/sync-wave: \"2\"\n"
    );
}

/// What `--as kustomize-patch` makes of `secret b after secret a` over one text.
fn patched_as(name: &str, manifests: &str) -> Ran {
    let folder = folder(&[("r.tide", &format!("{HEAD}secret b after secret a\n")), (name, manifests)]);
    tidegate(folder.path(), &["annotate", "r.tide", "--manifests", name, "--as", "kustomize-patch"], "")
}

#[test]
fn patches_take_the_namespace_from_the_object() {
    let item = |name: &str| {
        format!(r#"{{"apiVersion":"v1","kind":"Secret","metadata":{{"name":"{name}","namespace":"ml-serving"}}}}"#)
    };
    let list = format!(r#"{{"apiVersion":"v1","kind":"List","items":[{},{}]}}"#, item("a"), item("b"));
    let merged = "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Secret\n  metadata: &m {name: a, namespace: ml-serving}\n\
        - apiVersion: v1\n  kind: Secret\n  metadata: {<<: *m, name: b}\n";
    for (name, text) in [("m.json", list.as_str()), ("m.yaml", merged)] {
        let ran = patched_as(name, text);
        assert_eq!(ran.code, 0, "{name}: {}", ran.err);
        assert!(ran.out.contains("  name: b\n  namespace: ml-serving\n"), "{name}: {}", ran.out);
    }
    let ran = patched_as("m.json", &list.replace(r#","namespace":"ml-serving""#, ""));
    assert!(ran.code == 0 && ran.out.contains("  name: b\n  annotations:\n"), "{}{}", ran.out, ran.err);
}

#[test]
fn a_patch_of_what_cannot_be_edited_is_a_patch() {
    let sops = "sops:\n  mac: ENC[AES256_GCM,data:x,iv:x,tag:x,type:str]\n";
    let ran = patched_as("m.yaml", &(objects("Secret a\nSecret b") + sops));
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    assert!(ran.out.contains("  name: b\n") && ran.out.contains("sync-wave: \"1\""), "{}", ran.out);
}

#[test]
fn a_stream_of_files_with_directives_can_be_read() {
    for head in ["%YAML 1.2\n", "# about\n\n%YAML 1.2\n"] {
        let second = head.to_owned() + &objects("Secret b");
        let folder = folder(&[
            ("r.tide", &format!("{HEAD}secret b after secret a\n")),
            ("m/a.yaml", &objects("Secret a")),
            ("m/b.yaml", &second),
        ]);
        let printed = tidegate(folder.path(), &["annotate", "r.tide", "--manifests", "m", "--print"], "");
        assert_eq!(printed.code, 0, "{}", printed.err);
        let ran = tidegate(folder.path(), &["lint", "r.tide", "--manifests", "-"], &printed.out);
        assert!(!ran.err.contains("TG400") && !ran.out.contains("TG400"), "{}{}{}", printed.out, ran.out, ran.err);
        assert_eq!(crate::cases::objects(&printed.out).len(), 2, "{}", printed.out);
    }
}
