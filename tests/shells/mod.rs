//! Completion in real shells, and the manual where `install-docs` puts it.

use std::fs;
use std::path::Path;

use super::{BEGIN, PROGRAM, Project, need, said};

/// A line typed so far, what has to be offered for its last word, and what must not be.
struct Case {
    line: &'static str,
    wanted: &'static [&'static str],
    unwanted: &'static [&'static str],
}

/// What both shells offer in a project where [`BEGIN`] was typed.
const CASES: &[Case] = &[
    Case {
        line: "git gt ",
        wanted: &["sling", "mail", "convoy", "show", "init"],
        unwanted: &["complete", "session", "gt-7k2q9"],
    },
    Case {
        line: "git gt sh",
        wanted: &["show"],
        unwanted: &["sling"],
    },
    Case {
        line: "git gt show ",
        wanted: &["gt-7k2q9", "gt-m4x8d"],
        unwanted: &["gt-closd", "show"],
    },
    Case {
        line: "git gt mail send ",
        wanted: &["overseer", "mayor/", "project/refinery", "@crew"],
        unwanted: &["gt-7k2q9", "unheard"],
    },
    Case {
        line: "git gt mail send --cc ov",
        wanted: &["overseer"],
        unwanted: &["mayor/"],
    },
    Case {
        line: "git gt mail send @re",
        wanted: &["@refineries"],
        unwanted: &["@crew"],
    },
    Case {
        line: "git gt mail inbox pr",
        wanted: &["project/witness"],
        unwanted: &["project/*"],
    },
    Case {
        line: "git gt mail read gt-m",
        wanted: &["gt-mail-"],
        unwanted: &["gt-m4x8d"],
    },
    Case {
        line: "git gt convoy show ",
        wanted: &["gt-cv-"],
        unwanted: &["gt-7k2q9"],
    },
    Case {
        line: "git-gt convoy add gt-cv-abc gt-7",
        wanted: &["gt-7k2q9"],
        unwanted: &["gt-m4x8d"],
    },
    Case {
        line: "git gt sl",
        wanted: &["sling"],
        unwanted: &["show", "session"],
    },
    Case {
        line: "git-gt re",
        wanted: &["ready", "refinery", "reopen"],
        unwanted: &["show"],
    },
    Case {
        line: "git gt refinery gate ",
        wanted: &["add", "list", "none", "remove", "run", "show"],
        unwanted: &["submit"],
    },
    Case {
        line: "git gt refinery gate remove ",
        wanted: &["test"],
        unwanted: &["list"],
    },
    Case {
        line: "git gt show gt-",
        wanted: &["gt-7k2q9", "gt-m4x8d"],
        unwanted: &["gt-closd"],
    },
    Case {
        line: "git-gt reopen ",
        wanted: &["gt-closd"],
        unwanted: &["gt-7k2q9"],
    },
    Case {
        line: "git gt sling gt-7k2q9 ",
        wanted: &["gt-m4x8d"],
        unwanted: &["gt-7k2q9"],
    },
    Case {
        line: "git gt sling --agent ",
        wanted: &["claude"],
        unwanted: &["gt-7k2q9"],
    },
    Case {
        line: "git gt ready --so",
        wanted: &["--sort"],
        unwanted: &["--parent"],
    },
    Case {
        line: "git gt ready --sort ol",
        wanted: &["oldest"],
        unwanted: &["hybrid"],
    },
    Case {
        line: "git-gt ready --sort=ol",
        wanted: &["oldest"],
        unwanted: &["hybrid"],
    },
    Case {
        line: "git gt mq submit --branch ty",
        wanted: &["typo"],
        unwanted: &["main"],
    },
    Case {
        line: "git -C ../project gt show gt-7",
        wanted: &["gt-7k2q9"],
        unwanted: &["gt-m4x8d"],
    },
];

const MORE: &str = "git gt create --id gt-closd 'Long done'
git gt close gt-closd
git gt convoy create 'Before the release' gt-7k2q9
git gt mail send overseer -s 'Ready: \\$HOME and `all`'
";

fn project() -> Project {
    let project = Project::new();
    project.run("project", &format!("{BEGIN}{MORE}"));
    project
}

#[track_caller]
fn check(case: &Case, offered: &str) {
    let offered: Vec<&str> = offered.split_whitespace().collect();
    // An id that was made by chance is known by its beginning.
    let fits =
        |it: &str, wanted: &str| it == wanted || wanted.ends_with('-') && it.starts_with(wanted);
    for wanted in case.wanted {
        let offers = offered.iter().any(|it| fits(it, wanted));
        assert!(offers, "{}: {offered:?}", case.line);
    }
    for unwanted in case.unwanted {
        assert!(!offered.contains(unwanted), "{}: {offered:?}", case.line);
    }
}

/// git's own completion for bash, as Debian, Fedora and Arch have it.
const GIT_COMPLETION: &str = "/usr/share/bash-completion/completions/git";

