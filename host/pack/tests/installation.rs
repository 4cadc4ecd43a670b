//! A pack's life with one tenant.
#![allow(clippy::unwrap_used, reason = "a test that panics fails, as it should")]

use expect_test::expect;
use plugboard_pack::{
    Digest, Held, Installation, Manifest, Release, Step, UpgradeError,
    signature::Mode::{self, Development, Production},
};

fn manifest(version: &str, asks: &str) -> Manifest {
    let text = format!(
        "[pack]\nid = \"acme.crm\"\nversion = \"{version}\"\ncontract = \"0.1.0\"\nlicence = \"MIT\"\nvendor = \"Acme\"\n\
         name = \"Acme\"\ndescription = \"Finds the caller\"\n\
         [components.lookup]\nworld = \"connector\"\nfile = \"lookup.wasm\"\n[components.lookup.asks]\n{asks}"
    );
    Manifest::parse(&text).unwrap_or_else(|faults| panic!("{faults:?}"))
}

/// `build`: the same version of two builds differs by it.
fn held(manifest: &Manifest, build: &str) -> Held {
    let digest = Digest::of(format!("{} {build}", manifest.version).as_bytes());
    let release = Release { version: manifest.version.clone(), digest };
    Held { release, file: digest, signed_by: vec!["Acme".into()], grant: None }
}

/// An administrator at work, and what came of it.
#[derive(Default)]
struct Desk {
    installed: Option<Installation>,
    /// Of the version that came last.
    latest: Option<(Manifest, Held)>,
    said: String,
}

impl Desk {
    fn comes(&mut self, version: &str, asks: &str, mode: Mode) {
        self.build_comes(version, asks, "", mode);
    }

    fn build_comes(&mut self, version: &str, asks: &str, build: &str, mode: Mode) {
        let manifest = manifest(version, asks);
        let held = held(&manifest, build);
        self.latest = Some((manifest.clone(), held.clone()));
        let done = match &self.installed {
            None => Ok(Installation::install(&manifest, held)),
            Some(installed) => installed.upgrade(&manifest, held, mode, None).map_err(|error| error.to_string()),
        };
        self.note(&format!("{version} comes"), done);
    }

    fn comes_on_trial(&mut self, version: &str, asks: &str, trial: &str) {
        let manifest = manifest(version, asks);
        let held = held(&manifest, "");
        self.latest = Some((manifest.clone(), held.clone()));
        let trial = Some(trial.parse().unwrap());
        let done = match &self.installed {
            None => Err(UpgradeError::NothingServes { pack: manifest.id }),
            Some(installed) => installed.upgrade(&manifest, held, Production, trial),
        };
        self.note(&format!("{version} comes on trial"), done.map_err(|error| error.to_string()));
    }

    fn is_promoted(&mut self) {
        let done = self.installed.as_ref().unwrap().promote();
        self.note("promoted", done.ok_or_else(|| "nothing is on trial".to_owned()));
    }

    fn grants(&mut self) {
        let (manifest, held) = self.latest.clone().unwrap();
        let granted = self.installed.as_ref().unwrap().grant(&"shop".parse().unwrap(), &manifest, held.release.digest);
        self.note("granted", granted.map_err(|error| error.to_string()));
    }

    fn rolls_back(&mut self) {
        let done = self.installed.as_ref().unwrap().roll_back();
        self.note("rolled back", done.map_err(|error| error.to_string()));
    }

    fn note(&mut self, what: &str, done: Result<(Installation, Step), String>) {
        let came = match done {
            Ok((installed, step)) => {
                let version = |held: &Option<Held>| {
                    held.as_ref().map_or_else(|| "-".into(), |held| held.release.version.to_string())
                };
                let row = [&installed.serving, &installed.previous, &installed.waiting].map(version);
                let tried = installed
                    .trial
                    .as_ref()
                    .map_or_else(String::new, |_| ", on trial ".to_owned() + &version(&installed.trial));
                let step = match step {
                    Step::Serves { .. } => "serves".to_owned(),
                    Step::Tried { trial, .. } => format!("is tried by {trial}"),
                    Step::Waits { wanting, .. } => format!("waits, since {wanting}"),
                };
                self.installed = Some(installed);
                format!("{step} [serving {}, previous {}, waiting {}{tried}]", row[0], row[1], row[2])
            }
            Err(refused) => format!("refused: {refused}"),
        };
        self.said += &format!("{what}: {came}\n");
    }
}

