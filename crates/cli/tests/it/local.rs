//! Commands that need no service: predict, validate, settings, completions.

use std::io::{Read, Write};
use std::process::Stdio;

use crate::support::{chains, pssp, run};

const FASTA: &[u8] = b">one first chain\nMKVLAAGIVGLLLAQWKDE\n>two\nTESTTESTTEST\n";

#[test]
fn every_format_goes_from_stdin_to_stdout() {
    let starts = [
        ("txt", ">one first chain\nMKVLAAGIVGLLLAQWKDE\n"),
        ("classic", ">one first chain\nMKVLAAGIVGLLLAQWKDE\n"),
        ("ss2", "# PSIPRED VFORMAT ("),
        ("horiz", "# PSIPRED HFORMAT ("),
        ("json", "[\n{\"id\":\"one\""),
        ("ndjson", "{\"id\":\"one\""),
        ("tsv", "id\tpos\taa\tss3\t"),
        ("csv", "id,pos,aa,ss3,"),
        ("fasta", ">one"),
    ];
    for (format, start) in starts {
        let output = run(&["predict", "--format", format], FASTA).ok();
        assert!(output.out.starts_with(start), "{format}: {}", output.out);
        assert_eq!(output.err, "", "{format}");
        assert_eq!(run(&["predict", "-f", format, "-t", "1", "-"], FASTA).ok().out, output.out, "{format}");
    }
}

#[test]
fn the_classic_answer_for_testtesttest_is_all_coil() {
    let output = run(&["predict", "TESTTESTTEST"], b"").ok();
    assert_eq!(output.out.lines().nth(2), Some("CCCCCCCCCCCC"), "{}", output.out);
    assert_eq!(output.out.lines().count(), 8);
}

#[test]
fn json_output_is_one_object_per_line() {
    let output = run(&["--json", "predict"], FASTA).ok();
    let ids: Vec<serde_json::Value> = output.out.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!(
        (ids.len(), &ids[1]["id"], &ids[1]["properties"]["ss3"]["labels"]),
        (2, &"two".into(), &"CCCCCCCCCCCC".into())
    );
}

#[test]
fn output_keeps_the_input_order_and_the_file_extension_decides_the_format() {
    let dir = tempfile::tempdir().unwrap();
    let (input, output) = (dir.path().join("in.fasta"), dir.path().join("out.ndjson"));
    // Long and short chains are mixed, so that threads finish in another order.
    let mixed: String = (0..60)
        .map(|i| format!(">c{i}\n{}\n", "MKVLAAGIVE".repeat(if i % 7 == 0 { 300 } else { 2 })))
        .collect();
    std::fs::write(&input, mixed).unwrap();
    run(&["predict", input.to_str().unwrap(), "-o", output.to_str().unwrap(), "--threads", "8"], b"").ok();
    let text = std::fs::read_to_string(output).unwrap();
    let ids: Vec<String> = text
        .lines()
        .map(|line| {
            serde_json::from_str::<serde_json::Value>(line).unwrap()["id"].as_str().unwrap().to_owned()
        })
        .collect();
    assert_eq!(ids, (0..60).map(|i| format!("c{i}")).collect::<Vec<_>>());
}

#[test]
fn input_that_affects_the_prediction_causes_a_warning() {
    let output = run(&["predict"], b">a\nMKVLT--AYGKL\n>b\nMKVLTAYGKL\n").ok();
    let warnings: Vec<&str> = output.err.lines().collect();
    assert_eq!(warnings.len(), 1, "{}", output.err);
    assert!(warnings[0].contains("warning: stdin (a): "), "{}", output.err);
}

#[test]
fn gzip_is_read_like_text() {
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gz.write_all(FASTA).unwrap();
    assert_eq!(run(&["predict"], &gz.finish().unwrap()).ok().out, run(&["predict"], FASTA).out);
}

#[test]
fn a_bad_record_is_reported_with_its_place_and_the_rest_goes_on() {
    let output = run(&["predict"], b">a\nMKVLA\n>b\nMK?LA\n>c\n\n>d\nMKVLA\n");
    assert_eq!(output.code, 2);
    assert_eq!(output.out.lines().filter(|l| l.starts_with('>')).collect::<Vec<_>>(), [">a", ">d"]);
    let err: Vec<&str> = output.err.lines().collect();
    assert!(err[0].starts_with("pssp: stdin (b): record 2, line 4, column 3: '?'"), "{err:?}");
    assert!(err[1].starts_with("pssp: stdin (c): record 3, line 6: the record has no residues"), "{err:?}");
    assert_eq!(err[2], "pssp: 2 predicted, 2 refused, 0 failed");
    let json = run(&["--json", "--quiet", "predict"], b">b\nMK?LA\n");
    let error: serde_json::Value = serde_json::from_str(&json.err).unwrap();
    assert_eq!((json.code, &error["error"]["exit"]), (2, &2.into()));
}

