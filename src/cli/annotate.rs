//! `annotate RULES… --manifests M`: the waves that the rules ask for, into manifests.

mod krm;
mod patch;
mod proposal;
mod show;
mod unified;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

use self::krm::ResourceList;
use self::proposal::Proposal;
use super::format::FormatArg;
use super::rulebook::{self, RulebookArgs};
use super::{Exit, Format, Out, Rules, plan, plural, read_rules};
use crate::diagnostic::Source;
use crate::manifests::{self, MANIFEST_BYTES_MAX, Manifests, ReadError, holds_nothing, read_bounded, read_text};

/// Arguments of `annotate`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Rule files, or folders of them
    #[arg(required_unless_present = "krm", value_name = "RULES")]
    rules: Vec<PathBuf>,
    /// The manifests: files, folders, or - for standard input; may be given several times
    #[arg(long, required_unless_present = "krm", value_name = "MANIFESTS")]
    manifests: Vec<PathBuf>,
    /// Write the waves into the files
    #[arg(long, group = "way")]
    write: bool,
    /// Print the lines that would change, as `git apply` takes them
    #[arg(long, group = "way")]
    diff: bool,
    /// Print all manifests with their waves, and nothing else
    #[arg(long, group = "way")]
    print: bool,
    /// Print the waves in another form
    #[arg(long = "as", value_enum, group = "way", value_name = "FORM")]
    form: Option<Form>,
    /// Be a KRM function: a ResourceList on standard input, the same with waves and results on standard output
    #[arg(long, group = "way", conflicts_with = "manifests")]
    krm: bool,
    /// Exit with 0 when all waves are as they should be, 2 when some are not, 1 on an error
    #[arg(long, conflicts_with_all = ["write", "print", "krm"])]
    detailed_exitcode: bool,
    #[command(flatten)]
    rulebook: RulebookArgs,
    #[command(flatten)]
    format: FormatArg,
}

/// Another form of waves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Form {
    /// One strategic merge patch for each object, for `patches:` of a kustomization
    KustomizePatch,
}

/// Runs the verb. What changes goes to standard output; findings, and documents that are left as they are, to standard error.
///
/// # Errors
/// When files cannot be read or written.
pub fn run(args: &Args, out: &mut Out) -> anyhow::Result<Exit> {
    match annotated(args, out) {
        Err(error) if args.detailed_exitcode => {
            // With the flag 2 means that there is something to do.
            out.complain(&error);
            Ok(Exit::FOUND)
        }
        other => other,
    }
}

/// What is read from standard input, if that is all there is.
struct Input {
    text: String,
    list: Option<ResourceList>,
}

fn annotated(args: &Args, out: &mut Out) -> anyhow::Result<Exit> {
    let format = args.format.resolve(out);
    let alone = args.krm || matches!(args.manifests.as_slice(), [one] if one.as_os_str() == "-");
    if args.write && args.manifests.iter().any(|path| path.as_os_str() == "-") {
        bail!("`--write` cannot write standard input; `--print` prints it with its waves");
    }
    let input = if alone { Some(standard_input()?) } else { None };
    let list = input.as_ref().and_then(|input| input.list.as_ref());
    if args.krm && list.is_none() {
        bail!("standard input is no ResourceList (`apiVersion: config.kubernetes.io/v1`, `kind: ResourceList`)");
    }
    let mut rules = read_rules(&args.rules)?;
    if let Some(list) = list {
        rules.files.extend(list.rules()?);
    }
    if rules.files.is_empty() {
        bail!(
            "no rules: the function's configuration has none in `data` (a ConfigMap) or `spec.rules`, and no file is named"
        );
    }
    let Loaded { loaded, manifests, first } = match read(args, rules, input.as_ref(), format, out)? {
        Ok(read) => read,
        Err(exit) => return Ok(exit),
    };
    let mut proposal = Proposal::of(loaded, manifests, first);
    if args.form == Some(Form::KustomizePatch) {
        // Patches edit no text: they name objects, also those of encrypted files.
        proposal.refused.clear();
    }
    let found = proposal.findings();
    rulebook::say(&proposal.sources, &found, format, out);
    let sound = !rulebook::has_errors(&found);
    let krm = args.krm || (list.is_some() && !(args.diff || args.print || args.form.is_some()));
    let written = if let Some(list) = list.filter(|_| krm) {
        let text = proposal.texts.first().map_or("", |text| text.edited.text.as_str());
        out.print(&list.finish(text, krm::results(&proposal, &found)))?;
        true
    } else if args.diff {
        for text in &proposal.texts {
            out.print(&unified::unified(&text.source.name, &text.source.text, &text.edited.changed))?;
        }
        true
    } else if args.print {
        out.print(&proposal.print())?;
        true
    } else if args.form == Some(Form::KustomizePatch) {
        out.print(&patch::patches(&proposal))?;
        true
    } else {
        out.print(&show::shown(&proposal, &found, format, out.stdout_colours())?)?;
        !args.write || write(&proposal, out)
    };
    Ok(match (written, sound) {
        (false, _) => Exit::COULD_NOT,
        (true, false) => Exit::FOUND,
        (true, true) if args.detailed_exitcode && !proposal.waves.moves.is_empty() => Exit(2),
        (true, true) => Exit::FINE,
    })
}

fn standard_input() -> anyhow::Result<Input> {
    let bytes = read_bounded(Path::new("-"), MANIFEST_BYTES_MAX)?;
    let text = String::from_utf8(bytes).context("standard input is not UTF-8")?;
    if holds_nothing(&text) {
        return Err(ReadError::Nothing.into());
    }
    let list = ResourceList::of(&text);
    Ok(Input { text, list })
}

/// Rules that compile, and manifests.
struct Loaded {
    loaded: rulebook::Loaded,
    manifests: Manifests,
    /// Texts of rules, which come before those of manifests.
    first: usize,
}

fn read(
    args: &Args,
    rules: Rules,
    input: Option<&Input>,
    format: Format,
    out: &mut Out,
) -> anyhow::Result<Result<Loaded, Exit>> {
    let first = rules.files.len();
    let mut loaded = match rulebook::load_texts(rules, &args.rulebook, format, out) {
        Ok(loaded) => loaded,
        Err(exit) => return Ok(Err(exit)),
    };
    let manifests = match input {
        Some(input) => {
            let mut manifests = Manifests::default();
            let file = loaded.sources.add("<stdin>", input.text.as_str());
            read_text(&loaded.sources, file, &mut manifests);
            manifests
        }
        None => manifests::read(&args.manifests, &mut loaded.sources)?,
    };
    Ok(Ok(Loaded { loaded, manifests, first }))
}

/// Writes the files that change, each whole or not at all. Says whether all could be written.
fn write(proposal: &Proposal, out: &mut Out) -> bool {
    let mut all = true;
    for text in proposal.texts.iter().filter(|text| !text.edited.changed.is_empty()) {
        let Source { name, text: before, .. } = &text.source;
        match manifests::write(Path::new(&**name), before, &text.edited.text) {
            Ok(()) => {
                let count = text.edits.len() - text.edited.refused.len();
                out.say(&format!("wrote {name}: {}\n", plural(count, "wave")));
                if let Some(source) = &text.rendered_from {
                    out.say(&format!(
                        "note: {name} is rendered from {source}; rendering it again takes the waves away\n"
                    ));
                }
            }
            Err(error) => {
                out.complain(&anyhow::Error::new(error));
                all = false;
            }
        }
    }
    all
}
