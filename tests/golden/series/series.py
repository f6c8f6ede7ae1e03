"""Reads the series of this folder for the scripts that make fixtures of them."""

import csv
import datetime
import pathlib

import holidays

HERE = pathlib.Path(__file__).parent


def read(name):
    """Stamps and values of a series; a missing value is None."""
    with open(HERE / f"{name}.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    return [datetime.datetime.fromisoformat(row["time"]) for row in rows], [float(row["value"]) if row["value"] else None for row in rows]


def german_holidays(stamps):
    """Nationwide public holidays between the first and the last stamp: name to dates. Two on one day are one, the one named first."""
    days = {}
    for day, name in sorted(holidays.Germany(years=range(stamps[0].year, stamps[-1].year + 1), language="en_US").items()):
        if stamps[0].date() <= day <= stamps[-1].date():
            days.setdefault(name.split(";")[0], []).append(str(day))
    return days
