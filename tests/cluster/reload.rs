//! Reload: on a real folder, with real time (files and their watches know no other).

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tidegate::cluster::reload::{Compiled, Load, run};
use tidegate::cluster::{Read, Rules};
use tidegate::diagnostic::{Code, Diagnostic, FileId, Sources, Span};
use tokio::sync::mpsc;
use tokio::time::timeout;

/// Rules are good unless they say `bad`; a rulebook is the text of all files.
fn compile(texts: &[(String, String)]) -> Compiled<String> {
    let mut sources = Sources::default();
    for (name, text) in texts {
        sources.add(name.as_str(), text.as_str());
    }
    let all = texts.iter().map(|(_, text)| text.as_str()).collect::<Vec<_>>().join("|");
    let span = Span { file: FileId(0), start: 0, end: 3 };
    let bad = all.contains("bad").then(|| Diagnostic::error(Code::SYNTAX, span, "`bad` is bad").help("write `good`"));
    Compiled { rulebook: bad.is_none().then(|| Arc::new(all)), sources, diagnostics: bad.into_iter().collect() }
}

fn read(path: &Path) -> Read {
    let path = path.to_owned();
    Arc::new(move || {
        let mut texts = Vec::new();
        let entries = std::fs::read_dir(&path).map_err(|error| error.to_string())?;
        for entry in entries {
            let path = entry.map_err(|error| error.to_string())?.path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if name.ends_with(".tide") && !name.starts_with('.') {
                texts.push((name, std::fs::read_to_string(&path).map_err(|error| error.to_string())?));
            }
        }
        texts.sort();
        if texts.is_empty() { Err("no `.tide` file".to_owned()) } else { Ok(texts) }
    })
}

struct Reader(mpsc::Receiver<Load<String>>);

impl Reader {
    fn of(rules: Rules) -> Reader {
        let (sender, receiver) = mpsc::channel(4);
        tokio::spawn(run(rules, Arc::new(compile), sender));
        Reader(receiver)
    }

    async fn next(&mut self) -> String {
        let load = timeout(Duration::from_secs(30), self.0.recv()).await.expect("nothing was told").unwrap();
        match load {
            Load::Good(text, _) => format!("good {text}"),
            Load::Refused(why) => format!("refused {}", why.join("; ")),
        }
    }
}

/// What kubelet does with a ConfigMap: a new folder, and a link that is renamed over the old one.
fn swap(folder: &Path, version: &str, files: &[(&str, &str)]) {
    let data = folder.join(format!("..{version}"));
    std::fs::create_dir(&data).unwrap();
    for (name, text) in files {
        std::fs::write(data.join(name), text).unwrap();
        let link = folder.join(name);
        if !link.is_symlink() {
            std::os::unix::fs::symlink(Path::new("..data").join(name), &link).unwrap();
        }
    }
    let temporary = folder.join("..data_tmp");
    std::os::unix::fs::symlink(format!("..{version}"), &temporary).unwrap();
    std::fs::rename(temporary, folder.join("..data")).unwrap();
}

#[tokio::test]
async fn a_swap_of_a_configmap_is_read_once() {
    let folder = tempfile::tempdir().unwrap();
    swap(folder.path(), "1", &[("a.tide", "one")]);
    let mut reader = Reader::of(Rules::Path(folder.path().to_owned(), read(folder.path())));
    assert_eq!(reader.next().await, "good one");
    let began = std::time::Instant::now();
    swap(folder.path(), "2", &[("a.tide", "two")]);
    assert_eq!(reader.next().await, "good two");
    assert!(began.elapsed() < Duration::from_secs(9), "told by the watch, not found by a look");
    swap(folder.path(), "3", &[("a.tide", "two")]);
    swap(folder.path(), "4", &[("a.tide", "three bad")]);
    assert_eq!(reader.next().await, "refused a.tide:1:1: TG001: `bad` is bad (write `good`)");
    swap(folder.path(), "5", &[("a.tide", "four"), ("b.tide", "five")]);
    assert_eq!(reader.next().await, "good four|five");
}

#[tokio::test]
async fn a_folder_that_is_empty_or_vanishes_is_refused_and_may_come_back() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("rules");
    let mut reader = Reader::of(Rules::Path(folder.clone(), read(&folder)));
    assert!(reader.next().await.starts_with("refused No such file"));
    std::fs::create_dir(&folder).unwrap();
    assert_eq!(reader.next().await, "refused no `.tide` file");
    std::fs::write(folder.join("a.tide"), "one").unwrap();
    assert_eq!(reader.next().await, "good one");
    std::fs::remove_dir_all(&folder).unwrap();
    let gone = reader.next().await;
    assert!(gone.starts_with("refused"), "{gone}");
}

#[tokio::test(start_paused = true)]
async fn a_channel_serves_as_well() {
    let (sender, receiver) = tokio::sync::watch::channel(Ok(vec![("a.tide".to_owned(), "one".to_owned())]));
    let mut reader = Reader::of(Rules::Channel(receiver));
    assert_eq!(reader.next().await, "good one");
    sender.send(Err("it is gone".to_owned())).unwrap();
    assert_eq!(reader.next().await, "refused it is gone");
}
