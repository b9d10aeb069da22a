//! examples/ci: the files parse, every command of theirs is one that the program takes, and they do what they say, in a repository of their own.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stdout,
    clippy::print_stderr
)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_yaml::Value;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn text(file: &str) -> String {
    std::fs::read_to_string(root().join("examples/ci").join(file)).unwrap()
}

fn yaml(file: &str) -> Value {
    serde_yaml::from_str(&text(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

const FILES: [&str; 4] = ["github-workflow.yaml", "gitlab-ci.yaml", "pre-commit-config.yaml", "report.sh"];

/// The shell texts of a file: the script itself, or every string of a YAML file.
fn scripts(file: &str) -> Vec<String> {
    fn strings(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::String(text) => found.push(text.clone()),
            Value::Sequence(items) => items.iter().for_each(|item| strings(item, found)),
            Value::Mapping(map) => map.values().for_each(|item| strings(item, found)),
            _ => {}
        }
    }
    if file.ends_with(".sh") {
        return vec![text(file)];
    }
    let mut found = Vec::new();
    strings(&yaml(file), &mut found);
    found
}

/// The command lines of a shell text that call tidegate: from its name at the start of a command to the end of that command.
fn commands(script: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for line in script.lines().filter(|line| !line.trim_start().starts_with('#')) {
        let words = words(line);
        for (at, word) in words.iter().enumerate() {
            let starts = at == 0 || ["&&", "||", "|", ";", "{", "then", "if", "!"].contains(&words[at - 1].as_str());
            if word != "tidegate" || !starts {
                continue;
            }
            let end = |word: &&String| !["&&", "||", "|", ";", "}"].contains(&word.as_str());
            let own = words[at..].iter().take_while(end).filter(|word| !word.contains('>'));
            found.push(own.cloned().collect());
        }
        // A command in quotes, as of `sh -c`.
        for word in words.iter().filter(|word| word.contains("tidegate ") && word.contains("&&")) {
            found.extend(commands(word));
        }
    }
    found
}

/// The words of a line, without the quotes around them.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quote: Option<char> = None;
    for c in line.chars() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '\'' | '"') => quote = Some(c),
            (None, ' ') => words.push(String::new()),
            (_, c) => words.last_mut().unwrap().push(c),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

#[test]
fn every_command_is_one_that_the_program_takes() {
    let mut verbs = std::collections::BTreeMap::new();
    for file in FILES {
        for command in scripts(file).iter().flat_map(|script| commands(script)) {
            // The name alone is a title.
            if command.len() == 1 {
                continue;
            }
            // Variables stand for paths, which any word does.
            let arguments: Vec<&str> = command.iter().map(String::as_str).collect();
            // The hook of `fmt` gets the names of files behind it.
            let arguments =
                if arguments == ["tidegate", "fmt"] { vec!["tidegate", "fmt", "rules.tide"] } else { arguments };
            tidegate::cli::accepts(&arguments).unwrap_or_else(|error| panic!("{file}: {command:?}\n{error}"));
            *verbs.entry(command[1].clone()).or_insert(0) += 1;
        }
    }
    for (verb, least) in [("check", 2), ("lint", 5), ("plan", 2), ("diff", 3), ("fmt", 1)] {
        assert!(verbs.get(verb).is_some_and(|count| *count >= least), "{verb}: {verbs:?}");
    }
    assert!(tidegate::cli::accepts(&["tidegate", "diff", "a", "b", "--frmat", "json"]).is_err());
}

/// A repository with the rules and manifests of an example, and `ci/tidegate/report.sh`.
struct Repository {
    folder: tempfile::TempDir,
}

impl Repository {
    fn of(example: &str) -> Repository {
        let folder = tempfile::tempdir().unwrap();
        let made = Repository { folder };
        let from = root().join("examples").join(example);
        made.write("rules/rules.tide", &std::fs::read_to_string(from.join("rules.tide")).unwrap());
        let mut rendered = String::new();
        let mut files: Vec<PathBuf> =
            std::fs::read_dir(from.join("manifests")).unwrap().map(|e| e.unwrap().path()).collect();
        files.sort();
        for file in files {
            let text = std::fs::read_to_string(&file).unwrap();
            made.write(&format!("manifests/{}", file.file_name().unwrap().to_string_lossy()), &text);
            rendered += &format!("---\n{text}");
        }
        // Its own rendering: kustomize is not everywhere.
        made.write("rendered.yaml", &rendered);
        made.write("ci/tidegate/report.sh", &text("report.sh"));
        made.git(&["init", "--quiet", "--initial-branch", "main"]);
        made.commit();
        made
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    fn git(&self, arguments: &[&str]) -> String {
        let identity = ["-c", "user.name=test", "-c", "user.email=test@example.org", "-c", "commit.gpgsign=false"];
        let output = self.run("git", &[&identity[..], arguments].concat(), &[]);
        assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    fn commit(&self) -> String {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--message", "change"]);
        self.git(&["rev-parse", "HEAD"])
    }

    /// With the program under test on the path.
    fn run(&self, program: &str, arguments: &[&str], variables: &[(&str, &str)]) -> Output {
        let bin = Path::new(env!("CARGO_BIN_EXE_tidegate")).parent().unwrap();
        let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
        let mut command = Command::new(program);
        command.args(arguments).current_dir(self.folder.path()).env("PATH", path).envs(variables.iter().copied());
        for variable in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"] {
            command.env_remove(variable);
        }
        command.output().unwrap()
    }

    fn report(&self, base: &str) -> (i32, String) {
        let output = self.run("sh", &["ci/tidegate/report.sh", "rules", "rendered.yaml", base, "out"], &[]);
        (output.status.code().unwrap(), String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

/// By this line the comment is found again.
const MARKER: &str = "<!-- tidegate diff -->\n";
const LOOSENED: (&str, &str) = ("cooldown 10m", "cooldown 30m");

#[test]
fn the_report_says_what_changes() {
    let repository = Repository::of("notebook-to-model");
    let rules = repository.read("rules/rules.tide");
    let (status, said) = repository.report("HEAD");
    let report = repository.read("out/report.md");
    assert!(report.contains("Nothing changes in effect."), "{report}{said}");
    assert!(status <= 1, "{said}");
    repository.write("rules/rules.tide", &rules.replace(LOOSENED.0, LOOSENED.1));
    let (_, said) = repository.report("HEAD");
    let report = repository.read("out/report.md");
    assert!(report.starts_with("<!-- tidegate diff -->\n") && report.len() < 65_536, "{report}");
    for words in
        ["`cooldown 10m` → `cooldown 30m`", "The plan of the new rules", "int", "restart isvc predictive-analytics"]
    {
        assert!(report.contains(words), "`{words}` is not in\n{report}{said}");
    }
    for file in ["out/diff.json", "out/lint.sarif"] {
        let value: serde_json::Value = serde_json::from_str(&repository.read(file)).unwrap();
        assert!(value["version"].is_string(), "{file}");
    }
    assert!(repository.read("out/lint.xml").contains("<testsuite"));
}

#[test]
fn what_is_wrong_ends_with_a_report_too() {
    let repository = Repository::of("notebook-to-model");
    let rules = repository.read("rules/rules.tide");
    repository.write("rules/rules.tide", &rules.replace("restart isvc", "rstart isvc"));
    let (status, said) = repository.report("HEAD");
    assert_eq!(status, 1, "{said}");
    let report = repository.read("out/report.md");
    assert!(report.contains("do not compile") && report.contains("rules.tide:"), "{report}");
    // A wave that its own job is in.
    repository.write("rules/rules.tide", &rules.replace("block wave 4", "block wave 1"));
    let (status, said) = repository.report("HEAD");
    let report = repository.read("out/report.md");
    assert!(status == 1 && said.contains("TG111") && report.contains("TG111"), "{status}\n{report}{said}");
    let (status, said) = repository.report("nowhere");
    assert!(status == 2 && said.contains("no commit `nowhere`"), "{said}");
    assert!(repository.read("out/report.md").starts_with(MARKER));
    std::fs::remove_file(repository.path("rendered.yaml")).unwrap();
    repository.write("rules/rules.tide", &rules);
    let (status, said) = repository.report("HEAD");
    assert!(status == 2 && said.contains("rendered.yaml"), "{status} {said}");
    let report = repository.read("out/report.md");
    assert!(report.starts_with(MARKER), "{report}");
    assert!(!report.contains("Lint found nothing") && !report.contains("````text\n````"), "{report}");
    for words in ["What the rules change is not known", "Lint could not run", "There is no plan", "rendered.yaml"] {
        assert!(report.contains(words), "`{words}` is not in\n{report}");
    }
}

#[test]
fn the_first_rules_are_all_new() {
    let repository = Repository::of("notebook-to-model");
    let rules = repository.read("rules/rules.tide");
    std::fs::remove_file(repository.path("rules/rules.tide")).unwrap();
    let base = repository.commit();
    repository.write("rules/rules.tide", &rules);
    let (_, said) = repository.report(&base);
    assert!(repository.read("out/report.md").contains("1 rule added"), "{said}");
}

/// The steps of the workflow that are shell and need nothing of GitHub, as the runner runs them.
#[test]
fn the_steps_of_the_workflow_run() {
    let repository = Repository::of("notebook-to-model");
    let base = repository.git(&["rev-parse", "HEAD"]);
    let rules = repository.read("rules/rules.tide");
    repository.write("rules/rules.tide", &rules.replace(LOOSENED.0, LOOSENED.1));
    let workflow = yaml("github-workflow.yaml");
    let environment = workflow["env"].as_mapping().unwrap();
    let mut variables: Vec<(&str, &str)> =
        environment.iter().map(|(key, value)| (key.as_str().unwrap(), value.as_str().unwrap())).collect();
    variables.extend([("BASE", base.as_str()), ("GITHUB_STEP_SUMMARY", "summary.md")]);
    let mut run = Vec::new();
    for step in workflow["jobs"]["tidegate"]["steps"].as_sequence().unwrap() {
        let Some(script) = step["run"].as_str() else { continue };
        if ["curl ", "gh api", "kubectl "].iter().any(|foreign| script.contains(foreign)) {
            continue;
        }
        let name = step["name"].as_str().unwrap();
        let output = repository.run("sh", &["-e", "-c", script], &variables);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code().is_some_and(|status| status <= 1), "{name}: {said}");
        run.push(name.to_owned());
    }
    assert_eq!(run, ["Report", "Findings at the lines that they are about"]);
    assert!(repository.read("summary.md").starts_with("<!-- tidegate diff -->"));
    let scripts = workflow["jobs"]["tidegate"]["steps"].as_sequence().unwrap().iter().filter_map(|s| s["run"].as_str());
    // Shell can read the others too.
    for script in scripts {
        assert!(repository.run("sh", &["-n", "-c", script], &[]).status.success(), "{script}");
    }
}

#[test]
fn the_job_of_gitlab_runs() {
    let repository = Repository::of("notebook-to-model");
    let base = repository.git(&["rev-parse", "HEAD"]);
    let job = &yaml("gitlab-ci.yaml")["tidegate"];
    let variables = job["variables"].as_mapping().unwrap();
    let mut variables: Vec<(&str, &str)> =
        variables.iter().map(|(key, value)| (key.as_str().unwrap(), value.as_str().unwrap())).collect();
    variables.push(("CI_MERGE_REQUEST_DIFF_BASE_SHA", &base));
    for script in job["script"].as_sequence().unwrap() {
        let output = repository.run("sh", &["-e", "-c", script.as_str().unwrap()], &variables);
        assert!(output.status.code().is_some_and(|status| status <= 1), "{}", String::from_utf8_lossy(&output.stderr));
    }
    // Without a token the note is left out.
    let after = job["after_script"][0].as_str().unwrap();
    let output = repository.run("sh", &["-eu", "-c", after], &[]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut artifacts: Vec<&str> =
        job["artifacts"]["paths"].as_sequence().unwrap().iter().filter_map(Value::as_str).collect();
    artifacts.push(job["artifacts"]["reports"]["junit"].as_str().unwrap());
    artifacts.iter().for_each(|file| assert!(!repository.read(file).is_empty(), "{file}"));
}

#[test]
fn the_hooks_run() {
    let repository = Repository::of("notebook-to-model");
    let rules = repository.read("rules/rules.tide");
    repository.write("rules/rules.tide", &rules.replace(LOOSENED.0, LOOSENED.1));
    let config = yaml("pre-commit-config.yaml");
    let mut shown = String::new();
    for hook in config["repos"][0]["hooks"].as_sequence().unwrap() {
        let mut words = words(hook["entry"].as_str().unwrap());
        if hook["pass_filenames"] != Value::Bool(false) {
            words.push("rules/rules.tide".to_owned());
        }
        let arguments: Vec<&str> = words[1..].iter().map(String::as_str).collect();
        let output = repository.run(&words[0], &arguments, &[]);
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        shown += &String::from_utf8_lossy(&output.stdout);
    }
    assert!(shown.contains("+ cooldown 30m"), "{shown}");
}

/// The hook of `diff` where HEAD has no rules, where there is no commit, and that it leaves no folder behind.
#[test]
fn the_hook_lets_the_first_rules_pass() {
    let config = yaml("pre-commit-config.yaml");
    let hooks = config["repos"][0]["hooks"].as_sequence().unwrap();
    let hook = hooks.iter().find(|hook| hook["id"] == "tidegate-diff").unwrap();
    let words = words(hook["entry"].as_str().unwrap());
    let arguments: Vec<&str> = words[1..].iter().map(String::as_str).collect();
    let repository = Repository::of("notebook-to-model");
    let temporary = tempfile::tempdir().unwrap();
    let variables = [("TMPDIR", temporary.path().to_str().unwrap())];
    let check = |told: &str| {
        let output = repository.run(&words[0], &arguments, &variables);
        let shown = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success() && shown.contains(told), "{shown}{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(std::fs::read_dir(temporary.path()).unwrap().count(), 0);
    };
    check("nothing changes in effect");
    repository.git(&["rm", "--quiet", "--cached", "-r", "rules"]);
    repository.git(&["commit", "--quiet", "--message", "without rules"]);
    check("1 rule added");
    std::fs::remove_dir_all(repository.path(".git")).unwrap();
    repository.git(&["init", "--quiet", "--initial-branch", "main"]);
    check("1 rule added");
}
