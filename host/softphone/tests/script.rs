//! The demonstration's play, with no host between the two.
#![allow(clippy::unwrap_used, reason = "a test that panics fails, as it should")]

mod setting;

use std::path::Path;
use std::time::Duration;

use plugboard_sip::endpoint::EndCause;
use plugboard_softphone::Ended;
use plugboard_softphone::script::{Act, DemoAgent, DemoCaller, Stage};
use setting::{Folder, SOON, group, nowhere};

/// 200 ms of a square wave at half of full scale.
fn write_voice(path: &Path) {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 8_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut wav = hound::WavWriter::create(path, spec).unwrap();
    for sample in 0..1_600 {
        wav.write_sample(if sample % 16 < 8 { 16_000_i16 } else { -16_000 }).unwrap();
    }
    wav.finalize().unwrap();
}

#[tokio::test]
async fn caller_and_agent_say_their_parts_in_turn() {
    let folder = Folder::new("script");
    let [greeting, reply, speech] = ["greeting", "reply", "speech"].map(|name| {
        let path = folder.file(&format!("{name}.wav"));
        write_voice(&path);
        path
    });
    let (left, right) = (group(nowhere()).await, group(nowhere()).await);
    let (caller, agent) = (left.plain("13800138000").await, right.plain("amy").await);
    let caller = DemoCaller {
        number: agent.direct_address(),
        phone: caller,
        keys: vec![(Duration::from_millis(20), "2".into())],
        speech,
        record: Some(folder.file("heard.wav")),
        patience: SOON,
    };
    let mut agent = DemoAgent { phone: agent, rings: Duration::from_millis(100), greeting, reply, patience: SOON };
    let stage = Stage::default();
    let (caller, agent) = tokio::join!(caller.run(&stage), agent.run(&stage));
    let (caller, agent) = (caller.unwrap(), agent.unwrap());
    let hung_up = Ended::Over { cause: EndCause::HungUp, q850: None };
    let bye = Ended::Over { cause: EndCause::Bye, q850: Some(16) };
    assert_eq!((caller.ended, agent.ended, stage.act()), (hung_up, bye, Act::Replied));
    let heard = caller.recording.unwrap();
    assert!(heard.left_dbfs.is_some_and(|dbfs| dbfs > -20.0), "{heard:?}");

    let said: Vec<String> = right.seen().into_iter().filter(|line| line.starts_with("Local")).collect();
    assert_eq!(said, ["Local hears sound", "Local says greeting", "Local hears key 2", "Local says reply"]);
}