const BASH: &str = r#"
. "$GIT_COMPLETION"
. <(git gt completion bash)
COMP_WORDBREAKS=$' \t\n"\'><=;|&(:'
offer () {
  COMP_LINE="$1"; COMP_POINT=${#1}; COMP_TYPE=9; COMPREPLY=()
  local text="${1//=/ = }"
  read -r -a COMP_WORDS <<<"$text"
  case "$1" in *' ') COMP_WORDS+=("") ;; esac
  COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
  local function="$(complete -p "${COMP_WORDS[0]}")"
  function="${function##*-F }"
  "${function%% *}" "${COMP_WORDS[0]}"
  printf '%s\n' "${COMPREPLY[@]}"
}
offer "$1"
"#;

#[test]
fn bash_completes_git_gt() {
    if !need("bash") || !Path::new(GIT_COMPLETION).exists() && !need("git-completion") {
        return;
    }
    let project = project();
    fs::write(project.dir.path().join("offer.bash"), BASH).unwrap();
    let offer = |folder: &str, line: &str| {
        let run = "GIT_COMPLETION=$1 bash --norc ../offer.bash \"$2\"";
        let script = format!("set -- '{GIT_COMPLETION}' '{line}'\n{run}");
        project.run(folder, &script)
    };
    for case in CASES {
        check(case, &offer("project", case.line));
    }
    project.run(".", "mkdir nowhere && git init -q empty");
    for folder in ["nowhere", "empty"] {
        assert_eq!(offer(folder, "git gt show ").trim(), "");
        assert_eq!(offer(folder, "git-gt agents --actor ").trim(), "");
        assert_eq!(offer(folder, "git gt sl").trim(), "sling");
    }
}

/// What loads completions of installed programs when they are first asked for.
const LOADER: &str = "/usr/share/bash-completion/bash_completion";

/// Completes a line as an interactive bash does that has nothing but the loader and what `install-docs`
/// installed.
const LAZY_BASH: &str = r#"
. "$LOADER"
offer () {
  COMP_LINE="$1"; COMP_POINT=${#1}; COMP_TYPE=9; COMPREPLY=()
  read -r -a COMP_WORDS <<<"$1"
  case "$1" in *' ') COMP_WORDS+=("") ;; esac
  COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
  local loader=_completion_loader spec
  if declare -F _comp_load >/dev/null; then loader=_comp_load; fi
  complete -p "${COMP_WORDS[0]}" >/dev/null 2>&1 || "$loader" "${COMP_WORDS[0]}"
  spec="$(complete -p "${COMP_WORDS[0]}")"
  spec="${spec##*-F }"
  "${spec%% *}" "${COMP_WORDS[0]}"
  printf '%s\n' "${COMPREPLY[@]}"
}
offer "$1"
"#;

#[test]
fn bash_loads_what_was_installed() {
    let there = Path::new(LOADER).exists() && Path::new(GIT_COMPLETION).exists();
    if !need("bash") || !there && !need("bash-completion") {
        return;
    }
    let project = project();
    project.run(".", "git gt install-docs --prefix own");
    fs::write(project.dir.path().join("offer.bash"), LAZY_BASH).unwrap();
    for (line, wanted) in [
        ("git gt sh", "show"),
        ("git gt show ", "gt-7k2q9"),
        ("git gt mail send ", "overseer"),
        ("git-gt convoy cr", "create"),
    ] {
        let run = "XDG_DATA_DIRS=../own/share:/usr/share bash --norc ../offer.bash \"$2\"";
        let script = format!("LOADER='{LOADER}'; export LOADER\nset -- '' '{line}'\n{run}");
        let offered = project.run("project", &script);
        let found = offered.split_whitespace().any(|it| it == wanted);
        assert!(found, "{line}: {offered}");
    }
}

/// Types a line in an interactive zsh of its own, and notes what is offered in a file.
const ZSH: &str = r#"
zmodload zsh/zpty
zpty z zsh -f -i
zpty -w z "source $PWD/../setup.zsh $PWD/../offered"
until [[ -e ../offered ]] { sleep 0.01 }
zpty -w -n z "$1"$'\t'
until [[ $(tail -n 1 ../offered) == done ]] { sleep 0.01 }
zpty -d z
cat ../offered
rm ../offered
"#;

const ZSH_SETUP: &str = r#"
offered=$1
fpath=(${0:h}/functions $fpath)
autoload -U compinit && compinit -u -D
zstyle ':completion:*' verbose yes
compadd () {
  if [[ ${@[1,(i)(-|--)]} == *-(O|A|D)\ * ]]; then
    builtin compadd "$@"
    return
  fi
  local -a hits
  builtin compadd -A hits "$@"
  print -l -- $hits >>$offered
  builtin compadd "$@"
}
capture () { _main_complete; print done >>$offered }
zle -C capture complete-word capture
bindkey '^I' capture
: >$offered
"#;

