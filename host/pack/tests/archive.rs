//! The container of a pack, as an enemy builds it.
#![allow(clippy::unwrap_used, reason = "a test that panics fails, as it should")]

use std::io::{Cursor, Write};

use expect_test::expect;
use plugboard_pack::{
    Bytes,
    archive::{Archive, Bounds, Listing},
};
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

fn bounds() -> Bounds {
    Bounds { packed: Bytes(1 << 20), files: 4, file: Bytes(3 << 20), unpacked: Bytes(5 << 20), ratio: 100 }
}

fn archive(files: &[(&str, &[u8])]) -> Archive {
    let mut archive = Archive::new(Bounds::default());
    for (name, bytes) in files {
        archive.insert(name.parse().unwrap(), bytes.to_vec()).unwrap();
    }
    archive
}

/// A container as any zip program makes it.
fn zipped(files: &[(&str, &[u8])], options: SimpleFileOptions) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        zip.start_file(*name, options).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn plain(files: &[(&str, &[u8])]) -> Vec<u8> {
    zipped(files, SimpleFileOptions::default())
}

/// Every `from` in the container becomes `to`, of the same length.
fn patched(mut bytes: Vec<u8>, from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let at: Vec<_> =
        bytes.windows(from.len()).enumerate().filter(|(_, found)| *found == from).map(|(at, _)| at).collect();
    assert!(!at.is_empty(), "nothing to patch");
    for at in at {
        bytes[at..at + to.len()].copy_from_slice(to);
    }
    bytes
}

/// Local headers (30 bytes and the name) and directory headers (46 bytes) changed at an offset from their begin.
fn at_headers(mut bytes: Vec<u8>, local: usize, central: usize, value: &[u8]) -> Vec<u8> {
    for (mark, offset) in [(b"PK\x03\x04", local), (b"PK\x01\x02", central)] {
        let at = bytes.windows(4).position(|found| found == mark).unwrap() + offset;
        bytes[at..at + value.len()].copy_from_slice(value);
    }
    bytes
}

/// Puts bytes before the end record and moves its directory's length by as many.
fn before_the_end(mut bytes: Vec<u8>, put: &[u8]) -> Vec<u8> {
    let end = bytes.len() - 22;
    let size = u32::from_le_bytes(bytes[end + 12..end + 16].try_into().unwrap()) + u32::try_from(put.len()).unwrap();
    bytes[end + 12..end + 16].copy_from_slice(&size.to_le_bytes());
    bytes.splice(end..end, put.iter().copied());
    bytes
}

#[test]
fn what_was_written_is_read_back_and_the_bytes_do_not_depend_on_the_order() {
    let files: [(&str, &[u8]); 3] = [("plugin.toml", b"[pack]"), ("prompts/zh/欢迎.wav", &[7; 5_000]), ("a", b"")];
    let written = archive(&files).write();
    let other_way = archive(&[files[2], files[0], files[1]]).write();
    assert_eq!((Archive::read(&written, Bounds::default()), other_way), (Ok(archive(&files)), written.clone()));
}

