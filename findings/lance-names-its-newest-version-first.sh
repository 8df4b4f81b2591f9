#!/bin/sh
# Believed: the manifest that comes last by name is the newest version, as in the log of Delta.
# So: names count down from 2**64 - 1: the newest version comes first.
# Matters: what copies or deletes manifests by name, oldest first, works on the newest one first.
# Versions: pylance 14.0.2, pyarrow 26.0.1.
# Output:
#   18446744073709551612.manifest: version 3
#   18446744073709551613.manifest: version 2
#   18446744073709551614.manifest: version 1
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m pip install --quiet --disable-pip-version-check --no-compile --target site pylance==14.0.2 pyarrow==26.0.1
cat > check.py <<'END_OF_CHECK'
import os

import lance
import pyarrow

for number in range(3):
    mode = "append" if number else "create"
    lance.write_dataset(pyarrow.table({"a": [number]}), "data.lance", mode=mode)
names = [name for name in sorted(os.listdir("data.lance/_versions")) if "manifest" in name]
versions = [2**64 - 1 - int(name.partition(".")[0]) for name in names]
for name, version in zip(names, versions):
    print(f"{name}: version {version}")
assert versions == [3, 2, 1] == sorted((v["version"] for v in lance.dataset("data.lance").versions()), reverse=True)
END_OF_CHECK
PYTHONPATH=site python3 check.py
