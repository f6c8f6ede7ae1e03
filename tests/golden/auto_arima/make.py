"""Writes orders.json: what statsforecast's AutoARIMA chooses for the series of ../series, and how far its forecasts of the last buckets are off.

    python3 -m venv venv && venv/bin/pip install statsforecast==2.0.1 statsmodels==0.15.0 numpy==2.4.6 pandas==3.1.1 scipy==1.17.1
    OMP_NUM_THREADS=1 venv/bin/python make.py

Its defaults (stepwise, AICc, KPSS, seasonal strength) with the season named. Series with missing values are left out: it stops at them.
"""

import csv
import json
import pathlib
import time
import warnings

import numpy as np
import statsforecast
from statsforecast.models import AutoARIMA

warnings.filterwarnings("ignore")
HERE = pathlib.Path(__file__).parent
# Name, season, buckets to forecast.
SERIES = [
    ("uneven-days", 7, 28), ("small-days", 7, 28), ("growing-days", 7, 28), ("shifted-days", 7, 21), ("bursting-days", 7, 21),
    ("yearly-days", 7, 28), ("rare-days", 7, 14), ("no-season", 7, 30), ("sixty-days", 7, 14), ("peer-days", 7, 92),
    ("ten-days-of-hours", 24, 24), ("quiet-hours", 24, 48),
]


def read(name):
    with open(HERE.parent / "series" / f"{name}.csv") as file:
        return np.array([float(row["value"]) if row["value"] else np.nan for row in csv.DictReader(file)])


def main():
    AutoARIMA(season_length=7).fit(read("sixty-days"))  # Compiles what it compiles.
    written = []
    for name, season, horizon in SERIES:
        values = read(name)
        history, future = values[:-horizon], values[-horizon:]
        start = time.process_time()
        model = AutoARIMA(season_length=season).fit(history)
        seconds = time.process_time() - start
        p, q, seasonal_p, seasonal_q, _, d, seasonal_d = map(int, model.model_["arma"])
        constant = any(coefficient in model.model_["coef"] for coefficient in ("intercept", "drift"))
        error = float(np.mean(np.abs(model.predict(horizon)["mean"] - future)))
        written.append({
            "series": name, "season": season, "horizon": horizon, "order": [p, d, q], "seasonal": [seasonal_p, seasonal_d, seasonal_q],
            "trend": "c" if constant else "n", "aicc": float(model.model_["aicc"]), "holdout_mae": error,
        })
        print(written[-1], f"{seconds:.2f} s", flush=True)
    versions = {"statsforecast": statsforecast.__version__, "numpy": np.__version__}
    text = ",\n".join(json.dumps(case) for case in written)
    (HERE / "orders.json").write_text('{"versions": ' + json.dumps(versions) + ', "cases": [\n' + text + "\n]}\n")


main()
