//! `run --rules PATH`: the controller.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tracing_subscriber::EnvFilter;

use super::{Exit, Out, RulebookArgs, read_rules};
use crate::cluster::{Clock, Compiled, Env, Options, Random, RuleTexts, Rules, Times, connect, http};
use crate::rulebook;

/// Shortest and longest lease. Seconds.
const LEASE_SECONDS: std::ops::RangeInclusive<u64> = 3..=300;

/// Arguments of `run`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A rule file, or a folder of them; read again whenever it changes
    #[arg(long, value_name = "PATH")]
    rules: PathBuf,
    #[command(flatten)]
    rulebook: RulebookArgs,
    /// Namespace of lease and state object [default: the pod's, or that of the kubeconfig]
    #[arg(long, value_name = "NS")]
    namespace: Option<String>,
    /// Watch this namespace only; may be given several times [default: all]
    #[arg(long, value_name = "NS")]
    watch_namespace: Vec<String>,
    /// Address of /healthz, /readyz, /metrics and /status
    #[arg(long, value_name = "ADDR", default_value = "0.0.0.0:8080")]
    listen: SocketAddr,
    /// Decide everything, say what would be done, and change nothing but the lease and the state object
    #[arg(long)]
    observe: bool,
    /// Keep the ConfigMap that the policy of `emit admission` reads: which waves are held
    #[arg(long)]
    admission: bool,
    /// Form of the log, on standard error; what is logged is set by RUST_LOG [default filter: info]
    #[arg(long, value_enum, default_value_t = LogFormat::Human)]
    log_format: LogFormat,
    /// A lease that was not renewed for so long is free: 3 to 300
    #[arg(long, value_name = "SECONDS", default_value_t = 15)]
    lease_seconds: u64,
    /// This replica's name in the lease; no two living replicas may share it [default: POD_NAME, else HOSTNAME and a random number]
    #[arg(long, value_name = "NAME")]
    identity: Option<String>,
    /// The cluster [default: KUBECONFIG, ~/.kube/config, or the pod's service account]
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
}

/// Forms of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum LogFormat {
    /// For a person
    Human,
    /// One JSON object a line
    Json,
}

/// Runs the verb until SIGTERM or SIGINT.
///
/// # Errors
/// When there is no usable configuration of a cluster, or the address cannot be listened on.
pub fn run(args: &Args, _out: &mut Out) -> anyhow::Result<Exit> {
    start_log(args.log_format)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start threads")?;
    let exit = runtime.block_on(serve(args));
    // A task that hangs must not keep the process.
    runtime.shutdown_timeout(Duration::from_secs(1));
    exit
}

async fn serve(args: &Args) -> anyhow::Result<Exit> {
    if !LEASE_SECONDS.contains(&args.lease_seconds) {
        bail!(
            "`--lease-seconds {}` is not between {} and {}",
            args.lease_seconds,
            LEASE_SECONDS.start(),
            LEASE_SECONDS.end()
        );
    }
    if args.rules.as_os_str() == "-" {
        bail!("`--rules -`: the controller reads its rules again and again, so they must be a file or a folder");
    }
    let compiling = args.rulebook.options();
    let id = rulebook_name(&compiling.id)?;
    let connection = connect(args.kubeconfig.as_deref()).await?;
    let random = Random::system();
    let identity = identity(args, &random);
    let namespace: Arc<str> = args.namespace.clone().unwrap_or(connection.namespace).into();
    let listener =
        TcpListener::bind(args.listen).await.with_context(|| format!("cannot listen on `{}`", args.listen))?;
    let address = listener.local_addr().context("the address is not known")?;
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"), cluster = connection.url, rulebook = &*id, %namespace, identity, %address,
        observe = args.observe, "tidegate starts"
    );
    let env = Env {
        clock: Clock::system(),
        random,
        client: connection.client,
        rules: rules(args.rules.clone()),
        namespace,
        identity: identity.into(),
    };
    let times = Times::of(Duration::from_secs(args.lease_seconds));
    let options = Options {
        rulebook: id.clone(),
        observe: args.observe,
        admission: args.admission,
        namespaces: args.watch_namespace.iter().map(|namespace| namespace.as_str().into()).collect(),
        times,
        write_deadline: times.lease / 3,
        compile: compile(compiling),
    };
    let (stop, stopped) = watch::channel(false);
    let (asks, questions) = mpsc::channel(http::ASKS_MAX);
    tokio::spawn(stop_at_signal(stop));
    let server = tokio::spawn(http::serve(listener, asks, stopped.clone()));
    crate::cluster::run(env, options, questions, stopped.clone()).await;
    server.abort();
    let asked = *stopped.borrow();
    Ok(if asked { Exit::FINE } else { Exit::COULD_NOT })
}

fn start_log(format: LogFormat) -> anyhow::Result<()> {
    let filter = EnvFilter::builder().with_default_directive(tracing::Level::INFO.into()).from_env_lossy();
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = match format {
        LogFormat::Human => log.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).try_init(),
        LogFormat::Json => log.json().flatten_event(true).with_current_span(false).with_span_list(false).try_init(),
    };
    started.map_err(|error| anyhow::anyhow!("cannot start the log: {error}"))
}

/// The id becomes part of object names.
fn rulebook_name(id: &str) -> anyhow::Result<Arc<str>> {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    let good = !id.is_empty() && id.len() <= 40 && id.bytes().all(plain) && !id.starts_with('-') && !id.ends_with('-');
    if !good {
        bail!("`--rulebook {id}` is not a name of lower-case letters, digits and `-`, 40 at most");
    }
    Ok(id.into())
}

fn identity(args: &Args, random: &Random) -> String {
    let pod = std::env::var("POD_NAME").ok().filter(|name| !name.is_empty());
    args.identity.clone().or(pod).unwrap_or_else(|| {
        let host = std::env::var("HOSTNAME").unwrap_or_else(|_| "tidegate".to_owned());
        format!("{host}-{:08x}", random.next() >> 32)
    })
}

/// The rule folder, read as `check` reads it.
fn rules(path: PathBuf) -> Rules {
    let folder = path.clone();
    let read = move || -> RuleTexts {
        let rules = read_rules(std::slice::from_ref(&folder)).map_err(|error| format!("{error:#}"))?;
        if let Some((name, at)) = rules.not_utf8.first() {
            return Err(format!("`{name}` is not UTF-8 at byte {at}: save the file as UTF-8"));
        }
        Ok(rules.files)
    };
    Rules::Path(path, Arc::new(read))
}

fn compile(options: rulebook::Options) -> crate::cluster::Compile {
    Arc::new(move |texts| {
        let rulebook::Compiled { sources, diagnostics, rulebook, .. } = rulebook::load(texts.iter().cloned(), &options);
        Compiled { rulebook: rulebook.map(Arc::new), sources, diagnostics }
    })
}

async fn stop_at_signal(stop: watch::Sender<bool>) {
    let (Ok(mut terminate), Ok(mut interrupt)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        tracing::error!("signals cannot be heard; only SIGKILL will end this");
        return std::future::pending().await;
    };
    let name = tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    };
    tracing::info!(signal = name, "stopping");
    let _ = stop.send(true);
}
