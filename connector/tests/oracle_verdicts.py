"""Says of each line with the prefix what the oracle makes of it: the event's fields in words, or the reason why it is none.

    oracle_verdicts.py FOLDER_OF_REPORT_PY v2|v3 < lines > verdicts
"""

import sys

sys.dont_write_bytecode = True
sys.path.insert(0, sys.argv[1])
import report  # noqa: E402  (the folder is an argument)


def hexadecimal(text):
    return text.encode().hex()


def blank(value):
    return "-" if value is None else str(value)


def words_of(event):
    user, service, place = event["user"], event["service"], event["place"]
    return " ".join((
        "event", str(event["id"]), str(event["start_us"]), str(event["end_us"]), event["kind"], event["protocol"],
        hexadecimal(event["connector"][0]), str(event["connector"][1]),
        hexadecimal(event["network"][0]), str(event["network"][1]),
        hexadecimal(event["asked"]), str(event["resource_id"]), hexadecimal(event["applied_rule"]),
        blank(event["resource_ip"]), str(event["resource_port"]), blank(event["client_ip"]),
        str(event["rx"]), str(event["tx"]), blank(event["device_id"]),
        "-" if user is None else f"{hexadecimal(user[0])}/{user[1]}",
        "-" if service is None else f"{hexadecimal(service[0])}/{service[1]}/{hexadecimal(service[2])}/{blank(service[3])}",
        "[" + ";".join(f"{hexadecimal(name)}/{blank(ip)}/{port}" for name, ip, port in event["relays"]) + "]",
        hexadecimal(event["error"]),
        "-" if place is None else "/".join(f"{number:.6f}".replace("-0.000000", "0.000000") for number in place),
    ))


def main():
    for raw in sys.stdin.buffer:
        raw = raw.rstrip(b"\r\n")
        at = raw.find(report.PREFIX)
        if at < 0:
            continue
        try:
            if len(raw) > report.LINE_MAX:
                raise report.Unreadable("longer than 524288 bytes")
            try:
                line = raw[at + len(report.PREFIX):].decode("utf-8")
            except UnicodeDecodeError:
                raise report.Unreadable("not UTF-8") from None
            print(words_of(report.read_event(line, "acme", sys.argv[2])))
        except report.Unreadable as reason:
            print("unreadable", reason)


main()
