"""Reads the reports of a folder with the tools that data people use, and holds what they say against Python's csv of the plain file.

    read_reports.py FOLDER

CLICKHOUSE_URL, _USER, _PASSWORD and _DATABASE say where the Parquet files go into tables.

The folder has a folder `synced` with the objects of a bucket sync, and events.csv, .csv.gz, .csv.zst, .ndjson, .ndjson.gz, .ndjson.zst and .parquet; summary, users and traffic .csv and .parquet. Where a
.parquet is a folder, its files together are the report, in the order of their names. The way in which each is opened here is the way that docs/data.md tells.
"""
import csv, gzip, io, json, os, pathlib, sys, urllib.error, urllib.parse, urllib.request
from datetime import datetime, timezone
from decimal import Decimal

import duckdb
import pandas
import polars
import pyarrow
import pyarrow.csv
import pyarrow.json
import pyarrow.parquet
import zstandard

TEXT, INT64, INT32 = pyarrow.string(), pyarrow.int64(), pyarrow.int32()
TIME, SUM, PERCENT = pyarrow.timestamp("us", tz="UTC"), pyarrow.decimal128(38, 0), pyarrow.decimal128(5, 2)
# Columns that are no text, and columns that are never null.
TYPES = {"resource_port": INT32} | dict.fromkeys(
    "user_id device_id connector_id resource_id bytes_transferred bytes_received remote_network_id service_account_id "
    "service_account_key_id total_connections success_connections failed_connections failed_connections_dns "
    "failed_connections_other active_devices num_of_client_ip connections users duration_p95_us".split(), INT64
) | dict.fromkeys("start_time end_time last_access_date hour".split(), TIME) | dict.fromkeys("percent_relay percent_p2p".split(), PERCENT)
SUMS = dict.fromkeys("total_bytes bytes_transferred bytes_received bytes".split(), SUM)
NEVER_NULL = set("start_time connector_id resource_id protocol status remote_network_id".split())


def zst(path):
    """A file of several frames: without being told so this reader ends after the first."""
    return zstandard.ZstdDecompressor().stream_reader(open(path, "rb"), read_across_frames=True)


def text(value):
    """A value of a typed file as the CSV has it."""
    if value is None or value is pandas.NaT or value is pandas.NA:
        return ""
    if isinstance(value, datetime):
        value = value.astimezone(timezone.utc)
        return f"{value:%Y-%m-%d %H:%M:%S}.{value.microsecond // 10_000:02} UTC"
    if isinstance(value, Decimal):
        return f"{value:f}"
    return str(value)


def check(what, rows, expected):
    rows = [[text(value) for value in row] for row in rows]
    if rows != expected:
        parting = next(((a, b) for a, b in zip(rows, expected) if a != b), (len(rows), len(expected)))
        sys.exit(f"{what} reads other values: {parting}")
    print(f"{what}: {len(rows)} rows")


def read_csv(folder, expected):
    opened = {"events.csv": lambda path: open(path, "rb"), "events.csv.gz": gzip.open, "events.csv.zst": zst}
    for name, open_ in opened.items():
        path = folder / name
        with io.TextIOWrapper(open_(path), "utf-8", newline="") as file:
            check(f"csv {name}", list(csv.reader(file))[1:], expected)
        read = pandas.read_csv(path, dtype=str, keep_default_na=False)
        check(f"pandas {name}", read.values.tolist(), expected)
        read = polars.read_csv(path, infer_schema=False, empty_string_is_null=False)
        check(f"polars {name}", read.rows(), expected)
        read = pyarrow.csv.read_csv(
            path,
            parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True),
            convert_options=pyarrow.csv.ConvertOptions(column_types={name: TEXT for name in read.columns}, strings_can_be_null=False),
        )
        check(f"pyarrow {name}", zip(*(column.to_pylist() for column in read.columns)), expected)
        read = duckdb.sql(f"FROM read_csv('{path}', header = true, all_varchar = true, quote = '\"', escape = '\"')")
        check(f"duckdb {name}", read.fetchall(), expected)


