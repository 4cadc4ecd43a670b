//! The same policy in every language, from the registries: by name only, so that the tests need neither PyPI nor npm.

use crate::{
    browser, plugins,
    run::{self, Failure, cargo, program, root, say},
};

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask plugins                what stands in plugins/, for the host and the tests
  cargo xtask plugins --packs        a pack of each beside them, in target/packs, to be signed and installed
  cargo xtask plugins --browser      runs flow-graph in Node too, as a browser would: the same steps as in the host; npm is asked
  cargo xtask plugins --all          the examples in Rust, C, JavaScript, Python and Go too; PyPI, npm and crates.io are asked
  cargo xtask plugins --templates    builds those, then all that `plugboard pack new` makes in them, and holds it against the kit
  cargo xtask plugins --table        builds them, measures each in a release build, and writes the table of examples/plugins/README.md")]
pub(crate) struct Arguments {
    /// Build the examples of every language too.
    #[arg(long)]
    all: bool,
    /// Make a pack of each plugin, in target/packs.
    #[arg(long)]
    packs: bool,
    /// Run the calls of two flows in the host and, by jco, in Node: every step has to be the same.
    #[arg(long)]
    browser: bool,
    /// Build what `plugboard pack new` makes in each language and world, by the commands that it prints.
    #[arg(long)]
    templates: bool,
    /// Measure them and write the table of examples/plugins/README.md; on a machine that does nothing else.
    #[arg(long)]
    table: bool,
}

/// Folders of `examples/plugins`, each with a script `build`.
const LANGUAGES: [&str; 5] = ["rust", "c", "javascript", "python", "go"];

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let folder = plugins::build()?;
    say(&format!("they are in {}", folder.display()));
    if arguments.packs {
        let packs = plugins::packs()?;
        let next = "sign one with `plugboard pack sign FILE --key NAME.key`";
        say(&format!("the packs are in {}; {next}", packs.display()));
    }
    if arguments.browser {
        browser::compare()?;
    }
    if arguments.all || arguments.table || arguments.templates {
        // It also installs what the templates want.
        build_examples()?;
    }
    if arguments.templates {
        let mut hold = cargo();
        hold.args(["test", "--workspace", "--test", "pack_new", "--", "--ignored"]);
        run::run("building what `plugboard pack new` makes", &mut hold)?;
    }
    if arguments.table {
        let mut measure = cargo();
        // The whole workspace's features, as for every build with the engine in it.
        measure.args(["build", "--release", "--workspace", "--example", "languages"]);
        run::run("building for release (10 to 20 minutes the first time)", &mut measure)?;
        let languages = run::target().join("release/examples/languages");
        run::run("measuring the examples", program(languages).args(["--write"]))?;
    }
    Ok(())
}

/// All of them, whatever one lacks: which ones failed is told at the end.
fn build_examples() -> Result<(), Failure> {
    let mut failed = Vec::new();
    for language in LANGUAGES {
        let mut build = program(root().join("examples/plugins").join(language).join("build"));
        // Each has a folder of its own.
        build.env_remove("CARGO_TARGET_DIR");
        if let Err(failure) = run::run(&format!("building the example in {language}"), &mut build) {
            eprintln!("  {failure}");
            failed.push(language);
        }
    }
    if failed.is_empty() {
        return Ok(());
    }
    Err(Failure::Setup(format!(
        "no component of {}; what is printed above says what is missing; alone:\n    examples/plugins/{}/build",
        failed.join(", "),
        failed[0]
    )))
}
