//! The whole controller while requests fail and replicas die, from seeds.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tidegate::cluster::Random;
use tidegate::rehearse::apiserver::Fault;
use tokio::time::sleep;

use super::faults;
use super::stage::{Stage, restarts, seconds};

/// Seeds of the storm. Each is a run of its own.
const SEEDS: u64 = 40;
const PAIRS: usize = 5;

/// Whatever happens on the way: each firing is one write to its target, and none is left out.
#[tokio::test(start_paused = true)]
async fn in_a_storm_of_faults_and_kills_each_firing_is_written_once() {
    let hits = AtomicU64::new(0);
    for seed in 0..SEEDS {
        storm(seed, &hits).await;
    }
    println!("{SEEDS} seeds, {} faults", hits.load(Ordering::Relaxed));
    assert!(hits.load(Ordering::Relaxed) > SEEDS * 10);
}

async fn storm(seed: u64, hits: &AtomicU64) {
    let stage = Stage::new();
    let mut rules = String::new();
    for n in 0..PAIRS {
        stage.isvc(&format!("s-{n}"));
        stage.job(&format!("j-{n}"));
        rules += &format!("when job j-{n} succeeds then restart isvc s-{n}\n");
    }
    let random = Random::seeded(seed);
    let mut replicas = vec![stage.start("a", &rules), stage.start("b", &rules)];
    seconds(20).await;
    stage.server.take_audit();
    let dice = random.clone();
    faults(&stage.server, move |_| match dice.next() % 12 {
        0 => Fault::Error(500),
        1 => Fault::TimeoutAfterApplying,
        2 => Fault::DropBeforeApplying,
        3 => Fault::DropAfterApplying,
        4 => Fault::Delay(Duration::from_millis(dice.next() % 4000)),
        _ => Fault::None,
    });
    for n in 0..PAIRS {
        stage.succeed(&format!("j-{n}"));
        sleep(Duration::from_millis(random.next() % 3000)).await;
        match random.next() % 4 {
            0 => {
                let replica = replicas.remove((random.next() % 2) as usize);
                replica.kill().await;
                replicas.push(stage.start(&format!("r-{n}"), &rules));
            }
            1 => stage.server.end_watches(),
            2 => stage.server.forget_history(),
            _ => {}
        }
    }
    seconds(120).await;
    stage.server.set_faults(None);
    seconds(400).await;
    let audit = stage.server.audit();
    hits.fetch_add(audit.iter().filter(|record| record.fault != Fault::None).count() as u64, Ordering::Relaxed);
    let writes = stage.writes();
    for n in 0..PAIRS {
        let own: Vec<String> = writes.iter().filter(|write| write.ends_with(&format!(" s-{n}"))).cloned().collect();
        assert_eq!((restarts(&own), stage.marks(&format!("s-{n}"))), (1, 1), "seed {seed}, service {n}: {own:?}");
    }
    let done = stage.events("team").iter().filter(|event| event.ends_with("ActionDone")).count();
    assert_eq!(done, PAIRS, "seed {seed}");
    for replica in replicas {
        replica.stop().await;
    }
}