#[test]
fn odd_bytes_are_refused_without_a_panic() {
    let noise: Vec<u8> = (0..200_000_u32)
        .map(|i| u8::try_from((i.wrapping_mul(2_654_435_761) >> 24) & 0xff).unwrap())
        .collect();
    let cut_gzip = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0];
    let inputs: [&[u8]; 9] = [
        b"",
        b"\n\n",
        b">",
        b">only a header\n",
        b"\0\0\0",
        b"MK\rV*L",
        b"\xef\xbb\xbf>\xff\n\xfe",
        &noise,
        &cut_gzip,
    ];
    for input in inputs {
        for command in ["predict", "validate"] {
            let output = run(&[command], input);
            assert_eq!(output.code, 2, "{command} {:?}: {output:?}", &input[..input.len().min(20)]);
            assert!(!output.err.contains("panicked"), "{output:?}");
        }
    }
    assert_eq!(
        run(&["predict"], b"\xef\xbb\xbf>a\rMKVLA\rAGIVG\r").ok().out.lines().nth(1),
        Some("MKVLAAGIVG")
    );
}

#[test]
fn a_chain_above_the_limit_is_refused_and_the_limit_is_an_option() {
    let text = chains(1, 10_001);
    let output = run(&["predict"], text.as_bytes());
    assert_eq!(output.code, 2, "{}", output.err);
    run(&["predict", "--max-residues", "10001", "-f", "fasta"], text.as_bytes()).ok();
}

#[test]
fn usage_errors_exit_with_2_and_name_the_cause() {
    let cases: [(&[&str], &str); 7] = [
        (&["predict", "no-such-file.fasta"], "no such file: no-such-file.fasta; give a FASTA file"),
        (&["predict", "--format", "pdf"], "choose one of json, txt,"),
        (&["predict", "-o", "/no/such/folder/x.txt", "MKVLA"], "cannot write /no/such/folder/x.txt"),
        (&["status", "42"], "\"42\" is not a job or batch id"),
        (&["--url", "ftp://x", "list"], "\"ftp://x\" is no address of a service"),
        (&["watch", "--timeout", "soon", "0190f3c4-7d1e-7c3b-9c55-6f1f2ab3c0de"], "no span of time"),
        (&["nonsense"], "unrecognized subcommand"),
    ];
    for (args, expected) in cases {
        let output = run(args, b"");
        assert_eq!(output.code, 2, "{args:?}: {output:?}");
        assert!(output.err.contains(expected), "{args:?}: {}", output.err);
    }
    let nobody = run(&["--url", "http://127.0.0.1:1", "list"], b"");
    assert_eq!(nobody.code, 3);
    assert!(nobody.err.contains("cannot reach http://127.0.0.1:1"), "{}", nobody.err);
}

#[test]
fn a_reader_that_closes_the_output_ends_the_command_quietly() {
    let mut child = pssp()
        .args(["predict", "-f", "json", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let feeder = std::thread::spawn(move || drop(stdin.write_all(chains(5_000, 300).as_bytes())));
    let mut stdout = child.stdout.take().unwrap();
    stdout.read_exact(&mut [0; 100]).unwrap();
    drop(stdout);
    let output = child.wait_with_output().unwrap();
    feeder.join().unwrap();
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]));
}

#[test]
fn validate_reports_every_edit() {
    let output = run(&["validate"], b">a\nmkv-l 1\n>b\nMK?\n");
    assert_eq!(output.code, 2);
    for expected in [
        "ok       a  4 aa",
        "4 letters made upper case",
        "1 gap removed",
        "refused  b",
        "record 2, line 4, column 3",
    ] {
        assert!(output.out.contains(expected), "{expected}: {}", output.out);
    }
    let json = run(&["--json", "validate"], b">a\nmkvla\n").ok().json();
    assert_eq!(
        (&json["valid"], &json["sequence"], &json["edits"][0]["kind"]),
        (&true.into(), &"MKVLA".into(), &"upper_cased".into())
    );
}

#[test]
fn help_completions_and_settings_are_printed() {
    let help = run(&["--help"], b"").ok().out;
    for line in
        ["Exit codes:", "  5  waited as long as asked, and it is not done", "  7  no such job or batch"]
    {
        assert!(help.contains(line), "{help}");
    }
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        assert!(run(&["completions", shell], b"").ok().out.contains("predict"), "{shell}");
    }
    assert!(run(&["settings", "--markdown"], b"").ok().out.contains("`PSSP_BACKEND`"));
    assert!(run(&["settings", "--json"], b"").ok().json().as_array().unwrap().len() > 10);
    assert!(run(&["--version"], b"").ok().out.starts_with("pssp "));
}
