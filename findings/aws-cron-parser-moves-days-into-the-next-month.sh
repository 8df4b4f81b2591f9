#!/bin/sh
# Believed: a schedule for a day that a month does not have skips that month, as croniter does for the
# same schedule.
# So: aws-cron-parser for JavaScript gives days of the next month: 3 March and 1 May for the 31st, and
# 1 March for 29 February in each year. pyawscron, for Python, raises an error for such a month.
# Matters: a page or an alarm that derives the runs of a monthly job from its schedule waits for runs
# on days that the schedule does not name; in Python it works until the first short month.
# Versions: aws-cron-parser 1.1.12 (npm), pyawscron 1.0.7, croniter 7.0.0.
# Output, from 1 January 2026:
#   31st of each month, croniter: 2026-01-31 2026-03-31 2026-05-31 2026-07-31
#   31st of each month, aws-cron-parser: 2026-01-31 2026-03-03 2026-03-31 2026-05-01
#   31st of each month, pyawscron: ValueError
#   29 February, croniter: 2028-02-29 2032-02-29 2036-02-29 2040-02-29
#   29 February, aws-cron-parser: 2026-03-01 2027-03-01 2028-02-29 2029-03-01
#   29 February, pyawscron: ValueError
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund aws-cron-parser@1.1.12 > /dev/null
python3 -m pip install --quiet --disable-pip-version-check --no-compile --target site pyawscron==1.0.7 croniter==7.0.0
cat > next.js <<'END'
const { parse, next } = require("aws-cron-parser");
const days = [];
let day = new Date(Date.UTC(2026, 0, 1));
while (days.length < 4) {
  day = next(parse(process.argv[2]), day);
  days.push(day.toISOString().slice(0, 10));
}
console.log(days.join(" "));
END
cat > check.py <<'END'
import datetime, itertools, subprocess
from croniter import croniter
from pyawscron import AWSCron

START = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)

def by_croniter(day, month):
    days = croniter(f"0 12 {day} {month} *", START).all_next(datetime.datetime)
    return " ".join(str(one.date()) for one in itertools.islice(days, 4))

def by_aws_cron_parser(day, month):
    return subprocess.check_output(["node", "next.js", f"0 12 {day} {month} ? *"], text=True).strip()

def by_pyawscron(day, month):
    try:
        days = AWSCron.get_next_n_schedule(4, START, f"0 12 {day} {month} ? *")
    except ValueError as error:
        return type(error).__name__
    return " ".join(str(one.date()) for one in days)

found = []
for name, schedule in (("31st of each month", (31, "*")), ("29 February", (29, 2))):
    found += [by_croniter(*schedule), by_aws_cron_parser(*schedule), by_pyawscron(*schedule)]
    for library, days in zip(("croniter", "aws-cron-parser", "pyawscron"), found[-3:]):
        print(f"{name}, {library}: {days}")
assert found == [
    "2026-01-31 2026-03-31 2026-05-31 2026-07-31", "2026-01-31 2026-03-03 2026-03-31 2026-05-01", "ValueError",
    "2028-02-29 2032-02-29 2036-02-29 2040-02-29", "2026-03-01 2027-03-01 2028-02-29 2029-03-01", "ValueError",
]
END
PYTHONPATH=site python3 check.py