def read_ndjson(folder):
    with open(folder / "events.ndjson", encoding="utf-8") as file:
        events = [json.loads(line)["event"] for line in file]
    pick = lambda event: [event["time"], event["status"], event["resource"]["id"], event["connection"].get("bytes_received")]
    expected = [[text(value) for value in pick(event)] for event in events]
    for name, open_ in {"events.ndjson": lambda path: open(path, "rb"), "events.ndjson.gz": gzip.open, "events.ndjson.zst": zst}.items():
        with open_(folder / name) as file:
            lines = file.read().splitlines()
        check(f"json {name}", (pick(json.loads(line)["event"]) for line in lines), expected)
        read = duckdb.sql(f"SELECT event.time::VARCHAR, event.status, event.resource.id, event.connection.bytes_received FROM read_json('{folder / name}', format = 'newline_delimited', columns = {{event_type: 'VARCHAR', event: 'STRUCT(time VARCHAR, status VARCHAR, resource STRUCT(id VARCHAR), connection STRUCT(bytes_received BIGINT))'}})")
        check(f"duckdb {name}", read.fetchall(), expected)
    check("pandas events.ndjson", (pick(event) for event in pandas.read_json(folder / "events.ndjson", lines=True)["event"]), expected)
    check("polars events.ndjson", (pick(event) for event in polars.read_ndjson(folder / "events.ndjson", infer_schema_length=None)["event"]), expected)


def read_parquet(folder, name, expected, header):
    path = folder / f"{name}.parquet"
    paths = files_of(path)
    table = pyarrow.concat_tables([checked_table(one, name, header) for one in paths])
    check(f"pyarrow {path.name}", zip(*(column.to_pylist() for column in table.columns)), expected)
    # By the name of the folder too.
    read = pyarrow.parquet.read_table(path)
    check(f"pyarrow {path.name}, all at once", zip(*(column.to_pylist() for column in read.columns)), expected)
    check(f"polars {path.name}", polars.read_parquet(paths).rows(), expected)
    listed = ", ".join(f"'{one}'" for one in paths)
    check(f"duckdb {path.name}", duckdb.sql(f"FROM read_parquet([{listed}])").fetchall(), expected)
    # Without numbers that become floats where some are absent.
    read = pandas.read_parquet(path, dtype_backend="pyarrow")
    check(f"pandas {path.name}", zip(*(read[column].array.__arrow_array__().to_pylist() for column in read.columns)), expected)
    if "resource_id" in header:
        one_resource = expected[0][header.index("resource_id")]
        found = duckdb.sql(f"SELECT count() FROM read_parquet([{listed}]) WHERE resource_id = {one_resource}").fetchall()[0][0]
        assert found > 0, found


def read_synced(folder, expected, header):
    """Objects of a bucket sync hold each event once, together; a table has no order, and the folders are its partitions."""
    paths, expected = sorted(folder.rglob("*.parquet")), sorted(expected)
    assert len(paths) > 0, folder
    rows = []
    for path in paths:
        table = checked_table(path, "events", header)
        ends = [end for end in table.column("end_time").to_pylist() if end is not None]
        assert ends == sorted(ends), path
        rows += zip(*(column.to_pylist() for column in table.columns))
    in_order = lambda rows: sorted([text(value) for value in row] for row in rows)
    check(f"pyarrow {len(paths)} objects", in_order(rows), expected)
    read = pyarrow.parquet.read_table(folder)
    assert read.column_names == [*header, "date", "hour"], read.column_names
    check("pyarrow synced, all at once", in_order(zip(*(read.column(name).to_pylist() for name in header))), expected)
    columns = ", ".join(header)
    synced = f"read_parquet('{folder}/**/*.parquet', hive_partitioning = true)"
    check("duckdb synced", in_order(duckdb.sql(f"SELECT {columns} FROM {synced}").fetchall()), expected)
    dates = {path.parent.parent.name.removeprefix("date=") for path in paths}
    for date in dates:
        found = duckdb.sql(f"SELECT count() FROM {synced} WHERE date = DATE '{date}'").fetchall()[0][0]
        assert found > 0, date


def files_of(path):
    """A report's files, in order: itself, or those of the folder."""
    return sorted(path.glob("part-*.parquet")) if path.is_dir() else [path]