#[test]
fn an_upgrade_that_asks_for_more_waits_while_the_old_version_serves() {
    let mut desk = Desk::default();
    desk.comes("1.0.0", "kv = \"1KiB\"", Production);
    desk.grants();
    desk.comes("1.1.0", "kv = \"1KiB\"", Production);
    desk.comes("1.2.0", "kv = \"2KiB\"", Production);
    desk.grants();
    desk.grants();
    desk.rolls_back();
    desk.rolls_back();
    expect![[r#"
        1.0.0 comes: waits, since acme.crm 1.0.0 asks for 1 thing that nobody granted [serving -, previous -, waiting 1.0.0]
        granted: serves [serving 1.0.0, previous -, waiting -]
        1.1.0 comes: serves [serving 1.1.0, previous 1.0.0, waiting -]
        1.2.0 comes: waits, since acme.crm 1.2.0 asks for 1 thing that nobody granted [serving 1.1.0, previous 1.0.0, waiting 1.2.0]
        granted: serves [serving 1.2.0, previous 1.1.0, waiting -]
        granted: refused: no version of acme.crm waits for a grant
        rolled back: serves [serving 1.1.0, previous -, waiting -]
        rolled back: refused: there is no version of acme.crm to go back to
    "#]].assert_eq(&desk.said);
}

#[test]
fn going_back_needs_no_grant_again_and_gives_up_what_waits() {
    let mut desk = Desk::default();
    desk.comes("1.0.0", "kv = \"1KiB\"", Production);
    desk.grants();
    desk.comes("2.0.0", "", Production);
    desk.comes("2.1.0", "effects = [\"export\"]", Production);
    desk.rolls_back();
    expect![[r#"
        1.0.0 comes: waits, since acme.crm 1.0.0 asks for 1 thing that nobody granted [serving -, previous -, waiting 1.0.0]
        granted: serves [serving 1.0.0, previous -, waiting -]
        2.0.0 comes: serves [serving 2.0.0, previous 1.0.0, waiting -]
        2.1.0 comes: waits, since acme.crm 2.1.0 asks for 1 thing that nobody granted [serving 2.0.0, previous 1.0.0, waiting 2.1.0]
        rolled back: serves [serving 1.0.0, previous -, waiting -]
    "#]].assert_eq(&desk.said);
}

#[test]
fn a_version_number_stands_for_one_content_outside_of_development() {
    let mut desk = Desk::default();
    desk.comes("1.1.0", "", Production);
    desk.comes("1.1.0", "", Production);
    desk.build_comes("1.1.0", "", "another", Production);
    desk.comes("1.0.0", "", Production);
    desk.build_comes("1.1.0", "", "another", Development);
    desk.comes("1.0.0", "", Development);
    expect![[r#"
        1.1.0 comes: serves [serving 1.1.0, previous -, waiting -]
        1.1.0 comes: refused: acme.crm 1.1.0 (9aed9059170c) serves already
        1.1.0 comes: refused: acme.crm 1.1.0 is here already with another content
        1.0.0 comes: refused: acme.crm 1.0.0 does not come after 1.1.0, which serves
        1.1.0 comes: serves [serving 1.1.0, previous 1.1.0, waiting -]
        1.0.0 comes: serves [serving 1.0.0, previous 1.1.0, waiting -]
    "#]]
    .assert_eq(&desk.said);
}

#[test]
fn a_grant_is_for_the_content_that_was_looked_at() {
    let mut desk = Desk::default();
    desk.comes("1.0.0", "kv = \"1KiB\"", Production);
    let seen = desk.latest.clone();
    desk.comes("1.1.0", "kv = \"1MiB\"", Production);
    desk.latest = seen;
    desk.grants();
    expect![[r#"
        1.0.0 comes: waits, since acme.crm 1.0.0 asks for 1 thing that nobody granted [serving -, previous -, waiting 1.0.0]
        1.1.0 comes: waits, since acme.crm 1.1.0 asks for 1 thing that nobody granted [serving -, previous -, waiting 1.1.0]
        granted: refused: 1.1.0 (9aed9059170c) of acme.crm waits, not the content 8d466a3888d1
    "#]].assert_eq(&desk.said);
}

#[test]
fn an_installation_reads_back_as_it_was_kept() {
    let mut desk = Desk::default();
    desk.comes("1.0.0", "kv = \"1KiB\"", Production);
    desk.grants();
    desk.comes("1.2.0", "kv = \"2KiB\"", Production);
    let kept = serde_json::to_string(&desk.installed).unwrap();
    assert_eq!(serde_json::from_str::<Option<Installation>>(&kept).unwrap(), desk.installed, "{kept}");
}

#[test]
fn a_version_is_tried_beside_the_one_that_serves_and_begins_so_after_its_grant_too() {
    let mut desk = Desk::default();
    desk.comes_on_trial("1.0.0", "", "shadow");
    desk.comes("1.0.0", "kv = \"1KiB\"", Production);
    desk.comes_on_trial("1.0.1", "", "shadow");
    desk.comes("1.0.0", "kv = \"1KiB\"", Production);
    desk.grants();
    desk.comes_on_trial("1.1.0", "kv = \"1KiB\"", "share=5%");
    desk.rolls_back();
    desk.comes_on_trial("1.2.0", "kv = \"2KiB\"", "share=5%");
    desk.grants();
    desk.is_promoted();
    desk.is_promoted();
    desk.rolls_back();
    expect![[r#"
        1.0.0 comes on trial: refused: no version of acme.crm serves yet, so none can be tried beside it
        1.0.0 comes: waits, since acme.crm 1.0.0 asks for 1 thing that nobody granted [serving -, previous -, waiting 1.0.0]
        1.0.1 comes on trial: refused: no version of acme.crm serves yet, so none can be tried beside it
        1.0.0 comes: waits, since acme.crm 1.0.0 asks for 1 thing that nobody granted [serving -, previous -, waiting 1.0.0]
        granted: serves [serving 1.0.0, previous -, waiting -]
        1.1.0 comes on trial: is tried by share=5% [serving 1.0.0, previous -, waiting -, on trial 1.1.0]
        rolled back: serves [serving 1.0.0, previous -, waiting -]
        1.2.0 comes on trial: waits, since acme.crm 1.2.0 asks for 1 thing that nobody granted [serving 1.0.0, previous -, waiting 1.2.0]
        granted: is tried by share=5% [serving 1.0.0, previous -, waiting -, on trial 1.2.0]
        promoted: serves [serving 1.2.0, previous 1.0.0, waiting -]
        promoted: refused: nothing is on trial
        rolled back: serves [serving 1.0.0, previous -, waiting -]
    "#]]
    .assert_eq(&desk.said);
}
