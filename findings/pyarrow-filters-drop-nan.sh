#!/bin/sh
# Believed: a filter of a pyarrow dataset keeps the rows that the same expression keeps in memory.
# So: statistics leave NaN out, and pyarrow decides by them alone: in a file with 1.0 and NaN, which
# pyarrow wrote, neither x != 1, nor is_null(nan_is_null=True) finds the NaN; the negation of x <= 1
# does not either. A file with one more number has other statistics, and x != 1 finds it.
# Matters: a search for bad values reports none, and rows appear and disappear with how a table is
# divided into row groups.
# Versions: pyarrow 26.0.1.
# Output:
#   x != 1: [nan] in memory, [] in the file
#   is_null(nan_is_null): [nan] in memory, [] in the file
#   not x <= 1: [nan] in memory, [] in the file
#   x != 1, with 2.0: [nan, 2.0] in memory, [nan, 2.0] in the file
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m pip install --quiet --disable-pip-version-check --no-compile --target site pyarrow==26.0.1
cat > check.py <<'END'
import pyarrow
import pyarrow.dataset as ds
import pyarrow.parquet as pq

x = ds.field("x")
pair, three = [1.0, float("nan")], [1.0, float("nan"), 2.0]
shown = []
for name, values, test in (
    ("x != 1", pair, x != 1),
    ("is_null(nan_is_null)", pair, x.is_null(nan_is_null=True)),
    ("not x <= 1", pair, ~(x <= 1)),
    ("x != 1, with 2.0", three, x != 1),
):
    table = pyarrow.table({"x": values})
    pq.write_table(table, "file.parquet")
    memory = str(table.filter(test)["x"].to_pylist())
    file = str(ds.dataset("file.parquet").to_table(filter=test)["x"].to_pylist())
    shown.append((memory, file))
    print(f"{name}: {memory} in memory, {file} in the file")
assert shown == 3 * [("[nan]", "[]")] + [("[nan, 2.0]", "[nan, 2.0]")]
END
PYTHONPATH=site python3 check.py
