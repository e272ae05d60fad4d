#!/usr/bin/env python3
"""Starts `bailiwick serve` as a benchmark wants it with policy on: the quota plugin grants leases for every
zone, and a test plugin keeps 1,000 traffic rules in force: 500 by source prefix, 300 by zone, 200 by suffix.

The rules limit far above any load, so every query is answered and the cost of the rules is what is measured.
Rules by zone need zones: 300 small ones are served beside those asked for. With --queries (lines of
"name type") the suffixes are taken from it, so that about one query in a hundred meets a rule.

    serve_with_rules.py --binary target/release/bailiwick --queries big.mixed.q -- \\
        --listen 127.0.0.1:5353 --threads 1 --zone big.test.=big.zone
"""
import argparse
import collections
import hashlib
import os
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SOURCES, ZONES, SUFFIXES = 500, 300, 200


def wire(name):
    labels = [label for label in name.lower().rstrip(".").split(".") if label]
    return b"".join(bytes([len(label)]) + label.encode() for label in labels) + b"\0"


def zone_id(name):
    """The number by which plugins know a zone (host/authority/src/policy)."""
    first = hashlib.sha256(b"zone\0" + wire(name)).digest()[:8]
    return max(1, int.from_bytes(first, "big") >> 1)


def suffixes(queries):
    """Names of which about one query in a hundred is at or below."""
    counts = collections.Counter()
    if queries:
        with open(queries) as lines:
            counts.update(line.split()[0].lower() for line in lines if line.strip())
    total, wanted, chosen = sum(counts.values()), 0, []
    for name, count in counts.most_common():
        if len(chosen) == SUFFIXES or wanted >= total / 100:
            break
        chosen.append(name)
        wanted += count
    print(f"rules by suffix meet {wanted} of {total} queries", file=sys.stderr)
    return chosen + [f"s{n}.elsewhere.test." for n in range(SUFFIXES - len(chosen))]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default=os.path.join(ROOT, "target/release/bailiwick"))
    parser.add_argument("--queries", help="query file that the suffixes are taken from")
    parser.add_argument("--rules", choices=["on", "off"], default="on", help="off: the same server, no plugin")
    parser.add_argument("flags", nargs="*", help="flags of `bailiwick serve`, after --")
    args = parser.parse_args()

    folder = tempfile.mkdtemp(prefix="rules.")
    names = [f"rule{n}.test." for n in range(ZONES)]
    with open(f"{folder}/list", "w") as zones:
        for name in names:
            with open(f"{folder}/{name}zone", "w") as text:
                text.write(f"{name} 300 SOA ns.{name} host.{name} 1 3600 600 864000 300\n{name} 300 NS ns.other.test.\n")
            zones.write(f"{name} {folder}/{name}zone\n")
    config = 'version = "v1"\n'
    if args.rules == "on":
        settings = f"sources = {SOURCES}\nzones = {[zone_id(name) for name in names]}\nsuffixes = {suffixes(args.queries)}\n"
        config += (f'[[plugin]]\nfile = "{ROOT}/plugins/prebuilt/quota.wasm"\n'
                   f'[[plugin]]\nfile = "{ROOT}/tests/guests/prebuilt/thousand.wasm"\n[plugin.settings]\n{settings}')
    with open(f"{folder}/config.toml", "w") as file:
        file.write(config)
    binary = args.binary
    os.execv(binary, [binary, "serve", "--config", f"{folder}/config.toml", "--data", f"{folder}/data",
                      "--zones", f"{folder}/list", *args.flags])


main()
