//! What a packet of a call that is under way allocates: nothing, whatever is done with it.
#![allow(clippy::unwrap_used, reason = "a test")]
#![allow(unsafe_code, reason = "counting what is allocated takes an allocator")]

mod world;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicU64, Ordering};

use plugboard_media::{Channel, Codec};
use plugboard_rtp::Packet;
use world::{AGENT, CALLER, World, address, at, leg};

struct Counting;

static COUNT: AtomicU64 = AtomicU64::new(0);

// SAFETY: all is the system's but for the counting.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's promise is handed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is handed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Payloads of noise in this codec.
fn payloads(codec: Codec) -> Vec<Vec<u8>> {
    let mut encoder = codec.encoder(codec.rate());
    let mut state = 1_u32;
    (0..50)
        .map(|_| {
            let frame: Vec<i16> = (0..codec.rate().frame())
                .map(|_| {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    (state >> 18) as i16
                })
                .collect();
            let mut payload = Vec::new();
            encoder.encode(&frame, &mut payload);
            payload
        })
        .collect()
}

#[test]
fn a_packet_that_is_relayed_transcoded_or_made_up_allocates_nothing() {
    for (caller, agent) in
        [(Codec::Pcmu, Codec::Pcma), (Codec::G722, Codec::Pcma), (Codec::Opus, Codec::Pcma), (Codec::Opus, Codec::G722)]
    {
        let mut world = World::bridged(caller, agent);
        let sides = [(CALLER, caller, payloads(caller)), (AGENT, agent, payloads(agent))];
        let mut bytes = Vec::with_capacity(2_000);
        let mut run = |from: u32, to: u32| {
            let before = COUNT.load(Ordering::Relaxed);
            for number in from..to {
                for (phone, codec, payloads) in &sides {
                    if number % 10 == 7 {
                        continue;
                    }
                    let packet = Packet {
                        marker: false,
                        payload_type: codec.static_payload_type().unwrap_or(96),
                        sequence: number as u16,
                        timestamp: number * codec.frame_ticks(),
                        ssrc: (*phone).into(),
                        payload: &payloads[number as usize % 50],
                    };
                    bytes.clear();
                    packet.write(&mut bytes);
                    let now = at(20 * u64::from(number));
                    world.plane.handle_packet(now, leg(*phone), Channel::Rtp, address(*phone), &bytes);
                    while world.plane.poll_transmit().is_some() {}
                }
            }
            COUNT.load(Ordering::Relaxed) - before
        };
        // Buffers grow to what they need, and concealment to what it needs.
        run(0, 100);
        assert_eq!(run(100, 400), 0, "{caller:?} with {agent:?}");
    }
}
