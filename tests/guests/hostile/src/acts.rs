//! The things a plugin must not do, by name.

use std::hint::black_box;
use std::time::{Duration, SystemTime};

use bailiwick_plugin_sdk::{Call, Error, kv, log};

use crate::Settings;

/// Does what the settings say, if it is to be done here; true: the answer is to be a bad one.
pub(crate) fn act(here: &str, call: &Call<Settings>) -> Result<bool, Error> {
    let settings = call.settings();
    if settings.on != here && settings.on != "any" {
        return Ok(false);
    }
    match settings.act.as_str() {
        "loop" => loop {
            black_box(0);
        },
        "panic" => panic!("on purpose"),
        "exit" => std::process::exit(3),
        "recurse" => {
            black_box(recurse(0));
        }
        "memory" => {
            let mut hog: Vec<Vec<u8>> = Vec::new();
            loop {
                hog.push(vec![1; 1 << 20]);
                black_box(&hog);
            }
        }
        "fill" => {
            let mut block = vec![0u8; 12 << 20];
            for i in 0.. {
                block.fill(i as u8);
                black_box(&block);
            }
        }
        "sleep" => std::thread::sleep(Duration::from_millis(settings.amount)),
        "host-calls" => {
            for _ in 0..settings.amount {
                log::count("calls", 1);
            }
        }
        "log" => {
            for i in 0..settings.amount {
                log::info(format!("line {i}"));
            }
        }
        "log-bytes" => {
            let line = "x".repeat(settings.amount as usize);
            log::info(line);
        }
        "print" => {
            for i in 0..settings.amount {
                println!("printed {i}");
            }
        }
        "counters" => {
            for i in 0..settings.amount {
                log::count(&format!("counter-{i}"), 1);
            }
        }
        "kv-read" => {
            kv::read::<u64>("key");
        }
        "kv-read-all" => loop {
            black_box(kv::read_all::<String>("", 1000));
        },
        "kv-write" => write(1),
        "kv-write-err" => {
            write(2);
            return Err(Error::Other("on purpose".into()));
        }
        "kv-write-panic" => {
            write(3);
            panic!("on purpose");
        }
        "kv-full" => {
            let value = "x".repeat(60_000);
            for i in 0..settings.amount {
                if kv::write(&format!("{}-{i}", call.now), &value, 0).is_err() {
                    return Err(Error::Other(format!("refused at {i}")));
                }
            }
        }
        "err" => return Err(Error::Other("on purpose".into())),
        "retry" => return Err(Error::Retry(settings.amount as u32)),
        "bad" => return Ok(true),
        _ => {}
    }
    Ok(false)
}

/// The reason of an answer: the mark, what the guest sees of the world, or a lot.
pub(crate) fn reason(call: &Call<Settings>) -> String {
    let settings = call.settings();
    match settings.act.as_str() {
        "huge" => "x".repeat(settings.amount as usize),
        "world" => world(),
        "kv-show" => format!("{:?}", kv::read::<u64>("key")),
        _ => settings.mark.clone(),
    }
}

fn world() -> String {
    let time = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let time = time.map(|time| time.as_millis()).unwrap_or_default();
    let seed = {
        use std::hash::{BuildHasher, RandomState};
        RandomState::new().hash_one(1)
    };
    format!(
        "time={time} env={} args={} dir={} stdin={:?} seed={seed}",
        std::env::vars().count(),
        std::env::args().count(),
        std::fs::read_dir("/").is_ok(),
        std::io::read_to_string(std::io::stdin())
            .map(|text| text.len())
            .ok(),
    )
}

fn write(value: u64) {
    kv::write("key", &value, 0).expect("there is room for one number");
}

#[expect(unconditional_recursion, reason = "that is the point")]
fn recurse(depth: u64) -> u64 {
    let frame = [depth; 16];
    black_box(&frame);
    recurse(depth + 1) + frame[(depth % 16) as usize]
}