def checked_table(path, name, header):
    """The rows of a file, which says of itself what it should."""
    file = pyarrow.parquet.ParquetFile(path)
    table = file.read()
    assert table.num_rows > 0, path
    assert table.column_names == header, table.column_names
    types = TYPES if name == "events" else TYPES | SUMS
    for field in table.schema:
        assert field.type == types.get(field.name, TEXT), f"{field} is {field.type}"
        assert name != "events" or field.nullable == (field.name not in NEVER_NULL), f"{field} is nullable or not"
    said = {key.decode(): value.decode() for key, value in file.metadata.metadata.items()}
    assert said["flowledger.tenant"] and said["flowledger.kind"] == name and said["flowledger.from"].endswith("+00:00"), said
    assert file.metadata.created_by == f"flowledger report encoder version {int(said['flowledger.encoder'])}", file.metadata.created_by
    assert "flowledger.version" not in said, said
    for group in range(file.metadata.num_row_groups):
        for column in range(file.metadata.num_columns):
            chunk = file.metadata.row_group(group).column(column)
            assert chunk.compression == "ZSTD" and chunk.has_column_index and chunk.has_offset_index, chunk
            assert chunk.statistics is not None and chunk.statistics.null_count is not None, chunk
    if name != "events":
        assert file.metadata.row_group(0).sorting_columns[0].column_index == header.index("hour" if name == "traffic" else "total_connections")
    return table


def clickhouse(statement, body=None):
    query = urllib.parse.urlencode({"query": statement, "database": os.environ["CLICKHOUSE_DATABASE"]})
    request = urllib.request.Request(f"{os.environ['CLICKHOUSE_URL']}/?{query}", data=body, method="POST")
    request.add_header("X-ClickHouse-User", os.environ["CLICKHOUSE_USER"])
    request.add_header("X-ClickHouse-Key", os.environ["CLICKHOUSE_PASSWORD"])
    try:
        return urllib.request.urlopen(request).read().decode()
    except urllib.error.HTTPError as error:
        sys.exit(f"clickhouse: {error.read().decode()}")


def read_by_clickhouse(folder, name, expected, header):
    types = {TEXT: "String", INT64: "Int64", INT32: "Int32", TIME: "DateTime64(6, 'UTC')", SUM: "Decimal(38, 0)", PERCENT: "Decimal(5, 2)"}
    of = TYPES if name == "events" else TYPES | SUMS
    table = f"read_back_{name}"
    columns = ", ".join(f"{column} Nullable({types[of.get(column, TEXT)]})" for column in header)
    clickhouse(f"CREATE TABLE {table} ({columns}) ENGINE = Memory")
    for path in files_of(folder / f"{name}.parquet"):
        clickhouse(f"INSERT INTO {table} FORMAT Parquet", path.read_bytes())
    as_text = {TIME: "left(toString({0}), 22) || ' UTC'", PERCENT: "toDecimalString({0}, 2)"}
    cells = ", ".join("ifNull(" + as_text.get(of.get(column, TEXT), "toString({0})").format(column) + ", '')" for column in header)
    read = clickhouse(f"SELECT {cells} FROM {table} FORMAT JSONCompactEachRow")
    # A table has no order.
    check(f"clickhouse {name}.parquet", sorted(json.loads(line) for line in read.splitlines()), sorted(expected))
    clickhouse(f"DROP TABLE {table}")


def main():
    folder = pathlib.Path(sys.argv[1])
    # Python's own limit of a field is for files that are not trusted.
    csv.field_size_limit(1 << 30)
    duckdb.sql("SET TimeZone = 'UTC'")
    for name in ("events", "summary", "users", "traffic"):
        with open(folder / f"{name}.csv", encoding="utf-8", newline="") as file:
            header, *expected = csv.reader(file)
        assert expected, name
        read_parquet(folder, name, expected, header)
        read_by_clickhouse(folder, name, expected, header)
        if name == "events":
            read_csv(folder, expected)
            read_synced(folder / "synced", expected, header)
    read_ndjson(folder)


if __name__ == "__main__":
    main()
