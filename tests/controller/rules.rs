//! Rules from a folder that changes, breaks, and comes back.

use std::path::Path;

use crate::stage::{Stage, next_second};
use crate::support::Install;
use crate::{CLUSTER, SENTENCE};

#[tokio::test]
async fn rules_are_read_again_when_the_configmap_changes_and_bad_ones_are_refused() {
    let Some(cluster) = CLUSTER.get("rules_are_read_again_when_the_configmap_changes_and_bad_ones_are_refused") else {
        return;
    };
    let more = format!("{SENTENCE}when job train-other succeeds then restart isvc fraud\n");
    // New rules may need new rights, so these come first.
    let install = Install { rules: SENTENCE, rights_for: Some(&more), ..Install::default() };
    let stage = Stage::with(cluster, "reload", &install).await;
    stage.service("fraud").await;
    stage.job("train-fraud").await;
    stage.job("train-other").await;
    let controller = stage.start("a").await;
    controller.until_leads().await;
    next_second().await;
    stage.rules("when job train-fraud suceeds then restart isvc fraud\n");
    controller.until("it refused", async || controller.metric("tidegate_rules_refused_total") == Some(1.0)).await;
    assert!(
        controller.status()["rules"]["refused"][0].as_str().unwrap().contains("suceeds"),
        "{:#}",
        controller.status()
    );
    let told = "ConfigMap tidegate-state-default RulesRefused".to_owned();
    controller.until("it said so", async || stage.events().await.contains(&told)).await;
    stage.succeed("train-fraud").await;
    controller.until("the last good rules stay", async || stage.restarts("fraud").await.0 == 2).await;
    stage.rules(&more);
    controller.until("it took the new rules", async || controller.status()["rules"]["count"] == 2).await;
    stage.succeed("train-other").await;
    controller.until("the new rule acts", async || stage.restarts("fraud").await.0 == 3).await;
    std::fs::remove_dir_all(&stage.deployed.rules).unwrap();
    controller.until("it noticed", async || controller.metric("tidegate_rules_good") == Some(0.0)).await;
    assert_eq!(controller.get("/readyz").map(|(code, _)| code), Some(200));
}

/// Invariant 6: the last good rulebook stays, whatever becomes of the folder. After each mishap a job of its own succeeds.
#[tokio::test]
async fn a_folder_that_is_empty_unreadable_or_gone_keeps_the_last_good_rules() {
    let test = "a_folder_that_is_empty_unreadable_or_gone_keeps_the_last_good_rules";
    let Some(cluster) = CLUSTER.get(test) else { return };
    // What is left of the folder, and words of what is said about it.
    type Mishap = (fn(&Path), &'static str);
    let mishaps: &[Mishap] = &[
        (|folder| std::fs::remove_file(folder.join("rules.tide")).unwrap(), "no `.tide` file"),
        (|folder| std::os::unix::fs::symlink("nowhere", folder.join("rules.tide")).unwrap(), "rules.tide"),
        (|folder| write(folder, b"when job x succeeds then restart isvc \xff\xfe\n"), "not UTF-8 at byte 38"),
        (|folder| write(folder, "# long\n".repeat(5_000_000).as_bytes()), "rules.tide"),
        (|folder| write(folder, b"\x00\x1b[31mwhen\n"), "rules.tide:1"),
        (|folder| std::fs::remove_dir_all(folder).unwrap(), "rules"),
    ];
    let rules: String =
        (0..=mishaps.len()).map(|n| format!("when job train-{n} succeeds then restart isvc fraud\n")).collect();
    let stage = Stage::new(cluster, "folder", &rules).await;
    stage.service("fraud").await;
    for n in 0..=mishaps.len() {
        stage.job(&format!("train-{n}")).await;
    }
    let controller = stage.start("a").await;
    controller.until_leads().await;
    next_second().await;
    for (n, (mishap, words)) in mishaps.iter().enumerate() {
        mishap(&stage.deployed.rules);
        let said = async || controller.status()["rules"]["refused"].to_string().contains(words);
        controller.until(&format!("mishap {n} is said: {words}"), said).await;
        assert_eq!(controller.metric("tidegate_rules_good"), Some(0.0));
        assert_eq!(controller.get("/readyz").map(|(code, _)| code), Some(200));
        stage.succeed(&format!("train-{n}")).await;
        let restarts = i64::try_from(n).unwrap() + 2;
        controller.until("the last good rules act", async || stage.restarts("fraud").await.0 == restarts).await;
    }
    assert!(!controller.process.log().contains('\u{1b}'));
    assert!(stage.events().await.contains(&"ConfigMap tidegate-state-default RulesRefused".to_owned()));
    std::fs::create_dir(&stage.deployed.rules).unwrap();
    stage.rules(&rules);
    controller.until("good rules are back", async || controller.metric("tidegate_rules_good") == Some(1.0)).await;
    stage.succeed(&format!("train-{}", mishaps.len())).await;
    let restarts = i64::try_from(mishaps.len()).unwrap() + 2;
    controller.until("they act", async || stage.restarts("fraud").await.0 == restarts).await;
}

/// Another file in place of whatever is there, at once.
fn write(folder: &Path, bytes: &[u8]) {
    std::fs::write(folder.join("new"), bytes).unwrap();
    std::fs::rename(folder.join("new"), folder.join("rules.tide")).unwrap();
}
