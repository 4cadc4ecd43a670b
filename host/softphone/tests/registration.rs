//! Phones against a registrar made of the host's own parts: endpoint, authenticator, registrar.
#![allow(clippy::unwrap_used, reason = "a test that panics fails, as it should")]
#![allow(clippy::disallowed_methods, reason = "a registrar with a clock and a socket, as small as can be")]

mod setting;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use expect_test::expect;
use plugboard_sip::digest::{Authenticator, Checked, Secret, Where};
use plugboard_sip::{Config, Endpoint, Event, Input, Lookup, Output, Registrar, RegistrarConfig, Transport};
use plugboard_softphone::{Account, RegisterError};
use plugboard_transport::sip_sockets::{Listeners, Received, SipSockets, StreamLimits};
use setting::{SOON, group, nowhere};

/// Knows amy, whose password is "secret", and grants what `config` says.
async fn registrar(config: RegistrarConfig) -> SocketAddr {
    let listeners = Listeners { udp: vec!["127.0.0.1:0".parse().unwrap()], ..Listeners::default() };
    let mut sockets = SipSockets::bind(&listeners, None, StreamLimits::default()).await.unwrap();
    let address = sockets.addresses(Transport::Udp)[0];
    tokio::spawn(async move {
        let started = Instant::now();
        let mut endpoint = Endpoint::new(Config::default(), 7);
        let mut authenticator = Authenticator::new("test", [7; 32], Duration::from_secs(300));
        let mut registrar = Registrar::new(config);
        let mut batch = Vec::new();
        loop {
            sockets.receive(&mut batch).await;
            let now = started.elapsed();
            for received in batch.drain(..) {
                let Received::Bytes { source, bytes } = received else { continue };
                endpoint.handle_input(now, Input::Received { source, bytes: &bytes });
            }
            while let Some(output) = endpoint.poll_output() {
                match output {
                    Output::Send { target, bytes } => sockets.send(target, &bytes),
                    Output::Event(Event::Register { handle, request, source }) => {
                        let password = |user: &str| (user == "amy").then(|| Secret::Password("secret".into()));
                        let response = match authenticator.check(now, &request, Where::User, password) {
                            Checked::Known { .. } => {
                                registrar.handle_register(now, &request, source, |_| Lookup::Known)
                            }
                            Checked::Challenge { stale } => authenticator.challenge(now, Where::User, stale),
                            Checked::Wrong { .. } => authenticator.challenge(now, Where::User, false),
                        };
                        endpoint.respond(now, handle, &response).unwrap();
                    }
                    Output::Event(_) => {}
                }
            }
        }
    });
    address
}

#[tokio::test]
async fn phone_answers_the_challenge_and_is_granted_its_time() {
    let group = group(registrar(RegistrarConfig::default()).await).await;
    let amy = group.plain("amy").await;
    assert_eq!(amy.register(Duration::from_secs(600)).await, Ok(Duration::from_secs(600)));
    assert_eq!(amy.register(Duration::ZERO).await, Ok(Duration::ZERO));
    expect![[r#"
        Sent REGISTER
        Received 401 Unauthorized REGISTER
        Sent REGISTER
        Received 200 OK REGISTER
        Sent REGISTER
        Received 401 Unauthorized REGISTER
        Sent REGISTER
        Received 200 OK REGISTER"#]]
    .assert_eq(&group.seen().join("\n"));
}

#[tokio::test]
async fn wrong_password_is_refused_and_said_so() {
    let address = registrar(RegistrarConfig::default()).await;
    let group = group(address).await;
    let amy = group.phones.phone(Account::new("amy", "guess", address)).await.unwrap();
    assert_eq!(amy.register(Duration::from_secs(600)).await, Err(RegisterError::Refused { status: 401 }));
}

#[tokio::test]
async fn wish_that_is_too_short_is_raised_to_what_the_registrar_asks() {
    let group = group(registrar(RegistrarConfig::default()).await).await;
    let amy = group.plain("amy").await;
    assert_eq!(amy.register(Duration::from_secs(5)).await, Ok(Duration::from_secs(60)));
}

#[tokio::test]
async fn registration_is_renewed_before_it_runs_out() {
    let brief = RegistrarConfig {
        min_expires: Duration::from_secs(1),
        max_expires: Duration::from_secs(1),
        ..RegistrarConfig::default()
    };
    let group = group(registrar(brief).await).await;
    let amy = group.plain("amy").await;
    amy.register(Duration::from_secs(60)).await.unwrap();
    group.until(8).await;
    assert_eq!(group.seen().iter().filter(|line| *line == "Received 200 OK REGISTER").count(), 2);
}

#[tokio::test]
async fn second_phone_of_the_same_name_is_refused() {
    let group = group(nowhere()).await;
    let _amy = group.plain("amy").await;
    let second = group.phones.phone(Account::new("amy", "", nowhere())).await;
    assert_eq!(second.err(), Some(RegisterError::Taken { user: "amy".into() }));
}

#[tokio::test]
async fn registrar_that_is_not_there_is_told_within_the_phones_patience() {
    let hasty = plugboard_softphone::Config { patience: Duration::from_millis(100), ..Default::default() };
    let phones = plugboard_softphone::Softphones::start(hasty).await.unwrap();
    let amy = phones.phone(Account::new("amy", "secret", nowhere())).await.unwrap();
    assert_eq!(amy.register(SOON).await, Err(RegisterError::Silent { registrar: nowhere() }));
}
