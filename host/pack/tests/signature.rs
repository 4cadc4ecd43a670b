//! Who signed a pack, and what becomes of it when anything is touched.
#![allow(clippy::unwrap_used, reason = "a test that panics fails, as it should")]

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Cursor,
};

use expect_test::expect;
use plugboard_model::Timestamp;
use plugboard_pack::{
    archive::{Archive, Bounds, SIGNATURE},
    signature::{Mode, PackPattern, Packs, Scope, SecretKey, TrustStore, TrustedKey, Verdict},
};

const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

fn vendor() -> SecretKey {
    SecretKey::from_seed(&[1; 32])
}

fn stranger() -> SecretKey {
    SecretKey::from_seed(&[2; 32])
}

fn key(name: &str, key: &SecretKey) -> TrustedKey {
    let (scope, packs) = (Scope::Installation, Packs::All);
    TrustedKey { name: name.to_owned(), key: key.public(), scope, packs, not_after: None, revoked: None }
}

fn store(keys: impl IntoIterator<Item = TrustedKey>) -> TrustStore {
    let mut store = TrustStore::default();
    keys.into_iter().for_each(|key| store.add(key).unwrap());
    store
}

fn archive(files: &[(&str, &[u8])]) -> Archive {
    let mut archive = Archive::new(Bounds::default());
    for (name, bytes) in files {
        archive.insert(name.parse().unwrap(), bytes.to_vec()).unwrap();
    }
    archive
}

const FILES: [(&str, &[u8]); 3] = [
    ("lookup.wasm", b"\0asm\x0d\0\x01\0"),
    ("plugin.toml", b"[pack]\nid = \"acme.crm\"\n"),
    ("prompts/a.wav", b"RIFF"),
];

fn signed(by: &[&SecretKey]) -> Archive {
    let mut archive = archive(&FILES);
    by.iter().for_each(|key| archive.sign(key).unwrap());
    archive
}

/// These files, under the signature of the pack above.
fn with_its_signature(files: &[(&str, &[u8])]) -> Archive {
    let signature = signed(&[&vendor()]).get(SIGNATURE).unwrap().to_vec();
    archive(&[files, &[(SIGNATURE, &signature)]].concat())
}

/// The pack with another text in its signature.
fn signature_with(from: &str, to: &str) -> Archive {
    let text = String::from_utf8(signed(&[&vendor()]).get(SIGNATURE).unwrap().to_vec()).unwrap();
    assert!(text.contains(from), "{from} is not in {text}");
    archive(&[&FILES[..], &[(SIGNATURE, text.replacen(from, to, 1).as_bytes())]].concat())
}

fn judge(store: &TrustStore, archive: &Archive) -> Verdict {
    store.judge(archive, &"acme.crm".parse().unwrap(), Some(&"shop".parse().unwrap()), NOW)
}

