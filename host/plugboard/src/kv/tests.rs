use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use plugboard_plugin::{KvCondition, MemoryKv};
use plugboard_store::{Embedded, Options};

use super::*;

struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        // What is left over is the system's to clean.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn folder() -> Folder {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    Folder(std::env::temp_dir().join(format!("plugboard-kv-{}-{number}", std::process::id())))
}

fn durable(folder: &Folder) -> DurableKv {
    DurableKv::new(Arc::new(Embedded::open(Options::new(&folder.0)).expect("a store")))
}

/// Both kinds have to pass.
fn each(test: impl Fn(&dyn Kv)) {
    test(&MemoryKv::default());
    let folder = folder();
    test(&durable(&folder));
}

fn place(tenant: &str) -> KvPlace {
    KvPlace { tenant: tenant.parse().expect("a name"), plugin: "crm".into() }
}

fn write(value: &str, condition: KvCondition) -> KvWrite {
    KvWrite { value: value.into(), condition, expires: None }
}

#[test]
fn a_place_holds_no_more_than_its_quota_and_sees_no_other_place() {
    each(|kv| {
        let set = |tenant, key, value| kv.set(&place(tenant), key, write(value, KvCondition::Always), 10);
        assert!(set("acme", "token", "12345").is_ok());
        assert_eq!(set("acme", "x", ""), Err(KvError::Quota { used: 11, granted: 10 }));
        assert!(set("acme", "token", "1234").is_ok(), "a value may be replaced");
        assert!(set("acme", "x", "").is_ok(), "and what is shorter makes room");
        assert!(set("umbrella", "token", "1").is_ok());
        kv.delete(&place("acme"), "x").expect("deleted");
        assert_eq!(kv.list(&place("acme"), "", None, 9), Ok(vec!["token".to_owned()]));
        let other = KvPlace { plugin: "erp".into(), ..place("acme") };
        assert_eq!(kv.get(&other, "token"), Ok(None));
    });
}

#[test]
fn of_two_writers_that_read_the_same_one_is_told_to_read_again() {
    each(|kv| {
        let set = |condition| kv.set(&place("acme"), "k", write("v", condition), 100);
        let first = set(KvCondition::Absent).expect("written");
        let second = set(KvCondition::Unchanged(first)).expect("written");
        assert_eq!(
            [set(KvCondition::Unchanged(first)), set(KvCondition::Absent)],
            [const { Err(KvError::Changed) }; 2]
        );
        assert_eq!(kv.get(&place("acme"), "k").map(|entry| entry.map(|entry| entry.revision)), Ok(Some(second)));
    });
}

#[test]
fn what_has_expired_is_gone_and_takes_no_room() {
    each(|kv| {
        let short = KvWrite { expires: Some(Duration::ZERO), ..write("12345", KvCondition::Always) };
        kv.set(&place("acme"), "old", short, 8).expect("written");
        assert_eq!(kv.get(&place("acme"), "old"), Ok(None));
        assert_eq!(kv.list(&place("acme"), "", None, 9), Ok(vec![]));
        assert!(kv.set(&place("acme"), "new", write("12345", KvCondition::Absent), 8).is_ok());
        assert!(kv.set(&place("acme"), "old", write("", KvCondition::Absent), 20).is_ok(), "it is absent");
    });
}

#[test]
fn keys_are_listed_by_prefix_and_page_whatever_they_hold() {
    each(|kv| {
        for key in ["b/2", "a", "b/1", "b", "c", "b/\u{1}\n", "客户/1", "b/10"] {
            kv.set(&place("acme"), key, write("", KvCondition::Absent), 1_000).expect("written");
        }
        let list = |prefix, after, limit| kv.list(&place("acme"), prefix, after, limit).expect("a list");
        assert_eq!(list("", None, 99), ["a", "b", "b/\u{1}\n", "b/1", "b/10", "b/2", "c", "客户/1"]);
        assert_eq!(list("b/", None, 2), ["b/\u{1}\n", "b/1"]);
        assert_eq!(list("b/", Some("b/1"), 9), ["b/10", "b/2"]);
        assert_eq!(list("客", Some("a"), 9), ["客户/1"]);
        assert_eq!(list("", None, 0), [""; 0]);
    });
}

#[test]
fn a_value_of_any_bytes_up_to_64_kib_comes_back_whole_and_shrinks() {
    each(|kv| {
        for length in [64 * 1024, 1, 24 * 1024, 0] {
            let value: Vec<u8> = (0..length).map(|place| (place % 251) as u8).collect();
            let set = KvWrite { value: value.clone(), condition: KvCondition::Always, expires: None };
            kv.set(&place("acme"), "blob", set, 70_000).expect("written");
            let found = kv.get(&place("acme"), "blob").expect("read").map(|entry| entry.value);
            assert!(found == Some(value), "{length}");
        }
    });
}

#[test]
fn what_was_written_is_there_after_a_restart_and_still_counts() {
    let folder = folder();
    let kv = durable(&folder);
    let revision = kv.set(&place("acme"), "token", write("12345", KvCondition::Absent), 12).expect("written");
    drop(kv);
    let kv = durable(&folder);
    assert_eq!(kv.get(&place("acme"), "token"), Ok(Some(KvEntry { value: b"12345".to_vec(), revision })));
    assert_eq!(
        kv.set(&place("acme"), "more", write("", KvCondition::Always), 12),
        Err(KvError::Quota { used: 14, granted: 12 })
    );
}

#[test]
fn what_plugins_kept_that_are_gone_is_forgotten_and_nothing_else() {
    let folder = folder();
    let kv = durable(&folder);
    let at = |plugin: &str| KvPlace { plugin: plugin.into(), ..place("acme") };
    for plugin in ["channel a", "connector", "connector crm old", "connector crm rest", "connector erp rest", "d"] {
        for key in ["a", "b"] {
            kv.set(&at(plugin), key, write("12345", KvCondition::Always), 99).expect("written");
        }
    }
    kv.retain(&place("acme").tenant, "connector ", |plugin| plugin == "connector crm rest").expect("swept");
    let left = ["channel a", "connector", "connector crm old", "connector crm rest", "connector erp rest", "d"]
        .map(|plugin| kv.list(&at(plugin), "", None, 9).expect("read").len());
    assert_eq!(left, [2, 2, 0, 2, 0, 2]);
}
