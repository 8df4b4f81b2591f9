#!/bin/sh
# Believed: a filter or a DELETE on a Delta table finds a decimal that was written to it.
# So: deltalake writes the minimum and maximum of a file as numbers of 64 bits. A longer integer
# becomes 2**63 - 1, and a fraction with more digits the nearest float; these exclude the row, and
# the file is skipped: polars and pyarrow find no row, and DELETE reports 0 deleted rows. A scan
# without a filter has the row, and a value of 15 digits is found.
# Matters: long identifiers and exact amounts in decimal columns are not found, and a request to
# delete a record succeeds while the record stays.
# Versions: deltalake 1.6.6, polars 2.1.0, pyarrow 26.0.1.
# Output:
#   written 12345678901234567890, minimum in the log 9223372036854775807
#     rows 1, equal: polars 0, pyarrow 0; deleted 0
#   written 0.1234567890123456789, minimum in the log 0.12345678901234568
#     rows 1, equal: polars 0, pyarrow 0; deleted 0
#   written 123456789012345, minimum in the log 123456789012345
#     rows 1, equal: polars 1, pyarrow 1; deleted 1
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m pip install --quiet --disable-pip-version-check --no-compile --target site deltalake==1.6.6 polars==2.1.0 pyarrow==26.0.1
cat > check.py <<'END'
import json, pathlib
from decimal import Decimal
import polars
import pyarrow
import pyarrow.dataset as ds
from deltalake import DeltaTable, write_deltalake

def counts(number, scale):
    """Write the number, and return its minimum in the log and how often it is found and deleted."""
    path, value, kind = f"table-{number}", Decimal(number), pyarrow.decimal128(38, scale)
    write_deltalake(path, pyarrow.table({"x": pyarrow.array([value], kind)}))
    table = DeltaTable(path)
    log = pathlib.Path(path, "_delta_log/00000000000000000000.json").read_text().splitlines()
    added = next(json.loads(line)["add"] for line in log if '"add"' in line)
    minimum = json.loads(added["stats"])["minValues"]["x"]
    dataset = table.to_pyarrow_dataset()
    rows, equal = dataset.count_rows(), dataset.count_rows(filter=ds.field("x") == pyarrow.scalar(value, kind))
    polar = polars.scan_delta(path).filter(polars.col("x") == value).collect().height
    deleted = table.delete(f"x = arrow_cast('{number}', 'Decimal128(38, {scale})')")["num_deleted_rows"]
    print(f"written {number}, minimum in the log {minimum}")
    print(f"  rows {rows}, equal: polars {polar}, pyarrow {equal}; deleted {deleted}")
    return rows, polar, equal, deleted

assert counts("12345678901234567890", 0) == (1, 0, 0, 0)
assert counts("0.1234567890123456789", 19) == (1, 0, 0, 0)
assert counts("123456789012345", 0) == (1, 1, 1, 1)
END
PYTHONPATH=site python3 check.py