#[test]
fn zsh_completes_git_gt() {
    if !need("zsh") {
        return;
    }
    let project = project();
    let home = project.dir.path();
    fs::write(home.join("offer.zsh"), ZSH).unwrap();
    fs::write(home.join("setup.zsh"), ZSH_SETUP).unwrap();
    project.run(
        ".",
        "mkdir functions; git gt completion zsh >functions/_git-gt",
    );
    for case in CASES {
        let script = format!("timeout 60 zsh -f ../offer.zsh '{}' </dev/null", case.line);
        check(case, &project.run("project", &script));
    }
}

#[test]
fn fish_completes_git_gt() {
    if !need("fish") {
        return;
    }
    let project = project();
    for case in CASES {
        let line = case.line;
        let script =
            format!("fish -N -c 'git gt completion fish | source; complete -C \"{line}\"'");
        let offered = project.run("project", &script);
        let values = offered.lines().filter_map(|it| it.split('\t').next());
        let values = values.map(|it| it.split_once('=').map_or(it, |it| it.1));
        check(case, &values.collect::<Vec<_>>().join("\n"));
    }
}

#[test]
fn candidates_say_what_they_are() {
    let project = project();
    let ask = |words: &str| project.run("project", &format!("git gt complete -- {words}"));
    assert_eq!(ask("show gt-7"), "gt-7k2q9\tParser accepts empty input\n");
    assert_eq!(
        ask("show gt-c"),
        "gt-closd\tLong done\n",
        "no open one fits"
    );
    assert_eq!(ask("create gt-"), "");
    assert_eq!(ask("show -- --js"), "");
    assert_eq!(ask("-C nowhere show gt-"), "");
    assert_eq!(ask("help refinery ga").split('\t').next(), Some("gate"));
    assert_eq!(ask("help conc").split('\t').next(), Some("concepts"));
    assert!(ask("ready -n").is_empty());
    assert!(ask("ready -n5 --js").starts_with("--json\t"));
    project.run(
        "project",
        "git gt update gt-m4x8d --title \"$(printf 'a\\tb')\"",
    );
    assert_eq!(ask("show gt-m"), "gt-m4x8d\ta b\n");
    project.run("project", "git gt mq submit --branch typo");
    let request = ask("mq reject ''");
    assert!(request.ends_with("\tqueued typo\n"), "{request}");
    assert_eq!(ask("mq retry ''"), "");
}

#[test]
fn docs_are_installed_where_man_looks() {
    let project = Project::new();
    let home = project.dir.path();
    fs::create_dir_all(home.join("own/bin")).unwrap();
    fs::copy(PROGRAM, home.join("own/bin/git-gt")).unwrap();
    let own = format!("PATH={0}/own/bin:$PATH\nunset MANPATH\n", home.display());
    let said = project.run(".", &format!("{own}git-gt install-docs --json"));
    let share = home.join("own/share");
    for file in [
        "man/man1/git-gt.1",
        "man/man1/git-gt-sling.1",
        "man/man7/gitgt-concepts.7",
        "bash-completion/completions/git-gt",
        "zsh/site-functions/_git-gt",
        "fish/vendor_completions.d/git-gt.fish",
    ] {
        assert!(share.join(file).is_file(), "{file}");
        assert!(said.contains(&format!("{file}\"")), "{file}: {said}");
    }
    // Only man-db, which lexgrog comes with, finds pages by PATH alone.
    if !need("man") || !need("lexgrog") {
        return;
    }
    assert!(said.contains("\"man\": true"), "{said}");
    for (asked, wanted) in [
        ("man git-gt", "GIT-GT(1)"),
        ("git help gt", "GIT-GT(1)"),
        ("git gt --help", "GIT-GT(1)"),
        ("git help gt-concepts", "GITGT-CONCEPTS(7)"),
        ("git help git-gt-sling", "GIT-GT-SLING(1)"),
        ("git gt sling --help", "GIT-GT-SLING(1)"),
        ("git gt convoy --help", "GIT-GT-CONVOY(1)"),
        ("man git-gt-nudge", "GIT-GT-NUDGE(1)"),
    ] {
        let shown = project.run(".", &format!("{own}export MANPAGER=cat\n{asked}"));
        assert!(shown.contains(wanted), "{asked}: {shown}");
    }
    let elsewhere = project.run(".", &format!("{own}git gt install-docs --prefix other"));
    let line = format!("export MANPATH=\"{}/other/share/man:", home.display());
    assert!(elsewhere.contains(&line), "{elsewhere}");
}

#[test]
fn docs_that_cannot_be_written_are_an_error() {
    let project = Project::new();
    let home = project.dir.path();
    fs::write(home.join("file"), "").unwrap();
    let output = std::process::Command::new(PROGRAM)
        .args(["install-docs", "--prefix", "file"])
        .current_dir(home)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(128));
    let text = said(&output);
    assert!(text.contains("Error: cannot write"), "{text}");
}
