"""Writes one CSV (time, value) per series: counts of tickets as `harness generate` gives them, nothing else.

    cargo build --release && python make.py          # HARNESS names another binary than target/release/harness

A value is empty where the bucket is missing (a logging outage), which is not zero. Only the standard library is needed.
"""

import csv
import os
import pathlib
import subprocess
import tempfile

HERE = pathlib.Path(__file__).parent
ROOT = HERE.parents[2]
HARNESS = os.environ.get("HARNESS", str(ROOT / "target/release/harness"))

# name: scenario file, number of the seed (role dev), buckets kept (all if None)
SERIES = {
    "uneven-days": ("scenarios/quiet/large-uneven.yaml", 1, None),
    "small-days": ("scenarios/quiet/small-poisson.yaml", 2, None),
    "growing-days": ("scenarios/slow_growth/new-market.yaml", 3, None),
    "shifted-days": ("scenarios/config_change/level-shift-small.yaml", 4, None),
    "bursting-days": ("scenarios/bot_burst/free-plan.yaml", 5, None),
    "outage-days": ("tests/golden/series/outage-days.yaml", 6, None),
    "holiday-days": ("scenarios/holiday/christmas-de.yaml", 7, None),
    "yearly-days": ("scenarios/quiet/yearly-wave.yaml", 8, None),
    "outage-hours": ("scenarios/logging_outage/hourly.yaml", 9, None),
    "quiet-hours": ("scenarios/quiet/hourly.yaml", 10, 720),
    "night-hours": ("tests/golden/series/night-hours.yaml", 11, None),
    "rare-days": ("tests/golden/series/rare-days.yaml", 12, None),
    "no-season": ("tests/golden/series/no-season.yaml", 13, None),
    "sixty-days": ("tests/golden/series/sixty-days.yaml", 14, None),
    "ten-days-of-hours": ("tests/golden/series/ten-days-of-hours.yaml", 15, None),
    "three-years": ("tests/golden/series/three-years.yaml", 16, None),
    "peer-days": ("scenarios/classic/spike-2023.yaml", 17, None),
}


def counts(scenario, seed):
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder) / "incident"
        subprocess.run([HARNESS, "generate", str(ROOT / scenario), "--seed", str(seed), "--out", str(out)], check=True, stdout=subprocess.DEVNULL)
        with open(out / "counts.csv", newline="") as file:
            return [(row["time"], row["tickets"]) for row in csv.DictReader(file)]


def main():
    for name, (scenario, seed, keep) in SERIES.items():
        rows = counts(scenario, seed)[:keep]
        with open(HERE / f"{name}.csv", "w", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["time", "value"])
            writer.writerows(rows)
        values = [float(value) for _, value in rows if value]
        mean = sum(values) / len(values)
        print(f"{name:18} {len(rows):5} buckets, {len(rows) - len(values):3} missing, {values.count(0.0):4} zero, mean {mean:7.1f}, "
              f"{min(values):.0f} to {max(values):.0f}, {len(set(values))} distinct, from {rows[0][0]}")


if __name__ == "__main__":
    main()
