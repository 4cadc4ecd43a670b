//! Number lists of a tenant, and the one without which nobody is called.
#![allow(clippy::unwrap_used, reason = "a test that panics fails, as it should")]

use std::path::Path;

use expect_test::expect;
use plugboard_config::{Fault, Judges, Style, load_tenant, render};
use plugboard_model::Configuration;

const JUDGES: Judges<'static> = Judges {
    flow: &|_, _| Vec::new(),
    policy: &|_, _| Vec::new(),
    rule: &|_| Vec::new(),
    connector: &|_| Default::default(),
    channel: &|_| Vec::new(),
};

fn tenant(name: &str, dialling: &str, files: &[(&str, &str)]) -> Result<Configuration, Vec<Fault>> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("lists-{name}"));
    std::fs::create_dir_all(folder.join("lists")).unwrap();
    std::fs::write(folder.join("tenant.toml"), format!("id = \"shop\"\n{dialling}")).unwrap();
    for (file, text) in files {
        std::fs::write(folder.join("lists").join(file), text).unwrap();
    }
    load_tenant(&folder, JUDGES).map(|bundle| bundle.configuration)
}

#[test]
fn a_list_is_a_file_of_numbers_or_the_first_column_of_a_table() {
    let text = "# nobody calls them\n+86 138-0013-8000\n\n+4930123456 # complained\n";
    let table = "\u{feff}number,name\n+4930123456,\"Bo\"\n\"+85223456789\",Lin\n";
    let shop = tenant("good", "", &[("do-not-call.txt", text), ("consented.csv", table)]).unwrap();
    let lists = |number: &str| shop.lists_of(&number.parse().unwrap());
    assert_eq!(lists("+4930123456"), ["consented", "do-not-call"]);
    assert_eq!(lists("8613800138000"), ["do-not-call"]);
    assert_eq!((lists("+85223456789"), lists("110")), (vec!["consented".to_owned()], vec![]));
}

#[test]
fn what_is_no_number_and_a_list_that_is_not_there_are_told_with_their_line() {
    let dialling = "[dialling]\nconsent_list = \"agreed\"\n";
    let faults = tenant("bad", dialling, &[("a b.txt", "+4930123456"), ("do-not-call.txt", "+4930123456\n030 123\n")]);
    expect![[r#"
        lists/a b.txt: error[bad-name]: no list can be called so: name holds ' '; letters, digits, '-', '_', '.' and '+' are allowed
          remedy: rename the file: a list is called like its file

        lists/do-not-call.txt:2:1: error[bad-number]: "030 123" is no number
          2 | 030 123
            | ^^^^^^^
          remedy: write it as in E.164: +8613800138000

        tenant.toml:3:16: error[unknown-list]: there is no list agreed
          3 | consent_list = "agreed"
            |                ^^^^^^^^
          remedy: write it as lists/NAME.txt: without it no customer is called

        3 errors, 0 warnings
    "#]]
    .assert_eq(&render(&faults.unwrap_err(), Style::Plain));
}
