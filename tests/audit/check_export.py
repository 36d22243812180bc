#!/usr/bin/env python3
"""Checks an export of the audit log (`flowledger audit list --json`, all of it) on standard input, with nothing but docs/audit.md.

Prints the number of events; ends with 1 and the line where something is wrong.
"""

import hashlib
import json
import sys


def check(lines):
    hashes = {}  # chain -> hashes by sequence
    for number, line in enumerate(lines, 1):
        event = json.loads(line)
        said = event.pop("hash")
        text = json.dumps(event, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        if hashlib.sha256(text.encode()).hexdigest() != said:
            sys.exit(f"line {number}: its content is not what its hash says")
        chain = hashes.setdefault(event["chain"], [])
        if event["sequence"] != len(chain):
            sys.exit(f"line {number}: event {len(chain)} of the chain was to come")
        if event.get("previous") != (chain[-1] if chain else None):
            sys.exit(f"line {number}: it does not hold the hash of the event before it")
        for head in event["heads"]:
            named = hashes.get(head["chain"], [])[head["sequence"]:][:1]
            if named != [head["hash"]]:
                sys.exit(f"line {number}: what it names of chain {head['chain']} is not there")
        chain.append(said)
    return sum(map(len, hashes.values()))


if __name__ == "__main__":
    print(check(sys.stdin))
