//! The ledger on a store in a folder of its own.

use plugboard_model::{Configuration, EndedBy, EventKind, LegId, Queue, QueueExit, QueueId, Timestamp};
use plugboard_reporting::QueueInterval;
use plugboard_store::Options;

use super::*;
use crate::{recovery, serve::Folders, tapes::Tapes};

struct Scratch(std::path::PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        // What is left of a test that failed is of no use to anybody.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn queue() -> QueueId {
    "sales".parse().unwrap()
}

/// One caller who waits 30 s, and one who gives up after 8.
fn morning(first: u64) -> Vec<Arc<Event>> {
    let (one, two) = (InteractionId(first), InteractionId(first + 1));
    let offered = |interaction| EventKind::InteractionOffered {
        interaction,
        leg: LegId(interaction.0),
        from: "1".into(),
        to: "2".into(),
        channel: "voice".into(),
        dialled_by: None,
    };
    let queued =
        |interaction| EventKind::Queued { interaction, queue: queue(), priority: 0, skills: Vec::new(), position: 1 };
    let closed = |interaction| EventKind::InteractionClosed { interaction, by: EndedBy::Caller, cause: 16 };
    let facts = [
        (0, offered(one)),
        (0, queued(one)),
        (1, offered(two)),
        (1, queued(two)),
        (9, EventKind::LeftQueue { interaction: two, queue: queue(), exit: QueueExit::Abandoned }),
        (9, closed(two)),
        (30, EventKind::LeftQueue { interaction: one, queue: queue(), exit: QueueExit::Connected }),
        (60, closed(one)),
    ];
    let event = |(seq, (second, kind))| {
        Arc::new(Event { seq, at: Timestamp::from_secs(1_795_341_600 + first * 1_000 + second), kind })
    };
    (first..).zip(facts).map(event).collect()
}

fn counted(store: &Embedded, tenant: &TenantId) -> Vec<(u64, u64, u64, u64)> {
    let all: Vec<QueueInterval> =
        crate::cdrs::intervals(store, tenant, Timestamp::EPOCH, Timestamp::from_secs(4_000_000_000)).unwrap();
    let row = |one: QueueInterval| {
        let counters = one.counters;
        (counters.offered, counters.answered, counters.answered_within, counters.wait_abandoned_ms)
    };
    all.into_iter().map(row).collect()
}

#[test]
fn figures_are_written_with_the_queues_threshold_and_go_on_after_a_restart() {
    let folder = std::env::temp_dir().join(format!("plugboard-ledger-{}", std::process::id()));
    let scratch = Scratch(folder);
    let folders = Folders::make(&scratch.0).unwrap();
    let tenant: TenantId = "demo".parse().unwrap();
    let mut configuration = Configuration::empty(tenant.clone());
    let patient = Queue { service_level: Duration::from_secs(40), ..Queue::named("Sales") };
    configuration.queues.insert(queue(), patient);
    let configuration = Arc::new(configuration);
    let batch = |events| Batch {
        tenant: tenant.clone(),
        events,
        tapes: Vec::new(),
        durable: Arc::default(),
        configuration: Arc::clone(&configuration),
        urgent: false,
    };

    let store = Arc::new(Embedded::open(Options::new(&folders.store)).unwrap());
    let known = recovery::KnownTenant { tenant: tenant.clone(), file: "demo.json".to_owned() };
    std::fs::write(folders.configurations.join("demo.json"), serde_json::to_vec(&*configuration).unwrap()).unwrap();
    // Commits come in order: once this one is there, so is all that the ledger wrote before.
    let settled = || {
        let mut transaction = Transaction::new();
        transaction.put(&recovery::host_tenant(), &known).unwrap();
        store.commit(transaction).unwrap();
    };
    let start = |books| {
        let clock = Clock::start();
        Ledger::start(
            Arc::clone(&store),
            clock,
            books,
            Arc::new(Notify::new()),
            Arc::new(Alarms::new(clock)),
            Tapes::kept_for(7),
            Rollouts::default(),
        )
        .unwrap()
    };
    let ledger = start(BTreeMap::new());
    assert!(ledger.append(batch(morning(1))).is_ok());
    ledger.close();
    settled();
    let before = counted(&store, &tenant);

    let recovered = recovery::recover(&store, &folders, Timestamp::from_secs(1_795_342_700)).unwrap();
    let last = recovered.tenants[0].1;
    let ledger = start(recovered.books);
    let later = Event { seq: last, at: Timestamp::from_secs(1_795_342_701), kind: morning(1)[1].kind.clone() };
    assert!(ledger.append(batch(vec![Arc::new(later)])).is_ok());
    ledger.close();
    settled();
    assert_eq!((before, counted(&store, &tenant)), (vec![(2, 1, 1, 8_000)], vec![(3, 1, 1, 8_000)]));
}

