"""Lines that are nearly events: each is a line of standard input with some of its values, texts or bytes changed.

    mutated_lines.py SEED COUNT < lines > mutated

Same arguments, same bytes. The same key twice, nesting over 100 and numbers beyond a double are not made: the contract does not
say what they mean.
"""

import json
import random
import sys

PREFIX = b"ANALYTICS "
TEXTS = [
    "", "0", "-0", "1", "007", "9223372036854775807", "9223372036854775808", "00000000000000000001", "12a", " 1", "+1", "1_0", "\u0661",
    "direct", "relay", "relayed", "Direct", "tcp", "udp", "icmp", "TCP", "closed_connection", "established_connection",
    "failed_to_connect", "denied_access", "Closed_Connection", "\u0000", "\n", "a\r\n", "\u2028", "\u00e9", "\ud83c\udfe0", "\U0001f3e0",
    "192.0.2.1", "192.0.2.1:443", "192.0.2.1:", "192.0.2.1:123456", "192.0.2.1:99999", "192.0.2.1:x", "192.0.2.1:\u0661", "192.0.2", "192.0.2.256",
    "192.0.2.01", "010.0.0.1", " 192.0.2.1", "192.0.2.1 ", "192.0.2.1\n", "0x7f.0.0.1", "1", "1:22", "[192.0.2.1]", "[192.0.2.1]:1", "[192.0.2.1:1]",
    "[192.0.2.1]:", "[192.0.2.1]x", "[", "[]", "[]:1", "]:1", "[[::1]]", "[::1]]", "[::1]:443", "[::1]:123456", "[::1", "::1]", "::", "::1", ":", ":1", "1::",
    "2001:db8::1", "2001:DB8::0001", "2001:db8::1:443", "2001:db8::00001", "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7::", "::2:3:4:5:6:7:8", "1::2:3:4:5:6:7:8",
    "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7:8::", "1::2::3", ":::", "fe80::1%eth0", "fe80::1%", "[fe80::1%1]:1", "::ffff:192.0.2.77", "::FFFF:c000:24d",
    "::ffff:0:192.0.2.77", "::192.0.2.1", "::192.0.2.01", "::192.0.2.256", "1:2:3:4:5:6:192.0.2.1", "1:2:3:4:5:6:7:192.0.2.1", "192.0.2.1::", "::192.0.2.1:1",
    "64:ff9b::192.0.2.33", "::g", "12345::", "1.2.3.4.5", "1..2.3", "wiki.corp.example", "wiki:443", "192.0.2.1/32", "::1/128",
]
RAW = [
    "null", "true", "false", "0", "-0", "-0.0", "0.0", "1", "1.0", "1e0", "1E2", "-1", "-1e-0", "0e0", "65535", "65536", "4102444799999", "4102444800000", "9223372036854775807",
    "9223372036854775808", "18446744073709551615", "18446744073709551616", "-9223372036854775808", "-9223372036854775809", "1" + "0" * 40, "0." + "1" * 40,
    "1793487602665", "1793487602665000", "1e-400", "90", "90.0000000001", "-90", "180.00000000000001", "180.0000000001", "39.84000000000000341", "0.0000005", "12.3456785",
    "1.0000005", "-0.0000004", "[]", "{}", "[null]", "[[]]", "[{}]", "[{},null]", "[1]", '{"id":null}', '{"id":"5"}', '{"ip":""}', '[{"ip":null,"port":null,"name":null}]',
    '[{"ip":"192.0.2.7:1","port":-0}]', '[{"port":1.0}]', '[{"name":7}]', '{"geoip":{}}', '{"geoip":[]}', '{"geoip":{"lat":1,"lon":-0}}', '{"geoip":{"lat":-0.0,"lon":180}}',
    '{"geoip":{"lat":true,"lon":1}}', '{"geoip":{"lat":null,"lon":1}}', '{"geoip":{"lat":"1","lon":1}}', '{"geoip":{"lat":90.5,"lon":1}}', '{"geoip":{"lat":12.3456785,"lon":-0.0000005}}',
    '"{\\"geoip\\":{\\"lat\\":1.5,\\"lon\\":2}}"', '"{\\"geoip\\":{\\"lat\\":NaN,\\"lon\\":2}}"', '" {\\"geoip\\":{\\"lat\\":-0,\\"lon\\":2}} "', '"{\\"geoip\\":{\\"lat\\":1,\\"lon\\":2,\\"x\\":\\"\\\\ud800\\"}}"',
    '"\\"geoip\\""', '"[1]"', '"null"', '"{"', '"\\ufeff{}"',
    # No JSON, or none for us.
    "NaN", "-NaN", "Infinity", "-Infinity", "nan", "01", "-01", "1.", ".5", "+1", "1e", "--0", "1-0", "- 0", "0x1", "1_000", "'a'", "undefined", "tru", "[1,]", "{\"a\":1,}", "{a:1}",
    '"\\ud800"', '"\\udc00"', '"\\ud800\\ud800\\udc00"', '"\\ud83c\\udfe0"', '"\\ud83c\\u0041"', '"\\uD83C\\uDFE0"', '{"\\ud800":1}', '[{"x":["\\udfff"]}]', '"\\u00g0"', '"\\u 041"', '"\\u+041"', '"\\x41"', '"\\/"',
    '"\\u0000"', '"a\tb"', '"a\u0001b"', '"a\u007fb"', '"\u0085"', '"open', '"\\', "/* c */ 1", "1 // c", '{"$serde_json::private::RawValue":5}', '{"$serde_json::private::Number":"x"}',
]
BYTES = [b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\x00", b"\t", b"\r", b"\x0b", b"\x0c", b"\xc2\xa0", b"\xef\xbb\xbf", b'"', b"\\", b"{", b"}", b"[", b"]", b",", b":", b"-", b"0", b" ", b"ANALYTICS "]
NAMES = [
    "event_type", "timestamp", "connection", "connector", "remote_network", "resource", "relays", "user", "service_account", "device", "location",
    "connection.id", "connection.protocol", "connection.duration", "connection.client_ip", "connection.resource_ip", "connection.resource_port",
    "connection.rx", "connection.tx", "connection.tunnel_path", "connection.tunnel_proto", "connection.cbct_freshness", "connection.error_message",
    "connector.id", "connector.name", "remote_network.id", "remote_network.name", "resource.id", "resource.address", "resource.applied_rule",
    "user.id", "user.email", "service_account.id", "service_account.name", "service_account.key", "service_account.key_id", "device.id", "unknown", "connection.unknown",
]
MARK = "\u241eraw%d\u241e"


def mutated_json(pick, event):
    """The event's text with one to three values put in, some of which are no JSON."""
    raws = []
    for _ in range(pick.choice((1, 1, 1, 2, 3))):
        *path, key = pick.choice(NAMES).split(".")
        target = event
        for name in path:
            target = target.setdefault(name, {}) if isinstance(target, dict) else None
        if not isinstance(target, dict):
            continue
        choice = pick.random()
        if choice < 0.15:
            target.pop(key, None)
        elif choice < 0.5:
            target[key] = pick.choice(TEXTS)
        else:
            target[key] = MARK % len(raws)
            raws.append(pick.choice(RAW))
    if pick.random() < 0.1:
        event["service_account"] = {"id": "5", "name": "ci"}
        event["user"] = None
    text = json.dumps(event, ensure_ascii=pick.random() < 0.5, separators=pick.choice(((",", ":"), (", ", ": "), (" ,\t", " :\r "))))
    for number, raw in enumerate(raws):
        for mark in (MARK % number, json.dumps(MARK % number)[1:-1]):
            text = text.replace(f'"{mark}"', raw)
    return text.encode("utf-8", "surrogatepass")


def mutated_bytes(pick, line):
    """The line with a few bytes put in, taken out, or swapped."""
    line = bytearray(line)
    for _ in range(pick.choice((1, 1, 2, 4))):
        at = pick.randrange(len(line) + 1)
        choice = pick.random()
        if choice < 0.5:
            line[at:at] = pick.choice(BYTES)
        elif choice < 0.8:
            del line[at:at + pick.choice((1, 1, 2, 30))]
        else:
            line[at:at + 1] = bytes([pick.randrange(256)])
    return bytes(line)


def defined(line):
    """False for what the contract leaves open: the same key twice, numbers beyond a double."""
    def finite(digits):
        if float(digits) in (float("inf"), float("-inf")):
            raise KeyError("beyond a double")
        return float(digits)

    def once(pairs):
        if len({key for key, _ in pairs}) < len(pairs):
            raise KeyError("twice")
        for _, value in pairs:
            if isinstance(value, str) and value.count('"geoip"') > 1:
                raise KeyError("twice")
        return dict(pairs)

    try:
        json.loads(line, object_pairs_hook=once, parse_float=finite)
    except KeyError:
        return False
    except (ValueError, RecursionError):
        pass
    return True


def main():
    pick = random.Random(int(sys.argv[1]))
    lines = [line for line in sys.stdin.buffer.read().split(b"\n") if line.startswith(PREFIX + b"{") and len(line) < 5000]
    events = []
    for line in lines:
        try:
            events.append(json.loads(line[len(PREFIX):]))
        except ValueError:
            pass
    made = 0
    while made < int(sys.argv[2]):
        if pick.random() < 0.75:
            line = PREFIX + mutated_json(pick, json.loads(json.dumps(pick.choice(events))))
        else:
            line = mutated_bytes(pick, pick.choice(lines))
        at = line.find(PREFIX)
        if b"\n" in line or at < 0 or not defined(line[at + len(PREFIX):].decode("utf-8", "replace")):
            continue
        sys.stdout.buffer.write(pick.choice((b"", b"", b"2026-11-22T10:00:00Z stderr F ", b"\xff ")) + line + pick.choice((b"\n", b"\n", b"\r\n", b" \r\r\n")))
        made += 1


main()
