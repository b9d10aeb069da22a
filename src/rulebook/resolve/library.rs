//! The built-in library: the files of `rules/`, which hold one kind each, named after the file.

/// Name and text of each file, by name.
macro_rules! files {
    ($($name:literal)*) => {
        &[$((concat!("rules/", $name, ".tide"), include_str!(concat!("../../../rules/", $name, ".tide")))),*]
    };
}

/// The built-in library: name and text of each file in `rules/`. Those in its folders are shipped, not loaded.
pub const LIBRARY: &[(&str, &str)] = files! {
    "analysisrun"
    "application"
    "applicationset"
    "canary"
    "certificate"
    "cronjob"
    "cronworkflow"
    "daemonset"
    "datavolume"
    "deployment"
    "experiment"
    "externalsecret"
    "gitrepository"
    "helmrelease"
    "inferencegraph"
    "isvc"
    "job"
    "katibexperiment"
    "kustomization"
    "llmisvc"
    "localmodelcache"
    "mpijob"
    "notebook"
    "notebookserver"
    "ocirepository"
    "pipelinerun"
    "pod"
    "pvc"
    "pytorchjob"
    "raycluster"
    "rayjob"
    "rayservice"
    "rollout"
    "scaledjob"
    "scaledobject"
    "servingruntime"
    "sparkapplication"
    "statefulset"
    "taskrun"
    "tfjob"
    "trainedmodel"
    "trainjob"
    "vcjob"
    "workflow"
    "workload"
};
