"""Writes cases.json: decompositions and forecasts of statsforecast's MSTL with AutoETS(model="ZZN") on what is left.

    python3 -m venv venv && venv/bin/pip install statsmodels==0.15.0 statsforecast==2.0.1 numpy==2.4.6 pandas==3.1.1 scipy==1.17.1
    OMP_NUM_THREADS=1 venv/bin/python make.py

Series: ../series; a missing value lies on a straight line, since MSTL takes none. `exact` are seasonal parts where Loess is evaluated at
every bucket, statsmodels' default; `jumping` where it is evaluated at every tenth of a window and joined by straight lines, R's default.
"""

import json
import pathlib
import warnings

import numpy as np
import statsforecast
import statsmodels
from statsforecast.models import MSTL, AutoETS
from statsforecast.mstl import mstl

warnings.filterwarnings("ignore")
HERE = pathlib.Path(__file__).parent
AHEAD = 30
SERIES = [
    ("peer-days", [7], 273),
    ("small-days", [7], 0),
    ("yearly-days", [7], 0),
    ("outage-days", [7], 0),
    ("three-years", [7, 365], 0),
    ("quiet-hours", [24, 168], 0),
    ("outage-hours", [24, 168], 0),
    ("ten-days-of-hours", [24], 0),
]


def read(name, buckets):
    lines = (HERE.parent / "series" / f"{name}.csv").read_text().split()[1:]
    y = np.array([float(line.split(",")[1] or "nan") for line in lines])
    y = y[:buckets] if buckets else y
    t = np.arange(len(y))
    return np.interp(t, t[~np.isnan(y)], y[~np.isnan(y)])


def last_seasons(y, seasons, jumping):
    """The last repetition of each seasonal part."""
    parts = []
    if not jumping:
        table = mstl(y, period=seasons)
    else:
        table = with_jumps(y, seasons)
    for season in seasons:
        column = "seasonal" if len(seasons) == 1 else f"seasonal{season}"
        parts.append(np.asarray(table[column])[-season:].tolist())
    return parts


def with_jumps(y, seasons):
    """mstl of statsforecast with the jumps of R's stl, which depend on the window of each season."""
    from statsmodels.tsa.seasonal import STL
    parts, left = {season: np.zeros(len(y)) for season in seasons}, y.copy()
    for _ in range(1 if len(seasons) == 1 else 2):
        for i, season in enumerate(seasons):
            window = 7 + 4 * (i + 1)
            trend = int(np.ceil(1.5 * season / (1 - 1.5 / window)))
            trend += trend % 2 == 0
            low = season + (season % 2 == 0)
            tenth = lambda width: int(np.ceil(width / 10))
            left = left + parts[season]
            # The low-pass window of statsmodels must exceed the season; R's may equal it.
            fit = STL(left, period=season, seasonal=window, trend=trend, low_pass=max(low, season + 1 + (season % 2)), seasonal_deg=0,
                      seasonal_jump=tenth(window), trend_jump=tenth(trend), low_pass_jump=tenth(low)).fit()
            parts[season] = np.asarray(fit.seasonal)
            left = left - parts[season]
    return {"seasonal" if len(seasons) == 1 else f"seasonal{season}": part for season, part in parts.items()}


def main():
    rows = []
    for name, seasons, buckets in SERIES:
        y = read(name, buckets)
        model = MSTL(season_length=seasons, trend_forecaster=AutoETS(model="ZZN")).fit(y)
        inner = model.trend_forecaster.model_
        rows.append({"series": name, "buckets": len(y), "seasons": seasons, "exact": last_seasons(y, seasons, False),
                     "jumping": last_seasons(y, seasons, True), "form": inner["method"], "mean": model.predict(AHEAD)["mean"].tolist()})
        print(name, inner["method"], np.std(y), rows[-1]["mean"][:3])
        for a, b in zip(rows[-1]["exact"], rows[-1]["jumping"]):
            print("   jumps move a season by up to", np.max(np.abs(np.array(a) - np.array(b))))
    versions = {"statsmodels": statsmodels.__version__, "statsforecast": statsforecast.__version__, "numpy": np.__version__}
    lines = ",\n".join(json.dumps(row) for row in rows)
    (HERE / "cases.json").write_text(f'{{"versions": {json.dumps(versions)},\n"cases": [\n{lines}\n]}}\n')


main()
