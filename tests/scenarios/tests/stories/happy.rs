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
                  anna                  plugboard             amy                   plugin
           1.000  |-INVITE------------->|                     |                     |
           1.005  |                     |-step started----------------------------->|
           1.005  |                     |<pick up, play-----------------------------|
           1.006  |<~welcome------------|                     |                     |
           1.006  |<200-----------------|                     |                     |
           3.008  |                     |-step played------------------------------>|
           3.008  |                     |<gather------------------------------------|
           3.009  |<~menu---------------|                     |                     |
           5.000  |-key 1-------------->|                     |                     |
           5.005  |                     |-step digits "1"-------------------------->|
           5.005  |                     |<enqueue-----------------------------------|
           5.006  |<~tune---------------|                     |                     |
           5.006  |                     * queued sales 1      |                     |
           5.006  |                     * reserved amy        |                     |
           5.008  |                     |-INVITE------------->|                     |
           5.013  |                     |<180-----------------|                     |
           6.013  |                     |<200-----------------|                     |
           6.018  |                     * bridge              |                     |
           6.018  |                     * record both         |                     |
           6.018  |                     |-step connected--------------------------->|
           6.018  |                     |<nothing-----------------------------------|
           6.018  |                     * left queue: Connected
           9.000  |-BYE---------------->|                     |                     |
           9.005  |                     * stop recording      |                     |
           9.005  |                     * closed Caller 16    |                     |
           9.005  |                     |-BYE---------------->|                     |
    "#]]
    .assert_eq(world.ladder());
}
