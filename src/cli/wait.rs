//! `wait "CONDITION" --timeout D`: for hooks and scripts; events are read as states.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail};

use super::rulebook::{self, RulebookArgs};
use super::{Exit, Format, Out, read_rules};
use crate::cluster::{self, Clock, Env, Random, Rules, Waited};

/// It did not hold in time.
const TIMED_OUT: Exit = Exit(3);

/// Arguments of `wait`. Exit status: 0 it holds, 1 it failed, 2 it could not be asked, 3 it did not hold in time.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A condition in the words of a rule, such as `notebook train succeeds and isvc fraud is healthy`
    condition: String,
    /// How long to wait, such as 30m
    #[arg(long, value_name = "DURATION")]
    timeout: String,
    /// Rule files with kinds and models that the condition uses, or folders of them
    #[arg(long, value_name = "RULES")]
    rules: Vec<PathBuf>,
    /// Whose members `in wave` asks for, where the condition does not say `of application`
    #[arg(long, value_name = "NS/NAME")]
    application: Option<String>,
    /// The cluster [default: KUBECONFIG, ~/.kube/config, or the pod's service account]
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    #[command(flatten)]
    rulebook: RulebookArgs,
}

/// Runs the verb.
///
/// # Errors
/// When the condition or the rules cannot be read, or there is no cluster.
pub fn run(args: &Args, out: &mut Out) -> anyhow::Result<Exit> {
    let seconds = crate::syntax::parse_duration(&args.timeout)
        .map_err(|(message, help)| anyhow::anyhow!("--timeout: {message}; {help}"))?;
    let mut files = if args.rules.is_empty() { Vec::new() } else { read_rules(&args.rules)?.files };
    if let Some(application) = &args.application {
        if !application.chars().all(|c| c.is_ascii_alphanumeric() || "-./".contains(c)) {
            bail!("--application: `{application}` is not the name of an Application; write NAMESPACE/NAME");
        }
        files.push(("--application".to_owned(), format!("application {application}\n")));
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start")?;
    runtime.block_on(async {
        let connection = cluster::connect(args.kubeconfig.as_deref()).await?;
        let mut options = args.rulebook.options();
        options.default_namespace.get_or_insert_with(|| connection.namespace.clone());
        let compiled = crate::rulebook::load_condition(files, &args.condition, &options);
        rulebook::say(&compiled.sources, &compiled.diagnostics, Format::Plain, out);
        let Some(rulebook) = compiled.rulebook else { bail!("the condition cannot be read") };
        let env = Env {
            clock: Clock::system(),
            random: Random::system(),
            client: connection.client,
            rules: Rules::Path(PathBuf::new(), std::sync::Arc::new(|| Ok(Vec::new()))),
            namespace: connection.namespace.into(),
            identity: "wait".into(),
        };
        let waited =
            cluster::wait(&env, &rulebook, Duration::from_secs(seconds), |line| out.say(&format!("{line}\n"))).await;
        Ok(match waited {
            Waited::Holds => Exit::FINE,
            Waited::Failed(why) => {
                out.say(&format!("failed: {why}\n"));
                Exit::FOUND
            }
            Waited::TimedOut(what) => {
                out.say(&format!("not within {}: {what}\n", args.timeout));
                TIMED_OUT
            }
            Waited::Refused(why) => {
                out.say(&format!("this account may not read what the condition is about: {why}; `tidegate emit hooks` prints the role\n"));
                Exit::COULD_NOT
            }
        })
    })
}
