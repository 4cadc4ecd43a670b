//! A caller reaches an agent.

use expect_test::expect;
use plugboard_scenarios::{World, tenant};

#[test]
fn caller_who_presses_one_reaches_an_agent_of_sales_and_is_recorded() {
    let mut world = World::new(1, tenant::shop());
    world.add_agent("amy");
    let anna = world.add_caller("anna");
    world.run_secs(1);
    world.draw_ladder(&["anna", "plugboard", "amy", "plugin"]);
    let call = world.dial(anna, "400");
    world.run_secs(4);
    world.press(call, "1");
    world.run_secs(4);
    assert_eq!(world.hears(call), "amy", "{}{}", world.ladder(), world.story());
    world.hang_up(call);
    world.finish();
    expect![[r#"
        m:s       anna                  plugboard             amy                   plugin
        00:01.000 |-INVITE------------->|                     |                     |
        00:01.005 |                     |-step started----------------------------->|
        00:01.005 |                     |<pick up, play-----------------------------|
        00:01.006 |<~welcome------------|                     |                     |
        00:01.006 |<200-----------------|                     |                     |
        00:03.008 |                     |-step played------------------------------>|
        00:03.008 |                     |<gather------------------------------------|
        00:03.009 |<~menu---------------|                     |                     |
        00:05.000 |-key 1-------------->|                     |                     |
        00:05.005 |                     |-step digits "1"-------------------------->|
        00:05.005 |                     |<enqueue-----------------------------------|
        00:05.006 |<~tune---------------|                     |                     |
        00:05.006 |                     * queued sales 1      |                     |
        00:05.006 |                     * reserved amy        |                     |
        00:05.008 |                     |-INVITE------------->|                     |
        00:05.013 |                     |<180-----------------|                     |
        00:06.013 |                     |<200-----------------|                     |
        00:06.018 |                     * bridge              |                     |
        00:06.018 |                     * record both         |                     |
        00:06.018 |                     |-step connected--------------------------->|
        00:06.018 |                     |<nothing-----------------------------------|
        00:06.018 |                     * left queue: Connected
        00:09.000 |-BYE---------------->|                     |                     |
        00:09.005 |                     * stop recording      |                     |
        00:09.005 |                     * closed Caller 16    |                     |
        00:09.005 |                     |-BYE---------------->|                     |
    "#]]
    .assert_eq(world.ladder());
}
