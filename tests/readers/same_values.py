"""Holds a report as Parquet against the same report as CSV, as pyarrow reads the one and Python's csv the other.

    same_values.py REPORT.csv REPORT.parquet
"""
import csv, sys

import pyarrow.parquet

from read_reports import check

with open(sys.argv[1], encoding="utf-8", newline="") as file:
    header, *expected = csv.reader(file)
table = pyarrow.parquet.read_table(sys.argv[2])
assert table.column_names == header, table.column_names
check(sys.argv[2], zip(*(column.to_pylist() for column in table.columns)), expected)