fn event(seq: u64, bytes: usize) -> Event {
    let detail = "x".repeat(bytes).into();
    Event { seq, at: Timestamp::EPOCH, kind: EventKind::Alarm { name: "test".into(), detail } }
}

fn tenant() -> TenantId {
    "acme".parse().unwrap()
}

#[test]
fn more_events_than_one_transaction_holds_are_written_in_order_with_no_gap() {
    let mut events: Vec<Event> = (1..=3_000).map(|seq| event(seq, 1_000)).collect();
    let lasts: Vec<u64> = in_transactions(&tenant(), &mut events).iter().map(|(_, last)| *last).collect();
    assert_eq!(lasts, [750, 1_500, 2_250, 3_000]);
}

/// Else every later event would miss its predecessor, and the log would end here for good.
#[test]
fn an_event_that_is_too_large_leaves_a_note_in_its_place() {
    let mut events = vec![event(1, 10), event(2, 100_000), event(3, 10)];
    let parts = in_transactions(&tenant(), &mut events);
    let lasts: Vec<u64> = parts.iter().map(|(_, last)| *last).collect();
    assert_eq!(lasts, [1, 2, 3]);
    let EventKind::Alarm { name, detail } = &events[1].kind else { panic!("{events:?}") };
    assert_eq!((&**name, detail.starts_with("event 2 was not kept: event 2 takes 100")), ("event-not-kept", true));
}

/// The log has a gap, as after a write that failed.
#[test]
fn events_that_cannot_be_kept_are_an_alarm_with_its_remedy_and_hold_nobody_up() {
    let scratch = Scratch(std::env::temp_dir().join(format!("plugboard-ledger-lost-{}", std::process::id())));
    let folders = Folders::make(&scratch.0).unwrap();
    let store = Arc::new(Embedded::open(Options::new(&folders.store)).unwrap());
    let clock = Clock::start();
    let (alarms, durable) = (Arc::new(Alarms::new(clock)), Arc::new(Durable::default()));
    let ledger = Ledger::start(
        Arc::clone(&store),
        clock,
        BTreeMap::new(),
        Arc::default(),
        Arc::clone(&alarms),
        Tapes::kept_for(7),
        Rollouts::default(),
    )
    .unwrap();
    let batch = Batch {
        tenant: tenant(),
        events: vec![Arc::new(Event { kind: EventKind::ConfigurationApplied { revision: 1 }, ..event(5, 0) })],
        tapes: Vec::new(),
        durable: Arc::clone(&durable),
        configuration: Arc::new(Configuration::empty(tenant())),
        urgent: true,
    };
    assert!(ledger.append(batch).is_ok());
    ledger.close();
    drop(Arc::into_inner(store));
    let told: Vec<String> =
        alarms.list().into_iter().map(|alarm| format!("{}: {}", alarm.name.as_str(), alarm.detail)).collect();
    assert_eq!(
        (durable.seq(), durable.has_lost(), told),
        (
            5,
            true,
            vec![
                "events-lost: event 1 of acme is due, not 5; the log takes no event whose predecessor it lacks: calls go on, nothing more of them is kept and commands fail; restart the host"
                    .to_owned()
            ]
        )
    );
}

#[test]
fn tapes_of_a_tenant_where_nothing_happens_are_erased_all_the_same() {
    let scratch = Scratch(std::env::temp_dir().join(format!("plugboard-ledger-tapes-{}", std::process::id())));
    let folders = Folders::make(&scratch.0).unwrap();
    let store = Arc::new(Embedded::open(Options::new(&folders.store)).unwrap());
    let tape = plugboard_model::tape::Tape {
        interaction: InteractionId(1),
        begun_at: Timestamp::EPOCH,
        flows: Vec::new(),
        queues: Vec::new(),
        is_cut: false,
        left_out: 1,
        lines: String::new(),
    };
    let mut transaction = Transaction::new();
    transaction.put(&tenant(), &plugboard_store::KeptTape::pack(&tape).unwrap()).unwrap();
    store.commit(transaction).unwrap();
    let kept = || crate::tapes::search(&store, &tenant(), &plugboard_api::TapeQuery { limit: 1, ..Default::default() });
    assert_eq!(kept().unwrap().items.len(), 1);
    let clock = Clock::start();
    let books = BTreeMap::from([(tenant(), Books::new())]);
    let alarms = Arc::new(Alarms::new(clock));
    Ledger::start(Arc::clone(&store), clock, books, Arc::default(), alarms, Tapes::kept_for(7), Rollouts::default())
        .unwrap()
        .close();
    // Commits come in order.
    let known = recovery::KnownTenant { tenant: tenant(), file: "acme.json".to_owned() };
    let mut transaction = Transaction::new();
    transaction.put(&recovery::host_tenant(), &known).unwrap();
    store.commit(transaction).unwrap();
    assert_eq!(kept().unwrap().items.len(), 0);
}
