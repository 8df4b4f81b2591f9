#!/bin/sh
# Believed: consolidated metadata of a zarr group is either kept up to date by changes through
# that group, or never.
# So: deleting a member rewrites it, creating one does not: the group that created an array does
# not list it when it is opened again.
# Matters: after one deletion the metadata looks fresh, and members that were added since are
# missing for every reader that trusts it.
# Versions: zarr 3.1.6.
# Output:
#   after creating b: ['a']
#   after deleting a: []
#   without consolidated metadata: ['b']
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m pip install --quiet --disable-pip-version-check --no-compile --target site zarr==3.1.6
cat > check.py <<'END'
import warnings
import zarr

warnings.simplefilter("ignore")
zarr.open_group("group", mode="w").create_array("a", shape=(1,), dtype="int32")
zarr.consolidate_metadata("group")
zarr.open_group("group", mode="a").create_array("b", shape=(1,), dtype="int32")
created = sorted(zarr.open_group("group", mode="r"))
group = zarr.open_group("group", mode="a")
del group["a"]
deleted = sorted(zarr.open_group("group", mode="r"))
there = sorted(zarr.open_group("group", mode="r", use_consolidated=False))
print("after creating b:", created)
print("after deleting a:", deleted)
print("without consolidated metadata:", there)
assert (created, deleted, there) == (["a"], [], ["b"])
END
PYTHONPATH=site python3 check.py