#[test]
fn a_signature_says_what_was_signed_and_by_whom() {
    let archive = signed(&[&vendor()]);
    expect![[r#"
        {
          "files": [
            {
              "name": "lookup.wasm",
              "length": 8,
              "sha256": "24eaf3439a60c96764c4f2c92a0a81b52bd4fe5d5b91f090184a0f6486b1bf29"
            },
            {
              "name": "plugin.toml",
              "length": 23,
              "sha256": "c8d7069e370414783ee1051c9479ba7b7b69db76999083dbb2958fb6550ee81a"
            },
            {
              "name": "prompts/a.wav",
              "length": 4,
              "sha256": "a40ff3d5900fb7698b8c865041347cb49eccedc8f93945f89629ad104aaecce4"
            }
          ],
          "signers": [
            {
              "key": "34750f98bd59fcfc946da45aaabe933b",
              "algorithm": "ed25519",
              "signature": "f59e2afad3c3b65a749cf87f7faf50013097d9ee0eec15a057d21c7d386336e2b936e84f80dba56cde5ee3b749c6941ff507e90c83353ad15e3f33b41d121300"
            }
          ]
        }"#]].assert_eq(std::str::from_utf8(archive.get(SIGNATURE).unwrap()).unwrap());
}

#[test]
fn each_tampering_is_told_by_the_first_file_that_differs() {
    let [wasm, manifest, prompt] = FILES;
    let key_id = vendor().public().id().to_string();
    let other_pack = {
        let mut other = archive(&[("plugin.toml", b"[pack]\nid = \"evil.crm\"\n")]);
        other.sign(&vendor()).unwrap();
        other.get(SIGNATURE).unwrap().to_vec()
    };
    let signature = String::from_utf8(signed(&[&vendor()]).get(SIGNATURE).unwrap().to_vec()).unwrap();
    let of_stranger = String::from_utf8(signed(&[&stranger()]).get(SIGNATURE).unwrap().to_vec()).unwrap();
    let under_vendors_name = of_stranger.replace(&stranger().public().id().to_string(), &key_id);
    let changed_hash = signature.find("\"sha256\": \"").unwrap() + 11;
    let changed_hash = &signature[changed_hash..changed_hash + 64];
    let whole = with_its_signature(&FILES);
    let repacked = Archive::read(&whole.write(), Bounds::default()).unwrap();
    let table = [
        ("untouched", whole),
        ("zipped anew", repacked),
        ("no signature", archive(&FILES)),
        ("a file changed", with_its_signature(&[wasm, ("plugin.toml", b"[pack]\nid = \"evil.crm\"\n"), prompt])),
        ("a byte longer", with_its_signature(&[("lookup.wasm", b"\0asm\x0d\0\x01\0\0"), manifest, prompt])),
        ("two changed", with_its_signature(&[("lookup.wasm", b""), ("plugin.toml", b""), prompt])),
        ("a file added", with_its_signature(&[wasm, manifest, prompt, ("lookup2.wasm", b"")])),
        ("a file removed", with_its_signature(&[wasm, manifest])),
        ("a file renamed", with_its_signature(&[wasm, manifest, ("prompts/b.wav", b"RIFF")])),
        ("contents swapped", with_its_signature(&[("lookup.wasm", manifest.1), ("plugin.toml", wasm.1), prompt])),
        ("the signature of another pack", archive(&[&FILES[..], &[(SIGNATURE, &other_pack)]].concat())),
        (
            "a stranger under the vendor's name",
            archive(&[&FILES[..], &[(SIGNATURE, under_vendors_name.as_bytes())]].concat()),
        ),
        ("the vendor under a stranger's name", signature_with(&key_id, &stranger().public().id().to_string())),
        ("the listed hash changed", signature_with(changed_hash, &"0".repeat(64))),
        ("the listed name changed", signature_with("prompts/a.wav", "prompts/b.wav")),
        ("the listed name climbs", signature_with("prompts/a.wav", "../a.wav")),
        ("the algorithm changed", signature_with("ed25519", "none")),
        ("a key beside", signature_with("\"signers\"", "\"trusted\": true, \"signers\"")),
        (
            "a file listed twice",
            signature_with(
                "\"files\": [",
                &format!("\"files\": [{{\"name\":\"lookup.wasm\",\"length\":8,\"sha256\":\"{changed_hash}\"}},"),
            ),
        ),
        ("no signers", archive(&[&FILES[..], &[(SIGNATURE, br#"{"files":[],"signers":[]}"#)]].concat())),
        ("no JSON", archive(&[&FILES[..], &[(SIGNATURE, b"signed, Acme")]].concat())),
        ("empty", archive(&[&FILES[..], &[(SIGNATURE, b"")]].concat())),
        ("deep JSON", archive(&[&FILES[..], &[(SIGNATURE, "[".repeat(100_000).as_bytes())]].concat())),
    ];
    let store = store([key("Acme", &vendor())]);
    let told = table.map(|(what, archive)| {
        let verdict = judge(&store, &archive);
        format!("{what}: {}: {}\n", verdict.code(), verdict.words().en)
    });
    expect![[r#"
        untouched: trusted: signed by Acme
        zipped anew: trusted: signed by Acme
        no signature: unsigned: nobody has signed it
        a file changed: altered: since it was signed, plugin.toml was changed
        a byte longer: altered: since it was signed, lookup.wasm was changed
        two changed: altered: since it was signed, lookup.wasm was changed
        a file added: altered: since it was signed, lookup2.wasm was added
        a file removed: altered: since it was signed, prompts/a.wav was removed
        a file renamed: altered: since it was signed, prompts/a.wav was removed
        contents swapped: altered: since it was signed, lookup.wasm was changed
        the signature of another pack: altered: since it was signed, lookup.wasm was added
        a stranger under the vendor's name: forged: the signature is not by Acme
        the vendor under a stranger's name: unknown-key: nobody whom you trust has signed it, only 6a3803d5f059902a1c6dafbc9ba47292
        the listed hash changed: altered: since it was signed, lookup.wasm was changed
        the listed name changed: altered: since it was signed, prompts/a.wav was added
        the listed name climbs: signature-unreadable: its signature cannot be read: it climbs out of its folder at line 14 column 24
        the algorithm changed: signature-unreadable: its signature cannot be read: unknown variant `none`, expected `ed25519` at line 22 column 25
        a key beside: signature-unreadable: its signature cannot be read: unknown field `trusted`, expected `files` or `signers` at line 19 column 11
        a file listed twice: signature-unreadable: its signature cannot be read: the files are not in the order of their names, each once at line 18 column 3
        no signers: signature-unreadable: its signature cannot be read: it names 0 signers, not 1 to 8
        no JSON: signature-unreadable: its signature cannot be read: expected value at line 1 column 1
        empty: signature-unreadable: its signature cannot be read: EOF while parsing a value at line 1 column 0
        deep JSON: signature-unreadable: its signature cannot be read: invalid type: sequence, expected a string at line 1 column 3
    "#]].assert_eq(&told.concat());
}

/// Bytes of the container by what they carry, each turned in three ways.
#[test]
fn no_turned_byte_is_trusted_with_another_content() {
    let original = signed(&[&vendor()]);
    let bytes = original.write();
    let store = store([key("Acme", &vendor())]);
    let mut regions: Vec<(usize, String)> = Vec::new();
    let mut zip = zip::ZipArchive::new(Cursor::new(&bytes)).unwrap();
    for index in 0..zip.len() {
        let file = zip.by_index(index).unwrap();
        let name = file.name().unwrap().into_owned();
        regions.push((usize::try_from(file.header_start()).unwrap(), format!("header of {name}")));
        regions.push((usize::try_from(file.data_start().unwrap()).unwrap(), name));
    }
    regions.push((usize::try_from(zip.central_directory_start()).unwrap(), "directory".to_owned()));
    regions.push((bytes.len() - 22, "end".to_owned()));
    let mut outcomes: BTreeSet<(usize, String)> = BTreeSet::new();
    for at in 0..bytes.len() {
        let region = regions.iter().rposition(|(start, _)| *start <= at).unwrap();
        for turn in [0x01, 0x80, 0xff] {
            let mut turned = bytes.clone();
            turned[at] ^= turn;
            let outcome = match Archive::read(&turned, Bounds::default()) {
                Err(error) => error.code().to_owned(),
                Ok(read) => match judge(&store, &read) {
                    Verdict::Trusted { .. } if read == original => "trusted, and the same content".to_owned(),
                    Verdict::Trusted { .. } => panic!("trusted with another content: byte {at} turned by {turn:#x}"),
                    verdict => verdict.code().to_owned(),
                },
            };
            outcomes.insert((region, outcome));
        }
    }
    let table = |(region, outcome): &(usize, String)| format!("{}: {outcome}\n", regions[*region].1);
    expect![[r#"
        header of lookup.wasm: inconsistent
        header of lookup.wasm: not-a-pack
        header of lookup.wasm: trusted, and the same content
        lookup.wasm: damaged
        lookup.wasm: trusted, and the same content
        header of plugin.toml: inconsistent
        header of plugin.toml: not-a-pack
        header of plugin.toml: trusted, and the same content
        plugin.toml: damaged
        plugin.toml: trusted, and the same content
        header of prompts/a.wav: inconsistent
        header of prompts/a.wav: not-a-pack
        header of prompts/a.wav: trusted, and the same content
        prompts/a.wav: damaged
        prompts/a.wav: trusted, and the same content
        header of signature.json: inconsistent
        header of signature.json: not-a-pack
        header of signature.json: trusted, and the same content
        signature.json: damaged
        directory: encrypted
        directory: file-name-not-utf8
        directory: file-too-large
        directory: inconsistent
        directory: inflates
        directory: not-a-pack
        directory: special-file
        directory: trusted, and the same content
        directory: unknown-method
        end: not-a-pack
    "#]]
    .assert_eq(&outcomes.iter().map(table).collect::<String>());
}

/// `signature.json` itself, stored anew with each of its bytes turned.
#[test]
fn no_turned_byte_of_the_signature_is_trusted() {
    let text = signed(&[&vendor()]).get(SIGNATURE).unwrap().to_vec();
    let store = store([key("Acme", &vendor())]);
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for at in 0..text.len() {
        for turn in [0x01, 0x02, 0x04, 0x80] {
            let mut turned = text.clone();
            turned[at] ^= turn;
            let verdict = judge(&store, &archive(&[&FILES[..], &[(SIGNATURE, &turned)]].concat()));
            *counts.entry(verdict.code()).or_default() += 1;
        }
    }
    expect![[r#"
        {
            "altered": 547,
            "forged": 309,
            "signature-unreadable": 1933,
            "unknown-key": 71,
        }"#]]
    .assert_eq(&format!("{counts:#?}"));
}

#[test]
fn a_key_counts_for_its_packs_its_tenants_and_its_time() {
    let pattern = |text: &str| Packs::Some([text.parse::<PackPattern>().unwrap()].into());
    let tenants = |name: &str| Scope::Tenants([name.parse().unwrap()].into());
    let acme = || key("Acme", &vendor());
    let later = NOW + std::time::Duration::from_secs(1);
    let table = [
        ("for all", acme()),
        ("for the vendor's packs", TrustedKey { packs: pattern("acme.*"), ..acme() }),
        ("for this pack", TrustedKey { packs: pattern("acme.crm"), ..acme() }),
        ("for another", TrustedKey { packs: pattern("acme.mail"), ..acme() }),
        ("for a vendor of a like name", TrustedKey { packs: pattern("acm.*"), ..acme() }),
        ("for this tenant", TrustedKey { scope: tenants("shop"), ..acme() }),
        ("for another tenant", TrustedKey { scope: tenants("bank"), ..acme() }),
        ("until later", TrustedKey { not_after: Some(later), ..acme() }),
        ("until now", TrustedKey { not_after: Some(NOW), ..acme() }),
        ("revoked later", TrustedKey { revoked: Some(later), ..acme() }),
        ("revoked now", TrustedKey { revoked: Some(NOW), ..acme() }),
        ("revoked and for another tenant", TrustedKey { revoked: Some(NOW), scope: tenants("bank"), ..acme() }),
    ];
    let told = table.map(|(what, key)| {
        let words = judge(&store([key]), &signed(&[&vendor()])).words();
        format!("{what}: {}; {}\n", words.en, words.zh_cn)
    });
    expect![[r#"
        for all: signed by Acme; 由 Acme 签名
        for the vendor's packs: signed by Acme; 由 Acme 签名
        for this pack: signed by Acme; 由 Acme 签名
        for another: Acme may not sign acme.crm; Acme 无权为 acme.crm 签名
        for a vendor of a like name: Acme may not sign acme.crm; Acme 无权为 acme.crm 签名
        for this tenant: signed by Acme; 由 Acme 签名
        for another tenant: Acme is not trusted for shop; shop 不信任 Acme
        until later: signed by Acme; 由 Acme 签名
        until now: the key of Acme has expired; Acme 的密钥已过期
        revoked later: signed by Acme; 由 Acme 签名
        revoked now: the key of Acme was revoked; Acme 的密钥已被吊销
        revoked and for another tenant: the key of Acme was revoked; Acme 的密钥已被吊销
    "#]]
    .assert_eq(&told.concat());
}

#[test]
fn a_key_of_some_tenants_does_not_install_for_all_of_them() {
    let store =
        store([TrustedKey { scope: Scope::Tenants(["shop".parse().unwrap()].into()), ..key("Acme", &vendor()) }]);
    let verdict = store.judge(&signed(&[&vendor()]), &"acme.crm".parse().unwrap(), None, NOW);
    assert_eq!(verdict, Verdict::NotForThisTenant { by: "Acme".to_owned(), tenant: None });
}

#[test]
fn one_good_signature_is_enough_and_a_forged_one_is_too_much() {
    let both = signed(&[&vendor(), &stranger()]);
    let only_vendor = store([key("Acme", &vendor())]);
    let all = store([key("Acme", &vendor()), key("Stranger", &stranger())]);
    let revoked = store([key("Acme", &vendor()), TrustedKey { revoked: Some(NOW), ..key("Stranger", &stranger()) }]);
    let none = store([]);
    let forged = {
        let text = String::from_utf8(both.get(SIGNATURE).unwrap().to_vec()).unwrap();
        let at = text.rfind("\"signature\": \"").unwrap() + 14;
        let forged = [&text[..at], "00", &text[at + 2..]].concat();
        archive(&[&FILES[..], &[(SIGNATURE, forged.as_bytes())]].concat())
    };
    let told = [
        judge(&only_vendor, &both),
        judge(&all, &both),
        judge(&revoked, &both),
        judge(&none, &both),
        judge(&all, &forged),
    ]
    .map(|verdict| verdict.words().en + "\n");
    expect![[r#"
        signed by Acme
        signed by Acme, Stranger
        signed by Acme
        nobody whom you trust has signed it, only 34750f98bd59fcfc946da45aaabe933b, 6a3803d5f059902a1c6dafbc9ba47292
        the signature is not by Stranger
    "#]]
    .assert_eq(&told.concat());
}

#[test]
fn who_signs_a_changed_pack_drops_the_words_of_those_who_signed_it_before() {
    let mut pack = with_its_signature(&[FILES[0], FILES[1]]);
    pack.sign(&stranger()).unwrap();
    let all = store([key("Acme", &vendor()), key("Stranger", &stranger())]);
    assert_eq!(judge(&all, &pack), Verdict::Trusted { by: vec!["Stranger".to_owned()] });
}

#[test]
fn signing_twice_with_one_key_is_signing_once() {
    assert_eq!(signed(&[&vendor(), &vendor()]), signed(&[&vendor()]));
}

#[test]
fn development_admits_what_is_unfinished_and_never_what_is_revoked() {
    let name = || "Acme".to_owned();
    let verdicts = [
        Verdict::Trusted { by: vec![name()] },
        Verdict::Unsigned,
        Verdict::UnknownKey { keys: vec![] },
        Verdict::Forged { by: name() },
        Verdict::Revoked { by: name(), at: NOW },
    ];
    assert_eq!(
        verdicts.map(|verdict| (verdict.admits(Mode::Production), verdict.admits(Mode::Development))),
        [(true, true), (false, true), (false, true), (false, false), (false, false)]
    );
}

#[test]
fn a_store_of_keys_reads_back_as_it_was_kept() {
    let mut kept = store([
        TrustedKey {
            packs: Packs::Some(["acme.*".parse().unwrap()].into()),
            not_after: Some(NOW),
            ..key("Acme", &vendor())
        },
        TrustedKey { scope: Scope::Tenants(["shop".parse().unwrap()].into()), ..key("Ours", &stranger()) },
    ]);
    assert!(kept.revoke(stranger().public().id(), NOW));
    let text = serde_json::to_string_pretty(&kept).unwrap();
    expect![[r#"
        [
          {
            "name": "Acme",
            "key": "8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c",
            "scope": "installation",
            "packs": {
              "some": [
                "acme.*"
              ]
            },
            "not_after": "2027-01-15T08:00:00.000000Z"
          },
          {
            "name": "Ours",
            "key": "8139770ea87d175f56a35466c34c7ecccb8d8a91b4ee37a25df60f5b8fc9b394",
            "scope": {
              "tenants": [
                "shop"
              ]
            },
            "packs": "all",
            "revoked": "2027-01-15T08:00:00.000000Z"
          }
        ]"#]]
    .assert_eq(&text);
    assert_eq!(serde_json::from_str::<TrustStore>(&text).unwrap(), kept);
}
