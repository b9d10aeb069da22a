//! Argo CD's cases, read by themselves: not by the verb that is tested on them.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value as Json;

use crate::kinds::Verdict;

/// One case.
pub struct Case {
    /// `group_Kind/testdata/x.yaml`
    pub name: String,
    pub object: Json,
    pub wanted: Verdict,
}

/// All cases below `corpus/health`, by name.
pub fn cases(corpus: &Path) -> Vec<Case> {
    cases_in(&corpus.join("health"))
}

/// The cases of each folder in a folder, by name.
pub fn cases_in(folder: &Path) -> Vec<Case> {
    let mut cases = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let folder = entry.unwrap().path();
        let Ok(text) = std::fs::read_to_string(folder.join("health_test.yaml")) else { continue };
        let listed: Json = serde_yaml::from_str(&text).unwrap();
        for (at, test) in listed["tests"].as_array().unwrap().iter().enumerate() {
            let input = test.get("inputPath").or_else(|| test.get("inputpath")).unwrap().as_str().unwrap();
            let text = |key: &str| test["healthStatus"][key].as_str().unwrap_or_default().to_owned();
            let name = format!("{}/{input}", folder.file_name().unwrap().to_string_lossy());
            let object = tidegate::manifests::parse_yaml(&std::fs::read_to_string(folder.join(input)).unwrap());
            let case = Case { name: name.clone(), object: object.unwrap(), wanted: (text("status"), text("message")) };
            cases.insert((name, at), case);
        }
    }
    cases.into_values().collect()
}
