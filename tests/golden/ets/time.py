"""CPU milliseconds of statsforecast for the work of benches/ets.rs, in process, one thread: median of nine after one warm-up.

    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 NUMBA_NUM_THREADS=1 venv/bin/python time.py
"""

import pathlib
import statistics
import time
import warnings

import numpy as np
from statsforecast.models import MSTL, AutoETS

warnings.filterwarnings("ignore")
SERIES = pathlib.Path(__file__).parent.parent / "series"


def read(name, buckets):
    lines = (SERIES / f"{name}.csv").read_text().split()[1:]
    return np.array([float(line.split(",")[1]) for line in lines])[:buckets]


for name, buckets, season, seasons, ahead in [("peer-days", 273, 7, [7], 92), ("night-hours", 1500, 24, [24], 24)]:
    y = read(name, buckets)
    for label, model in [
        ("AutoETS", lambda: AutoETS(season_length=season)),
        ("MSTL", lambda: MSTL(season_length=seasons, trend_forecaster=AutoETS(model="ZZN"))),
    ]:
        spent = []
        for _ in range(10):
            start = time.process_time()
            model().fit(y).predict(ahead, level=[99])
            spent.append(time.process_time() - start)
        print(f"{name} {label}: {statistics.median(spent[1:]) * 1e3:.1f} ms")