#[test]
fn the_content_hash_is_of_names_lengths_and_hashes_whatever_the_container() {
    let files: [(&str, &[u8]); 2] = [("plugin.toml", b"[pack]\n"), ("lookup.wasm", b"\0asm")];
    let listing = |bytes: Vec<u8>| Archive::read(&bytes, bounds()).map(|archive| archive.listing());
    let with_folders = {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        zip.add_directory("prompts", SimpleFileOptions::default()).unwrap();
        for (name, bytes) in files.iter().rev() {
            zip.start_file(*name, SimpleFileOptions::default().compression_method(CompressionMethod::Stored)).unwrap();
            zip.write_all(bytes).unwrap();
        }
        zip.finish().unwrap().into_inner()
    };
    let streamed = {
        let mut zip = ZipWriter::new_stream(Vec::new());
        for (name, bytes) in files {
            zip.start_file(name, SimpleFileOptions::default()).unwrap();
            zip.write_all(bytes).unwrap();
        }
        zip.finish().unwrap().into_inner()
    };
    let ours = archive(&files).listing();
    assert_eq!([with_folders, streamed].map(listing), [Ok(ours.clone()), Ok(ours.clone())]);
    expect![[r#"
        plugboard pack listing 1
        cd5d4935a48c0672cb06407bb443bc0087aff947c6b864bac886982c73b3027f 4 lookup.wasm
        593484c26225c304bdbb732aba6d841117050605aa2fbd7009b2d024bdb2b654 7 plugin.toml
        = ebd04c75461f47bb2391f5df6b4ee12782e85b733ab9201a0d29030aa1763453
    "#]]
    .assert_eq(&format!("{}= {}\n", ours.canonical_text(), ours.digest()));
}

#[test]
fn the_signature_is_no_part_of_the_content() {
    let bare = archive(&[("a", b"1")]);
    let signed = archive(&[("a", b"1"), ("signature.json", b"{}")]);
    assert_eq!((signed.digest(), signed.listing()), (bare.digest(), bare.listing()));
}

#[test]
fn a_listing_from_outside_is_sorted_and_has_each_name_once() {
    let file = |name: &str| format!(r#"{{"name":"{name}","length":1,"sha256":"{}"}}"#, "0".repeat(64));
    let read = |names: [&str; 2]| {
        serde_json::from_str::<Listing>(&format!("[{}]", names.map(file).join(",")))
            .map(|listing| listing.files().len())
    };
    assert_eq!(
        [["a", "b"], ["b", "a"], ["a", "a"], ["a", "../b"]].map(|names| read(names).ok()),
        [Some(2), None, None, None]
    );
}

#[test]
fn each_trick_of_a_container_has_its_own_refusal() {
    let options = SimpleFileOptions::default();
    let zeros = vec![0; 2 << 20];
    let noise: Vec<u8> = (0..4_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let link = {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        zip.add_symlink("link", "/etc/passwd", options).unwrap();
        zip.finish().unwrap().into_inner()
    };
    let short = plain(&[("file-a", &noise)]);
    let two_directories = {
        // APPNOTE 4.3.14 and 4.3.15, in the comment of the last header of the directory.
        let mut zip64 = b"PK\x06\x06".to_vec();
        zip64.extend(44u64.to_le_bytes());
        zip64.extend([45, 0, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        zip64.extend([0u64; 4].iter().flat_map(|number| number.to_le_bytes()));
        let mut bytes = plain(&[("file-a", b"1")]);
        let at = (bytes.len() - 22) as u64;
        zip64.extend(b"PK\x06\x07\0\0\0\0");
        zip64.extend(at.to_le_bytes());
        zip64.extend([1, 0, 0, 0]);
        let header = bytes.windows(4).position(|found| found == b"PK\x01\x02").unwrap();
        bytes[header + 32] = u8::try_from(zip64.len()).unwrap();
        before_the_end(bytes, &zip64)
    };
    let tricks: Vec<(&str, Vec<u8>)> = vec![
        ("nothing", Vec::new()),
        ("a text", b"This is no container at all, just a text.".to_vec()),
        ("more than is read", vec![0; (1 << 20) + 1]),
        ("bytes before", [b"#!/bin/sh\n".to_vec(), short.clone()].concat()),
        ("bytes behind", [short.clone(), b"\n".to_vec()].concat()),
        ("the end cut off", short[..short.len() - 10].to_vec()),
        ("directory not counted", before_the_end(short.clone(), &[0; 46])),
        ("another directory in a comment, not followed", two_directories),
        ("five files", plain(&[("a", b""), ("b", b""), ("c", b""), ("d", b""), ("e", b"")])),
        ("climbs out", plain(&[("../../etc/passwd", b"")])),
        ("climbs out later", plain(&[("a/../../b", b"")])),
        ("absolute", patched(plain(&[("Zetc/passwd", b"")]), b"Zetc", b"/etc")),
        ("a drive", plain(&[("c:file", b"")])),
        ("backslashes", patched(plain(&[("aZb", b"")]), b"aZb", b"a\\b")),
        ("a line break", plain(&[("a\nb", b"")])),
        ("turned around", plain(&[("a\u{202e}b", b"")])),
        ("deep", plain(&[("a/b/c/d/e/f/g/h/i/j", b"")])),
        ("long", plain(&[(&"a".repeat(201), b"")])),
        ("dots at the end", plain(&[("plugin.toml.", b"")])),
        ("not UTF-8", patched(plain(&[("file-a", b"")]), b"file-a", b"file-\xff")),
        ("twice", patched(plain(&[("file-a", b"1"), ("file-b", b"2")]), b"file-b", b"file-a")),
        ("case", plain(&[("plugin.toml", b"1"), ("Plugin.TOML", b"2")])),
        ("file and folder", plain(&[("a", b"1"), ("A/b", b"2")])),
        ("a link", link),
        ("a pipe", zipped(&[("pipe", b"")], options.external_attributes(0o010_644 << 16))),
        ("encrypted", at_headers(short.clone(), 6, 8, &[1, 0])),
        ("another method", at_headers(short.clone(), 8, 10, &[12, 0])),
        ("one large file", plain(&[("a", &[zeros.clone(), zeros.clone()].concat())])),
        ("a bomb", plain(&[("a", &zeros)])),
        ("claims less than it is", at_headers(plain(&[("a", &zeros)]), 22, 24, &1_000u32.to_le_bytes())),
        ("claims more than it is", at_headers(short.clone(), 22, 24, &5_000u32.to_le_bytes())),
        ("another name in its header", {
            let mut bytes = plain(&[("file-a", b"1")]);
            bytes[30..36].copy_from_slice(b"file-b");
            bytes
        }),
        ("a file that no directory lists", {
            let hidden = plain(&[("hidden", b"1")]);
            let local = hidden.windows(4).position(|found| found == b"PK\x01\x02").unwrap();
            let mut bytes = [&hidden[..local], &short].concat();
            let (end, moved) = (bytes.len() - 22, u32::try_from(local).unwrap());
            let directory = bytes.windows(4).position(|found| found == b"PK\x01\x02").unwrap();
            bytes[directory + 42..directory + 46].copy_from_slice(&moved.to_le_bytes());
            let start = u32::try_from(directory).unwrap();
            bytes[end + 16..end + 20].copy_from_slice(&start.to_le_bytes());
            bytes
        }),
        ("a bit turned", {
            let mut bytes = short.clone();
            bytes[1_000] ^= 1;
            bytes
        }),
    ];
    let told = |(trick, bytes): &(&str, Vec<u8>)| match Archive::read(bytes, bounds()) {
        Ok(archive) => format!("{trick}: read as {} files\n", archive.files().count()),
        Err(error) => format!("{trick}: {}: {error}\n", error.code()),
    };
    expect![[r#"
        nothing: not-a-pack: this is no pack: it is too short
        a text: not-a-pack: this is no pack: it does not end as a zip container without a comment does
        more than is read: too-large: the pack is 1048577 B long, at most 1 MiB are read
        bytes before: not-a-pack: this is no pack: its directory does not end where its end begins
        bytes behind: not-a-pack: this is no pack: it does not end as a zip container without a comment does
        the end cut off: not-a-pack: this is no pack: it does not end as a zip container without a comment does
        directory not counted: not-a-pack: this is no pack: its directory lists more than it counts
        another directory in a comment, not followed: read as 1 files
        five files: too-many-files: the pack lists 5 files, at most 4 are read
        climbs out: bad-file-name: "../../etc/passwd" is no name for a file of a pack: it climbs out of its folder
        climbs out later: bad-file-name: "a/../../b" is no name for a file of a pack: it climbs out of its folder
        absolute: bad-file-name: "/etc/passwd" is no name for a file of a pack: it is absolute
        a drive: bad-file-name: "c:file" is no name for a file of a pack: it is absolute
        backslashes: bad-file-name: "a\\b" is no name for a file of a pack: it holds '\\'
        a line break: bad-file-name: "a\nb" is no name for a file of a pack: it holds '\n'
        turned around: bad-file-name: "a\u{202e}b" is no name for a file of a pack: it holds '\u{202e}'
        deep: bad-file-name: "a/b/c/d/e/f/g/h/i/j" is no name for a file of a pack: it lies 9 folders deep, at most 8 are allowed
        long: bad-file-name: "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" is no name for a file of a pack: it is 201 bytes long, at most 200 are allowed
        dots at the end: bad-file-name: "plugin.toml." is no name for a file of a pack: a part of it is empty, or ends with a dot or a space
        not UTF-8: file-name-not-utf8: the name "file-�" is no UTF-8
        twice: file-twice: "file-a" stands there twice
        case: files-clash: Plugin.TOML and plugin.toml are the same file on some systems
        file and folder: files-clash: A/b and a are the same file on some systems
        a link: link: link is a link
        a pipe: special-file: pipe is no plain file
        encrypted: encrypted: file-a is encrypted
        another method: unknown-method: file-a is packed by a method other than deflate
        one large file: file-too-large: a is 4 MiB long, at most 3 MiB are unpacked
        a bomb: inflates: a unpacks to 1023 times its size, at most 100 times are unpacked
        claims less than it is: damaged: a is damaged: File is larger than its declared uncompressed size
        claims more than it is: damaged: file-a is damaged: it unpacks to another length than 5000 B
        another name in its header: inconsistent: the pack's directory does not fit its files: header inconsistency detected: Local file header filename mismatch (does not match central directory)
        a file that no directory lists: inconsistent: the pack's directory does not fit its files: header inconsistency detected: local file header missing from central directory
        a bit turned: damaged: file-a is damaged: corrupt deflate stream
    "#]].assert_eq(&tricks.iter().map(told).collect::<String>());
}

#[test]
fn many_files_that_are_small_each_are_too_much_together() {
    let noise: Vec<u8> = (0..600_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let bounds = Bounds { packed: Bytes(8 << 20), unpacked: Bytes(1 << 20), ..bounds() };
    let read = Archive::read(&plain(&[("a", &noise), ("b", &noise)]), bounds);
    assert_eq!(
        read.map_err(|error| error.to_string()),
        Err("all files are 1200000 B long at b, at most 1 MiB are unpacked".to_owned())
    );
}

#[test]
fn what_is_put_in_is_bounded_as_what_is_read() {
    let mut archive = Archive::new(Bounds { files: 2, ..bounds() });
    let mut put =
        |name: &str, bytes: usize| archive.insert(name.parse().unwrap(), vec![0; bytes]).map_err(|error| error.code());
    assert_eq!(
        [put("a", 3 << 20), put("b", (3 << 20) + 1), put("b", 3 << 20), put("A", 1), put("b", 1), put("c", 1)],
        [Ok(()), Err("file-too-large"), Err("unpacks-too-far"), Err("files-clash"), Ok(()), Err("too-many-files")]
    );
}

/// No byte that is turned, cut off or put in makes the reader panic, nor read another content than was written without a word.
#[test]
fn a_turned_byte_is_refused_or_changes_nothing() {
    let files: [(&str, &[u8]); 2] = [("plugin.toml", b"[pack]\nid = \"acme.crm\"\n"), ("prompts/a.wav", &[7; 300])];
    let written = archive(&files).write();
    let listing = archive(&files).listing();
    let mut others = Vec::new();
    for at in 0..written.len() {
        for turn in [0x01, 0x80, 0xff] {
            let mut bytes = written.clone();
            bytes[at] ^= turn;
            if let Ok(read) = Archive::read(&bytes, bounds())
                && read.listing() != listing
            {
                others.push((at, turn));
            }
        }
        assert!(Archive::read(&written[..at], bounds()).is_err(), "cut off at {at}");
    }
    assert_eq!(others, []);
}
