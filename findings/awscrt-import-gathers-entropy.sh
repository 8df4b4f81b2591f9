#!/bin/sh
# Believed: loading the extension module of awscrt costs little more than mapping it, as it did.
# So: since 0.28.1, the first 0.28 on PyPI, the import takes many times the CPU time of before.
# It initialises TLS, and the bundled AWS-LC now measures the jitter of the CPU for entropy: perf
# shows most of the time below its functions jent_*, which earlier versions do not have.
# Matters: every cold start of a Lambda function and every start of a command that uses awscrt pays
# for it, with or without a TLS connection; lazy imports can postpone it only.
# Versions: awscrt 0.27.6, 0.28.1 and 0.38.1, CPython 3.11, Linux.
# Output (the milliseconds depend on the machine):
#   0.27.6: jent_* absent, 1 ms
#   0.28.1: jent_* present, 31 ms
#   0.38.1: jent_* present, 31 ms
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
for version in 0.27.6 0.28.1 0.38.1
do
    python3 -m pip install --quiet --disable-pip-version-check --no-compile --target $version awscrt==$version
done
cat > check.py <<'END'
import pathlib, statistics, subprocess, sys

MEASURE = "import time; start = time.process_time(); import _awscrt; print(time.process_time() - start)"

def cpu_seconds(version):
    """Return the CPU time of one import in a process of its own."""
    command = [sys.executable, "-S", "-c", MEASURE]
    return float(subprocess.check_output(command, env={"PYTHONPATH": version}))

versions = ("0.27.6", "0.28.1", "0.38.1")
gathers = {version: any(b"jent_entropy_collector_alloc" in module.read_bytes()
                        for module in pathlib.Path(version).glob("_awscrt*.so"))
           for version in versions}
rounds = [[cpu_seconds(version) for version in versions] for _ in range(15)]
seconds = dict(zip(versions, map(statistics.median, zip(*rounds))))
for version in versions:
    print(f"{version}: jent_* {'present' if gathers[version] else 'absent'}, {seconds[version] * 1000:.0f} ms")
assert list(gathers.values()) == [False, True, True]
assert min(seconds["0.28.1"], seconds["0.38.1"]) > 3 * seconds["0.27.6"]
END
python3 check.py
